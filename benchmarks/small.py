"""Few labelled rows, as people bring them: 100, 300, 1,000 and 3,000 of five data sets, every default, several draws.

    python benchmarks/small.py --hub PATH                               every cell, 5 seeds, then table and picture
    python benchmarks/small.py --hub PATH --sets sst2,snips --rows 300 --seeds 2
    python benchmarks/small.py --draw                                   table and picture again, from what is stored

PATH holds loopback_hub.py, a Hub on loopback with the data sets and MiniLM; it is served while this runs. A seed
draws other labelled rows as well as other first weights; the test rows are the data set's own, at most TEST_ROWS of
them, the same for every seed. The teacher is a MiniLM that the run fine-tunes on those rows alone.
benchmarks/small.json remembers each run, so that a benchmark that was broken off goes on; `--again` forgets the chosen
cells first. A run whose teacher is refused is a result too.
"""

import argparse
import csv
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
STATE = ROOT / "benchmarks" / "small.json"
for name, value in {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_DISABLE_XET": "1"}.items():
    os.environ.setdefault(name, value)

from quality import commit, hub, machine, now, write  # noqa: E402

import distill_core as core  # noqa: E402

TEST_ROWS = 1_000
TEACHER = "sentence-transformers/all-MiniLM-L6-v2"
ROWS = (100, 300, 1_000, 3_000)
# id, configuration, text columns, label column
SETS: dict[str, tuple[str, str | None, tuple[str, ...], str]] = {
    "sst2": ("nyu-mll/glue", "sst2", ("sentence",), "label"),
    "snips": ("local/snips-intents", None, ("text",), "intent"),
    "medical": ("local/medical-abstracts", None, ("abstract",), "condition"),
    "snli": ("local/snli-small", None, ("premise", "hypothesis"), "label"),
    "mrpc": ("nyu-mll/glue", "mrpc", ("sentence1", "sentence2"), "label"),
}
MODELS = ("floor", "control", "student", "teacher")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hub", type=Path, help="the folder that holds loopback_hub.py")
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--rows", default=",".join(map(str, ROWS)))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--minutes", type=int, help="time budget of each run; left out: the defaults as they are")
    parser.add_argument("--again", action="store_true", help="forget what is stored of the chosen cells")
    parser.add_argument("--draw", action="store_true", help="only table and picture")
    given = parser.parse_args()
    cells = [(name, int(rows)) for name in given.sets.split(",") for rows in given.rows.split(",")]
    if given.again:
        store({key: one for key, one in stored().items() if (one["set"], one["rows"]) not in cells})
    if not given.draw:
        if given.hub is None:
            print("--hub PATH is needed: the folder that holds loopback_hub.py.", file=sys.stderr)
            return 2
        with hub(given.hub), tempfile.TemporaryDirectory() as folder:
            for seed in range(given.seeds):  # all cells once before any a second time: what is broken off is of use
                for name, rows in cells:
                    key = f"{name} {rows} {seed}"
                    if key not in stored() and (one := measure(name, rows, seed, given.minutes, Path(folder))):
                        store({**stored(), key: one})
                        print(key, line(one), flush=True)
    import draw

    text = "\n".join(table(list(stored().values())))
    print(text)
    draw.between(ROOT / "benchmarks" / "RESULTS.md", text, HEADING, "small.py")
    if not draw.save(figure(list(stored().values())), ROOT / PICTURE):
        print(f"{PICTURE}: not drawn, for want of a Chromium.")
    return 0


HEADING = "# Few labelled rows"
PICTURE = "benchmarks/small.svg"


