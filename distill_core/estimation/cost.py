"""Cost of a run, estimated before it starts: seconds by stage and peak memory, from this machine's measured speed.

Two sources, the better first: the times of similar earlier runs, and paces that `profile` measured with this config's
data, teacher and student. Pure arithmetic: it reads no data and loads nothing, so that it can follow every change of a
knob. Knows nothing of the store and of the page.
"""

import json
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Literal, TypeVar

from distill_core.cache import Cache, CacheKey
from distill_core.config.automatic import automatic_values
from distill_core.config.knobs import knobs, names_of
from distill_core.config.layers import choose_layers
from distill_core.config.losses import guesses_masked, live_needs, used_losses, wants_head
from distill_core.config.presets import KnobValues
from distill_core.config.schema import AUTO, CUT, Config
from distill_core.config.training_length import student_steps
from distill_core.data.text_bank import file_version
from distill_core.environment import local_path
from distill_core.estimation.memory import PER_TOKEN, peak_memory, size_of
from distill_core.events import STAGES, TeacherFacts
from distill_core.hub import models
from distill_core.json_types import JsonValue
from distill_core.pipeline.cost_model import (
    TRAINING_PACE,
    DataCounts,
    MachinePace,
    Measurements,
    RunSize,
    StageCost,
    StoredConfig,
    StudentPace,
    TeacherPace,
    frame_texts,
    generated_texts,
    lexicon_texts,
    neighbour_texts,
    texts_from_elsewhere,
)
from distill_core.teacher.catalog import is_local, suggestion, teacher_name
from distill_core.training.plan import FLOAT, TUNED

FORMAT = 6  # raise when a measurement of `profile` changes its meaning
MEASURED_RANGE = (0.75, 1.5)  # a run against a profile's few steps [benchmarks/RESULTS.md, "Estimates"]
REPEATED_RANGE = (0.85, 1.2)  # a run against a similar one
GUESSED_RANGE = (0.5, 2.5)  # a teacher not on this machine, by the machine's speed and the teacher's known size
PAST_RUNS = 5  # earlier runs that count, the newest
CACHED_SECONDS = 0.3  # to load a result from the cache
OVERHEAD = 1.3  # time of an encoder over that of its matrix products alone
GUESSED_SIZE = 100.0  # of a text, where none was counted
FAR_LOAD = 5.0  # seconds to load a teacher that was not measured

LAST_LAYER = 1 / 6  # of a layer's products: those of the last one, of which a cut student computes one token
VOCABULARY = 30_000  # word pieces of a suggested teacher
PROCESS = 400e6  # bytes of a small student's process

MEASUREMENT_FILE = "found.json"

FILES = tuple(knob.name for knob in knobs() if knob.path and knob.group == "task")
COSTS: dict[str, StageCost] = {
    stage: import_module(f"distill_core.pipeline.stages.{stage}_cost").COST for stage in STAGES
}

M = TypeVar("M", DataCounts, TeacherPace, StudentPace, MachinePace)
Source = Literal["runs", "survey", "size"]  # keys of the page's words


@dataclass(frozen=True)
class PastRun:
    """Finished run on this machine. `stages`: (seconds, from the cache) by stage; `texts` of its transfer set;
    `tokens` that it read of a text and whether they are `pair`s, None where not recorded; `config` has what it left to
    the rows as the run had it; `memory`: the peak bytes of its process, None where not measured; `rows` of its data by
    split; `teacher`: its name, parameters and accuracy on the validation rows, as far as the run recorded them."""

    config: StoredConfig
    stages: Mapping[str, tuple[float, bool]]
    texts: int
    steps: int
    memory: int | None = None
    teacher: TeacherFacts = field(default_factory=TeacherFacts)
    rows: Mapping[str, int] = field(default_factory=lambda: {"train": 0, "unlabelled": 0})
    tokens: int | None = None
    pair: bool | None = None


