"""The command line over a fake pipeline: every knob an option, exit codes, what goes to which stream."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from distill_core.api import estimates, runs
from distill_core.api.session import session
from distill_core.cli import run_command, tables
from distill_core.cli.config_options import config_from_options
from distill_core.cli.parser import parse
from distill_core.config.knobs import Knob, knobs
from distill_core.config.schema import Config
from distill_core.errors import KnobError
from distill_core.estimation import cost
from distill_core.pipeline.cost_model import Measurements
from distill_core.student.runtime import Prediction

ROOT = Path(__file__).parents[2]
FIELDS = [
    "run",
    "status",
    "task",
    "seed",
    "stages",
    "rows",
    "scored_on",
    "scores",
    "gap_recovered",
    "kept",
    "agreement",
    "metric",
    "differences",
    "class_agreement",
    "doubling",
    "tests_read",
    "provenance",
    "verdict",
    "next_steps",
]


@dataclass
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> dict:
        return json.loads(self.out.splitlines()[-1])


@pytest.fixture
def stillroom(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture) -> Iterator[Callable[..., Done]]:
    """Runs a command in this process."""
    monkeypatch.setattr(session, "pipeline", "fake_pipeline:distill")
    monkeypatch.setenv("COLUMNS", "120")

    def command(*arguments: str) -> Done:
        code = run_command(arguments)
        out, err = capfd.readouterr()
        return Done(code, out, err)

    yield command
    session.close()


def other(knob: Knob) -> object:
    """A value that is allowed and isn't the default."""
    if knob.type is list:
        return ["owner/name", "bank.txt"] if knob.path else list(knob.choices[:2]) or [0.25, 0.5]
    if knob.choices:
        return (
            next(choice for choice in knob.choices if choice != knob.default)
            if len(knob.choices) > 1
            else knob.choices[0]
        )
    if knob.type is bool:
        return not knob.default
    if knob.type is dict:
        return {"mask": 0.375}
    if knob.type is str:
        return "last:2" if knob.name == "layers" else "de"
    low, high = knob.low or 0, knob.high if knob.high is not None else (knob.low or 0) + 8
    value = low + (high - low) / 4
    return knob.type(value) if knob.type is float else max(int(value), int(low) + 1)


@pytest.mark.parametrize("command", ["run", "augment"])
@pytest.mark.parametrize("knob", knobs(), ids=lambda knob: knob.name)
def test_every_knob_is_an_option(knob: Knob, command: str) -> None:
    value = other(knob)
    option = "--" + knob.name.replace("_", "-")
    if knob.type is bool:
        typed = [option if value else "--no-" + option[2:]]
    elif knob.type is list:
        typed = [option, ",".join(map(str, value))]
    elif knob.type is dict:
        typed = [option, ",".join(f"{name}={rate}" for name, rate in value.items())]
    else:
        typed = [option, str(value)]
    beside = (
        ["--train", "f.csv"]
        if knob.name in ("valid", "test")
        else ["--dataset", "a/b"]
        if knob.name == "subset"
        else []
    )
    config = config_from_options(parse([command, *typed, *beside]))
    assert getattr(config, knob.name) == value
    assert set(config.changed()) <= {knob.name, "task", "train", "dataset"}


def test_help_shows_each_knob_with_its_limits(stillroom: Callable[..., Done]) -> None:
    done = stillroom("run", "--help")
    text = " ".join(done.out.split())
    assert done.code == 0
    for knob in knobs():
        assert "--" + knob.name.replace("_", "-") in text
        assert " ".join(knob.help.split()) in text.replace("- ", "-"), knob.name
    assert "(1 to 1,000; default" in text and "(pieces, words; default pieces)" in text
    for command in ("demo", "runs", "show", "stop", "resume", "predict", "augment", "export"):
        assert stillroom(command, "--help").code == 0


