"""The columns of a table that hold text(s) and label: those that a config names, the others guessed."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from distill_core.data.overlap import split_words
from distill_core.data.table import Cell, Table, several_labels
from distill_core.errors import DataError
from distill_core.messages import Message, message


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
    ("premise", "hypothesis"),
    ("question", "sentence"),
    ("query", "passage"),
    ("query", "document"),
    ("question", "answer"),
)
# a pair of columns is also called by one of these and a number, letter or side: question_1, sentenceB, "Text left"
PAIR_BASES = (
    "sentence", "question", "text", "s", "q", "query", "phrase", "premise", "document", "doc", "title", "sent",
    "string", "str", "review", "comment", "utterance", "passage", "input",
)  # fmt: skip
SIDES = (("1", "2"), ("a", "b"), ("left", "right"), ("first", "second"), ("one", "two"), ("0", "1"))
TEXTS = (
    "text", "sentence", "review", "reviewtext", "content", "body", "comment", "tweet", "message", "utterance",
    "phrase", "document", "headline", "title", "description", "question", "query", "premise", "input",
    *(base + side for base in ("sentence", "text", "question") for side in ("1", "a")),
)  # fmt: skip
LABELS = (
    "label", "labels", "goldlabel", "target", "class", "category", "sentiment", "polarity", "intent", "topic", "stars",
    "rating", "emotion", "isduplicate", "output", "y",
)  # fmt: skip
# what a column is called that says where a row is from, and no label
ORIGINS = frozenset((
    "split", "set", "subset", "fold", "lang", "language", "locale", "source", "date", "time", "year", "month", "day",
    "country", "author", "user", "username", "userid", "version",
))  # fmt: skip
SEVERAL = (*LABELS, "classes", "categories", "tags", "topics", "intents", "emotions", "genres", "targets")
IDS = frozenset(
    (
        "id",
        "idx",
        "index",
        "uid",
        "guid",
        "uuid",
        "row",
        "rowid",
        "key",
        "indexlevel0",
        "unnamed0",
        "column1",
        "no",
        "nr",
    )
)
SAMPLE = 2_000  # rows that a guess looks at, from all over the file
FEW = 3  # cells of which nothing can be told
NEARLY_EMPTY = 0.1  # share of filled cells under which no column is guessed
MAX_LABEL = 64  # characters; a longer one is a text
YES_NO = frozenset(("0", "1", "0.0", "1.0", "true", "false", "yes", "no"))
# from a word's beginning on, else a text without spaces costs the square of its length
ADDRESS = re.compile(r"(https?://|www\.)\S+\s*|(?<!\S)\S+@\S+\s*")
SEPARATORS = re.compile(r"[\s_.\-:]+")


def fold_name(column: str) -> str:
    """A column's name without case, spaces and signs: "Review Text", "review_text" and "reviewText" are equal."""
    return SEPARATORS.sub("", column).casefold()


def read_lists(
    columns: Mapping[str, Sequence[Any]], name: str, notes: list[Message]
) -> tuple[dict[str, list[Any]], dict[str, str]]:
    """Of columns of lists: those of labels whose every list holds at most one, with these values, which a note names;
    and those of several short values, with an example."""
    single: dict[str, list[Any]] = {}
    several: dict[str, str] = {}
    for column, values in columns.items():
        lists = [value for value in values if value is not None]
        if fold_name(column) in SEVERAL and lists and all(isinstance(value, dict) for value in lists):
            several[column] = ", ".join(map(str, lists[0]))[:80]
            continue
        if not lists or not all(isinstance(value, list) for value in lists):
            continue
        if any(isinstance(one, dict | list) for value in lists for one in value):
            continue
        longest = max(lists, key=len)
        if len(longest) == 1 and fold_name(column) in LABELS:
            single[column] = [value[0] if value else None for value in values]
            notes.append(message(
                "Column {column} of {name} can hold several labels a row; each row has one at most, and that was read.",
                column=repr(column), name=name))  # fmt: skip
        elif len(longest) > 1 and all(len(str(one)) <= 64 for one in longest):
            several[column] = ", ".join(str(one) for one in longest)[:80]
    return single, several


def guess_columns(table: Table, text: str | None = None, text2: str | None = None, label: str | None = None) -> Columns:
    """The columns of the text(s) and the label. A name from the caller is only checked; the others are guessed among
    those that are filled and vary: by name, then the column of the most words, then the one with the fewest distinct
    values. Raises DataError, also where a row seems to have several labels."""
    texts = guess_text_columns(table, text, text2, label)
    if label is None:
        free = [column for column in table.columns if column not in (texts.text, texts.text2)]
        label = _label(table, free, _folded(table), {column: _sample(table, column) for column in free})
    return Columns(texts.text, texts.text2, label)


def guess_text_columns(
    table: Table, text: str | None = None, text2: str | None = None, label: str | None = None
) -> Columns:
    """The columns of the text(s) alone, as `guess_columns` has them. Raises DataError."""
    for knob, name in (("text", text), ("text2", text2), ("label", label)):
        if name is not None:
            table.check(name, knob)
    named = [name for name in (text, text2, label) if name is not None]
    if len(set(named)) < len(named):
        raise DataError(message(
            "The columns for {text:knob}, {text2:knob} and {label:knob} must differ; these were chosen: {chosen}.",
            text="text", text2="text2", label="label", chosen=", ".join(named)))  # fmt: skip
    folded, samples = _folded(table), {column: _sample(table, column) for column in table.columns}
    free = [column for column in table.columns if column not in named]
    if text is None and text2 is None:
        varying = [column for column in free if _varies(samples[column])]
        text, text2 = _pair(folded, varying or free) or (None, None)
    if text is None:
        text = _text(table, [column for column in free if column != text2], folded, samples)
    return Columns(text, text2)


