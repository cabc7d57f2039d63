"""Every loss on the shelf, by what it means."""

import math

import pytest
import torch
from torch.nn.functional import cross_entropy, mse_loss, softmax

from distill_core.config.schema import Config
from distill_core.evaluation.objective import SINGLE_LABEL
from distill_core.outputs import ModelOutput
from distill_core.registry import LOSSES

TEACHER = torch.tensor([[2.0, -1.0, 0.5], [-3.0, 1.0, 0.0]])
LABELS = TEACHER.argmax(1)


def value(name, student, **knobs):
    config = Config.of(loss=name, **knobs)
    return LOSSES.get(name).loss(ModelOutput(student), ModelOutput(TEACHER), LABELS, config, SINGLE_LABEL)


OF_LOGITS = [name for name in LOSSES.names if not LOSSES.constant(name, "LAYERWISE", False)]


def with_teacher():
    return [name for name in OF_LOGITS if LOSSES.constant(name, "TEACHER", True)]


@pytest.mark.parametrize("name", with_teacher())
def test_zero_where_student_and_teacher_are_equal(name):
    assert value(name, TEACHER.clone()).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", OF_LOGITS)
def test_descending_pulls_the_student_to_the_teachers_answer(name):
    student = torch.zeros(2, 3, requires_grad=True)
    before = softmax(student, 1)[range(2), LABELS].detach()
    value(name, student).backward()
    after = softmax(student - 0.1 * student.grad, 1)[range(2), LABELS]
    assert (after > before).all()


def test_the_squared_distance_is_between_logits_not_probabilities():
    """Mistake 4: a shift of all logits changes no probability, but it changes this loss."""
    assert value("logit_mse", TEACHER + 1).item() == pytest.approx(1.0)


def test_alpha_mixes_exactly():
    student = torch.tensor([[0.3, 0.1, -0.2], [1.0, 0.0, 2.0]])
    hard, soft = cross_entropy(student, LABELS), mse_loss(student, TEACHER)
    for alpha in (0.0, 0.25, 1.0):
        assert value("alpha_mix", student, alpha=alpha).item() == pytest.approx(
            (alpha * hard + (1 - alpha) * soft).item()
        )


def test_softened_kl_against_its_formula():
    student, t = torch.tensor([[0.3, 0.1, -0.2], [1.0, 0.0, 2.0]]), 3.0
    p, q = softmax(TEACHER / t, 1), softmax(student / t, 1)
    expected = t * t * (p * (p / q).log()).sum(1).mean()
    assert value("soft_kl", student, temperature=t).item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_temperature_keeps_the_gradients_size():
    """Hinton et al. 2015, section 2.1: with the factor T², the gradient at high T is that of logit matching / n."""
    sizes = []
    for t in (20.0, 80.0):
        student = torch.zeros(2, 3, requires_grad=True)
        value("soft_kl", student, temperature=t).backward()
        sizes.append(student.grad.norm().item())
    assert sizes[0] == pytest.approx(sizes[1], rel=0.05)
    assert math.isfinite(sizes[0]) and sizes[0] > 0
