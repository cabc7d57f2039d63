"""What quality.py stored, as Markdown tables and one picture; see there.

The README's table and the section of RESULTS.md stand between two markers each and are written anew every time.
"""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from math import log10
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from distill_core import messages  # noqa: E402
from distill_core.evaluation.aggregation import mean_interval  # noqa: E402

START, END = "<!-- quality.py writes from here -->", "<!-- quality.py writes to here -->"
PICTURE = "benchmarks/quality.svg"
SHOWN = ("small", "tiny", "quick", "paper", "more", "few", "mrpc", "snli")  # rows of the README's table, in this order
INDIGO, TEAL, GREY, INK = "#4f46e5", "#0f9d8a", "#6b7280", "#374151"  # teacher, student, control and floor, words
SIZE = (1080, 460)


def everything(entries: Sequence[Any], known: dict[str, Any]) -> Iterator[str]:
    """Writes both tables and the picture; yields a line about each."""
    done = [(entry, known[entry.name]) for entry in entries if known.get(entry.name, {}).get("summary")]
    started = [(entry, known[entry.name]) for entry in entries if entry.name in known]
    if not done:
        yield "Nothing is finished yet: no table and no picture."
        return
    between(ROOT / "benchmarks" / "RESULTS.md", section(started), "# Results from one command")
    yield "benchmarks/RESULTS.md: written."
    figure = drawn({entry.name: found["summary"] for entry, found in done})
    picture = figure and save(figure, ROOT / PICTURE)
    yield f"{PICTURE}: {'written' if picture else 'not drawn, for want of points or of a Chromium'}."
    if any(entry.name in SHOWN for entry, _ in done):
        between(ROOT / "README.md", table(done) + picture_link(), None)
        yield "README.md: written."


def between(file: Path, text: str, heading: str | None, script: str = "quality.py") -> None:
    """Puts `text` between the script's markers in `file`; where it has none, at its end under `heading`. Raises
    SystemExit."""
    start, end = (mark.replace("quality.py", script) for mark in (START, END))
    old = file.read_text(encoding="utf-8")
    if start not in old:
        if heading is None:
            raise SystemExit(f"{file.name} has no line {start!r}: put it and {end!r} where the table belongs.")
        old += f"\n{heading}\n\n{start}\n{end}\n"
    before, _, rest = old.partition(start)
    file.write_text(f"{before}{start}\n{text.strip()}\n{end}{rest.partition(end)[2]}", encoding="utf-8")


def table(done: list[tuple[Any, dict[str, Any]]]) -> str:
    """The README's: a line a run, means over seeds with their 95 % intervals."""
    order = {name: place for place, name in enumerate(SHOWN)}
    lines = ["| task | weights | floor | control | student | teacher | gap recovered | kept |", "|---" * 8 + "|"]
    for entry, found in sorted((pair for pair in done if pair[0].name in order), key=lambda pair: order[pair[0].name]):
        lines.append("| " + " | ".join(cells(titled(entry, found), found["summary"])) + " |")
    return "\n".join(lines) + "\n"


def titled(entry: Any, found: dict[str, Any]) -> str:
    """The entry's title, and what was added to its command."""
    return f"{entry.title}, with `{found['more']}`" if found.get("more") else entry.title


def cells(title: str, summary: dict[str, Any]) -> list[str]:
    """One line of the table."""
    metric, scores = summary.get("metric", "accuracy"), summary["scores"]
    seeds = summary.get("seeds")
    told = {row: percent(score.get(metric)) for row, score in scores.items()}
    shares = {name: percent(summary[name], 0 if name == "gap_recovered" else 1) for name in ("gap_recovered", "kept")}
    if seeds:
        told |= {row: with_interval(value) for row, value in seeds["rows"].items()}
        shares = {name: with_interval(seeds[name], 0 if name == "gap_recovered" else 1) for name in shares}
    notes = [f"{seeds['n']} seeds"] if seeds else []
    notes += [] if metric == "accuracy" else [metric.replace("_", " ").replace("f1", "F1")]
    title += f" ({', '.join(notes)})" if notes else ""
    weights = f"{scores['student']['parameters'] / 1e6:.2f} M"
    rows = [told.get(row, "–") for row in ("floor", "control")]
    return [title, weights, *rows, f"**{told['student']}**", told["teacher"], shares["gap_recovered"], shares["kept"]]


def picture_link() -> str:
    if not (ROOT / PICTURE).is_file():
        return ""
    return f"\n![Accuracy against size, and against the number of texts, on SST-2's test sentences]({PICTURE})\n"


def section(started: list[tuple[Any, dict[str, Any]]]) -> str:
    """RESULTS.md's: each run with its command, commit, machine, load, rows, seeds, students and shares."""
    parts = [
        "`python benchmarks/quality.py --hub PATH` made and makes all of this. Of several seeds: the mean with its "
        "95 % interval by Student's t; else 95 % bootstrap intervals over the test rows."
    ]
    for entry, found in started:
        before, after = found["load"]
        parts.append(
            f"## {titled(entry, found)}\n\n    python -m distill_core {found['command']}\n\nCommit {found['commit']}, "
            f"{found['when']}; {found['machine']}; load {before} before, {after if after is not None else '?'} after."
        )
        if not found.get("summary"):
            parts.append(f"**Did not finish**: {found['status']}. {found.get('message', '')}".rstrip())
            continue
        parts += list(sections(found))
    return "\n\n".join(parts)


