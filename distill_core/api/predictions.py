"""Predictions for files: texts from a table or a text file, answers to a CSV. Shared by the page, the command line and
scripts. Knows nothing of runs.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill_core.api.answers import ScoredText
from distill_core.errors import DataError
from distill_core.events import RowName
from distill_core.messages import message, os_error_reason

if TYPE_CHECKING:
    from distill_core.student.runtime import Prediction

BATCH = 256  # texts answered at once
TextOrPair = str | tuple[str, ...]  # a text, or the two of a pair


def read_texts(file: Path | str, pair: bool, text: str | None = None, text2: str | None = None) -> list[TextOrPair]:
    """Texts of a file: of a CSV, TSV, JSONL, Excel or Parquet the column `text` (and `text2` for a pair), guessed where
    it is not named; of a .txt one text a line, a pair's two separated by a tab. Raises DataError."""
    place = Path(file)
    if place.suffix.lower() == ".txt":
        return read_lines(_read(place), place.name, pair)
    from distill_core.data.columns import guess_columns
    from distill_core.data.preparation import examples_from
    from distill_core.data.readers import read_table

    table = read_table(file)
    columns = guess_columns(table, text, text2)
    rows = examples_from(table, columns)
    if pair != (columns.text2 is not None):
        wanted = message("two text columns") if pair else message("one text column")
        raise DataError(message("The student wants {wanted}. {name} has the columns {columns}.", wanted=wanted,
                               name=table.name, columns=", ".join(table.columns)))  # fmt: skip
    texts = [sides if pair else sides[0] for sides in rows.texts]
    return [
        check_not_empty(text_or_pair, message("Row {number:,} of {source}", number=number, source=table.name))
        for number, text_or_pair in zip(table.numbers, texts, strict=True)
    ]


def guess_text_columns(file: Path | str, pair: bool) -> tuple[list[str], list[str]]:
    """Columns of a table file, and those among them that are guessed to hold the text (both, for a pair); a .txt
    has none. Raises DataError."""
    if Path(file).suffix.lower() == ".txt":
        return [], []
    from distill_core.data.columns import guess_columns
    from distill_core.data.readers import read_table

    table = read_table(file)
    guess = guess_columns(table)
    guessed = [name for name in (guess.text, guess.text2 if pair else None) if name]
    return list(table.columns), guessed


def read_lines(text: str, name: str, pair: bool) -> list[TextOrPair]:
    """Texts of lines, one a line, a pair's two separated by a tab. Raises DataError."""
    rows = text.splitlines()
    if not rows:
        raise DataError(message("{name} holds no text. Give one text a line.", name=name))
    texts: list[TextOrPair] = []
    for number, line in enumerate(rows, 1):
        sides = line.split("\t") if pair else [line]
        place = message("Line {number:,} of {name}", number=number, name=name)
        if pair and len(sides) != 2:
            raise DataError(message("{line} holds {n:text|texts}; a pair is two, separated by a tab.", line=place,
                                   n=len(sides)))  # fmt: skip
        texts.append(check_not_empty(tuple(sides) if pair else line, place))
    return texts


def check_not_empty(text: TextOrPair, where: str) -> TextOrPair:
    """The `text` itself. Raises DataError where a side of it is empty."""
    if not all(side.strip() for side in ([text] if isinstance(text, str) else text)):
        raise DataError(message("{row} holds no text. Fill it in or leave it out.", row=where))
    return text


def predict_batches(
    texts: Sequence[TextOrPair], answer: "Callable[[Sequence[TextOrPair]], list[Prediction]]"
) -> "Iterator[tuple[TextOrPair, Prediction]]":
    """Texts with their answers, batch by batch."""
    for first in range(0, len(texts), BATCH):
        batch = texts[first : first + BATCH]
        yield from zip(batch, answer(batch), strict=True)


def write_predictions(
    file: Path, answers: "Iterable[tuple[TextOrPair, Prediction]]", labels: Sequence[str], pair: bool
) -> int:
    """Texts and answers as CSV: text (and text2), label, the probability of each label. Returns how many rows."""
    sides = ("text", "text2") if pair else ("text",)
    rows = (
        [
            *([text] if isinstance(text, str) else text),
            prediction.label,
            *(f"{prediction.probabilities[label]:.4f}" for label in labels),
        ]
        for text, prediction in answers
    )
    return _write(file, [*sides, "label", *(f"p {label}" for label in labels)], rows)


def write_scored(file: Path, rows: Iterable[ScoredText], labels: Sequence[str], names: Sequence[RowName]) -> int:
    """Scored rows as CSV: text (and text2), their label, and of each of `names` (rows of the comparison) its answer and
    its probability of each label. Returns how many rows."""
    scored = list(rows)
    present = [name for name in names if scored and name in scored[0]]
    sides = ("text", "text2")[: len(scored[0]["text"])] if scored else ("text",)
    head = [*sides, "label", *(part for name in present for part in (name, *(f"{name} p {label}" for label in labels)))]
    return _write(
        file,
        head,
        (
            [
                *row["text"],
                row["label"],
                *(
                    part
                    for name in present
                    for part in (
                        max(row[name], key=row[name].__getitem__),
                        *(f"{row[name][label]:.4f}" for label in labels),
                    )
                ),
            ]
            for row in scored
        ),
    )


def _write(file: Path, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    number = 0
    with file.open("w", encoding="utf-8", errors="replace", newline="") as stream:
        out = csv.writer(stream)
        out.writerow(head)
        for row in rows:
            out.writerow(row)
            number += 1
    return number


def _read(file: Path) -> str:
    try:
        return file.expanduser().read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError(message(
            "There is no file {file}. Check the name and the folder.", file=repr(str(file)))) from None  # fmt: skip
    except UnicodeDecodeError as error:
        raise DataError(message("{name} is not UTF-8 text (byte {byte:,}). Save it as UTF-8.", name=file.name,
                               byte=error.start)) from None  # fmt: skip
    except OSError as error:
        raise DataError(
            message(
                "{file} can't be read: {why}. Check the name and its permissions.",
                file=repr(file.name),
                why=os_error_reason(error),
            )
        ) from None
