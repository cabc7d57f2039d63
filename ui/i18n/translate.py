"""The words of the page, by key: one table a language in `ui/i18n/locales/`, a file each, found by being there.

`translate("key", n=3)` fills the braces, in the language that is spoken where it is called. Words that belong to a
knob or to a part on a shelf are declared in English beside it; a language may overrule them (`knob.<name>.label`,
`knob.<name>.help`, `part.<shelf>.<name>`). `translate_message` does the same with the engine's own sentences, whose
German stands in `ui/i18n/engine_messages/de.py`. Every number that is shown passes `format_number`. Knows nothing of
components.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

ENGLISH = "en"  # what is said where a table lacks a key
LANGUAGES = tuple(sorted(file.stem for file in (Path(__file__).parent / "locales").glob("[!_]*.py")))
NO_BREAK_SPACE = "\u00a0"  # between a number and its unit: they stay on one line
_environment_language = os.environ.get("STILLROOM_LANGUAGE", "").lower()
DEFAULT = (
    _environment_language if _environment_language in LANGUAGES else ENGLISH
)  # of the page at /; the others stand at /<language>/
_language: ContextVar[str] = ContextVar("language", default=DEFAULT)


@contextmanager
def use_language(language: str) -> Iterator[None]:
    """Everything that is said inside is said in that language, one of LANGUAGES."""
    before = _language.set(language)
    try:
        yield
    finally:
        _language.reset(before)


def language() -> str:
    """The language that is spoken here."""
    return _language.get()


@cache
def table(language: str) -> dict[str, str]:
    """All words of a language."""
    return import_module(f"ui.i18n.locales.{language}").WORDS


def translate(key: str, **values: Any) -> str:
    """The words under `key`, its braces filled from `values`."""
    words = table(language()).get(key) or table(ENGLISH)[key]
    return words.format(**values) if values else words


def translate_or(other: str, key: str) -> str:
    """The words under `key`, or `other` where no table has it: for names that a shelf may add to."""
    return table(language()).get(key) or table(ENGLISH).get(key, other)


def format_number(number: float, form: str) -> str:
    """`number` in that format, with the point and comma of the language that is spoken: 1,234.5 or 1.234,5."""
    marks, text = {".": translate("number.point"), ",": translate("number.comma")}, f"{number:{form}}"
    text = "−" + text[1:] if text.startswith("-") else text
    return "".join(marks.get(letter, letter) for letter in text)
