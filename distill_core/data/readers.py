"""Readers of CSV, TSV, JSON, Excel, Parquet and plain text: a Table of strings, or a DataError with its row.

A row that fits no columns is left out and counted, for one is no reason to refuse a file; where half of them are, the
file is read wrongly and refused. pandas and load_dataset shift the columns of a ragged CSV without a warning, so they
aren't used here. Knows nothing of tasks.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from distill_core import bounded
from distill_core.bounded import MB, Budget
from distill_core.data.columns import read_lists
from distill_core.data.encoding import DecodedFile, decode
from distill_core.data.examples import row_numbers
from distill_core.data.table import (
    MAX_BYTES,
    MAX_COLUMNS,
    Cell,
    Table,
    as_cell,
    class_name,
    column_names,
    max_rows,
    text_cell,
    too_many_columns,
    too_many_rows,
    without_unused,
)
from distill_core.data.workbook import is_workbook, read_workbook
from distill_core.environment import public_host
from distill_core.errors import DataError
from distill_core.messages import Message, message, os_error_reason, unreadable_reason

NO_BLANK = re.compile(r"\S")
MAX_LINES = 20_000_000  # of a text file
MAX_CELLS = 200_000  # of a line, as far as its delimiters show; a text within quotes has them too
MAX_VALUES = 20_000_000  # of a JSON or Parquet file
SHORTEST_ROW = 24  # bytes, in the mean of a file
MAX_UNPACKED = 2 * MAX_BYTES  # of a Parquet file, whose columns needn't all be texts


def read_table(path: str | Path) -> Table:
    """The file as a Table; its ending decides the format. Raises DataError, which names the row; also for more than
    `max_rows` rows. Where the process is the page's or a run's, a child reads it (see `bounded`)."""
    return bounded.call(_read_file, Path(path), name=Path(path).name, budget=file_budget(path))


def file_budget(*paths: str | Path) -> Budget:
    """Budget of reading these files, and of preparing their rows: several times what honest ones of their size need
    [measured: 1 to 2 s and 50 to 70 MB for 1 MB, 1.8 kB for each short row]. A visitor of a public host gets less."""
    size = 0
    for path in paths:
        with suppress(OSError, ValueError, RuntimeError):  # which the reading itself reports
            size += Path(path).expanduser().stat().st_size
    if public_host():
        return Budget(seconds=4 + size / MB, memory=250 * MB + 15 * size)
    rows = min(max_rows(), size // SHORTEST_ROW)
    return Budget(seconds=8 + 2 * size / MB + rows / 5_000, memory=200 * MB + 15 * size + 2_000 * rows)


def _read_file(path: Path) -> Table:
    name = path.name
    try:
        path = path.expanduser()
        if not path.exists():
            raise DataError(message("There is no file {file}. Check the name and the folder.", file=repr(str(path))))
        if not path.is_file():
            raise DataError(message("{file} is not a file. Give one CSV, TSV, JSONL, Excel or Parquet file.",
                                   file=repr(str(path))))  # fmt: skip
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise DataError(message("{name} has {size:,.0f} MB; at most {most:,.0f} are read. Take a sample of it.",
                                   name=name, size=size / 1e6, most=MAX_BYTES / 1e6))  # fmt: skip
        reader = READERS.get(path.suffix.lower())
        if reader is None:
            raise DataError(
                message(
                    "{name} ({ending}) is not a CSV, TSV, JSONL, Excel (.xlsx), Parquet or TXT file. Export it as CSV.",
                    name=name,
                    ending=path.suffix or message("no ending"),
                )
            )
        if size == 0:
            raise DataError(message("{name} is empty. Give a file with a header and rows.", name=name))
        table = reader(path, name, max_rows())
    except (OSError, ValueError, RuntimeError) as error:  # NUL in a name: ValueError; unknown ~user: RuntimeError
        why = os_error_reason(error) if isinstance(error, OSError) else str(error)
        raise DataError(message("{file} can't be read: {why}. Check the name and its permissions.",
                               file=repr(name[:100]), why=why)) from error  # fmt: skip
    if not table.rows:
        raise DataError(message("{name} has a header and no rows. Add rows, or choose another file.", name=name))
    if len(table.columns) > MAX_COLUMNS:
        raise too_many_columns(name, len(table.columns))
    return table


MAGIC = (
    (b"\x1f\x8b", "gzip"),
    (b"PK\x03\x04", message("a zip or Excel file")),
    (b"\xfd7zXZ\x00", "xz"),
    (b"BZh", "bzip2"),
    (b"7z\xbc\xaf", "7z"),
    (b"\x28\xb5\x2f\xfd", "zstandard"),
    (b"PAR1", "Parquet"),
    (b"%PDF", "PDF"),
    (b"\xd0\xcf\x11\xe0", message("an old Office file")),
    (b"SQLite format 3", "SQLite"),
    (b"\x89PNG", message("a picture")),
    (b"\xff\xd8\xff", message("a picture")),
)


def _text(path: Path, name: str) -> DecodedFile:
    """The text of a file. Raises DataError on a file that is something else inside."""
    data = path.read_bytes()
    check_is_text(data, name)
    file = decode(data, name)
    if (lines := file.text.count("\n")) > MAX_LINES:
        raise DataError(message(
            "{name} has {n:,} lines; at most {most:,} are read. Take a sample of it.", name=name, n=lines,
            most=MAX_LINES))  # fmt: skip
    return file


def check_is_text(data: bytes, name: str) -> None:
    """Raise DataError where a file that begins with these bytes is something else than text."""
    for magic, what in MAGIC:
        if data.startswith(magic):
            raise DataError(message(
                "{name} is {what} inside, not text. Unpack or export it as plain CSV first.", name=name,
                what=what))  # fmt: skip


UNREADABLE = "{n:row|rows} of {name} can't be read and {n:~was|were} left out ({rows}). The first: {first}"
DELIMITERS = (",", ";", "\t", "|")  # a tie goes to the first
PEEK, PEEK_CHARACTERS = 200, 1_000_000  # rows that the delimiter is guessed from
MAX_QUOTE_FAULTS = 1_000  # each costs a search for the closing quote
SEPARATOR_LINE = re.compile(r'\ufeff?"?sep=(.)"?\s*?\r?\n', re.IGNORECASE)  # what Excel takes for a remark
BACKSLASHED_QUOTE = re.compile(r'(?<!\\)((?:\\\\)*)\\"')


def _read_csv(path: Path, name: str, rows: int) -> Table:
    if is_workbook(path):
        return read_workbook(path, name, rows)
    file = _text(path, name)
    declared = SEPARATOR_LINE.match(file.text)
    text = file.text[declared.end() :] if declared else file.text
    notes = list(file.notes)
    delimiter = declared[1] if declared else _delimiter(text, ",")
    if declared:
        notes.append(message("{name} begins with Excel's line “sep={sign}”; it is no row.", name=name, sign=delimiter))
    elif delimiter == "|":
        notes.append(message("The columns of {name} are separated by {sign}.", name=name, sign=repr(delimiter)))
    return _separated(text, name, rows, notes, file.doubts, delimiter=delimiter)


def _delimiter(text: str, usual: str) -> str:
    """The delimiter under which most rows have as many cells as the header; "\x1f", which no file has, where the header
    is one name and the rows are texts with commas."""
    start = text[: 2 * PEEK_CHARACTERS].lstrip("\r\n")
    lines = io.StringIO(start, newline="").readlines(PEEK_CHARACTERS)[: PEEK + 1]
    found: dict[str, tuple[float, int]] = {}
    for delimiter in sorted(DELIMITERS, key=lambda one: one != usual):
        widths = _widths(lines, delimiter)
        if not widths or widths[0] < 2:
            continue
        fits = sum(width == widths[0] for width in widths) / len(widths)
        found[delimiter] = (round(fits, 1), widths[0])
    if found:
        return max(found, key=lambda one: found[one])
    varied = len(set(_widths(lines[1:], usual))) > 1
    return "\x1f" if varied and lines and '"' not in lines[0] else usual


def _widths(lines: Sequence[str], delimiter: str) -> list[int]:
    """How many cells each row has, as far as the rows can be read."""
    widths: list[int] = []
    with suppress(csv.Error):
        widths.extend(len(row) for row in csv.reader(lines, delimiter=delimiter) if row)
    return widths


def _separated(text: str, name: str, rows: int, notes: list[Message], doubts: list[Message], delimiter: str) -> Table:
    """The table of a text with delimiters. Its quotes are doubled inside a text, or have a backslash where only that
    reading fits."""
    problem: DataError | None = None
    try:
        table = _table(text, name, rows, notes, doubts, delimiter=delimiter)
        if not table.unreadable:
            return table
    except DataError as error:
        problem = error
    if '\\"' in text and BACKSLASHED_QUOTE.search(text):  # the pattern alone takes 10 s for 200 MB
        with suppress(DataError):
            escaped = _table(BACKSLASHED_QUOTE.sub(r'\1""', text), name, rows, notes, doubts, delimiter=delimiter)
            if not escaped.unreadable:
                note = message('The quotes inside the texts of {name} have a backslash (\\").', name=name)
                return replace(escaped, notes=[*escaped.notes, note])
    if problem:
        raise problem
    return table


def _read_tsv(path: Path, name: str, rows: int) -> Table:
    """A TSV, in the reading that fits: its quotes are plain characters (GLUE's files) or do quote (pandas' files)."""
    file = _text(path, name)
    delimiter = _delimiter(file.text, "\t")
    if "\t" in file.text.lstrip("\r\n").partition("\n")[0]:
        delimiter = "\t"
    table: Table | None = None
    problem: DataError | None = None
    try:
        table = _table(file.text, name, rows, file.notes, file.doubts, delimiter=delimiter)
    except DataError as error:
        problem = error
    if (
        table is not None
        and not table.unreadable
        and not any(cell and "\n" in cell for row in table.rows for cell in row)
    ):
        return table
    try:
        plain = _table(file.text, name, rows, file.notes, file.doubts, delimiter=delimiter, quoting=csv.QUOTE_NONE)
        if table is None or len(plain.unreadable) <= len(table.unreadable):
            return plain
    except DataError:
        pass
    if table is None:
        assert problem is not None
        raise problem
    return table


class _Rows:
    """The rows of a text with delimiters, as (number, cells); cells are None where a quote is out of place, and then
    reading goes on with the next line. `problem` is the first such row's."""

    def __init__(self, text: str, name: str, dialect: dict[str, Any]):
        self.lines = io.StringIO(text, newline="").readlines()
        for line in self.lines:
            if len(line) > MAX_CELLS and (cells := line.count(dialect["delimiter"])) > MAX_CELLS:
                raise too_many_columns(name, cells + 1)
        self.name, self.dialect = name, dialect
        self.problem: Message | None = None
        self.faults = 0

    def __iter__(self) -> Iterator[tuple[int, int, list[str] | None]]:
        at, number = 0, 0
        reader = self._reader(at)
        while True:
            number, begin = number + 1, at + reader.line_num
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                self.faults += 1
                if self.problem is None:
                    self.problem = _csv_problem(place(self.name, number, begin + 1), str(error))
                if self.faults > MAX_QUOTE_FAULTS:
                    raise DataError(self.problem) from None
                at = begin + 1
                reader = self._reader(at)
                yield number, begin + 1, None
            else:
                yield number, begin + 1, row

    def _reader(self, at: int) -> Any:
        return csv.reader(islice(self.lines, at, None), strict=True, **self.dialect)


