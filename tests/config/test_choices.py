"""What "auto" chooses, and why: the value is the one that a run has, and the reason that of the rule that chose it."""

from typing import Any

import pytest

from distill_core.config.automatic import automatic_values, learning_rate
from distill_core.config.choices import RowCounts, choices
from distill_core.config.schema import Config
from distill_core.config.training_length import student_passes, teacher_passes
from distill_core.config.transfer_size import neighbour_passes

FEW = RowCounts(train=300, unlabelled=0, pair=False, size=60.0, tokens=64, texts=4300, metric="accuracy")


def chosen(rows: RowCounts = FEW, **knobs: Any) -> dict[str, tuple[Any, str]]:
    return {one.knob: (one.value, str(one.reason)) for one in choices(Config.of(**knobs), rows)}


@pytest.mark.parametrize("pair", [False, True])
def test_each_value_is_the_one_that_the_run_has(pair: bool) -> None:
    rows, config = FEW._replace(pair=pair), Config.of(fine_tune=True)
    resolved = config.model_copy(update=automatic_values(config.model_dump(), pair, rows.tokens))
    found = {knob: value for knob, (value, _) in chosen(rows, fine_tune=True).items()}
    assert found == {
        "metric": "accuracy", "teacher_epochs": teacher_passes(resolved, 300), "max_tokens": resolved.max_tokens,
        "neighbours": neighbour_passes(resolved, 300, 0, pair, 60.0), "student": resolved.student,
        "lr": learning_rate(resolved), "epochs": student_passes(resolved, 4300),
    }  # fmt: skip
    assert list(found) == [name for name in Config.model_fields if name in found], "in the order of the form"


def test_what_was_typed_is_no_choice() -> None:
    typed = {"metric": "mcc", "max_tokens": 32, "neighbours": 0, "student": "bag", "lr": 0.1, "epochs": 2}
    assert chosen(**typed) == {}
    assert "epochs" not in chosen(FEW._replace(texts=None)) and "metric" not in chosen(FEW._replace(metric=None))


def test_texts_with_near_words_are_made_or_not_for_a_reason() -> None:
    cases = {
        "short texts lack words": FEW, "hangs on words that both sentences share": FEW._replace(pair=True),
        "in long texts they do harm": FEW._replace(size=900.0),
        "your texts without a label": FEW._replace(unlabelled=400),
        "more than 2,000 labelled rows": FEW._replace(train=5000),
    }  # fmt: skip
    for words, rows in cases.items():
        value, reason = chosen(rows)["neighbours"]
        assert words in reason and bool(value) == (rows is FEW)


def test_the_student_is_chosen_by_rows_loss_or_encoder() -> None:
    assert chosen()["student"] == ("bilstm_max", "single texts")
    assert chosen(FEW._replace(pair=True))["student"][0] == "compare_aggregate"
    value, reason = chosen(loss="distilbert")["student"]
    assert value == "cut" and "the loss distilbert compares layers" in reason
    assert chosen(loss="distilbert")["layers"][0] == "first_last" and chosen(loss="distilbert")["lr"][0] == 2e-4
    own = chosen(student_model="owner/name")
    assert own["student"] == ("cut", "it has an encoder of its own") and own["layers"][0] == "all"


def test_the_metric_is_the_tasks_own_or_follows_the_labels() -> None:
    assert chosen(task="mrpc")["metric"] == ("accuracy", "this task's own")
    values = {"metric": "macro_f1", "task": "file"}
    assert "twice the rows of the rarest" in chosen(FEW._replace(metric="macro_f1"), task="file")["metric"][1]
    assert values["metric"] == chosen(FEW._replace(metric="macro_f1"), task="file")["metric"][0]
