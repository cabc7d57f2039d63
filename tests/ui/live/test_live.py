"""What the live view is told: by cursor, whole for a late visitor, and calm whatever it is asked."""

import math
import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before Gradio is imported

import distill_core as core
from distill_core.config.schema import Config
from distill_core.events import STAGES, Compared, Ended, Fact, Note, Point, Progress, StageEnded, StageStarted
from distill_core.messages import message
from distill_core.runs import recovery
from distill_core.runs.store import Store
from ui.components import formatting
from ui.history import overlay, run_list
from ui.i18n.translate import use_language
from ui.live import run_state, time_left, view


@pytest.fixture
def store(home: Path) -> Store:
    return Store(home)


@pytest.fixture(autouse=True)
def owned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody runs the runs of these tests, and nobody shall sweep them up for it."""
    monkeypatch.setattr(recovery, "is_alive", lambda store, owner: True)
    time_left._answers.clear()


@pytest.fixture
def run(store: Store) -> str:
    """A run in the middle of its student, with a dense and a sparse curve."""
    run = store.create(Config().model_dump(), owner="")
    store.transition(run, ["queued"], "running")
    store.append(
        run, [StageStarted("data"), Note("Read."), StageEnded("data", 1.0), Fact("validation", {"floor": 0.5})]
    )
    store.append(run, [StageStarted("student"), Progress("student", 30, 100, "steps", 7.0)])
    store.append(run, [Point("student/loss", step, 1 / step) for step in range(1, 5001)])
    store.append(run, [Point("student/valid_accuracy", step, step / 10_000) for step in range(100, 5001, 100)])
    return run


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> float:
    """The time at which the page's clocks stand."""
    at = time.time()
    clock = SimpleNamespace(time=lambda: at, monotonic=lambda: at)
    for asker in (view, time_left):
        monkeypatch.setattr(asker, "time", clock)
    return at


def ask(run: str, cursor: Any = None) -> dict[str, Any]:
    return view.poll({"run": run, "cursor": cursor})


def test_a_late_visitor_gets_the_whole_curve_thinned_and_every_sparse_point(run: str) -> None:
    answer = ask(run)
    assert answer["reset"] and answer["status"] == "running" and not answer["done"]
    steps, values = answer["series"]["student/loss"]
    assert (
        len(steps) <= view.FIRST_POINTS
        and steps[0] == 1
        and max(values) == 1.0
        and min(values) == pytest.approx(1 / 5000)
    )
    assert len(answer["series"]["student/valid_accuracy"][0]) == 50
    assert answer["lines"] == [{"name": "floor", "value": 0.5, "text": "Floor 50.0\u00a0%"}]
    assert "30 of 100" in answer["text"] and answer["stages"][5]["text"].replace("\u00a0", " ") == "7 s left"
    assert answer["best"] == {"step": 5000, "value": 0.5, "text": "best student: 50.0\u00a0%"}
    assert [stage["state"] for stage in answer["stages"]] == ["done", "wait", "wait", "wait", "wait", "run", "wait"]


def test_a_run_of_the_old_order_of_stages_reads_well_and_a_resumed_one_begins_again(store: Store) -> None:
    run = store.create(Config().model_dump(), owner="")
    store.transition(run, ["queued"], "running")
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
    assert answer["series"] == {"student/loss": ([5001], [0.25])}
    assert [line[1:] for line in answer["log"]] == [["warning", "Late."]]
    assert abs(answer["log"][0][0] - time.time()) < 60


def test_a_training_that_begins_anew_leaves_nothing_of_its_earlier_try(run: str, store: Store) -> None:
    before = ask(run)
    assert before["best"]["step"] == 5000 and before["series"]["student/loss"][0][-1] == 5000
    store.append(run, [Point("student/loss", 1, 0.9), Point("student/loss", 50, 0.8)])
    store.append(run, [Point("student/valid_accuracy", 50, 0.25)])
    news = ask(run, before["next"])
    assert news["series"] == {"student/loss": ([1, 50], [0.9, 0.8]), "student/valid_accuracy": ([50], [0.25])}
    assert (news["best"]["step"], news["best"]["value"]) == (50, 0.25)
    assert ask(run)["series"] == news["series"], "a late visitor sees the same"
    other = store.create(Config().model_dump())
    laid, _ = overlay.overlay({"runs": [run, other]})["runs"]
    assert laid["curves"]["accuracy"] == ([50], [0.25])
    assert len(core.run(run).points()[0]) == 3, "scripts and exports too"


