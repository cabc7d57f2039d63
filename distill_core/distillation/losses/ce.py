"""Cross-entropy with hard labels: the row's own, or the teacher's answer where it has none. No soft labels."""

from torch import Tensor
from torch.nn.functional import cross_entropy

from distill_core.config.schema import Config

TEACHER = False


def loss(student: Tensor, teacher: Tensor, labels: Tensor, config: Config) -> Tensor:
    """The loss of the control, and of a student that is to learn from the teacher's answers alone."""
    return cross_entropy(student, labels)
