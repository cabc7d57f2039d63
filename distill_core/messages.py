"""What the engine says to a person: an English sentence that still knows what it was made of, so that the page can say
it in another language. The template is the key under which a language has it.

A value is filled in by the format behind its colon: a number's own (`{n:,}`, `{share:.1%}`), a number with its noun
(`{n:row|rows}`), the word alone that fits a number (`{n:~was|were}`), or a name that the page has other words for: of a
stage (`{name:stage}`), a metric, a status, a knob (`{name:knob}`, given as "limit" or as "leaks=keep"). What a library
or the system says of itself is a value, and stays as it is. Knows no languages.
"""

import errno
import json
import re
import string
from collections.abc import Callable
from typing import Any

KINDS = ("knob", "stage", "metric", "status")
FORMAT = re.compile(r"|[+,]{0,2}(\.\d)?[dfg%]?|[^{}|]{0,40}\|[^{}|]{0,40}|" + "|".join(KINDS), re.ASCII)
METRIC_NAMES = {"accuracy": "accuracy", "macro_f1": "macro-F1", "mcc": "Matthews correlation", "f1": "F1"}
MessageData = dict[str, Any]  # a sentence as JSON: {"say": template, "with": values}


class Message(str):
    """The sentence in English; `made` is what it was made of, None where it is only a string."""

    data: MessageData | None = None


class MessageFormatter(string.Formatter):
    """Fills a template. `format_number` writes a number in a format, `name` a name of a kind (one of KINDS), `again` a
    sentence that is itself a value; `space` stands before a per cent sign and after the number of a noun."""

    def __init__(
        self,
        number: Callable[[float, str], str] = format,
        name: Callable[[str, str], str] | None = None,
        nested: Callable[[MessageData], str] | None = None,
        space: str = " ",
    ):
        self.number, self.name, self.nested, self.space = number, name, nested, space

    def format_field(self, value: Any, format_spec: str) -> str:
        """One value in its format."""
        if isinstance(value, list):
            return "; ".join(self.format_field(one, format_spec) for one in value)
        if isinstance(value, dict) and "say" in value:
            return self.nested(value) if self.nested else self.vformat(value["say"], (), value["with"])
        if format_spec in KINDS:
            return self.name(value, format_spec) if self.name else METRIC_NAMES.get(value, value)
        if "|" in format_spec:
            word = format_spec.removeprefix("~").split("|")[value != 1]
            return word if format_spec.startswith("~") else f"{self.number(value, ',d')}{self.space}{word}"
        if format_spec.endswith("%"):
            return f"{self.number(100 * value, format_spec[:-1] + 'f')}{self.space}%"
        return self.number(value, format_spec) if format_spec or isinstance(value, float) else str(value)


ENGLISH = MessageFormatter()


def percent(share: float, digits: int = 1) -> str:
    """0.974 -> "97.4 %": with a space, as everywhere here."""
    return ENGLISH.format_field(share, f".{digits}%")


def message(template: str, /, **values: Any) -> Message:
    """The template filled. Values are numbers, strings, sentences and lists of these, which are joined by "; "."""
    kept = {name: _as_json(value) for name, value in values.items()}
    said = Message(ENGLISH.vformat(template, (), kept))
    said.data = {"say": template, "with": kept}
    return said


def _as_json(value: Any) -> Any:
    """A value as JSON keeps it."""
    if isinstance(value, list | tuple):
        return [_as_json(one) for one in value]
    return value.data if isinstance(value, Message) and value.data else value


def message_data(said: Any) -> MessageData | None:
    """What a sentence, or the first thing that an error says, was made of; None where that is a plain string."""
    if isinstance(said, BaseException):
        said = said.args[0] if said.args else ""
    return said.data if isinstance(said, Message) else None


def restore_message(text: str, said: MessageData | None) -> Message:
    """`text` as the sentence that it was before it was kept apart from `said`, what it was made of."""
    found = Message(text)
    found.data = said
    return found


def validated(said: Any, text: str) -> MessageData | None:
    """`said`, which came from elsewhere, where it is what the sentence `text` was made of; else None. A template may
    name its values and format them as ours do, nothing more: no attribute, no width that fills the memory."""
    try:
        return said if _harmless(said) and ENGLISH.vformat(said["say"], (), said["with"]) == text else None
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError):
        return None


def _harmless(said: Any) -> bool:
    if isinstance(said, list):
        return all(map(_harmless, said))
    if not isinstance(said, dict):
        return isinstance(said, str | int | float)
    fields = [field for field in string.Formatter().parse(said["say"]) if field[1] is not None]
    plain = all(
        name.isidentifier() and FORMAT.fullmatch(form) and conversion is None for _, name, form, conversion in fields
    )
    return plain and set(said) == {"say", "with"} and all(map(_harmless, said["with"].values()))


def os_error_reason(error: OSError) -> str:
    """Why the system refused a file: in our words where it is one of the usual reasons, else in its own."""
    match error.errno:
        case errno.ENOENT:
            return message("it is not there")
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return message("access is denied")
        case errno.EISDIR | errno.ENOTDIR | errno.EEXIST:
            return message("a file and a folder of the same name are in each other's way")
        case errno.ENOSPC | errno.EDQUOT:
            return message("the disk is full")
        case errno.ENAMETOOLONG:
            return message("its name is too long")
    return error.strerror or str(error)


def unreadable_reason(error: Exception) -> str:
    """Why what should be JSON could not be read."""
    if message_data(error):
        return error.args[0]
    if isinstance(error, OSError):
        return os_error_reason(error)
    if isinstance(error, json.JSONDecodeError):
        return message(
            "it is no JSON from line {line:,}, character {column:,} on", line=error.lineno,
            column=error.colno)  # fmt: skip
    if isinstance(error, UnicodeError):
        return message("it is not UTF-8 text")
    if isinstance(error, RecursionError):
        return message("it is nested too deep")
    return message("it holds something that can't be read")
