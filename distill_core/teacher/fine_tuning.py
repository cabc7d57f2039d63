"""Fine-tuning of a teacher, which is saved for later runs."""

import datetime
import json
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill_core.cache import digest
from distill_core.config.knobs import names_of
from distill_core.config.schema import BALANCED, EARLIER, Config
from distill_core.config.training_length import (
    passes_between_evaluations,
    patience_of,
    selects_step,
    steps_of_pass,
    teacher_evaluations,
    teacher_passes,
)
from distill_core.data.automatic import resolve_auto
from distill_core.errors import Stopped
from distill_core.evaluation.metrics import is_constant
from distill_core.evaluation.objective import SINGLE_LABEL, Objective, metric_for
from distill_core.evaluation.prior import balancing_offsets
from distill_core.events import Event, Note
from distill_core.messages import Message, message
from distill_core.teacher import catalog, fingerprint, safe_loading
from distill_core.teacher import weights as teacher_weights
from distill_core.teacher.catalog import teacher_name
from distill_core.teacher.loading import assemble, load_saved, locate
from distill_core.teacher.model import Teacher, length_batches
from distill_core.training import loop
from distill_core.training import plan as training_plan
from distill_core.training.batching import training_rows
from distill_core.training.checkpoints import delete_checkpoints
from distill_core.training.device import autocast, device
from distill_core.training.reporting import report_training

if TYPE_CHECKING:
    from distill_core.data.dataset import Dataset

LAST_STEP = (
    "{n:validation row is|validation rows are} too few to tell one step of the teacher's training from another, so its "
    "last step is taken."
)
FORMAT = 1  # raise when a fine-tuning's outcome changes with the code


def fine_tune(
    config: Config,
    data: "Dataset",
    checkpoint: Path | None = None,
    stop: Callable[[], bool] = lambda: False,
    home: Path | None = None,
    objective: Objective = SINGLE_LABEL,
    check: Callable[[Any], None] = lambda model: None,
) -> Generator[Event, None, Teacher]:
    """Train the teacher that `config` names on `data.train`, and return it with the weights of the best epoch on
    `data.valid`, or of the last one where its rows are too few to select one.

    The teacher is saved under `home`; the same base, rows and knobs later return the saved one. A killed training
    resumes from `checkpoint` and equals an uninterrupted one bit for bit. `check` is given the model before it trains,
    and raises where it would not do. Raises TeacherError, HubError, Stopped, Diverged."""
    config = resolve_auto(config, data)
    base = teacher_name(config)
    folder = locate(base, config)
    settings = safe_loading.read_config(folder, base, data.labels)
    weights = teacher_weights.find_weights(folder, base, config.allow_pickle)
    safe_loading.check_shapes(settings, weights, base)
    passes = teacher_passes(config, len(data.train.texts))
    rows = [[split.texts, split.labels] for split in (data.train, data.valid)]
    key = {
        "format": FORMAT, "base": fingerprint.fingerprint(folder, weights, data.labels), "rows": digest(rows),
        "device": device(), **{name: getattr(config, name) for name in names_of(affecting=("teacher",))},
        "teacher_epochs": passes,
    }  # fmt: skip
    if not 0 < config.patience < teacher_evaluations(passes):  # without it, keys from before it stay valid
        del key["patience"]
    if config.cut == EARLIER["cut"]:
        del key["cut"]
    metric = metric_for(config, data, objective)
    if metric != "accuracy":  # without the metric in it, older teachers' keys stay valid
        key["metric"] = metric
    if metric in BALANCED:
        key["balanced"] = True
    selecting, saved = selects_step(len(data.valid.texts)), catalog.teacher_cache(home)
    own_key = key | ({"balanced": "offsets"} if metric in BALANCED else {})
    own_key |= {} if selecting else {"select": training_plan.LAST, "patience": 0}
    # a teacher that an earlier version saved, by its best step or without offsets, is not trained again
    for one in (own_key, key):
        if earlier := saved.read(catalog.KIND, one, lambda entry: load_saved(entry, data, config)):
            yield Note(message("The teacher was fine-tuned before on the same rows with the same knobs; it is used "
                               "again."), about="teacher")  # fmt: skip
            return earlier
    if saved.damaged:
        yield Note(message("The teacher that was fine-tuned before on the same rows was damaged on the disk. It was "
                           "set aside and is fine-tuned anew."), "warning", "teacher")  # fmt: skip
    if device() == "cpu":
        safe_loading.check_memory(weights, base, training_plan.TUNED)
    learner = _with_new_head(folder, settings, weights, data.labels, config, base)
    check(learner.model)
    learner.check_texts(data.train.texts)
    for note in learner.notes:
        yield Note(note, about="teacher")
    scores = yield from _train(learner, data, config, metric, objective, checkpoint, stop, digest(own_key))
    if not selecting:
        yield Note(message(LAST_STEP, n=len(data.valid.texts)), about="teacher")
    facts = {
        "base": base, "task": config.dataset if config.task == "hub" else config.task, "labels": list(data.labels),
        "pair": data.pair, "accuracy": scores["accuracy"], "rows": len(data.train.texts),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"), "metric": metric,
        "score": scores[metric], "file": Path(config.train).name if config.task == "file" and config.train else "",
    }  # fmt: skip

    def save(place: Path) -> None:
        learner.model.save_pretrained(place)
        learner.tokenizer.save_pretrained(place)
        (place / catalog.FACTS).write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")

    entry, _ = saved.memo(catalog.KIND, own_key, save, lambda place: place)
    if checkpoint:
        delete_checkpoints(checkpoint)
    teacher = load_saved(entry, data, config)
    yield Note(message("The fine-tuned teacher is saved for other runs: “{title}” ({name}).", name=teacher.name,
                      title=teacher.title), about="teacher")  # fmt: skip
    teacher.notes = [note for note in teacher.notes if note not in learner.notes]
    return teacher


