"""The queue with workers of both kinds: ends, stops, deaths, restarts, and who may run at once."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from distill_core.config.schema import Config
from distill_core.errors import UserError
from distill_core.events import ENDED, Compared, Ended, Note
from distill_core.runs import process_worker, queue, recovery
from distill_core.runs.queue import RunQueue
from distill_core.runs.store import Store

FAKE = "fake_pipeline:distill"
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fake pipelines kill themselves by signal")


def config(epochs: int = 5, how: str = "") -> dict[str, object]:
    return Config.of(epochs=epochs, dataset=how or None).model_dump()


def until(what: Callable[[], object], seconds: float = 240) -> object:
    """`what()` once it is true."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)
    return found


def notes(store: Store, run: str) -> str:
    return " | ".join(event.text for _, event in store.events(run) if isinstance(event, Note))


def pids(store: Store, run: str) -> list[int]:
    """Of the workers that the run had, in order."""
    return [int(e.text[4:]) for _, e in store.events(run) if isinstance(e, Note) and e.text.startswith("pid ")]


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")  # one that ended and whom nobody has buried yet is gone all the same
    return not (stat.is_file() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


def over(store: Store, run: str) -> str:
    return until(lambda: (status := store.run(run).status) in ENDED and status)


def steps(store: Store, run: str) -> list[int]:
    return [step for _, step, _ in store.points(run)[0]]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "home")
    yield store
    store.close()


@pytest.fixture(params=["process", "thread"])
def both(store: Store, request: pytest.FixtureRequest) -> Iterator[RunQueue]:
    jobs = RunQueue(store, target=FAKE, thread=request.param == "thread")
    yield jobs
    jobs.close()


@pytest.fixture
def jobs(store: Store) -> Iterator[RunQueue]:
    jobs = RunQueue(store, target=FAKE, thread=False)
    yield jobs
    jobs.close()


def test_a_run_ends_with_all_that_it_said(both: RunQueue, store: Store) -> None:
    run = both.start(config(30))
    assert over(store, run) == "finished"
    assert steps(store, run) == list(range(1, 31))
    said = [event for _, event in store.events(run)]
    assert any(isinstance(event, Compared) for event in said)
    assert said[-1] == Ended("finished")
    row = store.run(run)
    assert row.summary["kept"] == pytest.approx(8 / 9)
    assert row.started and row.ended and row.started <= row.ended


@pytest.mark.parametrize(
    ("how", "status", "words"),
    [
        ("user error", "failed", "Row 3 of toy.csv has no text. Fill it in or delete the row."),
        ("bug", "failed", "Stillroom made a mistake (RuntimeError: a bug of ours)."),
        ("diverged", "diverged", "step 3"),
    ],
)
def test_errors_become_the_runs_last_word(both: RunQueue, store: Store, how: str, status: str, words: str) -> None:
    run = both.start(config(how=how))
    assert over(store, run) == status
    row = store.run(run)
    assert words in row.message
    assert ("Traceback" in row.trace) == (how == "bug")


def test_what_libraries_print_goes_to_the_runs_log(jobs: RunQueue, store: Store, capfd: pytest.CaptureFixture) -> None:
    run = jobs.start(config(how="bug"))
    over(store, run)
    log = (store.folder(run) / "log.txt").read_text()
    assert "a library prints something" in log and "a bug of ours" in log
    assert "a library prints" not in capfd.readouterr().out


def test_stop_keeps_the_student(both: RunQueue, store: Store) -> None:
    run = both.start(config(1000))
    until(lambda: len(steps(store, run)) > 5)
    assert store.ask_stop(run) == "stopping"
    before = len(steps(store, run))
    assert over(store, run) == "stopped"
    assert len(steps(store, run)) < before + 150, "it went on for three seconds and more"
    assert "best student" in store.run(run).message and store.run(run).summary


def test_a_queued_run_stops_without_a_worker(jobs: RunQueue, store: Store) -> None:
    for _ in range(2):
        jobs.start(config(1000))
    until(lambda: len(store.runs(status="running")) == 2)
    third = jobs.start(config())
    assert store.ask_stop(third) == "stopped"
    assert not pids(store, third)