@dataclass(frozen=True)
class Estimate:
    """Estimate of a run: seconds by stage in `stages`, with `low` and `high` around their sum; peak `memory` in bytes,
    None while unknown; `texts` of the transfer set, of which `labelled` are labelled rows and `unlabelled` came
    without a label; optimiser `steps` of the student; the `cached` stages, whose result the cache has. `rests_on` is
    its source: "runs" (so many similar `runs`), "survey" (measured with these data), or "size" (the size of a teacher
    that is not on this machine)."""

    stages: dict[str, float]
    low: float
    high: float
    memory: int | None
    labelled: int
    unlabelled: int
    texts: int
    steps: int
    rests_on: Source
    runs: int = 0
    cached: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Seconds of all stages together."""
        return sum(self.stages.values())


def estimate(config: Config, known: Measurements, earlier: Sequence[PastRun] = ()) -> Estimate | None:
    """Estimate for a run of `config`; None while too little is known. `earlier` runs come newest first."""
    config = resolve_auto(config, known.counts, earlier)
    values = config.model_dump()
    same = [run for run in earlier if _same_knobs(run, values, names_of("task", "transfer", "teacher"))]
    counts = known.counts
    if counts is not None:
        labelled, unlabelled = counts["train"], counts["unlabelled"]
    elif same:
        labelled, unlabelled = same[0].rows["train"], same[0].rows["unlabelled"]
    else:
        return None
    texts = same[0].texts if same or counts is None else transfer_texts(config, counts)
    size = RunSize(texts, student_steps(config, texts))
    similar = {stage: _similar_runs(stage, values, earlier) for stage in STAGES}
    builder = _EstimateBuilder()
    for stage, cost in COSTS.items():
        if cost.skipped(config):
            builder.stages[stage] = 0.0
        elif _is_cached(stage, config, earlier):
            builder.stages[stage], builder.cached = CACHED_SECONDS, (*builder.cached, stage)
        elif paces := [seconds / units for seconds, units in similar[stage]]:
            builder.add(stage, cost.middle(paces) * cost.units(size, values), REPEATED_RANGE, "runs", paces)
        elif counts is None or (seconds := cost.seconds(config, counts, known, size)) is None:
            return None
        else:
            of_teacher = cost.by_teacher or (config.student == CUT and stage in ("control", "student"))
            guessed = of_teacher and (known.teacher is None or known.teacher.get("far"))
            doubtful = guessed or (stage == "transfer" and generated_texts(config, counts) and "write" not in counts)
            builder.add(stage, seconds, GUESSED_RANGE if doubtful else MEASURED_RANGE, "size" if guessed else "survey")
    rests_on: Source = "size" if "size" in builder.sources else "survey" if "survey" in builder.sources else "runs"
    return Estimate(
        stages=builder.stages, low=builder.low, high=builder.high,
        memory=_memory(config, known, same, texts, builder.stages["teacher"]),
        labelled=labelled, unlabelled=unlabelled, texts=texts, steps=size.steps, rests_on=rests_on,
        runs=len(similar["student"]), cached=builder.cached,
    )  # fmt: skip


def resolve_auto(config: Config, counts: DataCounts | None, earlier: Sequence[PastRun] = ()) -> Config:
    """The config with what it leaves to these rows, as far as it is known of them: counted, or by an earlier run of
    theirs."""
    values = config.model_dump()
    theirs = (run for run in earlier if run.tokens and _same_knobs(run, values, names_of("task")))
    past = None if counts else next(theirs, None)
    tokens = counts["tokens"] if counts else past.tokens if past else None
    pair = counts.get("pair") if counts else past.pair if past else None
    return config.model_copy(update=automatic_values(values, pair, tokens))


@dataclass
class _EstimateBuilder:
    stages: dict[str, float] = field(default_factory=dict)
    low: float = 0.0
    high: float = 0.0
    sources: set[Source] = field(default_factory=set)
    cached: tuple[str, ...] = ()

    def add(
        self, stage: str, seconds: float, doubt: tuple[float, float], source: Source, paces: Sequence[float] = ()
    ) -> None:
        """Add one stage. `doubt` are factors for `low` and `high`, which the spread of earlier `paces` may widen."""
        middle = statistics.median(paces) if paces else 0.0
        self.stages[stage] = seconds
        self.low += seconds * min(doubt[0], min(paces) / middle if middle else 1.0)
        self.high += seconds * max(doubt[1], max(paces) / middle if middle else 1.0)
        if seconds > 1 or stage == "student":  # a short stage doesn't decide what the estimate rests on
            self.sources.add(source)


# ---- similar runs among the earlier ones


def _same_knobs(run: PastRun, values: StoredConfig, names: Sequence[str]) -> bool:
    return all(run.config.get(name) == values[name] for name in names)


def _similar_runs(stage: str, values: StoredConfig, earlier: Sequence[PastRun]) -> list[tuple[float, int]]:
    """Pairs (seconds, units) of this stage in the newest runs with the same pace knobs."""
    cost = COSTS[stage]
    similar: list[tuple[float, int]] = []
    for run in earlier:
        seconds, cached = run.stages.get(stage, (0.0, True))
        units = cost.units(RunSize(run.texts, run.steps), run.config)
        alike = _same_knobs(run, values, cost.pace) and cost.kind(run.config) == cost.kind(values)
        if not cached and units and alike:
            similar.append((seconds, units))
    return similar[:PAST_RUNS]


def _is_cached(stage: str, config: Config, earlier: Sequence[PastRun]) -> bool:
    """True where an earlier run left this stage's result in the cache."""
    result = COSTS[stage].result
    if not result or (stage == "teacher" and not config.fine_tune):
        return False
    values = config.model_dump()
    return any(_same_knobs(run, values, result) for run in earlier)


