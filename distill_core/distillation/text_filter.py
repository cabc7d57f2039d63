"""Filter of texts that come from elsewhere: as long as the labelled ones, and none that the data have already."""

from collections.abc import Sequence

from distill_core.data.dataset import Dataset
from distill_core.data.examples import normalize

OUTLIERS = 0.01  # of the labelled texts at each end, by whose length no other text is measured
ROOM = 1.5  # times longer or shorter than these: a few rows don't show how long a text may be


class TextFilter:
    """Filter of single texts for the transfer set of `data`."""

    def __init__(self, data: Dataset):
        lengths = sorted(len(text[0]) for text in data.train.texts)
        tail = int(OUTLIERS * len(lengths))
        self.shortest, self.longest = lengths[tail] / ROOM, lengths[-1 - tail] * ROOM
        self._known = {normalize(text) for text in (*data.train.texts, *data.unlabelled)}

    def accepts(self, text: str) -> bool:
        """Whether the text has words, is about as long as the labelled ones and none of the data's own."""
        fits = self.shortest <= len(text) <= self.longest
        return fits and any(map(str.isalpha, text)) and normalize((text,)) not in self._known


def even_rows(labels: Sequence[int], classes: int, most: int) -> list[tuple[int, int]]:
    """Places and labels of at most `most` rows, as many of each label as there are, drawn evenly."""
    rows: list[tuple[int, int]] = []
    for label in range(classes):
        places = [place for place, one in enumerate(labels) if one == label]
        step = max(1, -(-len(places) * classes // most))
        rows += [(place, label) for place in places[::step]]
    return rows