def place(name: str, number: int, line: int) -> Message:
    """A row's number, and its line where that is another."""
    if line == number:
        return message("Row {number:,} of {source}", number=number, source=name)
    return message("Row {number:,} of {source} (line {line:,})", number=number, source=name, line=line)


def _table(text: str, name: str, rows: int, notes: list[Message], doubts: list[Message], **dialect: Any) -> Table:
    columns: tuple[str, ...] | None = None
    found: list[tuple[int, tuple[Cell, ...]]] = []
    unreadable: dict[int, tuple[Cell, ...]] = {}
    problem: Message | None = None
    reading = _Rows(text, name, dialect)
    empty: list[int] = []  # rows without a cell, which count where others follow
    for number, line, row in reading:
        if row is None:
            if columns is None:
                assert reading.problem is not None
                raise DataError(reading.problem)
            problem = problem or reading.problem
            unreadable[number] = (None,) * len(columns)
            continue
        single = columns is not None and len(columns) == 1
        if not row or (len(row) == 1 and not row[0].strip() and not single):
            if single:
                empty.append(number)
            continue  # a blank line
        if columns is None:
            columns = column_names(row, name)
            continue
        if not any(map(str.strip, row)) and len(row) <= len(columns):
            empty.append(number)
            continue
        found.extend((blank, (None,) * len(columns)) for blank in empty)
        empty = []
        if len(row) > len(columns) and not any(map(str.strip, row[len(columns) :])):
            row = row[: len(columns)]
        if len(row) != len(columns):
            problem = problem or message(
                "{row} has {n:column|columns} where the header has {wanted}. Put quotes around texts that hold a "
                "comma, or fix the row.", row=place(name, number, line), n=len(row), wanted=len(columns))  # fmt: skip
            unreadable[number] = tuple(map(text_cell, row[: len(columns)])) + (None,) * (len(columns) - len(row))
            continue
        if len(found) == rows:
            raise too_many_rows(name, rows)
        found.append((number, tuple(map(text_cell, row))))
    if columns is None:
        raise DataError(message("{name} is blank. Give a file with a header and rows.", name=name))
    if problem and 2 * len(unreadable) >= len(found) + len(unreadable):
        raise DataError(problem)
    notes, doubts = list(notes), list(doubts)
    if empty and len(columns) > 1:
        notes.append(message("{n:empty row|empty rows} at the end of {name} left out.", n=len(empty), name=name))
    elif empty:
        found.extend((blank, (None,)) for blank in empty if found)
    if problem:
        doubts.append(message(UNREADABLE, n=len(unreadable), name=name, rows=row_numbers(list(unreadable)),
                              first=problem))  # fmt: skip
    cells, numbers = [row for _, row in found], [number for number, _ in found]
    delimiter = dialect["delimiter"] if dialect["delimiter"] in DELIMITERS else ","
    return without_unused(
        Table(name, columns, cells, numbers, notes=notes, doubts=doubts, unreadable=unreadable, delimiter=delimiter)
    )


