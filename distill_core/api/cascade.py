"""A run's student with its teacher behind it: the student answers what it is sure of, the teacher the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from distill_core.api.session import session
from distill_core.api.teacher_answers import teacher_probabilities, teacher_temperature
from distill_core.errors import UserError
from distill_core.evaluation.deferral import WANTED
from distill_core.evaluation.objective import stored_objective
from distill_core.events import RowName
from distill_core.messages import Message, message
from distill_core.student.runtime import Prediction

if TYPE_CHECKING:
    from distill_core.student.predictor import Predictor
    from distill_core.teacher.model import Teacher


class TeacherPrediction(Prediction):
    """Prediction of the teacher, to which the student handed the text on."""


def answered_by(prediction: Prediction) -> RowName:
    """Row of the comparison whose model gave this answer of a cascade.

    Example:
        >>> core.answered_by(run.student()(["a warm and funny film"])[0])
        'student'
    """
    return "teacher" if isinstance(prediction, TeacherPrediction) else "student"


@dataclass(frozen=True)
class Cascade:
    """Callable from texts to predictions, like a Predictor: the teacher's where the student's probability of its own
    answer is below the `threshold`. `temperature` calibrates the teacher's logits."""

    student: "Predictor"
    teacher: "Teacher"
    threshold: float
    temperature: float

    @property
    def labels(self) -> list[str]:
        """Labels, in the order of the student's."""
        return self.student.labels

    def __call__(self, texts: "Sequence[str | Sequence[str]]") -> list[Prediction]:
        """One prediction a text: the teacher's is a TeacherPrediction. Raises ValueError as the student does."""
        answers = self.student(texts)
        unsure = [place for place, answer in enumerate(answers) if answer.probability < self.threshold]
        asked = [(text,) if isinstance(text, str) else tuple(text) for text in map(texts.__getitem__, unsure)]
        if asked:
            for place, answer in zip(unsure, self.ask_teacher(asked), strict=True):
                answers[place] = answer
        return answers

    def ask_teacher(self, rows: Sequence[tuple[str, ...]]) -> list[TeacherPrediction]:
        """The teacher's prediction of each row of one or two texts, its labels in the student's order."""
        objective = stored_objective(self.student.settings)
        found = teacher_probabilities(self.teacher, rows, objective, self.temperature)
        ordered = [{label: shares[label] for label in self.labels} for shares in found]
        return [TeacherPrediction(objective.answer(shares), shares) for shares in ordered]


def _refusal(known: Mapping[str, float] | None, run: str, agreement: float) -> Message:
    """Why a student with these thresholds can't promise that agreement."""
    if known is None:
        return message(
            "The student of run {run} has no thresholds: an earlier version of Stillroom made it. Start the run again.",
            run=run)  # fmt: skip
    if agreement not in WANTED:
        return message("An agreement of {wanted:g} is not looked for. Give one of these: {shares}.", wanted=agreement,
                      shares=", ".join(f"{share:g}" for share in WANTED))  # fmt: skip
    too_few = message(
        "The student of run {run} can't promise an agreement of {wanted:g} with its teacher: its validation rows were "
        "too few, or the two differ on too many.", run=run, wanted=agreement)  # fmt: skip
    return message("{why} It can promise {known}.", why=too_few, known=", ".join(known)) if known else too_few


def cascade(run: str, agreement: float) -> Cascade:
    """Student of a run that hands on to its teacher what it is not sure of.

    Args:
        run: The run's id.
        agreement: Share of the student's own answers that are to be the teacher's: one of those in the summary's
            "deferral", for which the validation rows were enough.

    Returns:
        A callable from texts (pairs as tuples) to one Prediction each, of the class TeacherPrediction where the
        teacher answered.

    Raises:
        UserError: The run has no student or no such threshold, or its teacher can't be loaded any more.

    Example:
        >>> both = core.cascade(run.id, 0.95)
        Traceback (most recent call last):
        distill_core.errors.UserError: The student of run ... has no thresholds: an earlier version of Stillroom made
        it. Start the run again.
    """
    student = session.predictor(run)
    try:
        threshold = student.threshold(agreement)
    except ValueError:
        raise UserError(_refusal(student.settings.get("defer"), run, agreement)) from None
    record = session.store().run(run)
    teacher = session.load_teacher_of_run(record, same=True)
    if teacher is None:
        raise UserError(message(
            "The teacher of run {run} can't be loaded here any more, or is another by now, so no text can be handed on "
            "to it. Ask the student alone.", run=run))  # fmt: skip
    return Cascade(student, teacher, threshold, teacher_temperature(record.summary))
