"""Length of a training by the number of rows."""

import pytest

from distill_core.config.schema import Config
from distill_core.config.training_length import (
    passes_between_evaluations,
    student_passes,
    student_steps,
    teacher_evaluations,
    teacher_passes,
)


@pytest.mark.parametrize(("rows", "passes"), [(1, 200), (100, 29), (300, 11), (1_000, 4), (3_000, 3), (67_349, 3)])
def test_few_rows_are_read_more_often(rows: int, passes: int) -> None:
    """16 rows a step: 100 rows are 7 steps, and 29 passes make 203."""
    assert teacher_passes(Config(), rows) == passes
    assert teacher_passes(Config.of(teacher_epochs=2), rows) == 2


@pytest.mark.parametrize(("texts", "steps"), [(64, 600), (640, 600), (6_400, 600), (64_000, 3_000)])
def test_a_student_has_its_steps_however_few_the_texts(texts: int, steps: int) -> None:
    assert student_steps(Config(), texts) == steps == student_passes(Config(), texts) * texts // 64
    assert student_steps(Config.of(epochs=7), texts) == 7 * texts // 64


def test_a_teacher_is_looked_at_twenty_times_at_most() -> None:
    for passes in (1, 3, 20, 21, 40, 41, 200):
        assert passes_between_evaluations(passes) == -(-passes // 20)
        assert teacher_evaluations(passes) <= 20
    assert teacher_evaluations(3) == 3 and teacher_evaluations(21) == 11