def test_teachers_are_listed_with_their_labels_and_renamed(stillroom: Callable[..., Done], home: Path) -> None:
    folder = home / "teachers" / "0123abcd4567"
    folder.mkdir(parents=True)
    (folder / "key.json").write_text("{}")
    facts = {"base": "a/tiny", "task": "file", "labels": ["bad", "good"], "pair": False, "accuracy": 0.9, "rows": 20,
             "date": "2026-11-29T12:00:00+00:00", "file": "support.csv"}  # fmt: skip
    (folder / "teacher.json").write_text(json.dumps(facts))
    listed = stillroom("teachers").out
    assert "kept:0123abcd4567" in listed and "tiny, support.csv, 29 Nov" in listed and "bad, good" in listed
    assert "builtin" in listed
    assert stillroom("rename-teacher", "kept:0123", "Support").out == "Support\n"
    lines = [json.loads(line) for line in stillroom("teachers", "--json", "--labels", "good,bad").out.splitlines()]
    (kept,) = [one for one in lines if one["kind"] == "kept"]
    assert kept["title"] == "Support" and kept["labels"] == ["bad", "good"]
    assert "kept:" not in stillroom("teachers", "--labels", "joy,anger").out
    unknown = stillroom("rename-teacher", "kept:ffff", "x")
    assert unknown.code and "kept:0123abcd4567 (Support)" in " ".join(unknown.err.split())


def test_files_and_data_sets_name_their_task() -> None:
    def config(*typed: str) -> Config:
        return config_from_options(parse(["run", *typed]))

    assert config("--train", "a.csv").task == "file"
    assert config("--dataset", "owner/name", "--subset", "en").task == "hub"
    assert config("--train", "a.csv", "--task", "file").task == "file"
    assert config("--unlabelled", "more.txt").task == "reviews"
    for typed, said in [
        (["--train", "a.csv", "--task", "sst2"], "--train belongs to the task 'file', not to 'sst2'"),
        (["--train", "a.csv", "--dataset", "a/b"], "--dataset belongs to the task 'hub', not to 'file'"),
        (["--test", "a.csv"], "--test needs --train"),
        (["--subset", "en"], "--subset needs --dataset"),
        (["--task", "hub"], "needs a data set: --dataset"),
    ]:
        with pytest.raises(KnobError, match=said):
            config(*typed)


def test_run_ends_in_one_json_object(stillroom: Callable[..., Done]) -> None:
    done = stillroom("run", "--epochs", "3", "--seed", "4", "--json")
    assert done.code == 0 and list(done.report) == FIELDS
    assert done.report["status"] == "finished" and done.report["seed"] == 4 and done.report["gap_recovered"] == 0.5
    assert len(done.out.splitlines()) == 1, "progress goes to stderr"
    assert "student: 1.5 s" in done.err and "Run " in done.err
    again = stillroom("show", "last", "--json")
    assert again.code == 0 and again.report == done.report


def test_minutes_choose_what_was_not_typed(stillroom: Callable[..., Done], monkeypatch: pytest.MonkeyPatch) -> None:
    counts = {"train": 300, "valid": 50, "test": 100, "unlabelled": 0, "seconds": 1.0, "make": 1e-4, "read": 1e-4,
              "size": {"labelled": 100.0, "unlabelled": 0.0, "augmented": 80.0}, "grown": [0.0, 0.9, 1.7],
              "tokens": 128}  # fmt: skip
    known = Measurements(counts, {"size": 1e-5, "load": 1.0}, {"step": 0.02, "row": 1e-4, "memory": 10**9})
    monkeypatch.setattr(cost, "known_measurements", lambda config, cache: known)
    monkeypatch.setattr(estimates, "past_runs", list)
    done = stillroom("run", "--minutes", "5", "--epochs", "3", "--json")
    chosen = runs.find("last").config
    assert done.code == 0 and "Chosen for this time: n_iter 16. The run takes about " in done.err
    assert (chosen.n_iter, chosen.epochs) == (16, 3)
    assert "Even the shortest run takes about " in stillroom("run", "--minutes", "0.1").err
    stillroom("run", "--minutes", "any", "--n-iter", "2", "--neighbours", "0")
    chosen = runs.find("last").config
    assert (chosen.n_iter, chosen.epochs) == (2, 47), "600 steps of 64 of the 810 texts"


def test_run_shows_four_rows_to_people(stillroom: Callable[..., Done]) -> None:
    done = stillroom("demo", "--epochs", "2")
    assert done.code == 0
    for row, share in (("floor", "60.0 %"), ("control", "70.0 %"), ("student", "80.0 %"), ("teacher", "90.0 %")):
        right, cost = [line for line in done.out.splitlines() if line.startswith(row)]
        assert share in right and "70.0 % to 90.0 %" in right and "0.10 ms" in cost
    assert "50.0 %" in done.out and "88.9 %" in done.out and "95.0 %" in done.out
    shown = stillroom("show", "last")
    assert "finished" in shown.out and "epochs 2" in shown.out and "teacher" in shown.out


