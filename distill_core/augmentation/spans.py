"""What a rule of the level "span" answers: a stretch of another training text for one of this text."""

from typing import NamedTuple


class SpanReplacement(NamedTuple):
    """The words text[first:last] of a training text stand instead of the words start:end. Both have one word or more,
    so that every change of a text can be told at a word of its own."""

    start: int
    end: int
    text: tuple[str, ...]
    first: int
    last: int
