"""What a run will cost, before it starts: seconds a stage and peak memory, from this machine's own measured speed.

Two sources, the better first: what earlier runs here took for the like, and paces that `profile` measured on the very
data, teacher and student. This is the arithmetic between them: it reads no data and loads nothing, so that it can
follow every change of a knob. Knows nothing of the store and of the page.
"""

import json
import math
import platform
import statistics
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from distill_core.cache import Cache
from distill_core.config.knobs import knobs, names_of
from distill_core.config.schema import Config
from distill_core.events import STAGES
from distill_core.pipeline.cost_model import (
    TRAINING_PACE,
    DataCounts,
    Measurements,
    RunSize,
    StageCost,
    StoredConfig,
)
from distill_core.teacher.catalog import SUGGESTED, teacher_name

FORMAT = 1  # raise when what a survey measures changes its meaning
MEASURED_RANGE = (0.75, 1.5)  # a survey's few steps against a whole run [benchmarks/RESULTS.md, "Estimates"]
REPEATED_RANGE = (0.85, 1.2)  # a run against the like of it
GUESSED_RANGE = (0.5, 2.5)  # a teacher that is not here, from the machine's speed and its known size
PAST_RUNS = 5  # earlier runs that are asked
CACHED_SECONDS = 0.3  # seconds to find a result that is there already
MEMORY_FACTOR = 1.25  # times what a survey held, in a whole run [benchmarks/RESULTS.md, "Estimates"]
TEXT_BYTES = 700  # of one transfer text: the string, its ids, its place in the tables
PER_TOKEN = 5.0  # characters, special tokens aside

MEASUREMENT_FILE = "found.json"

FILES = tuple(knob.name for knob in knobs() if knob.path and knob.group == "task")
COSTS: dict[str, StageCost] = {
    stage: import_module(f"distill_core.pipeline.stages.{stage}_cost").COST for stage in STAGES
}


@dataclass(frozen=True)
class PastRun:
    """A run that finished here. `stages`: (seconds, from the cache) by stage; `texts` of its transfer set; `memory` the
    peak bytes of its process, None where nobody looked; `rows` of its
    data; `teacher`: its name, parameters and accuracy on the validation
    rows, as far as it told them."""

    config: Mapping[str, Any]
    stages: Mapping[str, tuple[float, bool]]
    texts: int
    steps: int
    memory: int | None = None
    teacher: Mapping[str, Any] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=lambda: {"train": 0, "unlabelled": 0})


@dataclass(frozen=True)
class Estimate:
    """`seconds` of each stage and in all, with `low` and `high` around the sum; peak `memory` in bytes, None while
    unknown. `texts` of the transfer set, of which `labelled` are labelled rows and
    `unlabelled` came without a label; optimiser `steps` of the student.
    `cached`: the stages whose result is there already. `rests_on`: "runs" (so many `runs` like it), "survey" (measured
    on these data), or "size" (the teacher is not on this machine: told from its size)."""

    stages: dict[str, float]
    low: float
    high: float
    memory: int | None
    labelled: int
    unlabelled: int
    texts: int
    steps: int
    rests_on: str
    runs: int = 0
    cached: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Of all stages."""
        return sum(self.stages.values())


def estimate(config: Config, known: Measurements, earlier: Sequence[PastRun] = ()) -> Estimate | None:
    """Cost of a run of `config`; None while too little is known. `earlier` runs come newest first."""
    asked = config.model_dump()
    same = [run for run in earlier if _same_knobs(run, asked, names_of("task", "transfer", "teacher"))]
    counts = known.counts
    if counts is not None:
        labelled, unlabelled = counts["train"], counts["unlabelled"]
    elif same:
        labelled, unlabelled = same[0].rows["train"], same[0].rows["unlabelled"]
    else:
        return None
    texts = same[0].texts if same or counts is None else _texts(config, counts)
    size = RunSize(texts, config.epochs * math.ceil(texts / config.batch))
    similar = {stage: _similar_runs(stage, asked, earlier) for stage in STAGES}
    builder = _EstimateBuilder()
    for stage, cost in COSTS.items():
        if cost.skipped(config):
            builder.stages[stage] = 0.0
        elif _is_cached(stage, config, earlier):
            builder.stages[stage], builder.cached = CACHED_SECONDS, (*builder.cached, stage)
        elif paces := [seconds / units for seconds, units in similar[stage]]:
            builder.add(stage, cost.middle(paces) * cost.units(size, asked), REPEATED_RANGE, "runs", paces)
        elif counts is None or (seconds := cost.seconds(config, counts, known, size)) is None:
            return None
        else:
            guessed = cost.by_teacher and (known.teacher is None or known.teacher.get("far"))
            builder.add(stage, seconds, GUESSED_RANGE if guessed else MEASURED_RANGE, "size" if guessed else "survey")
    rests_on = next((source for source in ("size", "survey") if source in builder.sources), "runs")
    return Estimate(
        stages=builder.stages, low=builder.low, high=builder.high, memory=_memory(config, known, same, texts),
        labelled=labelled, unlabelled=unlabelled, texts=texts, steps=size.steps, rests_on=rests_on,
        runs=len(similar["student"]), cached=builder.cached,
    )  # fmt: skip


@dataclass
class _EstimateBuilder:
    stages: dict[str, float] = field(default_factory=dict)
    low: float = 0.0
    high: float = 0.0
    sources: set[str] = field(default_factory=set)
    cached: tuple[str, ...] = ()

    def add(
        self, stage: str, seconds: float, doubt: tuple[float, float], source: str, seen: Sequence[float] = ()
    ) -> None:
        """One stage; what earlier runs were apart is doubt too."""
        middle = statistics.median(seen) if seen else 0.0
        self.stages[stage] = seconds
        self.low += seconds * min(doubt[0], min(seen) / middle if middle else 1.0)
        self.high += seconds * max(doubt[1], max(seen) / middle if middle else 1.0)
        if seconds > 1 or stage == "student":  # a stage of no time leaves no doubt
            self.sources.add(source)


# ---- similar runs among the earlier ones


def _same_knobs(run: PastRun, asked: StoredConfig, names: Sequence[str]) -> bool:
    return all(run.config.get(name) == asked[name] for name in names)


def _similar_runs(stage: str, asked: StoredConfig, earlier: Sequence[PastRun]) -> list[tuple[float, int]]:
    """(seconds, units) of this stage in the newest runs that went at the pace this one will."""
    cost, similar = COSTS[stage], []
    for run in earlier:
        seconds, cached = run.stages.get(stage, (0.0, True))
        units = cost.units(RunSize(run.texts, run.steps), run.config)
        if not cached and units and _same_knobs(run, asked, cost.pace):
            similar.append((seconds, units))
    return similar[:PAST_RUNS]


def _is_cached(stage: str, config: Config, earlier: Sequence[PastRun]) -> bool:
    """Whether an earlier run left this stage's result behind."""
    result = COSTS[stage].result
    if not result or (stage == "teacher" and not config.fine_tune):
        return False
    asked = config.model_dump()
    return any(_same_knobs(run, asked, result) for run in earlier)


