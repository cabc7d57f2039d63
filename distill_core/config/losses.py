"""What a loss says of itself, read without importing it: of whom it asks what."""

from distill_core.registry import LOSSES

NONE = "none"  # the value of the knob first_loss that is no component


def live_needs(loss: str) -> frozenset[str]:
    """Outputs beside logits that the loss NEEDS: the teacher is then asked for them in every step."""
    return frozenset(LOSSES.constant(loss, "NEEDS", ())) - {"logits"} if loss != NONE else frozenset()


def is_layerwise(loss: str) -> bool:
    """Whether the loss compares layers, which only a student cut from its teacher has."""
    return loss != NONE and bool(LOSSES.constant(loss, "LAYERWISE", False))
