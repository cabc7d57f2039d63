"""Offsets of logits that let a model answer each label as often as the label is.

A model that is unsure does best, by loss and by accuracy, to answer the commonest label: the less it knows the more so,
and a student that follows its teacher's logits by least squares stays nearer to their mean than they do. A metric that
weighs the labels alike takes it for a fault. What moves its answers is a constant for each label, as in Menon et al.
2021, "Long-tail learning via logit adjustment"; here it is fitted so that the shares of the answers come out right.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_core.config.schema import BALANCED
from distill_core.evaluation.objective import SINGLE_LABEL, Objective

SWEEPS = 50  # over the labels; for two one is enough
LEAST_ROWS = 30  # validation rows: with fewer no offset is fitted [benchmarks/RESULTS.md, "Pairs"]
PRIOR_ROWS = 10  # rows that "no offset" weighs: a handful of validation rows moves little


def fit_offsets(logits: NDArray[Any], shares: NDArray[Any]) -> NDArray[np.float64]:
    """Offsets (labels,), zero in the mean, with which the answers to `logits` (rows, labels) have these shares of the
    labels, shrunk towards none where the rows are few. Fit them on validation rows."""
    values = np.asarray(logits, dtype=np.float64)
    rows, labels = values.shape
    offsets = np.zeros(labels)
    for _ in range(SWEEPS if labels > 2 else 1):
        before = offsets.copy()
        for label in range(labels):
            others = np.delete(values + offsets, label, axis=1).max(1)
            offsets[label] = np.quantile(others - values[:, label], shares[label])
        if np.allclose(before, offsets, atol=1e-6):
            break
    centred: NDArray[np.float64] = (offsets - offsets.mean()) * rows / (rows + PRIOR_ROWS)
    return centred


def balancing_offsets(
    logits: NDArray[Any], train_labels: Sequence[Any], metric: str, objective: Objective
) -> NDArray[np.float64]:
    """Offsets (labels,) with which the answers to the validation rows' `logits` (rows, labels) have the shares that the
    labels have in `train_labels`. Zeros where these rows are fewer than LEAST_ROWS, where the `metric` does not weigh
    the labels alike, and where a text has several labels."""
    rows, labels = logits.shape
    if metric not in BALANCED or objective.name != SINGLE_LABEL.name or rows < LEAST_ROWS:
        return np.zeros(labels)
    return fit_offsets(logits, np.bincount(np.asarray(train_labels), minlength=labels) / len(train_labels))