def measure(name: str, rows: int, seed: int, minutes: int | None, folder: Path) -> dict[str, Any] | None:
    """One run of a cell as one object of JSON; None where the data set has too few rows for the cell."""
    train, test = draw_rows(name, rows, seed)
    if train is None:
        return None
    files = write_rows(folder, f"{name}-{rows}-{seed}", train=train, test=test)
    knobs: dict[str, Any] = {**files, "teacher": TEACHER, "fine_tune": True, "seed": seed}
    config = core.Config.of(**knobs)
    if minutes:
        chosen = core.settings_for(config, minutes, typed=[*knobs])
        if chosen is None:
            raise SystemExit("Too little is known of the teacher to choose by time.")
        config = chosen.config
    estimate = core.estimate(config) or core.profile(config)
    began, load = time.monotonic(), os.getloadavg()[0]
    run = core.start(config, name=f"small: {name} {rows} {seed}")
    for _ in run.follow():
        pass
    seconds, row, report = time.monotonic() - began, run.row, run.report()
    found: dict[str, Any] = {
        "set": name, "rows": rows, "seed": seed, "minutes": minutes, "status": row.status, "message": row.message,
        "seconds": round(seconds, 1), "told": estimate and round(estimate.seconds, 1), "stages": report["stages"],
        "told_stages": estimate and {stage: round(cost, 1) for stage, cost in estimate.stages.items()},
        "commit": commit(), "machine": machine(), "when": now(), "load": [round(load, 1), round(os.getloadavg()[0], 1)],
    }  # fmt: skip
    if row.summary:
        metric, labels = row.summary["metric"], row.summary["labels"]
        found |= {
            "metric": metric, "counts": row.summary["rows"],
            "scores": {of: score[metric] for of, score in row.summary["scores"].items()},
            "accuracy": {of: score["accuracy"] for of, score in row.summary["scores"].items()},
            "constant": [of for of, counts in row.summary["confusion"].items() if constant(counts, len(labels))],
            "steps": [step["action"] for step in row.summary.get("next_steps", [])],
            "verdict": row.summary["verdict"][0][1],
        }  # fmt: skip
    return found


def constant(counts: Sequence[Sequence[int]], labels: int) -> bool:
    """Whether a model gave one answer alone, by its confusion matrix."""
    return sum(any(row[place] for row in counts) for place in range(labels)) == 1


def draw_rows(name: str, rows: int, seed: int) -> tuple[list[list[str]] | None, list[list[str]]]:
    """Labelled rows of the data set's training split, drawn by the seed in the classes' own shares, and test rows."""
    generator, train, test = random.Random(seed), read_rows(name, "train"), read_rows(name, "test")
    if not test:
        test = read_rows(name, "validation")
    if len(train) < rows:
        return None, test
    of_class: dict[str, list[list[str]]] = defaultdict(list)
    for row in train:
        of_class[row[-1]].append(row)
    chosen = [
        row
        for _, own in sorted(of_class.items())
        for row in generator.sample(own, min(len(own), max(2, round(rows * len(own) / len(train)))))
    ]
    generator.shuffle(chosen)
    return chosen, random.Random(0).sample(test, min(TEST_ROWS, len(test)))


def write_rows(folder: Path, name: str, **splits: list[list[str]]) -> dict[str, Any]:
    """The knobs of a task whose rows are these, each split as a file in the folder."""
    columns = ["text", "text2"][: len(splits["train"][0]) - 1]
    files = {split: folder / f"{name}-{split}.csv" for split in splits}
    for split, file in files.items():
        with file.open("w", encoding="utf-8", newline="") as out:
            csv.writer(out).writerows([[*columns, "label"], *splits[split]])
    return {
        "task": "file", **{split: str(file) for split, file in files.items()},
        **{column: column for column in columns}, "label": "label",
    }  # fmt: skip


@cache
def read_rows(name: str, split: str) -> list[list[str]]:
    """Labelled rows of the data set's split: the texts, then the label's name."""
    from datasets import load_dataset

    address, subset, texts, label = SETS[name]
    data = load_dataset(address, subset)
    names = getattr(data["train"].features[label], "names", None)
    return [
        [*(row[text] for text in texts), names[row[label]] if names else str(row[label])]
        for row in data[split] if row[label] != -1
    ]  # fmt: skip


def stored() -> dict[str, Any]:
    """Runs by "set rows seed"."""
    return json.loads(STATE.read_text(encoding="utf-8")) if STATE.is_file() else {}


def store(runs: dict[str, Any]) -> None:
    write(dict(sorted(runs.items())), STATE)


