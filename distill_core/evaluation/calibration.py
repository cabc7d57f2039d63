"""Whether a model is right as often as it says it is, and the one number that mends most of it.

Guo et al. 2017, "On Calibration of Modern Neural Networks": the expected calibration error (section 2) and temperature
scaling (section 4.2), which divides all logits by one number fitted on validation rows. It changes no answer.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 10  # of equal width; the very bins that the picture shows, so that what is summed is what is seen
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.05, 50.0  # no teacher or student measured here came near either


def probabilities(logits: NDArray[Any], temperature: float = 1.0) -> NDArray[np.float64]:
    """Softmax of logits (rows, classes), or of log-probabilities, divided by the temperature."""
    from scipy.special import softmax

    return softmax(np.asarray(logits, dtype=np.float64) / temperature, axis=1)


def fit_temperature(logits: NDArray[Any], labels: Sequence[int]) -> float:
    """The temperature under which rows with these true labels are likeliest. Fit it on validation rows alone."""
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    given, rows = np.asarray(logits, dtype=np.float64), np.arange(len(labels))

    def surprise(log_temperature: float) -> float:
        return -float(log_softmax(given / np.exp(log_temperature), axis=1)[rows, labels].mean())

    found = minimize_scalar(surprise, bounds=(np.log(MIN_TEMPERATURE), np.log(MAX_TEMPERATURE)), method="bounded")
    return float(np.exp(found.x))


def reliability(probabilities: NDArray[Any], labels: Sequence[int]) -> list[dict[str, float]]:
    """The mean confidence, the accuracy and the rows of each bin of confidence that holds any, the lowest first."""
    confidence = probabilities.max(1)
    right = probabilities.argmax(1) == np.asarray(labels)
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return [
        {
            "confidence": float(confidence[place == bin].mean()),
            "accuracy": float(right[place == bin].mean()),
            "rows": int((place == bin).sum()),
        }
        for bin in np.unique(place)
    ]


def expected_calibration_error(bins: Sequence[dict[str, float]]) -> float:
    """The expected calibration error of `reliability`'s bins: how far confidence and accuracy lie apart, by rows."""
    rows = sum(bin["rows"] for bin in bins)
    return sum(bin["rows"] * abs(bin["confidence"] - bin["accuracy"]) for bin in bins) / rows


def calibration_report(
    logits: NDArray[Any], labels: Sequence[int], valid: tuple[NDArray[Any], Sequence[int]]
) -> dict[str, Any]:
    """The calibration of the scored rows before and after scaling: ece, temperature (fitted on `valid`, logits and
    labels), ece_scaled, reliability and reliability_scaled."""
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
