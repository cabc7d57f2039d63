"""Number of transfer texts that the config leaves to the data."""

from collections.abc import Sequence

from distill_core.config.schema import Config

FEW_ROWS = 2_000  # labelled rows up to which texts with near words are made [benchmarks/RESULTS.md, "Near words"]
SHORT_TEXT = 300  # characters: between the sentences for which they are good and the abstracts for which they are not
NEIGHBOUR_PASSES = 10  # such texts of each labelled one


def neighbour_passes(config: Config, rows: int, unlabelled: int, pair: bool, size: float) -> int:
    """Passes over that number of labelled rows, of so many characters in the mean, that exchange words for near ones.
    Where the person gave as many texts without labels, those bring the words, and true ones; in long texts and in
    pairs, whose answer hangs on the words that both sentences share, the exchange does harm."""
    if isinstance(config.neighbours, int):
        return config.neighbours
    return NEIGHBOUR_PASSES if unlabelled < rows <= FEW_ROWS and size <= SHORT_TEXT and not pair else 0


def mean_size(texts: Sequence[tuple[str, ...]]) -> float:
    """Characters of a text in the mean."""
    return sum(len(side) for text in texts for side in text) / max(1, len(texts))
