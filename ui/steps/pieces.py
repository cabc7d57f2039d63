"""Small pieces of HTML that several steps show; `pieces.html` lays them out. Text is escaped, unless it is HTML."""

from typing import Any

from markupsafe import Markup

from ..components.templates import environment

_macros: Any = environment.get_template("steps/pieces.html").module


def card(content: Markup) -> Markup:
    """A card with something in it."""
    return _macros.card(content)


def empty_card(words: str) -> Markup:
    """A card where there is nothing yet, and why."""
    return _macros.card(words, "empty")


def hint(words: str, kind: str = "") -> Markup:
    """A line in small print."""
    return _macros.hint(words, kind)


def title(words: str, kind: str = "part") -> Markup:
    """A heading within a step."""
    return _macros.title(words, kind)
