"""Calibration: made-up models whose confidence is known to be right, or wrong by a known temperature."""

import numpy as np
import pytest

from distill_core.evaluation import calibration


def rows(count: int, classes: int, temperature: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits of a model that is calibrated when they are divided by `temperature`, and true labels drawn from it."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (count, classes))
    shares = calibration.probabilities(logits)
    truth = (shares.cumsum(1) > rng.random((count, 1))).argmax(1)
    return logits * temperature, truth


def test_a_calibrated_model_has_next_to_no_error() -> None:
    logits, truth = rows(20_000, 3, 1.0, 0)
    bins = calibration.reliability(calibration.probabilities(logits), truth)
    assert calibration.expected_calibration_error(bins) < 0.02
    assert sum(bin["rows"] for bin in bins) == 20_000
    assert [bin["confidence"] for bin in bins] == sorted(bin["confidence"] for bin in bins)


@pytest.mark.parametrize("planted", [0.4, 1.0, 3.0])
def test_a_planted_temperature_is_found(planted: float) -> None:
    assert calibration.fit_temperature(*rows(20_000, 3, planted, 1)) == pytest.approx(planted, rel=0.05)


def test_scaling_mends_the_error_and_changes_no_answer() -> None:
    valid, (logits, truth) = rows(4000, 2, 3.0, 2), rows(8000, 2, 3.0, 3)
    found = calibration.calibration_report(logits, truth, valid)
    assert found["ece"] > 0.1 > 0.03 > found["ece_scaled"]
    scaled = calibration.probabilities(logits, found["temperature"])
    assert (scaled.argmax(1) == logits.argmax(1)).all()


def test_the_temperature_comes_from_validation_alone() -> None:
    valid = rows(4000, 2, 3.0, 4)
    cold, hot = rows(500, 2, 1.0, 5), rows(500, 2, 9.0, 6)
    assert (
        calibration.calibration_report(*cold, valid)["temperature"]
        == calibration.calibration_report(*hot, valid)["temperature"]
        == calibration.fit_temperature(*valid)
    )


def test_the_error_by_hand() -> None:
    # nine rows said with 0.95 of which six are right, one said with 0.55 that is right
    shares = np.array([[0.95, 0.05]] * 9 + [[0.55, 0.45]])
    truth = [0] * 6 + [1] * 3 + [0]
    bins = calibration.reliability(shares, truth)
    assert [bin["rows"] for bin in bins] == [1, 9]
    assert calibration.expected_calibration_error(bins) == pytest.approx(0.9 * (0.95 - 6 / 9) + 0.1 * (1 - 0.55))


def test_log_probabilities_are_logits_too() -> None:
    shares = np.array([[0.7, 0.3], [0.2, 0.8]])
    assert calibration.probabilities(np.log(shares)) == pytest.approx(shares)


def test_few_rows_move_the_temperature_little_and_many_all_the_way() -> None:
    """A handful of rows that are all answered rightly set it to its bound before, and the page said 100 % of all."""
    one, two = [4.0, 0.0], [0.0, 4.0]
    few, many = (calibration.fit_temperature(np.array([one, two] * n), [0, 1] * n) for n in (1, 5_000))
    assert 0.9 < few < 1 and many < 0.45
    assert calibration.fit_temperature(np.array([one] * 30), [0] * 30) == 1.0  # any suits rows of one class
