"""History and the comparison of runs that others made: examples, hostile names, deleted and back again."""

import json
import os
import re
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before Gradio is imported

import gradio as gr

import distill_core as core
from distill_core.config.schema import Config
from distill_core.events import Compared, Ended, Fact, Point
from distill_core.runs import examples
from distill_core.runs.store import Store
from ui import endpoints
from ui.access import public_host
from ui.comparison.analysis import analysis
from ui.comparison.headline import chances, headline
from ui.components import header
from ui.history import actions, overlay, run_list

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
    store.transition(run, ["queued"], "running")
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
    monkeypatch.setattr(examples, "EXAMPLES", str(tmp_path / "examples"))
    return run


def look(**asked: object) -> dict:
    return run_list.list_runs(asked)


def listed(answer: dict) -> str:
    return "".join(row["html"] + row["more"] for row in answer["rows"])


def test_a_first_start_shows_the_examples_apart_marked_and_unchangeable(example: str) -> None:
    answer = look()
    [shown] = answer["examples"]
    assert answer["rows"] == [] and answer["empty"] and "An example" in shown["html"]
    assert ">example<" in shown["html"] and f"?run={example}" in shown["html"] and f"?from={example}" in shown["more"]
    assert re.findall('data-do="([a-z]+)"', shown["html"] + shown["more"]) == ["more"]


def test_an_example_can_be_read_but_not_asked(example: str, steps: Any) -> None:
    shown = steps.comparison.show(example)
    about, answers = shown[steps.comparison.about], shown[steps.comparison.answers]
    assert "20×" in about and "15×" in about and "90.0" in about and "50" in about
    assert not answers.visible
    assert [button.visible for button in steps.distillation.controls(example).values()] == [True, False, False, True]


def test_a_deleted_run_goes_and_comes_back(home: Path) -> None:
    run = finished(Store(home), "<b>Mine</b>")
    html = listed(look())
    assert "&lt;b&gt;Mine&lt;/b&gt;" in html and "<b>Mine" not in html
    undo = actions.act({"act": "delete", "run": run})
    assert 'data-do="restore"' in undo["html"] and "<b>Mine" not in undo["html"] and not undo["failed"]
    assert look()["rows"] == []
    assert actions.act({"act": "restore", "run": run}) == {"html": "", "failed": False}
    assert [row["id"] for row in look()["rows"]] == [run]


def test_a_run_is_renamed_and_gets_a_note_and_both_are_found_and_stay_text(home: Path) -> None:
    run = finished(Store(home), "Mine")
    name, note = '"><img src=x>', "</textarea><script>\ud800 100 % \\ wider"
    assert not actions.act({"act": "edit", "run": run, "name": name, "note": note})["failed"]
    html = listed(look(q="100 % wider"))
    assert core.run(run).name == name and "<img" not in html and "<script" not in html and "</textarea><s" not in html
    actions.act({"act": "edit", "run": run, "name": ["no text"], "note": None})
    assert core.run(run).name.startswith("reviews") and core.run(run).row.note == ""


def test_what_a_run_changed_is_told_in_words_and_without_paths(home: Path) -> None:
    store = Store(home)
    knobs = {"task": "file", "train": "/secret/my.csv", "fine_tune": True, "epochs": 7, "rules": {"mask": 0.5}}
    store.create(Config.of(**knobs).model_dump(), name="Mine")
    html = listed(look(q="Mine"))
    assert "Fine-tune: yes, Augmentation rules: Mask words 0.5, Epochs: 7" in html
    assert "secret" not in html and "fine_tune" not in html and "Batch" not in html


def test_a_kept_teacher_is_named_by_its_title(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "teacher_title", {"kept:0123": "Support, second try"}.get)
    Store(home).create(Config.of(teacher="kept:0123").model_dump(), name="Mine")
    html = listed(look(q="Mine"))
    assert "Support, second try" in html and "kept:" not in html


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list:
    """What the engine was asked, in place of the engine."""
    seen: list = []

    def ask(run: str, text: object) -> dict:
        seen.append(text)
        return {"student": {"yes": 1.0}, "teacher": {"yes": 1.0}, "ms": {"student": 1.0, "teacher": 2.0},
                "unknown_words": [], "unfamiliar": False}  # fmt: skip

    monkeypatch.setattr(core, "ask", ask)
    met = {"pieces": [["one"], ["left", "over"]], "weights": [[[0.25, 0.75]], [[1.0], [1.0]]]}
    monkeypatch.setattr(core, "alignment", lambda run, text: met if isinstance(text, tuple) else None)
    return seen


