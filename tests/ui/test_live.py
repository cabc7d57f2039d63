"""What the live view is told: by cursor, whole for a late visitor, and calm whatever it is asked."""

import math
import os
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before Gradio is imported

import distill_core as core
from distill_core.config import Config
from distill_core.events import Compared, Ended, Fact, Note, Point, Progress, StageEnded, StageStarted
from distill_core.store import Store
from ui import live, show


@pytest.fixture
def store(home: Path) -> Store:
    return Store(home)


@pytest.fixture
def run(store: Store) -> str:
    """A run in the middle of its student, with a dense and a sparse curve."""
    run = store.create(Config().model_dump(), owner="")
    store.move(run, ["queued"], "running")
    store.append(
        run, [StageStarted("data"), Note("Read."), StageEnded("data", 1.0), Fact("validation", {"floor": 0.5})]
    )
    store.append(run, [StageStarted("student"), Progress("student", 30, 100, "steps", 7.0)])
    store.append(run, [Point("student/loss", step, 1 / step) for step in range(1, 5001)])
    store.append(run, [Point("student/valid_accuracy", step, step / 10_000) for step in range(100, 5001, 100)])
    return run


def ask(run: str, cursor: Any = None) -> dict[str, Any]:
    return live.look({"run": run, "cursor": cursor})


def test_a_late_visitor_gets_the_whole_curve_thinned_and_every_sparse_point(run: str) -> None:
    answer = ask(run)
    assert answer["reset"] and answer["status"] == "running" and not answer["done"]
    steps, values = answer["series"]["student/loss"]
    assert (
        len(steps) <= live.FIRST_POINTS
        and steps[0] == 1
        and max(values) == 1.0
        and min(values) == pytest.approx(1 / 5000)
    )
    assert len(answer["series"]["student/valid_accuracy"][0]) == 50
    assert answer["lines"] == [{"name": "floor", "value": 0.5, "text": "Floor 50.0\u00a0%"}]
    told = answer["text"].replace("\u00a0", " ")
    assert "30 of 100" in told and "7 s" in told and "50.0 %" in told
    assert [stage["state"] for stage in answer["stages"]] == ["done", "wait", "wait", "wait", "wait", "run", "wait"]


def test_a_run_of_the_old_order_of_stages_reads_well_and_a_resumed_one_begins_again(store: Store) -> None:
    run = store.create(Config().model_dump(), owner="")
    store.move(run, ["queued"], "running")
    old = ("data", "teacher", "transfer", "label", "control")  # as runs were before the control came first
    store.append(run, [said for stage in old for said in (StageStarted(stage), StageEnded(stage, 1.0))])
    assert [stage["state"] for stage in ask(run)["stages"]] == ["done"] * 5 + ["wait"] * 2
    store.append(run, [StageStarted("data")])
    assert [stage["state"] for stage in ask(run)["stages"]] == ["run"] + ["wait"] * 6


def test_the_cursor_brings_only_what_is_new(run: str, store: Store) -> None:
    first = ask(run)
    assert ask(run, first["next"])["series"] == {} and ask(run, first["next"])["log"] == []
    store.append(run, [Point("student/loss", 5001, 0.25), Note("Late.", "warning")])
    answer = ask(run, first["next"])
    assert not answer["reset"]
    assert answer["series"] == {"student/loss": [(5001,), (0.25,)]}
    assert answer["log"] == [("warning", "Late.")]


def test_two_tabs_see_the_same(run: str) -> None:
    assert ask(run) == ask(run)


def test_a_value_that_is_no_number_is_left_out(run: str, store: Store) -> None:
    cursor = ask(run)["next"]
    store.append(run, [Point("student/loss", 5001, math.nan), Point("student/loss", 5002, 0.5)])
    assert ask(run, cursor)["series"] == {"student/loss": [(5002,), (0.5,)]}


def test_a_resumed_run_goes_through_its_stages_again(run: str, store: Store) -> None:
    ask(run)
    store.append(run, [StageStarted("data")])
    assert [stage["state"] for stage in ask(run)["stages"]] == ["run"] + ["wait"] * 6


def test_the_end_is_told_with_its_message(run: str, store: Store) -> None:
    store.append(run, [Compared({"gap_recovered": 0.75}), Ended("failed", "The disk is full.")])
    answer = ask(run)
    assert answer["done"] and answer["status"] == "failed" and "The disk is full." in answer["text"]
    assert "halt" in {stage["state"] for stage in answer["stages"]}


def test_a_resumed_run_took_as_long_as_all_its_sessions(run: str, store: Store) -> None:
    store.append(run, [StageEnded("student", 100.0), Ended("interrupted", "")])
    store.move(run, ["interrupted"], "running")
    store.append(run, [StageEnded("data", 0.1, True), StageEnded("student", 20.0), StageEnded("compare", 2.0)])
    store.append(run, [Compared({"gap_recovered": 0.75}), Ended("finished")])
    took = sum(core.run(run).stages().values())
    assert took > 20 and f"Finished in {show.duration(took)}" in ask(run)["text"]


@pytest.mark.parametrize(
    "question",
    [None, 7, "x", [], {}, {"run": []}, {"run": {"a": 1}}, {"run": "x" * 10_000}, {"run": None}, {"run": "%"}, [[[]]]],
)
def test_any_question_about_no_run_is_answered_with_a_sentence(question: Any, home: Path) -> None:
    assert set(live.look(question)) == {"error"}


@pytest.mark.parametrize("cursor", ["1", [1], [-1, 0], [1.5, 2], [True, 0], [2**70, 0], {}, [None, None], [[0], 0]])
def test_a_malformed_cursor_begins_again(run: str, cursor: Any) -> None:
    assert ask(run, cursor)["reset"]


def test_thinning_keeps_the_extremes_and_the_order() -> None:
    points = [(step, math.sin(step)) for step in range(10_000)]
    points[5_555] = (5_555, 99.0)
    kept = live.thin(points, 200)
    assert len(kept) <= 200 and (5_555, 99.0) in kept and kept == sorted(kept)
    assert live.thin(points[:150], 200) == points[:150]
