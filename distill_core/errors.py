"""Every error this project raises on purpose.

    StillroomError
    ├── UserError          what the person gave can't be used; shown as it stands, exit code 2
    │   ├── DataError      a file, column, row or label
    │   ├── HubError       an id on the Hub, or the Hub itself
    │   ├── TeacherError   a model that can't teach this task
    │   ├── KnobError      a setting out of range or of the wrong kind
    │   ├── UnknownPart    a name that stands on no shelf
    │   └── UnknownRun     a run id that isn't in the store
    ├── Stopped            the person stopped the run before there was a student
    └── Diverged           the loss became infinite or not a number

A UserError says what happened, with the value, and then what to do. Anything that is not a StillroomError is our
bug and keeps its traceback. Its message is a sentence of `sentences.worded`, so that the page can say it in another
language.
"""

import errno
import json

from distill_core.sentences import made, worded


class StillroomError(Exception):
    """The base of all of them."""


class UserError(StillroomError):
    """What was given can't be used. The message is a sentence for the person who gave it."""


class DataError(UserError):
    """A file, column, row or label can't be used."""


class HubError(UserError):
    """An id isn't on the Hub, or the Hub doesn't answer."""


class TeacherError(UserError):
    """A model can't teach this task."""


class KnobError(UserError):
    """A setting is out of range or of the wrong kind: the one called `knob`, where it is a single one."""

    def __init__(self, said: str, knob: str = ""):
        super().__init__(said)
        self.knob = knob


class UnknownPart(UserError):
    """No part of that name stands on the shelf."""


class UnknownRun(UserError):
    """No run with that id is in the store."""


class Stopped(StillroomError):
    """The person stopped the run before there was a student to keep."""


class Diverged(StillroomError):
    """Training left the numbers: the loss is infinite or not a number."""


def refusal(error: OSError) -> str:
    """Why the system refused a file: in our words where it is one of the usual reasons, else in its own."""
    match error.errno:
        case errno.ENOENT:
            return worded("it is not there")
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return worded("access is denied")
        case errno.EISDIR | errno.ENOTDIR | errno.EEXIST:
            return worded("a file and a folder of the same name are in each other's way")
        case errno.ENOSPC | errno.EDQUOT:
            return worded("the disk is full")
        case errno.ENAMETOOLONG:
            return worded("its name is too long")
    return error.strerror or str(error)


def unreadable(error: Exception) -> str:
    """Why what should be JSON could not be read."""
    if made(error):
        return error.args[0]
    if isinstance(error, OSError):
        return refusal(error)
    if isinstance(error, json.JSONDecodeError):
        return worded(
            "it is no JSON from line {line:,}, character {column:,} on", line=error.lineno,
            column=error.colno)  # fmt: skip
    if isinstance(error, UnicodeError):
        return worded("it is not UTF-8 text")
    if isinstance(error, RecursionError):
        return worded("it is nested too deep")
    return worded("it holds something that can't be read")
