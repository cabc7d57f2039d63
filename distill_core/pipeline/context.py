"""What the stages of a run hand on."""

import json
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from distill_core import tasks, tokenization
from distill_core.cache import Cache, digest, write_atomic
from distill_core.config.schema import Config
from distill_core.distillation import soft_labels, transfer_set, variants
from distill_core.distillation.student_trainer import StudentTrainer, TrainedStudent, scale_progress
from distill_core.distillation.variants import Variant
from distill_core.errors import Stopped
from distill_core.evaluation import aggregation, baseline, calibration, comparison, diagnostics, latency, metrics
from distill_core.events import CapturedGenerator, Compared, Event, Fact, Note, Progress
from distill_core.messages import Message, message, message_data, restore_message
from distill_core.registry import EMBEDDINGS
from distill_core.student import persistence, vocabulary
from distill_core.student.nearest import nearest
from distill_core.teacher import catalog, fine_tuning, label_mapping, loading
from distill_core.teacher.model import Teacher
from distill_core.training import device

Steps = Generator[Event, None, Any]  # a stage: yields events, returns True where its result was there already
FORMAT = 5  # raise when what a stage caches changes its meaning


class RunStages:
    """What the stages hand on. Each method is a stage of the same name."""

    def __init__(self, config: Config, folder: Path, cache: Cache, stop: Callable[[], bool]):
        self.config, self.folder, self.cache, self.stop = config, folder, cache, stop
        self.device = device.device()

    def say_if_stopped(self) -> None:
        """Raises Stopped where a stop left something undone."""
        main, all_of_them = self.learned[self.members[0]], len(self.members)
        if not main.complete:
            raise Stopped(message("Stopped; the best student so far is kept, from step {step:,} of {steps:,}.",
                                 step=main.step, steps=self.lessons.steps))  # fmt: skip
        if self.finished < all_of_them:
            raise Stopped(message("Stopped; {done} of {all} students are finished and compared. Resuming the run goes "
                                 "on with the others.", done=self.finished, all=all_of_them))  # fmt: skip

    def data(self) -> Steps:
        self.rows = tasks.load_dataset(self.config)
        rows = self.rows
        yield from _notes([*rows.notes, *diagnostics.check_data(rows)], "data")
        self.counts = {"train": len(rows.train.texts), "valid": len(rows.valid.texts), "test": len(rows.test.texts)}
        yield Fact("rows", {**self.counts, "unlabelled": len(rows.unlabelled)})
        yield Fact("labels", list(rows.labels))
        yield Fact("columns", rows.columns)
        self.metric = metrics.metric_for(self.config, rows)
        yield Fact("metric", self.metric)
        self.floor = baseline.fit_baseline(rows.train, len(rows.labels), rows.pair)
        found = self._values(self.floor.logits(rows.valid.texts))
        self.validation = {"floor": found[self.metric]}
        yield Fact("validation", dict(self.validation))

    def teacher(self) -> Steps:
        rows, config = self.rows, self.config
        if config.fine_tune:
            self.teacher_ = yield from fine_tuning.fine_tune(config, rows, self.folder / "teacher.ckpt", self.stop)
        else:
            self.teacher_ = loading.load_teacher(catalog.teacher_name(config), rows.labels, rows.pair, config)
        teacher: Teacher = self.teacher_
        for note in teacher.notes:
            yield Note(note, about="teacher")
        fact = {name: getattr(teacher, name) for name in ("name", "fingerprint", "parameters", "bytes", "max_tokens")}
        write_atomic(self.folder / "teacher.json", json.dumps(fact).encode())
        yield Fact("teacher", fact)
        self.valid_logits = yield from self._ask(rows.valid.texts, "teacher")
        self.validation["teacher"] = self._values(self.valid_logits.numpy())[self.metric]
        yield Fact("validation", dict(self.validation))
        found = label_mapping.check_agreement(self.valid_logits, rows.valid.labels, rows.labels)
        told = diagnostics.check_teacher(self.validation["teacher"], self.validation["floor"], self.metric)
        yield from found or _notes(told, "teacher")

    def transfer(self) -> Steps:
        needed = self.config.vocabulary == "pieces" or self.rows.language in tokenization.WITHOUT_SPACES
        pieces = self.teacher_.subword_tokenizer() if needed else None
        self.set = yield from transfer_set.build_transfer_set(self.rows, self.config, pieces, self.stop)
        yield Fact("transfer", {"texts": len(self.set.texts), "counts": self.set.counts})
        sentences = [side for row in self.set.texts for side in row]
        kind, limit = self.config.vocabulary, self.config.vocabulary_limit
        self.words = vocabulary.build_vocabulary(kind, sentences, pieces, self.teacher_.mask_token, limit=limit)
        if self.config.unseen == "nearest" and self.words.kind == "pieces":
            self.words = self.words.aliased(self._nearest())
        self.vectors, said, cached = self._starting_vectors()
        for note in said:
            yield Note(note, about="transfer")
        yield Fact("vocabulary", {"size": self.words.size, "width": self.vectors.shape[1], "cached": cached})

    def control(self) -> Steps:
        self.members = variants.plan_variants(self.config)
        self.lessons = StudentTrainer(
            self.config, self.rows, self.set, self.words, self.vectors, self.metric, self.device, self.folder,
            self.cache, self.stop,
        )  # fmt: skip
        if len(self.members) > 1:
            yield Fact("members", [vars(member) for member in self.members])
        self.controls: dict[tuple[str, int], TrainedStudent] = {}
        if not self.config.control:
            yield Note(message("The control run is switched off: nobody will know what distilling did."), "warning",
                       "control")  # fmt: skip
            return False
        whole = [member for member in self.members if member.share == 1]  # the shares have the main member's
        for turn, member in enumerate(whole):
            learned = yield from scale_progress(self.lessons.control(member), turn, len(whole))
            self.controls[member.student, member.seed] = learned
            if member is self.members[0]:
                self.validation["control"] = learned.scores[self.metric]
                yield Fact("validation", dict(self.validation))
                told = diagnostics.check_control(self.validation["control"], self.validation["teacher"], self.metric)
                yield from _notes(told, "control")
        return all(learned.cached for learned in self.controls.values())

    def label(self) -> Steps:
        self.soft = yield from self._ask(self.set.texts, "label")
        self.disagreement = diagnostics.label_disagreements(self.rows, self.set, self.soft.numpy())
        yield from _notes(diagnostics.describe_disagreements(self.disagreement), "label")

    def student(self) -> Steps:
        self.learned: dict[Variant, TrainedStudent] = {}
        for turn, member in enumerate(self.members):
            if self.learned and self.stop():
                break
            taught = self.lessons.student(member, self.soft, self.valid_logits)
            learned = yield from scale_progress(taught, turn, len(self.members))
            if not self.learned and not learned.step:
                raise Stopped(message("Stopped before there was a student to keep."))
            if learned.complete or not self.learned:  # of the main member alone half a training is worth showing
                self.learned[member] = learned
            if learned.complete and learned.scores and len(self.members) > 1:
                reached = learned.scores[self.metric]
                yield Note(message("{turn} of {all}, {member}: {metric:metric} {reached:.3f} on the validation rows.",
                                  turn=turn + 1, all=len(self.members), member=member.display_name, metric=self.metric,
                                  reached=float(reached)), about="student")  # fmt: skip
        self.finished = sum(learned.complete for learned in self.learned.values())
        return all(learned.cached for learned in self.learned.values())

    def compare(self) -> Steps:
        """The only stage that reads the test rows, and it reads them once."""
        rows, config, teacher, main = self.rows, self.config, self.teacher_, self.members[0]
        test = rows.test
        soft = yield from self._ask(test.texts, "compare", stop=lambda: False)
        networks = {"student": self.learned[main], "control": self.controls.get((main.student, main.seed))}
        asked: dict[str, Callable[[Sequence[tuple[str, ...]]], Any]] = {"floor": self.floor.logits}
        asked |= {name: self._asked(networks[name], main) for name in ("control", "student") if networks[name]}
        found = {name: ask(test.texts) for name, ask in asked.items()} | {"teacher": soft.numpy()}
        valid = {name: ask(rows.valid.texts) for name, ask in asked.items()} | {"teacher": self.valid_logits.numpy()}
        asked["teacher"] = teacher.logits
        if self.device != "cpu":
            yield Note(message("The teacher was timed on {device}, the other rows on the CPU.", device=self.device),
                       "warning", "compare")  # fmt: skip
        scores: dict[str, dict[str, Any]] = {}
        models = len(asked) + len(self.learned) - 1
        for name, ask in asked.items():
            scores[name] = self._scored(found[name], valid[name])
            yield Progress("compare", len(scores), models, "models")
            if name == "student" and "control" in scores:  # the same network: the same size and speed
                cost = {part: scores["control"][part] for part in comparison.COST_KEYS}
            else:
                own = {"floor": self.floor, "teacher": teacher}.get(name)
                size = {"parameters": own.parameters, "bytes": own.bytes} if own else self._size(main)
                cost = {**size, **latency.measure_speed(ask, test.texts)}
            scores[name].update(cost)
        heat = {name: score["temperature"] for name, score in scores.items()}
        self._write_texts({name: calibration.probabilities(found[name], heat[name]) for name in found})
        persistence.calibrate(self.lessons.place(main), heat["student"])
        several = {}
        if len(self.members) > 1:
            compared = []
            for done, member in enumerate(self.learned):
                compared.append(self._member(member, soft.numpy(), scores, compared))
                yield Progress("compare", len(scores) + done, models, "models")
            several = aggregation.aggregate(compared, scores["teacher"][self.metric], self.metric)
        summary = {
            **comparison.compare(scores, found, test.labels, self.metric, config.seed),
            **several,
            "rows": {**self.counts, "transfer": len(self.set.texts)},
            "scored_on": rows.scored_on,
            "labels": list(rows.labels),
            "teacher": teacher.name,
            "validation": self.validation,
            "best_step": self.learned[main].step,
            "steps": self.lessons.steps,
            "disagreement": self.disagreement,
            "tests_read": comparison.test_set_uses(self.cache, test, rows.labels, self.folder.name),
        }
        given = len(self.set.texts) - self.set.source.count("augmented")
        said = diagnostics.conclude(summary, given, rows.pair)
        yield Compared(summary | {"verdict": [[level, str(told), message_data(told)] for level, told in said]})
        return False

    def _asked(self, learned: TrainedStudent, member: Variant) -> Callable[[Sequence[tuple[str, ...]]], np.ndarray]:
        predictor = self.lessons.predictor(learned.model, member)
        return lambda texts: predictor.logits(texts).numpy()

    def _scored(self, found: np.ndarray, valid: np.ndarray) -> dict[str, Any]:
        """What these logits of the test rows and of the validation rows say of a model."""
        rows = self.rows
        checked = (valid, rows.valid.labels)
        return comparison.score_predictions(
            found, rows.test.labels, rows.labels, checked, self.metric, self.config.seed
        )

    def _size(self, member: Variant) -> dict[str, int]:
        weights = sum(parameter.numel() for parameter in self.learned[member].model.parameters())
        return {"parameters": weights, "bytes": (self.lessons.place(member) / persistence.WEIGHTS).stat().st_size}

    def _member(
        self, member: Variant, teacher: np.ndarray, scores: dict[str, Any], before: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """A member as the summary tells it: single figures, without tables. The networks of one kind are as large and
        as fast as the first of them, `before`."""
        test, ask = self.rows.test, self._asked(self.learned[member], member)
        found = ask(test.texts)
        control = self.controls.get((member.student, member.seed))
        row = {name: getattr(member, name) for name in ("name", "student", "seed", "share")} | {
            "texts": len(self.lessons.share(member)),
            "agreement": float((found.argmax(1) == teacher.argmax(1)).mean()),
            "control": None,
        }
        if member == self.members[0]:
            row["student_score"], row["control"] = scores["student"], scores.get("control")
        else:
            row["student_score"] = self._scored(found, ask(self.rows.valid.texts))
            like = next((one["student_score"] for one in before if one["student"] == member.student), None)
            cost = {**self._size(member), **latency.measure_speed(ask, test.texts)} if like is None else like
            row["student_score"] |= {part: cost[part] for part in comparison.COST_KEYS}
            persistence.calibrate(self.lessons.place(member), row["student_score"]["temperature"])
            if control:
                ask = self._asked(control, member)
                row["control"] = self._scored(ask(test.texts), ask(self.rows.valid.texts))
        for score in ("student_score", "control"):
            row[score] = row[score] and {key: value for key, value in row[score].items() if _single(value)}
        return row

    def _ask(
        self, texts: Sequence[tuple[str, ...]], stage: str, stop: Callable[[], bool] | None = None
    ) -> Generator[Event, None, Tensor]:
        for event in (
            asked := CapturedGenerator(
                soft_labels.label_texts(self.teacher_, list(texts), self.cache, stop or self.stop)
            )
        ):
            yield Progress(stage, event.done, event.total, event.unit, event.left)
        return asked.value

    def _values(self, logits: np.ndarray) -> dict[str, float]:
        """Every metric of these answers to the validation rows."""
        return metrics.compute_metrics(logits.argmax(1), self.rows.valid.labels, len(self.rows.labels))

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

    def _starting_vectors(self) -> tuple[Tensor, list[Message], bool]:
        """The table, what its source had to say, and whether it was there already."""
        config = self.config
        key = {
            "format": FORMAT, "vectors": config.vectors, "file": _file_key(config.vectors_file), "width": config.width,
            "seed": config.seed, "teacher": self.teacher_.fingerprint, "entries": digest(self.words.entries),
        }  # fmt: skip
        if entry := self.cache.get("vectors", key):
            kept = json.loads((entry / "said.json").read_text(encoding="utf-8"))
            return load_file(entry / "vectors.safetensors")["vectors"], [restore_message(*one) for one in kept], True
        generator = torch.Generator().manual_seed(config.seed)
        said = []
        make = EMBEDDINGS.get(config.vectors).make
        table = make(self.words, self.teacher_, config.width, config, generator, said.append)
        with self.cache.put("vectors", key) as place:
            save_file({"vectors": table.contiguous()}, place / "vectors.safetensors")
            (place / "said.json").write_text(json.dumps([(one, message_data(one)) for one in said]), encoding="utf-8")
        return table, said, False

    def _write_texts(self, found: dict[str, np.ndarray]) -> None:
        """The scored rows with everyone's calibrated probabilities, one JSON object a line."""
        labels, test = self.rows.labels, self.rows.test
        lines = []
        for i, (row, truth) in enumerate(zip(test.texts, test.labels, strict=True)):
            said = {name: [round(float(p), 4) for p in values[i]] for name, values in found.items()}
            lines.append(json.dumps({"text": list(row), "label": labels[truth], **said}, ensure_ascii=False))
        write_atomic(self.folder / "texts.jsonl", "\n".join(lines).encode("utf-8", "replace"))


def _single(value: Any) -> bool:
    return value is None or isinstance(value, int | float | str)


def _file_key(file: str | None) -> list[Any] | None:
    if file is None or not Path(file).is_file():
        return None
    stat = Path(file).stat()
    return [str(Path(file).resolve()), stat.st_size, stat.st_mtime_ns]


def _notes(said: Iterable[tuple[str, str]], stage: str) -> Iterator[Note]:
    for level, note in said:
        yield Note(note, level, stage)
