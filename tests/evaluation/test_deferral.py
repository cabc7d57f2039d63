"""Deferral: a threshold that keeps its promise, none where so few rows can promise nothing, and what comes of it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import binomtest

from distill_core.evaluation import deferral
from distill_core.evaluation.objective import SINGLE_LABEL
from distill_core.student import model_card


def drawn(rng: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Confidence and agreement of `rows` texts: the surer, the likelier the teacher's answer."""
    sure = rng.uniform(0.4, 1, rows)
    return sure, rng.uniform(size=rows) < 1 - 0.3 * (1 - sure)


@pytest.mark.parametrize(("rows", "wanted"), [(60, 0.9), (300, 0.9), (1000, 0.95)])
def test_the_promise_is_broken_no_more_often_than_it_says(rows: int, wanted: float) -> None:
    rng, broken, found = np.random.default_rng(0), 0, 0
    many, agreeing = drawn(rng, 200_000)
    for _ in range(300):
        threshold = deferral.fit_threshold(*drawn(rng, rows), wanted)
        if threshold is not None:
            found += 1
            broken += agreeing[many >= threshold].mean() < wanted
    assert found > 20, "else nothing was shown"
    assert broken / 300 <= deferral.RISK  # of all runs, not of those that found one: what the test promises


def test_the_lowest_threshold_is_taken_that_keeps_it() -> None:
    sure = np.linspace(0, 1, 1001)
    threshold = deferral.fit_threshold(sure, sure >= 0.4, 0.95)
    assert threshold is not None and 0.36 < threshold < 0.42
    assert deferral.fit_threshold(sure, np.ones(1001, bool), 0.95) == 0.0, "nothing to hand on"
    assert deferral.fit_threshold(sure, np.zeros(1001, bool), 0.5) is None
    assert deferral.fit_threshold(np.array([0.9]), np.array([True]), 0.9) is None
    assert deferral.fit_threshold(np.array([]), np.array([], bool), 0.9) is None
    tied = np.full(400, 0.7)  # a threshold can't part what is alike
    assert deferral.fit_threshold(tied, np.arange(400) < 300, 0.9) is None


def test_the_bound_is_the_exact_one() -> None:
    exact = binomtest(38, 40).proportion_ci(0.9, method="exact").low
    assert deferral._lower_bound(38, 40) == pytest.approx(exact)


@pytest.mark.parametrize("wanted", deferral.WANTED)
def test_a_student_in_float32_answers_what_the_threshold_was_found_on(wanted: float) -> None:
    rng = np.random.default_rng(2)
    student = np.repeat(rng.normal(size=(20, 3)), 30, axis=0)  # the same texts again and again
    shares = SINGLE_LABEL.probabilities(student, 1.3).max(1)
    threshold = deferral.fit_threshold(shares, np.ones(600, bool), wanted)
    runtime = torch.softmax(torch.tensor(student, dtype=torch.float32) / 1.3, 1).max(1).values
    assert threshold is not None and bool((runtime >= threshold).all())


@pytest.mark.parametrize("wanted", deferral.WANTED)
def test_so_many_rows_are_needed_and_no_fewer(wanted: float) -> None:
    needed = deferral.rows_needed(wanted)
    for rows, enough in ((needed, True), (needed - 1, False)):
        assert (deferral.fit_threshold(np.linspace(0, 1, rows), np.ones(rows, bool), wanted) is not None) is enough


def logits(rng: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """The student's and the teacher's logits of rows, and their labels: unsure answers are often wrong."""
    teacher = rng.normal(size=rows) * 4
    student = teacher + rng.normal(size=rows)
    truth = (teacher + rng.normal(size=rows) > 0).astype(int)
    return np.stack([-student, student], 1), np.stack([-teacher, teacher], 1), truth.tolist()


def test_the_report_says_what_comes_of_each_threshold(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    *valid, _ = logits(rng, 140)
    student, teacher, labels = logits(rng, 1000)
    report = deferral.deferral_report((valid[0], valid[1]), (student, teacher), labels, 2.0, SINGLE_LABEL)
    assert report["rows"] == 140 and len(report["curve"]) == deferral.POINTS
    last = report["curve"][-1]
    assert last["answered"] == 1 and last["accuracy"] == pytest.approx((student.argmax(1) == labels).mean())
    assert last["agreement"] == pytest.approx((student.argmax(1) == teacher.argmax(1)).mean())
    assert report["curve"][0]["answered"] == 0.001
    first, second, third = report["levels"]
    assert third["wanted"] == 0.98 and third["at"] is third["threshold"] is None and third["needed"] == 149
    for level in (first, second):
        sure = SINGLE_LABEL.probabilities(student, 2.0).max(1) >= level["threshold"]
        at = level["at"]
        assert at and at["answered"] == pytest.approx(sure.mean()) and at["agreement"] >= level["wanted"] - 0.02
        both = np.where(sure, student.argmax(1), teacher.argmax(1)) == labels
        assert at["accuracy"] == pytest.approx(both.mean())
    assert first["at"] and second["at"] and first["at"]["answered"] > second["at"]["answered"]
    assert deferral.thresholds(report) == {"0.9": first["threshold"], "0.95": second["threshold"]}
    card = model_card._deferral(report)
    assert "- `--defer 0.95`" in card and "- `--defer 0.98`" not in card and "140 validation rows" in card
    assert "predict.py --defer 0.9 " in card, "what the student can promise"
    assert "--defer" not in model_card.render({"summary": {"deferral": report}}, ["a", "b"],
                                              {"student": "bilstm", "row": "control"}, "toy_control")  # fmt: skip
    few = deferral.deferral_report((valid[0][:20], valid[1][:20]), (student, teacher), labels, 2.0, SINGLE_LABEL)
    assert deferral.thresholds(few) == {} and model_card._deferral(few) == "" == model_card._deferral(None)
