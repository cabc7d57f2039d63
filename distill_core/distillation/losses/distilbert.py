"""Softened probabilities, and the angle between the last hidden states (DistilBERT: Sanh et al. 2019).

The third part of their loss, guesses of masked word pieces, is added by `distilbert_mlm`.
"""

from torch import Tensor

from distill_core.config.schema import Config
from distill_core.distillation.layerwise import cosine_distance
from distill_core.distillation.losses import soft_kl
from distill_core.evaluation.objective import Objective
from distill_core.outputs import ModelOutput

NEEDS = ("logits", "hidden_states")
LAYERWISE = True
SOFT, COSINE = 5.0, 1.0  # the weights with which the authors trained


def loss(student: ModelOutput, teacher: ModelOutput, targets: Tensor, config: Config, objective: Objective) -> Tensor:
    """Loss of section 3 of the paper; alpha mixes the hard labels into its first part."""
    assert isinstance(student.lengths, Tensor)
    angle = cosine_distance(student.hidden_states[-1], teacher.hidden_states[-1], student.lengths)
    return SOFT * soft_kl.loss(student, teacher, targets, config, objective) + COSINE * angle