def test_the_curves_of_an_earlier_try_are_cut_in_the_browser(chromium: Any) -> None:
    source = (Path(view.__file__).parent / "view.js").read_text(encoding="utf-8")
    extend = source[source.index("function extend") : source.index("function take")]
    source = (Path(view.__file__).parent / "chart.js").read_text(encoding="utf-8")
    parts = source[source.index("function parts") : source.index("const members")]
    tab = chromium.new_page()

    def after(*answers: dict[str, Any]) -> dict[str, Any]:
        script = f"(answers) => {{ const chart = {{ series: {{}} }}; {parts} {extend}"
        drawn = tab.evaluate(script + "answers.forEach(extend); return chart.series }", list(answers))
        return {name: list(zip(one["x"], one["y"], strict=True)) for name, one in drawn.items()}

    first = {"student/loss": [[1, 5, 10], [9, 5, 4]], "student/valid_f1": [[4, 8], [0.4, 0.8]]}
    beside = {"student/loss@bag-1": [[1, 10], [3, 2]], "control/loss": [[10], [2]]}
    kept = {"student/loss@bag-1": [(1, 3), (10, 2)], "control/loss": [(10, 2)]}
    goes_on = after(first | beside, {"student/loss": [[15], [3]], "student/valid_f1": [[12], [0.9]]})
    assert goes_on == kept | {
        "student/loss": [(1, 9), (5, 5), (10, 4), (15, 3)], "student/valid_f1": [(4, 0.4), (8, 0.8), (12, 0.9)],
    }  # fmt: skip
    assert after(first | beside, {"student/loss": [[1], [8]]}) == kept | {"student/loss": [(1, 8)]}, "begun anew"
    otherwise = after(first | beside, {"student/loss": [[6], [4]], "student/valid_f1": [[7], [0.5]]})
    assert otherwise == kept | {"student/loss": [(1, 9), (5, 5), (6, 4)], "student/valid_f1": [(4, 0.4), (7, 0.5)]}
    tab.close()


def test_two_tabs_see_the_same(run: str) -> None:
    first, second = ask(run), ask(run)
    assert first | {"seconds": 0} == second | {"seconds": 0}


def test_a_value_that_is_no_number_is_left_out(run: str, store: Store) -> None:
    cursor = ask(run)["next"]
    store.append(run, [Point("student/loss", 5001, math.nan), Point("student/loss", 5002, 0.5)])
    assert ask(run, cursor)["series"] == {"student/loss": ([5002], [0.5])}


def test_where_the_last_step_is_taken_the_star_stands_there(run: str, store: Store) -> None:
    store.append(run, [Fact("selection", "last"), Point("student/valid_accuracy", 5000, 0.9),
                       Point("student/valid_accuracy", 5010, 0.75)])  # fmt: skip
    answer = ask(run)
    assert (answer["best"]["step"], answer["best"]["value"]) == (5010, 0.75)
    assert answer["best"]["text"] == "student at its last step: 75.0\u00a0%"
    assert answer["figures"][0]["more"] == "at step 5,010, the last one"


def test_a_resumed_run_goes_through_its_stages_again(run: str, store: Store) -> None:
    ask(run)
    store.append(run, [StageStarted("data")])
    assert [stage["state"] for stage in ask(run)["stages"]] == ["run"] + ["wait"] * 6


def test_the_end_is_told_with_its_message(run: str, store: Store) -> None:
    store.append(run, [Compared({"gap_recovered": 0.75}), Ended("failed", "The disk is full.")])
    answer = ask(run)
    assert answer["done"] and answer["status"] == "failed" and answer["trouble"]["what"] == "The disk is full."
    assert "Student" in answer["trouble"]["where"] and "Resume" in answer["trouble"]["advice"]
    assert "halt" in {stage["state"] for stage in answer["stages"]}


