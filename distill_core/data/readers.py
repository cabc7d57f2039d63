"""Strict readers of CSV, TSV, JSON lines, Parquet and plain text: a Table of strings, or a DataError with its row.

Knows nothing of labels or tasks. Guesses nothing about a broken file: pandas and load_dataset shift the columns of a
ragged CSV without a warning, so neither is used here.
"""

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from distill_core.data.table import (
    MAX_BYTES,
    MAX_COLUMNS,
    MAX_NAME,
    MAX_ROWS,
    Cell,
    Table,
    as_cell,
    text_cell,
    too_many_columns,
    too_many_rows,
)
from distill_core.errors import DataError
from distill_core.messages import Message, message, os_error_reason, unreadable_reason


def read_table(path: str | Path) -> Table:
    """The file as a Table; its ending decides the format. Raises DataError, which names the row; also for more than
    MAX_ROWS rows."""
    path = Path(path)
    name = path.name
    try:
        path = path.expanduser()
        if not path.exists():
            raise DataError(message("There is no file {file}. Check the name and the folder.", file=repr(str(path))))
        if not path.is_file():
            raise DataError(message("{file} is not a file. Give one CSV, TSV, JSONL or Parquet file.",
                                   file=repr(str(path))))  # fmt: skip
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise DataError(message("{name} has {size:,.0f} MB; at most {most:,.0f} are read. Take a sample of it.",
                                   name=name, size=size / 1e6, most=MAX_BYTES / 1e6))  # fmt: skip
        reader = READERS.get(path.suffix.lower())
        if reader is None:
            raise DataError(
                message(
                    "{name} ({ending}) is not a CSV, TSV, JSONL, Parquet or TXT file. Export it as CSV.",
                    name=name,
                    ending=path.suffix or message("no ending"),
                )
            )
        if size == 0:
            raise DataError(message("{name} is empty. Give a file with a header and rows.", name=name))
        table = reader(path, name, MAX_ROWS)
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


def _decode(path: Path, name: str) -> tuple[str, list[Message]]:
    """The text of a file, and a note where it isn't UTF-8."""
    data = path.read_bytes()
    for magic, what in MAGIC:
        if data.startswith(magic):
            raise DataError(message(
                "{name} is {what} inside, not text. Unpack or export it as plain CSV first.", name=name,
                what=what))  # fmt: skip
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):  # Excel's "Unicode text"
        try:
            text, notes = data.decode("utf-16"), [message("{name} was read as UTF-16.", name=name)]
        except UnicodeDecodeError:
            raise DataError(
                message("{name} begins like UTF-16 but isn't. Save it again as UTF-8.", name=name)
            ) from None
    else:
        try:
            text, notes = data.decode("utf-8-sig"), []
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            try:
                text = data.decode("cp1252")
            except UnicodeDecodeError:
                raise DataError(message("Line {line:,} of {name} is not UTF-8 text. Save the file again as UTF-8.",
                                       line=line, name=name)) from None  # fmt: skip
            notes = [message("{name} is not UTF-8 (line {line:,}); it was read as Windows-1252. Check its accents.",
                            name=name, line=line)]  # fmt: skip
    place = text.find("\0")
    if place >= 0:
        line = text.count("\n", 0, place) + 1
        raise DataError(message(
            "Line {line:,} of {name} holds a NUL byte, so the file is damaged or not text. Export it again.", line=line,
            name=name))  # fmt: skip
    return text, notes


def _header(names: Sequence[str], name: str, first_row: bool = True) -> tuple[str, ...]:
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


def _read_csv(path: Path, name: str, rows: int) -> Table:
    text, notes = _decode(path, name)
    head = text.lstrip("\r\n").partition("\n")[0]
    delimiter = max(",;\t", key=head.count)  # Excel writes semicolons in half of Europe; a tie goes to the comma
    return _table(text, name, rows, notes, delimiter=delimiter)


def _read_tsv(path: Path, name: str, rows: int) -> Table:
    """A TSV, in the reading that fits: its quotes are plain characters (GLUE's files) or do quote (pandas' files)."""
    text, notes = _decode(path, name)
    table: Table | None = None
    problem: DataError | None = None
    try:
        table = _table(text, name, rows, notes, delimiter="\t")
    except DataError as error:
        problem = error
    if table is not None and not any(cell and "\n" in cell for row in table.rows for cell in row):
        return table
    try:
        return _table(text, name, rows, notes, delimiter="\t", quoting=csv.QUOTE_NONE)
    except DataError:
        if table is not None:
            return table
        assert problem is not None
        raise problem from None


