"""Hide words behind the mask token: the teacher says what the rest of the text still tells."""

import random
from collections.abc import Sequence

from distill_core.augmentation.pos_tagging import Sentence
from distill_core.augmentation.rules import WordRule
from distill_core.tokenization import MASK

LEVEL = "word"
RATE = 0.1


def prepare(corpus: Sequence[Sentence], language: str) -> tuple[WordRule | None, str]:
    """The rule, and why it is off (""; this one never is). It needs nothing of `corpus`."""
    return hide, ""


def hide(tokens: Sentence, index: int, rng: random.Random) -> str:
    """The mask in place of `tokens[index]`."""
    return MASK
