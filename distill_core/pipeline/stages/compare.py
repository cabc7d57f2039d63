"""Stage compare: baseline, control, student and teacher on the same test rows.

The only stage that reads the test rows; it reads them once.
"""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from numpy.typing import NDArray

from distill_core.cache import write_atomic
from distill_core.config.schema import MOST_TOKENS
from distill_core.data.labels import case_variants
from distill_core.distillation.student_trainer import TrainedStudent
from distill_core.distillation.variants import Variant
from distill_core.evaluation import aggregation, comparison, diagnostics, latency, next_steps
from distill_core.evaluation.deferral import deferral_report, thresholds
from distill_core.evaluation.doubling import doubling
from distill_core.evaluation.summary import (
    CutTexts,
    Doublings,
    ModelCost,
    ModelSize,
    PredictionScores,
    Score,
    ScoredVariant,
    Summary,
    VariantSummary,
)
from distill_core.events import Compared, Note, Progress
from distill_core.messages import message, message_data
from distill_core.pipeline.context import Done, RunContext, Stage
from distill_core.pipeline.stages.control import ControlOutput
from distill_core.pipeline.stages.data import DataOutput
from distill_core.pipeline.stages.label import LabelOutput
from distill_core.pipeline.stages.student import StudentOutput
from distill_core.pipeline.stages.teacher import TeacherOutput
from distill_core.pipeline.stages.transfer import TransferOutput
from distill_core.student import persistence, runtime
from distill_core.student.familiarity import measure_familiarity
from distill_core.teacher.model import Teacher

Logits = NDArray[Any]  # (texts, labels)
ELSEWHERE = ("bank", "generator", "lexicon", "frame")  # sources whose texts are not made of the person's own
Predict = Callable[[Sequence[tuple[str, ...]]], Logits]
AnyScore = TypeVar("AnyScore", PredictionScores, Score)


