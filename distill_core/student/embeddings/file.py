"""A word2vec or GloVe file as text: one word a line, then its numbers."""

from collections.abc import Container, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill_core.config.schema import Config
from distill_core.errors import DataError, KnobError
from distill_core.messages import Message, message, os_error_reason
from distill_core.student.projection import RANDOM, Report, fit_width, report_nothing, scale_rows
from distill_core.student.runtime import Vocabulary
from distill_core.student.source import EmbeddingSource

Vector = NDArray[np.float32]


def make(
    vocabulary: Vocabulary,
    teacher: EmbeddingSource,
    width: int,
    config: Config,
    generator: torch.Generator,
    say: Report = report_nothing,
) -> Tensor:
    """A float32 table (vocabulary.size, width) from `config.vectors_file`, reduced by PCA where the file's vectors are
    longer, with random numbers beside them where they are shorter; entries that the file lacks are random, the padding
    row is zero. `say` reports the coverage. Raises KnobError without a file, DataError where a line is broken or the
    file holds no entry."""
    if not config.vectors_file:
        raise KnobError(message("The starting vectors 'file' need {knob:knob}: a word2vec or GloVe file as text.",
                               knob="vectors_file"), "vectors_file")  # fmt: skip
    path = Path(config.vectors_file)
    rows_of = _rows_of_words(vocabulary)
    vectors: dict[str, Vector] = {}
    for word, vector in _read(path, rows_of):
        vectors.setdefault(word, vector)
    if not vectors:
        raise DataError(message(
            "None of the vocabulary's {n:,} entries is in {name}. Is it a file for another language? Else choose "
            "other starting vectors.", n=vocabulary.size, name=path.name))  # fmt: skip
    # A word as written has precedence over its lower-cased form.
    places = [(name, row) for name in vectors for row in rows_of[name]]
    rows = {row: vectors[name] for name, row in places}
    rows.update({row: vectors[name] for name, row in places if _surface_word(vocabulary, row) == name})
    say(message("{name} holds vectors for {n:,} of the vocabulary's {all:,} entries ({share:.0%}); the others start at "
               "random.", name=path.name, n=len(rows), all=vocabulary.size - 3,
               share=len(rows) / max(1, vocabulary.size - 3)))  # fmt: skip
    known = torch.zeros(vocabulary.size, dtype=torch.bool)
    known[list(rows)] = True
    length = len(next(iter(rows.values())))
    source = torch.zeros(vocabulary.size, length)
    source[list(rows)] = torch.from_numpy(np.stack(list(rows.values())))
    table = (
        scale_rows(source, known)
        if length == width
        else fit_width(source, known, width, message("The vectors of {name}", name=path.name), generator, say)
    )
    missing = ~known
    missing[vocabulary.pad] = False
    table[missing] = torch.randn(int(missing.sum()), width, generator=generator) * RANDOM
    return table


def _surface_word(vocabulary: Vocabulary, row: int) -> str:
    """The word of an entry: without the marks of pieces at the start of a word."""
    return vocabulary.entries[row].lstrip("Ġ▁")


def _rows_of_words(vocabulary: Vocabulary) -> dict[str, list[int]]:
    """The rows of each word, as written and lower-cased. A piece from inside a word (##ing) is no word."""
    rows: dict[str, list[int]] = {}
    for row in range(3, vocabulary.size):
        word = _surface_word(vocabulary, row)
        if word and not vocabulary.entries[row].startswith("##"):
            for name in dict.fromkeys((word, word.lower())):
                rows.setdefault(name, []).append(row)
    return rows


def _read(path: Path, words: Container[str]) -> Iterator[tuple[str, Vector]]:
    """The vectors of these words, line by line: such files hold gigabytes. A first line "words width" is skipped."""
    try:
        file = path.open(encoding="utf-8", errors="replace", newline="\n")
    except OSError as error:
        raise DataError(message("The vectors file {file} can't be opened ({why}). Check the path.", file=str(path),
                               why=os_error_reason(error))) from None  # fmt: skip
    with file:
        length = 0
        for number, line in enumerate(file, 1):
            parts = line.rstrip().split(" ")
            if number <= 2 and ("\0" in line or "\ufffd" in line):
                raise DataError(message("{name} isn't text. Convert it to word2vec's or GloVe's text format first.",
                                       name=path.name))  # fmt: skip
            if number == 1 and len(parts) == 2 and all(part.isdigit() for part in parts):
                length = int(parts[1])
            elif parts != [""]:
                length = length or len(parts) - 1
                # GloVe has words with spaces in them: the numbers come last.
                word, numbers = " ".join(parts[:-length] if length else parts), parts[-length:]
                if length < 1 or len(parts) <= length or (len(parts) > length + 1 and _all_numbers(parts[1:])):
                    raise DataError(message(
                        "{row} has {n:,} numbers after its word where {wanted:,} were expected. Every row is a word "
                        "and as many numbers, with one space between.", row=_place(number, path), n=len(parts) - 1,
                        wanted=length))  # fmt: skip
                if word in words or number <= 2:
                    vector = _numbers(numbers, number, word, path)
                    if word in words:
                        yield word, vector


def _all_numbers(parts: list[str]) -> bool:
    try:
        np.array(parts, dtype=np.float32)
    except ValueError:
        return False
    return True


def _numbers(parts: list[str], number: int, word: str, path: Path) -> Vector:
    try:
        vector = np.array(parts, dtype=np.float32)
    except ValueError:
        vector = np.array([np.nan], dtype=np.float32)
    if not np.isfinite(vector).all():
        raise DataError(message("{row} ({word}) holds something that is not a finite number.", row=_place(number, path),
                               word=repr(word)))  # fmt: skip
    return vector


def _place(number: int, path: Path) -> Message:
    return message("Row {number:,} of {source}", number=number, source=path.name)
