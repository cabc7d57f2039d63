"""The texts of a bank that are nearest to each label, as the teacher sees them (SentAugment, Du et al. 2020).

A label is the mean of its rows' vectors; each label gets as many texts, those whose vectors have the largest cosine
with its mean. The teacher's encoder over a million texts would take hours on a small machine. So a cheap sieve comes
first: the vector of a text is the mean of its pieces' rows in the teacher's own table, rare pieces weighing more and
what all texts of the bank have in common taken off (Arora et al. 2017). That costs a look-up a piece, thousands of
texts a second, and needs no second model. The teacher reads BANK_CANDIDATES times the texts that are wanted, the best
of the sieve, and the mean of its last layer decides. Memory holds these candidates alone, however long the bank is.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn.functional import embedding_bag, normalize

from distill_core.config.transfer_size import BANK_CANDIDATES
from distill_core.data.examples import normalize as normalize_text
from distill_core.distillation.text_filter import TextFilter, even_rows
from distill_core.distillation.transfer_builder import SourceInputs
from distill_core.events import Progress
from distill_core.progress import TimeLeft
from distill_core.student.source import EmbeddingSource

BLOCK = 4096  # texts of the bank that are compared at once: some 20 MB
READ = 512  # texts that the teacher reads between two reports
MEAN_ROWS = 2_000  # labelled rows that make the labels' means
SMOOTH = 1e-3  # share of all pieces at which a piece weighs half [Arora et al.]


class BankText(NamedTuple):
    """A text, and its number in the bank."""

    text: str
    number: int


class TableVectors:
    """Vectors of texts by the table of a teacher's pieces alone."""

    def __init__(self, teacher: EmbeddingSource, sample: Sequence[str]):
        """Weights and the common part are those of the `sample`. Raises TeacherError where the teacher's tokenizer
        can't give its pieces."""
        self._tokenizer: Tokenizer = teacher.subword_tokenizer()
        self._tokenizer.enable_truncation(teacher.max_tokens)
        self._table = teacher.input_embeddings()
        ids, _ = self._pieces(sample)
        counts = torch.bincount(ids, minlength=len(self._table)).float()
        self._weights = SMOOTH / (SMOOTH + counts / max(1, len(ids)))
        self._common = torch.zeros(self._table.shape[1])
        self._common = self._means(sample).mean(0)

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Vectors of length one (texts, width); of a text without pieces zeros."""
        return normalize(self._means(texts), dim=1)

    def _means(self, texts: Sequence[str]) -> Tensor:
        ids, offsets = self._pieces(texts)
        weights = self._weights[ids]
        sums = embedding_bag(ids, self._table, offsets, mode="sum", per_sample_weights=weights)
        shares = embedding_bag(ids, torch.ones(len(self._table), 1), offsets, mode="sum", per_sample_weights=weights)
        return torch.where(shares > 0, sums / shares.clamp_min(1e-12) - self._common, 0.0)

    def _pieces(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        encoded = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        pieces = [[token for token in one.ids if token < len(self._table)] for one in encoded]
        offsets = torch.tensor([0, *map(len, pieces[:-1])], dtype=torch.long).cumsum(0)
        return torch.tensor([token for one in pieces for token in one], dtype=torch.long), offsets


class _Pool:
    """The candidates so far: for each label its nearest texts, each text once."""

    def __init__(self, labels: int, wanted: int):
        self.wanted = wanted
        self.texts: list[BankText] = []
        self.nearness = torch.empty(0, labels)
        self._known: set[tuple[str, ...]] = set()

    def add(self, texts: Iterable[BankText], nearness: Tensor) -> None:
        """Add texts with their nearness to each label (texts, labels)."""
        new: list[int] = []
        for place, one in enumerate(texts):
            if (key := normalize_text((one.text,))) not in self._known:
                self._known.add(key)
                self.texts.append(one)
                new.append(place)
        self.nearness = torch.cat([self.nearness, nearness[new]])
        if len(self.texts) > 2 * self.wanted + BLOCK:
            self.prune()

    def prune(self) -> None:
        """Leave out what would not be chosen now: a text that comes can only take another's place."""
        places = sorted(in_turn(self.nearness, self.wanted))
        self.nearness, self.texts = self.nearness[places], [self.texts[place] for place in places]
        self._known = {normalize_text((one.text,)) for one in self.texts}


