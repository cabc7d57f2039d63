"""Messages to a person: English sentences that carry their template and values, so that the page can translate them.
A template is the key of its translations, and code recognises a message by it: never by its text, which differs with
the language and the values.

A value is filled in by the format behind its colon: a number's own (`{n:,}`, `{share:.1%}`), a number with its noun
(`{n:row|rows}`), the word alone that fits a number (`{n:~was|were}`), or a name that the page has other words for: of a
stage (`{name:stage}`), a metric, a status, a knob (`{name:knob}`, the value being "limit" or "leaks=keep"). A noun or a
word has as many forms as its language has plurals, in English two. The text of a library or of the system is a value,
and stays as it is. Knows no languages.
"""

import errno
import json
import re
import reprlib
import string
from collections.abc import Callable, Sequence
from typing import Any

KINDS = ("knob", "stage", "metric", "status")
# formats that a message from elsewhere may use behind a colon; no language has more than six plurals
FORMAT = re.compile(r"|[+,]{0,2}(\.\d)?[dfg%]?|[^{}|]{0,40}(\|[^{}|]{0,40}){1,5}|" + "|".join(KINDS), re.ASCII)
METRIC_NAMES = {"accuracy": "accuracy", "macro_f1": "macro-F1", "mcc": "Matthews correlation", "f1": "F1"}
MessageData = dict[str, Any]  # a message as JSON: {"say": template, "with": values}
LONGEST, LEAST = 500, 40  # characters of a message, and of a value that is not shortened for it


class Message(str):
    """The English sentence; `data` holds its template and values, None for a plain string."""

    data: MessageData | None = None


def one_or_other(number: float, forms: Sequence[str]) -> str:
    """The form of an English word that fits a number: 1 row, 2 rows, 1.5 rows."""
    return forms[number != 1]


class MessageFormatter(string.Formatter):
    """A formatter of templates. `number` writes a number in a format, `name` a name of a kind (one of KINDS), `nested`
    a message that is itself a value; `space` separates a number from its per cent sign or its noun; `plural` picks the
    form of a word that fits a number."""

    def __init__(
        self,
        number: Callable[[float, str], str] = format,
        name: Callable[[str, str], str] | None = None,
        nested: Callable[[MessageData], str] | None = None,
        space: str = " ",
        plural: Callable[[float, Sequence[str]], str] = one_or_other,
    ):
        self.number, self.name, self.nested, self.space, self.plural = number, name, nested, space, plural

    def format_field(self, value: Any, format_spec: str) -> str:
        """One value, written in its format."""
        if isinstance(value, list):
            return "; ".join(self.format_field(one, format_spec) for one in value)
        if isinstance(value, dict) and "say" in value:
            return self.nested(value) if self.nested else self.vformat(value["say"], (), value["with"])
        if format_spec in KINDS:
            return self.name(value, format_spec) if self.name else METRIC_NAMES.get(value, value)
        if "|" in format_spec:
            word = self.plural(value, format_spec.removeprefix("~").split("|"))
            form = ",g" if isinstance(value, float) else ",d"
            return word if format_spec.startswith("~") else f"{self.number(value, form)}{self.space}{word}"
        if format_spec.endswith("%"):
            return f"{self.number(100 * value, format_spec[:-1] + 'f')}{self.space}%"
        return self.number(value, format_spec) if format_spec or isinstance(value, float) else str(value)


ENGLISH = MessageFormatter()


def shown(value: Any) -> str:
    """A value from elsewhere as Python writes it, cut where it is long or deep."""
    brief = reprlib.Repr()
    brief.maxstring = brief.maxother = 200
    brief.maxlong, brief.maxlist, brief.maxdict, brief.maxlevel = 40, 10, 10, 3
    return brief.repr(value)


def percent(share: float, digits: int = 1) -> str:
    """A share as per cent, with a space: 0.974 -> "97.4 %"."""
    return ENGLISH.format_field(share, f".{digits}%")


def message(template: str, /, **values: Any) -> Message:
    """A template filled with values: numbers, strings, messages and lists of these, which are joined by "; "."""
    plain = {name: _as_json(value) for name, value in values.items()}
    filled = Message(ENGLISH.vformat(template, (), plain))
    longest = LONGEST
    while len(filled) > LONGEST and longest > LEAST:  # a value from elsewhere may be a whole text
        longest //= 2
        plain = {name: _shortened(value, longest) for name, value in plain.items()}
        filled = Message(ENGLISH.vformat(template, (), plain))
    filled.data = {"say": template, "with": plain}
    return filled


def _as_json(value: Any) -> Any:
    """A value as JSON."""
    if isinstance(value, list | tuple):
        return [_as_json(one) for one in value]
    return value.data if isinstance(value, Message) and value.data else value


def _shortened(value: Any, most: int) -> Any:
    """A value as JSON whose strings have at most so many characters each, and its lists as many strings as belong in
    a message."""
    if isinstance(value, str):
        return value if len(value) <= most else f"{value[: most - 2]} …"
    if isinstance(value, list):
        return [_shortened(one, most) for one in value[: most // 10]]
    if isinstance(value, dict):
        return {"say": value["say"], "with": {name: _shortened(one, most) for name, one in value["with"].items()}}
    return value


def message_data(source: Any) -> MessageData | None:
    """Template and values of a message, or of the message that an error carries; None where that is a plain string."""
    if isinstance(source, BaseException):
        source = source.args[0] if source.args else ""
    return source.data if isinstance(source, Message) else None


def restore_message(text: str, data: MessageData | None) -> Message:
    """The message of a text and of its data, which are stored apart."""
    restored = Message(text)
    restored.data = data
    return restored


def validated(data: Any, text: str) -> MessageData | None:
    """Data from elsewhere, if they are those of the sentence `text`; else None. A template may name its values and
    format them as ours do, nothing more: no attribute, no width that fills the memory."""
    try:
        return data if _harmless(data) and ENGLISH.vformat(data["say"], (), data["with"]) == text else None
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError):
        return None


def _harmless(data: Any) -> bool:
    if isinstance(data, list):
        return all(map(_harmless, data))
    if not isinstance(data, dict):
        return isinstance(data, str | int | float)
    plain = all(
        name.isidentifier() and FORMAT.fullmatch(form or "") and conversion is None
        for _, name, form, conversion in string.Formatter().parse(data["say"])
        if name is not None
    )
    return plain and set(data) == {"say", "with"} and all(map(_harmless, data["with"].values()))


def os_error_reason(error: OSError) -> str:
    """The reason why the system refused a file: one of the usual ones in our words, another in the system's."""
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


def unreadable_reason(error: BaseException) -> str:
    """The reason why a JSON file could not be read."""
    if message_data(error):
        reason: str = error.args[0]
        return reason
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
