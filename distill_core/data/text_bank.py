"""Text banks: large collections of texts without labels, read one after another and never as a whole.

A bank is a plain text file of any length, one text a line; a table file; or a data set on the Hub, read as a stream.
Knows nothing of the use of its texts.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

from distill_core.data.columns import guess_text_columns
from distill_core.data.encoding import decode
from distill_core.data.readers import READERS, check_is_text, read_table
from distill_core.data.table import Cell, Table, as_cell
from distill_core.environment import local_path
from distill_core.errors import DataError
from distill_core.hub.client import is_id
from distill_core.json_types import JsonValue
from distill_core.messages import Message, message, os_error_reason

HEAD_BYTES = 1_000_000  # of a text file, by which its encoding and its number of lines are known
LONGEST_LINE = 10_000  # characters; a longer line is no text of a few sentences
HEAD_ROWS = 100  # of a data set, by which the column of its texts is guessed
PLAIN = ".txt"


@dataclass(frozen=True)
class TextBank:
    """A text bank: its `name`; its `version`, which changes with its texts; its `texts` in their order, to be read
    once (reading may raise DataError and HubError); `notes` on how it is read."""

    name: str
    version: JsonValue
    texts: Iterator[str]
    notes: list[Message] = field(default_factory=list)


def open_bank(name: str) -> TextBank:
    """The bank of that name: a file, or the id of a data set on the Hub, with ":subset" behind it where it has several.
    Raises DataError, HubError."""
    if file := _file(name):
        version = file_version(name)
        if _is_table(file):
            table = read_table(file)
            return TextBank(file.name, version, _column(table, table.rows), [*table.notes, *table.doubts])
        encoding, notes = _encoding(file)
        return TextBank(file.name, version, _lines(file, encoding), notes)
    check_bank(name)
    from distill_core.hub import datasets

    id, _, subset = name.partition(":")
    commit, rows = datasets.stream_rows(id, subset or None)
    return TextBank(name, [id, subset, commit], _rows_of_stream(rows, name))


def check_bank(name: str) -> None:
    """Raise DataError where the bank can't be one: there is no such file, and the name is no id on the Hub."""
    if not _file(name) and not is_hub_bank(name):
        raise DataError(message(
            "There is no file {file}, and the id of a data set on the Hub it can't be either. Give a text file, one "
            "text a line, or an id such as {id}.", file=repr(name[:100]), id="owner/name"))  # fmt: skip


def is_hub_bank(name: str) -> bool:
    """Whether the name could be that of a data set on the Hub, and is no path for sure.

    Example:
        >>> core.is_hub_bank("owner/name:subset"), core.is_hub_bank("/home/me/texts.txt")
        (True, False)
    """
    return is_id(name.partition(":")[0])


def file_version(name: str) -> JsonValue:
    """What changes with the texts of a bank that is a file; the name itself of any other."""
    if not (file := _file(name)):
        return name
    stat = file.stat()
    return [str(file.resolve()), stat.st_size, stat.st_mtime_ns]


def count_texts(name: str, most: int) -> int:
    """About how many texts of the bank there are to read, `most` at most, without reading all of a file and without
    asking the Hub. Raises DataError."""
    if not (file := _file(name)):
        check_bank(name)
        return most
    if _is_table(file):
        return min(most, len(read_table(file).rows))
    head = _head(file)
    lines = head.count(b"\n") + (not head.endswith(b"\n"))
    return min(most, round(lines * file.stat().st_size / max(1, len(head))))


def _file(name: str) -> Path | None:
    """The file of that name; None where there is none, and on a public host."""
    path = local_path(name)
    return path if path and path.is_file() else None


def _is_table(file: Path) -> bool:
    return file.suffix.lower() in READERS and file.suffix.lower() != PLAIN


def _head(file: Path) -> bytes:
    """The first bytes of a file. Raises DataError."""
    try:
        with file.open("rb") as opened:
            return opened.read(HEAD_BYTES)
    except OSError as error:
        raise DataError(message("{file} can't be read: {why}. Check the name and its permissions.",
                               file=repr(file.name[:100]), why=os_error_reason(error))) from error  # fmt: skip


def _encoding(file: Path) -> tuple[str, list[Message]]:
    """The encoding of a text file by its first lines, and notes on it. Raises DataError."""
    head = _head(file)
    if not head:
        raise DataError(message("{name} is empty. Give a file with one text a line.", name=file.name))
    check_is_text(head, file.name)
    whole = head[: head.rfind(b"\n") + 1] if len(head) == HEAD_BYTES and b"\n" in head and b"\0" not in head else head
    found = decode(whole, file.name)
    return found.encoding, [*found.notes, *found.doubts]


def _lines(file: Path, encoding: str) -> Iterator[str]:
    """The lines that are neither blank nor endless."""
    with file.open(encoding=encoding, errors="replace") as opened:
        inside = False  # of an endless line
        while line := opened.readline(LONGEST_LINE):
            ends = line.endswith("\n")
            whole = not inside and (ends or len(line) < LONGEST_LINE)
            inside = not ends
            if whole and (text := line.strip()):
                yield text


def _column(table: Table, rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """The texts of the rows of a table: those of the column that its first rows make the likeliest."""
    place = table.columns.index(guess_text_columns(table).text)
    return (text for row in rows if (text := (row[place] or "").strip()))


def _rows_of_stream(rows: Iterator[Mapping[str, object]], name: str) -> Iterator[str]:
    """The texts of a stream of rows."""
    first = list(islice(rows, HEAD_ROWS))
    columns = tuple(
        column
        for column in (first[0] if first else ())
        if not any(isinstance(row[column], dict | list) for row in first)
    )
    if not columns:
        raise DataError(message("{name} has no rows with a text. Choose another text bank.", name=name))

    def cells(row: Mapping[str, object]) -> tuple[Cell, ...]:
        return tuple(as_cell(row.get(column)) for column in columns)

    head = [cells(row) for row in first]
    table = Table(name, columns, head, list(range(1, len(head) + 1)))
    return _column(table, chain(head, map(cells, rows)))
