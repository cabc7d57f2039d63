"""Metrics of right answers: accuracy, macro-F1, Matthews correlation and F1, with bootstrap intervals.

All of them follow from how often each pair (truth, answer) stands in the rows. So a resample of the rows is one
multinomial draw of those counts: the same bootstrap as drawing rows, in milliseconds (Efron and Tibshirani 1993, ch. 6
and 13: the percentile interval). Knows nothing of models or probabilities.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from distill_core.messages import METRIC_NAMES

if TYPE_CHECKING:
    from distill_core.evaluation.summary import ClassScores

METRICS = tuple(METRIC_NAMES)


def resolve_metric(wanted: str, of_task: str, labels: Sequence[int], classes: int) -> str:
    """Resolve the metric of a run. `wanted` is the knob, "auto" for the task's own; where the task leaves that to its
    rows ("auto" again), macro_f1 if the commonest of the training `labels` is IMBALANCE times as common as the rarest,
    else accuracy. f1 of more than two classes becomes macro_f1."""
    metric = of_task if wanted == "auto" else wanted
    if metric == "auto":
        counts = np.bincount(np.asarray(labels, dtype=int), minlength=classes)
        metric = "macro_f1" if counts.max() >= IMBALANCE * max(1, counts.min()) else "accuracy"
    return "macro_f1" if metric == "f1" and classes > 2 else metric


IMBALANCE = 2  # times: from here on always answering the commonest of two classes is right on two thirds of the rows


def compute_metrics(answers: NDArray[Any], labels: Sequence[int], classes: int) -> dict[str, float]:
    """Compute every metric of `answers` (rows,) to rows with these true `labels`; "f1", that of the last class, for two
    classes alone."""
    truth, answered, counts = count_cells(np.asarray(labels), answers)
    values = metrics_from_counts(truth, answered, counts, classes)
    return {name: float(value[0]) for name, value in values.items()}


def is_constant(answers: NDArray[Any], labels: Sequence[Any]) -> bool:
    """Whether a model gives one answer, of one or several labels, to rows whose true `labels` differ: it learnt nothing
    but that."""
    return len(np.unique(np.asarray(labels), axis=0)) > 1 and len(np.unique(answers, axis=0)) == 1


def per_class(answers: NDArray[Any], labels: Sequence[int], names: Sequence[str]) -> "list[ClassScores]":
    """Precision, recall, F1 and the true rows of each class; 0 where a class was never answered or never true."""
    from sklearn.metrics import precision_recall_fscore_support

    table = precision_recall_fscore_support(
        np.asarray(labels), answers, labels=range(len(names)), average=None, zero_division=0
    )
    return [
        {"label": name, "precision": float(p), "recall": float(r), "f1": float(f), "rows": int(n)}
        for name, p, r, f, n in zip(names, *table, strict=True)
    ]


def count_cells(*columns: NDArray[Any]) -> list[NDArray[Any]]:
    """Count the cells: the distinct combinations of the columns, column by column, and how often each occurs. A column
    is (rows,), or (rows, labels) where a row has several."""
    distinct, counts = np.unique(np.stack(columns, axis=1), axis=0, return_counts=True)
    return [*np.moveaxis(distinct, 1, 0), counts]


def metrics_from_counts(
    truth: NDArray[Any], answers: NDArray[Any], counts: NDArray[Any], classes: int
) -> dict[str, NDArray[np.float64]]:
    """Metrics for each row of `counts` (draws, cells), where cell i means truth[i] and answers[i]."""
    draws = np.atleast_2d(counts).astype(np.float64)
    of = np.arange(classes)
    right = draws @ ((truth == answers)[:, None] & (truth[:, None] == of))  # (draws, classes), and so the next two
    true = draws @ (truth[:, None] == of)
    predicted = draws @ (answers[:, None] == of)
    rows, hits = draws.sum(1), right.sum(1)
    both = true + predicted
    f1 = np.divide(2 * right, both, out=np.zeros_like(right), where=both > 0)
    # a class that neither stands in the rows nor is answered has no F1 to average
    macro = f1.sum(1) / np.maximum(1, (both > 0).sum(1))
    # Gorodkin 2004's correlation for any number of classes; with two it is Matthews' own
    spread = np.sqrt((rows**2 - (predicted**2).sum(1)) * (rows**2 - (true**2).sum(1)))
    mcc = np.divide(hits * rows - (true * predicted).sum(1), spread, out=np.zeros_like(rows), where=spread > 0)
    values = {"accuracy": hits / rows, "macro_f1": macro, "mcc": mcc}
    return values | ({"f1": f1[:, 1]} if classes == 2 else {})
