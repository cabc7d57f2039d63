"""Excel workbooks as tables: the first sheet that holds rows.

Knows nothing of labels or tasks.
"""

import zipfile
from contextlib import closing
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill_core.data.table import (
    MAX_BYTES,
    MAX_COLUMNS,
    Cell,
    Table,
    as_cell,
    column_names,
    too_many_columns,
    too_many_rows,
    without_unused,
)
from distill_core.errors import DataError
from distill_core.messages import Message, message

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_UNPACKED = 5 * MAX_BYTES  # of the XML, which says everything at length
SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
TEXTS = (f"{SHEET}t", f"{SHEET}r/{SHEET}t")  # in an `is` element; a phonetic guide (rPh) is no text of the cell
TITLE_ROWS = 20  # rows at the top among which the header is looked for, below a title


def is_workbook(path: Path) -> bool:
    """True of a file that is a workbook inside, whatever its name."""
    try:
        with zipfile.ZipFile(path) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return False


def read_workbook(path: Path, name: str, rows: int) -> Table:
    """The first sheet with rows as a Table; its header is the first row with several cells. Raises DataError."""
    if not is_workbook(path):
        raise DataError(message(
            "{name} is not an Excel workbook that can be read. Save it as .xlsx without a password, or as CSV.",
            name=name))  # fmt: skip
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > MAX_UNPACKED:
        raise DataError(message("{name} holds more than {most:,.0f} MB of text. Take a sample of it.", name=name,
                               most=MAX_BYTES / 1e6))  # fmt: skip
    from openpyxl import load_workbook
    from openpyxl.worksheet import _reader
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet

    ReadOnlyWorksheet._get_size = lambda sheet: None  # it would parse a sheet that doesn't state its size twice
    _reader.Text = _CellText  # openpyxl's own reads the formatting too, which takes a third of a workbook's time
    try:
        # by its name openpyxl refuses a workbook that is called .csv
        with path.open("rb") as stream, closing(load_workbook(stream, read_only=True, data_only=True)) as book:
            for number, sheet in enumerate(book.worksheets):
                sheet.reset_dimensions()  # some programs write a wrong one
                found = _lines(sheet, name, rows)
                if found:
                    others = [other.title for place, other in enumerate(book.worksheets) if place != number]
                    return _table(found, name, sheet.title, others)
    except DataError:
        raise
    except Exception as error:  # openpyxl lets through whatever a damaged part makes its parsers raise
        raise DataError(message(
            "{name} is not an Excel workbook that can be read. Save it as .xlsx without a password, or as CSV.",
            name=name)) from error  # fmt: skip
    raise DataError(message("{name} is empty. Give a file with a header and rows.", name=name))


def _lines(sheet: Any, name: str, rows: int) -> list[tuple[int, tuple[Cell, ...]]]:
    """The rows of a sheet that hold a cell, by number, the cells behind the last one cut off."""
    found: list[tuple[int, tuple[Cell, ...]]] = []
    size = 0
    for number, values in enumerate(sheet.iter_rows(values_only=True), 1):
        cells = [_cell(value) for value in values]
        while cells and cells[-1] is None:
            cells.pop()
        if not cells:
            continue
        if len(cells) > MAX_COLUMNS:
            raise too_many_columns(name, len(cells))
        if len(found) > rows:
            raise too_many_rows(name, rows)
        size += sum(len(cell) for cell in cells if cell)
        if size > MAX_BYTES:
            raise DataError(message("{name} holds more than {most:,.0f} MB of text. Take a sample of it.", name=name,
                                   most=MAX_BYTES / 1e6))  # fmt: skip
        found.append((number, tuple(cells)))
    return found


@dataclass(frozen=True)
class _CellText:
    """Text of a cell that holds it itself and not by number: what stands in it or in its runs of one format."""

    content: str

    @classmethod
    def from_tree(cls, element: "Element") -> "_CellText":
        """Reads an `is` element of a sheet."""
        return cls("".join(part.text or "" for path in TEXTS for part in element.iterfind(path)))


def _cell(value: Any) -> Cell:
    return value.isoformat() if isinstance(value, date | time) else as_cell(value)


def _table(lines: list[tuple[int, tuple[Cell, ...]]], name: str, sheet: str, others: list[str]) -> Table:
    head = next((place for place, (_, row) in enumerate(lines[:TITLE_ROWS]) if sum(map(bool, row)) > 1), 0)
    notes: list[Message] = []
    if others:
        notes.append(message(
            "{name} has several sheets; {sheet} was read, not {others}. To read another, move it to the front.",
            name=name, sheet=repr(sheet), others=", ".join(map(repr, others[:5]))))  # fmt: skip
    if head:
        notes.append(message("The header of {name} is row {number:,}; what stands above it is no row.", name=name,
                             number=lines[head][0]))  # fmt: skip
    width = max(len(row) for _, row in lines[head:])
    names = [cell or "" for cell in lines[head][1]]
    columns = column_names([*names, *[""] * (width - len(names))], name)
    by_number = dict(lines[head + 1 :])
    numbers = list(range(lines[head][0] + 1, max(by_number, default=0) + 1))
    padded = [(row := by_number.get(number, ())) + (None,) * (width - len(row)) for number in numbers]
    return without_unused(Table(name, columns, padded, numbers, notes=notes))
