"""Stage control: the student without a teacher, trained on the labelled texts and their own labels.

Needs no soft labels, so it comes before the stage label: its curve starts within seconds.
"""

from dataclasses import dataclass, field

from distill_core.distillation import variants
from distill_core.distillation.student_trainer import StudentData, StudentTrainer, TrainedStudent, scale_progress
from distill_core.distillation.variants import Variant
from distill_core.evaluation import diagnostics
from distill_core.events import Fact, Note
from distill_core.messages import message
from distill_core.pipeline.context import Done, RunContext, Stage, notes
from distill_core.pipeline.stages.data import DataOutput
from distill_core.pipeline.stages.teacher import TeacherOutput
from distill_core.pipeline.stages.transfer import TransferOutput


@dataclass(frozen=True)
class ControlOutput:
    """Trainer of all variants, the variants with the main one first, and the controls by (student, seed). `scores`:
    the run's metric on the validation rows by row: "floor" (the baseline), "teacher" and, where it ran, "control"."""

    trainer: StudentTrainer
    variants: list[Variant]
    controls: dict[tuple[str, int], TrainedStudent]
    scores: dict[str, float] = field(default_factory=dict)

    def control_of(self, variant: Variant) -> TrainedStudent | None:
        """Control to compare a variant with, None where the control run was switched off."""
        return self.controls.get((variant.student, variant.seed))


def run(
    context: RunContext, data: DataOutput, teacher: TeacherOutput, transfer: TransferOutput
) -> Stage[ControlOutput]:
    """Train the controls, one for each student and seed. Raises Stopped, Diverged."""
    planned = variants.plan_variants(context.config)
    read = StudentData(
        data.dataset, transfer.transfer_set, transfer.vocabulary, transfer.vectors, teacher.source,
        transfer.own_vocabulary,
    )  # fmt: skip
    trainer = StudentTrainer(
        context.config, read, data.metric, folder=context.folder, cache=context.cache, device=context.device,
        stop=context.stop, objective=data.objective,
    )  # fmt: skip
    if len(planned) > 1:
        yield Fact("members", [vars(variant) for variant in planned])
    scores = {"floor": data.baseline_score, "teacher": teacher.score}
    if not context.config.control:
        off = message("The control run is switched off, so this run can't show what distilling did.")
        yield Note(off, "warning", "control")
        return Done(ControlOutput(trainer, planned, {}, scores))
    controls: dict[tuple[str, int], TrainedStudent] = {}
    full = [variant for variant in planned if variant.share == 1]  # the shares have the main variant's control
    for turn, variant in enumerate(full):
        trained = yield from scale_progress(trainer.control(variant), turn, len(full))
        controls[variant.student, variant.seed] = trained
        if variant is planned[0]:
            scores["control"] = trained.scores[data.metric]
            yield Fact("validation", dict(scores))
            yield from notes(diagnostics.check_control(scores["control"], teacher.score, data.metric), "control")
    return Done(ControlOutput(trainer, planned, controls, scores), all(one.cached for one in controls.values()))
