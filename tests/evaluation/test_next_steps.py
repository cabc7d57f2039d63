"""Next steps: each cause with its action, and none where there is nothing to mend."""

from typing import Any

import pytest

from distill_core.evaluation.next_steps import advise


def summary(floor: float = 0.6, control: float = 0.7, student: float = 0.8, teacher: float = 0.9, **more: Any) -> Any:
    values = {"floor": floor, "control": control, "student": student, "teacher": teacher}
    scores = {row: {"accuracy": value} for row, value in values.items()}
    return {"metric": "accuracy", "rows": {"test": 100}, "scores": scores, "best_step": 500, "steps": 1500, **more}


def actions(of: Any, texts: int = 9000, fine_tuned: bool = True) -> list[str]:
    return [step["action"] for step in advise(of, texts, False, fine_tuned)]


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        ({"student": 0.895}, []),
        ({"best_step": 1450}, ["train_longer"]),
        ({"best_step": 1450, "student": 0.895}, []),  # as good as its teacher: there is nothing left to learn
        ({"student": 0.6}, ["take_floor"]),
        ({"teacher": 0.55, "student": 0.5}, ["take_floor", "train_longer", "other_teacher"]),
        (
            {"labels": ["a", "b"], "confusion": {"student": [[50, 0], [50, 0]]}, "student": 0.5, "best_step": 0},
            ["train_longer", "take_floor"],
        ),
    ],
)
def test_each_cause_has_its_action(changed: Any, wanted: list[str]) -> None:
    assert actions(summary(**changed)) == wanted


def test_few_texts_call_for_more_and_a_foreign_teacher_for_another() -> None:
    assert actions(summary(), texts=300) == ["more_texts"]
    assert actions(summary(teacher=0.55, student=0.7), fine_tuned=False) == ["other_teacher"]
    [step] = advise(summary(), 300, True, True)
    assert step["cause"].startswith("300 pairs are little to learn from.")
    assert step["message"] and step["message"]["with"] == {"n": 300}