def _csv_problem(row: Message, reason: str) -> Message:
    if "field larger" in reason:
        return message(
            "{row} has a cell of more than {most:,} characters; a quote that is never closed is the usual reason.",
            row=row, most=csv.field_size_limit())  # fmt: skip
    if "unexpected end" in reason:
        return message('{row} opens a quote that is never closed. Close it, or write a quote inside a text twice ("").',
                      row=row)  # fmt: skip
    return message('{row} has a quote in the wrong place ({message}). Write a quote inside a text twice ("").', row=row,
                  message=reason)  # fmt: skip


def _read_txt(path: Path, name: str, rows: int) -> Table:
    file = _text(path, name)
    lines = [(number, line.strip()) for number, line in enumerate(file.text.split("\n"), 1) if line.strip()]
    if len(lines) > rows:
        raise too_many_rows(name, rows)
    return Table(name, ("text",), [(line,) for _, line in lines], [number for number, _ in lines], notes=file.notes,
                 doubts=file.doubts)  # fmt: skip


def _read_json(path: Path, name: str, rows: int) -> Table:
    """A JSON file: one object a line, one array of objects, or an object that holds the rows (see `_rows_of`)."""
    file = _text(path, name)
    check_values(sum(map(file.text.count, "{[,")), name)
    notes, doubts = list(file.notes), list(file.doubts)
    unreadable: list[int] = []
    problem: Message | None = None
    start = file.text.lstrip()[:1]
    whole = _loads(file.text, name) if start == "[" else _json_object(file.text) if start == "{" else None
    pairs: list[tuple[int, Any]] = []
    if whole is None and start == "{":
        whole = _json_objects(file.text)
    if whole is not None:
        pairs = list(enumerate(_rows_of(whole, name, notes), 1))
    else:
        for number, line in enumerate(file.text.split("\n"), 1):
            if line.strip() and len(pairs) <= rows:
                try:
                    pairs.append((number, _loads(line, name, number)))
                except DataError as error:
                    problem = problem or error.args[0]
                    unreadable.append(number)
    if len(pairs) > rows:
        raise too_many_rows(name, rows)
    columns: dict[str, None] = {}
    good: list[tuple[int, dict[str, Any]]] = []
    for number, item in pairs:
        if not isinstance(item, dict):
            problem = problem or message(
                "Row {number:,} of {name} is not an object like {example}.", number=number, name=name,
                example='{"text": "…", "label": "…"}')  # fmt: skip
            unreadable.append(number)
            continue
        good.append((number, item))
        columns.update(dict.fromkeys(item))
        if len(columns) > MAX_COLUMNS:
            raise DataError(
                message(
                    "{name} has more than {most} columns by row {number:,}. Keep only texts and labels.",
                    name=name,
                    most=MAX_COLUMNS,
                    number=number,
                )
            )
    if problem and 2 * len(unreadable) >= len(good) + len(unreadable):
        raise DataError(problem)
    if problem:
        doubts.append(message(UNREADABLE, n=len(unreadable), name=name, rows=row_numbers(sorted(unreadable)),
                              first=problem))  # fmt: skip
    single, several = read_lists({key: [item.get(key) for _, item in good] for key in columns}, name, notes)
    nested = {key for _, item in good for key, value in item.items() if isinstance(value, dict | list)} - single.keys()
    keys = [column for column in columns if column not in nested]
    header = column_names([as_cell(key) or "" for key in keys], name, first_row=False)
    values = [single.get(key) or [item.get(key) for _, item in good] for key in keys]
    cells = list(zip(*([as_cell(value) for value in column] for column in values), strict=True))
    return Table(name, header, cells, [number for number, _ in good], tuple(sorted(nested)), notes, doubts, several,
                 {number: (None,) * len(header) for number in unreadable})  # fmt: skip


