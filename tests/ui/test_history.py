"""History and the comparison of runs that others made: examples, hostile names, deleted and back again."""

import json
import os
import re
import sqlite3
import tempfile
from pathlib import Path

import pytest

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before Gradio is imported

import distill_core as core
from distill_core import store as stores
from distill_core.config import Config
from distill_core.events import Compared, Ended
from distill_core.store import Store
from ui import endpoints, frame, history, host
from ui.comparison.closer import apart
from ui.comparison.headline import chances, sentence
from ui.steps import compare, distil

SCORE = {"macro_f1": 0.9, "low": 0.8, "high": 0.95, "parameters": 1000, "latency_ms": 2.0, "texts_per_s": 500.0}
SUMMARY = {
    "scores": {
        "control": {**SCORE, "accuracy": 0.8, "bytes": 4000},
        "student": {**SCORE, "accuracy": 0.9, "bytes": 4000},
        "teacher": {**SCORE, "accuracy": 1.0, "bytes": 80_000, "latency_ms": 30.0},
    },
    "gap_recovered": 0.5, "kept": 0.9, "agreement": 0.9, "rows": {"test": 2000}, "scored_on": "test",
}  # fmt: skip


def finished(store: Store, name: str, **summary: object) -> str:
    run = store.create(Config().model_dump(), name=name)
    store.move(run, ["queued"], "running")
    store.append(run, [Compared(SUMMARY | summary), Ended("finished")])
    return run


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A shipped example."""
    made = Store(tmp_path / "elsewhere")
    run = finished(made, "An example")
    file = sqlite3.connect(tmp_path / "examples")
    with sqlite3.connect(made.path) as source:
        source.backup(file)
    file.close()
    made.close()
    monkeypatch.setattr(stores, "EXAMPLES", str(tmp_path / "examples"))
    return run


def test_a_first_start_shows_the_examples_marked_and_unchangeable(example: str) -> None:
    html, more = history.listed("", "", history.PAGE)
    assert "An example" in html and ">example<" in html and f"?run={example}" in html
    assert "data-act" not in html and not more.visible


def test_an_example_can_be_read_but_not_asked(example: str) -> None:
    about, _, _, answers, *_ = compare.show(example)
    assert "20×" in about and "15×" in about and "90.0" in about and "50" in about
    assert not answers.visible
    assert [button.visible for button in distil.controls(example)] == [True, False, False, True]


def test_a_deleted_run_goes_and_comes_back(home: Path) -> None:
    run = finished(Store(home), "<b>Mine</b>")
    html, _ = history.listed("", "", history.PAGE)
    assert "&lt;b&gt;Mine&lt;/b&gt;" in html and "<b>Mine" not in html
    undo = history.acted(run, "delete")
    assert 'data-act="restore"' in undo and "<b>Mine" not in undo
    assert run not in history.listed("", "", history.PAGE)[0]
    assert history.acted(run, "restore") == ""
    assert run in history.listed("", "", history.PAGE)[0]


def test_what_a_run_changed_is_told_in_words_and_without_paths(home: Path) -> None:
    store = Store(home)
    knobs = {"task": "file", "train": "/secret/my.csv", "fine_tune": True, "epochs": 7, "rules": {"mask": 0.5}}
    store.create(Config.of(**knobs).model_dump(), name="Mine")
    html, _ = history.listed("Mine", "", history.PAGE)
    assert "Fine-tune: yes, Augmentation rules: Mask words 0.5, Epochs: 7" in html
    assert "secret" not in html and "fine_tune" not in html and "Batch" not in html


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list:
    """What the engine was asked, in place of the engine."""
    seen: list = []

    def ask(run: str, text: object) -> dict:
        seen.append(text)
        return {"student": {"yes": 1.0}, "teacher": {"yes": 1.0}, "ms": {"student": 1.0, "teacher": 2.0}}

    monkeypatch.setattr(core, "ask", ask)
    return seen


@pytest.mark.parametrize(("text", "sent"), [(["a"], "one"), (["a", "b"], ("one", "left from a pair"))])
def test_the_second_text_is_sent_only_for_pairs(text: list, sent: object, home: Path, asked: list) -> None:
    store = Store(home)
    run = finished(store, "Mine", labels=["yes"])
    folder = store.folder(run)
    folder.mkdir(parents=True, exist_ok=True)
    row = {"text": text, "label": "yes", "student": [1.0], "teacher": [1.0]}
    (folder / "texts.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    assert "alert" not in compare.ask(run, "one", "left from a pair")
    assert asked == [sent]


def test_a_download_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def export(run: str, folder: Path) -> None:
        folder.mkdir()
        (folder / "predict.py").write_text("", encoding="utf-8")

    monkeypatch.setattr(core, "export", export)
    (tmp_path / "temp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temp"))
    handed = compare.export("abc")
    button, _ = next(handed)
    assert Path(button.value["path"] if isinstance(button.value, dict) else button.value).suffix == ".zip"
    assert list(handed) == [] and list((tmp_path / "temp").glob("stillroom-*")) == []


@pytest.mark.parametrize("act", ["", "rename", "__class__", "stop", "folder"])
def test_only_what_a_button_does_is_done(act: str, home: Path) -> None:
    run = finished(Store(home), "Mine")
    assert history.acted(run, act) == ""
    assert core.run(run).name == "Mine"


def test_search_state_and_more(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "EXAMPLES", "none")
    store = Store(home)
    for number in range(history.PAGE + 2):
        finished(store, f"run number {number}" if number else "Zanzibar")
    html, more = history.listed("", "", history.PAGE)
    assert html.count("<tr") == history.PAGE + 1 and more.visible
    assert history.listed("zanzibar", "", history.PAGE)[0].count("<tr") == 2
    assert "<table" not in history.listed("", "failed", history.PAGE)[0]
    assert history.listed("", "no such state", 10**9)[0].count("<tr") == history.PAGE + 3


def test_a_run_without_a_gap_is_not_praised() -> None:
    assert "did not pay" in sentence(SUMMARY | {"gap_recovered": None})
    assert "did not pay" in sentence(SUMMARY | {"gap_recovered": -0.2})
    control = SUMMARY["scores"] | {"control": {**SUMMARY["scores"]["control"], "accuracy": 1.2}}
    assert "would keep" in sentence(SUMMARY)
    assert "would keep" not in sentence(SUMMARY | {"scores": control, "gap_recovered": None})
    floor = SUMMARY["scores"] | {"floor": {**SUMMARY["scores"]["control"], "accuracy": 0.95}}
    assert "floor" in sentence(SUMMARY | {"scores": floor}) and "floor" not in sentence(SUMMARY)
    few = sentence(SUMMARY | {"rows": {"test": 9}})
    assert "Only 9 rows" in few and "rough" not in sentence(SUMMARY)
    bigger = SUMMARY["scores"] | {"student": SUMMARY["scores"]["student"] | {"bytes": 160_000}}
    assert "smaller" not in sentence(SUMMARY | {"scores": bigger})


def test_chance_is_told_in_words() -> None:
    told = chances({"control": 1e-9, "teacher": 0.014})
    assert "more than chance explains (McNemar p < 0.001)" in told and "So do student and teacher (p = 0.014)" in told
    told = chances({"control": 0.336, "teacher": 0.9})
    assert "could be chance (McNemar p = 0.34)" in told and "more than" not in told
    told = chances({"teacher": 0.001})  # a run without a control
    assert told == "Student and teacher differ more than chance explains (McNemar p = 0.001)."
    assert chances({}) == ""


def test_who_is_right_and_what_is_mistaken_is_told_in_numbers_and_a_hostile_label_stays_text() -> None:
    more = {
        "split": {"both": 1861, "only_student": 31, "only_teacher": 54, "neither": 0},
        "labels": ["<b>no", "yes"],
        "confusion": {"floor": [[9, 9], [9, 9]], "student": [[933, 56], [52, 959]], "teacher": [[940, 49], [0, 0]]},
    }
    html = apart(SUMMARY | more)
    assert "both right <b>1,861</b>" in html and "only the teacher <b>54</b>" in html and "neither <b>0</b>" in html
    assert html.count('class="neither"') == 1  # in the legend; a bar of nothing is not drawn
    student, teacher = html.split("<section>")[1:]
    assert re.findall(r"<b>([\d,]+)</b>", student) == ["933", "56", "52", "959"] and "5\u00a0%" in student
    assert re.findall(r"<b>([\d,]+)</b>", teacher) == ["940", "49", "0", "0"]
    assert "<b>no" not in html and "&lt;b&gt;no" in html
    assert apart(SUMMARY) == ""  # a run from before these were kept


def test_the_pill_names_a_run_that_goes_on_but_not_the_one_shown(home: Path) -> None:
    store = Store(home)
    run = store.create(Config().model_dump())
    assert f"./?run={run}" in frame.top("") and "pill" not in frame.top("", run)
    store.move(run, ["queued"], "running")
    store.append(run, [Ended("finished")])
    assert "pill" not in frame.top("")


def test_on_a_public_host_nobody_lists_others_runs(home: Path, example: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = finished(Store(home), "Mine")
    monkeypatch.setenv("SPACE_ID", "owner/space")
    html, more = history.listed("", "", history.PAGE)
    assert run not in html and example in html and not more.visible
    assert endpoints.runs() == []


def test_on_a_public_host_nobody_names_files_of_the_machine(toy_csv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    knobs = ({"train": str(toy_csv), "task": "file"}, {"vectors_file": "/etc/passwd"}, {"teacher": str(toy_csv.parent)})
    for named in knobs:
        host.check(core.Config.of(**named))
    monkeypatch.setenv("SPACE_ID", "owner/space")
    for named in knobs:
        with pytest.raises(core.UserError, match="public host"):
            host.check(core.Config.of(**named))
    host.check(core.Config.of(**knobs[0]), uploaded=host.FILES)
    host.check(core.Config.of(teacher="builtin"))
