"""Predictions for files: texts from a table or a text file, answers to a CSV; and a run's own rows as a CSV. Shared by
the page, the command line and scripts. Knows nothing of runs.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill_core.api.answers import ScoredText
from distill_core.data.table import Cell, Table
from distill_core.errors import DataError
from distill_core.events import RowName
from distill_core.messages import Message, message, os_error_reason

if TYPE_CHECKING:
    from distill_core.data.columns import Columns
    from distill_core.data.encoding import DecodedFile
    from distill_core.evaluation.summary import DoubtfulRow
    from distill_core.student.runtime import Prediction

BATCH = 256  # texts answered at once
# A spreadsheet computes a cell that begins so: OWASP, "CSV Injection". The wide ones count in Japan.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
TextOrPair = str | tuple[str, ...]  # a text, or the two of a pair


@dataclass(frozen=True)
class FileRows:
    """The rows of a file to answer, each in its place. `columns` and `cells` are all that the file has; `texts` are
    what is asked, `faults` the reason, by the row's place, why a row has no text that can be asked. `notes` say how the
    file was read, `delimiter` parts its columns."""

    columns: tuple[str, ...]
    cells: Sequence[tuple[Cell, ...]]
    texts: Sequence[TextOrPair]
    faults: dict[int, Message] = field(default_factory=dict)
    notes: list[Message] = field(default_factory=list)
    delimiter: str = ","


def read_rows(
    file: Path | str,
    pair: bool,
    text: str | None = None,
    text2: str | None = None,
    trained: Mapping[str, str] | None = None,
) -> FileRows:
    """The rows of a file: of a table with the columns `text` (and `text2` for a pair), else those that a run was
    `trained` on, else guessed; of a .txt one text a line, a pair's two separated by a tab. Raises DataError."""
    place = Path(file)
    if place.suffix.lower() == ".txt":
        decoded = read_text(place)
        return read_lines(decoded.text, place.name, pair, [*decoded.notes, *decoded.doubts])
    from distill_core.data.readers import read_table

    table = read_table(file)
    columns, notes = _columns(table, pair, text, text2, trained or {})
    if pair != (columns.text2 is not None):
        wanted = message("two text columns") if pair else message("one text column")
        raise DataError(message("The student wants {wanted}. {name} has the columns {columns}.", wanted=wanted,
                               name=table.name, columns=", ".join(table.columns)))  # fmt: skip
    lines = sorted([*zip(table.numbers, table.rows, strict=True), *table.unreadable.items()], key=lambda line: line[0])
    sides = [table.columns.index(name) for name in (columns.text, columns.text2) if name is not None]
    texts = [tuple(row[side] or "" for side in sides) for _, row in lines]
    faults = {
        place: message("can't be read") if number in table.unreadable else message("no text")
        for place, ((number, _), asked) in enumerate(zip(lines, texts, strict=True))
        if number in table.unreadable or not all(map(str.strip, asked))
    }
    return FileRows(table.columns, [row for _, row in lines], [asked if pair else asked[0] for asked in texts], faults,
                    [*table.notes, *table.doubts, *notes], table.delimiter)  # fmt: skip


def _columns(
    table: Table, pair: bool, text: str | None, text2: str | None, trained: Mapping[str, str]
) -> "tuple[Columns, list[Message]]":
    """The text columns of a table for a student, and a note where they aren't those that its run was trained on."""
    from distill_core.data.columns import Columns, fold_name, guess_text_columns

    folded = {fold_name(column): column for column in reversed(table.columns)}
    known = {role: folded.get(fold_name(trained[role])) for role in ("text", "text2") if role in trained}
    if text is None and text2 is None and known and all(known.values()):
        return Columns(str(known["text"]), known.get("text2") if pair else None), []
    guess = guess_text_columns(table, text, text2)
    if not pair and text2 is None:
        guess = Columns(guess.text)
    if text is not None or text2 is not None or not known:
        return guess, []
    missing = [trained[role] for role, column in known.items() if column is None]
    return guess, [message(
        "{name} has no column {column}, which the run was trained on; {used} was read instead (guessed).",
        name=table.name, column=", ".join(map(repr, missing)),
        used=", ".join(repr(name) for name in (guess.text, guess.text2) if name))]  # fmt: skip


def text_columns(file: Path | str, pair: bool, trained: Mapping[str, str] | None = None) -> tuple[list[str], list[str]]:
    """Columns of a table file, and those among them that hold the text (both, for a pair): those that a run was
    `trained` on, else guessed; a .txt has none. Raises DataError."""
    if Path(file).suffix.lower() == ".txt":
        return [], []
    from distill_core.data.readers import read_table

    table = read_table(file)
    found = _columns(table, pair, None, None, trained or {})[0]
    return list(table.columns), [name for name in (found.text, found.text2 if pair else None) if name]


def read_lines(text: str, name: str, pair: bool, notes: Sequence[Message] = ()) -> FileRows:
    """The rows of lines, one text a line, a pair's two separated by a tab. Raises DataError."""
    lines = text.removesuffix("\n").split("\n")
    lines = [line.removesuffix("\r") for line in lines]
    if not any(map(str.strip, lines)):
        raise DataError(message("{name} holds no text. Give one text a line.", name=name))
    cells: list[tuple[Cell, ...]] = []
    faults: dict[int, Message] = {}
    for place, line in enumerate(lines):
        sides = line.split("\t") if pair else [line]
        if not line.strip():
            sides = ["", ""] if pair else [""]
        if pair and len(sides) != 2:
            raise DataError(message("{line} holds {n:text|texts}; a pair is two, separated by a tab.",
                                   line=message("Line {number:,} of {name}", number=place + 1, name=name),
                                   n=len(sides)))  # fmt: skip
        if not all(map(str.strip, sides)):
            faults[place] = message("no text")
        cells.append(tuple(sides))
    texts: list[TextOrPair] = [tuple(map(str, row)) if pair else str(row[0]) for row in cells]
    return FileRows(("text", "text2") if pair else ("text",), cells, texts, faults, list(notes))


