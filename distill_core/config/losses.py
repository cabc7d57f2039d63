"""What a loss says of itself, read without importing it: of whom it asks what."""

from distill_core.registry import LOSSES

NONE = "none"  # the value of the knob first_loss that is no component


def used_losses(first_loss: str, loss: str) -> list[str]:
    """The losses of a student's training, in their order."""
    return [one for one in (first_loss, loss) if one != NONE]


def live_needs(loss: str) -> frozenset[str]:
    """Outputs beside logits that the loss NEEDS: the teacher is then asked for them in every step."""
    return frozenset(LOSSES.constant(loss, "NEEDS", ())) - {"logits"}


def is_layerwise(loss: str) -> bool:
    """Whether the loss compares layers, which only a student cut from its teacher has."""
    return bool(LOSSES.constant(loss, "LAYERWISE", False))
