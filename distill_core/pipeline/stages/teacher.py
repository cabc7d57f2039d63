"""Stage teacher: load one or fine-tune a base, then label the validation rows."""

import json
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from distill_core.cache import write_atomic
from distill_core.errors import TeacherError
from distill_core.evaluation import diagnostics
from distill_core.events import Fact, Note
from distill_core.pipeline.context import Done, RunContext, Stage, notes
from distill_core.pipeline.stages.data import DataOutput
from distill_core.student import persistence
from distill_core.teacher import catalog, fine_tuning, label_mapping, loading
from distill_core.teacher.model import Teacher

FACTS = ("name", "fingerprint", "parameters", "bytes", "max_tokens")


@dataclass(frozen=True)
class TeacherOutput:
    """Teacher, its logits (validation rows, labels), and its value of the run's metric on those rows. `source`: the
    model that a student which is a network of its own comes from, the teacher unless the config names another."""

    teacher: Teacher
    valid_logits: Tensor
    score: float
    source: Teacher


def run(context: RunContext, data: DataOutput) -> Stage[TeacherOutput]:
    """Load or fine-tune the teacher and warn where it has little to teach. Raises TeacherError, HubError, KnobError,
    Stopped."""
    config, dataset = context.config, data.dataset
    own = fine_tuning.load_untuned(config, dataset.labels, config.student_model) if config.student_model else None
    if own:
        persistence.check_source(config, own.model)

    def check(model: Any) -> None:
        if not own:
            persistence.check_source(config, model)

    if config.fine_tune:
        teacher = yield from fine_tuning.fine_tune(
            config,
            dataset,
            context.folder / "teacher.ckpt",
            context.stop,
            objective=data.objective,
            check=check,
        )
    else:
        teacher = loading.load_teacher(catalog.teacher_name(config), dataset.labels, dataset.pair, config)
    check(teacher.model)
    for note in (*teacher.notes, *(own.notes if own else ())):
        yield Note(note, about="teacher")
    fact = {name: getattr(teacher, name) for name in FACTS}
    write_atomic(context.folder / "teacher.json", json.dumps(fact).encode())
    yield Fact("teacher", fact)
    valid_logits = yield from context.label_texts(teacher, dataset.valid.texts, "teacher")
    score = data.objective.metrics(valid_logits.numpy(), dataset.valid.labels)[data.metric]
    yield Fact("validation", {"floor": data.baseline_score, "teacher": score})
    doubts = label_mapping.check_agreement(valid_logits, dataset.valid.labels, dataset.labels, data.objective)
    if not config.teach_anyway:
        decide = data.objective.decide
        refusal = diagnostics.refuse_teacher(
            decide(valid_logits.numpy()), decide(data.baseline.logits(dataset.valid.texts)), dataset.valid.labels,
            dataset.labels, data.metric, data.objective,
        )  # fmt: skip
        if refusal:
            raise TeacherError(refusal)
    yield from doubts or notes(diagnostics.check_teacher(score, data.baseline_score, data.metric), "teacher")
    return Done(TeacherOutput(teacher, valid_logits, score, own or teacher))