@pytest.mark.parametrize(
    ("typed", "code", "said"),
    [
        (["run", "--epochs", "0"], 2, "epochs can't be '0': it must be greater than or equal to 1."),
        (["run", "--student", "bilstn"], 2, "Did you mean 'bilstm'?"),
        (["run", "--rules", "mask=2"], 2, "the rate of mask must lie between 0 and 1"),
        (["run", "--no-such-knob"], 2, "unrecognized arguments: --no-such-knob"),
        (["run", "--minutes", "0"], 2, "'0' is not a number of minutes above 0, nor 'any'"),
        (["run", "--minutes", "soon"], 2, "'soon' is not a number of minutes"),
        (["run", "--vectors", "file"], 2, "need one another"),
        (["run", "--vectors-file", "a.txt"], 2, "need one another"),
        (["run", "--epoch", "3"], 2, "unrecognized arguments: --epoch"),
        (["show", "nothing"], 2, "There is no run 'nothing'"),
        (["runs", "--sort", "beauty"], 2, "can't be sorted by 'beauty'"),
        (["runs", "--status", "fine"], 2, "invalid choice: 'fine'"),
        (["augment", "-n", "0"], 2, "not a number from 1"),
        (["predict", "last", "hello"], 2, "There is no run yet"),
        ([], 2, "required"),
        (["run", "--dataset", "user error"], 2, "Row 3 of toy.csv has no text. Fill it in or delete the row."),
        (["run", "--dataset", "diverged"], 2, "at step 3"),
        (["run", "--dataset", "bug"], 1, "Stillroom made a mistake (RuntimeError: a bug of ours)"),
        (["run", "--dataset", "die always"], 1, "The worker died"),
    ],
)
def test_exit_codes(stillroom: Callable[..., Done], typed: list[str], code: int, said: str) -> None:
    done = stillroom(*typed)
    assert (done.code, said in done.err) == (code, True), done
    assert "Traceback" not in done.err and done.out == ""


def test_a_bug_in_a_command_keeps_its_traceback(
    stillroom: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "find", lambda run: 1 / 0)
    done = stillroom("show", "x")
    assert done.code == 1 and "Traceback" in done.err and "Please report it" in done.err


def test_runs_lists_and_filters(stillroom: Callable[..., Done]) -> None:
    assert "no run yet" in stillroom("runs").err
    stillroom("run", "--epochs", "1", "--name", "first one", "--json")
    stillroom("run", "--epochs", "1", "--seed", "9", "--json")
    done = stillroom("runs")
    assert len(done.out.splitlines()) == 3 and "first one" in done.out and "finished" in done.out
    assert len(stillroom("runs", "--search", "first one", "--json").out.splitlines()) == 1
    assert stillroom("runs", "-n", "1", "--json").report["seed"] == 9
    assert stillroom("runs", "--status", "failed", "--json").out == ""
    assert stillroom("runs", "--sort=-kept").code == 0


def test_a_comparison_without_control_claims_no_gap(capsys: pytest.CaptureFixture[str]) -> None:
    class Compared:
        id = "abcdefgh"

        def report(self) -> dict:
            scores = {row: dict.fromkeys(runs.SCORE_KEYS, 0.5) for row in ("floor", "student", "teacher")}
            shares = {"gap_recovered": None, "kept": 1.0, "agreement": 1.0}
            shares |= {
                "metric": "accuracy",
                "tests_read": None,
                "provenance": None,
                "verdict": None,
                "next_steps": None,
            }
            shares |= {"differences": None, "class_agreement": None, "doubling": None}
            return {"scores": scores, "rows": {"train": 4, "test": 3, "transfer": 40}, "scored_on": "test", **shares}

    tables.comparison(Compared())
    told = capsys.readouterr().out
    assert "control run was switched off" in told and "not above" not in told


def test_what_the_run_shows_of_more_rows_and_labels_is_printed_once() -> None:
    part = {"rows": 40, "others": 0.9, "p": 0.5}
    by_label = [part | {"label": f"l{n}", "agreement": n / 10} for n in (9, 5, 7, 6)]
    one = {"few": 5, "many": 10, "rows": 90, "before": 0.7, "after": 0.75, "difference": 0.05, "low": 0.01, "high": 0.1}
    report: Any = {"class_agreement": by_label, "doubling": {"rows": one}, "metric": "accuracy"}
    labels, rows = tables._evidence(report)
    assert labels == "They agree least on the rows of these labels: l5 50.0 % of 40, l6 60.0 % of 40, l7 70.0 % of 40."
    assert rows.startswith("From 5 labelled rows") and rows.endswith("+1.0 to +10.0).")
    older: Any = {"class_agreement": None, "doubling": None, "metric": None}
    assert list(tables._evidence(older)) == []


