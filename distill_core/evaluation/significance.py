"""Significance: bootstrap intervals, McNemar's test, and the smallest difference that a test set can show."""

from collections.abc import Sequence
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_core.evaluation.metrics import count_cells
from distill_core.evaluation.objective import SINGLE_LABEL, Labels, Objective
from distill_core.evaluation.summary import Difference


def mcnemar(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Exact two-sided p-value of McNemar's test that two models err equally often, from the rows on which only one is
    right (McNemar 1947). 1.0 where they never differ. `first` and `second` (rows,) are True where a model is right."""
    from scipy.stats import binomtest

    only_a, only_b = int((first & ~second).sum()), int((second & ~first).sum())
    return float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0


def fisher(hits: int, of: int, other_hits: int, other_of: int) -> float:
    """Exact one-sided p-value of Fisher's test that hits are no rarer among the first than among the others."""
    from scipy.stats import fisher_exact

    table = [[hits, of - hits], [other_hits, other_of - other_hits]]
    return float(fisher_exact(table, alternative="less").pvalue)


RESAMPLES = 2000
PERCENTILES = (2.5, 97.5)  # percentiles: the 95 % interval
LEAST_DIFFERING = 6  # rows: were five all for one model, chance would still explain them (two-sided p 0.0625)


def intervals(
    answers: NDArray[Any], labels: Labels, classes: int, seed: int = 0, objective: Objective = SINGLE_LABEL
) -> dict[str, list[float]]:
    """95 % interval [low, high] of every metric, by the bootstrap over rows."""
    truth, predicted, counts = count_cells(np.asarray(labels), answers)
    values = objective.metrics_from_counts(truth, predicted, _resampled(counts, seed), classes)
    return {name: _interval(draws) for name, draws in values.items()}


def paired_difference(
    first: NDArray[Any], second: NDArray[Any] | Sequence[NDArray[Any]], labels: Labels, classes: int, metric: str,
    seed: int = 0, objective: Objective = SINGLE_LABEL,
) -> Difference:  # fmt: skip
    """Difference in `metric` of `first` over `second`, or over the mean of several, with the 95 % interval of the
    paired bootstrap: all models are scored on the same resampled rows, so that rows hard for all cancel. Where the
    answers to fewer than LEAST_DIFFERING rows differ, the interval holds 0, whatever is drawn."""
    several = [second] if isinstance(second, np.ndarray) else second
    truth, one, *others, counts = count_cells(np.asarray(labels), first, *several)
    draws = np.vstack([counts, _resampled(counts, seed)])
    values = [objective.metrics_from_counts(truth, model, draws, classes)[metric] for model in (one, *others)]
    differences = values[0] - np.mean(values[1:], axis=0)
    low, high = _interval(differences[1:])
    if max(int(counts[~objective.agree(one, other)].sum()) for other in others) < LEAST_DIFFERING:
        low, high = min(low, 0.0), max(high, 0.0)
    return {"difference": float(differences[0]), "low": low, "high": high}


def _resampled(counts: NDArray[Any], seed: int) -> NDArray[Any]:
    """Counts (RESAMPLES, cells) of each cell among as many rows drawn with replacement."""
    rows = counts.sum()
    return np.random.default_rng(seed).multinomial(rows, counts / rows, RESAMPLES)


def _interval(draws: NDArray[Any]) -> list[float]:
    return [float(edge) for edge in np.percentile(draws, PERCENTILES)]


# A difference of two models shows in a test with a probability of 80 % at a level of 5 % if it is POWER standard errors
# (1.96 + 0.84) or more, and the rows on which only one is right decide the error (Connor 1987). For student and control
# these were 7, 10 and 11 % of SST-2's test and 14 % of MRPC's pairs (benchmarks/RESULTS.md, "How far apart"); on the
# built-in reviews they are 15 to 19 %, with gains that no test there could miss.
POWER, DISAGREEMENT_RATE = 2.8, {False: 0.12, True: 0.14}


def detectable_difference(rows: int, disagreement_rate: float) -> float:
    """Smallest difference in accuracy of two models, as a fraction, that a test of so many rows shows four times in
    five, where only one of them is right on the share `disagreement_rate` of the rows."""
    return min(1.0, POWER * sqrt(disagreement_rate / max(1, rows)))
