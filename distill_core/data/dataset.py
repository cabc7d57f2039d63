"""Data sets as types: raw, as a task loads one, and ready, as a run uses it."""

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property

from typing_extensions import TypedDict

from distill_core.data.examples import Text


@dataclass(frozen=True)
class RawSplit:
    """Texts with their labels, as many of each; None where a row has no label. `name` is the source's name in messages
    ("reviews.csv"), `numbers` are its row numbers there; without them rows count from 1. `lenient`: the user can't mend
    the source (a Hub data set), so what is left out of it is no warning."""

    texts: list[Text]
    labels: list[str | None]
    name: str = ""
    numbers: list[int] | None = None
    lenient: bool = False


@dataclass(frozen=True)
class RawDataset:
    """The result of a task's `load(config)`. `valid` and `test` are None where they are to be cut from `train`;
    `labels` is the order of the classes, None where the rows decide; `scored_on` names the split that `test` is;
    `doubts` are notes that a person should look into."""

    train: RawSplit
    valid: RawSplit | None = None
    test: RawSplit | None = None
    unlabelled: list[Text] = field(default_factory=list)
    labels: tuple[str, ...] | None = None
    notes: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    scored_on: str = "test"
    columns: dict[str, str] = field(default_factory=dict)


class SourceRow(TypedDict, total=False):
    """The row that a text comes from: the name of its source, and its number there. Empty where that isn't known."""

    source: str
    row: int


@dataclass(frozen=True)
class Split:
    """Texts and their classes, as indices into `Dataset.labels`: as many of each. `numbers` are their row numbers in
    `source`, as `RawSplit` has them; empty in data that an earlier version froze."""

    texts: list[Text]
    labels: list[int]
    source: str = ""
    numbers: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.texts)

    def source_row(self, place: int) -> SourceRow:
        """The row that the text at that place comes from."""
        return {"source": self.source, "row": self.numbers[place]} if self.numbers else {}


@dataclass(frozen=True)
class Dataset:
    """The data of a run, ready for training and scoring. No text of `test` occurs in another split or in `unlabelled`.
    `notes` are (level, sentence) with level "info" or "warning"; `columns` are the source's columns by their role."""

    train: Split
    valid: Split
    test: Split
    unlabelled: list[Text]
    labels: tuple[str, ...]
    pair: bool
    language: str
    scored_on: str
    notes: list[tuple[str, str]]
    columns: dict[str, str]

    @cached_property
    def _digest(self) -> str:
        splits = [[split.texts, split.labels] for split in (self.train, self.valid)]
        content = json.dumps([splits, self.labels, self.language], ensure_ascii=True)
        return hashlib.sha256(content.encode()).hexdigest()

    def fingerprint(self) -> str:
        """The sha256, as hex, of all that training on the labelled rows depends on: not of the test rows."""
        return self._digest
