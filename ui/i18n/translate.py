"""The words of the page, by key: one table a language in `ui/i18n/locales/`, a file each, found by being there.

`translate("key", n=3)` fills the braces, in the language that is spoken where it is called; `{n:run|runs}` is a number
with its noun, as in the engine's messages. Words that belong to a knob or to a part on a shelf are declared in English
beside it; a language may overrule them (`knob.<name>.label`, `knob.<name>.help`, `part.<shelf>.<name>`).
`translate_message` does the same with the engine's own sentences, whose German stands in
`ui/i18n/engine_messages/de.py`. Every number that is shown passes `format_number`, every time of day `format_time`:
what a language writes in its own way Babel knows, for all languages. Knows nothing of components.
"""

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from decimal import Decimal, localcontext
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from babel import Locale
from babel.dates import format_datetime
from babel.numbers import format_decimal

from distill_core import MessageFormatter

ENGLISH = "en"  # what is said where a table lacks a key
LANGUAGES = tuple(sorted(file.stem for file in (Path(__file__).parent / "locales").glob("[!_]*.py")))
NO_BREAK_SPACE = "\u00a0"  # between a number and its unit: they stay on one line
PLURALS = ("zero", "one", "two", "few", "many", "other")  # the CLDR's categories, in its order
_environment_language = os.environ.get("STILLROOM_LANGUAGE", "").lower()
# of the page at /; the others stand at /<language>/
DEFAULT = _environment_language if _environment_language in LANGUAGES else ENGLISH
_language: ContextVar[str] = ContextVar("language", default=DEFAULT)


@contextmanager
def use_language(language: str) -> Iterator[None]:
    """Sets the language, one of LANGUAGES, of everything that is said inside."""
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
    return import_module(f".locales.{language}", __package__).WORDS


def translate(key: str, **values: Any) -> str:
    """The words under `key`, its braces filled from `values`."""
    if language() != ENGLISH and not table(language()).get(key):
        with use_language(ENGLISH):  # its plurals, too
            return translate(key, **values)
    words = table(language())[key]
    return _formatter.vformat(words, (), values) if values else words


def translate_or(other: str, key: str) -> str:
    """The words under `key`, or `other` where no table has it: for names that a shelf may add to."""
    return table(language()).get(key) or table(ENGLISH).get(key, other)


@cache
def babel_locale(language: str) -> Locale:
    """Babel's locale of a language."""
    return Locale.parse(language)


@cache
def plural_categories(language: str) -> tuple[str, ...]:
    """The plurals that a language tells apart, in the order in which a template has their forms."""
    own = babel_locale(language).plural_form.tags
    return tuple(category for category in PLURALS if category in own or category == "other")


def plural_form(number: float, forms: Sequence[str]) -> str:
    """The plural form, of a word's forms, that fits a number in the language that is spoken. Where a word has fewer
    forms than its language has plurals, the last one serves for the rest: most languages have "other" for fractions
    alone."""
    counts = isinstance(number, int) or (isinstance(number, float) and math.isfinite(number))
    category = babel_locale(language()).plural_form(number) if counts else "other"
    return forms[min(plural_categories(language()).index(category), len(forms) - 1)]


def format_number(number: float, form: str) -> str:
    """The number in that format, with the marks of the language that is spoken: 1,234.5 or 1.234,5."""
    text = f"{number:{form}}"
    sign = {"-": "−", "+": "+"}.get(text[0], "")
    digits, e, exponent = text.lstrip("+-").replace(",", "").partition("e")
    if not digits[:1].isdigit():  # "nan", "inf"
        return sign + text.lstrip("+-")
    # Python rounds and Babel only writes: it would round the decimals of the number that a float is shown as
    locale, decimals = babel_locale(language()), len(digits.partition(".")[2])
    pattern = locale.decimal_formats[None].pattern.partition(".")[0] + ("." + "0" * decimals if decimals else "")
    with localcontext(prec=max(28, len(digits))):  # a run that came as a file may hold any number
        written = format_decimal(Decimal(digits), pattern, locale, group_separator="," in form)
    return sign + written + e + exponent


def format_time(seconds: float) -> str:
    """A moment (seconds since 1970) as date and time of day where this runs."""
    return format_datetime(datetime.fromtimestamp(seconds), translate("time.pattern"), locale=babel_locale(language()))


_formatter = MessageFormatter(format_number, space=NO_BREAK_SPACE, plural=plural_form)
