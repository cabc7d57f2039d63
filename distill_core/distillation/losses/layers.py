"""Distance of embeddings, hidden states and attention scores, layer by layer (TinyBERT: Jiao et al. 2020).

The first of TinyBERT's two stages (section 3.1): the head learns nothing from it.
"""

from torch import Tensor

from distill_core.config.schema import Config
from distill_core.distillation.layerwise import layer_distance
from distill_core.evaluation.objective import Objective
from distill_core.outputs import ModelOutput

NEEDS = ("hidden_states", "attention_scores")
LAYERWISE = True


def loss(student: ModelOutput, teacher: ModelOutput, targets: Tensor, config: Config, objective: Objective) -> Tensor:
    """Loss of equation 11 without the prediction's part."""
    return layer_distance(student, teacher)
