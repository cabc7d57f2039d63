"""The teacher: loading one that is fine-tuned already, or fine-tuning one and keeping it.

Knows nothing of students, caches of logits or the store of runs.
"""

import datetime
import json
import math
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from distill_core import kept, measures, teacher_guard, teacher_labels, teacher_weights, train
from distill_core.cache import digest
from distill_core.config import Config
from distill_core.device import autocast, device
from distill_core.errors import Stopped, TeacherError
from distill_core.events import Event, Note, Point, Progress
from distill_core.generators import Kept
from distill_core.host import public_host
from distill_core.kept import name_for
from distill_core.sentences import worded
from distill_core.teacher_labels import check
from distill_core.teacher_model import Teacher, by_length

if TYPE_CHECKING:
    from distill_core.data import Data

__all__ = ["Teacher", "check", "device", "fine_tune", "load", "name_for"]

BUILTIN = Path(__file__).parent / "builtin"
FORMAT = 1  # raise when a fine-tuning's outcome changes with the code


def load(name: str, labels: Sequence[str], pair: bool, config: Config) -> Teacher:
    """The teacher `name`, already fine-tuned: "builtin", "kept:<key>", a folder or a Hub id; its outputs matched to
    the data's `labels`. Raises TeacherError, HubError."""
    folder = _locate(name, config)
    notes: list[str] = []
    settings = teacher_guard.read_config(folder, name)
    weights = teacher_weights.find_weights(folder, name, config.allow_pickle)
    teacher_guard.compare(settings, weights, name)
    theirs = [settings.id2label[i] for i in range(settings.num_labels)]
    order, said = teacher_labels.match(theirs, labels, name)
    model = teacher_guard.build(folder, settings, weights, name, new_head=False)
    if settings.problem_type == "multi_label_classification":
        notes.append(worded("The teacher was made to give several labels at once; here its highest one counts."))
    return _teacher(folder, model, weights, labels, order, config, name, notes + said)


def fine_tune(
    config: Config,
    data: "Data",
    checkpoint: Path | None = None,
    stop: Callable[[], bool] = lambda: False,
    home: Path | None = None,
) -> Generator[Event, None, Teacher]:
    """Train the teacher that `config` names on `data.train`, keep the best epoch on `data.valid`, and return it.

    It is kept under `home`; the same base, rows and knobs give the kept one at once. Killed, it goes on from
    `checkpoint` and ends bit for bit as if it hadn't been. Raises TeacherError, HubError, Stopped, Diverged."""
    base = name_for(config)
    folder = _locate(base, config)
    settings = teacher_guard.read_config(folder, base, data.labels)
    weights = teacher_weights.find_weights(folder, base, config.allow_pickle)
    teacher_guard.compare(settings, weights, base)
    rows = [[split.texts, split.labels] for split in (data.train, data.valid)]
    knobs = ("teacher_epochs", "teacher_lr", "teacher_batch", "max_tokens", "seed")
    key = {
        "format": FORMAT, "base": teacher_guard.fingerprint(folder, weights, data.labels), "rows": digest(rows),
        "device": device(), **{knob: getattr(config, knob) for knob in knobs},
    }  # fmt: skip
    metric = measures.of_run(config, data)
    if metric != "accuracy":  # teachers that were kept before there was a choice keep their key
        key["metric"] = metric
    shelf = kept.shelf(home)
    if entry := shelf.get(kept.KIND, key):
        yield Note(worded("The teacher was fine-tuned before on the same rows with the same knobs; it is used again."),
                   about="teacher")  # fmt: skip
        return _kept_teacher(entry, data, config)
    learner = _begun(folder, settings, weights, data.labels, config)
    learner.check_texts(data.train.texts)
    scores = yield from _train(learner, data, config, metric, checkpoint, stop)
    facts = {
        "base": base, "task": config.dataset if config.task == "hub" else config.task, "labels": list(data.labels),
        "pair": data.pair, "accuracy": scores["accuracy"], "rows": len(data.train.texts),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }  # fmt: skip
    with shelf.put(kept.KIND, key) as place:
        learner.model.save_pretrained(place)
        learner.tokenizer.save_pretrained(place)
        (place / kept.FACTS).write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")
    if checkpoint:
        checkpoint.unlink(missing_ok=True)
    entry = shelf.get(kept.KIND, key)
    if entry is None:
        raise RuntimeError("a teacher that was just kept is not there")
    yield Note(worded("The fine-tuned teacher is kept as {name} for other runs.",
                      name=f"{kept.PREFIX}{entry.name[: kept.KEY_LENGTH]}"), about="teacher")  # fmt: skip
    return _kept_teacher(entry, data, config)


def untuned(config: Config, labels: Sequence[str]) -> Teacher:
    """The base that `config` names with a fresh head for `labels`, as fine-tuning begins. Raises TeacherError,
    HubError."""
    base = name_for(config)
    folder = _locate(base, config)
    settings = teacher_guard.read_config(folder, base, labels)
    weights = teacher_weights.find_weights(folder, base, config.allow_pickle)
    teacher_guard.compare(settings, weights, base)
    return _begun(folder, settings, weights, labels, config)


