"""Stage teacher: load one or fine-tune a base, then label the validation rows."""

import json
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from distill_core.cache import write_atomic
from distill_core.config.losses import live_needs, used_losses, wants_head
from distill_core.config.schema import Config
from distill_core.distillation import masked_head
from distill_core.errors import TeacherError, UserError
from distill_core.evaluation import diagnostics
from distill_core.events import Event, Fact, Note
from distill_core.messages import message
from distill_core.pipeline.context import Done, RunContext, Stage, notes
from distill_core.pipeline.stages.data import DataOutput
from distill_core.student import persistence
from distill_core.student.masked_pieces import HeadWeights
from distill_core.teacher import catalog, fine_tuning, label_mapping, loading
from distill_core.teacher.model import Teacher
from distill_core.teacher.outputs import check_scores

FACTS = ("name", "fingerprint", "parameters", "bytes", "max_tokens")


@dataclass(frozen=True)
class TeacherOutput:
    """Teacher, its logits (validation rows, labels), and its value of the run's metric on those rows. `source`: the
    model that a student which is a network of its own comes from, the teacher unless the config names another. `head`:
    with which its base guesses masked pieces, where a loss needs it and there is one."""

    teacher: Teacher
    valid_logits: Tensor
    score: float
    source: Teacher
    head: HeadWeights | None = None


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
        if any("attention_scores" in live_needs(loss) for loss in used_losses(config.first_loss, config.loss)):
            check_scores(model)

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
    head = yield from _find_head(config, teacher)
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
    return Done(TeacherOutput(teacher, valid_logits, score, own or teacher, head))


def _find_head(config: Config, teacher: Teacher) -> Generator[Event, None, HeadWeights | None]:
    """The head with which the teacher's base guesses masked pieces, where a loss needs it, and a note on it."""
    if not wants_head(config.first_loss, config.loss):
        return None
    try:
        head = masked_head.find_head(config, teacher)
    except UserError as error:
        yield Note(message(masked_head.LEFT_OUT, reason=error.args[0]), "warning", "teacher")
        return None
    yield Note(message("The student also learns to guess masked words, by the head of {name}.", name=head.source),
               about="teacher")  # fmt: skip
    return head
