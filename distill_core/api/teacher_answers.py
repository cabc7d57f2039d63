"""Answers of a teacher to many texts, and the temperature that calibrates them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from distill_core.api.answers import Probabilities
from distill_core.api.session import session

if TYPE_CHECKING:
    from distill_core.evaluation.objective import Objective
    from distill_core.evaluation.summary import Summary
    from distill_core.teacher.model import Teacher


def teacher_temperature(summary: "Summary | None") -> float:
    """Temperature that calibrates the teacher's logits, 1 where none was fitted."""
    score = (summary.get("scores") or {}).get("teacher") if summary else None
    return (score.get("temperature") if score else None) or 1.0


def teacher_probabilities(
    teacher: "Teacher", texts: Sequence[tuple[str, ...]], objective: "Objective", temperature: float = 1.0
) -> list[Probabilities]:
    """Probabilities of each label by the teacher, a dict for each text; the temperature divides its logits."""
    with session.load_lock:
        logits = teacher.logits(list(texts)).numpy()
    return [
        dict(zip(teacher.labels, row, strict=True)) for row in objective.probabilities(logits, temperature).tolist()
    ]
