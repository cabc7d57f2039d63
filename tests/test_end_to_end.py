"""The whole way with the real pipeline: through a worker process and through the command line, on a toy task."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from safetensors.torch import load_file, save_file

import distill_core
from distill_core.api import runs
from distill_core.api.session import session
from distill_core.cli import run_command
from distill_core.config.schema import Config
from distill_core.errors import UserError
from distill_core.events import Note, Point
from distill_core.serving.models import find_models
from distill_core.serving.server import make_app
from distill_core.student import persistence

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    session.close()


@pytest.fixture
def config(toy_config: Config, tiny_teacher: Path) -> Config:
    return Config.of(**toy_config.model_dump() | {"teacher": str(tiny_teacher), "vectors": "random", "seed": 3})


def weights(run: runs.Run) -> str:
    return hashlib.sha256((run.folder / "student" / "model.safetensors").read_bytes()).hexdigest()


def test_the_teacher_answers_what_the_student_is_not_sure_of(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STILLROOM_WORKER", "thread")
    teacher = shutil.copytree(str(config.teacher), tmp_path / "teacher")
    run = distill_core.start(config, teacher=str(teacher))
    assert run.wait() == "finished" and run.summary
    assert [level["threshold"] for level in run.summary["deferral"]["levels"]] == [None] * 3
    with pytest.raises(UserError, match="can't promise an agreement of 0.95"):
        distill_core.cascade(run.id, 0.95)
    texts = ["a warm and funny film", "rude staff", "the soup was cold"]
    alone = run.student()(texts)
    middle = sorted(answer.probability for answer in alone)[1]
    persistence.calibrate(run.folder / "student", run.summary["scores"]["student"]["temperature"], {"0.9": middle})
    answers = distill_core.cascade(run.id, 0.9)(texts)
    handed = [isinstance(answer, distill_core.TeacherPrediction) for answer in answers]
    assert handed == [answer.probability < middle for answer in alone] and sum(handed) == 1
    place = handed.index(True)
    assert answers[place].probabilities == pytest.approx(distill_core.ask(run.id, texts[place])["teacher"], abs=1e-5)
    assert answers[place - 1] == alone[place - 1]
    with TestClient(make_app(find_models([run.id], defer=0.9)), base_url="http://localhost") as client:
        served = client.post("/predict", json={"texts": texts}).json()["predictions"]
    assert [one["answered_by"] == "teacher" for one in served] == handed == [one["deferred"] for one in served]
    for one, answer in zip(served, answers, strict=True):
        assert one["probabilities"] == pytest.approx(answer.probabilities, abs=1e-5)
    with pytest.raises(UserError, match=r"too many. It can promise 0.9\."):
        distill_core.cascade(run.id, 0.95)
    with pytest.raises(UserError, match=r"agreement of 95 is not looked for. Give one of these: 0.9, 0.95, 0.98"):
        distill_core.cascade(run.id, 95)
    file = tmp_path / "texts.csv"
    file.write_text("id,text\n" + "".join(f"{n},{text}\n" for n, text in enumerate(texts)) + "3,\n")
    assert distill_core.save_predictions(run.id, file, tmp_path / "out.csv", defer=0.9) == 4
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert lines[0] == "id,text,label,p bad,p good,answered by,note" and lines[4].endswith(",no text")
    assert [line.split(",")[5] for line in lines[1:4]] == ["teacher" if one else "student" for one in handed]
    out = distill_core.export(run.id, tmp_path / "exported")
    call = [sys.executable, str(out / "predict.py"), *texts, "--defer", "0.9"]
    done = subprocess.run(call, capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": ""})
    assert [json.loads(line)["deferred"] for line in done.stdout.splitlines()] == handed, done.stderr
    done = subprocess.run([sys.executable, out / "predict.py", "--defer", "0.95", "a"], capture_output=True, text=True)
    assert "no threshold for 0.95. It has one for: 0.9." in done.stderr
    of_student = run.folder / "student" / "student.json"
    settings = json.loads(of_student.read_text())
    of_student.write_text(json.dumps({key: value for key, value in settings.items() if key not in ("defer", "sha256")}))
    with pytest.raises(UserError, match="has no thresholds: an earlier version"):
        distill_core.cascade(run.id, 0.9)
    of_student.write_text(json.dumps(settings))
    weights = teacher / "model.safetensors"
    values = load_file(weights)
    save_file({name: value + 0.001 for name, value in values.items()}, weights)
    session.close()
    with pytest.raises(UserError, match="or is another by now"):
        distill_core.cascade(run.id, 0.9)
    assert distill_core.ask(run.id, texts[0])["teacher"], "as good as any to look at"
    shutil.rmtree(teacher)
    session.close()
    with pytest.raises(UserError, match="teacher of run .* can't be loaded"):
        distill_core.cascade(run.id, 0.9)


@pytest.mark.parametrize("kind", ["process", "thread"])
def test_a_run_through_a_worker_and_its_student_in_python(
    config: Config, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STILLROOM_WORKER", kind)
    run = distill_core.start(config)
    said = list(run.follow())
    assert run.status == "finished", run.row.message
    assert {"control/loss", "student/loss"} <= {event.series for event in said if isinstance(event, Point)}
    report = run.report()
    assert list(report["stages"]) == list(distill_core.STAGES)
    assert list(report["scores"]) == ["floor", "control", "student", "teacher"] and report["scored_on"]
    assert all(value is not None for score in report["scores"].values() for value in score.values())
    assert report["rows"]["train"] and report["rows"]["transfer"] >= report["rows"]["train"]
    json.dumps(report, allow_nan=False)
    student = run.student()
    [prediction] = student(["a warm and funny film"])
    assert sum(prediction.probabilities.values()) == pytest.approx(1) and prediction.label in ("bad", "good")
    asked = distill_core.ask(run.id, "a warm and funny film")
    assert asked["student"] == pytest.approx(prediction.probabilities)
    assert set(asked["teacher"]) == {"bad", "good"} and set(asked["ms"]) == {"student", "teacher"}
    assert asked["unknown_words"] == [] and distill_core.ask(run.id, "An Ocelot!")["unknown_words"] == ["Ocelot"]


@pytest.mark.skipif(sys.platform == "win32", reason="the worker is killed by signal")
def test_a_killed_run_ends_as_if_it_had_not_been(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Config.of(**config.model_dump() | {"epochs": 100, "evaluations": 100})
    run, killed = runs.start(config), 0
    for stage in ("control", "student"):
        end = time.monotonic() + 60
        while not any(series == f"{stage}/loss" for series, _, _ in run.points()[0]):
            assert time.monotonic() < end and run.status in ("queued", "running")
            time.sleep(0.01)
        worker = session.queue()._workers.get(run.id)
        if worker is not None and run.status == "running":
            os.kill(worker.pid, signal.SIGKILL)
            killed += 1
    assert run.wait(120) == "finished", run.row.message
    told = " ".join(event.text for _, event in run.events() if isinstance(event, Note))
    assert killed and "SIGKILL" in told and "Resumed." in told
    ended, points = weights(run), sorted(run.points()[0])

    monkeypatch.setenv("STILLROOM_HOME", str(tmp_path / "other"))  # where no cache knows anything
    undisturbed = runs.start(config)
    assert undisturbed.wait(120) == "finished", undisturbed.row.message
    assert (ended, points) == (weights(undisturbed), sorted(undisturbed.points()[0]))


def test_the_command_line_from_file_to_prediction(
    config: Config, home: Path, tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    def stillroom(*arguments: str, code: int = 0) -> tuple[str, str]:
        assert run_command(arguments) == code
        return capfd.readouterr()

    knobs = ["--width=8", "--hidden=8", "--fc=8", "--batch=8", "--epochs=2", "--n-iter=1", "--max-tokens=16"]
    typed = ["run", "--train", config.train, "--teacher", config.teacher, *knobs, "--json"]
    command = [sys.executable, "-m", "distill_core", *typed]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["status"] == "finished" and report["task"] == "file" and report["scores"]["student"]["accuracy"] >= 0
    assert json.loads(stillroom("show", report["run"], "--json")[0]) == report
    said = json.loads(stillroom("predict", report["run"], "--json", "rude staff")[0])
    assert said["label"] in ("bad", "good")
    folder = tmp_path / "exported"
    assert stillroom("export", report["run"], str(folder))[0].strip() == str(folder)
    done = subprocess.run([sys.executable, folder / "predict.py", "rude staff"], capture_output=True, text=True,
                          cwd=tmp_path, env={**os.environ, "PYTHONPATH": ""})  # fmt: skip
    assert json.loads(done.stdout)["probabilities"] == pytest.approx(said["probabilities"]), done.stderr
    assert "label" in (folder / "README.md").read_text()
    assert "Name a new or an empty folder" in stillroom("export", report["run"], str(tmp_path), code=2)[1]

    said = json.loads(stillroom("predict", report["run"], "--row", "floor", "--json", "rude staff")[0])
    floor = tmp_path / "floor"
    assert stillroom("export", report["run"], str(floor), "--row", "floor")[0].strip() == str(floor)
    done = subprocess.run([sys.executable, floor / "predict.py", "rude staff"], capture_output=True, text=True,
                          cwd=tmp_path, env={**os.environ, "PYTHONPATH": ""})  # fmt: skip
    assert json.loads(done.stdout)["probabilities"] == pytest.approx(said["probabilities"]), done.stderr
    accuracy = report["scores"]["floor"]["accuracy"]
    assert f"accuracy: {100 * accuracy:.1f} %" in (floor / "README.md").read_text(encoding="utf-8")
    control = tmp_path / "control"
    said = json.loads(stillroom("predict", report["run"], "--row", "control", "--json", "rude staff")[0])
    stillroom("export", report["run"], str(control), "--row", "control")
    done = subprocess.run([sys.executable, control / "predict.py", "rude staff"], capture_output=True, text=True,
                          cwd=tmp_path, env={**os.environ, "PYTHONPATH": ""})  # fmt: skip
    assert json.loads(done.stdout)["probabilities"] == pytest.approx(said["probabilities"]), done.stderr
    card = (control / "README.md").read_text(encoding="utf-8")
    assert "It is the control of a distillation" in card and "its teacher's mistakes" not in card
    for row in ("floor", "control"):  # an export is replaced by its own row alone
        assert "holds something else" in stillroom("export", report["run"], str(folder), f"--row={row}", code=2)[1]
    stillroom("export", report["run"], str(control), "--row", "control")

    Path(config.train).write_text("text,label\nonly one class,a\nand no other,a\n")
    out, err = stillroom(*typed, code=2)
    assert "needs at least two classes" in err and "Traceback" not in err
    typed[2] = str(tmp_path / "none.csv")
    assert "There is no file" in stillroom(*typed, code=2)[1]
    assert runs.count() == 1 and len(list((home / "runs").iterdir())) == 1, "no run was made for what can't be run"


def test_a_teacher_that_does_not_fit_ends_the_run_with_a_sentence(
    config: Config, home: Path, capfd: pytest.CaptureFixture
) -> None:
    Path(config.train).write_text("text,label\n" + "".join(f"text number {n},{'abc'[n % 3]}\n" for n in range(60)))
    assert run_command(["run", "--train", config.train, "--teacher", config.teacher, "--json"]) == 2
    out, err = capfd.readouterr()
    failed = json.loads(out.splitlines()[-1])
    assert failed["status"] == "failed" and "Traceback" not in err and "label" in err
    left = {file.name for file in (home / "runs" / failed["run"]).iterdir()}
    assert left <= {"log.txt", "curve.jsonl", "rows.json.gz"}, "nothing half-written"
