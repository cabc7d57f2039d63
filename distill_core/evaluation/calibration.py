"""Calibration: how far a model's confidence is from its accuracy, and the temperature that mends most of that.

Guo et al. 2017, "On Calibration of Modern Neural Networks": the expected calibration error (section 2) and temperature
scaling (section 4.2), which divides all logits by one number fitted on validation rows. It changes no answer.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_core.evaluation.summary import Bin, Calibration

BINS = 10  # of equal width; the page's diagram shows the same bins that the error sums over
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.1, 10.0  # no teacher or student measured here came near either
# Standard deviation of the prior on the log of the temperature, which is centred on 1: a handful of rows that are all
# answered rightly would else set it to its bound. It weighs as much as about ten rows, and nothing beside thousands.
PRIOR_DEVIATION = 0.5


def probabilities(logits: NDArray[Any], temperature: float = 1.0) -> NDArray[np.float64]:
    """Softmax of logits (rows, classes), or of log-probabilities, divided by the temperature."""
    from scipy.special import softmax

    shares: NDArray[np.float64] = softmax(np.asarray(logits, dtype=np.float64) / temperature, axis=1)
    return shares


def fit_temperature(logits: NDArray[Any], labels: Sequence[int]) -> float:
    """Temperature that makes the true labels of these rows likeliest, shrunk towards 1 where the rows are few; 1 where
    they hold one class alone, which any temperature suits. Fit it on validation rows alone."""
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    if len(set(labels)) < 2:
        return 1.0
    values, rows = np.asarray(logits, dtype=np.float64), np.arange(len(labels))

    def negative_log_posterior(log_temperature: float) -> float:
        likelihood = log_softmax(values / np.exp(log_temperature), axis=1)[rows, labels].sum()
        return float(log_temperature**2 / (2 * PRIOR_DEVIATION**2) - likelihood)

    bounds = (np.log(MIN_TEMPERATURE), np.log(MAX_TEMPERATURE))
    optimum = minimize_scalar(negative_log_posterior, bounds=bounds, method="bounded")
    return float(np.exp(optimum.x))


def reliability(probabilities: NDArray[Any], labels: Sequence[int]) -> list[Bin]:
    """Mean confidence, accuracy and rows of each bin of confidence that has rows, the lowest bin first."""
    confidence = probabilities.max(1)
    right = probabilities.argmax(1) == np.asarray(labels)
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return [
        {
            "confidence": float(confidence[bins == number].mean()),
            "accuracy": float(right[bins == number].mean()),
            "rows": int((bins == number).sum()),
        }
        for number in np.unique(bins)
    ]


def expected_calibration_error(bins: Sequence[Bin]) -> float:
    """Expected calibration error over the bins of `reliability`: |confidence - accuracy|, weighted by rows."""
    rows = sum(bin["rows"] for bin in bins)
    return sum(bin["rows"] * abs(bin["confidence"] - bin["accuracy"]) for bin in bins) / rows


def calibration_report(
    logits: NDArray[Any], labels: Sequence[int], valid: tuple[NDArray[Any], Sequence[int]]
) -> Calibration:
    """Calibration of the scored rows before and after scaling; the temperature is fitted on `valid`, the logits and
    labels of the validation rows."""
    temperature = fit_temperature(*valid)
    before = reliability(probabilities(logits), labels)
    after = reliability(probabilities(logits, temperature), labels)
    return {
        "ece": expected_calibration_error(before),
        "temperature": temperature,
        "ece_scaled": expected_calibration_error(after),
        "reliability": before,
        "reliability_scaled": after,
    }
