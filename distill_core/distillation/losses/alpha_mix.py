"""Alpha times the hard labels' cross-entropy plus the rest times the logits' squared distance (Tang et al. 2019)."""

from torch import Tensor
from torch.nn.functional import cross_entropy, mse_loss

from distill_core.config.schema import Config


def loss(student: Tensor, teacher: Tensor, labels: Tensor, config: Config) -> Tensor:
    """Equation 4 of the paper. Its published figures use alpha = 0."""
    return config.alpha * cross_entropy(student, labels) + (1 - config.alpha) * mse_loss(student, teacher)
