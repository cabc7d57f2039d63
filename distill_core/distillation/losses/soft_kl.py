"""Distance between softened probabilities at a temperature, mixed with hard labels by alpha (Hinton et al. 2015)."""

from torch import Tensor

from distill_core.config.schema import Config
from distill_core.evaluation.objective import Objective
from distill_core.outputs import ModelOutput


def loss(student: ModelOutput, teacher: ModelOutput, targets: Tensor, config: Config, objective: Objective) -> Tensor:
    """Loss KL(teacher || student) at temperature T, times T² so that its gradient keeps its size when T changes."""
    t = config.temperature
    soft = objective.soft_loss(student.logits, teacher.logits, t)
    hard = objective.hard_loss(student.logits, targets)
    return config.alpha * hard + (1 - config.alpha) * t * t * soft
