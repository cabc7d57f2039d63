"""Trainer of a run's students and controls: each with its checkpoint, its curve and its folder.

All variants of a run train here on the same texts and vectors. Knows nothing of stages, of the test rows or of who is
watching.
"""

import hashlib
import json
import math
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import load_file
from safetensors.torch import save as serialised
from torch import Tensor, nn

from distill_core.cache import Cache, digest, write_atomic, write_file
from distill_core.config.automatic import learning_rate
from distill_core.config.knobs import names_of
from distill_core.config.losses import guesses_masked, live_needs, wants_head
from distill_core.config.schema import BALANCED, EARLIER, Config
from distill_core.config.training_length import first_steps, selects_step, student_steps
from distill_core.data.dataset import Dataset
from distill_core.distillation.transfer_set import TransferSet
from distill_core.distillation.variants import Variant
from distill_core.errors import DataError, Stopped
from distill_core.evaluation.metrics import is_constant
from distill_core.evaluation.objective import SINGLE_LABEL, Objective
from distill_core.evaluation.prior import balancing_offsets
from distill_core.events import CapturedGenerator, Event, Note, Point, Progress
from distill_core.messages import message
from distill_core.outputs import ModelOutput
from distill_core.registry import LOSSES, STUDENTS
from distill_core.student import network, persistence
from distill_core.student.masked_pieces import HeadWeights, MaskedPieces
from distill_core.student.outputs import student_outputs
from distill_core.student.predictor import Predictor
from distill_core.student.runtime import Vocabulary
from distill_core.student.source import EmbeddingSource
from distill_core.training import loop
from distill_core.training.batching import training_rows
from distill_core.training.checkpoints import DAMAGED, OTHER_CONTENT, delete_checkpoints, places
from distill_core.training.device import autocast, fast_dtype
from distill_core.training.plan import LAST, BestStep, TrainingPlan
from distill_core.training.reporting import report_training

FORMAT = 5  # raise when a cached control would come out otherwise
FIRST_KNOBS = (  # of the first keys, which hold these whatever their value
    "optimiser", "lr", "table_lr", "batch", "evaluations",
    "max_tokens", "student", "channels", "hidden", "fc", "dropout",
)  # fmt: skip
SAMPLE = 256  # texts by which parts of a source are weighed
SEEDS = 2**31  # more than there are, so that no step of one masks as a step of another
VALID_BATCH = 256  # validation rows that a live teacher is asked about at once

Texts = Sequence[tuple[str, ...]]
AskTeacher = Callable[[Texts, frozenset[str]], ModelOutput]  # texts to what a loss NEEDS beside the cached logits
T = TypeVar("T")


@dataclass(frozen=True)
class TrainedStudent:
    """Trained student on the CPU with its best weights, the step they are of, and their validation scores, {} where
    only the weights are known any more. `complete`: it was trained to its end; `cached`: by an earlier try."""

    model: nn.Module
    step: int
    scores: dict[str, float]
    complete: bool = True
    cached: bool = False


@dataclass(frozen=True)
class StudentData:
    """Data that every variant of a run reads: the data set, the transfer set, the vocabulary of it, the starting
    vectors (vocabulary.size, width), the source from which a network may come whole, and the vocabulary of the
    transfer set in the source's pieces."""

    dataset: Dataset
    transfer_set: TransferSet
    vocabulary: Vocabulary
    vectors: Tensor
    source: EmbeddingSource
    own_vocabulary: Vocabulary


