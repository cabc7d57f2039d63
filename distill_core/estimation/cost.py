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
from pathlib import Path
from typing import Any

from distill_core.cache import Cache
from distill_core.config.knobs import knobs
from distill_core.config.schema import Config
from distill_core.events import STAGES
from distill_core.teacher.catalog import SUGGESTED, teacher_name

FORMAT = 1  # raise when what a survey measures changes its meaning
TRAINED = ("control", "student")
MEASURED_RANGE = (0.75, 1.5)  # a survey's few steps against a whole run [benchmarks/RESULTS.md, "Estimates"]
REPEATED_RANGE = (0.85, 1.2)  # a run against the like of it
GUESSED_RANGE = (0.5, 2.5)  # a teacher that is not here, from the machine's speed and its known size
PAST_RUNS = 5  # earlier runs that are asked
CACHED_SECONDS = 0.3  # seconds to find a result that is there already
COMPARE = 4.5  # seconds of a comparison that no size changes: three models are timed for twice 0.7 s each
MEMORY_FACTOR = 1.25  # times what a survey held, in a whole run [benchmarks/RESULTS.md, "Estimates"]
TEXT_BYTES = 700  # of one transfer text: the string, its ids, its place in the tables
PER_TOKEN = 5.0  # characters, special tokens aside

MEASUREMENT_FILE = "found.json"

_GROUP = {knob.name: knob.group for knob in knobs()}
_FILES = ("train", "valid", "test", "unlabelled")
_DRAW = ("limit", "seed", "metric")  # which rows and how they are scored, not what rows are like
_PULL = ("loss", "alpha", "temperature")


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
class Measurements:
    """What surveys found, each None where none did. `counts` of the data, `teacher` of the teacher, `student` of the
    student on these data."""

    counts: dict[str, Any] | None = None
    teacher: dict[str, Any] | None = None
    student: dict[str, Any] | None = None

    @property
    def complete(self) -> bool:
        """Whether nothing is left to survey."""
        return None not in (self.counts, self.teacher, self.student)


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