# ---- from measurements


def transfer_texts(config: Config, counts: DataCounts) -> int:
    """Texts of the transfer set: labelled and unlabelled ones, new pairs, and those that are made from the labelled."""
    own = counts["train"]
    originals = max(own, min(own + counts["unlabelled"] + texts_from_elsewhere(config, counts), config.transfer_limit))
    augmented = own * augmentation_yield(counts["grown"], config.n_iter) + neighbour_texts(config, counts)
    augmented += lexicon_texts(config, counts) + frame_texts(config, counts)
    paired = own * config.pairing if counts.get("pair") else 0
    return max(originals, min(config.transfer_limit, round(originals + paired + augmented)))


def augmentation_yield(per_pass: Sequence[float], passes: int) -> float:
    """New texts from one text after so many passes, by the measured sums after each pass. Beyond the measured passes
    the gain shrinks in the ratio of the last two."""
    if passes < len(per_pass):
        return per_pass[passes]
    last, before = per_pass[-1], per_pass[-2]
    gain = last - before
    fewer = min(0.999, gain / (before - per_pass[-3])) if len(per_pass) > 2 and before > per_pass[-3] else 0.95
    return last + gain * fewer * (1 - fewer ** (passes - len(per_pass) + 1)) / (1 - fewer)


def _memory(
    config: Config, known: Measurements, same: Sequence[PastRun], texts: int, teacher_seconds: float
) -> int | None:
    """Peak bytes of the run's process: those of an equal run, else those that follow from its sizes."""
    student = [name for name in names_of("student") if name != "dropout"]
    values = config.model_dump()
    peaks = [run.memory for run in same if run.memory and _same_knobs(run, values, student)]
    return peaks[0] if peaks else peak_memory(config, known, texts, teacher_seconds)


# ---- measurements in the cache


def known_measurements(config: Config, cache: Cache) -> Measurements:
    """Measurements of `config` in the cache, without measuring anything. The pace of a teacher that is not on this
    machine follows from its size and the machine's speed."""
    machine = _read(MachinePace, cache, "pace-machine", config)
    counts = _read(DataCounts, cache, "pace-data", config)
    config = resolve_auto(config, counts)
    teacher = measured_teacher(config, cache)
    if teacher is None and not is_local(teacher_name(config), config.allow_pickle):
        teacher = guess_teacher(config, machine, counts)
    student = _read(StudentPace, cache, "pace-student", config)
    if student is None and teacher is not None and teacher.get("far"):
        student = guess_cut_student(config, teacher, counts)
    return Measurements(counts, teacher, student, machine)


def measured_teacher(config: Config, cache: Cache) -> TeacherPace | None:
    """Pace of the config's teacher as it was measured, None where it was not."""
    return _read(TeacherPace, cache, "pace-teacher", config)


def guess_teacher(config: Config, machine: MachinePace | None, counts: DataCounts | None) -> TeacherPace | None:
    """Pace of a suggested teacher by its size and the machine's speed, as if it were not on this machine; None for any
    other, and while the most tokens of a text are left to rows that are not known."""
    one, shape = suggestion(teacher_name(config)), size_of(config)
    if one is None or shape is None or machine is None or config.max_tokens == AUTO:
        return None
    mean = counts["size"]["labelled"] if counts else GUESSED_SIZE
    read = min(1.0, PER_TOKEN * config.token_limit / max(1.0, mean))  # the rest of a text is cut off
    size = OVERHEAD * machine["product"] * one.layers / PER_TOKEN * read
    pace: TeacherPace = {**shape, "size": size, "load": FAR_LOAD, "far": True}
    if config.fine_tune:  # forward, backward to the inputs and backward to the weights
        pace["step"] = 3 * size * config.teacher_batch * mean
    return pace


