"""The Table of strings that every reader returns, and its limits."""

import difflib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from distill_core.environment import host_limit
from distill_core.errors import DataError
from distill_core.messages import Message, message
from distill_core.unicode import replace_surrogates

MAX_LOCAL_ROWS, MAX_PUBLIC_ROWS = 1_000_000, 5_000  # of a file
MAX_BYTES = 200_000_000
MAX_COLUMNS = 50
MAX_NAME = 100  # characters of a column's name; a longer one is a text, so the header is missing
Cell = str | None


def max_rows() -> int:
    """The most rows that a file may have. STILLROOM_MAX_ROWS says otherwise."""
    return host_limit("STILLROOM_MAX_ROWS", MAX_LOCAL_ROWS, MAX_PUBLIC_ROWS)


@dataclass(frozen=True)
class Table:
    """Rows of strings under named columns; an empty cell is None. `numbers` are the rows' numbers as a spreadsheet
    shows them (a header is row 1). `left_out` are columns of lists or objects; `several` are those of lists among them,
    each with an example; `unreadable` are rows that fit no columns, by their number, with the cells they have. `doubts`
    are notes that a person should look into. `delimiter`: of the columns in the file, "," where it has none."""

    name: str
    columns: tuple[str, ...]
    rows: list[tuple[Cell, ...]]
    numbers: list[int]
    left_out: tuple[str, ...] = ()
    notes: list[Message] = field(default_factory=list)
    doubts: list[Message] = field(default_factory=list)
    several: dict[str, str] = field(default_factory=dict)
    unreadable: dict[int, tuple[Cell, ...]] = field(default_factory=dict)
    delimiter: str = ","

    def column(self, name: str) -> list[Cell]:
        """The cells of one column. Raises DataError where no column has that name."""
        place = self.columns.index(self.check(name))
        return [row[place] for row in self.rows]

    def check(self, name: str, knob: str = "") -> str:
        """The name itself. Raises DataError with the nearest column; `knob` is the setting that it comes from."""
        if name in self.columns:
            return name
        if name in self.several:
            raise several_labels(self.name, name, self.several[name])
        if name in self.left_out:
            raise DataError(message(
                "Column {column} of {name} holds lists or objects, not texts. Choose another column.",
                column=repr(name), name=self.name))  # fmt: skip
        folded = {column.casefold(): column for column in self.columns}
        near = folded.get(name.casefold()) or next(iter(difflib.get_close_matches(name, self.columns, 1, 0.5)), None)
        hint = message(" Did you mean {name}?", name=repr(near)) if near else ""
        setting = message(" (asked for by {knob:knob})", knob=knob) if knob else ""
        names = ", ".join(map(repr, self.columns))
        raise DataError(message("{name} has no column {column}{asked}.{hint} Its columns: {columns}.", name=self.name,
                               column=repr(name), asked=setting, hint=hint, columns=names))  # fmt: skip


def column_names(names: Sequence[str], name: str, first_row: bool = True) -> tuple[str, ...]:
    """The column names, stripped; a nameless column is called by its number. Raises DataError on names that can't be a
    header (`first_row`: they come from a row, which may be one of data)."""
    columns = tuple(column.strip() or f"column {place}" for place, column in enumerate(names, 1))
    if len(columns) > MAX_COLUMNS:
        raise too_many_columns(name, len(columns))
    if twice := next((column for column in columns if columns.count(column) > 1), None):
        raise DataError(message("The header of {name} has the column {column} twice. Give each column its own name.",
                               name=name, column=repr(twice)))  # fmt: skip
    long = next((column for column in columns if len(column) > MAX_NAME), None)
    if first_row and (long is not None or not any(letter.isalpha() for column in names for letter in column)):
        shown = (long or ", ".join(columns))[:40]
        raise DataError(message("The first row of {name} ({row}…) looks like data, not like a header. Put the columns' "
                               "names in the first row, for example: text,label.", name=name,
                               row=repr(shown)))  # fmt: skip
    return columns


def is_used(place: int, column: str, rows: Sequence[tuple[Cell, ...]]) -> bool:
    """False of a nameless column without a cell: commas at the end of every line make such."""
    return column != f"column {place + 1}" or any(row[place] is not None for row in rows)


def without_unused(table: Table) -> Table:
    """The table without its nameless columns that have no cell."""
    used = [place for place, column in enumerate(table.columns) if is_used(place, column, table.rows)]
    if len(used) == len(table.columns):
        return table

    def cut(row: tuple[Cell, ...]) -> tuple[Cell, ...]:
        return tuple(row[place] for place in used)

    return replace(
        table, columns=tuple(table.columns[place] for place in used), rows=list(map(cut, table.rows)),
        unreadable={number: cut(row) for number, row in table.unreadable.items()},
    )  # fmt: skip


def too_many_columns(name: str, columns: int) -> DataError:
    return DataError(message(
        "{name} has {n:,} columns; at most {most} are read. Keep only the columns with texts and labels.", name=name,
        n=columns, most=MAX_COLUMNS))  # fmt: skip


def too_many_rows(name: str, rows: int) -> DataError:
    return DataError(message("{name} has more than {most:,} rows. Take a sample of it.", name=name, most=rows))


def several_labels(name: str, column: str, example: str) -> DataError:
    return DataError(message(
        "Column {column} of {name} holds several labels a row ({example}). A student gives one label a text: keep one "
        "label in each row, or make a yes/no column of the label you care for and name it with {knob:knob}.",
        column=repr(column), name=name, example=example, knob="label"))  # fmt: skip


def text_cell(text: str) -> Cell:
    return text if text.strip() else None


def as_cell(value: Any) -> Cell:
    """A JSON or Arrow value as text; integral floats lose their point, since a column with gaps turns 1 into 1.0."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, str):  # no file can store half a surrogate pair
        return text_cell(replace_surrogates(value))
    return text_cell(str(value))


def class_name(number: Any, words: Sequence[str]) -> Cell:
    """The word for a class number; -1 means no class."""
    if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < len(words):
        return words[number]
    return None if number in (None, -1) else str(number)
