"""Answers of the models: to one typed text by both, and to the texts of a file by the student."""

from collections.abc import Iterable
from typing import Any

from markupsafe import Markup

import distill_core as core
from distill_core import Answers

from ..components.formatting import count
from ..components.templates import render
from .disagreements import SIDES

PREVIEW = 8  # rows of a file shown


def answers(by_model: Answers) -> Markup:
    """Both models' answers side by side, each with its latency."""
    models = [who for who in ("student", "teacher") if who in by_model]
    return render("comparison/answers.html", models=models, answers=by_model)


def preview_answers(predictions: Iterable[tuple[Any, Any]], all_of_them: bool = True) -> Markup:
    """The first answers as a table, how many of each label there are, and how many rows have no text. Where these are
    not `all_of_them`, that is told."""
    rows: list[dict[str, Any]] = []
    counts: dict[str, int] = {}
    total = blank = handed = 0
    for text, answer in predictions:
        if answer is None:
            blank += 1
            continue
        total += 1
        who = core.answered_by(answer)
        handed += who == "teacher"
        counts[answer.label] = counts.get(answer.label, 0) + 1
        if len(rows) < PREVIEW:
            rows.append({"text": text if isinstance(text, str) else SIDES.join(text), "answer": answer, "who": who})
    labels = ", ".join(f"{label} {count(number)}" for label, number in sorted(counts.items()))
    return render("comparison/predictions.html", rows=rows, total=total, labels=labels, blank=blank,
                  handed=handed, all_of_them=all_of_them)  # fmt: skip