@pytest.mark.parametrize(("text", "sent"), [(["a"], "one"), (["a", "b"], ("one", "left from a pair"))])
def test_the_second_text_is_sent_only_for_pairs(text: list, sent: object, home: Path, asked: list, steps: Any) -> None:
    store = Store(home)
    run = finished(store, "Mine", labels=["yes"])
    folder = store.folder(run)
    folder.mkdir(parents=True, exist_ok=True)
    row = {"text": text, "label": "yes", "student": [1.0], "teacher": [1.0]}
    (folder / "texts.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    step = steps.comparison
    answer, meeting = map(step.try_both(run, "one", "left from a pair").get, (step.answer, step.meeting))
    assert "alert" not in answer and asked == [sent]
    assert "unlike anything" not in answer
    assert ("75\xa0%" in meeting) == isinstance(sent, tuple), "the words of a pair meet"


def test_a_download_leaves_nothing_behind(tmp_path: Path, steps: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def export(run: str, folder: Path, row: str) -> None:
        folder.mkdir()
        for name in ("predict.py", "requirements.txt"):
            (folder / name).write_text("", encoding="utf-8")

    monkeypatch.setattr(core, "export", export)
    (tmp_path / "temp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temp"))
    handed = steps.comparison.export("a-b-c")
    button = next(handed)[steps.comparison.handed]
    assert Path(button.value["path"] if isinstance(button.value, dict) else button.value).suffix == ".zip"
    assert list(handed) == [] and list((tmp_path / "temp").glob("stillroom-*")) == []


NONSENSE = [
    None, 7, "x", [], {}, {"act": "rename", "run": 3}, {"act": "__class__"}, {"act": "folder"}, {"act": ["stop"]},
    {"q": {}, "page": "2", "sort": ["a"], "ids": {}, "status": 5, "task": []}, {"page": -3, "sort": "id; DROP"},
    {"page": 10**30, "q": "%_" * 500}, {"runs": "abc"}, {"runs": [[], 1, "../.."]}, {"runs": ["a", "b"]},
]  # fmt: skip


@pytest.mark.parametrize("asked", NONSENSE, ids=repr)
def test_whatever_is_asked_is_answered_and_nothing_is_done(asked: object, home: Path) -> None:
    run = finished(Store(home), "Mine")
    known = asked | {"run": run} if isinstance(asked, dict) and "act" in asked else asked
    assert actions.act(known)["failed"] and overlay.overlay(asked)["error"]
    assert [row["id"] for row in run_list.list_runs(asked)["rows"]] == ([] if "%_" in repr(asked) else [run])
    assert core.run(run).name == "Mine" and core.run(run).status == "finished"


def test_pages_order_state_and_task_are_the_servers(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examples, "EXAMPLES", "none")
    store = Store(home)
    for number in range(run_list.PAGE + 2):
        finished(store, f"run number {number:02}" if number else "Zanzibar", gap_recovered=number / 100 or None)
    store.create(Config.of(task="mrpc").model_dump(), name="waits")
    first, second = look(), look(page=2)
    assert first["total"] == run_list.PAGE + 3 and len(first["rows"]) == run_list.PAGE and len(second["rows"]) == 3
    assert not {row["id"] for row in first["rows"]} & {row["id"] for row in second["rows"]}
    assert second["told"] == "26 to 28 of 28 runs" and 'aria-current="page"' in second["pages"]
    assert look(page=99)["page"] == 2 and first["alive"] and not second["alive"]
    assert [row["name"] for row in look(q="zanzibar")["rows"]] == ["Zanzibar"]
    assert (
        [row["name"] for row in look(task="mrpc")["rows"]]
        == ["waits"]
        == [row["name"] for row in look(status="queued")["rows"]]
    )
    assert look(status="failed")["rows"] == [] and look(status="failed")["empty"]
    names = [row["name"] for row in look(sort="-gap")["rows"]]
    assert names[:2] == ["run number 26", "run number 25"]
    assert look(sort="gap", page=2)["rows"][-1]["name"] in ("waits", "Zanzibar")  # without a gap: last either way
    assert look(sort="name")["rows"][0]["name"] == "run number 01"
    for key, _ in run_list.SORTED:
        assert look(sort=key)["sort"] == key


def test_an_unchanged_list_costs_a_word(home: Path) -> None:
    store = Store(home)
    run = store.create(Config().model_dump())
    mark = look()["mark"]
    assert look(mark=mark) == {"same": True, "alive": True}
    store.transition(run, ["queued"], "running")
    store.append(run, [Ended("failed", "A <b>sentence</b>.")])
    answer = look(mark=mark)
    assert "Failed" in listed(answer) and "A &lt;b&gt;sentence" in listed(answer) and not answer["alive"]


def test_what_can_be_done_follows_the_state(home: Path) -> None:
    store = Store(home)
    run = store.create(Config().model_dump())

    def acts() -> list[str]:
        return re.findall('data-do="([a-z]+)"', look()["rows"][0]["more"])

    assert acts() == ["stop", "delete"]
    assert not actions.act({"act": "stop", "run": run})["failed"]
    assert acts() == ["resume", "take", "delete"]
    other = finished(store, "Mine")
    assert actions.act({"act": "resume", "run": other})["failed"]  # told in a sentence, and no error of the server's
    assert acts() == ["take", "delete"]


def test_runs_lie_over_one_another_with_what_differs_alone(home: Path) -> None:
    store = Store(home)
    two = [store.create(Config.of(**knobs).model_dump(), name=name) for knobs, name in
           (({"epochs": 7, "train": "/secret/a.csv"}, "<i>One</i>"), ({"seed": 3}, "Two"))]  # fmt: skip
    for run in two:
        store.transition(run, ["queued"], "running")
        curve = [Point("student/valid_accuracy", step, step / 10) for step in (1, 5, 9)]
        store.append(run, [*curve, Point("student/loss", 1, 0.5), Compared(SUMMARY), Ended("finished")])
    told = overlay.overlay({"runs": [two[0], two[0], two[1]]})
    assert [run["letter"] for run in told["runs"]] == ["A", "B"]
    assert told["runs"][0]["curves"] == {"accuracy": ([1, 5, 9], [0.1, 0.5, 0.9])}
    scores, differ = told["html"].split("<h3>")[1:]
    labels = re.findall('<th scope="row">([^<]+)', differ)
    assert sorted(labels) == ["Epochs", "Seed"] and "secret" not in told["html"] and "<i>One" not in told["html"]
    assert "90.0\u00a0%" in scores and "at step 9" in scores
    alike = overlay.overlay({"runs": [finished(store, "x"), finished(store, "y")]})
    assert told["metric"] == alike["metric"] == ""
    assert "same settings" in alike["html"] and alike["runs"][0]["curves"] == {}


def test_runs_that_share_a_metric_are_laid_over_one_another_in_it(home: Path) -> None:
    store, made = Store(home), []
    for metric, name in (("f1", "One"), ("f1", "Two"), ("macro_f1", "Other")):
        run = store.create(Config().model_dump(), name=name)
        store.transition(run, ["queued"], "running")
        curve = [Point(f"student/valid_{one}", 4, 0.7) for one in {"accuracy", metric}]
        scores = {who: {**score, metric: 0.66} for who, score in SUMMARY["scores"].items()}
        summary = SUMMARY | {"metric": metric, "scores": scores}
        store.append(run, [Fact("metric", metric), *curve, Compared(summary), Ended("finished")])
        made.append(run)
    same, mixed = (overlay.overlay({"runs": runs}) for runs in (made[:2], made))
    assert same["metric"] == "F1" and [set(run["curves"]) for run in same["runs"]] == [{"accuracy", "metric"}] * 2
    assert same["html"].count("66.0\u00a0%") == 6 and "<small>F1</small>" in same["html"]
    assert mixed["metric"] == "" and "66.0" not in mixed["html"]
    assert all(set(run["curves"]) == {"accuracy"} for run in mixed["runs"])


def test_a_run_goes_out_and_comes_in_marked(home: Path, tmp_path: Path) -> None:
    run = finished(Store(home), "Mine / <b>")
    file = core.export_run(run, tmp_path / "x.zip")
    drop, message = gr.File(), gr.HTML()
    changes = actions.import_run(str(file), drop, message)
    assert "&lt;b&gt;" in changes[message] and changes[drop] is None
    imported = next(row for row in look()["rows"] if row["id"] != run)
    assert ">imported<" in imported["html"] and 'data-do="resume"' not in imported["more"]
    (tmp_path / "y.zip").write_bytes(b"no zip")
    fault = actions.import_run(str(tmp_path / "y.zip"), drop, message)[message]
    assert "error" in fault and "y.zip" in fault and look()["total"] == 2
    assert actions.import_run(None, drop, message) == {drop: None, message: ""}


def test_a_run_without_a_gap_is_not_praised() -> None:
    assert "there was no gap to close" in headline(SUMMARY | {"gap_recovered": None})
    assert "did not pay" in headline(SUMMARY | {"gap_recovered": -0.2})
    control = SUMMARY["scores"] | {"control": {**SUMMARY["scores"]["control"], "accuracy": 1.2}}
    assert "would keep" in headline(SUMMARY)
    assert "would keep" not in headline(SUMMARY | {"scores": control, "gap_recovered": None})
    floor = SUMMARY["scores"] | {"floor": {**SUMMARY["scores"]["control"], "accuracy": 0.95}}
    assert "baseline" in headline(SUMMARY | {"scores": floor}) and "baseline" not in headline(SUMMARY)
    few = headline(SUMMARY | {"rows": {"test": 9}})
    assert "Only 9 rows" in few and "rough" not in headline(SUMMARY)
    bigger = SUMMARY["scores"] | {"student": SUMMARY["scores"]["student"] | {"bytes": 160_000}}
    assert "smaller" not in headline(SUMMARY | {"scores": bigger})


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
    html = analysis(SUMMARY | more)
    assert (
        "both right <b>1,861</b>" in html
        and "only the teacher right <b>54</b>" in html
        and "both wrong <b>0</b>" in html
    )
    assert html.count('class="neither"') == 1  # in the legend; a bar of nothing is not drawn
    student, teacher = html.split("<section>")[1:]
    assert re.findall(r"<b>([\d,]+)</b>", student) == ["933", "56", "52", "959"] and "5\u00a0%" in student
    assert re.findall(r"<b>([\d,]+)</b>", teacher) == ["940", "49", "0", "0"]
    assert "<b>no" not in html and "&lt;b&gt;no" in html
    assert analysis(SUMMARY) == ""  # a run from before these were kept


def test_the_pill_names_a_run_that_goes_on_but_not_the_one_shown(home: Path) -> None:
    store = Store(home)
    run = store.create(Config().model_dump())
    assert f"./?run={run}" in header.top("") and "pill" not in header.top("", run)
    store.transition(run, ["queued"], "running")
    store.append(run, [Ended("finished")])
    assert "pill" not in header.top("")


def test_on_a_public_host_nobody_lists_others_runs(home: Path, example: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run, other = finished(Store(home), "Mine"), finished(Store(home), "Theirs")
    monkeypatch.setenv("SPACE_ID", "owner/space")
    assert look()["rows"] == [] and look()["tasks"] == [] and [row["id"] for row in look()["examples"]] == [example]
    own = look(ids=[run, "nothing", run[:8], "%", 5])
    assert [row["id"] for row in own["rows"]] == [run] and own["total"] == 1 and other not in repr(own)
    assert endpoints.runs() == []


def test_on_a_public_host_nobody_names_files_of_the_machine(toy_csv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    knobs = (
        {"train": str(toy_csv), "task": "file"}, {"vectors_file": "/etc/passwd"}, {"teacher": str(toy_csv.parent)},
        {"bank": ["owner/name", "/etc/passwd"]}, {"generator": str(toy_csv)},
    )  # fmt: skip
    for named in knobs:
        public_host.check_config(core.Config.of(**named))
    monkeypatch.setenv("SPACE_ID", "owner/space")
    for named in knobs:
        with pytest.raises(core.UserError, match="public host"):
            public_host.check_config(core.Config.of(**named))
    public_host.check_config(core.Config.of(**knobs[0]), uploaded=public_host.FILES)
    public_host.check_config(core.Config.of(teacher="builtin"))
    public_host.check_config(core.Config.of(bank="owner/name,owner/other:subset"))
    public_host.check_config(core.Config.of(generator="HuggingFaceTB/SmolLM2-135M"))
    public_host.check_config(core.Config.of(teacher="kept:0123456789ab"))
    for model in ("owner/name", "~nobody-of-this-name/model", 300 * "a"):
        for knob in core.MODELS:
            with pytest.raises(core.UserError, match=f"^{model[:100]} is none of the models that this public host"):
                public_host.check_config(core.Config.of(**{knob: model}))
    monkeypatch.setenv("STILLROOM_MODELS", "owner/*, someone/else")
    public_host.check_config(core.Config.of(generator="owner/name", teacher="someone/else"))
    with pytest.raises(core.UserError, match="google-bert/bert-base-uncased is none of the models"):
        public_host.check_config(core.Config.of(teacher="google-bert/bert-base-uncased"))
    for heavy in ({"bank": "a/b,a/c,a/d,a/e"}, {"bank": "a/b", "bank_lines": 2_000_000}):
        with pytest.raises(core.UserError, match="looks at 1,000,000 texts of 3 text banks at most"):
            public_host.check_config(core.Config.of(**heavy))


def test_on_a_public_host_a_bank_is_never_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The id of a data set may look like a file that lies beside the app; its path is nobody's business."""
    from distill_core.api.runs import with_absolute_paths

    monkeypatch.chdir(tmp_path)
    (tmp_path / "requirements.txt").write_text("one\n")
    config = core.Config.of(bank="requirements.txt")
    assert with_absolute_paths(config)["bank"] == [str(tmp_path / "requirements.txt")]
    monkeypatch.setenv("SPACE_ID", "owner/space")
    assert with_absolute_paths(config)["bank"] == ["requirements.txt"]
