"""The columns of a table that hold text(s) and label: those that a config names, the others guessed."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from distill_core.data.table import Table
from distill_core.errors import DataError
from distill_core.messages import message


@dataclass(frozen=True)
class Columns:
    """The column of each role. `text2` is None for single sentences, `label` where there are no labels."""

    text: str
    text2: str | None = None
    label: str | None = None

    def chosen(self) -> dict[str, str]:
        """The columns in use, by their role."""
        return {role: name for role, name in vars(self).items() if name is not None}


PAIRS = (
    ("sentence1", "sentence2"),
    ("sentence_1", "sentence_2"),
    ("premise", "hypothesis"),
    ("question1", "question2"),
    ("question", "sentence"),
    ("text1", "text2"),
    ("text_1", "text_2"),
    ("text_a", "text_b"),
    ("sentence_a", "sentence_b"),
    ("query", "passage"),
    ("query", "document"),
    ("question", "answer"),
    ("s1", "s2"),
)
TEXTS = (
    "text", "sentence", "review", "review_text", "content", "body", "comment", "tweet", "message", "utterance",
    "phrase", "document", "headline", "title", "description", "question", "query", "premise", "sentence1", "text1",
    "input",
)  # fmt: skip
LABELS = (
    "label", "labels", "gold_label", "target", "class", "category", "sentiment", "polarity", "intent", "topic", "stars",
    "rating", "emotion", "is_duplicate", "output", "y",
)  # fmt: skip
IDS = frozenset(
    ("id", "idx", "index", "uid", "guid", "uuid", "row", "key", "__index_level_0__", "unnamed: 0", "column 1")
)


def guess_columns(table: Table, text: str | None = None, text2: str | None = None, label: str | None = None) -> Columns:
    """The columns of the text(s) and the label. A name from the caller is only checked; the others are guessed: by
    name, then the column of the longest texts, then the column with the fewest distinct values. Raises DataError."""
    for knob, name in (("text", text), ("text2", text2), ("label", label)):
        if name is not None:
            table.check(name, knob)
    named = [name for name in (text, text2, label) if name is not None]
    if len(set(named)) < len(named):
        raise DataError(message(
            "The columns for {text:knob}, {text2:knob} and {label:knob} must differ; these were chosen: {chosen}.",
            text="text", text2="text2", label="label", chosen=", ".join(named)))  # fmt: skip
    folded = {column.strip().casefold(): column for column in reversed(table.columns)}
    free = [column for column in table.columns if column not in named]
    if text is None and text2 is None:
        for first, second in PAIRS:
            if folded.get(first) in free and folded.get(second) in free:
                text, text2 = folded[first], folded[second]
                break
    if text is None:
        free = [column for column in free if column not in (label, text2)]
        text = next((folded[name] for name in TEXTS if folded.get(name) in free), None) or _longest(table, free)
    if label is None:
        free = [column for column in table.columns if column not in (text, text2)]
        label = next((folded[name] for name in LABELS if folded.get(name) in free), None) or _fewest(table, free)
    return Columns(text, text2, label)


def _sample(table: Table, column: str) -> list[str]:
    place = table.columns.index(column)
    return [cell for row in table.rows[:2000] if (cell := row[place]) is not None]


def _longest(table: Table, columns: Sequence[str]) -> str:
    if not columns:
        raise DataError(message(
            "{name} has no column left for the text. Name the columns with {text:knob} and {label:knob}.",
            name=table.name, text="text", label="label"))  # fmt: skip
    return max(columns, key=lambda name: sum(map(len, cells := _sample(table, name))) / max(1, len(cells)))


def _fewest(table: Table, columns: Iterable[str]) -> str | None:
    """The column that most looks like classes: several values, each frequent, none long."""
    best, fewest = None, math.inf
    for name in columns:
        cells = _sample(table, name)
        distinct = set(cells)
        if name.casefold() in IDS or len(distinct) < 2 or max(map(len, distinct)) > 64:
            continue
        if len(distinct) < fewest and 2 * len(distinct) <= len(cells):
            best, fewest = name, len(distinct)
    return best
