"""Outputs of the teacher beyond its logits, asked for while the student trains: hidden states and attention scores.

Logits are computed once and cached; these are too large for that, and are computed anew for every batch.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from distill_core.errors import KnobError
from distill_core.messages import message
from distill_core.outputs import ModelOutput
from distill_core.teacher.model import Teacher
from distill_core.training.device import autocast, device

LIVE = {"hidden_states": "hidden_states", "attention_scores": "attentions"}  # what only a live teacher gives, as
# transformers calls it
SCORES = "stillroom_scores"  # name in transformers of the attention that shows its scores


def teacher_outputs(
    teacher: Teacher, texts: Sequence[tuple[str, ...]], needs: Collection[str], dtype: torch.dtype | None = None
) -> ModelOutput:
    """Outputs of the teacher for these texts in their order, float32 on its device, padded to the longest text; those
    of `needs` beside the logits, which come in the order of the data's labels. Computed in `dtype`, without one in the
    precision in which it labelled."""
    where = device()
    inputs = teacher.pad(teacher.encode(texts), where)
    flags = {f"output_{theirs}": name in needs for name, theirs in LIVE.items()}
    precision = autocast(where, dtype or teacher.dtype or torch.float32)
    with torch.inference_mode(), precision, _shown_scores(teacher, "attention_scores" in needs):
        found = teacher.model.to(where)(**inputs, return_dict=True, **flags)
    more = {
        name: tuple(value.float() for value in getattr(found, theirs)) for name, theirs in LIVE.items() if name in needs
    }
    lengths = inputs["attention_mask"].sum(1)
    return ModelOutput(found.logits.float()[:, teacher.order], **more, lengths=lengths)


def check_scores(model: Any) -> None:
    """Raise KnobError where a teacher's `model` can't give its attention scores: transformers computes the attention of
    some families in one way alone, which shows what comes of them after the softmax."""
    if not getattr(model, "_supports_attention_backend", False):
        raise KnobError(message(
            "A teacher of the family {family} does not show its attention scores, which this loss compares. Choose "
            "another loss ({knob:knob}), or another teacher.", family=model.config.model_type,
            knob="loss=soft_kl"), "loss")  # fmt: skip


@contextmanager
def _shown_scores(teacher: Teacher, wanted: bool) -> Iterator[None]:
    """Attention computed step by step where its scores are wanted: the fused kernels never hold them. Afterwards the
    teacher computes as before, for another kernel gives logits another last digit."""
    before = teacher.model.config._attn_implementation
    if wanted:
        check_scores(teacher.model)
        from transformers import AttentionInterface, AttentionMaskInterface
        from transformers.masking_utils import eager_mask

        AttentionInterface.register(SCORES, _attention)
        AttentionMaskInterface.register(SCORES, eager_mask)
        teacher.model.set_attn_implementation(SCORES)
    try:
        yield
    finally:
        if wanted:
            teacher.model.set_attn_implementation(before)


def _attention(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, scaling: float | None = None,
    **more: Any,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Attention (batch, length, heads, units) as transformers has it of an implementation, and its scores before the
    softmax, padding's too, in the place of its weights."""
    scores = query @ key.transpose(2, 3) * (query.shape[-1] ** -0.5 if scaling is None else scaling)
    weights = torch.softmax(scores if attention_mask is None else scores + attention_mask, -1)
    return (weights.to(value.dtype) @ value).transpose(1, 2).contiguous(), scores
