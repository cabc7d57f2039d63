"""The replacement that a rule of the level "span" returns: a span of another training text for one of this text."""

from typing import NamedTuple


class SpanReplacement(NamedTuple):
    """The words text[first:last] of a training text in place of the words start:end. Both spans have one word or more,
    so that every change has a word of the changed text."""

    start: int
    end: int
    text: tuple[str, ...]
    first: int
    last: int
