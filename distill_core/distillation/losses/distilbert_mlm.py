"""The loss distilbert, and guesses of masked word pieces (Sanh et al. 2019).

In every step the student also reads the texts with some of their pieces masked, and its last hidden states go through
the head with which the teacher's base guesses such pieces. Without such a head this is the loss distilbert.
"""

from torch import Tensor
from torch.nn.functional import cross_entropy

from distill_core.config.schema import Config
from distill_core.distillation.losses import distilbert
from distill_core.evaluation.objective import Objective
from distill_core.outputs import ModelOutput

NEEDS = ("logits", "hidden_states", "masked_head")
LAYERWISE = True
MASKED = 2.0  # the weight with which the authors trained


def loss(student: ModelOutput, teacher: ModelOutput, targets: Tensor, config: Config, objective: Objective) -> Tensor:
    """Loss of section 3 of the paper, all three parts of it."""
    value = distilbert.loss(student, teacher, targets, config, objective)
    return value + MASKED * guessing_loss(student)


def guessing_loss(student: ModelOutput) -> Tensor:
    """Mean cross-entropy of the guesses of masked pieces, 0 where none were masked."""
    if not len(student.guesses):
        return student.logits.new_zeros(())
    assert isinstance(student.guesses, Tensor) and isinstance(student.masked, Tensor)
    return cross_entropy(student.guesses, student.masked)
