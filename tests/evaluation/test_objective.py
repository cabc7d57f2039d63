"""Contract of the objectives: what one says of logits, its answers in words and an exported student's agree."""

from typing import get_args

import numpy as np
import pytest
import torch

from distill_core.config.schema import Config
from distill_core.evaluation import baseline_runtime
from distill_core.evaluation.objective import OBJECTIVES, SINGLE_LABEL, Objective, objective_for, stored_objective
from distill_core.evaluation.summary import ObjectiveName
from distill_core.student.runtime import READINGS

LABELS = ("bad", "good", "odd")
LOGITS = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)


@pytest.fixture(params=OBJECTIVES.values(), ids=OBJECTIVES)
def objective(request: pytest.FixtureRequest) -> Objective:
    return request.param


def test_every_objective_has_its_reading_in_an_exported_student(objective: Objective) -> None:
    reading = READINGS[objective.name]
    shares = objective.probabilities(LOGITS)
    assert reading.probabilities(LOGITS) == pytest.approx(shares, abs=1e-6)
    for row, truth in zip(shares.tolist(), objective.decide(LOGITS), strict=True):
        named = dict(zip(LABELS, row, strict=True))
        assert reading.answer(named) == objective.answer(named) == objective.label(truth, LABELS)
        assert objective.is_label(objective.label(truth, LABELS), LABELS)
        assert not any(objective.is_label(other, LABELS) for other in ("other", None, 1, ["bad"]))


def test_every_objective_has_its_reading_in_an_exported_baseline(objective: Objective) -> None:
    reading, shares = baseline_runtime.READINGS[objective.name], objective.probabilities(LOGITS)
    assert reading.probabilities(LOGITS.astype(float)) == pytest.approx(shares, abs=1e-6)
    assert reading.logits(shares) == pytest.approx(objective.logits(shares))
    for row in shares.tolist():
        named = dict(zip(LABELS, row, strict=True))
        assert reading.answer(named) == objective.answer(named)


def test_names_are_declared_for_what_comes_from_elsewhere() -> None:
    assert set(OBJECTIVES) == set(READINGS) == set(baseline_runtime.READINGS) == set(get_args(ObjectiveName))
    assert all(objective.name == name for name, objective in OBJECTIVES.items())


def test_logits_and_probabilities_are_each_others_inverse(objective: Objective) -> None:
    shares = objective.probabilities(LOGITS, 2.0)
    assert objective.probabilities(objective.logits(shares)) == pytest.approx(shares)
    assert (objective.decide(objective.logits(shares)) == objective.decide(LOGITS)).all()


def test_a_model_that_answers_as_it_is_labelled_is_right_in_every_respect(objective: Objective) -> None:
    answers = objective.decide(LOGITS)
    assert objective.agree(answers, answers).all()
    assert set(objective.metrics(LOGITS, answers).values()) == {1.0}
    members = objective.membership(answers, 3)
    assert objective.balance(answers.tolist(), LABELS) == dict(zip(LABELS, members.sum(0), strict=True))
    confusion = objective.confusion(answers, answers, 3)
    assert confusion is None or (confusion == np.diag(members.sum(0))).all()
    shares = objective.probabilities(LOGITS)
    confidence, other = objective.confidence(shares, answers), objective.confidence(shares, answers[::-1])
    assert (confidence <= 1).all() and (confidence >= other).all() and (confidence > other).any()


def test_the_soft_loss_is_least_at_the_teacher_and_the_hard_loss_at_its_answers(objective: Objective) -> None:
    teacher = torch.from_numpy(LOGITS)
    assert float(objective.soft_loss(teacher, teacher, 2.0)) == pytest.approx(0, abs=1e-6)
    assert float(objective.soft_loss(teacher.flip(1), teacher, 2.0)) > 0.01
    targets = objective.hard_targets(teacher)
    assert objective.hard_loss(100 * teacher, targets) < objective.hard_loss(teacher, targets)
    assert objective.hard_loss(teacher, targets) < objective.hard_loss(-teacher, targets)


def test_what_names_no_objective_is_of_one_label() -> None:
    assert objective_for(Config()) is stored_objective({}) is SINGLE_LABEL