def test_a_second_stop_ends_a_deaf_worker(jobs: RunQueue, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_worker, "TERMINATE_TIMEOUT", 0.3)
    run = jobs.start(config(how="deaf"))
    [pid] = until(lambda: pids(store, run))
    time.sleep(0.2)
    store.ask_stop(run)
    time.sleep(0.6)
    assert store.run(run).status == "stopping" and exists(pid)
    store.ask_stop(run)
    assert over(store, run) == "stopped"
    until(lambda: not exists(pid))
    assert "Stopped at once" in store.run(run).message


def test_a_silent_worker_is_ended_after_a_while(jobs: RunQueue, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_worker, "TERMINATE_TIMEOUT", 0.3)
    monkeypatch.setattr(queue, "UNSEEN_SECONDS", 0.5)
    run = jobs.start(config(how="deaf"))
    [pid] = until(lambda: pids(store, run))
    store.ask_stop(run)
    assert over(store, run) == "stopped"
    until(lambda: not exists(pid))


def test_a_stop_while_the_worker_is_still_to_come_does_not_wait_for_it(
    jobs: RunQueue, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, start, made = threading.Event(), queue.worker.start, []

    def late(*job: object) -> object:
        begin.wait(60)
        made.append(start(*job))
        return made[0]

    monkeypatch.setattr(queue.worker, "start", late)
    run = jobs.start(config(1000))
    until(lambda: store.run(run).status == "running")
    store.ask_stop(run)
    assert over(store, run) == "stopped" and not made
    begin.set()
    until(lambda: made and not jobs._workers)
    assert not exists(made[0].pid) and store.run(run).status == "stopped"


def test_a_stop_that_was_seen_is_waited_for(both: RunQueue, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "UNSEEN_SECONDS", 0.3)
    run = both.start(config(1000, "slow to end"))
    until(lambda: steps(store, run))
    store.ask_stop(run)
    assert over(store, run) == "stopped" and store.run(run).summary, "it was compared"


def test_a_frozen_worker_is_ended_within_seconds(jobs: RunQueue, store: Store) -> None:
    run = jobs.start(config(1000))
    [pid] = until(lambda: steps(store, run) and pids(store, run))
    os.kill(pid, signal.SIGSTOP)
    store.ask_stop(run)
    started = time.monotonic()
    assert over(store, run) == "stopped"
    assert time.monotonic() - started < queue.UNSEEN_SECONDS + 3
    assert not exists(pid)


def test_a_disk_that_fills_ends_the_run_with_a_sentence_and_it_can_be_resumed(jobs: RunQueue, store: Store) -> None:
    run = jobs.start(config(1000))
    until(lambda: steps(store, run))
    with store.connection.transaction() as db:
        db.execute("PRAGMA max_page_count = 1")  # SQLite's own word for a full disk
        (pages,) = next(db.execute("PRAGMA page_count"))
        filler = "x" * 4096 * 4
    with pytest.raises(UserError, match="is full"):  # what was free inside the file is full, too
        for _ in range(100):
            store.append(run, [Note(filler)])
    store.ask_stop(run) if store.run(run).status == "running" else None
    until(lambda: run not in jobs._workers)
    store.connection._db.execute(f"PRAGMA max_page_count = {pages + 1000}")
    assert over(store, run) in ("failed", "stopped") and (jobs._unwritten == {})
    jobs.resume(run)
    store.ask_stop(run)
    assert over(store, run) == "stopped"


def test_what_a_killed_worker_half_wrote_is_swept(jobs: RunQueue, store: Store) -> None:
    run = jobs.start(config(1000))
    [pid] = until(lambda: steps(store, run) and pids(store, run))
    folder = store.folder(run)
    for name in (f".{'0' * 32}.part", f".student.ckpt.{'a' * 32}", ".student.ckpt.mine", "student.ckpt"):
        (folder / name).write_text("half")
    store.ask_stop(run)
    assert over(store, run) == "stopped"
    until(lambda: run not in jobs._workers)
    assert {file.name for file in folder.glob("*.ckpt*")} | {file.name for file in folder.glob(".*")} == {
        ".student.ckpt.mine", "student.ckpt"}  # fmt: skip


def test_a_killed_worker_is_told_and_resumed(jobs: RunQueue, store: Store) -> None:
    run = jobs.start(config(20, "die once"))
    assert over(store, run) == "finished"
    assert "interrupted" in notes(store, run) and "SIGKILL" in notes(store, run) and "Resumed." in notes(store, run)
    assert steps(store, run) == list(range(1, 21)), "no point twice, none missing"
    assert len(set(pids(store, run))) == 2 and store.run(run).tries == 1


def test_a_worker_that_always_dies_is_given_up(jobs: RunQueue, store: Store) -> None:
    run = jobs.start(config(1000, "die always"))
    assert over(store, run) == "interrupted"
    assert len(pids(store, run)) == 1 + recovery.TRIES
    assert "exit code 3" in store.run(run).message
    assert "It was resumed 3 times by itself and isn't resumed again: resume it by hand" in store.run(run).message
    jobs.resume(run)
    until(lambda: len(pids(store, run)) > 1 + recovery.TRIES)


def test_two_at_once_and_the_rest_know_their_place(jobs: RunQueue, store: Store) -> None:
    runs = [jobs.start(config(1000)) for _ in range(5)]
    until(lambda: len(store.runs(status="running")) == 2)
    time.sleep(0.6)
    assert [store.run(run).status for run in runs] == ["running"] * 2 + ["queued"] * 3
    assert [queue.queue_place(store, run) for run in runs] == [None, None, 1, 2, 3]
    store.ask_stop(runs[2])
    assert [queue.queue_place(store, run) for run in runs[3:]] == [1, 2]
    until(lambda: pids(store, runs[0]))
    store.ask_stop(runs[0])
    until(lambda: store.run(runs[3]).status == "running")
    assert queue.queue_place(store, runs[4]) == 1


def test_a_holder_has_one_run_computing_and_others_are_not_kept_waiting(jobs: RunQueue, store: Store) -> None:
    first, second = (jobs.start(config(1000), holder="a visitor") for _ in "ab")
    other = jobs.start(config(1000), holder="another")
    until(lambda: store.run(other).status == store.run(first).status == "running")
    time.sleep(0.3)
    assert store.run(second).status == "queued"
    until(lambda: pids(store, first))
    store.ask_stop(first)
    until(lambda: store.run(second).status == "running")


def test_two_at_once_over_all_processes(store: Store) -> None:
    first, second = RunQueue(store, target=FAKE, thread=False), RunQueue(Store(store.home), target=FAKE, thread=False)
    try:
        for jobs in (first, second, first, second):
            jobs.start(config(1000))
        until(lambda: len(store.runs(status="running")) == 2)
        time.sleep(1.2)
        assert len(store.runs(status="running")) == 2
    finally:
        first.close()
        second.close()


def test_threads_run_one_at_a_time(store: Store) -> None:
    jobs = RunQueue(store, target=FAKE, thread=True)
    try:
        runs = [jobs.start(config(1000)) for _ in range(2)]
        until(lambda: store.run(runs[0]).status == "running")
        time.sleep(0.8)
        assert store.run(runs[1]).status == "queued"
        store.ask_stop(runs[0])
        until(lambda: store.run(runs[1]).status == "running")
    finally:
        jobs.close()
    assert store.run(runs[1]).status == "interrupted"


def test_closing_interrupts_and_the_next_app_goes_on(jobs: RunQueue, store: Store) -> None:
    runs = [jobs.start(config(20, "wait")) for _ in range(3)]
    until(lambda: steps(store, runs[0]) and steps(store, runs[1]))
    jobs.close()
    assert [store.run(run).status for run in runs] == ["interrupted", "interrupted", "queued"]
    assert not any(exists(pid) for run in runs for pid in pids(store, run))
    command_line = RunQueue(store, target=FAKE, thread=False)
    time.sleep(0.5)
    command_line.close()
    assert store.run(runs[0]).status == "interrupted", "only the app takes over what others left"
    (store.home / "go").touch()
    app = RunQueue(store, adopt=True, target=FAKE, thread=False)
    try:
        assert [over(store, run) for run in runs] == ["finished"] * 3
        assert steps(store, runs[0]) == list(range(1, 21))
    finally:
        app.close()


TESTS = str(Path(__file__).parents[1])
SCRIPT = """
import sys, time
sys.path.insert(0, {tests!r})
from distill_core.config.schema import Config
from distill_core.runs import process_worker
from distill_core.runs.queue import RunQueue
from distill_core.runs.store import Store
process_worker.PRELOAD = "distill_core.cache"  # the fake pipeline needs no torch
store = Store({home!r})
jobs = RunQueue(store, target="fake_pipeline:distill")
run = jobs.start(Config.of(epochs={epochs}, dataset={how!r}).model_dump())
print(run, flush=True)
{last}
"""


def app(store: Store, epochs: int = 20, how: str = "wait", last: str = "time.sleep(600)") -> subprocess.Popen:
    """Another process that starts one run, given on standard input as a notebook would."""
    script = SCRIPT.format(
        tests=str(Path(__file__).parents[1]), home=str(store.home), epochs=epochs, how=how, last=last
    )
    process = subprocess.Popen([sys.executable, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                               cwd=Path(__file__).parents[2])  # fmt: skip
    process.stdin.write(script)
    process.stdin.close()
    return process


def test_a_killed_app_leaves_no_worker_and_the_next_resumes(store: Store) -> None:
    process = app(store)
    run = process.stdout.readline().strip()
    until(lambda: len(steps(store, run)) > 5)
    process.kill()
    process.wait()
    [pid] = pids(store, run)
    until(lambda: not exists(pid))
    assert store.run(run).status == "running", "nobody was there to say it"
    recovery.recover_orphans(store)
    assert store.run(run).status == "interrupted" and "The app died in the stage 'student'" in notes(store, run)
    (store.home / "go").touch()
    jobs = RunQueue(store, adopt=True, target=FAKE, thread=False)
    try:
        assert over(store, run) == "finished"
        assert steps(store, run) == list(range(1, 21))
    finally:
        jobs.close()


def test_an_app_that_ends_by_itself_leaves_a_run_to_resume(store: Store) -> None:
    process = app(store, last="while not store.points(run)[0]: time.sleep(.02)")
    run = process.stdout.readline().strip()
    assert process.wait(240) == 0
    assert store.run(run).status == "interrupted"
    assert not any(exists(pid) for pid in pids(store, run))


def test_a_run_of_another_process_can_be_stopped(store: Store) -> None:
    process = app(store)
    try:
        run = process.stdout.readline().strip()
        until(lambda: steps(store, run))
        store.ask_stop(run)
        assert over(store, run) == "stopped"
    finally:
        process.kill()
        process.wait()


def test_random_stops_leave_no_process(jobs: RunQueue, store: Store) -> None:
    random.seed(0)
    runs = [jobs.start(config(1000)) for _ in range(6)]
    for run in runs:
        until(lambda run=run: store.run(run).status in ("running", *ENDED))
        time.sleep(random.random() / 2)
        for _ in range(random.choice((1, 1, 2))):
            store.ask_stop(run)
    assert [over(store, run) for run in runs] == ["stopped"] * 6
    everyone = [pid for run in runs for pid in pids(store, run)]
    until(lambda: not any(map(exists, everyone)))


def test_resume_refuses_what_cannot_be_resumed(jobs: RunQueue, store: Store) -> None:
    done, going = jobs.start(config(1)), jobs.start(config(1000))
    over(store, done)
    until(lambda: store.run(going).status == "running")
    with pytest.raises(UserError, match="is finished"):
        jobs.resume(done)
    with pytest.raises(UserError, match=r"has not ended \(running\)"):
        jobs.resume(going)


def test_the_worker_never_sees_the_callers_main_module(jobs: RunQueue, store: Store) -> None:
    on_interrupt = signal.getsignal(signal.SIGINT)  # ignored already where the tests run in the background of a shell
    run = jobs.start(config(how="modules"))
    assert over(store, run) == "finished"
    told = notes(store, run)
    assert " clean " in f" {told} "
    assert "OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive" in told
    assert f"home {store.home} " in told, "kept teachers belong beside the run, whatever the fork server remembers"
    assert signal.getsignal(signal.SIGINT) is on_interrupt, "only the workers ignore Ctrl-C"


def test_a_script_without_a_main_guard_runs_once(store: Store, tmp_path: Path) -> None:
    last = "print('once more')\nwhile store.run(run).status in ('queued', 'running'): time.sleep(.05)"
    script = SCRIPT.format(
        tests=str(Path(__file__).parents[1]), home=str(store.home), epochs=3, how="modules", last=last
    )
    (tmp_path / "script.py").write_text(script)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("once more") == 1 and len(store.runs()) == 1
    assert store.runs()[0].status == "finished"
