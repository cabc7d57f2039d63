"""The baseline as one HTML file that answers in a browser, from a disk, and asks nothing of anybody.

Its weights are rounded to 16 bits; the same rounded baseline, asked in Python on the rows that the run was scored on,
is the gate. A browser's Unicode is another than Python's, so that the page has with it which characters Python takes
for letters and which for signs.
"""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from distill_core.evaluation import baseline_export
from distill_core.evaluation.baseline import WORD_PATTERN
from distill_core.evaluation.baseline_runtime import MIN_PROBABILITY, Predictor
from distill_core.evaluation.export import describe_probabilities
from distill_core.evaluation.html_page import (
    FOLDER,
    NoHtml,
    PageText,
    describe_loss,
    pack_model,
    refuse_loss,
    render_page,
    write_page,
)
from distill_core.evaluation.rounding import Row, measure_loss

SCRIPTS = (FOLDER / "baseline.js",)
OBJECTIVE = "single_label"  # the one that the page knows
Ranges = list[tuple[int, int]]


def write_html(baseline: Path, file: Path, report: dict[str, Any], scored: Sequence[tuple[Row, str]] = ()) -> Path:
    """Write a page that answers as the baseline in the folder `baseline` does, if its rounded weights cost little on
    the rows that were `scored`, with what the run's `report` says of it. Raises NoHtml where it can't be one, DataError
    where `file` can't be written."""
    return write_page(Path(file), build_page(baseline_export.load(baseline), report, scored))


def build_page(model: Predictor, report: dict[str, Any], scored: Sequence[tuple[Row, str]] = ()) -> bytes:
    """The page of a baseline. Raises NoHtml."""
    settings = model.settings
    if (objective := settings.get("objective", OBJECTIVE)) != OBJECTIVE:
        raise NoHtml(f"Its answers are of the kind {objective}, which the page does not know.")
    if settings["pattern"] != WORD_PATTERN:
        raise NoHtml("It was fitted by an earlier version, which parted words in another way.")
    less = rounded(model)
    loss = measure_loss(model, less, scored)
    refuse_loss(loss)
    words, signs = characters()
    packed = pack_model(
        {
            "idf": less.idf.astype(np.float16),
            "coefficients": less.coefficients.astype(np.float16),
            "intercepts": less.intercepts.astype(np.float32),
        },
        {
            "settings": {name: settings[name] for name in ("labels", "pair", "temperature") if name in settings}
            | ({"columns": list(report["columns"])} if report.get("columns") else {}),
            "characters": {"words": words, "signs": signs},
            "terms": settings["vocabulary"],
            "classes": settings["classes"],
            "least": MIN_PROBABILITY,
        },
    )
    return render_page(SCRIPTS, packed, report, _text(model, report, describe_loss(loss)))


def rounded(model: Predictor) -> Predictor:
    """The baseline with the weights that its page has."""
    idf, coefficients = (values.astype(np.float16).astype(np.float64) for values in (model.idf, model.coefficients))
    return Predictor(model.settings, idf, coefficients, model.intercepts.astype(np.float32))


@cache
def characters() -> tuple[Ranges, Ranges]:
    """The characters that stand in words, and those that are terms by themselves, as ranges of their numbers, by
    WORD_PATTERN: in it no character's neighbours count."""
    pattern = re.compile(WORD_PATTERN)
    words: list[int] = []
    signs: list[int] = []
    for number in range(0x110000):
        twice = chr(number) * 2
        found = pattern.findall(twice)
        if found:
            (words if found == [twice] else signs).append(number)
    return _ranges(words), _ranges(signs)


def _ranges(numbers: Sequence[int]) -> Ranges:
    """Rising numbers as ranges of neighbours, both ends included."""
    values = np.array(numbers)
    ends = np.flatnonzero(np.diff(values) > 1)
    return list(zip(values[[0, *ends + 1]].tolist(), values[[*ends, -1]].tolist(), strict=True))


def _text(model: Predictor, report: dict[str, Any], loss: str) -> PageText:
    train, task = report.get("rows", {}).get("train", "?"), str(report.get("task", "?"))
    return PageText(
        title=str(report.get("title") or baseline_export.title(task)),
        pair=bool(model.settings["pair"]),
        origin=f"The simple baseline of the task {task}: it weighs words and pairs of neighbouring words (TF-IDF) by "
               f"logistic regression, fitted to {train} labelled rows. Its labels: {', '.join(model.labels)}.",
        rounding=f"Its weights are rounded to 16 bits. {loss}",
        probabilities=describe_probabilities(model.settings.get("temperature")),
        explained="This is the row floor. " + baseline_export.EXPLAINED,
        limits=f"{baseline_export.limits(train)} This file holds the words and the pairs of neighbours in these rows: "
               "whoever has it can read them. It is no ground for a decision about a person that nobody looks at.",
    )  # fmt: skip
