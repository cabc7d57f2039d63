"""Intervals by the bootstrap, McNemar's test, and the smallest difference that a test set can show."""

from collections.abc import Sequence
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_core.evaluation.metrics import count_cells, metrics_from_counts


def mcnemar(first: NDArray[Any], second: NDArray[Any], labels: Sequence[int]) -> float:
    """The exact two-sided p-value that two models err equally often, from the rows on which only one is right
    (McNemar 1947). 1.0 where they never differ."""
    from scipy.stats import binomtest

    truth = np.asarray(labels)
    a, b = first.argmax(1) == truth, second.argmax(1) == truth
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    return float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0


RESAMPLES = 2000
PERCENTILES = (2.5, 97.5)  # percentiles: the 95 % interval


def intervals(answers: NDArray[Any], labels: Sequence[int], classes: int, seed: int = 0) -> dict[str, list[float]]:
    """The 95 % interval [low, high] of every metric, by the bootstrap over rows."""
    truth, said, counts = count_cells(np.asarray(labels), answers)
    found = metrics_from_counts(truth, said, _resampled(counts, seed), classes)
    return {name: _interval(value) for name, value in found.items()}


def paired_difference(
    first: NDArray[Any], second: NDArray[Any], labels: Sequence[int], classes: int, metric: str, seed: int = 0
) -> dict[str, float]:
    """How much better `first` answers than `second`, with the 95 % interval of the paired bootstrap: each resample
    gives both the same rows, so that what is hard for both cancels."""
    truth, one, other, counts = count_cells(np.asarray(labels), first, second)
    draws = np.vstack([counts, _resampled(counts, seed)])
    apart = (
        metrics_from_counts(truth, one, draws, classes)[metric]
        - metrics_from_counts(truth, other, draws, classes)[metric]
    )
    low, high = _interval(apart[1:])
    return {"difference": float(apart[0]), "low": low, "high": high}


def _resampled(counts: NDArray[Any], seed: int) -> NDArray[Any]:
    """(RESAMPLES, cells): how often each cell stands in as many rows drawn with replacement."""
    rows = counts.sum()
    return np.random.default_rng(seed).multinomial(rows, counts / rows, RESAMPLES)


def _interval(draws: NDArray[Any]) -> list[float]:
    return [float(edge) for edge in np.percentile(draws, PERCENTILES)]


# A difference of two models shows in a test with a probability of 80 % at a level of 5 % if it is POWER standard errors
# (1.96 + 0.84) or more, and the rows on which only one is right decide the error (Connor 1987). Of student and control
# these were 7, 10 and 11 % of SST-2's test and 14 % of MRPC's pairs (benchmarks/RESULTS.md, "How far apart"); on the
# built-in reviews it is 15 to 19 %, with gains that no test there could miss.
POWER, DISAGREEMENT_RATE = 2.8, {False: 0.12, True: 0.14}


def detectable_difference(rows: int, apart: float) -> float:
    """The smallest difference in accuracy of two models, as a fraction, that a test of so many rows shows four times
    in five, where they differ in being right on the share `apart` of the rows."""
    return min(1.0, POWER * sqrt(apart / max(1, rows)))
