"""Outputs of a model, teacher and student alike: what a loss compares. Knows nothing of either."""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


class ModelOutput(NamedTuple):
    """Outputs for one batch. `logits` (batch, outputs) float32. `hidden_states`: of a teacher and of a student with
    layers (batch, length, units) a layer, the embeddings first; of a student around an encoder one (batch, units) a
    sentence. `attention_scores`: (batch, heads, length, length) a layer, before the softmax. `lengths` (batch,): the
    tokens of each text; what lies behind them is padding. `guesses` (masked, pieces): of a student whose pieces were
    masked the logits of what stood there, and `masked` (masked,) what did. All but the logits are () where a loss needs
    none of them."""

    logits: "Tensor"
    hidden_states: "tuple[Tensor, ...]" = ()
    attention_scores: "tuple[Tensor, ...]" = ()
    lengths: "Tensor | tuple[()]" = ()
    guesses: "Tensor | tuple[()]" = ()
    masked: "Tensor | tuple[()]" = ()
