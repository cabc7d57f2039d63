"""Profiling behind an estimate: a few hundred texts and a few steps, measured in a process like that of a run.

Each measurement is cached under all that decides it, so that the next profile measures only what is new. Knows nothing
of the arithmetic that uses it.
"""

import dataclasses
import json
import math
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from distill_core import tasks, tokenization
from distill_core.augmentation import augmenter
from distill_core.cache import Cache, CacheKey, write_file
from distill_core.config.automatic import learning_rate
from distill_core.config.losses import guesses_masked, live_needs, used_losses
from distill_core.config.schema import AUTO, Config
from distill_core.data import automatic, dataset, lengths, text_bank
from distill_core.data.dataset import Dataset
from distill_core.distillation import language_model, masked_head, neighbours, soft_labels, student_trainer
from distill_core.distillation.sources import frame, generator, lexicon
from distill_core.distillation.transfer_builder import SourceInputs
from distill_core.environment import peak_memory
from distill_core.errors import TeacherError
from distill_core.estimation import cost
from distill_core.estimation.memory import LIBRARIES
from distill_core.evaluation import baseline
from distill_core.evaluation.objective import metric_for, objective_for
from distill_core.events import Event, Progress
from distill_core.outputs import ModelOutput
from distill_core.pipeline.cost_model import DataCounts, MachinePace, StudentPace, TeacherPace
from distill_core.registry import LOSSES
from distill_core.student import network, persistence, vocabulary
from distill_core.student.outputs import student_outputs
from distill_core.teacher import fine_tuning, loading
from distill_core.teacher.catalog import is_local, teacher_name
from distill_core.teacher.model import Teacher
from distill_core.teacher.outputs import teacher_outputs
from distill_core.training import device, loop
from distill_core.training import plan as training_plan
from distill_core.training.plan import FLOAT

TEXTS = 256  # sampled texts, labelled and unlabelled each
LABELLED, REPEATED = 64, 4  # texts for the teacher to label: a quarter as many, each so often
ROWS = 2000  # rows to time the baseline on
STEPS = 14  # steps of the student; the first ones warm up and don't count
TUNING = 3  # steps of a teacher's fine-tuning
PASSES = 30  # passes of augmentation at most
PATIENCE = 1.0  # seconds for these passes


def profile(config: Config, folder: Path, cache: Cache, stop: Callable[[], bool] = lambda: False) -> Iterator[Event]:
    """Measure what `cache` lacks of `config`; the signature is a pipeline's, so that a worker can run it. Downloads no
    teacher: what one that is not on this machine takes follows from the machine's own speed. Raises UserError."""
    started = _clock()
    rows = tasks.load_dataset(config)
    spent = _clock() - started
    config = automatic.resolve_auto(config, rows)
    known = cost.known_measurements(config, cache)
    keys = {kind: key(config) for kind, key in cost.KEYS.items()}
    started = _clock()
    teacher = _load(config, rows)
    load = _clock() - started
    source = teacher
    if config.student_model:
        here = is_local(config.student_model, config.allow_pickle)
        source = fine_tuning.load_untuned(config, rows.labels, config.student_model) if here else None
    if source:
        persistence.check_source(config, source.model)
    sample = _sample(rows)
    pieces = teacher.subword_tokenizer() if teacher and rows.language in tokenization.WITHOUT_SPACES else None
    augmented = augmenter.Augmenter(sample.train.texts, config, pieces, rows.language)
    yield Progress("data", 1, 4, "findings")
    if known.counts is None:
        _store(cache, "pace-data", keys["pace-data"], _count_texts(config, rows, sample, augmented, spent, teacher))
    yield Progress("transfer", 2, 4, "findings")
    # The student first: the process's peak memory then is that of a run without its teacher's work.
    if known.student is None:
        grown = [augmented.make(row, turn).text for turn in range(2) for row in sample.train.texts]
        texts = [*sample.train.texts, *sample.unlabelled, *grown]
        if pace := _time_student(rows, texts, teacher, source, config):
            _store(cache, "pace-student", keys["pace-student"], pace)
    yield Progress("student", 3, 4, "findings")
    if known.machine is None:
        _store(cache, "pace-machine", keys["pace-machine"], _time_machine())
    if known.teacher is None and teacher:
        _store(cache, "pace-teacher", keys["pace-teacher"], _time_teacher(teacher, sample.train.texts, load, config))
    yield Progress("teacher", 4, 4, "findings")


