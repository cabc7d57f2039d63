"""Distance between softened probabilities at a temperature, mixed with hard labels by alpha (Hinton et al. 2015)."""

from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div, log_softmax

from distill_core.config.schema import Config


def loss(student: Tensor, teacher: Tensor, labels: Tensor, config: Config) -> Tensor:
    """KL(teacher || student) at temperature T, times T² so that its gradient keeps its size when T changes."""
    t = config.temperature
    soft = kl_div(log_softmax(student / t, 1), log_softmax(teacher / t, 1), reduction="batchmean", log_target=True)
    return config.alpha * cross_entropy(student, labels) + (1 - config.alpha) * t * t * soft