def check_values(values: int, name: str) -> None:
    """Raise DataError where a file would become so many values that a small one fills the memory."""
    if values > MAX_VALUES:
        raise DataError(message(
            "{name} holds {n:,} values; at most {most:,} are read. Take a sample of it.", name=name, n=values,
            most=MAX_VALUES))  # fmt: skip


def _json_objects(text: str) -> list[Any] | None:
    """The objects of a text that has each on several lines; None where it has one a line, or something else."""
    with suppress(ValueError, RecursionError):
        json.loads(text.lstrip().partition("\n")[0])
        return None
    decoder, at, found = json.JSONDecoder(), 0, []
    try:
        while rest := NO_BLANK.search(text, at):
            value, at = decoder.raw_decode(text, rest.start())
            found.append(value)
    except (ValueError, RecursionError):
        return None
    return found


ROWS_KEYS = ("data", "rows", "records", "items", "examples", "instances")  # what the rows are usually under


def _json_object(text: str) -> dict[str, Any] | None:
    """The one object that a text is, None where it isn't."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _rows_of(found: Any, name: str, notes: list[Message], depth: int = 0) -> list[Any]:
    """The rows in a JSON array or object: rows, a row, an object of columns (lists, or values by row), of rows by key,
    pandas' "split", or one that holds the rows under one of its names. Raises DataError."""
    if isinstance(found, list):
        return found
    values = list(found.values())
    columns, data = found.get("columns"), found.get("data")
    if isinstance(columns, list) and isinstance(data, list) and all(isinstance(row, list) for row in data):
        return [dict(zip(map(str, columns), row, strict=False)) for row in data]
    inner = {
        key: value for key, value in found.items() if isinstance(value, list) and value and isinstance(value[0], dict)
    }
    usual = [key for key in inner if key.casefold() in ROWS_KEYS] if len(inner) > 1 else list(inner)
    if len(usual) == 1:
        key, rows = usual[0], inner[usual[0]]
        notes.append(message("The rows of {name} were read from {key}.", name=name, key=repr(key)))
        return rows
    if (
        values
        and not inner
        and all(isinstance(value, list) for value in values)
        and len({len(value) for value in values}) == 1
    ):
        return [dict(zip(found, row, strict=True)) for row in zip(*values, strict=True)]
    if len(values) > 1 and all(isinstance(value, dict) for value in values):
        same = values[0].keys()
        flat = not any(isinstance(one, dict | list) for value in values for one in value.values())
        numbered = all(key.isdecimal() for value in values for key in value)
        if flat and (numbered or len(values) < len(same) and all(value.keys() == same for value in values)):  # columns
            keys = dict.fromkeys(key for value in values for key in value)
            return [{column: cells.get(key) for column, cells in found.items()} for key in keys]
        if flat:  # rows by a key
            return values
    deeper = [value for value in values if isinstance(value, dict)]
    if depth < 2 and len(deeper) == 1:
        with suppress(DataError):
            return _rows_of(deeper[0], name, notes, depth + 1)
    if any(isinstance(value, str) for value in values):
        return [found]
    shown = ", ".join(repr(key) for key in list(found)[:8])
    raise DataError(message(
        "{name} is one JSON object ({keys}), and which part of it holds the rows can't be told. Write one object a "
        "line, or one list of objects.", name=name, keys=shown))  # fmt: skip


