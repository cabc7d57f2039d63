"""The short measurement behind an estimate: a few hundred texts, a few steps, in a process such as runs have.

Each finding stands in the cache under what decides it, so that a second survey measures only what is new.
Knows nothing of the arithmetic that uses it.
"""

import dataclasses
import json
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from distill_core import tasks, tokenization
from distill_core.augmentation import augmenter
from distill_core.cache import Cache
from distill_core.config.schema import Config
from distill_core.data import dataset
from distill_core.data.dataset import Dataset
from distill_core.distillation import soft_labels, student_trainer
from distill_core.environment import peak_memory
from distill_core.estimation import cost
from distill_core.evaluation import baseline
from distill_core.evaluation.objective import SINGLE_LABEL
from distill_core.events import Event, Progress
from distill_core.outputs import ModelOutput
from distill_core.registry import LOSSES
from distill_core.student import runtime, vocabulary
from distill_core.teacher import fine_tuning, loading
from distill_core.teacher.catalog import is_local, teacher_name
from distill_core.teacher.model import Teacher
from distill_core.training import device, loop
from distill_core.training import plan as training_plan

TEXTS = 256  # of the labelled and of the unlabelled ones, for pace and growth
LABELLED = 64  # answered by the teacher
ROWS = 2000  # on which the floor is timed
STEPS = 14  # of the student; the first ones warm up and don't count
TUNING = 3  # of a teacher's fine-tuning
PASSES = 30
PATIENCE = 1.0  # seconds for the growth by passes
OVERHEAD = 1.3  # of a whole encoder over its bare matrix products


def profile(config: Config, folder: Path, cache: Cache, stop: Callable[[], bool] = lambda: False) -> Iterator[Event]:
    """Measures what `cache` doesn't hold of `config`; has the signature of a pipeline, so that a worker can run it.
    Downloads no teacher: of one that is not here only the machine's speed is measured. Raises UserError."""
    known = cost.known_measurements(config, cache)
    keys = {kind: key(config) for kind, key in cost.KEYS.items()}
    started = _clock()
    rows = tasks.load_dataset(config)
    spent = _clock() - started
    started = _clock()
    teacher = _load(config, rows)
    load = _clock() - started
    sample = _sample(rows)
    pieces = teacher.subword_tokenizer() if teacher and rows.language in tokenization.WITHOUT_SPACES else None
    made = augmenter.Augmenter(sample.train.texts, config, pieces, rows.language)
    yield Progress("data", 1, 4, "findings")
    if known.counts is None:
        _store(cache, "pace-data", keys["pace-data"], _count_texts(rows, sample, made, config, spent))
    yield Progress("transfer", 2, 4, "findings")
    if known.teacher is None:
        found = _time_teacher(teacher, sample.train.texts, load, config) if teacher else _remote_teacher(config)
        if found:
            _store(cache, "pace-teacher", keys["pace-teacher"], found)
    yield Progress("teacher", 3, 4, "findings")
    if known.student is None:
        grown = [made.make(row, turn).text for turn in range(2) for row in sample.train.texts]
        texts = [*sample.train.texts, *sample.unlabelled, *grown]
        _store(cache, "pace-student", keys["pace-student"], _time_student(rows, texts, teacher, config))
    yield Progress("student", 4, 4, "findings")


def _load(config: Config, rows: Dataset) -> Teacher | None:
    """The teacher as the run would have it before its first step, None where it is not on this machine."""
    if not is_local(teacher_name(config), config.allow_pickle):
        return None
    return fine_tuning.load_untuned(config, rows.labels) if config.fine_tune else loading.load_teacher(
        teacher_name(config), rows.labels, rows.pair, config)  # fmt: skip