def nearest_texts(
    inputs: SourceInputs, bank: Iterable[str], wanted: int, expected: int
) -> Generator[Progress, None, list[BankText]]:
    """The `wanted` texts of the bank, of `expected` ones, that are nearest to the labels of the data: the nearest of
    each label in turn, so that a limit cuts all labels alike. Raises Stopped, TeacherError, and what reading the bank
    raises."""
    candidates = yield from sieve(inputs, bank, BANK_CANDIDATES * wanted, expected)
    return (yield from _rank(inputs, candidates, wanted))


def sieve(
    inputs: SourceInputs, bank: Iterable[str], wanted: int, expected: int
) -> Generator[Progress, None, list[BankText]]:
    """The `wanted` texts whose pieces alone are the nearest to the labels, as `nearest_texts` returns them."""
    teacher = inputs.teacher
    assert teacher is not None
    train, accepted = inputs.data.train, TextFilter(inputs.data)
    pool, vectors, means = None, None, None
    done, time_left = 0, TimeLeft(expected)
    for block in _blocks(bank):
        inputs.raise_if_stopped()
        texts = [BankText(text, done + place) for place, text in enumerate(block) if accepted.accepts(text)]
        done += len(block)
        if texts:
            sides = [one.text for one in texts]
            if vectors is None or means is None or pool is None:
                rows = even_rows(train.labels, len(inputs.data.labels), MEAN_ROWS)
                own = [train.texts[place][0] for place, _ in rows]
                vectors = TableVectors(teacher, [*own, *sides])
                means = _means(vectors(own), [label for _, label in rows])
                pool = _Pool(len(means), wanted)
            pool.add(texts, vectors(sides) @ means.T)
        yield Progress("transfer", min(done, expected), expected, "texts", time_left.after(min(done, expected)))
    return [pool.texts[place] for place in in_turn(pool.nearness, wanted)] if pool else []


def _rank(
    inputs: SourceInputs, candidates: Sequence[BankText], wanted: int
) -> Generator[Progress, None, list[BankText]]:
    """The wanted ones of the candidates by the teacher's own reading."""
    teacher = inputs.teacher
    if not candidates or teacher is None:
        return []
    train, classes = inputs.data.train, len(inputs.data.labels)
    rows = even_rows(train.labels, classes, MEAN_ROWS)
    own = [train.texts[place] for place, _ in rows]
    texts = [*own, *((one.text,) for one in candidates)]
    order = sorted(range(len(texts)), key=lambda place: len(texts[place][0]))  # texts of like length together
    read, time_left = torch.empty(0), TimeLeft(len(texts))
    for start in range(0, len(order), READ):
        inputs.raise_if_stopped()
        part = order[start : start + READ]
        found = normalize(teacher.text_vectors([texts[place] for place in part]), dim=1)
        if not len(read):
            read = torch.empty(len(texts), found.shape[1])
        read[part] = found
        done = min(start + READ, len(texts))
        yield Progress("transfer", done, len(texts), "texts", time_left.after(done))
    means = _means(read[: len(own)], [label for _, label in rows])
    return [candidates[place] for place in in_turn(read[len(own) :] @ means.T, wanted)]


def in_turn(nearness: Tensor, wanted: int) -> Iterator[int]:
    """Places of the nearest of each label (a column), of the second nearest, and so on, each place once."""
    best, seen = nearness.argsort(dim=0, descending=True, stable=True), set[int]()
    for place in best.flatten().tolist():
        if len(seen) == wanted:
            return
        if place not in seen:
            seen.add(place)
            yield place


def _means(vectors: Tensor, labels: Sequence[int]) -> Tensor:
    """The mean vector, of length one, of each label that has rows."""
    classes = max(labels) + 1
    sums = torch.zeros(classes, vectors.shape[1]).index_add_(0, torch.tensor(labels), vectors)
    return normalize(sums[sorted(set(labels))], dim=1)


def _blocks(texts: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(texts)
    while block := list(islice(rest, BLOCK)):
        yield block
