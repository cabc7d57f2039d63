"""A run keeps what it read: a resume goes on with the rows it began with, and training of other content begins anew."""

import csv
import json
from pathlib import Path

import pytest
import torch
from running import run

from distill_core.cache import Cache
from distill_core.config.schema import Config
from distill_core.data import frozen
from distill_core.errors import DataError, Stopped
from distill_core.evaluation import latency
from distill_core.events import Compared, Event, Note, Point, Progress
from distill_core.messages import message_data
from distill_core.pipeline.distill import distill
from distill_core.student import persistence
from distill_core.training.checkpoints import OTHER_CONTENT

Rows = list[tuple[str, str]]


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "SECONDS", 0.01)


@pytest.fixture
def config(toy_config: Config, tiny_teacher: Path) -> Config:
    changed = {"teacher": str(tiny_teacher), "vectors": "random", "epochs": 12, "evaluations": 6, "control": False}
    return toy_config.model_copy(update=changed)


def write(config: Config, rows: Rows) -> None:
    with Path(config.train).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])


def relabelled(rows: Rows) -> Rows:
    return [(text, {"good": "bad", "bad": "good"}[label]) for text, label in rows]


def stopped_in(stage: str, config: Config, folder: Path, cache: Cache, share: float = 0.5) -> list[Event]:
    """A run that is stopped once it did that share of a stage's steps."""
    events: list[Event] = []
    asked: list[Event] = []
    with pytest.raises(Stopped):
        for event in distill(config, folder, cache, lambda: bool(asked)):
            events.append(event)
            if isinstance(event, Progress) and event.stage == stage and event.done > event.total * share:
                asked.append(event)
    return events


def notes(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Note)]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return persistence.load(folder / "student").model.state_dict()


def same(one: Path, other: Path) -> bool:
    a, b = weights(one), weights(other)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def scores_fit_the_student(folder: Path, events: list[Event]) -> bool:
    """Whether the student on disk is right on as many test rows as the comparison says."""
    [summary] = [event.summary for event in events if isinstance(event, Compared)]
    lines = [json.loads(line) for line in (folder / "texts.jsonl").read_text(encoding="utf-8").splitlines()]
    answers = persistence.load(folder / "student")([line["text"][0] for line in lines])
    right = [answer.label == line["label"] for answer, line in zip(answers, lines, strict=True)]
    return sum(right) / len(right) == pytest.approx(summary["scores"]["student"]["accuracy"])


EDITS = {
    "rows added above": lambda rows: [(f"Postscript {i}: so it was on day {i}.", "good") for i in range(12)] + rows,
    "labels exchanged": relabelled,
    "a class split in two": lambda rows: [(text, f"{label}{i % 2}") for i, (text, label) in enumerate(rows)],
    "another file": lambda rows: [("nothing", "of"), ("this", "kind")],
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_a_resumed_run_reads_the_rows_it_began_with_and_says_so(
    config: Config, toy_rows: Rows, tmp_path: Path, edit
) -> None:
    run(config, tmp_path / "whole", Cache(tmp_path / "one"))
    cut, cache = tmp_path / "cut", Cache(tmp_path / "two")
    stopped_in("student", config, cut, cache)
    write(config, edit(toy_rows))
    events = run(config, cut, cache)
    assert same(tmp_path / "whole", cut) and scores_fit_the_student(cut, events)
    [changed] = [note for note in notes(events) if "has changed since the run began" in note]
    assert message_data(changed)["with"] == {"name": "toy.csv"} and OTHER_CONTENT not in notes(events)


def test_an_unchanged_file_is_not_spoken_of_and_a_missing_one_does_no_harm(config: Config, tmp_path: Path) -> None:
    cut, cache = tmp_path / "cut", Cache(tmp_path / "cache")
    stopped_in("student", config, cut, cache, 0.2)
    events = stopped_in("student", config, cut, cache)
    assert not any("rows it began with" in note for note in notes(events))
    Path(config.train).unlink()
    events = run(config, cut, cache)
    assert sum("toy.csv can't be read any more" in note for note in notes(events)) == 1
    assert scores_fit_the_student(cut, events)


def test_damaged_rows_end_the_run_with_a_sentence(config: Config, tmp_path: Path) -> None:
    stopped_in("student", config, tmp_path / "cut", Cache(tmp_path / "cache"))
    (tmp_path / "cut" / frozen.FILE).write_bytes(b"rot")
    with pytest.raises(DataError, match="Start a new run"):
        run(config, tmp_path / "cut", Cache(tmp_path / "cache"))


@pytest.mark.parametrize("stage", ["control", "student"])
@pytest.mark.parametrize("edit", ["rows added above", "labels exchanged", "a class split in two"])
def test_training_on_other_rows_begins_anew_and_says_so(
    config: Config, toy_rows: Rows, tmp_path: Path, stage: str, edit: str, tiny_teacher: Path
) -> None:
    """Without the frozen rows, as after a deletion: other rows may not go on from these checkpoints."""
    config = config.model_copy(update={"control": stage == "control", "teacher": str(tiny_teacher)})
    if edit == "a class split in two":  # which the ready teacher doesn't know
        config = config.model_copy(update={"fine_tune": True, "teacher_epochs": 1})
    cut, cache = tmp_path / "cut", Cache(tmp_path / "cache")
    stopped_in(stage, config, cut, cache)
    assert (cut / f"{stage}.ckpt").is_file()
    write(config, EDITS[edit](toy_rows))
    frozen.delete(cut)
    events = run(config, cut, cache)
    assert sum(note == OTHER_CONTENT for note in notes(events)) == 1
    fresh = run(config, tmp_path / "fresh", Cache(tmp_path / "other cache"))
    assert same(tmp_path / "fresh", cut) and scores_fit_the_student(cut, events)
    curves = [[event for event in one if isinstance(event, Point) and event.series.startswith(stage)]
              for one in (events, fresh)]  # fmt: skip
    assert curves[0] == curves[1], "from the first step on"


def test_a_student_that_was_finished_on_other_rows_is_not_taken(config: Config, toy_rows: Rows, tmp_path: Path) -> None:
    cut, cache = tmp_path / "cut", Cache(tmp_path / "cache")
    run(config, cut, cache)
    assert (cut / "student.done").is_file()
    again = run(config, cut, cache)
    assert not any(isinstance(event, Point) for event in again), "its own student is taken"
    write(config, relabelled(toy_rows))
    frozen.delete(cut)
    events = run(config, cut, cache)
    assert OTHER_CONTENT in notes(events) and scores_fit_the_student(cut, events)
    run(config, tmp_path / "fresh", Cache(tmp_path / "other cache"))
    assert same(tmp_path / "fresh", cut)


def test_a_student_that_an_earlier_version_finished_is_taken_where_it_reads_the_same_words(
    config: Config, toy_rows: Rows, tmp_path: Path
) -> None:
    cut, cache = tmp_path / "cut", Cache(tmp_path / "cache")
    run(config, cut, cache)
    done = cut / "student.done"
    older = {"best_step": json.loads(done.read_text())["best_step"]}
    done.write_text(json.dumps(older))
    frozen.delete(cut)
    assert not any(isinstance(event, Point) for event in run(config, cut, cache))
    done.write_text(json.dumps(older))
    frozen.delete(cut)
    write(config, [*toy_rows, ("quite another vocabulary here", "good"), ("words never read before", "bad")])
    events = run(config, cut, cache)
    assert OTHER_CONTENT in notes(events) and scores_fit_the_student(cut, events)