def _table(text: str, name: str, rows: int, notes: list[Message], **dialect: Any) -> Table:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, **dialect)
    columns: tuple[str, ...] | None = None
    cells: list[tuple[Cell, ...]] = []
    numbers: list[int] = []
    number, line = 0, 1

    def place() -> Message:
        if line == number:
            return message("Row {number:,} of {source}", number=number, source=name)
        return message("Row {number:,} of {source} (line {line:,})", number=number, source=name, line=line)

    while True:
        number, line = number + 1, reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            raise DataError(_csv_problem(place(), str(error))) from None
        if not row or (len(row) == 1 and not row[0].strip()):
            continue  # a blank line
        if columns is None:
            columns = _header(row, name)
            continue
        if len(row) != len(columns):
            raise DataError(message(
                "{row} has {n:column|columns} where the header has {wanted}. Put quotes around texts that hold a "
                "comma, or fix the row.", row=place(), n=len(row), wanted=len(columns)))  # fmt: skip
        if len(cells) == rows:
            raise too_many_rows(name, rows)
        cells.append(tuple(map(text_cell, row)))
        numbers.append(number)
    if columns is None:
        raise DataError(message("{name} is blank. Give a file with a header and rows.", name=name))
    return Table(name, columns, cells, numbers, notes=notes)


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
    text, notes = _decode(path, name)
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if len(lines) > rows:
        raise too_many_rows(name, rows)
    return Table(name, ("text",), [(line,) for _, line in lines], [number for number, _ in lines], notes=notes)


def _read_json(path: Path, name: str, rows: int) -> Table:
    """A JSON file: one object a line, or one array of objects."""
    text, notes = _decode(path, name)
    if text.lstrip().startswith("["):
        pairs = list(enumerate(_loads(text, name), 1))
    else:
        pairs = []
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip() and len(pairs) <= rows:
                pairs.append((number, _loads(line, name, number)))
    if len(pairs) > rows:
        raise too_many_rows(name, rows)
    columns: dict[str, None] = {}
    for number, item in pairs:
        if not isinstance(item, dict):
            raise DataError(message(
                "Row {number:,} of {name} is not an object like {example}.", number=number, name=name,
                example='{"text": "…", "label": "…"}'))  # fmt: skip
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
    nested = {key for _, item in pairs for key, value in item.items() if isinstance(value, dict | list)}
    keys = [column for column in columns if column not in nested]
    header = _header([as_cell(key) or "" for key in keys], name, first_row=False)
    cells = [tuple(as_cell(item.get(key)) for key in keys) for _, item in pairs]
    return Table(name, header, cells, [number for number, _ in pairs], tuple(sorted(nested)), notes)


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

    try:
        with parquet.ParquetFile(path) as file:
            if file.metadata.num_rows > rows:  # 11 MB can hold 100 million rows; the footer counts them
                raise too_many_rows(name, rows)
            schema = file.schema_arrow
            if len(schema.names) > MAX_COLUMNS:
                raise too_many_columns(name, len(schema.names))
            names = [field.name for field in schema if readable(field.type)]
            if not names:
                raise DataError(message("No column of {name} holds texts or numbers. Choose another file.", name=name))
            columns = _header(names, name, first_row=False)
            records: list[tuple[Cell, ...]] = []
            size = 0
            for batch in file.iter_batches(256, columns=names):
                cells = [[as_cell(value) for value in column.to_pylist()] for column in batch.columns]
                size += sum(len(cell) for column in cells for cell in column if cell)  # a dictionary hides it in nbytes
                if size > MAX_BYTES:
                    raise DataError(message(
                        "{name} holds more than {most:,.0f} MB of text. Take a sample of it.", name=name,
                        most=MAX_BYTES / 1e6))  # fmt: skip
                records.extend(zip(*cells, strict=True))
    except (pyarrow.ArrowException, OSError, ValueError, UnicodeError, OverflowError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0][:120]
        raise DataError(message("{name} is not a Parquet file that can be read ({why}). Export it again.", name=name,
                               why=reason)) from None  # fmt: skip
    left_out = tuple(field for field in schema.names if field not in names)
    return Table(name, columns, records, list(range(1, len(records) + 1)), left_out)


READERS: dict[str, Callable[[Path, str, int], Table]] = {
    ".csv": _read_csv, ".tsv": _read_tsv, ".tab": _read_tsv, ".txt": _read_txt, ".jsonl": _read_json,
    ".ndjson": _read_json, ".json": _read_json, ".parquet": _read_parquet, ".pq": _read_parquet,
}  # fmt: skip
