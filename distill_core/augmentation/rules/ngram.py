"""Keep one stretch of one to five words and drop the rest: the teacher judges a phrase by itself."""

import random
from collections.abc import Callable, Sequence

LEVEL = "text"
RATE = 0.25
LONGEST = 5


def prepare(corpus: Sequence[tuple[str, ...]], language: str) -> tuple[Callable | None, str]:
    """The rule, and why it is off ("": it never is)."""
    return keep, ""


def keep(tokens: Sequence[str], rng: random.Random) -> Sequence[int]:
    """The positions in `tokens` (at least one) that stay: n of them in a row, n uniform in 1..LONGEST."""
    n = min(rng.randint(1, LONGEST), len(tokens))
    start = rng.randint(0, len(tokens) - n)
    return range(start, start + n)
