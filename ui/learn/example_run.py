"""The example run that plays in the lessons: the run that the address names, else the newest student of the built-in
task, else none."""

from collections.abc import Callable
from itertools import islice
from typing import Any

import distill_core as core
from distill_core import Config, RowName, Run, Summary

from ..access import public_host

PAIRED: tuple[RowName, ...] = ("control", "student")
NEWEST = 12  # finished runs that are looked through for a student
# Sentences for the built-in teacher, whose language is English: one to begin with, one it doubts, one it mistakes.
EXAMPLES = (
    "The soup was anything but bland, and the staff were kind.",
    "The book was strange.",
    "I expected to hate it, but I was wrong.",
)
PAIR = ("The soup was anything but bland.", "It had plenty of flavour.")
STRANGE = ("The mitochondria is the powerhouse of the cell.", "It cost four pounds.", "lorem ipsum dolor sit amet")


def run(wanted: str) -> str | None:
    """The id of the run whose student is read. Raises UserError where the wanted one has none."""
    if wanted:
        core.predictor(wanted)
        return wanted
    return _newest(lambda one: one.row.task == "reviews")


def pair_run() -> str | None:
    """The newest student of pairs here, None where there is none."""
    return _newest(lambda one: len(first(one)) == 2)


def text(run: str | None) -> tuple[str, ...]:
    """The sentence to begin with: for the built-in task the first example, else a row that the run was tested on."""
    if run is None or core.run(run).row.task == "reviews":
        return (EXAMPLES[0],)
    return first(core.run(run)) or (EXAMPLES[0],)


def first(run: Run) -> tuple[str, ...]:
    """A run's first test text, () where it kept none."""
    return next((tuple(row["text"]) for row in islice(run.texts(), 1)), ())


def config(run: str | None) -> Config:
    """The config whose data and rules the lessons use. Raises UserError where its parts are gone."""
    example = core.run(run) if run else None
    if example is None:
        return Config()
    # what was fine-tuned for the run can be asked by its name
    teacher = str(example.summary.get("teacher", "")) if example.summary else ""
    is_fine_tuned = example.config.fine_tune and teacher in {one.name for one in core.teachers() if one.kind == "kept"}
    return (
        example.config.model_copy(update={"teacher": teacher, "fine_tune": False}) if is_fine_tuned else example.config
    )


def figures(run: str | None) -> dict[str, Any] | None:
    """The figures that lesson seven starts from: the run's own comparison, or that of the newest shipped example. `one`
    is the share of test rows on which only one of control and student is right, `one_known` whether the run tells
    it."""
    candidates = [core.run(run)] if run else []
    for candidate in [*candidates, *core.list_runs(1, examples=True)]:
        summary = candidate.summary
        scores = summary.get("scores", {}) if summary else {}
        if summary and {"control", "student", "teacher"} <= set(scores) and summary.get("rows", {}).get("test"):
            known = detectable_gap(candidate, summary)
            c, s = scores["control"]["accuracy"], scores["student"]["accuracy"]
            return {
                "name": candidate.name,
                "rows": summary["rows"],
                "scores": {row: {"accuracy": score["accuracy"]} for row, score in scores.items()},
                "agreement": summary["agreement"],
                "one": s * (1 - c) + c * (1 - s) if known is None else known,
                "one_known": known is not None,
            }
    return None


def detectable_gap(run: Run, summary: Summary) -> float | None:
    """The share of test rows on which exactly one of control and student is right: counted, where the rows are kept,
    else worked out from the paired interval; None where the run kept neither."""
    rows = [[row["answers"][name] == row["label"] for name in PAIRED] for row in run.texts() if "control" in row]
    if rows:
        return sum(control != student for control, student in rows) / len(rows)
    paired = (summary.get("differences") or {}).get("student-control")
    if paired:
        error = (paired["high"] - paired["low"]) / (2 * 1.96)
        return min(1.0, error**2 * summary["rows"]["test"] + paired["difference"] ** 2)
    return None


def _newest(fits: Callable[[Run], bool]) -> str | None:
    """The newest finished run that fits and kept its student; none on a public host, where others' runs are private."""
    for one in [] if public_host.public() else core.list_runs(NEWEST, status="finished"):
        if (one.folder / "student").is_dir() and fits(one):
            return one.id
    return None
