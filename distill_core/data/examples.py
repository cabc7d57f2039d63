"""Examples on their way through the checks, and the notes that the checks write.

Knows nothing of files, splits or models.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeGuard, TypeVar

from distill_core.messages import Message, message
from distill_core.unicode import replace_surrogates

Text = tuple[str, ...]  # 1 = one sentence, 2 = a pair
SHOWN_CHARACTERS = 60  # characters of an example


def normalize(text: Text) -> Text:
    """The text without case and spacing: two texts are equal where these are."""
    return tuple(" ".join(side.casefold().split()) for side in text)


def clean_text(text: Text) -> Text:
    """The text stripped, and without half surrogates, which no file can store."""
    return tuple(replace_surrogates(side).strip() for side in text)


Label = TypeVar("Label", str, str | None, covariant=True)


@dataclass(frozen=True)
class Example(Generic[Label]):
    """One row on its way through the checks."""

    text: Text
    label: Label
    source: str
    number: int
    key: Text  # the text, `normalize`d

    @property
    def place(self) -> Message:
        """The row's number and source, as sentences begin with them."""
        return message("Row {number:,} of {source}", number=self.number, source=self.source)


LabelledExample = Example[str]
AnyExample = Example[str | None]


def is_labelled(row: AnyExample) -> TypeGuard[LabelledExample]:
    """True of a row that has a label."""
    return row.label is not None


class Notes:
    """The notes that the checks write: (level, sentence) in `all`, level "info" or "warning"."""

    def __init__(self, first: Iterable[str] = (), doubts: Iterable[str] = ()):
        self.all: list[tuple[str, str]] = [("info", note) for note in first]
        self.all += [("warning", note) for note in doubts]

    def info(self, template: str, **values: Any) -> None:
        """Adds a message that the person should know."""
        self.all.append(("info", message(template, **values)))

    def warn(self, template: str, **values: Any) -> None:
        """Adds a message that the person should look into."""
        self.all.append(("warning", message(template, **values)))


def row_numbers(rows: Sequence[AnyExample | int]) -> Message:
    """The numbers of the first few rows, which may be given by their numbers."""
    numbers = ", ".join(f"{row if isinstance(row, int) else row.number}" for row in rows[:5])
    return message("{n:~row|rows} {numbers}", n=len(rows), numbers=numbers + (", …" if len(rows) > 5 else ""))


def shorten(text: Sequence[str]) -> str:
    """The text as an example for a message, cut where it is long."""
    joined = " | ".join(text)
    return joined if len(joined) <= SHOWN_CHARACTERS else joined[: SHOWN_CHARACTERS - 1] + "…"