def test_a_run_that_was_stopped_before_the_comparison_claims_no_student(run: str, store: Store) -> None:
    store.append(run, [Ended("stopped", "Stopped before there was a student to save.")])
    assert ask(run)["text"] == "Stopped before the comparison."
    other = store.create(Config().model_dump())
    store.transition(other, ["queued"], "running")
    store.append(other, [Compared({"scores": {}}), Ended("stopped", "Stopped; the best student so far was kept.")])
    assert ask(other)["text"] == "Stopped. The student so far is kept."


def test_the_end_is_told_in_the_pages_language(run: str, store: Store) -> None:
    said = message("The disk is full, so {id} could not be stored. Free some space and try again.", id="a/b")
    store.append(run, [Ended("failed", said)])
    with use_language("de"):
        assert ask(run)["trouble"]["what"].startswith("Die Platte ist voll, a/b ließ sich nicht speichern.")
        assert "Die Platte ist voll" in run_list.row(core.run(run))["more"]


def test_a_resumed_run_took_as_long_as_all_its_sessions(run: str, store: Store) -> None:
    store.append(run, [StageEnded("student", 100.0), Ended("interrupted", "")])
    store.transition(run, ["interrupted"], "running")
    store.append(run, [StageEnded("data", 0.1, True), StageEnded("student", 20.0), StageEnded("compare", 2.0)])
    store.append(run, [Compared({"gap_recovered": 0.75}), Ended("finished")])
    took = sum(core.run(run).stages().values())
    assert took > 20 and f"Finished in {formatting.duration(took)}" in ask(run)["text"]


@pytest.mark.parametrize(
    "question",
    [None, 7, "x", [], {}, {"run": []}, {"run": {"a": 1}}, {"run": "x" * 10_000}, {"run": None}, {"run": "%"}, [[[]]]],
)
def test_any_question_about_no_run_is_answered_with_a_sentence(question: Any, home: Path) -> None:
    assert set(view.poll(question)) == {"error"}


@pytest.mark.parametrize("cursor", ["1", [1], [-1, 0], [1.5, 2], [True, 0], [2**70, 0], {}, [None, None], [[0], 0]])
def test_a_malformed_cursor_begins_again(run: str, cursor: Any) -> None:
    assert ask(run, cursor)["reset"]


def test_a_page_opened_later_gets_what_came_meanwhile(run: str, store: Store) -> None:
    ask(run)
    store.append(run, [Point("student/loss", 5001, 9.0)])
    few = ask(run)
    assert few["series"]["student/loss"][0][-1] == 5001 and ask(run, few["next"])["series"] == {}
    store.append(run, [Point("student/loss", step, 0.5) for step in range(5002, 9000)])
    steps, values = ask(run)["series"]["student/loss"]
    assert len(steps) <= view.FIRST_POINTS and max(values) == 9.0 and steps == sorted(steps)


def test_the_gap_is_a_number(run: str, store: Store) -> None:
    assert ask(run)["gap"] == "" and ask(run)["figures"][1]["value"] == "–"
    store.append(run, [Fact("validation", {"floor": 0.5, "teacher": 0.958, "control": 0.678})])
    store.append(run, [Point("student/valid_accuracy", 5100, 0.921)])
    told = ask(run)
    assert told["gap"].replace("\u00a0", " ") == (
        "On the validation rows: student 92.1 %, teacher 95.8 %, 3.7 points to go; control 67.8 %."
    )
    assert [figure["value"].replace("\u00a0", " ") for figure in told["figures"][:2]] == ["92.1 %", "3.7 points"]
    store.append(run, [Point("student/valid_accuracy", 5200, 0.96)])
    assert "above" in ask(run)["gap"]


