"""New pairs of sentences that the labelled pairs hold already: no rule puts a sentence beside another one's partner.

Which of them match is for the teacher to say. Each row gets pairs of three kinds in turn: its first sentence with a
second one that resembles its own, two second sentences of one and the same first, and its first sentence with any other
row's second. A row that lacks a kind gets the next one.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from distill_core.data.examples import Text
from distill_core.distillation.transfer_builder import SourceInputs, TransferSetBuilder, transfer_note
from distill_core.evaluation.baseline import WORD_PATTERN
from distill_core.events import Event, Progress
from distill_core.messages import message

NEAR, SHARED, RANDOM = KINDS = ("near", "shared", "random")
CANDIDATES = 20_000  # second sentences among which neighbours are sought: with n rows the search takes n times as long
BLOCK = 256  # rows compared at once: 40 MB
NEIGHBOURS = 12  # of a row: enough for a dozen passes, a third of them of this kind, where a few are known already
DRAWS = 5  # of a partner, until the pair is a new one
SOURCE = "paired"
JUDGED = ("", "")  # parent of every new pair: whatever its row shares with a held-out one, it may not


def add_texts(builder: TransferSetBuilder, inputs: SourceInputs) -> Iterator[Event]:
    """Add `config.pairing` new pairs a row, up to the limit. Raises Stopped."""
    texts = inputs.data.train.texts
    if not inputs.config.pairing or not texts or len(texts[0]) < 2:
        return
    total, counts = inputs.config.pairing * len(texts), Counter[str]()
    for done, (kind, pair, origin) in enumerate(pairs(texts, inputs.config.pairing, inputs.config.seed), 1):
        if len(builder.texts) >= builder.limit:
            break
        if done % BLOCK == 1:
            inputs.raise_if_stopped()
            yield Progress("transfer", done - 1, total, "texts")
        counts[kind] += builder.add(pair, SOURCE, origin, JUDGED)
    yield Progress("transfer", total, total, "texts", 0.0)
    shares = [message("{rule} in {n:,}", rule=kind, n=counts[kind]) for kind in KINDS]
    yield transfer_note("{n:,} new pairs of sentences: {shares}.", n=counts.total(), shares=shares)


def first_pairs(text: Text, texts: Sequence[Text], passes: int, seed: int) -> list[Text]:
    """The pairs that a row `text` among those of `texts`, or among the first of many, would get."""
    others = [other for other in texts[:CANDIDATES] if other != text]
    offered = pairs([text, *others], passes, seed, rows=1)
    return [pair for _, pair, _ in offered]


def pairs(texts: Sequence[Text], passes: int, seed: int, rows: int | None = None) -> Iterator[tuple[str, Text, int]]:
    """The kind, the pair, and the row it comes from of each new pair, for the first `rows` texts or all: pass by pass,
    so that a limit cuts no kind."""
    partners, draw = _Partners(texts, seed), random.Random(seed)
    known = set(texts)
    for turn in range(passes):
        for row in range(len(texts) if rows is None else rows):
            for shift in range(len(KINDS)):
                kind = KINDS[(row + turn + shift) % len(KINDS)]
                found = partners.pairs(kind, row, draw)
                if pair := next((pair for pair in found if pair not in known and pair[0] != pair[1]), None):
                    known.add(pair)
                    yield kind, pair, row
                    break


class _Partners:
    """Partners of the sentences of pairs."""

    def __init__(self, texts: Sequence[Text], seed: int):
        self._texts = texts
        places = range(len(texts))
        self._candidates = sorted(random.Random(seed).sample(places, min(CANDIDATES, len(texts))))
        self._siblings: dict[str, list[int]] = defaultdict(list)
        for row, (first, _) in enumerate(texts):
            self._siblings[first].append(row)
        self._blocks: dict[int, Any] = {}

    def pairs(self, kind: str, row: int, draw: random.Random) -> Iterator[Text]:
        """Pairs of this kind for the row."""
        first, second = self._texts[row]
        if kind == NEAR:
            yield from ((first, self._texts[other][1]) for other in self._neighbours(row))
        elif kind == SHARED:
            yield from ((second, self._texts[draw.choice(self._siblings[first])][1]) for _ in range(DRAWS))
        else:
            yield from ((first, self._texts[draw.randrange(len(self._texts))][1]) for _ in range(DRAWS))

    def _neighbours(self, row: int) -> list[int]:
        """Rows whose second sentences are most like this one's, the nearest first, equal sentences left out."""
        block, place = divmod(row, BLOCK)
        if block not in self._blocks:
            self._blocks[block] = self._nearest(block * BLOCK)
        second = self._texts[row][1]
        near = (self._candidates[candidate] for candidate in self._blocks[block][place].tolist() if candidate >= 0)
        return [other for other in near if self._texts[other][1] != second]

    def _nearest(self, start: int) -> Any:
        """Places of the nearest candidates of a block of rows (rows, NEIGHBOURS), -1 where nothing is in common."""
        import numpy as np

        likeness = (self._table[start : start + BLOCK] @ self._table[self._candidates].T).toarray()
        width = min(NEIGHBOURS, likeness.shape[1])
        places = np.argpartition(-likeness, width - 1, axis=1)[:, :width]
        values = np.take_along_axis(likeness, places, axis=1)
        order = np.argsort(-values, axis=1, kind="stable")
        found = np.where(values > 0, places, -1).astype(np.int32)
        return np.take_along_axis(found, order, axis=1)

    @cached_property
    def _table(self) -> Any:
        import numpy as np
        from sklearn.feature_extraction.text import TfidfVectorizer

        words = TfidfVectorizer(sublinear_tf=True, token_pattern=WORD_PATTERN, dtype=np.float32)
        return words.fit_transform([second for _, second in self._texts])
