"""Outputs of the teacher beyond its logits, asked for while the student trains: hidden states and attentions.

Logits are computed once and cached; these are too large for that, and are computed anew for every batch.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

import torch

from distill_core.outputs import ModelOutput
from distill_core.teacher.model import Teacher
from distill_core.training.device import device

LIVE = ("hidden_states", "attentions")  # what only a live teacher can give


def teacher_outputs(teacher: Teacher, texts: Sequence[tuple[str, ...]], needs: Collection[str]) -> ModelOutput:
    """Outputs of the teacher for these texts in their order, float32 on its device, padded to the longest text; those
    of `needs` beside the logits, which come in the order of the data's labels."""
    where = device()
    inputs = teacher.pad(teacher.encode(texts), where)
    flags = {f"output_{name}": name in needs for name in LIVE}
    with torch.inference_mode(), _plain_attention(teacher, "attentions" in needs):
        found = teacher.model.to(where)(**inputs, return_dict=True, **flags)
    more = {name: tuple(value.float() for value in getattr(found, name)) for name in LIVE if name in needs}
    return ModelOutput(found.logits.float()[:, teacher.order], **more)


@contextmanager
def _plain_attention(teacher: Teacher, wanted: bool) -> Iterator[None]:
    """Attention computed step by step where its weights are wanted: the fused kernels never hold them. Afterwards the
    teacher computes as before, for another kernel gives logits another last digit."""
    before = teacher.model.config._attn_implementation
    if wanted:
        teacher.model.set_attn_implementation("eager")
    try:
        yield
    finally:
        if wanted:
            teacher.model.set_attn_implementation(before)
