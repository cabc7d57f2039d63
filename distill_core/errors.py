"""The errors that this project raises on purpose.

    StillroomError
    ├── UserError          an input that can't be used; shown as it is, exit code 2
    │   ├── DataError      a file, column, row or label
    │   ├── HubError       an id on the Hub, or the Hub itself
    │   ├── TeacherError   a model that can't teach this task
    │   ├── KnobError      a setting out of range or of the wrong kind
    │   ├── UnknownPart    a name of no component in its registry
    │   └── UnknownRun     a run id that isn't in the store
    ├── Stopped            the person stopped the run before there was a student
    └── Diverged           the loss became infinite or not a number

A UserError says what happened, with the value, and then what to do, in a sentence of `messages.message`, which the page
can translate. Any other exception than a StillroomError is our bug and keeps its traceback.
"""


class StillroomError(Exception):
    """The base of these errors."""


class UserError(StillroomError):
    """An input can't be used. The message is a sentence for the person it came from."""


class DataError(UserError):
    """A file, column, row or label can't be used."""


class HubError(UserError):
    """An id isn't on the Hub, or the Hub doesn't answer."""


class TeacherError(UserError):
    """A model can't teach this task."""


class KnobError(UserError):
    """A setting is out of range or of the wrong kind; `knob` is its name, "" where it is not a single one."""

    def __init__(self, sentence: str, knob: str = ""):
        super().__init__(sentence)
        self.knob = knob


class UnknownPart(UserError):
    """No component of the registry has that name."""


class UnknownRun(UserError):
    """No run with that id is in the store."""


class Stopped(StillroomError):
    """The person stopped the run before there was a student to keep."""


class Diverged(StillroomError):
    """Training diverged: the loss is infinite or not a number."""
