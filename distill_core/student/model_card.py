"""The model card of an exported student: its origin, scores and limits.

Knows nothing of networks: its source is a run's report.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from distill_core.evaluation import diagnostics
from distill_core.evaluation.columns import cells, columns, headings, shown
from distill_core.messages import METRIC_NAMES, percent

OMITTED = ("temperature", "texts_per_s")  # in a sentence below the table; of this machine alone
BARE = ("macro_f1",)  # without its interval: the accuracy's is enough


def render(report: dict[str, Any], labels: Sequence[str], settings: dict[str, Any]) -> str:
    """The model card as Markdown, from the run's `report` and the `settings` of student.json."""
    summary = report.get("summary", {})
    metric = report.get("metric") or "accuracy"
    name = METRIC_NAMES[metric]
    teacher = str(summary.get("teacher", "its teacher"))
    teacher = Path(teacher).name if Path(teacher).is_absolute() else teacher  # without the folder on this machine
    counts = {name: "?" if count is None else count for name, count in report.get("rows", {}).items()}
    scores = report.get("scores", {})
    chosen = tuple(
        replace(column, interval=None) if column.key in BARE else column
        for column in (*shown(metric), *columns("cost"))
        if column.key not in OMITTED
    )
    heads = ["", *headings(chosen, units=True)]
    rows = "\n".join(f"| {row} | {' | '.join(cells(chosen, score, units=False))} |" for row, score in scores.items())
    scored = (
        f"Scored on {counts.get('test', '?')} {report.get('scored_on') or 'test'} rows that no training saw."
        if rows
        else "Not scored yet: the run had not come to its comparison."
    )
    if report.get("tests_read"):
        scored += " " + diagnostics.describe_uses(report["tests_read"])
    comes_to = "".join(f"\n- {sentence}" for _, sentence in report.get("verdict") or ())
    return f"""---
library_name: stillroom
tags: [text-classification, knowledge-distillation]
---
# A {settings["student"]} student of {teacher}

Distilled with Stillroom on the task `{report.get("task", "?")}`. Labels: {", ".join(labels)}.

| {" | ".join(heads)} |
|{"---|" * len(heads)}
{rows}

{scored} The control is this same student without a teacher; the floor is TF-IDF with logistic regression.
Share of the gap between control and teacher recovered: {_gap(report.get("gap_recovered"))}.
Kept of the teacher's {name}: {_share(report.get("kept"))}.
Same answer as the teacher: {_share(report.get("agreement"))}.
{comes_to}

## Use

    pip install torch tokenizers safetensors
    python predict.py "a text"

{_probabilities(settings)}

## Limits

It knows the kind of text it was trained on, and repeats its teacher's mistakes and leanings.
Seed {report.get("seed", "?")}; {counts.get("train", "?")} labelled rows;
{counts.get("transfer", "?")} texts labelled by the teacher.
"""


def _probabilities(settings: dict[str, Any]) -> str:
    if "temperature" not in settings:
        return "Its probabilities are not calibrated."
    return (
        f"Its logits are divided by the temperature {settings['temperature']:.2f}, fitted on validation rows,\n"
        "before they become probabilities (Guo et al. 2017); the labels are the same without it."
    )


def _gap(value: float | None) -> str:
    return "none, the student is below its control" if value is not None and value < 0 else _share(value)


def _share(value: float | None) -> str:
    return "not defined" if value is None or math.isnan(value) else percent(value)
