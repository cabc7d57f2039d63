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
bug and keeps its traceback. Its message is a sentence of `messages.message`, so that the page can say it in another
language.
"""


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
