"""Stage compare: baseline, control, student and teacher on the same test rows, which nothing has read before.

The only stage that reads the test rows, and it reads them once.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from distill_core.cache import write_atomic
from distill_core.distillation.student_trainer import TrainedStudent
from distill_core.distillation.variants import Variant
from distill_core.evaluation import aggregation, calibration, comparison, diagnostics, latency
from distill_core.events import Compared, Note, Progress
from distill_core.messages import message, message_data
from distill_core.pipeline.context import Done, RunContext, Stage
from distill_core.pipeline.stages.control import ControlOutput
from distill_core.pipeline.stages.data import DataOutput
from distill_core.pipeline.stages.label import LabelOutput
from distill_core.pipeline.stages.student import StudentOutput
from distill_core.pipeline.stages.teacher import TeacherOutput
from distill_core.pipeline.stages.transfer import TransferOutput
from distill_core.student import persistence

Predict = Callable[[Sequence[tuple[str, ...]]], np.ndarray]  # texts to logits (texts, labels)
VARIANT_FIELDS = ("name", "student", "seed", "share")


@dataclass(frozen=True)
class Inputs:
    """The outputs of all earlier stages."""

    data: DataOutput
    teacher: TeacherOutput
    transfer: TransferOutput
    control: ControlOutput
    label: LabelOutput
    student: StudentOutput


def run(context: RunContext, inputs: Inputs) -> Stage[None]:
    """Score every row of the comparison and yield it whole as a Compared."""
    data, control, students = inputs.data, inputs.control, inputs.student.students
    test, valid, main = data.dataset.test, data.dataset.valid, inputs.control.variants[0]
    teacher = inputs.teacher.teacher
    soft = (yield from context.label_texts(teacher, test.texts, "compare", stop=lambda: False)).numpy()
    models: dict[str, Predict] = {"floor": data.baseline.logits}
    for name, trained in (("control", control.control_of(main)), ("student", students[main])):
        if trained:
            models[name] = _predict(control, trained, main)
    logits = {name: predict(test.texts) for name, predict in models.items()} | {"teacher": soft}
    valid_logits = {name: predict(valid.texts) for name, predict in models.items()}
    valid_logits["teacher"] = inputs.teacher.valid_logits.numpy()
    models["teacher"] = lambda texts: teacher.logits(texts).numpy()
    if context.device != "cpu":
        elsewhere = message("The teacher was timed on {device}, the other rows on the CPU.", device=context.device)
        yield Note(elsewhere, "warning", "compare")
    scores: dict[str, dict[str, Any]] = {}
    total = len(models) + len(students) - 1
    for name, predict in models.items():
        scores[name] = _score(context, data, logits[name], valid_logits[name])
        yield Progress("compare", len(scores), total, "models")
        if name == "student" and "control" in scores:  # the same network: the same size and speed
            cost = {part: scores["control"][part] for part in comparison.COST_KEYS}
        else:
            cost = {**_size(inputs, name), **latency.measure_speed(predict, test.texts)}
        scores[name].update(cost)
    temperature = {name: score["temperature"] for name, score in scores.items()}
    shares = {name: calibration.probabilities(logits[name], temperature[name]) for name in logits}
    _write_texts(context, data, shares)
    persistence.calibrate(control.trainer.place(main), temperature["student"])
    several: dict[str, Any] = {}
    if len(control.variants) > 1:
        compared: list[dict[str, Any]] = []
        for done, variant in enumerate(students):
            compared.append(_variant_row(context, inputs, variant, soft, scores, compared))
            yield Progress("compare", len(scores) + done, total, "models")
        several = aggregation.aggregate(compared, scores["teacher"][data.metric], data.metric)
    summary = {
        **comparison.compare(scores, logits, test.labels, data.metric, context.config.seed),
        **several,
        "rows": {**data.counts, "transfer": len(inputs.transfer.transfer_set.texts)},
        "scored_on": data.dataset.scored_on,
        "labels": list(data.dataset.labels),
        "teacher": teacher.name,
        "validation": control.scores,
        "best_step": students[main].step,
        "steps": control.trainer.steps,
        "disagreement": inputs.label.disagreement,
        "tests_read": comparison.test_set_uses(context.cache, test, data.dataset.labels, context.folder.name),
    }
    source = inputs.transfer.transfer_set.source
    findings = diagnostics.conclude(summary, len(source) - source.count("augmented"), data.dataset.pair)
    verdict = [[level, str(sentence), message_data(sentence)] for level, sentence in findings]
    yield Compared(summary | {"verdict": verdict})
    return Done(None)


def _predict(control: ControlOutput, trained: TrainedStudent, variant: Variant) -> Predict:
    predictor = control.trainer.predictor(trained.model, variant)
    return lambda texts: predictor.logits(texts).numpy()


def _score(context: RunContext, data: DataOutput, logits: np.ndarray, valid_logits: np.ndarray) -> dict[str, Any]:
    """What these logits of the test rows and of the validation rows say of a model."""
    dataset = data.dataset
    return comparison.score_predictions(
        logits, dataset.test.labels, dataset.labels, (valid_logits, dataset.valid.labels), data.metric,
        context.config.seed,
    )  # fmt: skip


def _size(inputs: Inputs, name: str) -> dict[str, int]:
    """Weights and bytes of a row of the comparison. Control and student are the main variant's network."""
    if name == "floor":
        return {"parameters": inputs.data.baseline.parameters, "bytes": inputs.data.baseline.bytes}
    if name == "teacher":
        return {"parameters": inputs.teacher.teacher.parameters, "bytes": inputs.teacher.teacher.bytes}
    return _student_size(inputs, inputs.control.variants[0])


