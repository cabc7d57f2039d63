"""Tables on stdout: the comparison, the list of runs, one run, a preview."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import cast

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from distill_core.api import catalog
from distill_core.api.answers import Preview, Report, WordsBrought
from distill_core.api.runs import Run
from distill_core.api.takeaways import Kind, Takeaway
from distill_core.data.examples import shorten
from distill_core.errors import UserError
from distill_core.evaluation import diagnostics
from distill_core.evaluation.columns import (
    Column,
    ReportedScore,
    cells,
    columns,
    gap_share,
    headings,
    metric_column,
    shown,
    teacher_share,
)
from distill_core.evaluation.doubling import describe_doublings
from distill_core.evaluation.summary import (
    Action,
    Difference,
    DoubtfulRow,
    MeanInterval,
    Metric,
    RowPair,
    SeedAggregate,
    VariantSummary,
)
from distill_core.events import ENDED, Note, RowName
from distill_core.messages import METRIC_NAMES, percent

FEWEST = 3  # labels that are named
WIDTH = 110  # columns where stdout is no terminal

WAYS = {  # options by which a next step is taken from the shell
    "train_longer": "More passes: --teacher-epochs, --epochs.",
    "read_longer": "More of each text: --max-tokens.",
    "other_teacher": "Another teacher: --teacher.",
    "more_texts": "Texts without labels: --unlabelled.",
    "more_rows": "More labelled rows: --train.",
    "merge_labels": "Merged labels: --merge-labels.",
    "check_labels": "Look at them: python -m distill_core doubts {run}.",
    "take_control": "Take it home: python -m distill_core export {run} FOLDER --row control.",
    "take_floor": "Take it home: python -m distill_core export {run} FOLDER --row floor.",
}


def comparison(run: Run) -> None:
    """Print the comparison of a finished run, and its findings."""
    report = run.report()
    out, rows = _console(), report["rows"]
    metric = report["metric"] or "accuracy"
    out.print(_scores(report["scores"], shown(metric)))
    out.print(_scores(report["scores"], columns("cost")))
    out.print(f"Scored on {_number(rows['test'], '{:,}')} rows of {report['scored_on']}; trained on "
              f"{_number(rows['train'], '{:,}')} labelled rows and {_number(rows['transfer'], '{:,}')} texts that the "
              "teacher labelled.")  # fmt: skip
    for sentence in _outcome(report["scores"], report["gap_recovered"], report["kept"], metric, report["differences"]):
        out.print(sentence)
    out.print(f"Student and teacher give the same answer on {_share(report['agreement'])} of the rows.")
    if report["tests_read"]:
        out.print(diagnostics.describe_uses(report["tests_read"]))
    for level, sentence in report["verdict"] or ():
        out.print(escape(f"{'!' if level == 'warning' else '·'} {sentence}"))
    steps = report["next_steps"] or []
    for sentence in _evidence(report):
        if not any(cause.startswith(sentence) for _, cause in steps):
            out.print(escape(f"· {sentence}"))
    for action, cause in steps:
        if run.offers(cast(Action, action)):
            out.print(escape(f"→ {cause} {WAYS[action].format(run=run.id[:6])}"))
    _several(out, report, metric)
    out.print(f'Ask it: python -m distill_core predict {run.id[:6]} "a text"')


def _evidence(report: Report) -> Iterator[str]:
    """What the run shows of more rows and texts, and the labels on which student and teacher agree least."""
    by_label = sorted(report["class_agreement"] or [], key=lambda one: one["agreement"])[:FEWEST]
    if by_label:
        shares = ", ".join(f"{one['label']} {_share(one['agreement'])} of {one['rows']:,}" for one in by_label)
        yield f"They agree least on the rows of these labels: {shares}."
    yield from describe_doublings(report["doubling"] or {}, report["metric"] or "accuracy").values()


def _outcome(
    scores: Mapping[RowName, ReportedScore], gap: float | None, share: float | None, metric: Metric,
    differences: Mapping[RowPair, Difference] | None = None,
) -> Iterator[str]:  # fmt: skip
    """The student beside baseline, control and teacher, in sentences."""
    column = metric_column(metric)
    value = {row: score[metric] for row, score in scores.items() if score.get(metric) is not None}
    text = {row: column.cell(score) for row, score in scores.items()}
    student = value.get("student")
    if student is not None and (floor := value.get("floor")) is not None and floor >= student:
        how = "better than" if text["floor"] != text["student"] else "as good as"
        apart = (differences or {}).get("student-floor")
        chance = ", by no more than chance explains" if how == "better than" and apart and apart["high"] >= 0 else ""
        how = "ahead of" if chance else how
        figures = f"{text['floor']} to {text['student']}"
        yield f"The simple baseline (TF-IDF), the floor, is {how} the student: {figures}{chance}."
    control, teacher = value.get("control"), value.get("teacher")
    if "control" not in scores:
        yield "The gap recovered is not known: the control run was switched off."
    elif (gap is not None and gap < 0) or (student is not None and control is not None and student < control):
        yield f"The student ended below the control: {text['student']} to {text['control']}."
    elif gap is None:
        yield "The gap recovered is not defined: the teacher is not above the control."
    elif gap == 0:
        yield f"The student ended level with the control: {text['student']}."
    else:
        yield f"Of the gap between control and teacher {_share(gap)} was recovered."
    if (share is not None and share > 1) or (student is not None and teacher is not None and student > teacher):
        yield f"The student is better than the teacher: {text['student']} to {text['teacher']} {METRIC_NAMES[metric]}."
    else:
        yield f"The student keeps {_share(share)} of the teacher's {METRIC_NAMES[metric]}."


def _scores(scores: Mapping[RowName, ReportedScore], chosen: tuple[Column, ...]) -> Table:
    """Table of the scores: a line for each row of the comparison, under the chosen columns."""
    table = _table()
    for heading in ("", *headings(chosen)):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, score in scores.items():
        table.add_row(name, *cells(chosen, score))
    return table


def _table() -> Table:
    return Table(box=None, pad_edge=False)


def _several(out: Console, variants: VariantSummary, metric: Metric) -> None:
    """Print the variants of a run, the means over their seeds, and the learning curve."""
    if members := variants.get("members"):
        front = "front" if len({one["student"] for one in members}) > 1 else ""
        table = _table()
        for heading in ("student", "seed", "texts", "control", metric, "gap recovered", "kept", "weights", "one text",
                        front):  # fmt: skip
            table.add_column(heading, justify="left" if heading in ("student", front) else "right")
        for one in members:
            score, control = one["student_score"], one["control"]
            table.add_row(
                one["student"], str(one["seed"]), f"{one['texts']:,}", _share(control.get(metric) if control else None),
                _share(score[metric]), gap_share(one["gap_recovered"]), teacher_share(one["kept"]),
                f"{score['parameters']:,}", f"{score['latency_ms']:.2f} ms", "*" if front and one.get("front") else "",
            )  # fmt: skip
        out.print(table)
        if front:
            out.print("* no other student here is at least as good, as small and as fast.")
    aggregates: list[tuple[str, SeedAggregate]] = [(one["student"], one) for one in variants.get("students") or ()]
    if not aggregates and (seeds := variants.get("seeds")):
        aggregates = [("student", seeds)]
    for name, aggregate in aggregates:
        if aggregate["n"] > 1:
            rows: list[tuple[str, MeanInterval | None, Callable[[float | None], str]]] = [
                (row, aggregate["rows"].get(row), _share) for row in ("control", "student")
            ]
            rows += [
                ("gap recovered", aggregate["gap_recovered"], gap_share),
                ("kept", aggregate["kept"], teacher_share),
            ]
            means = ", ".join(f"{row} {_mean(value, write)}" for row, value, write in rows if value)
            out.print(
                f"{name}, mean of {aggregate['n']} seeds with its 95 % interval ({aggregate['metric']}): {means}."
            )
    if curve := variants.get("learning_curve"):
        points = ", ".join(f"{point['texts']:,} texts {_share(point['accuracy'])}" for point in curve)
        out.print(f"The student's accuracy by the texts it learned from: {points}.")


def _narrow_share(share: float | None) -> str:
    """What was kept in a narrow column, which has no room for a percentage and a word."""
    return "better" if share is not None and share > 1 else _share(share)


def runs(listed: Sequence[Run]) -> None:
    """Print a list of runs."""
    table = Table(box=None, pad_edge=False)
    for heading in ("run", "started", "task", "seed", "status", "student", "teacher", "kept", "name"):
        table.add_column(heading, no_wrap=heading != "name")
    for one in listed:
        report, row = one.report(), one.row
        scores = report["scores"]
        status = f"queued, place {one.place}" if row.status == "queued" and not row.example else row.status
        table.add_row(
            row.id[:10], time.strftime("%Y-%m-%d %H:%M", time.localtime(row.created)), escape(row.task),
            str(report["seed"]), status, _share(scores.get("student", {}).get("accuracy")),
            _share(scores.get("teacher", {}).get("accuracy")), _narrow_share(report["kept"]), escape(row.name),
        )  # fmt: skip
    _console().print(table)


def doubts(rows: Sequence[DoubtfulRow]) -> None:
    """Print rows whose label may be wrong."""
    table = _table()
    for heading in ("file", "row", "label", "teacher", "text"):
        table.add_column(heading, justify="right" if heading == "row" else "left", no_wrap=heading != "text")
    for row in rows:
        table.add_row(escape(row.get("source", "–")), str(row.get("row", "–")), escape(row["label"]),
                      escape(f"{row['teacher']} {percent(row['probability'])}"),
                      escape(shorten(row["text"])))  # fmt: skip
    _console().print(table)


def teachers(listed: Sequence[catalog.TeacherChoice]) -> None:
    """Print the teachers to choose from, one a line."""
    for one in listed:
        words = f"{one.title} (labels: {', '.join(one.labels)})" if one.title else one.help
        place = "" if one.here else " To be downloaded."
        _console().print(f"[bold]{escape(one.name)}[/]  {escape(words)}{place}", soft_wrap=True)


def run(chosen: Run) -> None:
    """Print one run: its settings, its notes and its comparison."""
    row, out = chosen.row, _console()
    out.print(f"[bold]Run {row.id}[/] {escape(row.name)}")
    place = f", place {chosen.place}" if row.status == "queued" else ""
    stage = f" in the stage {row.stage}" if row.stage and row.status not in ENDED else ""
    out.print(f"{row.status}{place}{stage}. {escape(row.message)}".rstrip())
    try:
        settings = chosen.config.changed()
    except UserError:  # a component of that run no longer exists
        settings = row.config
    if settings.get("teacher"):
        settings = settings | {"teacher": catalog.teacher_title(str(settings["teacher"]))}
    changes = ", ".join(f"{name} {value}" for name, value in settings.items())
    out.print(escape(f"Task {row.task}; " + (f"other than the defaults: {changes}." if changes else "all defaults.")))
    for _, event in chosen.events():
        if isinstance(event, Note):
            out.print(escape(f"· {event.text}"))
    if seconds := chosen.stages():
        out.print("Seconds: " + ", ".join(f"{stage} {value:.1f}" for stage, value in seconds.items()))
    if row.summary:
        comparison(chosen)


TAKEAWAYS: dict[Kind, str] = {
    "student": "the student, a folder that predicts from raw text and that pip installs",
    "student_html": "the student, one HTML page that answers in a browser",
    "control": "the control, such a folder",
    "floor": "the simple baseline (TF-IDF), such a folder",
    "floor_html": "the simple baseline, such a page",
    "rows": "the scored rows, with every model's answers",
    "run": "the whole run, for `unpack` on another machine",
}


def takeaways(found: Sequence[Takeaway]) -> None:
    """Print what can be taken home of a run, with the commands that write it; nothing where there is nothing."""
    if not found:
        return
    out = _console()
    out.print("To take home:")
    for one in found:
        needs = f", needs {', '.join(one.needs)}" if one.needs else ""
        out.print(escape(f"  {TAKEAWAYS[one.kind]} (about {one.bytes / 1e6:,.1f} MB{needs}):"), soft_wrap=True)
        out.print(escape(f"    {one.command}"), soft_wrap=True)


def preview(result: Preview) -> None:
    """Print a text and its offspring with their rules, from `api.preview.preview`."""
    out = _console()
    out.print(f"{_shares(result.get('probabilities'))}{escape(' | '.join(result['text']))}", soft_wrap=True)
    sources = result.get("sources", {})
    elsewhere = [child for source in sources.values() for child in source["texts"]]
    for child in (*result["offspring"], *result.get("near", ()), *elsewhere):
        rules = "+".join(child["rules"]) or "unchanged"
        out.print(
            f"{_shares(child.get('probabilities'))}{escape(' | '.join(child['text']))}  ({escape(rules)})",
            soft_wrap=True,
        )
    if words := result.get("words"):
        out.print(f"The texts with near words bring {_brought(words)}.", soft_wrap=True)
    for name, source in sources.items():
        if problem := source.get("problem"):
            out.print(f"No texts of the source {name}: {problem}", soft_wrap=True)
        elif "words" in source:
            out.print(f"Of {source['looked']:,} texts of the source {name} that were looked at, the best bring "
                      f"{_brought(source['words'])}.", soft_wrap=True)  # fmt: skip


def _brought(words: WordsBrought) -> str:
    share = f" ({_share(words['before'])} of the validation rows' words, then {_share(words['after'])})"
    return f"{words['brought']:,} that no labelled row has{share if words['after'] is not None else ''}"


def _shares(probabilities: dict[str, float] | None) -> str:
    if not probabilities:
        return ""
    return escape(" ".join(f"{label} {share:.2f}" for label, share in probabilities.items())) + "  "


def _console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDTH)


def _share(value: float | None) -> str:
    return "–" if value is None else percent(value)


def _mean(value: MeanInterval, write: Callable[[float | None], str]) -> str:
    return f"{write(value['mean'])} ({write(value['low'])} to {write(value['high'])})"


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)
