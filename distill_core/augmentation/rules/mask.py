"""Hide words behind the mask token: the teacher says what the rest of the text still tells."""

import random
from collections.abc import Callable, Sequence

from distill_core.tokenization import MASK

LEVEL = "word"
RATE = 0.1


def prepare(corpus: Sequence[tuple[str, ...]], language: str) -> tuple[Callable | None, str]:
    """The rule, and why it is off ("": it never is). `corpus` holds sentences as words; none are needed here."""
    return hide, ""


def hide(tokens: tuple[str, ...], index: int, rng: random.Random) -> str:
    """What stands in place of `tokens[index]`."""
    return MASK
