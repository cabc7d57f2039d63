"""Outputs of the student as a loss compares them with the teacher's."""

from typing import Any

from distill_core.outputs import ModelOutput
from distill_core.student.runtime import Sides, Student


def student_outputs(model: Any, sides: Sides) -> ModelOutput:
    """Logits (batch, labels) and, as hidden states, one vector (batch, outputs of the encoder) a side."""
    together = isinstance(model, Student)
    vectors = model.encode_sides(sides) if together else [model.encode(ids, lengths) for ids, lengths in sides]
    return ModelOutput(model.classify(vectors), tuple(vectors))
