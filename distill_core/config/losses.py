"""What a loss says of itself, read without importing it: of whom it asks what."""

from distill_core.registry import LOSSES

NONE = "none"  # the value of the knob first_loss that is no component
MASKED_HEAD = "masked_head"  # what a loss NEEDS that guesses masked pieces: no output of the teacher


def used_losses(first_loss: str, loss: str) -> list[str]:
    """The losses of a student's training, in their order."""
    return [one for one in (first_loss, loss) if one != NONE]


def live_needs(loss: str) -> frozenset[str]:
    """Outputs beside logits that the loss NEEDS: the teacher is then asked for them in every step."""
    return frozenset(LOSSES.constant(loss, "NEEDS", ())) - {"logits", MASKED_HEAD}


def guesses_masked(loss: str) -> bool:
    """Whether the loss has the student guess masked pieces, which takes a head of the teacher's base."""
    return MASKED_HEAD in LOSSES.constant(loss, "NEEDS", ())


def wants_head(first_loss: str, loss: str) -> bool:
    """Whether a training by these losses has the student guess masked pieces in some of its steps."""
    return any(map(guesses_masked, used_losses(first_loss, loss)))


def is_layerwise(loss: str) -> bool:
    """Whether the loss compares layers, which only a student cut from its teacher has."""
    return bool(LOSSES.constant(loss, "LAYERWISE", False))
