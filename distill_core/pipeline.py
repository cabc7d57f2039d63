"""One run: the stages in order, as one generator of events. It yields and never stores.

data → teacher → transfer → control → label → student → compare

The control asks the teacher nothing, so it learns before the teacher labels: its curve is there within seconds.
What a stage makes goes into the content-addressed cache or the run's own folder, so that a killed run goes on at the
last stage or checkpoint, and a second run with the same teacher and texts finds its logits there.
Knows nothing of the store, of processes or of who asked.
"""

import json
import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import cross_entropy

from distill_core import artifact, calibration, data, evaluate, label, measures, students, text, train, transfer
from distill_core import teacher as teachers
from distill_core.artifact import Predictor
from distill_core.cache import Cache, digest, write_whole
from distill_core.config import Config
from distill_core.errors import Diverged, Stopped
from distill_core.events import (
    STAGES,
    Compared,
    Event,
    Fact,
    Note,
    Point,
    Progress,
    StageEnded,
    StageStarted,
)
from distill_core.parts import LOSSES, STUDENTS, TASKS, VECTORS
from distill_core.teacher import Teacher
from distill_core.vectors._nearest import nearest

Steps = Generator[Event, None, Any]  # a stage: yields events, returns True where its result was there already
FORMAT = 4  # raise when what a stage caches changes its meaning


def distill(config: Config, folder: Path, cache: Cache, stop: Callable[[], bool] = lambda: False) -> Iterator[Event]:
    """Run `config`, keeping checkpoints and the finished student in `folder`. A stop while the student learns keeps
    the best student so far and compares it. Raises UserError, Stopped, Diverged; anything else is our bug."""
    run = _Run(config, Path(folder), cache, stop)
    run.folder.mkdir(parents=True, exist_ok=True)
    for stage in STAGES:
        if stop() and stage != "compare":
            raise Stopped("Stopped before there was a student to keep.")
        yield StageStarted(stage)
        started = time.monotonic()
        cached = yield from getattr(run, stage)()
        yield StageEnded(stage, time.monotonic() - started, bool(cached))
    if run.stopped_early:
        raise Stopped(f"Stopped; the best student so far is kept, from step {run.best_step} of {run.steps}.")