def _begun(
    folder: Path, settings: Any, weights: teacher_weights.Weights, labels: Sequence[str], config: Config
) -> Teacher:
    torch.manual_seed(config.seed)  # the new head's first weights
    base = name_for(config)
    model = teacher_guard.build(folder, settings, weights, base, new_head=True).to(device())
    return _teacher(folder, model, weights, labels, range(len(labels)), config, base, [])


def _train(
    learner: Teacher, data: "Data", config: Config, metric: str, checkpoint: Path | None, stop: Callable[[], bool]
) -> Generator[Event, None, dict[str, float]]:
    """The fine-tuning itself; returns the best epoch's scores, whose weights the model then holds."""
    model, where = learner.model, device()
    texts, truth = learner.encode(data.train.texts), torch.tensor(data.train.labels)
    valid, valid_truth = learner.encode(data.valid.texts), torch.tensor(data.valid.labels)
    fast, _ = learner.fast(data.train.texts)
    if fast != torch.bfloat16:
        fast = torch.float32  # bfloat16 has float32's range, so it needs no loss scaling; float16 would

    def loss(index: Tensor) -> Tensor:
        inputs = learner.pad([texts[i] for i in index.tolist()], where)
        with autocast(where, fast):
            found = model(**inputs).logits
        return cross_entropy(found.float(), truth[index].to(where))

    def score() -> dict[str, float]:
        found = torch.empty(len(valid), len(data.labels))
        for rows in by_length([len(one["input_ids"]) for one in valid], 64):
            found[rows] = learner.forward([valid[row] for row in rows], torch.float32)
        values = measures.values(found.argmax(1).numpy(), data.valid.labels, len(data.labels))
        loss = float(cross_entropy(found, valid_truth))
        return {"accuracy": values["accuracy"], metric: values[metric], "loss": loss}

    per_epoch = math.ceil(len(texts) / config.teacher_batch)
    plan = train.Plan(
        per_epoch * config.teacher_epochs, config.teacher_batch, config.teacher_lr, weight_decay=0.01,
        evaluate_every=per_epoch, seed=config.seed, select=metric,
    )  # fmt: skip
    lengths = [len(one["input_ids"]) for one in texts]
    ticks = Kept(train.fit(model, len(texts), loss, score, plan, lengths=lengths, checkpoint=checkpoint, stop=stop))
    for tick in ticks:
        yield Progress("teacher", tick.step, tick.steps, "steps", tick.left)
        yield Point("teacher/loss", tick.step, tick.loss)
        for name, value in (tick.scores or {}).items():
            yield Point(f"teacher/valid_{name}", tick.step, value)
    if stop() or not ticks.value.step:
        raise Stopped(worded("Stopped while the teacher was being fine-tuned."))
    return ticks.value.scores


def _locate(name: str, config: Config) -> Path:
    """The folder that `name` means, downloaded if need be."""
    if name == "builtin":
        return BUILTIN
    if name.startswith(kept.PREFIX):
        return kept.find(name).folder
    path = Path(name).expanduser()
    if path.is_dir() and not public_host():
        return path
    from distill_core import hub

    if not hub.is_id(name):
        raise TeacherError(worded(
            "There is no folder {name}, and a Hub id it can't be either. Give a folder with a model, an id such as "
            "{id}, or builtin.", name=repr(name), id=kept.DEFAULT))  # fmt: skip
    return hub.model_folder(name, config.allow_pickle)


def _kept_teacher(entry: Path, data: "Data", config: Config) -> Teacher:
    name = kept.PREFIX + entry.name[: kept.KEY_LENGTH]
    settings = teacher_guard.read_config(entry, name)
    weights = teacher_weights.find_weights(entry, name, allow_pickle=False)
    model = teacher_guard.build(entry, settings, weights, name, new_head=False)
    return _teacher(entry, model, weights, data.labels, range(len(data.labels)), config, name, [])


def _teacher(
    folder: Path, model: Any, weights: teacher_weights.Weights, labels: Sequence[str], order: Sequence[int],
    config: Config, name: str, notes: list[str],
) -> Teacher:  # fmt: skip
    tokenizer = teacher_guard.tokenizer(folder, model.config, name, notes)
    limit = teacher_guard.longest(model.config, tokenizer)
    if limit < config.max_tokens:
        notes.append(worded("The teacher reads {limit:,} tokens at most, so longer texts are cut there ({knob:knob} "
                            "said {asked:,}).", limit=limit, knob="max_tokens",
                            asked=config.max_tokens))  # fmt: skip
    return Teacher(
        model, tokenizer, labels, list(order), name=name, max_tokens=min(limit, config.max_tokens),
        fingerprint=teacher_guard.fingerprint(folder, weights, labels), bytes=weights.bytes, notes=notes,
    )  # fmt: skip
