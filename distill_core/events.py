"""Events of a run: typed, frozen, and the same in a pipe, in the store and on a terminal.

Knows nothing of who listens.
"""

import dataclasses
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypedDict, get_args

from distill_core.json_types import JsonObject
from distill_core.messages import MessageData, message_data

STAGES = ("data", "teacher", "transfer", "control", "label", "student", "compare")
STATUSES = ("queued", "running", "stopping", "finished", "stopped", "failed", "interrupted", "diverged")
ENDED = ("finished", "stopped", "failed", "interrupted", "diverged")
ALIVE = ("queued", "running", "stopping")  # all that is not ENDED
RESUMABLE = ("stopped", "interrupted", "failed", "diverged")  # ended with something left to do
RowName = Literal["floor", "control", "student", "teacher"]
ROWS: tuple[RowName, ...] = get_args(RowName)


@dataclass(frozen=True)
class Event:
    """The base of all events. `kind` is the name of its class in the store."""

    kind: ClassVar[str] = "event"

    def body(self) -> JsonObject:
        """The event's fields as plain JSON values."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class StageStarted(Event):
    """A stage of STAGES began."""

    kind: ClassVar[str] = "stage_started"
    stage: str


@dataclass(frozen=True)
class StageEnded(Event):
    """A stage ended after `seconds`; `cached` where its result came from the cache."""

    kind: ClassVar[str] = "stage_ended"
    stage: str
    seconds: float
    cached: bool = False


@dataclass(frozen=True)
class Progress(Event):
    """The progress of a stage: `done` of `total` `unit` ("texts", "steps"); `left` is the estimated seconds to go, None
    while unknown."""

    kind: ClassVar[str] = "progress"
    stage: str
    done: int
    total: int
    unit: str
    left: float | None = None


@dataclass(frozen=True)
class Point(Event):
    """One point of a curve. Series are "<stage>/<what>": student/loss, student/valid_loss, student/valid_accuracy, …,
    and those of another variant than the main one end in "@<its name>": student/loss@textcnn-1."""

    kind: ClassVar[str] = "point"
    series: str
    step: int
    value: float


@dataclass(frozen=True)
class Note(Event):
    """A sentence for the log. `level` is "info" or "warning"; `about` is a stage, "" where none fits; `made` is the
    sentence's template and values (see `messages`), for translations."""

    kind: ClassVar[str] = "note"
    text: str
    level: str = "info"
    about: str = ""
    made: MessageData | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "made", self.made or message_data(self.text))


class TeacherFacts(TypedDict, total=False):
    """The fact "teacher". `accuracy`, on the validation rows, is a fact of its own in the events."""

    name: str
    fingerprint: str
    parameters: int
    bytes: int
    max_tokens: int
    accuracy: float


class TransferFacts(TypedDict):
    """The fact "transfer": texts of the set, and augmented ones by rule."""

    texts: int
    counts: dict[str, int]


class Provenance(TypedDict):
    """What a run was computed from and with: the sha256 of its training and validation rows and their labels, the
    versions of the packages, the device by torch's name, and the machine's architecture."""

    rows: str
    versions: dict[str, str]
    device: str
    machine: str


class Facts(TypedDict, total=False):
    """Facts of a run that estimates read, by name."""

    rows: dict[str, int]
    max_tokens: int
    pair: bool
    teacher: TeacherFacts
    transfer: TransferFacts
    memory: int
    metric: str
    validation: dict[RowName, float]


@dataclass(frozen=True)
class Fact(Event):
    """A fact that later pages show: name "rows", "labels", "max_tokens" (that are read of a text), "pair" (whether the
    texts are pairs), "teacher", "columns", "transfer", "vocabulary", "memory" (peak bytes of the run's process),
    "metric" (one of metrics.METRICS), "members" (the variants of a run that trains several, in order: "name",
    "student", "seed", "share"), "provenance" (a Provenance: what the same config and seed need for the same weights),
    "selection" (which step of a student is taken, where that is not the best one: "last") or "validation" (the metric
    on validation of "floor", "control" and "teacher", for the chart's lines); value is JSON."""

    kind: ClassVar[str] = "fact"
    name: str
    value: Any


@dataclass(frozen=True)
class Compared(Event):
    """The comparison: the whole summary of the run as JSON (see `evaluation.comparison.compare`)."""

    kind: ClassVar[str] = "compared"
    summary: JsonObject


@dataclass(frozen=True)
class Ended(Event):
    """The run ended. `status` is one of ENDED, `message` one sentence, `trace` a traceback if it was our bug; `made` as
    of a Note."""

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


def event_from(kind: str, body: JsonObject) -> Event:
    """The event of a kind with these fields: the inverse of an event's `kind` and `body()`."""
    return KINDS[kind](**body)


class CapturedGenerator:
    """A generator that captures its return value: in `value`, once it has ended."""

    def __init__(self, generator: Generator[Any, None, Any]):
        self.generator = generator
        self.value: Any = None

    def __iter__(self) -> Iterator[Any]:
        self.value = yield from self.generator