class _Run:
    """What the stages hand on. Each method is a stage of the same name."""

    def __init__(self, config: Config, folder: Path, cache: Cache, stop: Callable[[], bool]):
        self.config, self.folder, self.cache, self.stop = config, folder, cache, stop
        self.device = teachers.device()
        self.stopped_early = False
        self.best_step = self.steps = 0

    def data(self) -> Steps:
        self.rows = data.load(self.config)
        rows = self.rows
        for level, sentence in rows.notes:
            yield Note(sentence, level, "data")
        self.counts = {"train": len(rows.train.texts), "valid": len(rows.valid.texts), "test": len(rows.test.texts)}
        yield Fact("rows", {**self.counts, "unlabelled": len(rows.unlabelled)})
        yield Fact("labels", list(rows.labels))
        yield Fact("columns", rows.columns)
        own = TASKS.constant(self.config.task, "METRIC", "auto")
        self.metric = measures.chosen(self.config.metric, own, rows.train.labels, len(rows.labels))
        yield Fact("metric", self.metric)
        self.floor = evaluate.floor(rows.train, len(rows.labels), rows.pair)
        found = self._values(self.floor.logits(rows.valid.texts))
        self.floor_accuracy, self.validation = found["accuracy"], {"floor": found[self.metric]}
        yield Fact("validation", dict(self.validation))

    def teacher(self) -> Steps:
        rows, config = self.rows, self.config
        if config.fine_tune:
            self.teacher_ = yield from teachers.fine_tune(config, rows, self.folder / "teacher.ckpt", self.stop)
        else:
            self.teacher_ = teachers.load(teachers.name_for(config), rows.labels, rows.pair, config)
        teacher: Teacher = self.teacher_
        for sentence in teacher.notes:
            yield Note(sentence, about="teacher")
        fact = {name: getattr(teacher, name) for name in ("name", "fingerprint", "parameters", "bytes", "max_tokens")}
        write_whole(self.folder / "teacher.json", json.dumps(fact).encode())
        yield Fact("teacher", fact)
        self.valid_logits = yield from self._ask(rows.valid.texts, "teacher")
        self.validation["teacher"] = self._values(self.valid_logits.numpy())[self.metric]
        yield Fact("validation", dict(self.validation))
        yield from teachers.check(self.valid_logits, rows.valid.labels, rows.labels, self.floor_accuracy)

    def transfer(self) -> Steps:
        needed = self.config.vocabulary == "pieces" or self.rows.language in text.WITHOUT_SPACES
        pieces = self.teacher_.pieces() if needed else None
        self.set = yield from transfer.build(self.rows, self.config, pieces, self.stop)
        yield Fact("transfer", {"texts": len(self.set.texts), "counts": self.set.counts})
        sentences = [side for row in self.set.texts for side in row]
        kind, limit = self.config.vocabulary, self.config.vocabulary_limit
        self.words = text.build(kind, sentences, pieces, self.teacher_.mask_token, limit=limit)
        if self.config.unseen == "nearest" and self.words.kind == "pieces":
            self.words = self.words.aliased(self._nearest())
        self.vectors, said, cached = self._starting_vectors()
        for sentence in said:
            yield Note(sentence, about="transfer")
        yield Fact("vocabulary", {"size": self.words.size, "width": self.vectors.shape[1], "cached": cached})

    def control(self) -> Steps:
        self.valid_sides = self._encode(self.rows.valid.texts)
        self.steps = self.config.epochs * math.ceil(len(self.set.texts) / self.config.batch)
        self.control_ = None
        if not self.config.control:
            yield Note("The control run is switched off: nobody will know what distilling did.", "warning", "control")
            return False
        key = {**self._student_key(), "steps": self.steps}
        entry = self.cache.get("control", key)
        self.control_ = self._untrained()
        if entry:
            self.control_.load_state_dict(load_file(entry / "model.safetensors"))
            for series, step, value in json.loads((entry / "curve.json").read_text()):
                yield Point(series, step, value)
            found = json.loads((entry / "best.json").read_text())
        else:
            curve: list[tuple[str, int, float]] = []
            rows, labels = self.rows, self._own_labels()
            own = self._encode(self.set.texts[: len(labels)])

            def loss(index: Tensor) -> Tensor:
                return cross_entropy(self._read(self.control_, own, index), labels[index].to(self.device))

            def score() -> dict[str, float]:
                found = students.logits(self.control_, self.valid_sides, device=self.device)
                truth = torch.tensor(rows.valid.labels)
                return _scores(found, truth, self.metric, cross_entropy(found, truth))

            training = _Kept(self._train("control", self.control_, own, loss, score))
            for event in training:
                if isinstance(event, Point):
                    curve.append((event.series, event.step, event.value))
                yield event
            found = training.value.scores
            if self.stop():
                raise Stopped("Stopped before there was a student to keep.")
            with self.cache.put("control", key) as place:
                save_file(_weights(self.control_), place / "model.safetensors")
                (place / "curve.json").write_text(json.dumps(curve))
                (place / "best.json").write_text(json.dumps(found))
        self.validation["control"] = found[self.metric]
        yield Fact("validation", dict(self.validation))
        return bool(entry)

    def label(self) -> Steps:
        self.soft = yield from self._ask(self.set.texts, "label")

    def student(self) -> Steps:
        place, done = self.folder / "student", self.folder / "student.done"
        if done.is_file():
            self.student_ = artifact.load(place).model
            self.best_step = json.loads(done.read_text())["best_step"]
            return True
        sides = self._encode(self.set.texts)
        self.student_ = self._untrained()
        soft = self.soft.to(self.device)
        hard = self.soft.argmax(1)
        own = self._own_labels()
        hard[: len(own)] = own
        hard = hard.to(self.device)
        pull = LOSSES.get(self.config.loss).loss

        def loss(index: Tensor) -> Tensor:
            index_ = index.to(self.device)
            read = self._read(self.student_, sides, index)
            return pull(read, soft[index_], hard[index_], self.config)

        def score() -> dict[str, float]:
            found = students.logits(self.student_, self.valid_sides, device=self.device)
            truth = torch.tensor(self.rows.valid.labels)
            return _scores(found, truth, self.metric, pull(found, self.valid_logits, truth, self.config))

        best = yield from self._train("student", self.student_, sides, loss, score, lambda: self._keep(place))
        self.stopped_early = self.stop()
        if not best.step:
            raise Stopped("Stopped before there was a student to keep.")
        self.best_step = best.step
        self._keep(place)
        if not self.stopped_early:
            write_whole(done, json.dumps({"best_step": self.best_step}).encode())
        return False

    def compare(self) -> Steps:
        """The only stage that reads the test rows, and it reads them once."""
        rows, config, teacher = self.rows, self.config, self.teacher_
        test = rows.test
        soft = yield from self._ask(test.texts, "compare", stop=lambda: False)
        student = Predictor(self.student_.cpu(), self.words, self._settings())
        predictors: dict[str, Callable[[Sequence[tuple[str, ...]]], Any]] = {"floor": self.floor.logits}
        if self.control_ is not None:
            control = Predictor(self.control_.cpu(), self.words, self._settings())
            predictors["control"] = lambda texts: control.logits(texts).numpy()
        predictors["student"] = lambda texts: student.logits(texts).numpy()
        found = {name: predict(test.texts) for name, predict in predictors.items()} | {"teacher": soft.numpy()}
        valid = {name: predict(rows.valid.texts) for name, predict in predictors.items()}
        valid["teacher"] = self.valid_logits.numpy()
        predictors["teacher"] = teacher.logits
        if self.device != "cpu":
            yield Note(f"The teacher was timed on {self.device}, the other rows on the CPU.", "warning", "compare")
        scores: dict[str, dict[str, float]] = {}
        weights = self.folder / "student" / artifact.WEIGHTS
        for name, predict in predictors.items():
            checked = (valid[name], rows.valid.labels)
            scores[name] = evaluate.score(found[name], test.labels, rows.labels, checked, self.metric, config.seed)
            yield Progress("compare", len(scores), len(predictors), "models")
            if name == "student" and "control" in scores:  # the same network: the same size and speed
                cost = {part: scores["control"][part] for part in evaluate.COST}
            else:
                own = {"floor": self.floor, "teacher": teacher}.get(name)
                size = (
                    {"parameters": own.parameters, "bytes": own.bytes}
                    if own
                    else {"parameters": _count(self.student_), "bytes": weights.stat().st_size}
                )
                cost = {**size, **evaluate.speed(predict, test.texts)}
            scores[name].update(cost)
        self._write_texts({name: calibration.probabilities(logits) for name, logits in found.items()})
        yield Compared(
            {
                **evaluate.summary(scores, found, test.labels, self.metric, config.seed),
                "rows": {**self.counts, "transfer": len(self.set.texts)},
                "scored_on": rows.scored_on,
                "labels": list(rows.labels),
                "teacher": teacher.name,
                "validation": self.validation,
                "best_step": self.best_step,
                "steps": self.steps,
            }
        )
        return False

    def _ask(
        self, texts: Sequence[tuple[str, ...]], stage: str, stop: Callable[[], bool] | None = None
    ) -> Generator[Event, None, Tensor]:
        for event in (asked := _Kept(label.logits(self.teacher_, list(texts), self.cache, stop or self.stop))):
            yield Progress(stage, event.done, event.total, event.unit, event.left)
        return asked.value

    def _train(
        self,
        stage: str,
        model: students.Student,
        sides: students.Sides,
        loss: Callable[[Tensor], Tensor],
        score: Callable[[], dict[str, float]],
        on_best: Callable[[], None] = lambda: None,
    ) -> Generator[Event, None, train.Best]:
        """The loop's ticks as events; returns the best. `on_best` is called while the model holds its best weights."""
        config = self.config
        plan = train.Plan(
            self.steps, config.batch, config.lr, config.optimiser, seed=config.seed,
            evaluate_every=max(1, self.steps // config.evaluations), select=self.metric,
        )  # fmt: skip
        lengths = sum(lengths for _, lengths in sides).tolist()
        checkpoint = self.folder / f"{stage}.ckpt"
        ticks = _Kept(
            train.fit(model, len(lengths), loss, score, plan, lengths=lengths, checkpoint=checkpoint, stop=self.stop)
        )
        for tick in ticks:
            yield Progress(stage, tick.step, tick.steps, "steps", tick.left)
            yield Point(f"{stage}/loss", tick.step, tick.loss)
            for name, value in (tick.scores or {}).items():
                yield Point(f"{stage}/valid_{name}", tick.step, value)
            if tick.best:
                on_best()
        if not self.stop():
            checkpoint.unlink(missing_ok=True)
        return ticks.value

    def _values(self, logits: np.ndarray) -> dict[str, float]:
        """Every metric of these answers to the validation rows."""
        return measures.values(logits.argmax(1), self.rows.valid.labels, len(self.rows.labels))

    def _own_labels(self) -> Tensor:
        """The labels of the labelled texts, which come first in the transfer set."""
        own = self.set.source.count("labelled")
        return torch.tensor([self.rows.train.labels[row] for row in self.set.origin[:own]])

    def _read(self, model: students.Student, sides: students.Sides, index: Tensor) -> Tensor:
        return model(students.take(sides, index, self.device))

    def _encode(self, texts: Sequence[tuple[str, ...]]) -> students.Sides:
        limit = self.config.max_tokens
        return [students.pad(self.words.ids(side, limit)) for side in zip(*texts, strict=True)]

    def _untrained(self) -> students.Student:
        """The student before training. Control and student start from the very same weights."""
        torch.manual_seed(self.config.seed)
        config = self.config
        sparse = config.optimiser == "adam" and self.device != "mps"  # which has no sparse tensors
        model = students.Student(
            self.vectors, STUDENTS.get(config.student).Encoder, len(self.rows.labels), self.rows.pair,
            config.hidden, config.fc, config.dropout, config.channels, sparse=sparse,
        )  # fmt: skip
        return model.to(self.device)

    def _nearest(self) -> list[tuple[int, int]]:
        """What each piece of the teacher that has no row is read as: comparing all of them takes seconds."""
        key = {"format": FORMAT, "teacher": self.teacher_.fingerprint, "entries": digest(self.words.entries)}
        if entry := self.cache.get("nearest", key):
            return load_file(entry / "nearest.safetensors")["nearest"].tolist()
        found = nearest(self.words, self.teacher_)
        with self.cache.put("nearest", key) as place:
            table = torch.tensor(found, dtype=torch.int32).reshape(-1, 2)
            save_file({"nearest": table}, place / "nearest.safetensors")
        return found

    def _starting_vectors(self) -> tuple[Tensor, list[str], bool]:
        """The table, what its source had to say, and whether it was there already."""
        config = self.config
        key = {
            "format": FORMAT, "vectors": config.vectors, "file": _file_key(config.vectors_file), "width": config.width,
            "seed": config.seed, "teacher": self.teacher_.fingerprint, "entries": digest(self.words.entries),
        }  # fmt: skip
        if entry := self.cache.get("vectors", key):
            said = json.loads((entry / "said.json").read_text(encoding="utf-8"))
            return load_file(entry / "vectors.safetensors")["vectors"], said, True
        generator = torch.Generator().manual_seed(config.seed)
        said = []
        made = VECTORS.get(config.vectors).make(self.words, self.teacher_, config.width, config, generator, said.append)
        with self.cache.put("vectors", key) as place:
            save_file({"vectors": made.contiguous()}, place / "vectors.safetensors")
            (place / "said.json").write_text(json.dumps(said), encoding="utf-8")
        return made, said, False

    def _student_key(self) -> dict[str, Any]:
        """All that decides the control's weights, but for the number of steps."""
        shape = ("student", "hidden", "fc", "dropout", "channels", "max_tokens")
        training = ("optimiser", "lr", "batch", "evaluations", "seed")
        vectors = digest(self.vectors.numpy().tobytes().hex())
        words = digest([self.words.entries, self.words.token_ids, self.words.aliases])
        return {
            "format": FORMAT, "data": self.rows.fingerprint(), "vectors": vectors, "words": words,
            "torch": torch.__version__,
            "device": self.device, "metric": self.metric,
            **{knob: getattr(self.config, knob) for knob in shape + training},
        }  # fmt: skip

    def _settings(self) -> dict[str, Any]:
        return artifact.settings(self.config, self.rows.labels, self.rows.pair, self.vectors)

    def _keep(self, place: Path) -> None:
        artifact.save(Predictor(self.student_, self.words, self._settings()), place)

    def _write_texts(self, found: dict[str, np.ndarray]) -> None:
        """The scored rows with everyone's probabilities, one JSON object a line."""
        labels, test = self.rows.labels, self.rows.test
        lines = []
        for i, (row, truth) in enumerate(zip(test.texts, test.labels, strict=True)):
            said = {name: [round(float(p), 4) for p in values[i]] for name, values in found.items()}
            lines.append(json.dumps({"text": list(row), "label": labels[truth], **said}, ensure_ascii=False))
        write_whole(self.folder / "texts.jsonl", "\n".join(lines).encode("utf-8", "replace"))


class _Kept:
    """A generator whose return value is kept in `value` when it ends."""

    def __init__(self, generator: Generator[Any, None, Any]):
        self.generator = generator
        self.value: Any = None

    def __iter__(self) -> Iterator[Any]:
        self.value = yield from self.generator


def _scores(found: Tensor, truth: Tensor, metric: str, loss: Tensor) -> dict[str, float]:
    value = float(loss)
    if not math.isfinite(value):
        raise Diverged("The validation loss is not a finite number any more. A lower learning rate may help.")
    values = measures.values(found.argmax(1).numpy(), truth.numpy(), found.shape[1])
    return {"accuracy": values["accuracy"], metric: values[metric], "loss": value}


def _weights(model: torch.nn.Module) -> dict[str, Tensor]:
    return {name: value.contiguous().cpu() for name, value in model.state_dict().items()}


def _count(model: torch.nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def _file_key(file: str | None) -> list[Any] | None:
    if file is None or not Path(file).is_file():
        return None
    stat = Path(file).stat()
    return [str(Path(file).resolve()), stat.st_size, stat.st_mtime_ns]