def line(one: dict[str, Any]) -> str:
    """A run in one line."""
    if "scores" not in one:
        return f"{one['status']} after {one['seconds']} s: {one['message']}"
    scores = ", ".join(f"{of} {100 * one['scores'][of]:.1f}" for of in MODELS if of in one["scores"])
    return f"{one['metric']}: {scores}; {one['seconds']} s (told {one['told']}); {one['verdict']}"


def cells_of(runs: Sequence[dict[str, Any]]) -> dict[tuple[str, int], list[dict[str, Any]]]:
    """Runs by data set and rows, in the order of SETS."""
    cells: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for one in sorted(runs, key=lambda run: (list(SETS).index(run["set"]), run["rows"], run["seed"])):
        cells[one["set"], one["rows"]].append(one)
    return cells


def figure(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The figure as plotly's JSON: a panel a data set, the mean score of each model by the number of labelled rows."""
    from draw import GREY, INDIGO, INK, TEAL
    from plotly.subplots import make_subplots

    cells = cells_of([one for one in runs if "scores" in one])
    names = list(dict.fromkeys(name for name, _ in cells))
    panels = make_subplots(1, max(1, len(names)), subplot_titles=names, horizontal_spacing=0.04)
    lines = (
        ("floor", GREY, "dot"),
        ("control", GREY, "solid"),
        ("student", TEAL, "solid"),
        ("teacher", INDIGO, "dash"),
    )
    for column, name in enumerate(names, 1):
        for of, colour, dash in lines:
            means = {
                rows: statistics.mean(100 * one["scores"][of] for one in those if of in one["scores"])
                for (where, rows), those in cells.items() if where == name
            }  # fmt: skip
            panels.add_scatter(
                x=list(means), y=list(means.values()), name=of.replace("floor", "floor (TF-IDF)"), mode="lines+markers",
                line={"color": colour, "width": 2, "dash": dash}, marker={"size": 8}, legendgroup=of,
                showlegend=column == 1, row=1, col=column,
            )  # fmt: skip
    panels.update_xaxes(type="log", tickvals=ROWS, ticktext=[f"{rows:,}" for rows in ROWS], gridcolor="#e5e7eb")
    panels.update_yaxes(gridcolor="#e5e7eb")
    panels.update_layout(
        width=1080, height=360, template="plotly_white", font={"color": INK, "size": 13},
        legend={"orientation": "h", "y": -0.15}, margin={"l": 40, "r": 20, "t": 40, "b": 20},
    )  # fmt: skip
    drawn: dict[str, Any] = panels.to_plotly_json()
    return json.loads(json.dumps(drawn, default=list))


def table(runs: list[dict[str, Any]]) -> list[str]:
    """Markdown: a line a cell, means over its seeds, the lowest in brackets."""
    heads = ("rows of", "", "seeds", "metric", *MODELS, "constant", "refused", "baseline, control advised",
             "seconds, told")  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for (name, rows), those in cells_of(runs).items():
        scored = [one for one in those if "scores" in one]
        values = []
        for of in MODELS:
            found = [100 * one["scores"][of] for one in scored if of in one["scores"]]
            values.append(f"{statistics.mean(found):.1f} ({min(found):.1f})" if found else "–")
        metric = ", ".join(sorted({one["metric"] for one in scored}))
        told = [one["told"] for one in those if one["told"]]
        advised = [sum(f"take_{of}" in one["steps"] for one in scored) for of in ("floor", "control")]
        constants = sum(bool({"student", "teacher"} & {*one["constant"]}) for one in scored)
        lines.append(
            f"| {name} | {rows:,} | {len(those)} | {metric} | {' | '.join(values)} | "
            f"{constants} | {len(those) - len(scored)} | "
            f"{advised[0]}, {advised[1]} | "
            f"{statistics.mean(one['seconds'] for one in those):.0f}, "
            f"{f'{statistics.mean(told):.0f}' if told else '–'} |"
        )
    return lines


if __name__ == "__main__":
    sys.exit(main())