@dataclass(frozen=True)
class Inputs:
    """Outputs of all earlier stages."""

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
    soft_labels = (yield from context.label_texts(teacher, test.texts, "compare", stop=lambda: False)).numpy()
    models: dict[str, Predict] = {"floor": data.baseline.logits}
    for name, trained in (("control", control.control_of(main)), ("student", students[main])):
        if trained:
            models[name] = _predict(control, trained, main)
    logits = {name: predict(test.texts) for name, predict in models.items()} | {"teacher": soft_labels}
    valid_logits = {name: predict(valid.texts) for name, predict in models.items()}
    valid_logits["teacher"] = inputs.teacher.valid_logits.numpy()
    models["teacher"] = lambda texts: teacher.logits(texts).numpy()
    if context.device != "cpu":
        elsewhere = message("The teacher was timed on {device}, the other rows on the CPU.", device=context.device)
        yield Note(elsewhere, "warning", "compare")
    scores: dict[str, Score] = {}
    total = len(models) + len(students) - 1
    for name, predict in models.items():
        predictions = _score(context, data, logits[name], valid_logits[name])
        yield Progress("compare", len(scores) + 1, total, "models")
        cost: ModelCost
        if name == "student" and "control" in scores:  # of the same network, hence of the same size and speed
            cost = comparison.cost_of(scores["control"])
        else:
            cost = {**_size(inputs, name), **latency.measure_speed(predict, test.texts)}
        scores[name] = {**predictions, **cost}
    temperature = {name: score.get("temperature", 1.0) for name, score in scores.items()}
    shares = {name: data.objective.probabilities(logits[name], temperature[name]) for name in logits}
    _write_texts(context, data, shares)
    deferral = deferral_report(
        (valid_logits["student"], valid_logits["teacher"]), (logits["student"], logits["teacher"]), test.labels,
        temperature["student"], data.objective,
    )  # fmt: skip
    predictor = control.trainer.predictor(students[main].model, main)
    familiarity = measure_familiarity(predictor, data.dataset.train.texts + data.dataset.unlabelled,
                                      len(data.dataset.train), valid.texts)  # fmt: skip
    persistence.calibrate(control.trainer.place(main), temperature["student"], thresholds(deferral), familiarity)
    data.baseline.save(context.folder / "floor", data.dataset.labels, temperature["floor"])
    if without := control.control_of(main):
        predictor = control.trainer.predictor(without.model, main)
        predictor.settings |= {"row": "control", "temperature": temperature["control"]}
        persistence.save(predictor, context.folder / "control")
    several: VariantSummary = {}
    if len(control.variants) > 1:
        scored: list[ScoredVariant] = []
        for done, variant in enumerate(students):
            scored.append(_score_variant(context, inputs, variant, soft_labels, scores, scored))
            yield Progress("compare", len(scores) + done, total, "models")
        several = aggregation.aggregate(scored, scores["teacher"][data.metric], data.metric)
    summary: Summary = {
        **comparison.compare(scores, logits, test.labels, data.metric, context.config.seed, data.objective),
        **several,  # type: ignore[typeddict-item]  # the verdict follows below: it reads the summary
        "rows": {**data.counts, "transfer": len(inputs.transfer.transfer_set.texts)},
        "scored_on": data.dataset.scored_on,
        "objective": data.objective.name,
        "labels": list(data.dataset.labels),
        "teacher": teacher.name,
        "validation": control.scores,
        "best_step": students[main].step,
        "steps": control.trainer.steps,
        "disagreement": inputs.label.disagreement,
        "deferral": deferral,
        "tests_read": comparison.test_set_uses(
            context.cache, test, data.dataset.labels, context.folder.name, data.objective
        ),
    }
    summary["cut_texts"] = _cut_texts(teacher, test.texts)
    if teacher.title != teacher.name:
        summary["teacher_title"] = str(teacher.title)[:100]
    transfer, agree = inputs.transfer.transfer_set, data.objective.decide(logits["student"])
    agree = data.objective.agree(agree, data.objective.decide(soft_labels))
    learnt = (transfer.texts[place] for place in control.trainer.share(main).tolist())
    if unseen := comparison.unseen_words(test.texts, learnt, agree):
        summary["unseen_words"] = unseen
    summary["class_agreement"] = comparison.class_agreement(test.labels, data.dataset.labels, agree, data.objective)
    counts = Counter(data.objective.label(label, data.dataset.labels) for label in data.dataset.train.labels)
    if not context.config.merge_labels and (variants := case_variants(counts)):
        summary["split_labels"] = list(variants.values())
    source, dropped = transfer.source, transfer.dropped
    left_out = dropped.get("held_out", 0) + dropped.get("shared", 0)
    summary["transfer"] = {"sources": dict(Counter(source)), "left_out": left_out}
    plain = sum(map(source.count, ("labelled", "unlabelled", "bank", "generator")))
    summary["doubling"] = _doublings(context, inputs)
    findings = diagnostics.conclude(summary, plain, data.dataset.pair)
    summary["next_steps"] = next_steps.advise(summary, plain, data.dataset.pair, context.config.fine_tune)
    summary["verdict"] = [(level, str(sentence), message_data(sentence)) for level, sentence in findings]
    yield Compared(dict(summary))
    return Done(None)


def _doublings(context: RunContext, inputs: Inputs) -> Doublings:
    """What twice as many labelled rows bring the baseline, and twice as many texts with the teacher's answers. New
    pairs are left out: they hold sentences of two rows, of which one may be asked about."""
    data, transfer = inputs.data, inputs.transfer.transfer_set
    dataset, objective, seed = data.dataset, data.objective, context.config.seed
    classes, found = len(dataset.labels), Doublings()
    rows, labels = dataset.train.texts + dataset.valid.texts, dataset.train.labels + dataset.valid.labels
    if of_rows := doubling(rows, labels, range(len(rows)), [True] * len(rows), classes, dataset.pair, data.metric,
                           objective, seed):  # fmt: skip
        found["rows"] = of_rows
    answers, labelled = objective.decide(inputs.label.soft_labels.numpy()).tolist(), len(dataset.train)
    read = [
        (text, answer, source, origin + labelled * (source == "unlabelled") if source not in ELSEWHERE else -1)
        for text, answer, source, origin in zip(transfer.texts, answers, transfer.source, transfer.origin, strict=True)
        if source != "paired"
    ]
    texts, given, sources, own = (list(column) for column in zip(*read, strict=True))
    plain = [source in ("labelled", "unlabelled") for source in sources]
    if of_texts := doubling(texts, given, own, plain, classes, dataset.pair, "accuracy", objective, seed):
        found["texts"] = of_texts
    return found