def estimate(config: Config, paces: Measurements, earlier: Sequence[PastRun] = ()) -> Estimate | None:
    """What a run of `config` will cost; None while too little is known. `earlier` runs come newest first."""
    asked = config.model_dump()
    same = [run for run in earlier if _same_knobs(run, asked, "task", "transfer", "teacher")]
    counts = paces.counts
    if counts is None and not same:
        return None
    rows = counts or same[0].rows
    texts = same[0].texts if same else _texts(config, counts or {})
    steps = config.epochs * math.ceil(texts / config.batch)
    likes = {stage: _similar_runs(stage, asked, earlier) for stage in STAGES}
    told = _EstimateBuilder()
    for stage in STAGES:
        units = _units(stage, texts, steps, asked)
        if stage == "control" and not config.control:
            told.stages[stage] = 0.0
        elif _is_cached(stage, config, earlier):
            told.stages[stage], told.cached = CACHED_SECONDS, (*told.cached, stage)
        elif paces_of := [seconds / of for seconds, of in likes[stage]]:
            middle = max if stage == "teacher" else statistics.median  # one that was fine-tuned before took no time
            told.add(stage, middle(paces_of) * units, REPEATED_RANGE, "runs", paces_of)
        elif counts is None or (seconds := _measured_seconds(stage, config, paces, texts, steps)) is None:
            return None
        else:
            far = paces.teacher is None or paces.teacher.get("far")
            doubtful = far and stage in ("teacher", "label", "compare")
            told.add(stage, seconds, GUESSED_RANGE if doubtful else MEASURED_RANGE, "size" if doubtful else "survey")
    rests_on = next((source for source in ("size", "survey") if source in told.sources), "runs")
    return Estimate(
        told.stages, told.low, told.high, _memory(config, paces, same, texts), rows["train"], rows["unlabelled"],
        texts, steps, rests_on,
        len(likes["student"]), told.cached,
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


# ---- the like of it among earlier runs


def _knobs(*groups: str, without: Sequence[str] = ()) -> tuple[str, ...]:
    return tuple(name for name, group in _GROUP.items() if group in groups and name not in without)


_NETWORK = ("student", "students", "hidden", "fc", "dropout")
_KIND = _knobs("task", without=_DRAW)
_BY_STAGE: dict[str, tuple[str, ...]] = {  # the knobs that decide a stage's pace
    "data": _knobs("task", without=("seed", "metric")),
    "teacher": _knobs("task", "teacher", without=("seed", "metric")),
    "transfer": (
        *_KIND,
        "teacher",
        "rules",
        *_knobs("student", without=_NETWORK),
    ),
    "label": (*_KIND, *_knobs("teacher")),
    "control": (*_KIND, *_knobs("student"), "batch", "optimiser"),
    "student": (*_KIND, *_knobs("student"), "batch", "optimiser"),
    "compare": _knobs("task", "teacher", without=("seed", "metric")),
}
_DECIDED_BY = {  # the knobs that decide what a stage leaves behind
    "teacher": _knobs("task", "teacher"),
    "label": _knobs("task", "teacher", "transfer", without=("metric",)),
    "control": _knobs("task", "teacher", "transfer", "student", "training", without=(*_PULL, "learning_curve")),
}


def _same_knobs(run: PastRun, asked: Mapping[str, Any], *groups: str) -> bool:
    return all(run.config.get(name) == asked[name] for name in _knobs(*groups))


def _similar_runs(stage: str, asked: Mapping[str, Any], earlier: Sequence[PastRun]) -> list[tuple[float, int]]:
    """(seconds, units) of this stage in the newest runs that went at the pace this one will."""
    found = []
    for run in earlier:
        seconds, cached = run.stages.get(stage, (0.0, True))
        units = _units(stage, run.texts, run.steps, run.config)
        if not cached and units and all(run.config.get(name) == asked[name] for name in _BY_STAGE[stage]):
            found.append((seconds, units))
    return found[:PAST_RUNS]


def _units(stage: str, texts: int, steps: int, asked: Mapping[str, Any]) -> int:
    """What a stage's time goes by: texts, or the optimiser steps of all that it trains."""
    if stage in TRAINED:
        return steps * count_trainings(stage, asked)
    return texts if stage in ("transfer", "label") else 1


def count_trainings(stage: str, asked: Mapping[str, Any]) -> int:
    """How many students the stage "control" or "student" trains, as `variants.plan_variants` has them. `asked` is a config as it
    was stored, which may be older than these knobs."""
    whole = len({asked["student"], *(asked.get("students") or ())}) * (asked.get("seeds") or 1)
    return whole + (len(asked.get("learning_curve") or ()) if stage == "student" else 0)


def _is_cached(stage: str, config: Config, earlier: Sequence[PastRun]) -> bool:
    """Whether an earlier run left this stage's result behind."""
    asked, decide = config.model_dump(), _DECIDED_BY.get(stage)
    if decide is None or (stage == "teacher" and not config.fine_tune):
        return False
    return any(all(run.config.get(name) == asked[name] for name in decide) for run in earlier)


# ---- from a survey


def _texts(config: Config, counts: Mapping[str, Any]) -> int:
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


def _measured_seconds(stage: str, config: Config, paces: Measurements, texts: int, steps: int) -> float | None:
    counts, teacher, student = paces.counts or {}, paces.teacher, paces.student
    size = counts["size"]
    if stage == "data":
        return counts["seconds"]
    if stage == "transfer":
        return 0.3 + config.n_iter * counts["train"] * counts["make"] + texts * counts["read"]
    if stage in ("control", "student"):
        if student is None:
            return None
        scored = config.evaluations * counts["valid"] * student["row"]
        return (steps * student["step"] + scored) * count_trainings(stage, config.model_dump())
    if teacher is None:
        return None
    if stage == "teacher":
        tuning = 0.0
        if config.fine_tune:
            if "step" not in teacher:
                return None
            of = config.teacher_epochs * math.ceil(counts["train"] / config.teacher_batch)
            tuning = of * teacher["step"] + config.teacher_epochs * counts["valid"] * size["labelled"] * teacher["size"]
        return teacher["load"] + tuning + counts["valid"] * size["labelled"] * teacher["size"]
    if stage == "label":
        own = min(counts["train"], texts)
        loose = min(counts["unlabelled"], texts - own)
        made = texts - own - loose
        total = own * size["labelled"] + loose * size["unlabelled"] + made * size["augmented"]
        return total * teacher["size"]
    return COMPARE + counts["test"] * size["labelled"] * teacher["size"]


def _memory(config: Config, paces: Measurements, same: Sequence[PastRun], texts: int) -> int | None:
    """Peak bytes of the run's process: what an equal run had, else what the survey's had and the texts."""
    student = [name for name in _knobs("student") if name != "dropout"]
    asked = config.model_dump()
    seen = [run.memory for run in same if run.memory and all(run.config.get(name) == asked[name] for name in student)]
    if seen:
        return seen[0]
    if paces.student is None:
        return None
    return int(MEMORY_FACTOR * (paces.student["memory"] + texts * TEXT_BYTES))


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
    return _key({name: asked[name] for name in _knobs("task", without=("metric",))}, rules=asked["rules"])


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
    shape = {name: asked[name] for name in (*_KIND, *_knobs("student"), "batch", "optimiser", "max_tokens")}
    return _key(shape, teacher=teacher_name(config), tuning=config.fine_tune)


KEYS = {"pace-data": data_key, "pace-teacher": teacher_key, "pace-student": student_key}


def _key(asked: dict[str, Any], **more: Any) -> dict[str, Any]:
    files = []
    for name in _FILES:
        file = Path(asked.get(name) or "")
        files.append([file.stat().st_mtime_ns, file.stat().st_size] if asked.get(name) and file.is_file() else None)
    return {"format": FORMAT, "machine": platform.node(), **asked, **more} | ({"files": files} if any(files) else {})


def layer_weights(name: str) -> float | None:
    """The weights in the layers of a teacher worth naming: what its time goes by. None where the name isn't one."""
    return next((one.layers for one in SUGGESTED if one.name == name), None)
