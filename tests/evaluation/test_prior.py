"""Offsets that let a model answer each label as often as it is."""

import numpy as np
import pytest

from distill_core.data.dataset import Split
from distill_core.evaluation.baseline import fit_baseline
from distill_core.evaluation.objective import SINGLE_LABEL
from distill_core.evaluation.prior import LEAST_ROWS, PRIOR_ROWS, balancing_offsets, fit_offsets


def shares(logits: np.ndarray) -> np.ndarray:
    return np.bincount(logits.argmax(1), minlength=logits.shape[1]) / len(logits)


@pytest.mark.parametrize("wanted", [[0.7, 0.3], [0.5, 0.2, 0.2, 0.1], [0.1] * 10])
def test_the_answers_have_the_shares_of_the_labels(wanted: list[float]) -> None:
    logits = np.random.default_rng(0).normal(size=(4000, len(wanted)))
    logits[:, 0] += 3  # hardly any other answer is given
    assert shares(logits)[0] > 0.8
    found = fit_offsets(logits, np.array(wanted))
    assert found.sum() == pytest.approx(0, abs=1e-9)
    assert np.abs(shares(logits + found) - wanted).max() < 0.02


def test_the_order_of_rows_by_a_label_stays() -> None:
    logits = np.random.default_rng(1).normal(size=(50, 2))
    moved = logits + fit_offsets(logits, np.array([0.9, 0.1]))
    assert (np.argsort(logits[:, 1] - logits[:, 0]) == np.argsort(moved[:, 1] - moved[:, 0])).all()


def test_few_rows_move_less() -> None:
    logits = np.random.default_rng(2).normal(size=(1000, 2)) + [1.0, 0.0]
    many, few = (fit_offsets(logits[:rows], np.array([0.5, 0.5])) for rows in (1000, 10))
    exact = np.median(logits[:10, 0] - logits[:10, 1]) / 2
    assert few[1] == pytest.approx(exact * 10 / (10 + PRIOR_ROWS)) and many[1] == pytest.approx(0.5, abs=0.1)


def test_a_label_that_has_no_rows_is_not_answered() -> None:
    logits = np.random.default_rng(3).normal(size=(500, 3))
    assert shares(logits + fit_offsets(logits, np.array([0.6, 0.4, 0.0])))[2] < 0.05


def test_with_few_validation_rows_nothing_moves() -> None:
    logits = np.random.default_rng(4).normal(size=(LEAST_ROWS, 2)) + [5.0, 0.0]
    assert not balancing_offsets(logits[1:], [0, 1, 1, 1], "macro_f1", SINGLE_LABEL).any()
    assert not balancing_offsets(logits, [0, 1, 1, 1], "accuracy", SINGLE_LABEL).any()
    balanced = logits + balancing_offsets(logits, [0, 1, 1, 1], "macro_f1", SINGLE_LABEL)
    assert shares(balanced)[1] > shares(logits)[1] + 0.1


@pytest.mark.parametrize("labels", [2, 3])
def test_the_baselines_logits_are_shifted_by_as_much(labels: int) -> None:
    texts = [(f"word{number % labels} other{number}",) for number in range(60)]
    baseline = fit_baseline(Split(texts, [number % labels for number in range(60)]), labels, False)
    before, offsets = baseline.logits(texts), np.linspace(-0.7, 0.7, labels)
    baseline.shift(offsets)
    moved = baseline.logits(texts) - before - offsets
    assert np.abs(moved - moved[:, :1]).max() < 1e-6, "but for a constant of the row, which softmax takes away"