def sections(found: dict[str, Any]) -> Iterator[str]:
    """The tables of one run, and what they come to."""
    summary = found["summary"]
    metric = summary.get("metric", "accuracy")
    lines = ["| | accuracy | 95 % interval | macro-F1 | MCC | weights | bytes | one text p50, p95 | texts/s |",
             "|---" * 9 + "|"]  # fmt: skip
    for name, score in summary["scores"].items():
        lines.append(
            f"| {name} | {percent(score['accuracy'])} | {percent(score['low'])} to {percent(score['high'])} | "
            f"{score['macro_f1']:.3f} | {score.get('mcc', float('nan')):.3f} | {score['parameters']:,} | "
            f"{score['bytes']:,} | {score['latency_ms']:.2f}, {score.get('latency_p95_ms', float('nan')):.2f} ms | "
            f"{score['texts_per_s']:,.0f} |"
        )
    yield "\n".join(lines)
    if members := summary.get("members"):
        heads = ["student", "seed", "texts", "control", f"student ({metric})", "gap recovered", "kept", "agreement",
                 "weights", "one text", "front"]  # fmt: skip
        lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
        for one in members:
            score, control = one["student_score"], one["control"]
            lines.append(
                f"| {one['student']} | {one['seed']} | {one['texts']:,} | {percent(control and control[metric])} | "
                f"{percent(score[metric])} | {percent(one['gap_recovered'])} | {percent(one['kept'])} | "
                f"{percent(one['agreement'])} | {score['parameters']:,} | {score['latency_ms']:.2f} ms | "
                f"{'yes' if one.get('front') and 'students' in summary else ''} |"
            )
        yield "\n".join(lines)
    for seeds in summary.get("students") or [summary.get("seeds")]:
        if seeds and seeds["n"] > 1:
            rows = [f"{row} {with_interval(value)}" for row, value in seeds["rows"].items()]
            shares = [f"{name.replace('_', ' ')} {with_interval(seeds[name])}" for name in ("gap_recovered", "kept")]
            named = f"{seeds['student']}, " if "student" in seeds else ""
            yield f"{named}{seeds['n']} seeds, {metric}: {', '.join(rows + shares)}."
    counts = ", ".join(f"{name} {count:,}" for name, count in summary["rows"].items())
    stages = ", ".join(f"{name} {seconds:.0f}" for name, seconds in found["seconds"].items())
    yield (
        f"Scored on {summary['scored_on']}, teacher {summary['teacher']}; rows: {counts}. Gap recovered "
        f"{percent(summary['gap_recovered'])}, kept {percent(summary['kept'])}, agreement "
        f"{percent(summary['agreement'])}. Stage seconds: {stages}; in all {sum(found['seconds'].values()):.0f}. "
        f"{found['status'].capitalize()}."
    )


