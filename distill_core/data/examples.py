"""A row on its way through the checks, and the sentences that the checks leave behind.

Knows nothing of files, splits or models.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from distill_core.messages import Message, message
from distill_core.unicode import replace_surrogates

Text = tuple[str, ...]  # 1 = one sentence, 2 = a pair
SHOWN_CHARACTERS = 60  # characters of an example


def normalize(text: Text) -> Text:
    """The text without case and spacing: what makes two texts the same text."""
    return tuple(" ".join(side.casefold().split()) for side in text)


def clean_text(text: Text) -> Text:
    """Stripped, and without the half characters that can be stored nowhere."""
    return tuple(replace_surrogates(side).strip() for side in text)


@dataclass(frozen=True)
class Example:
    """One row on its way through the checks."""

    text: Text
    label: str | None
    source: str
    number: int
    key: Text  # the text, `bare`

    @property
    def place(self) -> Message:
        """Where it stands, as sentences begin with it."""
        return message("Row {number:,} of {source}", number=self.number, source=self.source)


class Notes:
    """The sentences that the checks leave behind."""

    def __init__(self, first: Iterable[str] = ()):
        self.all: list[tuple[str, str]] = [("info", note) for note in first]

    def info(self, template: str, **values: Any) -> None:
        """Something that the person should know, as `messages` makes it."""
        self.all.append(("info", message(template, **values)))

    def warn(self, template: str, **values: Any) -> None:
        """Something that the person should look at."""
        self.all.append(("warning", message(template, **values)))


def row_numbers(rows: Sequence[Example]) -> Message:
    """The first few row numbers."""
    numbers = ", ".join(f"{row.number}" for row in rows[:5]) + (", …" if len(rows) > 5 else "")
    return message("{n:~row|rows} {numbers}", n=len(rows), numbers=numbers)


def shorten(text: Sequence[str]) -> str:
    """The text as an example, its end cut off where it is long."""
    whole = " | ".join(text)
    return whole if len(whole) <= SHOWN_CHARACTERS else whole[: SHOWN_CHARACTERS - 1] + "…"
