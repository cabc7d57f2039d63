"""Outputs of the student as a loss compares them with the teacher's."""

from collections.abc import Collection
from typing import Any

from distill_core.outputs import ModelOutput
from distill_core.student.network import Sides, Student


def student_outputs(model: Any, sides: Sides, needs: Collection[str] = ()) -> ModelOutput:
    """Logits (batch, labels) and, where a loss `needs` more than these, as hidden states those of each layer where the
    student has some, else one vector (batch, outputs of the encoder) a side; float32."""
    if not needs:
        return ModelOutput(model(sides).float())
    if hasattr(model, "outputs"):
        logits, states, scores = model.outputs(sides)
        hidden, shown = (tuple(value.float() for value in values) for values in (states, scores))
        return ModelOutput(logits.float(), hidden, shown, sides[0][1].to(logits.device))
    together = isinstance(model, Student)
    vectors = model.encode_sides(sides) if together else [model.encode(ids, lengths) for ids, lengths in sides]
    return ModelOutput(model.classify(vectors).float(), tuple(vector.float() for vector in vectors))