def check_not_empty(text: TextOrPair, where: str) -> TextOrPair:
    """The `text` itself. Raises DataError where a side of it is empty."""
    if not all(side.strip() for side in ([text] if isinstance(text, str) else text)):
        raise DataError(message("{row} holds no text. Fill it in or leave it out.", row=where))
    return text


def predict_batches(
    rows: FileRows, answer: "Callable[[Sequence[TextOrPair]], list[Prediction]]"
) -> "Iterator[tuple[TextOrPair, Prediction | None]]":
    """Each row's text with its answer, batch by batch: None for a row without a text."""
    for first in range(0, len(rows.texts), BATCH):
        places = range(first, min(first + BATCH, len(rows.texts)))
        asked = [rows.texts[place] for place in places if place not in rows.faults]
        answers = iter(answer(asked) if asked else [])
        for place in places:
            yield rows.texts[place], None if place in rows.faults else next(answers)


def write_predictions(
    file: Path, rows: FileRows, answers: "Iterable[tuple[TextOrPair, Prediction | None]]", labels: Sequence[str],
    deferring: bool = False,
) -> int:  # fmt: skip
    """The file's rows and columns as CSV with the file's own delimiter, and behind them the label and the probability
    of each label, which get another name where the file has one of these; where the teacher may have answered, who did.
    A row without an answer says why. Returns how many rows."""

    from distill_core.api.cascade import answered_by

    def free(name: str) -> str:
        return name if name not in rows.columns else free(f"predicted {name}")

    head = [*rows.columns, free("label"), *(free(f"p {label}") for label in labels)]
    answerer = [free("answered by")] if deferring else []
    faulty = [free("note")] if rows.faults else []

    def line(place: int, prediction: "Prediction | None") -> list[Any]:
        cells = [*(cell or "" for cell in rows.cells[place])]
        if prediction is None:
            return [*cells, "", *("" for _ in [*labels, *answerer]), rows.faults[place]]
        shares = (f"{prediction.probabilities[label]:.4f}" for label in labels)
        by = [answered_by(prediction)] if deferring else []
        return [*cells, prediction.label, *shares, *by, *("" for _ in faulty)]

    lines = (line(place, answer) for place, (_, answer) in enumerate(answers))
    return _write(file, [*head, *answerer, *faulty], lines, rows.delimiter)


def write_scored(file: Path, rows: Iterable[ScoredText], labels: Sequence[str], names: Sequence[RowName]) -> int:
    """Scored rows as CSV: text (and text2), their label, and of each of `names` (rows of the comparison) its answer and
    its probability of each label. A text that a spreadsheet would compute is quoted. Returns how many rows."""
    scored = list(rows)
    present = [name for name in names if scored and name in scored[0]]
    sides = ("text", "text2")[: len(scored[0]["text"])] if scored else ("text",)
    head = [*sides, "label", *(part for name in present for part in (name, *(f"{name} p {label}" for label in labels)))]
    return _write(
        file,
        head,
        (
            [
                *map(safe_cell, row["text"]),
                safe_cell(row["label"]),
                *(
                    part
                    for name in present
                    for part in (safe_cell(row["answers"][name]), *(f"{row[name][label]:.4f}" for label in labels))
                ),
            ]
            for row in scored
        ),
    )


def write_doubtful(file: Path, rows: "Iterable[DoubtfulRow]") -> int:
    """Rows to look at as a CSV for a spreadsheet: where each comes from, text (and text2), its label, the teacher's
    answer and its probability. Returns how many rows."""
    listed = list(rows)
    sides = ("text", "text2")[: max((len(row["text"]) for row in listed), default=1)]
    cells = (
        [safe_cell(row.get("source", "")), row.get("row", ""), *map(safe_cell, row["text"]), safe_cell(row["label"]),
         safe_cell(row["teacher"]), f"{row['probability']:.4f}"]
        for row in listed
    )  # fmt: skip
    return _write(file, ["file", "row", *sides, "label", "teacher", "p teacher"], cells, mark=True)


def safe_cell(cell: str) -> str:
    """The cell behind an apostrophe, where a spreadsheet would take it for a formula; a number stays one. What comes
    from a user's own file and goes back to it needs none: it is as safe as that file."""
    if not cell.startswith(FORMULA):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


def _write(
    file: Path, head: Sequence[str], rows: Iterable[Sequence[Any]], delimiter: str = ",", mark: bool = False
) -> int:
    # Files with semicolons come from Excel and go back to it, which knows UTF-8 by its mark alone.
    encoding = "utf-8-sig" if mark or delimiter == ";" else "utf-8"
    number = 0
    with file.open("w", encoding=encoding, errors="replace", newline="") as stream:
        out = csv.writer(stream, delimiter=delimiter)
        out.writerow(head)
        for row in rows:
            out.writerow(row)
            number += 1
    return number


def read_text(file: Path) -> "DecodedFile":
    """The text of a file, in whatever encoding. Raises DataError."""
    from distill_core.data.encoding import decode

    try:
        return decode(file.expanduser().read_bytes(), file.name)
    except FileNotFoundError:
        raise DataError(message(
            "There is no file {file}. Check the name and the folder.", file=repr(str(file)))) from None  # fmt: skip
    except OSError as error:
        raise DataError(
            message(
                "{file} can't be read: {why}. Check the name and its permissions.",
                file=repr(file.name),
                why=os_error_reason(error),
            )
        ) from None
