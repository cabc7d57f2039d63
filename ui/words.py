"""The words of the page, by key: one table a language in `ui/languages/`, a file each, found by being there.

`say("key", n=3)` fills the braces, in the language that is spoken where it is called. Words that belong to a knob or
to a part on a shelf are declared in English beside it; a language may overrule them (`knob.<name>.label`,
`knob.<name>.help`, `part.<shelf>.<name>`). `tell` does the same with the engine's own sentences, whose German stands in
`ui/sentences/de.py`. Every number that is shown passes `figure`. Knows nothing of components.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import distill_core as core
from distill_core import Filling, Knob, Part, made

ENGLISH = "en"  # what is said where a table lacks a key
LANGUAGES = tuple(sorted(file.stem for file in (Path(__file__).parent / "languages").glob("[!_]*.py")))
NARROW = "\u00a0"  # between a number and its unit: they stay on one line
_asked = os.environ.get("STILLROOM_LANGUAGE", "").lower()
DEFAULT = _asked if _asked in LANGUAGES else ENGLISH  # of the page at /; the others stand at /<language>/
_spoken: ContextVar[str] = ContextVar("language", default=DEFAULT)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Everything that is said inside is said in that language, one of LANGUAGES."""
    before = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(before)


def language() -> str:
    """The language that is spoken here."""
    return _spoken.get()


@cache
def table(language: str) -> dict[str, str]:
    """All words of a language."""
    return import_module(f"ui.languages.{language}").WORDS


def say(key: str, **values: Any) -> str:
    """The words under `key`, its braces filled from `values`."""
    words = table(language()).get(key) or table(ENGLISH)[key]
    return words.format(**values) if values else words


def say_or(other: str, key: str) -> str:
    """The words under `key`, or `other` where no table has it: for names that a shelf may add to."""
    return table(language()).get(key) or table(ENGLISH).get(key, other)


def figure(number: float, form: str) -> str:
    """`number` in that format, with the point and comma of the language that is spoken: 1,234.5 or 1.234,5."""
    marks, text = {".": say("number.point"), ",": say("number.comma")}, f"{number:{form}}"
    text = "−" + text[1:] if text.startswith("-") else text
    return "".join(marks.get(letter, letter) for letter in text)


def tell(said: Any) -> str:
    """What the engine said (a sentence, what one was made of, or an error) in the language that is spoken, with the
    page's names and numbers; as it stands where that language lacks it, or where it was only a string."""
    told = said if isinstance(said, dict) else made(said)
    if told is None:
        return str(said)
    spoken = _sentences(language()).get(told["say"])
    if spoken is None and language() != ENGLISH:
        with speaking(ENGLISH):
            return _filling(told["say"], told["with"])
    return _filling(spoken or told["say"], told["with"])


def _filling(template: str, values: dict[str, Any]) -> str:
    return Filling(figure, _name, tell, NARROW).vformat(template, (), values)


@cache
def _sentences(language: str) -> dict[str, str]:
    found = Path(__file__).parent / "sentences" / f"{language}.py"
    return import_module(f"ui.sentences.{language}").SENTENCES if found.is_file() else {}


def _name(name: str, kind: str) -> str:
    """What the page calls a stage, a metric, or a knob, which comes with its value or alone."""
    if kind != "knob":
        return say_or(name, f"{kind}.{name}")
    knob, _, value = name.partition("=")
    label = next((one.label for one in knobs() if one.name == knob), knob)
    return (
        say("engine.setting", knob=label, value=choice_name(knob, value)) if value else say("engine.knob", knob=label)
    )


def knobs() -> list[Knob]:
    """The config's knobs with label and help in the language that is spoken."""
    return [
        replace(
            knob,
            label=say_or(knob.label, f"knob.{knob.name}.label"),
            help=say_or(knob.help, f"knob.{knob.name}.help"),
        )
        for knob in core.knobs()
    ]


def choice_name(knob: str, value: str) -> str:
    """One of a knob's choices as the page calls it: by its own name where the page has no other."""
    return say_or(value, f"metric.{value}" if knob == "metric" and value != "auto" else f"choice.{knob}.{value}")


def shelf(name: str) -> list[Part]:
    """The parts on a shelf with their help in the language that is spoken."""
    return [replace(part, help=say_or(part.help, f"part.{name}.{part.name}")) for part in core.shelf(name)]