@pytest.mark.parametrize(
    ("floor", "control", "student", "teacher", "said", "unsaid"),
    [
        (0.5, 0.7, 0.65, 0.9, "The student ended below the control: 65.0 % to 70.0 %.", "was recovered"),
        (0.5, 0.7, 0.7, 0.9, "The student ended level with the control: 70.0 %.", "was recovered"),
        (0.5, 0.7, 0.8, 0.9, "Of the gap between control and teacher 50.0 % was recovered.", "baseline"),
        (0.5, 0.7, 0.95, 0.9, "The student is better than the teacher: 95.0 % to 90.0 % accuracy.", "keeps"),
        (0.85, 0.7, 0.8, 0.9, "baseline (TF-IDF), the floor, is better than the student: 85.0 % to 80.0 %.", "below"),
        (0.8, 0.7, 0.8, 0.9, "baseline (TF-IDF), the floor, is as good as the student", "better"),
    ],
)
def test_a_comparison_has_words_where_a_share_means_none(
    floor: float, control: float, student: float, teacher: float, said: str, unsaid: str
) -> None:
    values = {"floor": floor, "control": control, "student": student, "teacher": teacher}
    scores = {row: {"accuracy": value} for row, value in values.items()}
    gap = (student - control) / (teacher - control)
    told = "\n".join(tables._outcome(scores, gap, student / teacher, "accuracy"))
    assert said in told and unsaid not in told and "-" not in told.replace("TF-IDF", "")


def test_stop_and_resume(stillroom: Callable[..., Done], home: Path) -> None:
    run = runs.start(epochs=20, dataset="wait")
    while not run.points()[0]:
        time.sleep(0.02)
    assert stillroom("stop", run.id[:8]).out == f"{run.id} stopping\n"
    assert run.wait() == "stopped"
    assert stillroom("stop", run.id).out == f"{run.id} stopped\n"
    (home / "go").touch()
    done = stillroom("resume", run.id, "--json")
    assert done.code == 0 and done.report["status"] == "finished"
    assert "Resumed." in done.err and done.err.count("pid ") == 1, "what it said before isn't told again"
    refused = stillroom("resume", run.id)
    assert refused.code == 2 and "is finished" in refused.err


# ---- predict, augment, export


