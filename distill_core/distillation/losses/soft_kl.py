"""Distance between softened probabilities at a temperature, mixed with hard labels by alpha (Hinton et al. 2015)."""

from torch import Tensor
from torch.nn.functional import kl_div, log_softmax

from distill_core.config.schema import Config
from distill_core.evaluation.objective import Objective
from distill_core.outputs import ModelOutput


def loss(student: ModelOutput, teacher: ModelOutput, targets: Tensor, config: Config, objective: Objective) -> Tensor:
    """Loss KL(teacher || student) at temperature T, times T² so that its gradient keeps its size when T changes."""
    t = config.temperature
    predicted, wanted = log_softmax(student.logits / t, 1), log_softmax(teacher.logits / t, 1)
    soft = kl_div(predicted, wanted, reduction="batchmean", log_target=True)
    hard = objective.hard_loss(student.logits, targets)
    return config.alpha * hard + (1 - config.alpha) * t * t * soft