def guess_cut_student(config: Config, teacher: TeacherPace, counts: DataCounts | None) -> StudentPace | None:
    """Pace of a student that is cut from a teacher of a guessed pace; None for any other, which is measured without its
    teacher. Raises KnobError for layers that the teacher lacks."""
    depth, width = teacher.get("depth", 0), teacher.get("width", 0)
    if config.student != CUT or config.student_model or not depth or counts is None:
        return None
    layers, whole = len(choose_layers(config.layers, depth)), teacher["size"] * counts["size"]["labelled"]
    row = whole * (layers - 1 + LAST_LAYER) / depth
    weights = layers * 12 * width**2 + min(config.vocabulary_limit, VOCABULARY) * (config.table_width or width)
    memory = int(PROCESS + FLOAT * TUNED * weights)
    pace: StudentPace = {"step": 3 * row * config.batch, "row": row, "memory": memory}
    losses = used_losses(config.first_loss, config.loss)
    if asking := sum(map(bool, map(live_needs, losses))):  # then every token goes through the last layer, too
        live = (3 * layers / depth + 1) * whole * config.batch
        pace["live"] = pace["step"] + (live - pace["step"]) * asking / len(losses)
        pace["live"] += pace["step"] * sum(map(guesses_masked, losses)) / len(losses)  # reads the masked texts as well
    return pace


def _read(kind: type[M], cache: Cache, name: str, config: Config) -> M | None:
    """Measurement that `profiling.profile` wrote, None where it is missing or can't be read."""

    def load(entry: Path) -> M:
        measurement: M = json.loads((entry / MEASUREMENT_FILE).read_text(encoding="utf-8"))
        return measurement

    return cache.read(name, KEYS[name](config), load)


def data_key(config: Config) -> CacheKey:
    """Cache key of the data's measurement: all that decides the number of texts and their sizes."""
    values = config.model_dump()
    rows = {name: values[name] for name in names_of("task") if name != "metric"}
    if config.bank:
        rows |= {"bank": list(map(file_version, config.bank)), "bank_lines": config.bank_lines}
    if config.lexicon or config.framed:
        rows["lexicon"] = teacher_name(config)
    if config.framed:
        rows["framed"] = True
    if config.generator:
        rows["generator"] = _model_state(config.generator)
    return _key(rows, rules=values["rules"])


def _model_state(name: str) -> JsonValue:
    """What changes with a language model: a file or folder, or whether the one of an id is on this machine."""
    if path := local_path(name):
        return [str(path.absolute()), path.stat().st_mtime_ns]
    return [name, models.on_this_machine(name)]


def teacher_key(config: Config) -> CacheKey:
    """Cache key of the teacher's measurement: all that decides its pace."""
    tuning = config.teacher_batch if config.fine_tune else 0
    name = teacher_name(config)
    folder = None if name == "builtin" else local_path(name)
    changed = folder.stat().st_mtime_ns if folder and folder.is_dir() else 0
    return _key({}, teacher=name, changed=changed, max_tokens=config.max_tokens, tuning=tuning)


def student_key(config: Config) -> CacheKey:
    """Cache key of the student's measurement: all that decides its pace."""
    values = config.model_dump()
    shape = {name: values[name] for name in (*TRAINING_PACE, "max_tokens")}
    name = teacher_name(config)
    asking = [one for one in used_losses(config.first_loss, config.loss) if live_needs(one)]
    live: KnobValues = {"losses": used_losses(config.first_loss, config.loss)} if asking else {}
    if wants_head(config.first_loss, config.loss):
        live["filler"] = config.filler  # whose head may be the one that guesses
    if own := values["student_model"]:
        live["own"] = is_local(own, config.allow_pickle)
    return _key(shape, teacher=name, here=is_local(name, config.allow_pickle), **live)


def machine_key(config: Config) -> CacheKey:
    """Cache key of the machine's own measurement."""
    return _key({})


KEYS = {"pace-data": data_key, "pace-teacher": teacher_key, "pace-student": student_key, "pace-machine": machine_key}


def _key(values: KnobValues, **more: JsonValue) -> CacheKey:
    files = []
    for name in FILES:
        file = Path(values.get(name) or "").expanduser().absolute()  # as a worker is given it
        if values.get(name) and file.is_file():
            values = values | {name: str(file)}
        files.append([file.stat().st_mtime_ns, file.stat().st_size] if values.get(name) and file.is_file() else None)
    return {"format": FORMAT, "machine": platform.node(), **values, **more} | ({"files": files} if any(files) else {})