def test_a_page_is_written_or_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    from distill_core.evaluation import baseline_html, html_page
    from distill_core.student import html_export

    row = SimpleNamespace(config={})
    run = SimpleNamespace(id="a", data_name="toy", report=dict, summary=None, labelled_texts=list, row=row)
    monkeypatch.setattr(runs, "find", lambda _: run)
    monkeypatch.setattr(runs, "run", lambda _: run)
    monkeypatch.setattr(session, "model_folder", lambda run, row: tmp_path / row)
    monkeypatch.setattr(html_export, "write_html", lambda model, file, *_: file.with_stem(model.name))
    assert run_command(["export", "a", str(tmp_path / "page.html"), "--html", "--row", "control"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'control.html'}\n"

    def refuse(*_: object) -> None:
        raise html_page.NoHtml("It is too odd.")

    monkeypatch.setattr(html_export, "write_html", refuse)
    assert run_command(["export", "a", str(tmp_path / "page.html"), "--html"]) == 2
    assert "It can't be one HTML file. It is too odd. Export it as a folder instead." in capsys.readouterr().err
    monkeypatch.setattr(baseline_html, "write_html", lambda model, file, *_: file.with_stem(model.name))
    assert run_command(["export", "a", str(tmp_path / "page.html"), "--html", "--row", "floor"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'floor.html'}\n"


class Echo:
    """A student that is sure of everything."""

    def __init__(self, pair: bool = False):
        self.settings = {"pair": pair, "labels": ["no", "yes"]}

    def __call__(self, texts: list) -> list:
        return [Prediction("yes", {"no": 0.25, "yes": 0.75}) for _ in texts]


@pytest.fixture
def predict(stillroom: Callable[..., Done], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    stillroom("run", "--epochs", "1", "--json")
    monkeypatch.setattr(session, "predictor", lambda run, row="student": Echo())
    return lambda *arguments: stillroom("predict", "last", *arguments)


def test_texts_unlike_its_own_are_marked_and_counted(
    stillroom: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Knowing(Echo):
        def __init__(self) -> None:
            super().__init__()
            self.settings |= {"familiarity": {}}

        def unfamiliar(self, text: Any) -> bool:
            return text == "far"

    stillroom("run", "--epochs", "1", "--json")
    monkeypatch.setattr(session, "predictor", lambda run, row="student": Echo())
    assert "unfamiliar" not in stillroom("predict", "last", "far", "--json").report, "of an older student"
    monkeypatch.setattr(session, "predictor", lambda run, row="student": Knowing())
    done = stillroom("predict", "last", "far", "near", "--json")
    assert [json.loads(line)["unfamiliar"] for line in done.out.splitlines()] == [True, False]
    assert "Of these texts 1 is unlike anything" in done.err
    assert stillroom("predict", "last", "near").err == "" and "2 are" in stillroom("predict", "last", "far", "far").err


def test_doubts_lists_and_saves_the_labels_to_look_at(stillroom: Callable[..., Done], tmp_path: Path) -> None:
    stillroom("run", "--epochs", "1", "--json")
    assert "no such row" in stillroom("doubts", "last").err
    rows = [
        {"source": "own[1].csv", "row": 12, "text": ["=a", "b"], "label": "no", "teacher": "yes", "probability": 0.987},
        {"text": ["c", "d"], "label": "yes", "teacher": "no", "probability": 0.75},
    ]
    file = runs.find("last").folder / "doubts.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    head, first, second = (line.split() for line in stillroom("doubts", "last").out.splitlines())
    assert head == ["file", "row", "label", "teacher", "text"]
    assert first == ["own[1].csv", "12", "no", "yes", "98.7", "%", "=a", "|", "b"]
    assert second[:4] == ["–", "–", "yes", "no"]
    assert [json.loads(line) for line in stillroom("doubts", "last", "--json").out.splitlines()] == rows
    assert stillroom("doubts", "last", "--out", str(tmp_path / "look.csv")).out == "2\n"
    assert "own[1].csv,12,'=a,b,no,yes,0.9870" in (tmp_path / "look.csv").read_text("utf-8-sig").splitlines()
    assert stillroom("doubts", "last", "--scored", "--json").out == "", "no test row is contradicted"


def test_predict_takes_texts_files_and_stdin(
    predict: Callable[..., Done], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toy_csv: Path
) -> None:
    assert predict("one", "two").out == "yes\t0.750\tone\nyes\t0.750\ttwo\n"
    assert predict("ünï", "--json").report == {
        "text": "ünï",
        "label": "yes",
        "probabilities": {"no": 0.25, "yes": 0.75},
    }
    assert len(predict("one", "--json", "two").out.splitlines()) == 2
    (tmp_path / "a.txt").write_text("first\nsecond, with a comma\n", encoding="utf-8")
    assert predict("--file", str(tmp_path / "a.txt")).out.endswith("second, with a comma\n")
    assert len(predict("--file", str(toy_csv)).out.splitlines()) == 20
    lines = predict("--file", str(toy_csv), "--text", "label", "--json").out.splitlines()
    assert {json.loads(line)["text"] for line in lines} == {"good", "bad"}
    monkeypatch.setattr(sys, "stdin", (tmp_path / "a.txt").open())
    assert len(predict().out.splitlines()) == 2
    (tmp_path / "a.csv").write_text("id,text\n7,one\n8,\n9,three\n")
    assert predict("--file", str(tmp_path / "a.csv")).out == (
        "yes\t0.750\t7\tone\n(no text)\t\t8\t\nyes\t0.750\t9\tthree\n"
    )
    lines = predict("--file", str(tmp_path / "a.csv"), "--json").out.splitlines()
    assert [json.loads(line)["row"]["id"] for line in lines] == ["7", "8", "9"]
    assert [json.loads(line)["label"] for line in lines] == ["yes", None, "yes"]
    assert predict("--file", str(tmp_path / "a.csv"), "--out", str(tmp_path / "out.csv")).out == "3\n"
    assert (tmp_path / "out.csv").read_text().splitlines()[:2] == [
        "id,text,label,p no,p yes,note",
        "7,one,yes,0.2500,0.7500,",
    ]


def test_predict_names_what_is_wrong(
    predict: Callable[..., Done], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toy_csv: Path
) -> None:
    def refused(*arguments: str) -> str:
        done = predict(*arguments)
        assert done.code == 2 and done.out == ""
        return done.err

    (tmp_path / "a.txt").write_text("first\n\nthird\n")
    (tmp_path / "b.txt").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "empty.txt").write_text("")
    assert predict("--file", str(tmp_path / "a.txt")).out == "yes\t0.750\tfirst\n(no text)\t\t\nyes\t0.750\tthird\n"
    assert "like UTF-16 but isn't" in refused("--file", str(tmp_path / "b.txt"))
    assert "empty.txt holds no text" in refused("--file", str(tmp_path / "empty.txt"))
    assert "There is no file" in refused("--file", str(tmp_path / "none.txt"))
    assert "There is no file" in refused("--file", str(tmp_path / "none.csv"))
    assert "not both" in refused("a", "--file", str(toy_csv))
    assert "Text 2 holds no text" in refused("a", " ")
    assert "nowhere" in refused("--file", str(toy_csv), "--text", "nowhere")
    monkeypatch.setattr(session, "predictor", lambda run, row="student": Echo(pair=True))
    assert "two by two" in refused("a", "b", "c")
    assert "a pair is two" in refused("--file", str(tmp_path / "a.txt"))
    assert "two text columns" in refused("--file", str(toy_csv))


def test_predict_takes_pairs(predict: Callable[..., Done], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "predictor", lambda run, row="student": Echo(pair=True))
    assert predict("a", "b").out == "yes\t0.750\ta | b\n"
    (tmp_path / "a.txt").write_text("one\tother\n")
    assert predict("--file", str(tmp_path / "a.txt"), "--json").report["text"] == ["one", "other"]


def test_augment_shows_offspring(stillroom: Callable[..., Done], toy_config: Config, tiny_teacher: Path) -> None:
    typed = ["augment", "--train", toy_config.train, "--teacher", str(tiny_teacher), "-n", "3"]
    done = stillroom(*typed, "the soup was hot and tasty and the staff was friendly")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    *lines, words = lines
    assert len(lines) == 7 and all(line.startswith("bad 0.") and " good 0." in line for line in lines)
    assert [line.endswith("(neighbour)") for line in lines] == [False] * 4 + [True] * 3
    assert all(line.endswith(")") for line in lines[1:]) and words.startswith("The texts with near words bring ")
    assert len(stillroom(*typed, "--neighbours", "0", "a good film and a bad plot").out.splitlines()) == 4
    told = stillroom(*typed, "--json").report
    assert len(told["offspring"]) == 3 and told["offspring"][0]["changed"] is not None
    refused = stillroom(*typed, "two", "texts")
    assert refused.code == 2 and "one text" in refused.err


# ---- another process

SCRIPT = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from distill_core.api.session import session
from distill_core.cli import run_command
from distill_core.runs import process_worker
process_worker.PRELOAD, session.pipeline = "distill_core.cache", "fake_pipeline:distill"
sys.exit(run_command(sys.argv[1:]))
"""


def started(*arguments: str, **environment: str) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", SCRIPT, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, cwd=ROOT, env={**os.environ, **environment}, start_new_session=True)  # fmt: skip


def going(process: subprocess.Popen) -> None:
    """Waits until its run has learned something."""
    end = time.monotonic() + 240
    while not ((found := runs.list_runs(1)) and found[0].points()[0]):
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.05)


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent as a signal")
@pytest.mark.parametrize("kind", ["process", "thread"])
def test_ctrl_c_keeps_the_best_student(kind: str, stillroom: Callable[..., Done]) -> None:
    process = started("run", "--epochs", "1000", "--json", STILLROOM_WORKER=kind)
    going(process)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
    out, err = process.communicate(timeout=240)
    assert process.returncode == 130, err
    report = json.loads(out.splitlines()[-1])
    assert report["status"] == "stopped" and report["scores"]["student"]
    assert "Stopping, and keeping the best student" in err and "Traceback" not in err


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent as a signal")
def test_a_second_ctrl_c_ends_it_at_once(stillroom: Callable[..., Done]) -> None:
    process = started("run", "--dataset", "deaf", "--json")
    end = time.monotonic() + 240
    while not ((found := runs.list_runs(1)) and found[0].row.stage == "student"):
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    time.sleep(1)
    assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=240)
    assert process.returncode == 130 and "Traceback" not in err
    assert json.loads(out.splitlines()[-1])["status"] == "stopped"


def test_python_m_starts_without_anything_heavy() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "distill_core", "runs"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0 and "no run yet" in done.stderr
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "distill_core" in loaded and not loaded & {"torch", "transformers", "datasets", "sklearn", "gradio"}
