"""How one control or student of a run learns, with its checkpoint, its curve and what is kept of it.

All members of a run learn here from the same texts and vectors. Knows nothing of stages, of the test rows or of who is
watching.
"""

import json
import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import cross_entropy

from distill_core.cache import Cache, digest, write_atomic
from distill_core.config.knobs import names_of
from distill_core.config.schema import Config
from distill_core.data.dataset import Dataset
from distill_core.distillation.transfer_set import TransferSet
from distill_core.distillation.variants import Variant
from distill_core.errors import Diverged, Stopped
from distill_core.evaluation import metrics
from distill_core.events import CapturedGenerator, Event, Point, Progress
from distill_core.messages import message
from distill_core.registry import LOSSES, STUDENTS
from distill_core.student import batching, persistence
from distill_core.student import model as student_model
from distill_core.student.predictor import Predictor
from distill_core.student.vocabulary import Vocabulary
from distill_core.training import loop
from distill_core.training import plan as training_plan

FORMAT = 5  # raise when a cached control would come out otherwise


@dataclass(frozen=True)
class TrainedStudent:
    """A trained network on the CPU with its best weights, the step they are of, and their validation scores, {} where
    only the weights are known any more. `complete`: it was trained to its end; `cached`: it was there already."""

    model: student_model.Student
    step: int
    scores: dict[str, float]
    complete: bool = True
    cached: bool = False