def _cut_texts(teacher: Teacher, texts: Sequence[tuple[str, ...]]) -> CutTexts:
    """The test texts of which the teacher read a part, and how much of them."""
    limit = teacher.max_tokens
    longer = [length for length in teacher.lengths(texts) if length > limit]
    return {
        "rows": len(longer), "of": len(texts), "share": limit * len(longer) / sum(longer) if longer else 1.0,
        "limit": limit, "longest": min(teacher.longest, MOST_TOKENS),
    }  # fmt: skip


def _predict(control: ControlOutput, trained: TrainedStudent, variant: Variant) -> Predict:
    predictor = control.trainer.predictor(trained.model, variant)
    return predictor.logits


def _score(context: RunContext, data: DataOutput, logits: Logits, valid_logits: Logits) -> PredictionScores:
    """Scores of one model by its logits of the test rows and of the validation rows."""
    dataset = data.dataset
    return comparison.score_predictions(
        logits, dataset.test.labels, dataset.labels, (valid_logits, dataset.valid.labels), data.metric,
        context.config.seed, data.objective,
    )  # fmt: skip


def _size(inputs: Inputs, name: str) -> ModelSize:
    """Size of a row of the comparison. Control and student are the main variant's network."""
    if name == "floor":
        return {"parameters": inputs.data.baseline.parameters, "bytes": inputs.data.baseline.bytes}
    if name == "teacher":
        return {"parameters": inputs.teacher.teacher.parameters, "bytes": inputs.teacher.teacher.bytes}
    return _student_size(inputs, inputs.control.variants[0])


def _student_size(inputs: Inputs, variant: Variant) -> ModelSize:
    model = inputs.student.students[variant].model
    file = inputs.control.trainer.place(variant) / runtime.WEIGHTS
    return {"parameters": sum(weight.numel() for weight in model.parameters()), "bytes": file.stat().st_size}


def _score_variant(
    context: RunContext, inputs: Inputs, variant: Variant, soft_labels: Logits, scores: dict[str, Score],
    earlier: list[ScoredVariant],
) -> ScoredVariant:  # fmt: skip
    """Scores of one variant, single figures without tables. The first variant of a kind in `earlier` lends its size
    and speed to the others: their networks are alike."""
    data, control, objective = inputs.data, inputs.control, inputs.data.objective
    test, valid = data.dataset.test, data.dataset.valid
    predict = _predict(control, inputs.student.students[variant], variant)
    logits = predict(test.texts)
    control_score: PredictionScores | None = None
    if variant == control.variants[0]:
        score, control_score = scores["student"], scores.get("control")
    else:
        predictions = _score(context, data, logits, predict(valid.texts))
        alike = next((one["student_score"] for one in earlier if one["student"] == variant.student), None)
        cost: ModelCost = (
            comparison.cost_of(alike)
            if alike
            else {**_student_size(inputs, variant), **latency.measure_speed(predict, test.texts)}
        )
        score = {**predictions, **cost}
        persistence.calibrate(control.trainer.place(variant), score.get("temperature", 1.0))
        if trained := control.control_of(variant):
            predict = _predict(control, trained, variant)
            control_score = _score(context, data, predict(test.texts), predict(valid.texts))
    return {
        "name": variant.name,
        "student": variant.student,
        "seed": variant.seed,
        "share": variant.share,
        "texts": len(control.trainer.share(variant)),
        "agreement": float((objective.decide(logits) == objective.decide(soft_labels)).mean()),
        "control": control_score and _single_figures(control_score),
        "student_score": _single_figures(score),
    }


def _single_figures(score: AnyScore) -> AnyScore:
    """A copy of the score without its tables, which are all NotRequired."""
    return cast(AnyScore, {key: value for key, value in score.items() if not isinstance(value, list)})


def _write_texts(context: RunContext, data: DataOutput, shares: dict[str, NDArray[Any]]) -> None:
    """Write the scored rows with each model's calibrated probabilities, one JSON object a line."""
    labels, test = data.dataset.labels, data.dataset.test
    lines = []
    for i, (text, label) in enumerate(zip(test.texts, test.labels, strict=True)):
        answers = {name: [round(float(p), 4) for p in values[i]] for name, values in shares.items()}
        row = {**test.source_row(i), "text": list(text), "label": data.objective.label(label, labels), **answers}
        lines.append(json.dumps(row, ensure_ascii=False))
    write_atomic(context.folder / "texts.jsonl", "\n".join(lines).encode("utf-8", "replace"))