def _load(config: Config, rows: Dataset) -> Teacher | None:
    """Teacher as in the run before its first step, None where it is not on this machine."""
    if not is_local(teacher_name(config), config.allow_pickle):
        return None
    return fine_tuning.load_untuned(config, rows.labels) if config.fine_tune else loading.load_teacher(
        teacher_name(config), rows.labels, rows.pair, config)  # fmt: skip


def _sample(rows: Dataset) -> Dataset:
    """Sample of a few hundred rows, drawn evenly."""

    def thin(texts: Sequence[Any], most: int = TEXTS) -> list[Any]:
        return list(texts[:: max(1, -(-len(texts) // most))])

    split = dataset.Split(thin(rows.train.texts), thin(rows.train.labels))
    return dataclasses.replace(rows, train=split, unlabelled=thin(rows.unlabelled))


def _count_texts(
    config: Config, rows: Dataset, sample: Dataset, augmented: augmenter.Augmenter, spent: float,
    teacher: Teacher | None,
) -> DataCounts:  # fmt: skip
    """Counts and sizes of the texts, their growth by passes of augmentation, and the seconds to read them."""
    texts = sample.train.texts
    seen, grown = set(texts), [0.0]
    sizes: list[float] = []
    started = _clock()
    for turn in range(PASSES):
        for origin, row in enumerate(texts):
            child = augmented.make(row, turn, origin)
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
    baseline.fit_baseline(few, len(rows.labels), rows.pair, objective_for(config))
    fitting = (_clock() - started) * len(rows.train) / len(few)
    started = _clock()
    vocabulary.build_vocabulary("words", [side for row in texts for side in row])
    read = 3 * (_clock() - started) / len(texts)  # vocabulary, ids of the texts, and the texts themselves
    counts: DataCounts = {
        "train": len(rows.train), "valid": len(rows.valid), "test": len(rows.test), "unlabelled": len(rows.unlabelled),
        "size": {"labelled": own, "unlabelled": _mean(map(soft_labels.text_size, sample.unlabelled)) or own,
                 "augmented": _mean(sizes) or own},
        "grown": grown, "near": _near_yield(texts, augmented), "pair": rows.pair, "tokens": lengths.auto_limit(rows),
        "make": make, "read": read, "seconds": spent + fitting, "fit": fitting, "classes": len(rows.labels),
        "metric": metric_for(config.model_copy(update={"metric": AUTO}), rows, objective_for(config)),
    }  # fmt: skip
    if config.bank and not rows.pair:
        counts["bank"] = sum(text_bank.count_texts(name, config.bank_lines) for name in config.bank)
    if (config.lexicon or config.framed) and teacher:
        with suppress(TeacherError):  # without the pieces there are no words, as in the run
            counts["words"] = len(lexicon.vocabulary_words(teacher))
    if config.framed and not rows.pair:
        pieces = teacher.subword_tokenizer() if teacher and rows.language in tokenization.WITHOUT_SPACES else None
        counts["frames"] = len(frame.frequent_frames(rows.train.texts, rows.language, pieces))
    if config.generator and not rows.pair and language_model.is_local(config.generator, config.allow_pickle):
        inputs = SourceInputs(rows, config)
        written, seconds, counts["writer"] = generator.first_texts(inputs, config.generator, generator.BATCH)
        if written:
            counts["write"] = seconds
    return counts


def _near_yield(texts: Sequence[tuple[str, ...]], augmented: augmenter.Augmenter) -> float:
    """New texts with near words from one text in a pass: the texts of which at least one word is exchanged. As if the
    teacher's table knew every word, which is true of most."""
    words = [augmented.count_words(text) / len(text) for text in texts]  # of one sentence: a pass may change one alone
    return _mean(1 - (1 - neighbours.RATE) ** count for count in words)


def _time_teacher(teacher: Teacher, texts: Sequence[tuple[str, ...]], load: float, config: Config) -> TeacherPace:
    """Pace of the teacher: seconds for one unit of `soft_labels.text_size` and, for a fine-tuning, for one step."""
    encoded = teacher.encode(texts)
    tokens = [len(one["input_ids"]) for one in encoded]
    # Texts of like length, as a stage sorts thousands of them: a few mixed ones would be padded to the longest.
    few = [texts[place] for place in _usual_batch(tokens, LABELLED // REPEATED)] * REPEATED
    if config.fine_tune:  # on a new head's answers, all near a tie, no lower precision would pass `choose_dtype`
        teacher.dtype, _ = teacher.fast(few)
    else:
        teacher.choose_dtype(few)
    teacher.logits(few[:8])
    spent = []
    for _ in range(2):
        started = _clock()
        teacher.logits(few)
        spent.append((_clock() - started) / sum(map(soft_labels.text_size, few)))
    settings = teacher.model.config
    pace: TeacherPace = {
        "size": min(spent), "load": load, "parameters": teacher.parameters,
        "depth": getattr(settings, "num_hidden_layers", 0), "width": getattr(settings, "hidden_size", 0),
        "heads": getattr(settings, "num_attention_heads", 0),
        "tokens": max(tokens),
    }  # fmt: skip
    if config.fine_tune:
        batch = [encoded[place] for place in _usual_batch(tokens, config.teacher_batch)]
        objective, where = objective_for(config), device.device()
        fast = fine_tuning.training_dtype(teacher.dtype or torch.float32)
        plan = training_plan.TrainingPlan(
            TUNING, len(batch), config.teacher_lr, weight_decay=0.01, evaluate_every=TUNING
        )

        def loss(index: Tensor, step: int) -> Tensor:
            with device.autocast(where, fast):
                logits = teacher.model(**teacher.pad(batch, where)).logits.float()
            return objective.hard_loss(logits, objective.hard_targets(logits))

        pace["step"], _ = _time_steps(teacher.model, len(batch), loss, lambda: {"accuracy": 0.0, "loss": 0.0}, plan)
    return pace


def _usual_batch(tokens: Sequence[int], size: int) -> list[int]:
    """Places of so many texts, of these `tokens`, as most are: texts of like length are put together, so the longest of
    a usual batch is about as long as a text is in the mean."""
    places = list(range(len(tokens))) * math.ceil(size / len(tokens))
    by_length = sorted(places, key=tokens.__getitem__)
    mean = sum(tokens) / len(tokens)
    starts = range(len(by_length) - size + 1)
    start = min(starts, key=lambda first: abs(tokens[by_length[first + size - 1]] - mean))
    return by_length[start : start + size]


def _time_machine() -> MachinePace:
    """Pace of this machine's matrix products: what a teacher that is not on it is guessed from."""
    tokens, width = 512, 768
    a, b = torch.rand(tokens, width), torch.rand(width, 4 * width)
    spent = []
    for _ in range(6):
        started = _clock()
        a @ b
        spent.append(_clock() - started)
    return {"product": statistics.median(spent) / (tokens * width * 4 * width)}


def _time_student(
    rows: Dataset, texts: Sequence[tuple[str, ...]], teacher: Teacher | None, source: Teacher | None, config: Config
) -> StudentPace | None:
    """Pace of the student on `texts`: seconds for one optimiser step and for one scored row; and the memory of this
    process without the teacher. None for a network whose `source` is not on this machine."""
    own = persistence.has_own_network(config.student)
    if source is None and own:
        return None
    sides = [side for row in texts for side in row]
    reader = source if own else teacher
    kind = config.vocabulary if reader else "words"
    pieces = reader.subword_tokenizer() if reader and kind == "pieces" else None
    words = vocabulary.build_vocabulary(kind, sides, pieces, "[MASK]")
    torch.manual_seed(config.seed)
    where = device.device()
    vectors = torch.randn(words.size, config.width) * 0.1
    objective = objective_for(config)
    outputs = objective.head_size(rows.labels)
    words = persistence.choose_vocabulary(config, config.student, words, source)
    model = student_trainer.build_student(config, config.student, vectors, outputs, rows.pair, source, words, where)
    read = network.encode_rows(words, texts, config.token_limit, config.cut)
    head = masked_head.local_head(config, teacher) if teacher else None
    guesser = student_trainer.masked_pieces(head, config, words, teacher, where) if teacher else None
    soft = torch.randn(len(texts), outputs, device=where)

    def plain(index: Tensor, step: int) -> Tensor:
        with student_trainer.training_precision(config.student, where):
            logits = model(network.take_rows(read, index, where))
        return objective.hard_loss(logits.float(), objective.hard_targets(soft[index.to(where)]))

    def live(index: Tensor, step: int) -> Tensor:
        assert teacher is not None
        name = taught[step % len(taught)]  # in turn, for half of the steps are of each
        needs, batch = live_needs(name), network.take_rows(read, index, where)
        with student_trainer.training_precision(config.student, where):
            mine = student_outputs(model, batch, needs)
            if guesser and guesses_masked(name):
                guesses, masked = guesser(model, batch, step)
                mine = mine._replace(guesses=guesses.float(), masked=masked)
        asked = [texts[place] for place in index.tolist()]
        theirs = teacher_outputs(teacher, asked, needs) if needs else ModelOutput(soft[index.to(where)])
        value: Tensor = LOSSES.get(name).loss(mine, theirs, objective.hard_targets(theirs.logits), config, objective)
        return value

    def score() -> dict[str, float]:
        network.predict_logits(model, read, device=where)
        return {"accuracy": 0.0, "loss": 0.0}

    sizes = network.total_lengths(read).tolist()
    rate = learning_rate(config)
    plan = training_plan.TrainingPlan(STEPS, config.batch, rate, config.optimiser, evaluate_every=STEPS)
    step, scored = _time_steps(model, len(texts), plain, score, plan, sizes)
    loaded = LIBRARIES + FLOAT * teacher.parameters if teacher else 0
    pace: StudentPace = {
        "step": step, "row": scored / len(texts), "memory": int(max(0, (peak_memory() or 0) - loaded))
    }  # fmt: skip
    taught = used_losses(config.first_loss, config.loss)
    if teacher and any(map(live_needs, taught)):
        pace["live"], _ = _time_steps(model, len(texts), live, score, plan, sizes)
    return pace


def _time_steps(
    model: torch.nn.Module, rows: int, loss: Callable[[Tensor, int], Tensor], score: Callable[[], dict[str, float]],
    plan: training_plan.TrainingPlan, lengths: Sequence[int] | None = None,
) -> tuple[float, float]:  # fmt: skip
    """Seconds of one step in the training loop, the first ones aside, and of the scoring at its end."""
    spent: list[float] = []
    last, scored = _clock(), 0.0

    def timed() -> dict[str, float]:
        nonlocal scored
        started = _clock()
        scores = score()
        scored = _clock() - started
        return scores

    for _ in loop.fit(model, rows, loss, timed, plan, lengths=lengths):
        now = _clock()
        spent.append(now - last)
        last = now
    spent[-1] -= scored
    return statistics.mean(spent[len(spent) // 3 :]), scored


def _clock() -> float:
    """Clock of this thread's own CPU time where the CPU does the work, so that the machine's other work doesn't count;
    elsewhere the wall clock."""
    return time.thread_time() if device.device() == "cpu" else time.monotonic()


def _mean(values: Iterable[float]) -> float:
    known = list(values)
    return sum(known) / len(known) if known else 0.0


def _store(
    cache: Cache, kind: str, key: CacheKey, measurement: DataCounts | TeacherPace | StudentPace | MachinePace
) -> None:
    with cache.put(kind, key) as place:
        write_file(place / cost.MEASUREMENT_FILE, json.dumps(measurement).encode())