class StudentTrainer:
    """What the members of a run share. Each method that trains yields events and returns a Learned."""

    def __init__(
        self, config: Config, rows: Dataset, texts: TransferSet, words: Vocabulary, vectors: Tensor, metric: str,
        device: str, folder: Path, cache: Cache, stop: Callable[[], bool],
    ):  # fmt: skip
        self.config, self.rows, self.texts, self.words, self.vectors = config, rows, texts, words, vectors
        self.metric, self.device, self.folder, self.cache, self.stop = metric, device, folder, cache, stop
        # Whatever share of the texts a member reads, it gets as many steps: only the texts differ.
        self.steps = config.epochs * math.ceil(len(texts.texts) / config.batch)
        self.valid = self._encode(rows.valid.texts)
        self.truth = torch.tensor(rows.valid.labels)

    def control(self, member: Variant) -> Generator[Event, None, TrainedStudent]:
        """The member without a teacher: on the labelled texts and their labels alone. Raises Stopped."""
        key = {**self._key, **{knob: getattr(member, knob) for knob in ("student", "seed")}}
        model = self._untrained(member)
        if entry := self.cache.get("control", key):
            model.load_state_dict(load_file(entry / "model.safetensors"))
            for what, step, value in json.loads((entry / "curve.json").read_text()):
                yield Point(member.series_name(what), step, value)
            best = json.loads((entry / "best.json").read_text())
            return TrainedStudent(model.cpu(), best["step"], best["scores"], cached=True)
        labels, curve = self.own_labels, []

        def loss(index: Tensor) -> Tensor:
            return cross_entropy(self._read(model, self._own, index), labels[index].to(self.device))

        training = CapturedGenerator(self._train("control", member, model, self._own, loss, cross_entropy))
        for event in training:
            if isinstance(event, Point):
                curve.append((event.series.partition("@")[0], event.step, event.value))
            yield event
        best = training.value
        if self.stop():
            raise Stopped(message("Stopped before there was a student to keep."))
        with self.cache.put("control", key) as place:
            weights = {name: value.contiguous().cpu() for name, value in model.state_dict().items()}
            save_file(weights, place / "model.safetensors")
            (place / "curve.json").write_text(json.dumps(curve))
            (place / "best.json").write_text(json.dumps({"step": best.step, "scores": best.scores}))
        return TrainedStudent(model.cpu(), best.step, best.scores)

    def student(self, member: Variant, soft: Tensor, valid_soft: Tensor) -> Generator[Event, None, TrainedStudent]:
        """The member with a teacher, whose logits are `soft` (texts, labels) and `valid_soft`. After a stop the best so
        far; step 0 where nothing was scored yet."""
        place, done = self.place(member), self.folder / f"{member.series_name('student')}.done"
        if done.is_file():
            return TrainedStudent(
                persistence.load(place).model, json.loads(done.read_text())["best_step"], {}, cached=True
            )
        chosen = self.share(member)
        sides = [(ids[chosen], lengths[chosen]) for ids, lengths in self._sides]
        hard = soft.argmax(1)
        hard[: len(self.own_labels)] = self.own_labels
        soft, hard = soft[chosen].to(self.device), hard[chosen].to(self.device)
        pull, model = LOSSES.get(self.config.loss).loss, self._untrained(member)

        def loss(index: Tensor) -> Tensor:
            index_ = index.to(self.device)
            return pull(self._read(model, sides, index), soft[index_], hard[index_], self.config)

        def of_valid(found: Tensor, truth: Tensor) -> Tensor:
            return pull(found, valid_soft, truth, self.config)

        def keep() -> None:
            persistence.save(self.predictor(model, member), place)

        best = yield from self._train("student", member, model, sides, loss, of_valid, keep)
        whole = not self.stop()
        if best.step:
            keep()
            if whole:
                write_atomic(done, json.dumps({"best_step": best.step}).encode())
        return TrainedStudent(model.cpu(), best.step, best.scores, whole)

    def place(self, member: Variant) -> Path:
        """The folder of the member's student."""
        return self.folder / member.series_name("student")

    def predictor(self, model: student_model.Student, member: Variant) -> Predictor:
        """`model` as it takes raw texts."""
        config = member.config(self.config)
        settings = persistence.settings(config, self.rows.labels, self.rows.pair, self.vectors)
        return Predictor(model, self.words, settings)

    def share(self, member: Variant) -> Tensor:
        """The rows of the transfer set that the member reads, in order. A smaller share is part of a larger one, and
        mixed as the whole is of labelled, unlabelled and augmented texts."""
        rows = len(self.texts.texts)
        if member.share == 1:
            return torch.arange(rows)
        mixed = torch.randperm(rows, generator=torch.Generator().manual_seed(self.config.seed))
        return mixed[: math.ceil(member.share * rows)].sort().values

    @cached_property
    def own_labels(self) -> Tensor:
        """The labels of the labelled texts, which come first in the transfer set."""
        own = self.texts.source.count("labelled")
        return torch.tensor([self.rows.train.labels[row] for row in self.texts.origin[:own]])

    @cached_property
    def _own(self) -> batching.Sides:
        return self._encode(self.texts.texts[: len(self.own_labels)])

    @cached_property
    def _sides(self) -> batching.Sides:
        return self._encode(self.texts.texts)

    @cached_property
    def _key(self) -> dict[str, Any]:
        """All that decides a control's weights, but for its student and seed."""
        knobs = names_of(affecting=("network", "training"), config=type(self.config))
        return {
            "format": FORMAT, "data": self.rows.fingerprint(), "vectors": digest(self.vectors.numpy().tobytes().hex()),
            "words": digest([self.words.entries, self.words.token_ids, self.words.aliases]),
            "torch": torch.__version__, "device": self.device, "metric": self.metric, "steps": self.steps,
            **{knob: getattr(self.config, knob) for knob in knobs},
        }  # fmt: skip

    def _train(
        self,
        stage: str,
        member: Variant,
        model: student_model.Student,
        sides: batching.Sides,
        loss: Callable[[Tensor], Tensor],
        of_valid: Callable[[Tensor, Tensor], Tensor],
        on_best: Callable[[], None] = lambda: None,
    ) -> Generator[Event, None, training_plan.BestStep]:
        """The loop's ticks as events; returns the best. `on_best` is called while the model holds its best weights;
        `of_valid` is the loss of the validation rows' logits."""
        config = self.config
        plan = training_plan.TrainingPlan(
            self.steps, config.batch, config.lr, config.optimiser, config.table_lr, seed=member.seed,
            evaluate_every=max(1, self.steps // config.evaluations), select=self.metric,
        )  # fmt: skip
        lengths = sum(lengths for _, lengths in sides).tolist()
        checkpoint = self.folder / f"{member.series_name(stage)}.ckpt"

        def score() -> dict[str, float]:
            found = batching.predict_logits(model, self.valid, device=self.device)
            return _scores(found, self.truth, self.metric, of_valid(found, self.truth))

        ticks = CapturedGenerator(
            loop.fit(model, len(lengths), loss, score, plan, lengths=lengths, checkpoint=checkpoint, stop=self.stop)
        )
        for tick in ticks:
            yield Progress(stage, tick.step, tick.steps, "steps", tick.left)
            yield Point(member.series_name(f"{stage}/loss"), tick.step, tick.loss)
            for name, value in (tick.scores or {}).items():
                yield Point(member.series_name(f"{stage}/valid_{name}"), tick.step, value)
            if tick.best:
                on_best()
        if not self.stop():
            checkpoint.unlink(missing_ok=True)
        return ticks.value

    def _untrained(self, member: Variant) -> student_model.Student:
        """The student before training. A member's control and student start from the very same weights."""
        torch.manual_seed(member.seed)
        labels, pair = len(self.rows.labels), self.rows.pair
        return build_student(self.config, member.student, self.vectors, labels, pair, self.device)

    def _read(self, model: student_model.Student, sides: batching.Sides, index: Tensor) -> Tensor:
        return model(batching.take_rows(sides, index, self.device))

    def _encode(self, texts: Sequence[tuple[str, ...]]) -> batching.Sides:
        limit = self.config.max_tokens
        return [batching.pad(self.words.ids(side, limit)) for side in zip(*texts, strict=True)]


def build_student(
    config: Config, student: str, vectors: Tensor, labels: int, pair: bool, device: str
) -> student_model.Student:
    """A student of that kind on the device, its other weights drawn from torch's generator as it stands."""
    sparse = config.optimiser == "adam" and device != "mps"  # which has no sparse tensors
    model = student_model.Student(
        vectors, STUDENTS.get(student).Encoder, labels, pair, config.hidden, config.fc, config.dropout,
        config.channels, sparse=sparse,
    )  # fmt: skip
    return model.to(device)


def scale_progress(events: Generator[Event, None, Any], turn: int, of: int) -> Generator[Event, None, Any]:
    """The events of training number `turn` (from 0) of `of` alike ones, its Progress told as that of all of them."""
    kept, pace = CapturedGenerator(events), None
    for event in kept:
        if isinstance(event, Progress):
            left = event.left
            if left is not None and event.done < event.total:
                pace = left / (event.total - event.done)
            if left is not None and pace is not None:
                left += pace * event.total * (of - turn - 1)
            event = Progress(event.stage, turn * event.total + event.done, of * event.total, event.unit, left)
        yield event
    return kept.value


def _scores(found: Tensor, truth: Tensor, metric: str, loss: Tensor) -> dict[str, float]:
    value = float(loss)
    if not math.isfinite(value):
        raise Diverged(message("The validation loss is not a finite number any more. A lower learning rate may help."))
    values = metrics.compute_metrics(found.argmax(1).numpy(), truth.numpy(), found.shape[1])
    return {"accuracy": values["accuracy"], metric: values[metric], "loss": value}
