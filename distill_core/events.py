"""What a run can say: typed, frozen, and the same words whether they go down a pipe, into the store or to a terminal.

Knows nothing of who listens.
"""

import dataclasses
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from distill_core.messages import MessageData, message_data

STAGES = ("data", "teacher", "transfer", "control", "label", "student", "compare")
STATUSES = ("queued", "running", "stopping", "finished", "stopped", "failed", "interrupted", "diverged")
ENDED = ("finished", "stopped", "failed", "interrupted", "diverged")
ALIVE = ("queued", "running", "stopping")  # all that is not ENDED
RESUMABLE = ("stopped", "interrupted", "failed", "diverged")  # ended with something left to do
ROWS = ("floor", "control", "student", "teacher")


@dataclass(frozen=True)
class Event:
    """The base of all events. `kind` is the name under which the store keeps it."""

    kind: ClassVar[str] = "event"

    def body(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class StageStarted(Event):
    """A stage of STAGES began."""

    kind: ClassVar[str] = "stage_started"
    stage: str


@dataclass(frozen=True)
class StageEnded(Event):
    """A stage ended after `seconds`; `cached` where its result was there already."""

    kind: ClassVar[str] = "stage_ended"
    stage: str
    seconds: float
    cached: bool = False


@dataclass(frozen=True)
class Progress(Event):
    """`done` of `total` `unit` ("texts", "steps"); `left` is the estimated seconds to go, None while unknown."""

    kind: ClassVar[str] = "progress"
    stage: str
    done: int
    total: int
    unit: str
    left: float | None = None


@dataclass(frozen=True)
class Point(Event):
    """One point of a curve. Series are "<stage>/<what>": student/loss, student/valid_loss, student/valid_accuracy, …,
    and those of another member than the main one end in "@<its name>": student/loss@textcnn-1."""

    kind: ClassVar[str] = "point"
    series: str
    step: int
    value: float


@dataclass(frozen=True)
class Note(Event):
    """A plain sentence for the log. `level` is "info" or "warning"; `about` is a stage, "" where none fits; `made` is
    what the sentence was made of (see `messages`), for those who tell it in another language."""

    kind: ClassVar[str] = "note"
    text: str
    level: str = "info"
    about: str = ""
    made: MessageData | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "made", self.made or message_data(self.text))


@dataclass(frozen=True)
class Fact(Event):
    """Something settled that later pages show: name "rows", "labels", "teacher", "columns", "transfer", "vocabulary",
    "memory" (peak bytes of the run's process), "metric" (one of metrics.METRICS), "members" (those of a run that
    trains several, in order: "name", "student", "seed", "share") or "validation" (what the metric says on validation of
    "floor", "control", "teacher", for the chart's lines); value is JSON."""

    kind: ClassVar[str] = "fact"
    name: str
    value: Any


@dataclass(frozen=True)
class Compared(Event):
    """The comparison: the whole summary of the run as JSON (see `evaluation.comparison.compare`)."""

    kind: ClassVar[str] = "compared"
    summary: dict[str, Any]


@dataclass(frozen=True)
class Ended(Event):
    """The run's last word. `status` is one of ENDED, `message` one sentence, `trace` a traceback if it was our bug;
    `made` as of a Note."""

    kind: ClassVar[str] = "ended"
    status: str
    message: str = ""
    trace: str = ""
    made: MessageData | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "made", self.made or message_data(self.message))


KINDS: dict[str, type[Event]] = {
    cls.kind: cls for cls in (StageStarted, StageEnded, Progress, Point, Note, Fact, Compared, Ended)
}


def event_from(kind: str, body: dict[str, Any]) -> Event:
    """The event that `kind` and `body()` describe. The inverse of an event's `kind` and `body()`."""
    return KINDS[kind](**body)


class CapturedGenerator:
    """A generator whose return value is kept in `value` when it ends."""

    def __init__(self, generator: Generator[Any, None, Any]):
        self.generator = generator
        self.value: Any = None

    def __iter__(self) -> Iterator[Any]:
        self.value = yield from self.generator
