"""Alpha times the hard labels' cross-entropy plus the rest times the logits' squared distance (Tang et al. 2019)."""

from torch import Tensor
from torch.nn.functional import mse_loss

from distill_core.config.schema import Config
from distill_core.evaluation.objective import Objective
from distill_core.outputs import ModelOutput


def loss(student: ModelOutput, teacher: ModelOutput, targets: Tensor, config: Config, objective: Objective) -> Tensor:
    """Loss of equation 4 of the paper. Its published figures use alpha = 0."""
    hard = objective.hard_loss(student.logits, targets)
    return config.alpha * hard + (1 - config.alpha) * mse_loss(student.logits, teacher.logits)