def _student_size(inputs: Inputs, variant: Variant) -> dict[str, int]:
    model = inputs.student.students[variant].model
    file = inputs.control.trainer.place(variant) / persistence.WEIGHTS
    return {"parameters": sum(weight.numel() for weight in model.parameters()), "bytes": file.stat().st_size}


def _variant_row(
    context: RunContext, inputs: Inputs, variant: Variant, teacher: np.ndarray, scores: dict[str, dict[str, Any]],
    before: list[dict[str, Any]],
) -> dict[str, Any]:  # fmt: skip
    """A variant as the summary has it: single figures, without tables. The networks of one kind are as large and as
    fast as the first of them, which stands in `before`."""
    data, control = inputs.data, inputs.control
    test, valid = data.dataset.test, data.dataset.valid
    predict = _predict(control, inputs.student.students[variant], variant)
    logits = predict(test.texts)
    row: dict[str, Any] = {name: getattr(variant, name) for name in VARIANT_FIELDS} | {
        "texts": len(control.trainer.share(variant)),
        "agreement": float((logits.argmax(1) == teacher.argmax(1)).mean()),
        "control": None,
    }
    if variant == control.variants[0]:
        row["student_score"], row["control"] = scores["student"], scores.get("control")
    else:
        row["student_score"] = _score(context, data, logits, predict(valid.texts))
        like = next((one["student_score"] for one in before if one["student"] == variant.student), None)
        cost = like or {**_student_size(inputs, variant), **latency.measure_speed(predict, test.texts)}
        row["student_score"] |= {part: cost[part] for part in comparison.COST_KEYS}
        persistence.calibrate(control.trainer.place(variant), row["student_score"]["temperature"])
        if trained := control.control_of(variant):
            predict = _predict(control, trained, variant)
            row["control"] = _score(context, data, predict(test.texts), predict(valid.texts))
    for score in ("student_score", "control"):
        row[score] = row[score] and {key: value for key, value in row[score].items() if _is_single(value)}
    return row


def _is_single(value: Any) -> bool:
    return value is None or isinstance(value, int | float | str)


def _write_texts(context: RunContext, data: DataOutput, shares: dict[str, np.ndarray]) -> None:
    """The scored rows with everyone's calibrated probabilities, one JSON object a line."""
    labels, test = data.dataset.labels, data.dataset.test
    lines = []
    for i, (text, label) in enumerate(zip(test.texts, test.labels, strict=True)):
        answers = {name: [round(float(p), 4) for p in values[i]] for name, values in shares.items()}
        lines.append(json.dumps({"text": list(text), "label": labels[label], **answers}, ensure_ascii=False))
    write_atomic(context.folder / "texts.jsonl", "\n".join(lines).encode("utf-8", "replace"))