def _folded(table: Table) -> dict[str, str]:
    """The columns by their folded names; of twins the first."""
    return {fold_name(column): column for column in reversed(table.columns)}


def _sample(table: Table, column: str) -> list[Cell]:
    place, step = table.columns.index(column), max(1, len(table.rows) // SAMPLE)
    return [row[place] for row in table.rows[::step]]


def _varies(cells: Sequence[Cell]) -> bool:
    """True of a column that is filled and doesn't say the same in every row."""
    filled = [cell for cell in cells if cell is not None]
    return len(filled) >= max(1, NEARLY_EMPTY * len(cells)) and (len(set(filled)) > 1 or len(filled) < FEW)


def _is_index(column: str, cells: Sequence[Cell]) -> bool:
    """True of a column that only tells the rows apart: by its name, or each row has another number."""
    distinct = set(cells)
    numbered = len(distinct) == len(cells) > 2 and all(cell and cell.lstrip("-").isdecimal() for cell in cells)
    return fold_name(column) in IDS or numbered


def _pair(folded: Mapping[str, str], free: Sequence[str]) -> tuple[str, str] | None:
    """Two columns whose names make a pair."""
    sides = [(base + one, base + other) for one, other in SIDES for base in PAIR_BASES]
    for first, second in (
        *PAIRS,
        *sides,
        *((one + base, other + base) for one, other in SIDES[2:4] for base in PAIR_BASES),
    ):
        if folded.get(first) in free and folded.get(second) in free:
            return folded[first], folded[second]
    return None


def _text(table: Table, free: Sequence[str], folded: Mapping[str, str], samples: Mapping[str, list[Cell]]) -> str:
    """The column of the texts: by its name, else the one with the most words."""
    if not free:
        raise DataError(message(
            "{name} has no column left for the text. Name the columns with {text:knob} and {label:knob}.",
            name=table.name, text="text", label="label"))  # fmt: skip
    named = [folded[name] for name in TEXTS if folded.get(name) in free]
    usable = [name for name in free if _varies(samples[name]) and not _is_index(name, samples[name])]
    by_name = [name for name in named if name in usable]
    if by_name:
        return by_name[0]
    words = {name: _words(samples[name]) for name in usable}
    if usable and (max(words.values()) > 0 or not named):
        return max(usable, key=lambda name: words[name])
    return named[0] if named else max(free, key=lambda name: _words(samples[name]))


def _words(cells: Sequence[Cell]) -> float:
    """Words in a cell, on average over all rows: a rare long remark is no text, and an address or a number no word."""
    plain = [ADDRESS.sub("", cell) for cell in cells if cell]
    return sum(sum(map(str.isalpha, word)) > 0 for cell in plain for word in split_words(cell)) / max(1, len(cells))


def _label(
    table: Table, free: Sequence[str], folded: Mapping[str, str], samples: Mapping[str, list[Cell]]
) -> str | None:
    """The column of the labels: by its name, else the one that most looks like classes: several values, each frequent,
    none long. None where no column does. Raises DataError where there are several labels a row."""
    named = [folded[name] for name in LABELS if folded.get(name) in free]
    for name in named:
        distinct = {cell for cell in samples[name] if cell is not None}
        if len(distinct) > 1 and max(map(len, distinct)) <= MAX_LABEL:
            return name
    lists = [column for column in table.several if fold_name(column) in SEVERAL] or list(table.several)
    if lists:
        raise several_labels(table.name, lists[0], table.several[lists[0]])
    if named:
        return named[0]
    marks = [name for name in free if _is_yes_no(samples[name])]
    if len(marks) > 1:
        raise DataError(message(
            "{name} has {n} columns of yes or no ({columns}), so a row may have several labels. A student gives one "
            "label a text: name one of these columns with {knob:knob}, or put one label in each row.", name=table.name,
            n=len(marks), columns=", ".join(map(repr, marks[:8])), knob="label"))  # fmt: skip
    for name in table.left_out:
        if fold_name(name) in LABELS:
            table.check(name)
    best, fewest = None, math.inf
    for name in _likely_labels(free):
        cells = [cell for cell in samples[name] if cell is not None]
        distinct = set(cells)
        if fold_name(name) in IDS or len(distinct) < 2 or max(map(len, distinct)) > MAX_LABEL:
            continue
        if len(distinct) < fewest and 2 * len(distinct) <= len(cells) and _varies(samples[name]):
            best, fewest = name, len(distinct)
    return best


def _likely_labels(free: Sequence[str]) -> list[str]:
    """The columns whose name holds a label's word ("intent_name"), else all but those that say where a row is from."""
    by_name = [name for name in free if any(len(word) > 4 and word in fold_name(name) for word in LABELS)]
    return by_name or [name for name in free if fold_name(name) not in ORIGINS] or list(free)


def _is_yes_no(cells: Sequence[Cell]) -> bool:
    distinct = {cell.strip().casefold() for cell in cells if cell is not None}
    return len(distinct) == 2 and distinct <= YES_NO
