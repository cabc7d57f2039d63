"""Cost model of a stage: which knobs decide how long it takes, and its seconds from what was measured.

Each stage declares its own in `stages/<stage>_cost.py`, beside the stage; `estimation.cost` adds them up. Imports
nothing heavy, so that a page can follow every change of a knob.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

from distill_core.config.knobs import names_of
from distill_core.config.schema import Config

StoredConfig = Mapping[str, Any]  # as the store has it: it may lack the youngest knobs


class TextSizes(TypedDict):
    """Mean size of a text (`soft_labels.text_size`) of each kind."""

    labelled: float
    unlabelled: float
    augmented: float


class DataCounts(TypedDict):
    """Rows of each split, sizes, and seconds: `make` for one augmented text, `read` for one text of the transfer set,
    `seconds` to load the data and fit the baseline. `grown`: new texts of one text after 0, 1, 2, … passes."""

    train: int
    valid: int
    test: int
    unlabelled: int
    size: TextSizes
    grown: list[float]
    make: float
    read: float
    seconds: float


class TeacherPace(TypedDict):
    """Seconds to `load` the teacher, for one unit of text `size`, and for one fine-tuning `step` where it is to be
    fine-tuned; `far` where it is not on this machine."""

    size: float
    load: float
    step: NotRequired[float]
    far: NotRequired[bool]
    parameters: NotRequired[int]


class StudentPace(TypedDict):
    """Seconds of one optimiser `step` and of one scored `row`; peak `memory` in bytes."""

    step: float
    row: float
    memory: int


@dataclass(frozen=True)
class Measurements:
    """Measurements of a config on this machine, each None where it was not taken."""

    counts: DataCounts | None = None
    teacher: TeacherPace | None = None
    student: StudentPace | None = None

    @property
    def complete(self) -> bool:
        """Whether nothing is left to measure."""
        return None not in (self.counts, self.teacher, self.student)


@dataclass(frozen=True)
class RunSize:
    """Size of a run: `texts` of its transfer set and optimiser `steps` of one student."""

    texts: int
    steps: int


def one_unit(size: RunSize, config: StoredConfig) -> int:
    """Units of a stage whose time does not go by texts or steps."""
    return 1


def text_units(size: RunSize, config: StoredConfig) -> int:
    """Units of a stage whose time goes by the texts of the transfer set."""
    return size.texts


def count_networks(config: StoredConfig) -> int:
    """Networks that a run trains on the whole transfer set: each student with each seed."""
    return len({config["student"], *(config.get("students") or ())}) * (config.get("seeds") or 1)


def never(config: Config) -> bool:
    """Whether the stage does nothing: of most stages, never."""
    return False


@dataclass(frozen=True)
class StageCost:
    """Cost of a stage.

    pace        knobs that decide how fast it goes: earlier runs with the same values went at the same pace
    seconds     seconds by the measurements, None where one is missing
    units       what its time grows with
    result      knobs that decide what it leaves in the cache; () where nothing is used again
    by_teacher  whether it waits for the teacher, and so is a guess where the teacher is not on this machine
    middle      how the paces of earlier runs become one
    skipped     whether a run of that config leaves it out
    """

    pace: tuple[str, ...]
    seconds: Callable[[Config, DataCounts, Measurements, RunSize], float | None]
    units: Callable[[RunSize, StoredConfig], int] = one_unit
    result: tuple[str, ...] = ()
    by_teacher: bool = False
    middle: Callable[[Sequence[float]], float] = statistics.median
    skipped: Callable[[Config], bool] = never


# The knobs that decide what texts are like, whichever of them are taken.
KIND = names_of("task", without=("draw",))
TASK = (*KIND, "limit")
TRAINING_PACE = (*KIND, *names_of("student"), "batch", "optimiser")
