"""What earlier commits left on people's disks still opens, goes on, predicts and compares as it did.

Each folder of tests/fixtures was written by the commit that it is called after (scripts/make_fixtures.py); its
expected.json is what that commit said of it. Figures that another processor's arithmetic may move are compared with a
tolerance, everything else to the letter.
"""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import distill_core as core
from distill_core import Note, Point, StageEnded
from scripts.make_fixtures import HOME, shown

FOLDERS = sorted(folder for folder in (Path(__file__).parent / "fixtures").iterdir() if folder.is_dir())
NEAR = 0.02  # of a probability: a processor with bfloat16 gives the teacher's logits another last digit


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def fixture(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture(autouse=True)
def expected(fixture: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What the commit said; its home stands where STILLROOM_HOME points."""
    monkeypatch.setenv("STILLROOM_DEVICE", "cpu")
    shutil.rmtree(home)
    shutil.copytree(fixture / "home", home)
    for file in (*home.rglob("*.json"), *home.rglob("*.jsonl")):
        text = file.read_text(encoding="utf-8")
        if HOME in text:
            file.write_text(text.replace(HOME, str(home)), encoding="utf-8")
    store = sqlite3.connect(home / "runs.db")
    store.execute("UPDATE runs SET config = replace(config, ?, ?)", (HOME, str(home)))
    store.execute("UPDATE events SET body = replace(body, ?, ?)", (HOME, str(home)))
    store.commit()
    store.close()
    yield json.loads((fixture / "expected.json").read_text(encoding="utf-8").replace(HOME, str(home)))
    core.close()


def near(found: list[dict[str, float]], wanted: list[dict[str, float]], by: float = NEAR) -> None:
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        assert one == pytest.approx(other, abs=by)


@pytest.mark.parametrize("name", ["finished", "single", "stopped"])
def test_a_stored_run_says_what_it_said_and_its_student_answers_as_before(name: str, expected: dict[str, Any]) -> None:
    then = expected["runs"][name]
    run = core.run(then["id"])
    report = shown(run.report())
    assert {key: report[key] for key in then["report"]} == then["report"]  # a report may gain keys and loses none
    assert (len(run.points()[0]), len(list(run.texts())), run.row.message) == (
        then["points"], then["texts"], then["message"])  # fmt: skip
    assert [event.kind for _, event in run.events()] == then["kinds"]
    near([core.ask(run.id, text)["student"] for text in expected["asked"]], then["student"], 1e-5)
    assert run.config.train and Path(run.config.train).is_file()


def test_a_stopped_run_goes_on_where_it_was_and_ends_as_it_would_have(expected: dict[str, Any]) -> None:
    run = core.run(expected["runs"]["stopped"]["id"])
    before = run.points()[0]
    reached = max(step for series, step, _ in before if series == "student/loss")
    assert run.resume().wait(240) == "finished", run.row.message
    # The store drops a point that comes twice, the journal in the run's folder does not.
    journal = [json.loads(line) for line in (run.folder / "curve.jsonl").read_text("utf-8").splitlines()]
    steps = [step for series, step, _ in journal if series == "student/loss"]
    assert steps == sorted(set(steps)) and max(steps) > reached, "it began anew"
    then = expected["resumed"]
    assert len(run.points()[0]) == then["points"]
    near([core.ask(run.id, text)["student"] for text in expected["asked"]], then["student"], 0.1)
    scores, wanted = run.report()["scores"], then["report"]["scores"]
    assert list(scores) == list(wanted)
    for row, score in wanted.items():
        assert scores[row]["accuracy"] == pytest.approx(score["accuracy"], abs=0.34)  # one test row of four
        assert scores[row]["parameters"] == score["parameters"] or row == "floor"


def test_a_saved_teacher_is_found_answers_as_before_and_is_not_trained_again(expected: dict[str, Any]) -> None:
    then = expected["teacher"]
    assert [one.name for one in core.teachers() if one.kind == "kept"] == [then["name"]]
    single = expected["runs"]["single"]["id"]
    near([core.ask(single, text)["teacher"] for text in expected["asked"]], then["answers"])
    config = core.run(expected["runs"]["finished"]["id"]).config
    run = core.start(config, n_iter=0, students=[], seeds=1, learning_curve=[], control=False)
    assert run.wait(240) == "finished", run.row.message
    notes = [event.text for _, event in run.events() if isinstance(event, Note)]
    assert any("was fine-tuned before" in note for note in notes)
    assert not any(isinstance(event, Point) and event.series == "teacher/loss" for event in run.follow())


def test_what_a_run_left_in_the_cache_is_used_again(expected: dict[str, Any]) -> None:
    """Where torch and the processor are those of the fixture, nothing at all is computed twice."""
    then = core.run(expected["runs"]["single"]["id"])
    run = core.start(then.config)
    assert run.wait(240) == "finished", run.row.message
    ended = {event.stage: event.cached for _, event in run.events() if isinstance(event, StageEnded)}
    before, after = then.report()["scores"], run.report()["scores"]
    if before["teacher"]["ece"] == after["teacher"]["ece"]:  # the same arithmetic
        import torch

        assert ended["control"] or torch.__version__ != "2.13.0+cpu"
        assert {row: score["accuracy"] for row, score in before.items()} == {
            row: score["accuracy"] for row, score in after.items()
        }


def test_a_run_that_travels_as_a_file_opens(fixture: Path, expected: dict[str, Any]) -> None:
    then = expected["runs"]["finished"]
    run = core.import_run(fixture / "packed.zip")
    assert run.row.origin == "imported" and run.id != then["id"], "its id is taken here, by the run itself"
    report = shown(run.report())
    for key, value in then["report"].items():
        assert key == "run" or report[key] == value, key
    assert len(run.points()[0]) == then["points"] and len(list(run.texts())) == then["texts"]
    near([core.ask(run.id, text)["student"] for text in expected["asked"]], then["student"], 1e-5)


def test_an_exported_student_predicts_by_itself_and_opens_here(fixture: Path, expected: dict[str, Any]) -> None:
    then, folder = expected["runs"]["single"], fixture / "exported"
    command = [sys.executable, "-I", str(folder / "predict.py"), *expected["asked"]]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    near([json.loads(line)["probabilities"] for line in done.stdout.splitlines()], then["student"], 1e-5)
    from distill_core.student import persistence

    near([one.probabilities for one in persistence.load(folder)(expected["asked"])], then["student"], 1e-5)


def test_a_run_from_before_baselines_were_stored_has_none_to_export(expected: dict[str, Any], tmp_path: Path) -> None:
    run = core.run(expected["runs"]["single"]["id"])
    assert not run.has_model("floor") and (run.folder / "floor").exists() is False
    with pytest.raises(core.UserError, match="lacks its simple baseline .* earlier version") as told:
        core.export(run.id, tmp_path / "floor", "floor")
    assert not (tmp_path / "floor").exists() and "Start it again" in str(told.value)
    with pytest.raises(core.UserError, match="lacks its simple baseline"):
        core.predictor(run.id, "floor")


def test_what_a_newer_export_writes_can_be_read_by_an_older_reader(expected: dict[str, Any], tmp_path: Path) -> None:
    """The files and settings of an exported student, and its weights' names: whoever took one home has code that
    reads them."""
    from safetensors import safe_open

    folder = core.export(expected["runs"]["single"]["id"], tmp_path / "student")
    old = next(one for one in FOLDERS) / "exported"
    assert {file.name for file in old.iterdir()} <= {file.name for file in folder.iterdir()}
    settings = [json.loads((place / "student.json").read_text(encoding="utf-8")) for place in (old, folder)]
    assert settings[0].items() <= settings[1].items()
    keys = [set(safe_open(place / "model.safetensors", framework="np").keys()) for place in (old, folder)]
    assert keys[0] == keys[1]


def test_an_older_student_reads_the_beginning_of_a_long_text_where_it_is_and_exported(
    fixture: Path, expected: dict[str, Any], tmp_path: Path
) -> None:
    run = core.run(expected["runs"]["single"]["id"])
    assert run.config.max_tokens == 16 and run.config.cut == "head"
    words = " ".join(expected["asked"]).replace("[MASK]", "").split() * 20
    long, other = " ".join(words[:100]), " ".join([*words[:60], *words[3:30]])  # as far as it reads, they are the same
    student = run.student()
    (ids,) = student.vocabulary.ids([long], 1000)
    assert len(ids) >= 100 and student.vocabulary.ids([long], *student.limit) == [ids[:16]]
    for folder in (fixture / "exported", core.export(run.id, tmp_path / "again")):
        code = [sys.executable, "-I", str(folder / "predict.py"), long, other]
        done = subprocess.run(code, capture_output=True, encoding="utf-8", timeout=60, check=True)
        one, two = (json.loads(line)["probabilities"] for line in done.stdout.splitlines())
        assert one == pytest.approx(two, abs=1e-6)
    assert one == pytest.approx(core.ask(run.id, long)["student"], abs=1e-5)