# ---- from a survey


def _texts(config: Config, counts: DataCounts) -> int:
    """The transfer set: labelled and unlabelled texts, and what the passes make of the labelled."""
    own = counts["train"]
    given = max(own, min(own + counts["unlabelled"], config.transfer_limit))
    return max(
        given, min(config.transfer_limit, round(given + own * augmentation_yield(counts["grown"], config.n_iter)))
    )


def augmentation_yield(per_pass: Sequence[float], passes: int) -> float:
    """New texts that so many passes make of one, from the sums after each pass; passes beyond those that were tried
    make ever fewer, as the last two did."""
    if passes < len(per_pass):
        return per_pass[passes]
    last, before = per_pass[-1], per_pass[-2]
    gain = last - before
    fewer = min(0.999, gain / (before - per_pass[-3])) if len(per_pass) > 2 and before > per_pass[-3] else 0.95
    return last + gain * fewer * (1 - fewer ** (passes - len(per_pass) + 1)) / (1 - fewer)


def _memory(config: Config, known: Measurements, same: Sequence[PastRun], texts: int) -> int | None:
    """Peak bytes of the run's process: what an equal run had, else what the survey's had and the texts."""
    student = [name for name in names_of("student") if name != "dropout"]
    asked = config.model_dump()
    seen = [run.memory for run in same if run.memory and all(run.config.get(name) == asked[name] for name in student)]
    if seen:
        return seen[0]
    if known.student is None:
        return None
    return int(MEMORY_FACTOR * (known.student["memory"] + texts * TEXT_BYTES))


# ---- where a survey's findings stand


def known_measurements(config: Config, cache: Cache) -> Measurements:
    """What is known of `config`, without measuring anything."""
    return Measurements(*(read_measurement(cache, kind, key(config)) for kind, key in KEYS.items()))


def read_measurement(cache: Cache, kind: str, key: dict[str, Any]) -> dict[str, Any] | None:
    """One finding, None where there is none that can be read."""
    entry = cache.get(kind, key)
    with suppress(OSError, ValueError):
        return json.loads((entry / MEASUREMENT_FILE).read_text(encoding="utf-8")) if entry else None
    return None


def data_key(config: Config) -> dict[str, Any]:
    """What decides how many texts there are and of what size."""
    asked = config.model_dump()
    return _key({name: asked[name] for name in names_of("task") if name != "metric"}, rules=asked["rules"])


def teacher_key(config: Config) -> dict[str, Any]:
    """What decides the teacher's pace."""
    tuning = config.teacher_batch if config.fine_tune else 0
    name = teacher_name(config)
    folder = Path(name).expanduser()
    changed = folder.stat().st_mtime_ns if name != "builtin" and folder.is_dir() else 0
    return _key({}, teacher=name, changed=changed, max_tokens=config.max_tokens, tuning=tuning)


def student_key(config: Config) -> dict[str, Any]:
    """What decides the student's pace and, with the teacher beside it, the memory."""
    asked = config.model_dump()
    shape = {name: asked[name] for name in (*TRAINING_PACE, "max_tokens")}
    return _key(shape, teacher=teacher_name(config), tuning=config.fine_tune)


KEYS = {"pace-data": data_key, "pace-teacher": teacher_key, "pace-student": student_key}


def _key(asked: dict[str, Any], **more: Any) -> dict[str, Any]:
    files = []
    for name in FILES:
        file = Path(asked.get(name) or "")
        files.append([file.stat().st_mtime_ns, file.stat().st_size] if asked.get(name) and file.is_file() else None)
    return {"format": FORMAT, "machine": platform.node(), **asked, **more} | ({"files": files} if any(files) else {})


def layer_weights(name: str) -> float | None:
    """The weights in the layers of a teacher worth naming: what its time goes by. None where the name isn't one."""
    return next((one.layers for one in SUGGESTED if one.name == name), None)
