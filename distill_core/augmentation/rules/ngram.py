"""Keep one stretch of one to five words and drop the rest: the teacher judges a phrase by itself."""

import random
from collections.abc import Sequence

from distill_core.augmentation.pos_tagging import Sentence
from distill_core.augmentation.rules import TextRule

LEVEL = "text"
RATE = 0.25
LONGEST = 5


def prepare(corpus: Sequence[Sentence], language: str) -> tuple[TextRule | None, str]:
    """The rule, and why it is off (""; this one never is). It needs nothing of `corpus`."""
    return keep, ""


def keep(tokens: Sequence[str], rng: random.Random) -> Sequence[int]:
    """The positions in `tokens` that stay: n of them in a row, n uniform in 1..LONGEST."""
    n = min(rng.randint(1, LONGEST), len(tokens))
    start = rng.randint(0, len(tokens) - n)
    return range(start, start + n)
