"""The Table of strings that every reader returns, and its limits."""

import difflib
import math
from dataclasses import dataclass, field
from typing import Any

from distill_core.errors import DataError
from distill_core.messages import Message, message
from distill_core.unicode import replace_surrogates

MAX_ROWS = 200_000  # of a file
MAX_BYTES = 200_000_000
MAX_COLUMNS = 50
MAX_NAME = 100  # characters of a column's name; a longer one is a text, so the header is missing
Cell = str | None


@dataclass(frozen=True)
class Table:
    """Rows of strings under named columns; an empty cell is None. `numbers` are the rows' numbers as a spreadsheet
    shows them (a header is row 1). `left_out` are columns of lists or objects."""

    name: str
    columns: tuple[str, ...]
    rows: list[tuple[Cell, ...]]
    numbers: list[int]
    left_out: tuple[str, ...] = ()
    notes: list[Message] = field(default_factory=list)

    def column(self, name: str) -> list[Cell]:
        """The cells of one column. Raises DataError where no column has that name."""
        place = self.columns.index(self.check(name))
        return [row[place] for row in self.rows]

    def check(self, name: str, knob: str = "") -> str:
        """The name itself. Raises DataError with the nearest column; `knob` is the setting that it comes from."""
        if name in self.columns:
            return name
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


def too_many_columns(name: str, columns: int) -> DataError:
    return DataError(message(
        "{name} has {n:,} columns; at most {most} are read. Keep only the columns with texts and labels.", name=name,
        n=columns, most=MAX_COLUMNS))  # fmt: skip


def too_many_rows(name: str, rows: int) -> DataError:
    return DataError(message("{name} has more than {most:,} rows. Take a sample of it.", name=name, most=rows))


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