def drawn(summaries: dict[str, dict[str, Any]]) -> dict[str, Any] | None:
    """The figure as plotly's JSON: on the left accuracy against weights, on the right against the texts learned from.
    All runs on SST-2's full text with one teacher, so that one line is the teacher's."""
    from plotly.subplots import make_subplots

    sized = list(points(summaries))
    curve = summaries.get("curve", {}).get("learning_curve", [])
    if not sized and not curve:
        return None
    titles = ("by weights, embeddings included", "by texts in the transfer set")
    columns, widths = (2, [0.58, 0.42]) if curve else (1, None)
    figure = make_subplots(
        1, columns, shared_yaxes=True, horizontal_spacing=0.04, column_widths=widths, subplot_titles=titles[:columns]
    )

    def dots(rows: list[tuple[str, float, dict[str, float]]], name: str, colour: str, mark: str, **more: Any) -> None:
        figure.add_scatter(
            x=[x for _, x, _ in rows], y=[100 * y["mean"] for _, _, y in rows], name=name, text=[t for t, _, _ in rows],
            mode=more.pop("mode", "markers+text"), textposition=more.pop("textposition", "top center"),
            marker={"color": colour, "size": 11, "symbol": mark, "line": {"color": colour, "width": 2}},
            error_y={"type": "data", "symmetric": False, "array": [100 * (y["high"] - y["mean"]) for _, _, y in rows],
                     "arrayminus": [100 * (y["mean"] - y["low"]) for _, _, y in rows], "thickness": 1.5, "width": 4},
            line={"color": colour, "width": 2}, textfont={"size": 12, "color": INK}, **more,
        )  # fmt: skip

    # every other name on the left of its point: students of like size would write over one another
    sized.sort(key=lambda point: point[1])
    sides = ["middle left" if place % 2 else "middle right" for place in range(len(sized))]
    named = [(name, x, student) for name, x, student, _ in sized]
    dots(named, "student", TEAL, "circle", textposition=sides, row=1, col=1)
    controls = [("", x, control) for _, x, _, control in sized if control]
    dots(controls, "control: the same, without a teacher", GREY, "circle-open", mode="markers", row=1, col=1)
    if curve:
        shares = [("", p["texts"], {"mean": p["accuracy"], "low": p["low"], "high": p["high"]}) for p in curve]
        dots(shares, "student", TEAL, "circle", mode="lines+markers", showlegend=False, row=1, col=2)
    teacher = next(s["scores"]["teacher"] for name, s in summaries.items() if name in ON_ALL)
    for column in range(1, columns + 1):
        line = {"color": INDIGO, "width": 2, "dash": "dash"}
        figure.add_hline(y=100 * teacher["accuracy"], line=line, row=1, col=column)
    figure.add_scatter(
        x=[None], y=[None], mode="lines", name=f"teacher, {teacher['parameters'] / 1e6:.1f} M weights",
        line={"color": INDIGO, "dash": "dash"},
    )  # fmt: skip
    ticks = [digit * 10**power for power in range(2, 8) for digit in (1, 2, 5)]
    figure.update_xaxes(type="log", gridcolor="#e5e7eb", linecolor=INK, tickvals=ticks)
    figure.update_xaxes(ticktext=[f"{tick / 1e6:g} M" for tick in ticks], row=1, col=1)
    if sized:  # room for the names at both ends
        figure.update_xaxes(range=[log10(sized[0][1] / 1.5), log10(sized[-1][1] * 1.5)], row=1, col=1)
    if curve:
        figure.update_xaxes(ticktext=[f"{tick:,}" for tick in ticks], row=1, col=2)
    figure.update_yaxes(gridcolor="#e5e7eb", linecolor=INK, ticksuffix=" %")
    figure.update_yaxes(title="accuracy on the test sentences", row=1, col=1)
    figure.update_layout(
        width=SIZE[0] if curve else 640, height=SIZE[1], margin={"t": 60, "r": 20},
        paper_bgcolor="white", plot_bgcolor="white",
        font={"family": "Helvetica, Arial, sans-serif", "size": 13, "color": INK},
        legend={"orientation": "h", "y": -0.16}, template="none",
    )  # fmt: skip
    return json.loads(figure.to_json())


ON_ALL = ("small", "tiny", "quick", "students", "curve")  # SST-2's full text with the teacher that is ready


def points(summaries: dict[str, dict[str, Any]]) -> Iterator[tuple[str, float, dict[str, float], Any]]:
    """(name, weights, student, control) with mean, low and high: over the seeds where a run has several, else the
    bootstrap interval over the test rows."""
    seen = set()
    for name in ("tiny", "small", "students"):
        for members in of_one_kind(summaries.get(name, {})):
            kind = members[0]["student"]
            if (kind, weights := members[0]["student_score"]["parameters"]) in seen:
                continue  # the small bilstm of the students' run is that of the seeds' run
            seen.add((kind, weights))
            found = [interval([one[row] for one in members]) for row in ("student_score", "control")]
            yield f"{kind} ({name})" if name != "students" else kind, weights, found[0], found[1]


def of_one_kind(summary: dict[str, Any]) -> list[list[dict[str, Any]]]:
    whole = [one for one in summary.get("members", []) if one["share"] == 1]
    if not whole and summary:  # a run of one member
        scores = summary["scores"]
        whole = [{"student": "student", "student_score": scores["student"], "control": scores.get("control")}]
    return [[one for one in whole if one["student"] == kind] for kind in dict.fromkeys(o["student"] for o in whole)]


def interval(scores: list[dict[str, float] | None]) -> dict[str, float] | None:
    known = [score for score in scores if score]
    if len(known) == 1:
        return {"mean": known[0]["accuracy"], "low": known[0]["low"], "high": known[0]["high"]}
    return mean_interval([score["accuracy"] for score in known])


def save(figure: dict[str, Any], file: Path) -> bool:
    """The figure as an SVG, drawn by plotly's own script in the system's Chromium; False where there is none."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return False
    import plotly.offline

    chromium = os.environ.get("STILLROOM_CHROMIUM", "/usr/bin/chromium")
    if not Path(chromium).is_file():
        return False
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        try:
            page = browser.new_page()
            page.set_content("<div id=figure></div>")
            page.add_script_tag(content=plotly.offline.get_plotlyjs())
            url = page.evaluate("f => Plotly.toImage(f, {format: 'svg', width: f.layout.width, height: f.layout.height})", figure)  # fmt: skip  # noqa: E501
        finally:
            browser.close()
    from urllib.parse import unquote

    file.write_text(unquote(url.partition(",")[2]), encoding="utf-8")
    return True


def percent(share: float | None, digits: int = 1) -> str:
    """A share as a percentage; a dash where it isn't defined."""
    return "–" if share is None else messages.percent(share, digits)


def with_interval(value: dict[str, float] | None, digits: int = 1) -> str:
    """A mean and its interval's half."""
    if value is None:
        return "–"
    return f"{percent(value['mean'], digits)} ± {100 * (value['high'] - value['mean']):.{digits}f}"