def _loads(text: str, name: str, line: int | None = None) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        if line is None:
            raise DataError(message("{name} begins like one JSON array, but {why}. Write one object a line.", name=name,
                                   why=unreadable_reason(error))) from None  # fmt: skip
        raise DataError(message(
            "Line {line:,} of {name} is not JSON: {why}. Write one object a line.", line=line, name=name,
            why=_within(error))) from None  # fmt: skip


def _within(error: Exception) -> str:
    """The reason why one line is no JSON."""
    if isinstance(error, json.JSONDecodeError):
        return message("character {column:,} does not fit", column=error.colno)
    return unreadable_reason(error) if isinstance(error, RecursionError) else message("it holds too large a number")


def _read_parquet(path: Path, name: str, rows: int) -> Table:
    import pyarrow
    from pyarrow import parquet, types

    def readable(kind: Any) -> bool:
        if types.is_dictionary(kind):
            kind = kind.value_type
        texts = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
        return bool(texts or types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind))

    def is_list(kind: Any) -> bool:
        return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))

    notes: list[Message] = []
    too_large = message("{name} holds more than {most:,.0f} MB of text. Take a sample of it.", name=name,
                        most=MAX_BYTES / MB)  # fmt: skip
    try:
        with parquet.ParquetFile(path) as file:
            if file.metadata.num_rows > rows:  # 11 MB can hold 100 million rows; the footer counts them
                raise too_many_rows(name, rows)
            schema = file.schema_arrow
            if len(schema.names) > MAX_COLUMNS:
                raise too_many_columns(name, len(schema.names))
            groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
            parts = [group.column(place) for group in groups for place in range(group.num_columns)]
            if sum(part.total_uncompressed_size for part in parts) > MAX_UNPACKED:
                raise DataError(too_large)
            check_values(sum(part.num_values for part in parts), name)
            lists = [field.name for field in schema if is_list(field.type) and readable(field.type.value_type)]
            names = [field.name for field in schema if readable(field.type)]
            if not names:
                raise DataError(message("No column of {name} holds texts or numbers. Choose another file.", name=name))
            columns = column_names(names, name, first_row=False)
            classes = _class_names(schema.metadata or {})
            records: list[tuple[Cell, ...]] = []
            listed: dict[str, list[Any]] = {column: [] for column in lists}
            size = 0
            for batch in file.iter_batches(256, columns=[*names, *lists]):
                cells = [_cells(batch.column(column), classes.get(column)) for column in names]
                for column, values in listed.items():
                    values += batch.column(column).to_pylist()
                    size += sum(len(str(value)) for value in values[-len(batch) :] if value)
                size += sum(len(cell) for column in cells for cell in column if cell)  # a dictionary hides it in nbytes
                if size > MAX_BYTES:
                    raise DataError(too_large)
                records.extend(zip(*cells, strict=True))
    except MemoryError:  # Arrow's is one of its exceptions too
        raise
    except (pyarrow.ArrowException, OSError, ValueError, UnicodeError, OverflowError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0][:120]
        raise DataError(message("{name} is not a Parquet file that can be read ({why}). Export it again.", name=name,
                               why=reason)) from None  # fmt: skip
    single, several = read_lists(listed, name, notes)
    for column, values in single.items():
        cells_of = [_named(value, classes.get(column)) for value in values]
        columns, records = (*columns, column), [(*row, cell) for row, cell in zip(records, cells_of, strict=True)]
    left_out = tuple(field for field in schema.names if field not in names and field not in single)
    numbers = list(range(1, len(records) + 1))
    return Table(name, columns, records, numbers, left_out, notes, several=several)


