"""Number of transfer texts that the config leaves to the data."""

from collections.abc import Sequence
from math import ceil

from distill_core.config.schema import Config

FEW_ROWS = 2_000  # labelled rows up to which texts with near words are made [benchmarks/RESULTS.md, "Near words"]
SHORT_TEXT = 300  # characters: between the sentences for which they are good and the abstracts for which they are not
# Such texts of each labelled one: ten, or as many as make NEIGHBOUR_TEXTS of fewer rows, up to the forty that were
# measured [the same, "More of them for a hundred rows"].
NEIGHBOUR_PASSES, MOST_PASSES, NEIGHBOUR_TEXTS = 10, 40, 4_000

BANK_CANDIDATES = 3  # texts that the teacher reads for each one of a text bank that is wanted


def neighbour_passes(config: Config, rows: int, unlabelled: int, pair: bool, size: float) -> int:
    """Passes over that number of labelled rows, of so many characters in the mean, that exchange words for near ones.
    Where the person gave as many texts without labels, those bring the words, and true ones; in long texts and in
    pairs, whose answer hangs on the words that both sentences share, the exchange does harm."""
    if isinstance(config.neighbours, int):
        return config.neighbours
    if not unlabelled < rows <= FEW_ROWS or size > SHORT_TEXT or pair:
        return 0
    return min(MOST_PASSES, max(NEIGHBOUR_PASSES, ceil(NEIGHBOUR_TEXTS / rows)))


def mean_size(texts: Sequence[tuple[str, ...]]) -> float:
    """Characters of a text in the mean."""
    return sum(len(side) for text in texts for side in text) / max(1, len(texts))
