"""Cross-entropy with hard labels: the row's own, or the teacher's answer where it has none. No soft labels."""

from torch import Tensor

from distill_core.config.schema import Config
from distill_core.evaluation.objective import Objective
from distill_core.outputs import ModelOutput

TEACHER = False


def loss(student: ModelOutput, teacher: ModelOutput, targets: Tensor, config: Config, objective: Objective) -> Tensor:
    """Loss of the control, and of a student that is to learn from the teacher's answers alone."""
    return objective.hard_loss(student.logits, targets)
