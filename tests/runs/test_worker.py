"""One run on its own, in a process and in a thread: what it says, in order, and how it goes."""

import dataclasses
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from distill_core.config.schema import Config
from distill_core.events import Compared, Ended, Event, Note, Point
from distill_core.runs import job as runs_job
from distill_core.runs import process_worker, worker
from distill_core.runs.job import Job, Worker

FAKE = "fake_pipeline:distill"
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fake pipelines kill themselves by signal")


def job(folder: Path, epochs: int = 5, how: str = "", target: str = FAKE) -> Job:
    folder.mkdir(exist_ok=True)
    values = Config.of(epochs=epochs, dataset=how or None).model_dump()
    return Job("abc", values, folder, folder / "cache", target)


def hear(running: Worker, until: Callable[[Event], bool] = lambda event: False, seconds: float = 240) -> list[Event]:
    """All that is said, up to the end or to the first batch with an event like `until`."""
    said: list[Event] = []
    end = time.monotonic() + seconds
    while (batch := running.receive(0.2)) is not None:
        said += batch
        if any(map(until, batch)):
            break
        assert time.monotonic() < end, "it never ended"
    return said


@pytest.fixture(params=[False, True], ids=["process", "thread"])
def thread(request: pytest.FixtureRequest) -> bool:
    return request.param


def test_all_is_heard_in_order_and_the_last_word_is_last(tmp_path: Path, thread: bool) -> None:
    said = hear(worker.start(job(tmp_path, 40), thread))
    assert [event.step for event in said if isinstance(event, Point)] == list(range(1, 41))
    assert said[-1] == Ended("finished") and isinstance(said[-3], Compared)
    assert said[-2].name == "memory" and 20e6 < said[-2].value < 64e9


def test_stop_is_heard_within_a_step(tmp_path: Path, thread: bool) -> None:
    running = worker.start(job(tmp_path, 1000), thread)
    hear(running, lambda event: isinstance(event, Point))
    running.ask_stop()
    said = hear(running)
    assert said[-1].status == "stopped"
    assert len([event for event in said if isinstance(event, Point)]) < 100, "it went on for two seconds and more"


def test_a_killed_worker_says_no_more(tmp_path: Path, thread: bool) -> None:
    running = worker.start(job(tmp_path, 1000), thread)
    hear(running, lambda event: isinstance(event, Point))
    running.kill()
    assert not any(isinstance(event, Ended) for event in hear(running))
    assert running.exit_reason


def test_a_deaf_process_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    running = worker.start(job(tmp_path, how="deaf"), thread=False)
    hear(running, lambda event: getattr(event, "stage", "") == "student")
    with monkeypatch.context() as hasty:  # the kernel may take longer to end it
        hasty.setattr(runs_job, "TERMINATE_TIMEOUT", 0.2)
        running.kill()
    hear(running)
    assert running.exit_reason == "killed by SIGKILL"


def test_what_was_said_before_a_death_is_heard(tmp_path: Path) -> None:
    running = worker.start(job(tmp_path, 20, "die once"), thread=False)
    said = hear(running)
    assert [event.step for event in said if isinstance(event, Point)] == [1, 2, 3, 4]
    assert running.exit_reason == "killed by SIGKILL, as a system does that runs out of memory"
    again = hear(worker.start(job(tmp_path, 20, "die once"), thread=False))
    assert [event.step for event in again if isinstance(event, Point)] == list(range(1, 21)), "the journal fills a gap"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere niceness is of the process, and can't be asked of it")
def test_a_run_is_the_pages_equal_only_in_its_haste(tmp_path: Path) -> None:
    asked = dataclasses.replace(job(tmp_path, 1, "nice"), nice=3, haste=0.5)
    told = [event.text for event in hear(worker.start(asked, thread=False)) if isinstance(event, Note)]
    assert f"{os.nice(0)} {{{os.nice(0) + 3}}}" in told, "all its threads give way"


def test_a_training_that_begins_anew_says_so_and_not_one_that_goes_on(tmp_path: Path, thread: bool) -> None:
    def notes(said: list[Event]) -> list[Event]:
        return [event for event in said if isinstance(event, Note) and event.text == runs_job.DRAWN_ANEW]

    assert notes(hear(worker.start(job(tmp_path, 8), thread))) == []
    journal = tmp_path / runs_job.CURVE_FILE
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    (tmp_path / "step").unlink()  # the fake's checkpoint
    assert notes(hear(worker.start(job(tmp_path, 8), thread))) == [], "the same again"
    (tmp_path / "step").unlink()
    earlier = [[series, step, 7.0] for series, step, _ in lines] + [["student/loss", 99, 7.0]]
    journal.write_text("".join(json.dumps(line) + "\n" for line in earlier))
    said = hear(worker.start(job(tmp_path, 8), thread))
    (note,) = notes(said)
    assert note.about == "student" and note.level == "info"
    points = [event for event in said if isinstance(event, Point)]
    at = next(place for place, event in enumerate(points) if event.value != 7.0)
    assert points[at].step == 1 and said.index(note) == said.index(points[at]) - 1


def test_a_half_written_journal_is_read_as_far_as_it_goes(tmp_path: Path, thread: bool) -> None:
    (tmp_path / runs_job.CURVE_FILE).write_text('["student/loss", 1, 0.5]\n["student/loss", 2')
    said = hear(worker.start(job(tmp_path, 2), thread))
    assert [event for event in said if isinstance(event, Point)][0] == Point("student/loss", 1, 0.5)
    assert said[-1] == Ended("finished")


@pytest.mark.parametrize("target", ["fake_pipeline:nowhere", "no_such_module:distill"])
def test_a_pipeline_that_is_not_there_is_told(tmp_path: Path, thread: bool, target: str) -> None:
    [said] = hear(worker.start(job(tmp_path, target=target), thread))
    assert said.status == "failed" and said.trace and "Stillroom made a mistake" in said.message


def test_a_config_of_another_time_is_told(tmp_path: Path, thread: bool) -> None:
    old = Job("abc", {"student": "no longer there"}, tmp_path, tmp_path / "cache", FAKE)
    [said] = hear(worker.start(old, thread))
    assert said.status == "failed" and "no student called" in said.message and not said.trace


def test_our_environment_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "somewhere")
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    before, on_interrupt = dict(os.environ), signal.getsignal(signal.SIGINT)
    with process_worker._environment():
        assert os.environ["OMP_WAIT_POLICY"] == "passive" and os.environ["PYTHONPATH"].endswith(":somewhere")
    assert dict(os.environ) == before
    hear(worker.start(job(tmp_path), thread=False))
    assert dict(os.environ) == before and signal.getsignal(signal.SIGINT) is on_interrupt