class EncodedTexts:
    """The run's texts as the students of one vocabulary read them, each part encoded where it is first read."""

    def __init__(self, vocabulary: Vocabulary, data: StudentData, config: Config):
        self.vocabulary, self._data, self._limit = vocabulary, data, (config.token_limit, config.cut)

    @cached_property
    def labelled(self) -> network.Sides:
        """The labelled texts, which come first in the transfer set."""
        transfer_set = self._data.transfer_set
        return self._encode(transfer_set.texts[: transfer_set.source.count("labelled")])

    @cached_property
    def transfer(self) -> network.Sides:
        """The texts of the transfer set."""
        return self._encode(self._data.transfer_set.texts)

    @cached_property
    def valid(self) -> network.Sides:
        """The validation rows."""
        return self._encode(self._data.dataset.valid.texts)

    def _encode(self, texts: Texts) -> network.Sides:
        return network.encode_rows(self.vocabulary, texts, *self._limit)


class StudentTrainer:
    """Trainer of a run's variants. Methods that train yield events and return a TrainedStudent."""

    def __init__(
        self,
        config: Config,
        data: StudentData,
        metric: str,
        *,
        folder: Path,
        cache: Cache,
        device: str = "cpu",
        stop: Callable[[], bool] = lambda: False,
        objective: Objective = SINGLE_LABEL,
    ):
        """Trainer where `metric` picks the best step on the validation rows; `folder` is the run's own."""
        self.config, self.data, self.metric, self.objective = config, data, metric, objective
        self.folder, self.cache, self.device, self.stop = folder, cache, device, stop
        # Whatever share of the texts a variant reads, it gets as many steps: only the texts differ.
        self.steps = student_steps(config, len(data.transfer_set.texts))
        self._encoded: dict[str, EncodedTexts] = {}  # by the student that owns the vocabulary, "" of the data's
        self.valid_targets = objective.targets(data.dataset.valid.labels)
        # Runs without patience, as the earliest were, take the best of all evaluations.
        self.last_step = bool(config.patience) and not selects_step(len(self.valid_targets))

    def control(self, variant: Variant) -> Generator[Event, None, TrainedStudent]:
        """Train the variant without a teacher: on the labelled texts and their labels alone. Raises Stopped,
        Diverged."""
        rate = learning_rate(variant.config(self.config))
        key = {**self._key, "student": variant.student, "seed": variant.seed, "lr": rate}
        if persistence.has_own_network(variant.student):
            key |= {"source": self.data.source.fingerprint, "vocabulary_limit": self.config.vocabulary_limit}
            if self.config.student_model:
                key["head"] = self.config.seed  # of which its first weights are drawn

        def load(entry: Path) -> tuple[list[Point], TrainedStudent]:
            stored = json.loads((entry / "best.json").read_text())
            curve = [Point(variant.series_name(series), step, value)
                     for series, step, value in json.loads((entry / "curve.json").read_text())]  # fmt: skip
            model = self._untrained(variant, weighed=False)  # its weights are in the entry
            model.load_state_dict(load_file(entry / "model.safetensors"))
            return curve, TrainedStudent(model.cpu(), stored["step"], stored["scores"], cached=True)

        if found := self.cache.read("control", key, load):
            yield from found[0]
            return found[1]
        model = self._untrained(variant)
        targets, curve, sides = self.own_targets, [], self._read(variant).labelled
        hard_loss = self.objective.hard_loss

        def loss(rows: Tensor, step: int) -> Tensor:
            with training_precision(variant.student, self.device):
                logits = model(network.take_rows(sides, rows, self.device))
            return hard_loss(logits.float(), targets[rows].to(self.device))

        def valid_loss(logits: Tensor) -> Tensor:
            return hard_loss(logits, self.valid_targets)

        training = CapturedGenerator(
            self._train("control", variant, model, sides, targets, loss, valid_loss, digest(key))
        )
        for event in training:
            if isinstance(event, Point):
                curve.append((event.series.partition("@")[0], event.step, event.value))
            yield event
        best: BestStep = training.value
        if self.stop():
            raise Stopped(message("Stopped before there was a student to save."))
        with self.cache.put("control", key) as folder:
            weights = {name: value.contiguous().cpu() for name, value in model.state_dict().items()}
            write_file(folder / "model.safetensors", serialised(weights))
            write_file(folder / "curve.json", json.dumps(curve).encode())
            write_file(folder / "best.json", json.dumps({"step": best.step, "scores": best.scores}).encode())
        return TrainedStudent(model.cpu(), best.step, best.scores)

    def student(
        self, variant: Variant, soft_labels: Tensor, valid_soft_labels: Tensor, ask_teacher: AskTeacher,
        head: HeadWeights | None = None,
    ) -> Generator[Event, None, TrainedStudent]:  # fmt: skip
        """Train the variant on the teacher's logits `soft_labels` (texts, labels) of the transfer set. Those of the
        validation rows give the validation loss; `ask_teacher` gives what a loss NEEDS beside logits, and by `head` are
        masked pieces guessed. After a stop the best student so far; step 0 where nothing was scored yet. Raises
        Diverged."""
        folder, done = self.place(variant), self.folder / f"{variant.series_name('student')}.done"
        chosen, encoded = self.share(variant), self._read(variant)
        targets = self.objective.hard_targets(soft_labels)
        targets[: len(self.own_targets)] = self.own_targets
        numbers = [soft_labels[chosen], targets[chosen], valid_soft_labels]
        if head:
            numbers += [*head.dense, *head.norm, head.bias]
        content = digest([self._content, self._texts_digest, *map(_tensor_digest, numbers)])
        if done.is_file():
            try:
                finished = json.loads(done.read_text())
                if finished["content"] == content if "content" in finished else self._reads_alike(folder):
                    return TrainedStudent(persistence.load(folder).model, finished["best_step"], {}, cached=True)
                yield Note(OTHER_CONTENT, "warning", "student")
            except (DataError, LookupError, TypeError, ValueError):
                yield Note(DAMAGED, "warning", "student")
            done.unlink()
        sides = [(ids[chosen], lengths[chosen]) for ids, lengths in encoded.transfer]
        soft, targets = soft_labels[chosen].to(self.device), targets[chosen].to(self.device)
        model = self._untrained(variant)
        texts, valid_texts = self.data.transfer_set.texts, self.data.dataset.valid.texts
        guesser = masked_pieces(head, self.config, encoded.vocabulary, self.data.source, self.device)

        def outputs_of(name: str, read: network.Sides, seed: int) -> ModelOutput:
            outputs = student_outputs(model, read, live_needs(name))
            if guesser is None or not guesses_masked(name):
                return outputs
            guesses, masked = guesser(model, read, seed)
            return outputs._replace(guesses=guesses.float(), masked=masked)

        def compare(name: str, student: ModelOutput, logits: Tensor, batch: Texts, hard: Tensor) -> Tensor:
            needs = live_needs(name)
            teacher = ask_teacher(batch, needs)._replace(logits=logits) if needs else ModelOutput(logits)
            result: Tensor = LOSSES.get(name).loss(student, teacher, hard, self.config, self.objective)
            return result

        def loss(rows: Tensor, step: int) -> Tensor:
            name, on_device = self._loss_of(step), rows.to(self.device)
            read, live = network.take_rows(sides, rows, self.device), live_needs(name)
            with training_precision(variant.student, self.device):
                outputs = outputs_of(name, read, variant.seed + step * SEEDS)
            batch = [texts[place] for place in chosen[rows].tolist()] if live else ()
            return compare(name, outputs, soft[on_device], batch, targets[on_device])

        def valid_loss(logits: Tensor) -> Tensor:
            name = self.config.loss
            if not live_needs(name):
                return compare(name, ModelOutput(logits), valid_soft_labels, (), self.valid_targets)
            total = torch.zeros(())
            for rows in torch.split(torch.arange(len(valid_texts)), VALID_BATCH):
                with torch.inference_mode():
                    read = network.take_rows(encoded.valid, rows, self.device)
                    outputs = outputs_of(name, read, variant.seed + int(rows[0]))  # the same masks in each evaluation
                    batch = [valid_texts[row] for row in rows.tolist()]
                    logits_of, hard = (part[rows].to(self.device) for part in (valid_soft_labels, self.valid_targets))
                    total = total + compare(name, outputs, logits_of, batch, hard).cpu() * len(rows)
            return total / max(1, len(valid_texts))

        def save() -> None:
            persistence.save(self.predictor(model, variant), folder)

        best = yield from self._train(
            "student", variant, model, sides, targets, loss, valid_loss, content, save, guesser
        )  # fmt: skip
        complete = not self.stop()
        if best.step:
            save()
            if complete:
                write_atomic(done, json.dumps({"best_step": best.step, "content": content}).encode())
        return TrainedStudent(model.cpu(), best.step, best.scores, complete)

    def _loss_of(self, step: int) -> str:
        """Name of the loss after that many of the steps."""
        return self.config.first_loss if step < first_steps(self.config, self.steps) else self.config.loss

    def place(self, variant: Variant) -> Path:
        """Folder of the variant's student."""
        return self.folder / variant.series_name("student")

    def predictor(self, model: nn.Module, variant: Variant) -> Predictor:
        """Predictor of raw texts around `model`."""
        dataset, of = self.data.dataset, variant.config(self.config)
        settings = persistence.settings(of, dataset.labels, dataset.pair, model, self.objective.name)
        return Predictor(model, self._read(variant).vocabulary, settings)

    def share(self, variant: Variant) -> Tensor:
        """Places in the transfer set (texts,) that the variant reads, in order. A smaller share is part of a larger
        one, and mixed like the full set of labelled, unlabelled and augmented texts."""
        rows = len(self.data.transfer_set.texts)
        if variant.share == 1:
            return torch.arange(rows)
        mixed = torch.randperm(rows, generator=torch.Generator().manual_seed(self.config.seed))
        return mixed[: math.ceil(variant.share * rows)].sort().values

    @cached_property
    def own_targets(self) -> Tensor:
        """Targets of the labelled texts, which come first in the transfer set."""
        transfer_set, labels = self.data.transfer_set, self.data.dataset.train.labels
        own = transfer_set.source.count("labelled")
        return self.objective.targets([labels[row] for row in transfer_set.origin[:own]])

    def _read(self, variant: Variant) -> EncodedTexts:
        """The texts as the variant reads them. All kinds without a network of their own share one vocabulary."""
        student, data = variant.student, self.data
        owner = student if persistence.has_own_network(student) else ""
        if owner not in self._encoded:
            words = data.own_vocabulary if owner else data.vocabulary
            vocabulary = persistence.choose_vocabulary(self.config, student, words, data.source)
            self._encoded[owner] = EncodedTexts(vocabulary, data, self.config)
        return self._encoded[owner]

    @cached_property
    def _key(self) -> dict[str, Any]:
        """Cache key of a control, but for its student and seed. A knob that was added since the first keys changes none
        while it stands at what runs did before it, so that controls on people's disks are found."""
        knobs = names_of(affecting=("network", "training"), config=type(self.config))
        defaults = {name: field.default for name, field in type(self.config).model_fields.items()} | EARLIER
        return {
            "format": FORMAT, **self._content,
            "torch": torch.__version__, "device": self.device, "metric": self.metric, "steps": self.steps,
            **{
                name: value
                for name in knobs
                if (value := getattr(self.config, name)) != defaults[name] or name in FIRST_KNOBS
            },
            **({"balanced": "offsets"} if self.metric in BALANCED else {}),
        }  # fmt: skip

    @cached_property
    def _content(self) -> dict[str, str]:
        """Digests of what every training of this trainer reads: labelled and validation rows, vectors, vocabulary."""
        vocabulary = self.data.vocabulary
        own, words = {}, self.data.own_vocabulary
        if self.config.heads or self.config.feed_forward:
            own = {"sample": digest(self._sample), "source": self.data.source.fingerprint}
        if self.config.student_model:
            own |= {"source": self.data.source.fingerprint, "own words": digest([words.entries, words.aliases])}
        return {
            "data": self.data.dataset.fingerprint(),
            "vectors": digest(self.data.vectors.numpy().tobytes().hex()),
            "words": digest([vocabulary.entries, vocabulary.token_ids, vocabulary.aliases]), **own,
        }  # fmt: skip

    @cached_property
    def _texts_digest(self) -> str:
        return digest(self.data.transfer_set.texts)

    def _reads_alike(self, folder: Path) -> bool:
        """Whether the student in `folder`, of an earlier version that named no content, has this run's labels and
        vocabulary."""
        try:
            labels, theirs = persistence.load_labels(folder)
        except DataError:
            return False
        if theirs is None:  # of a network of its own, which no earlier version had
            return False
        mine = self.data.vocabulary
        alike = (mine.entries, mine.token_ids) == (theirs.entries, theirs.token_ids)
        return alike and labels == list(self.data.dataset.labels)

    def _train(
        self,
        stage: str,
        variant: Variant,
        model: nn.Module,
        sides: network.Sides,
        targets: Tensor,
        loss: Callable[[Tensor, int], Tensor],
        valid_loss: Callable[[Tensor], Tensor],
        content: str,
        on_best: Callable[[], None] = lambda: None,
        beside: nn.Module | None = None,
    ) -> Generator[Event, None, BestStep]:
        """Train a model, the loop's ticks as events; returns the best step. `targets` are the hard ones of the
        rows in `sides`; `on_best` is called while the model has its best weights; `valid_loss` takes the validation
        rows' logits; `content` is the digest of all that is read; `beside` is a module that
        learns with the model."""
        config = variant.config(self.config)
        rate = learning_rate(config)
        plan = TrainingPlan(
            self.steps, config.batch, rate, config.optimiser, config.table_lr, seed=variant.seed,
            evaluate_every=max(1, self.steps // config.evaluations), select=self.metric, patience=config.patience,
            patient_from=first_steps(config, self.steps) if stage == "student" else 0,
        )  # fmt: skip
        if stage == "student" and self.last_step:  # a control would have learnt its few labels by heart by then
            plan = replace(plan, select=LAST, patience=0)
        rows = torch.tensor(training_rows(targets.tolist(), self.metric))
        lengths, valid = network.total_lengths(sides)[rows].tolist(), self._read(variant).valid
        checkpoint = self.folder / f"{variant.series_name(stage)}.ckpt"

        def score() -> dict[str, float]:
            logits = network.predict_logits(model, valid, device=self.device)
            return self._scores(logits + self._offsets(model, logits), valid_loss(logits))

        # A control is cached for other runs: one of a checkpoint that names no content could be of other labels.
        unnamed = (
            stage == "student" and any(map(Path.is_file, places(checkpoint))) and self._reads_alike(self.place(variant))
        )
        ticks = loop.fit(
            nn.ModuleList([model, beside]) if beside else model, len(rows),
            lambda index, step: loss(rows[index], step), score, plan, lengths=lengths,
            checkpoint=checkpoint, content=content, unnamed=unnamed, stop=self.stop,
        )  # fmt: skip
        best = yield from report_training(ticks, plan, stage, variant.series_name, on_best)
        if best.step and (shift := getattr(model, "shift", None)):
            shift(self._offsets(model, network.predict_logits(model, valid, device=self.device)))
        if not self.stop():
            delete_checkpoints(checkpoint)
        return best

    def _offsets(self, model: nn.Module, logits: Tensor) -> Tensor:
        """Offsets (labels,) with which the validation rows' logits give each answer as often as its label is given in
        training; zeros where that is not wanted, or the network can't be shifted."""
        if not hasattr(model, "shift"):
            return torch.zeros(logits.shape[1])
        labels = self.own_targets.tolist()
        return torch.from_numpy(balancing_offsets(logits.numpy(), labels, self.metric, self.objective)).float()

    def _scores(self, logits: Tensor, loss: Tensor) -> dict[str, float]:
        value = float(loss)
        answers, labels = logits.numpy(), self.data.dataset.valid.labels
        values = self.objective.metrics(answers, labels)
        constant = float(is_constant(self.objective.decide(answers), labels))
        return {
            "accuracy": values["accuracy"], self.metric: values[self.metric], "loss": value, loop.CONSTANT: constant,
        }  # fmt: skip

    def _untrained(self, variant: Variant, weighed: bool = True) -> nn.Module:
        """Untrained student of the variant. Its control and student start from the very same weights. Without
        `weighed` its shape alone is right."""
        torch.manual_seed(variant.seed)
        outputs = self.objective.head_size(self.data.dataset.labels)
        data = self.data
        words = self._read(variant).vocabulary
        return build_student(
            self.config, variant.student, data.vectors, outputs, data.dataset.pair, data.source, words, self.device,
            self._sample if weighed else (),
        )  # fmt: skip

    @cached_property
    def _sample(self) -> Texts:
        """Texts of the transfer set, evenly spread over it, by which parts of a source may be weighed."""
        texts = self.data.transfer_set.texts
        count = min(SAMPLE, len(texts))
        return [texts[place * len(texts) // count] for place in range(count)]


def _tensor_digest(values: Tensor) -> str:
    return hashlib.sha256(values.contiguous().numpy().tobytes()).hexdigest()


def build_student(
    config: Config, student: str, vectors: Tensor, outputs: int, pair: bool, source: EmbeddingSource | None,
    vocabulary: Vocabulary, device: str, texts: Texts = (),
) -> nn.Module:  # fmt: skip
    """Build a student of that kind on the device, its other weights drawn from torch's generator as it stands."""
    sparse = config.optimiser == "adam" and device != "mps"  # which has no sparse tensors
    return persistence.build_model(
        config, student, vectors, outputs, pair, source, vocabulary, sparse, texts
    ).to(device)  # fmt: skip


def masked_pieces(
    head: HeadWeights | None, config: Config, vocabulary: Any, source: EmbeddingSource, device: str
) -> MaskedPieces | None:
    """The head as the training of a student needs it that reads by this `vocabulary`, its own and of the pieces of the
    `source`; None without one, and where no loss of the config has pieces guessed."""
    if head is None or not wants_head(config.first_loss, config.loss):
        return None
    mask = vocabulary.tokenizer.token_to_id(vocabulary.mask)
    return MaskedPieces(head, vocabulary.tokens, source.tokenizer.all_special_ids, mask).to(device)


def training_precision(student: str, device: str) -> AbstractContextManager[object]:
    """Precision of a training of students of that kind: bfloat16 where the device is fast in it, for a component that
    says MIXED. It has float32's range and needs no loss scaling, as float16 would."""
    fast = fast_dtype(device)
    mixed = getattr(STUDENTS.get(student), "MIXED", False) and fast == torch.bfloat16
    return autocast(device, fast if mixed else torch.float32)


def scale_progress(events: Generator[Event, None, T], turn: int, turns: int) -> Generator[Event, None, T]:
    """Scale the events of training number `turn` (from 0) of so many alike ones: its Progress becomes that of
    all of them."""
    training, pace = CapturedGenerator(events), None
    for event in training:
        if isinstance(event, Progress):
            left = event.left
            if left is not None and event.done < event.total:
                pace = left / (event.total - event.done)
            if left is not None and pace is not None:
                left += pace * event.total * (turns - turn - 1)
            event = Progress(event.stage, turn * event.total + event.done, turns * event.total, event.unit, left)
        yield event
    result: T = training.value
    return result
