"""Squared distance between the logits of student and teacher (Tang et al. 2019, equation 3; their final choice)."""

from torch import Tensor
from torch.nn.functional import mse_loss

from distill_core.config.schema import Config
from distill_core.evaluation.objective import Objective
from distill_core.outputs import ModelOutput


def loss(student: ModelOutput, teacher: ModelOutput, targets: Tensor, config: Config, objective: Objective) -> Tensor:
    """Loss on logits, not probabilities: a softmax would flatten the teacher's differences between unlikely labels."""
    return mse_loss(student.logits, teacher.logits)
