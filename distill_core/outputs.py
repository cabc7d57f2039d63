"""Outputs of a model, teacher and student alike: what a loss compares. Knows nothing of either."""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


class ModelOutput(NamedTuple):
    """Outputs for one batch. `logits` (batch, outputs) float32. `hidden_states`: of a teacher (batch, length, units)
    a layer, its embeddings first; of a student around an encoder one (batch, units) a sentence. `attentions`: one
    (batch, heads, length, length) a layer. Both are () where a loss doesn't need them."""

    logits: "Tensor"
    hidden_states: "tuple[Tensor, ...]" = ()
    attentions: "tuple[Tensor, ...]" = ()