def _sample(rows: Dataset) -> Dataset:
    """A few hundred of the rows, drawn evenly."""

    def thin(texts: Sequence[Any], most: int = TEXTS) -> list[Any]:
        return list(texts[:: max(1, -(-len(texts) // most))])

    split = dataset.Split(thin(rows.train.texts), thin(rows.train.labels))
    return dataclasses.replace(rows, train=split, unlabelled=thin(rows.unlabelled))


def _count_texts(
    rows: Dataset, sample: Dataset, made: augmenter.Augmenter, config: Config, spent: float
) -> dict[str, Any]:
    """How many texts of what size there are, how the passes multiply them, and what reading them takes."""
    texts = sample.train.texts
    seen, grown, sizes = set(texts), [0.0], []
    started = _clock()
    for turn in range(PASSES):
        for origin, row in enumerate(texts):
            child = made.make(row, turn, origin)
            if child.rules and child.text not in seen:
                seen.add(child.text)
                sizes.append(soft_labels.text_size(child.text))
        grown.append((len(seen) - len(set(texts))) / len(texts))
        if _clock() - started > PATIENCE and turn > 1:
            break
    make = (_clock() - started) / (len(texts) * (len(grown) - 1))
    own = _mean(map(soft_labels.text_size, texts))
    started = _clock()
    few = dataset.Split(rows.train.texts[:ROWS], rows.train.labels[:ROWS])
    baseline.fit_baseline(few, len(rows.labels), rows.pair)
    floor = (_clock() - started) * len(rows.train) / len(few)
    started = _clock()
    vocabulary.build_vocabulary("words", [side for row in texts for side in row])
    read = 3 * (_clock() - started) / len(texts)  # vocabulary, ids of the texts, and the texts themselves
    return {
        "train": len(rows.train), "valid": len(rows.valid), "test": len(rows.test), "unlabelled": len(rows.unlabelled),
        "size": {"labelled": own, "unlabelled": _mean(map(soft_labels.text_size, sample.unlabelled)) or own,
                 "augmented": _mean(sizes) or own},
        "grown": grown, "make": make, "read": read, "seconds": spent + floor,
    }  # fmt: skip


def _time_teacher(teacher: Teacher, texts: Sequence[tuple[str, ...]], load: float, config: Config) -> dict[str, Any]:
    """Seconds for one character of a text (`soft_labels.text_size`) and, where it is fine-tuned, for one step."""
    few = list(texts[:LABELLED])
    teacher.choose_dtype(few)
    teacher.logits(few[:8])
    spent = []
    for _ in range(2):
        started = _clock()
        teacher.logits(few)
        spent.append((_clock() - started) / sum(map(soft_labels.text_size, few)))
    found = {"size": min(spent), "load": load, "parameters": teacher.parameters}
    if config.fine_tune:
        encoded = (teacher.encode(few) * config.teacher_batch)[: config.teacher_batch]
        labels = torch.zeros(len(encoded), dtype=torch.long)
        plan = training_plan.TrainingPlan(
            TUNING, len(encoded), config.teacher_lr, weight_decay=0.01, evaluate_every=TUNING
        )

        def loss(index: Tensor) -> Tensor:
            logits = teacher.model(**teacher.pad(encoded, device.device())).logits
            return torch.nn.functional.cross_entropy(logits.float(), labels.to(logits.device))

        found["step"], _ = _time_steps(teacher.model, len(encoded), loss, lambda: {"accuracy": 0.0, "loss": 0.0}, plan)
    return found


def _remote_teacher(config: Config) -> dict[str, Any] | None:
    """The pace of a teacher that is not here, from its known size and the speed of this machine's own matrix products;
    None where its size isn't known."""
    layers = cost.layer_weights(teacher_name(config))
    if layers is None:
        return None
    tokens, width = 512, 768
    a, b = torch.rand(tokens, width), torch.rand(width, 4 * width)
    spent = []
    for _ in range(6):
        started = _clock()
        a @ b
        spent.append(_clock() - started)
    product = statistics.median(spent) / (tokens * width * 4 * width)  # seconds a weight and token
    size = OVERHEAD * product * layers / cost.PER_TOKEN
    found = {"size": size, "load": 5.0, "far": True}
    if config.fine_tune:  # forward, backward to the inputs and backward to the weights
        found["step"] = 3 * size * config.teacher_batch * 100
    return found


def _time_student(
    rows: Dataset, texts: Sequence[tuple[str, ...]], teacher: Teacher | None, config: Config
) -> dict[str, Any]:
    """Seconds for one optimiser step and for one scored row of the student on `texts`, and the peak memory so far of
    this process, which then held what a run's holds."""
    sides = [side for row in texts for side in row]
    kind = config.vocabulary if teacher else "words"
    words = vocabulary.build_vocabulary(
        kind, sides, teacher.subword_tokenizer() if teacher and kind == "pieces" else None, "[MASK]"
    )
    torch.manual_seed(config.seed)
    where = device.device()
    vectors = torch.randn(words.size, config.width) * 0.1
    model = student_trainer.build_student(config, config.student, vectors, len(rows.labels), rows.pair, where)
    read = [runtime.pad(words.ids(side, config.max_tokens)) for side in zip(*texts, strict=True)]
    soft = torch.randn(len(texts), len(rows.labels), device=where)
    pull = LOSSES.get(config.loss).loss

    def loss(index: Tensor) -> Tensor:
        index_ = index.to(where)
        outputs = ModelOutput(model(runtime.take_rows(read, index, where)))
        return pull(outputs, ModelOutput(soft[index_]), soft[index_].argmax(1), config, SINGLE_LABEL)

    def score() -> dict[str, float]:
        runtime.predict_logits(model, read, device=where)
        return {"accuracy": 0.0, "loss": 0.0}

    lengths = runtime.total_lengths(read).tolist()
    plan = training_plan.TrainingPlan(STEPS, config.batch, config.lr, config.optimiser, evaluate_every=STEPS)
    step, scored = _time_steps(model, len(texts), loss, score, plan, lengths)
    return {"step": step, "row": scored / len(texts), "memory": peak_memory() or 0}


def _time_steps(
    model: torch.nn.Module, rows: int, loss: Callable[[Tensor], Tensor], score: Callable[[], dict[str, float]],
    plan: training_plan.TrainingPlan, lengths: Sequence[int] | None = None,
) -> tuple[float, float]:  # fmt: skip
    """Seconds of a step in the one training loop, the first ones aside, and of the scoring at its end."""
    spent, last = [], _clock()
    scored = 0.0

    def timed() -> dict[str, float]:
        nonlocal scored
        started = _clock()
        found = score()
        scored = _clock() - started
        return found

    for _ in loop.fit(model, rows, loss, timed, plan, lengths=lengths):
        now = _clock()
        spent.append(now - last)
        last = now
    spent[-1] -= scored
    return statistics.mean(spent[len(spent) // 3 :]), scored


def _clock() -> float:
    """Seconds of this thread's own work where the processor does it: what else the machine is busy with while a page
    opens is no pace of ours."""
    return time.thread_time() if device.device() == "cpu" else time.monotonic()


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found) if found else 0.0


def _store(cache: Cache, kind: str, key: dict[str, Any], found: dict[str, Any]) -> None:
    with cache.put(kind, key) as place:
        (place / cost.MEASUREMENT_FILE).write_text(json.dumps(found), encoding="utf-8")
