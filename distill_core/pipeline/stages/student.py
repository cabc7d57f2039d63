"""Stage student: every variant learns the soft labels, the main one first."""

from dataclasses import dataclass
from functools import partial

from distill_core.config.training_length import first_steps
from distill_core.distillation.student_trainer import TrainedStudent, scale_progress
from distill_core.distillation.variants import Variant
from distill_core.errors import Stopped
from distill_core.events import Fact, Note
from distill_core.messages import message
from distill_core.pipeline.context import Done, RunContext, Stage
from distill_core.pipeline.stages.control import ControlOutput
from distill_core.pipeline.stages.data import DataOutput
from distill_core.pipeline.stages.label import LabelOutput
from distill_core.pipeline.stages.teacher import TeacherOutput
from distill_core.teacher.outputs import teacher_outputs

LAST_STEP = (
    "{n:validation row is|validation rows are} too few to tell one step of the student's training from another, so its "
    "last step is taken."
)


@dataclass(frozen=True)
class StudentOutput:
    """Trained students by variant. After a stop the main one may be half trained, and variants that the stop cut off
    are missing."""

    students: dict[Variant, TrainedStudent]

    @property
    def finished(self) -> int:
        """Number of students trained to their end."""
        return sum(student.complete for student in self.students.values())


def run(
    context: RunContext, data: DataOutput, teacher: TeacherOutput, control: ControlOutput, label: LabelOutput
) -> Stage[StudentOutput]:
    """Train the students. Raises Stopped where a stop left none, Diverged."""
    students: dict[Variant, TrainedStudent] = {}
    planned = control.variants
    ask_teacher, config = partial(teacher_outputs, teacher.teacher), context.config
    if first := first_steps(config, control.trainer.steps):
        two = message("The student's first {n:step|steps} are made with the loss {first}, the others with {loss}.",
                      n=first, first=config.first_loss, loss=config.loss)  # fmt: skip
        yield Note(two, about="student")
    if control.trainer.last_step:
        yield Fact("selection", "last")
        yield Note(message(LAST_STEP, n=len(data.dataset.valid.texts)), about="student")
    for turn, variant in enumerate(planned):
        if students and context.stop():
            break
        training = control.trainer.student(variant, label.soft_labels, teacher.valid_logits, ask_teacher, teacher.head)
        trained = yield from scale_progress(training, turn, len(planned))
        if not students and not trained.step:
            raise Stopped(message("Stopped before there was a student to save."))
        if trained.complete or not students:  # half a training is worth showing for the main variant alone
            students[variant] = trained
        if trained.complete and trained.scores and len(planned) > 1:
            reached = message(
                "{turn} of {all}, {member}: {metric:metric} {reached:.3f} on the validation rows.", turn=turn + 1,
                all=len(planned), member=variant.display_name, metric=data.metric,
                reached=float(trained.scores[data.metric]),
            )  # fmt: skip
            yield Note(reached, about="student")
    return Done(StudentOutput(students), all(student.cached for student in students.values()))