def load_untuned(config: Config, labels: Sequence[str], name: str | None = None) -> Teacher:
    """Base of the config's teacher, or the model `name`, with a new head for `labels`, as before fine-tuning. Raises
    TeacherError, HubError."""
    base = name or teacher_name(config)
    folder = locate(base, config)
    settings = safe_loading.read_config(folder, base, labels)
    weights = teacher_weights.find_weights(folder, base, config.allow_pickle)
    safe_loading.check_shapes(settings, weights, base)
    return _with_new_head(folder, settings, weights, labels, config, base)


def training_dtype(fast: torch.dtype) -> torch.dtype:
    """Precision of a training, by the fast one in which the teacher can label: bfloat16 has float32's range and needs
    no loss scaling, as float16 would."""
    return fast if fast == torch.bfloat16 else torch.float32


def _with_new_head(
    folder: Path, settings: Any, weights: teacher_weights.Weights, labels: Sequence[str], config: Config, base: str
) -> Teacher:
    torch.manual_seed(config.seed)  # the new head's first weights
    notes: list[Message] = []
    model = safe_loading.build_model(folder, settings, weights, base, new_head=True, notes=notes).to(device())
    return assemble(folder, model, weights, labels, range(len(labels)), config, base, notes)


def _train(
    learner: Teacher,
    data: "Dataset",
    config: Config,
    metric: str,
    objective: Objective,
    checkpoint: Path | None,
    stop: Callable[[], bool],
    content: str,
) -> Generator[Event, None, dict[str, float]]:
    """Fine-tune the teacher; returns the best epoch's scores. The model then has that epoch's weights. `content` is
    what the teacher is saved under: no checkpoint of other rows or labels may get there."""
    model, where = learner.model, device()
    texts, truth = learner.encode(data.train.texts), objective.targets(data.train.labels)
    valid, valid_truth = learner.encode(data.valid.texts), objective.targets(data.valid.labels)
    fast = training_dtype(learner.fast(data.train.texts)[0])

    def loss(index: list[int]) -> Tensor:
        inputs = learner.pad([texts[i] for i in index], where)
        with autocast(where, fast):
            logits = model(**inputs).logits
        return objective.hard_loss(logits.float(), truth[index].to(where))

    def valid_logits() -> Tensor:
        logits = torch.empty(len(valid), len(data.labels))
        for rows in length_batches([len(one["input_ids"]) for one in valid], 64):
            logits[rows] = learner.forward([valid[row] for row in rows], torch.float32)
        return logits

    output = _output_layer(model, len(data.labels))

    def offsets(logits: Tensor) -> NDArray[np.float64]:
        return balancing_offsets(logits.numpy(), data.train.labels, metric, objective)

    def score() -> dict[str, float]:
        logits = valid_logits()
        answers = logits.numpy() + (offsets(logits) if output else 0.0)
        values = objective.metrics(answers, data.valid.labels)
        loss = float(objective.hard_loss(logits, valid_truth))
        constant = float(is_constant(objective.decide(answers), data.valid.labels))
        return {"accuracy": values["accuracy"], metric: values[metric], "loss": loss, loop.CONSTANT: constant}

    passes, per_pass = teacher_passes(config, len(texts)), steps_of_pass(len(texts), config.teacher_batch)
    plan = training_plan.TrainingPlan(
        per_pass * passes, config.teacher_batch, config.teacher_lr, weight_decay=0.01,
        evaluate_every=per_pass * passes_between_evaluations(passes), seed=config.seed,
        select=metric if selects_step(len(valid)) else training_plan.LAST,
        patience=patience_of(config, len(valid)),
    )  # fmt: skip
    rows = training_rows(data.train.labels, metric)
    lengths = [len(texts[row]["input_ids"]) for row in rows]
    ticks = loop.fit(
        model, len(rows), lambda index, step: loss([rows[i] for i in index.tolist()]), score, plan, lengths=lengths,
        checkpoint=checkpoint, content=content, stop=stop,
    )  # fmt: skip
    best = yield from report_training(ticks, plan, "teacher")
    if stop() or not best.step:
        raise Stopped(message("Stopped while the teacher was being fine-tuned."))
    if output:
        with torch.no_grad():
            bias: Any = output.bias
            bias += torch.from_numpy(offsets(valid_logits())).to(bias)
    return best.scores


def _output_layer(model: torch.nn.Module, labels: int) -> torch.nn.Linear | None:
    """The layer of a new head that gives the logits; None where it has no bias."""
    layers = [one for one in model.modules() if isinstance(one, torch.nn.Linear) and one.out_features == labels]
    return layers[-1] if layers and layers[-1].bias is not None else None