def _cells(column: Any, classes: Sequence[str] | None) -> list[Cell]:
    """The cells of an Arrow column; those that share a dictionary's entry share its text too, which may be long."""
    if hasattr(column, "dictionary"):
        entries = _cells(column.dictionary, classes)
        return [None if place is None else entries[place] for place in column.indices.to_pylist()]
    return [_named(value, classes) for value in column.to_pylist()]


def _named(value: Any, classes: Sequence[str] | None) -> Cell:
    return class_name(value, classes) if classes else as_cell(value)


def _class_names(metadata: Mapping[bytes, bytes]) -> dict[str, Sequence[str]]:
    """The class names, by column, that the library `datasets` has written into a Parquet file: of numbers, and of lists
    of them."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        found = {column: [feature, feature.get("feature")] for column, feature in features.items()}
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        return {}
    return {
        column: [str(one) for one in kind["names"]]
        for column, kinds in found.items()
        for kind in kinds
        if isinstance(kind, dict) and isinstance(kind.get("names"), list)
    }


READERS: dict[str, Callable[[Path, str, int], Table]] = {
    ".csv": _read_csv, ".tsv": _read_tsv, ".tab": _read_tsv, ".txt": _read_txt, ".jsonl": _read_json,
    ".ndjson": _read_json, ".json": _read_json, ".parquet": _read_parquet, ".pq": _read_parquet, ".xlsx": read_workbook,
    ".xlsm": read_workbook,
}  # fmt: skip