def test_the_gap_is_told_in_the_metric_by_which_the_run_chooses(store: Store) -> None:
    run = store.create(Config().model_dump())
    store.transition(run, ["queued"], "running")
    store.append(run, [Fact("metric", "macro_f1"), Fact("validation", {"teacher": 0.8}), StageStarted("student")])
    store.append(run, [Point("student/valid_macro_f1", 10, 0.7), Point("student/valid_macro_f1@seed 1", 10, 0.79)])
    told = ask(run)
    assert told["metric"] == "macro_f1" and told["best"]["value"] == 0.7 and "macro-F1" in told["figures"][0]["label"]
    assert "student/valid_macro_f1@seed 1" in told["series"]


def test_the_time_left_of_the_whole_run_counts_the_stages_to_come(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = store.create(Config().model_dump())
    store.transition(run, ["queued"], "running")
    for stage in STAGES[: STAGES.index("student")]:
        store.append(run, [StageStarted(stage), StageEnded(stage, 30.0)])
    store.append(run, [StageStarted("student"), Progress("student", 30, 100, "steps", 7.0)])
    assert ask(run)["figures"][2]["value"].replace("\u00a0", " ") == "13 s"  # 7, and the comparison's 6
    third = store.create(Config().model_dump())
    store.transition(third, ["queued"], "running")
    store.append(third, [StageStarted("data"), StageEnded("data", 1.0), StageStarted("teacher")])
    store.append(third, [Progress("teacher", 1, 2, "texts", 5.0)])
    assert ask(third)["figures"][2]["value"] == "–"  # nobody knows the student's time yet
    time_left._answers.clear()
    known = SimpleNamespace(stages=dict.fromkeys(STAGES, 10.0))
    monkeypatch.setattr(core, "estimate", lambda config: known)
    assert ask(third)["figures"][2]["value"].replace("\u00a0", " ") == "55 s"


def test_labelling_is_guessed_from_what_the_teacher_took_for_validation(store: Store) -> None:
    run = store.create(Config().model_dump())
    store.transition(run, ["queued"], "running")
    store.append(run, [StageStarted("teacher")])
    store.append(run, [Progress("teacher", 100, 400, "texts", 3.0)])
    ask(run)
    store.append(run, [StageEnded("teacher", 4.0), Fact("transfer", {"texts": 2000}), StageStarted("control")])
    store.append(run, [Progress("control", 50, 100, "steps", 10.0)])
    assert ask(run)["figures"][2]["value"].replace("\u00a0", " ") == "56 s"  # 10, 2,000 / 100, 20 and 6


def test_who_waits_is_told_for_how_long(store: Store, now: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "YOUNG", -math.inf)  # seconds in which a new run is asked more often
    for _ in range(2):
        run = store.create(Config().model_dump())
        store.transition(run, ["queued"], "running")
        store.transition(run, ["running"], "finished", started=now - 100, ended=now)
    running, first, second = (store.create(Config().model_dump()) for _ in range(3))
    store.transition(running, ["queued"], "running", started=now - 40)
    for run, told in ((first, "next"), (second, "number 2")):
        time_left._answers.clear()
        answer = ask(run)
        assert told in answer["text"] and answer["poll_ms"] > 1000
    assert "2 min 40 s" in answer["text"].replace("\u00a0", " ")


def test_many_tabs_ask_less_often_each(run: str, store: Store, now: float) -> None:
    view._recent_polls.clear()
    store.transition(run, ["running"], "running", started=now)
    first, *_, last = (ask(run)["poll_ms"] for _ in range(90))
    assert first == view.YOUNG_MS and last >= 1000  # at once while one waits for its first point
    view._recent_polls.clear()
    store.transition(run, ["running"], "running", started=now - 100)
    assert ask(run)["poll_ms"] == 500


def test_thinning_keeps_the_extremes_and_the_order() -> None:
    steps = list(range(10_000))
    values = [math.sin(step) for step in steps]
    values[5_555] = 99.0
    kept, seen = run_state.thin(steps, values, 200)
    assert len(kept) <= 200 and seen[kept.index(5_555)] == 99.0 and kept == sorted(kept)
    assert run_state.thin(steps[:150], values[:150], 200) == (steps[:150], values[:150])
