"""Cost model of a stage: the knobs that decide its time, and its seconds computed from measurements.

Each stage declares its own in `stages/<stage>_cost.py`, beside the stage; `estimation.cost` adds them up. Imports
nothing heavy, so that a page can follow every change of a knob.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NotRequired, TypedDict

from distill_core.config.knobs import names_of
from distill_core.config.presets import KnobValues
from distill_core.config.schema import Config
from distill_core.config.transfer_size import neighbour_passes

StoredConfig = KnobValues  # as the store has them, where newer knobs may be missing


class TextSizes(TypedDict):
    """Mean size of a text (`soft_labels.text_size`) of each kind."""

    labelled: float
    unlabelled: float
    augmented: float


class DataCounts(TypedDict):
    """Counts of the rows by split, sizes, the `tokens` that are read of a text where the config leaves that to the
    rows, and seconds: `make` for one augmented text, `read` for one text of the transfer set, `seconds` to load the
    data and fit the baseline. `grown`: new texts from one text after 0, 1, 2, … passes; `near`: new texts with near
    words from one text in a pass, 1 where not measured. `pair`: whether the texts are pairs. `bank`: texts of the text
    banks that are looked at. `write`: seconds for one text of the language model, and `writer`: bytes of
    its weights, where they were measured; `words`: those of the teacher's vocabulary, and `frames` of the labelled
    rows, where they were counted. `fit`: seconds to fit the baseline on the labelled rows, of so many `classes`, where
    they were measured. `metric`: what "auto" means for these rows."""

    train: int
    valid: int
    test: int
    unlabelled: int
    size: TextSizes
    grown: list[float]
    tokens: int
    near: NotRequired[float]
    pair: NotRequired[bool]
    bank: NotRequired[int]
    write: NotRequired[float]
    writer: NotRequired[int]
    words: NotRequired[int]
    frames: NotRequired[int]
    fit: NotRequired[float]
    classes: NotRequired[int]
    metric: NotRequired[str]
    make: float
    read: float
    seconds: float


class TeacherPace(TypedDict):
    """Pace of the teacher in seconds: to `load` it, for one unit of text `size`, and for one `step` where it is to be
    fine-tuned; `far` where it was not measured and its pace follows from its size. Its memory goes by its `parameters`,
    its `depth` in layers, the `width` of its hidden states, its attention `heads`, and the `tokens` of the longest
    text."""

    size: float
    load: float
    step: NotRequired[float]
    far: NotRequired[bool]
    parameters: NotRequired[int]
    depth: NotRequired[int]
    width: NotRequired[int]
    heads: NotRequired[int]
    tokens: NotRequired[int]


class StudentPace(TypedDict):
    """Pace of the student in seconds for one optimiser `step`, its control's too, and one scored `row`; `live` is a
    step of a loss that asks the teacher each time, where the config has one. `memory` in bytes, that of the whole
    process without the teacher."""

    step: float
    live: NotRequired[float]
    row: float
    memory: int


class MachinePace(TypedDict):
    """Pace of this machine: seconds of a matrix product for one weight and one token."""

    product: float


@dataclass(frozen=True)
class Measurements:
    """Measurements of a config on this machine, None where missing."""

    counts: DataCounts | None = None
    teacher: TeacherPace | None = None
    student: StudentPace | None = None
    machine: MachinePace | None = None

    @property
    def complete(self) -> bool:
        """Completeness: whether nothing is left to measure."""
        return None not in (self.counts, self.teacher, self.student)


@dataclass(frozen=True)
class RunSize:
    """Size of a run: `texts` of its transfer set and optimiser `steps` of one student."""

    texts: int
    steps: int


def one_unit(size: RunSize, config: StoredConfig) -> int:
    """Unit count 1, for a stage whose time does not grow with texts or steps."""
    return 1


def neighbour_texts(config: Config, counts: DataCounts) -> int:
    """Texts with near words that a run of `config` makes, were there no limit."""
    return round(counted_passes(config, counts) * counts["train"] * counts.get("near", 1.0))


def counted_passes(config: Config, counts: DataCounts) -> int:
    """Texts with near words that a run of `config` makes of each labelled one."""
    size = counts["size"]["labelled"]
    return neighbour_passes(config, counts["train"], counts["unlabelled"], counts.get("pair", False), size)


def bank_texts(config: Config, counts: DataCounts) -> int:
    """Texts of the text banks that a run of `config` takes, were there no limit."""
    return 0 if counts.get("pair") else min(config.bank_texts, counts.get("bank", 0))


def generated_texts(config: Config, counts: DataCounts) -> int:
    """Texts that the language model of a run of `config` writes, were there no limit."""
    return config.generated_texts if config.generator and not counts.get("pair") else 0


def texts_from_elsewhere(config: Config, counts: DataCounts) -> int:
    """Texts of a run of `config` that bring words from elsewhere, those with near words aside, were there no limit."""
    return bank_texts(config, counts) + generated_texts(config, counts) + filled_texts(config, counts)


def lexicon_texts(config: Config, counts: DataCounts) -> int:
    """Single words that a run of `config` takes, were there no limit."""
    return 0 if counts.get("pair") else min(config.lexicon, counts.get("words", config.lexicon))


def frame_texts(config: Config, counts: DataCounts) -> int:
    """Words in frames that a run of `config` takes, were there no limit."""
    if counts.get("pair"):
        return 0
    counted = counts["words"] * counts["frames"] if "words" in counts and "frames" in counts else config.framed
    return min(config.framed, counted)


def filled_texts(config: Config, counts: DataCounts) -> int:
    """Texts with filled masks that a run of `config` makes, were there no limit."""
    return config.filled * counts["train"]


def text_units(size: RunSize, config: StoredConfig) -> int:
    """Units of a stage whose time grows with the texts of the transfer set."""
    return size.texts


def count_networks(config: StoredConfig) -> int:
    """Number of networks that a run trains on the full transfer set: each student with each seed."""
    return len({config["student"], *(config.get("students") or ())}) * (config.get("seeds") or 1)


def never(config: Config) -> bool:
    """False: most stages are never skipped."""
    return False


@dataclass(frozen=True)
class StageCost:
    """Cost of a stage.

    pace        knobs that decide its pace: earlier runs with the same values had the same pace
    kind        what else of a config decides its pace, the same for runs of the same
    seconds     its seconds by the measurements, None where one is missing
    units       the quantity that its time grows with
    result      knobs that decide its result in the cache; () where no result is used again
    by_teacher  whether it waits for the teacher, so that a teacher not on this machine makes it a guess
    middle      the average over the paces of earlier runs
    skipped     whether a run of that config leaves it out
    """

    pace: tuple[str, ...]
    seconds: Callable[[Config, DataCounts, Measurements, RunSize], float | None]
    units: Callable[[RunSize, StoredConfig], int] = one_unit
    result: tuple[str, ...] = ()
    by_teacher: bool = False
    middle: Callable[[Sequence[float]], float] = statistics.median
    skipped: Callable[[Config], bool] = never
    kind: Callable[[StoredConfig], object] = type


# The knobs that decide the kind of texts, however many of them a run uses.
KIND = names_of("task", without=("draw",))
TASK = (*KIND, "limit")
TRAINING_PACE = (*KIND, *names_of("student"), "batch", "optimiser")
