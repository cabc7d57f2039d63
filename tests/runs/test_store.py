"""The store: nothing said is lost or told twice, by many threads, by two processes, over old files and broken ones."""

import math
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlite_utils import Database

from distill_core import environment
from distill_core.config.schema import DEFAULTS
from distill_core.errors import UnknownRun, UserError
from distill_core.events import KINDS, Compared, Ended, Event, Fact, Note, Point, Progress, StageEnded, StageStarted
from distill_core.messages import message, message_data
from distill_core.runs import examples as runs_examples
from distill_core.runs import store as runs_store
from distill_core.runs.examples import EXAMPLES
from distill_core.runs.migrations import migrations
from distill_core.runs.store import Store

ROOT = Path(__file__).parents[2]
SAID: list[Event] = [
    StageStarted("data"),
    Note('Ünïcode, "quotes" and \'; DROP TABLE runs; --', "warning", "data"),
    Fact("labels", ["a", "b"]),
    StageEnded("data", 1.5, True),
    Progress("student", 3, 9, "steps", 1.25),
    Compared({"kept": 0.9, "scores": {}}),
    Ended("failed", "A sentence.", "a trace"),
]


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    store = Store()
    yield store
    store.close()


def test_every_kind_of_event_comes_back_as_it_was_said(store: Store) -> None:
    assert {event.kind for event in SAID} | {"point"} == set(KINDS), "a new kind needs a line in SAID"
    run = store.create({})
    store.append(run, SAID)
    assert [event for _, event in store.events(run)] == SAID


def test_events_come_by_cursor(store: Store) -> None:
    run, other = store.create({}), store.create({})
    store.append(run, [Note("one")])
    store.append(other, [Note("of another run")])
    last = store.events(run)[-1][0]
    store.append(run, [Note("two"), Note("three")])
    assert [event.text for _, event in store.events(run, last)] == ["two", "three"]
    assert store.events(run, store.events(run)[-1][0]) == []


def test_only_the_newest_progress_of_a_stage_is_kept_and_no_cursor_misses_it(store: Store) -> None:
    run, cursor, seen = store.create({}), 0, []
    for done in range(5):
        store.append(run, [Progress("label", done, 5, "texts"), Progress("student", done, 5, "steps")])
        for cursor, event in store.events(run, cursor):  # noqa: B007, B020
            seen.append(event)
    assert [event.done for event in seen if event.stage == "label"] == [0, 1, 2, 3, 4]
    assert len(store.events(run)) == 2


def test_points_come_once_by_cursor_and_nan_does_not_vanish(store: Store) -> None:
    run = store.create({})
    store.append(run, [Point("a/loss", 1, 0.5), Point("a/loss", 2, math.nan), Point("b/loss", 1, math.inf)])
    rows, cursor = store.points(run)
    assert rows[0] == ("a/loss", 1, 0.5) and math.isnan(rows[1][2]) and rows[2] == ("b/loss", 1, math.inf)
    store.append(run, [Point("a/loss", 2, math.nan), Point("a/loss", 3, 0.25)])  # a resumed run says step 2 again
    assert store.points(run, cursor)[0] == [("a/loss", 3, 0.25)]
    assert len(store.points(run)[0]) == 4


def test_a_training_that_begins_anew_leaves_no_point_of_its_earlier_try(store: Store) -> None:
    run, other = store.create({}), store.create({})
    first = [Point("a/loss", step, step / 8) for step in range(1, 31)]
    scores = [Point("a/valid_f1", step, 0.5) for step in (10, 20, 30)]
    beside = [Point("a/loss@b", 1, 0.5), Point("c/loss", 1, math.nan)]
    store.append(run, [*beside, *first, *scores])
    store.append(other, [*first])
    _, cursor = store.points(run)
    again = [Point("a/loss", step, step / 4) for step in range(1, 12)] + [Point("a/valid_f1", 11, 0.25)]
    store.append(run, again[:4])
    rows, later = store.points(run, cursor)
    assert rows == [("a/loss", step, step / 4) for step in range(1, 5)], "a reader with an old cursor misses none"
    store.append(run, again[4:])
    assert store.points(run, later)[0] == [(one.series, one.step, one.value) for one in again[4:]]
    rows, _ = store.points(run)
    assert repr(rows) == repr([(one.series, one.step, one.value) for one in [*beside, *again]])
    assert len(store.points(other)[0]) == 30
    # Two tries in one batch, as the journal of a run has them that was killed in each.
    store.append(run, [*first, *scores, *again, Point("a/loss", 12, 3.0)])
    rows, _ = store.points(run)
    assert repr(rows) == repr(
        [(one.series, one.step, one.value) for one in [*beside, *again, Point("a/loss", 12, 3.0)]]
    )


def test_nan_in_a_summary_is_null(store: Store) -> None:
    run = store.create({})
    store.append(run, [Compared({"kept": math.nan, "rows": [1.0, math.inf]})])
    assert store.run(run).summary == {"kept": None, "rows": [1.0, None]}


def test_what_is_said_fills_the_row(store: Store) -> None:
    run = store.create({"task": "reviews"}, owner="me", name="mine")
    assert store.transition(run, {"queued"}, "running")
    store.append(run, SAID)
    row = store.run(run)
    assert (row.stage, row.status, row.message, row.trace) == ("data", "failed", "A sentence.", "a trace")
    assert row.summary == {"kept": 0.9, "scores": {}} and row.started <= row.ended
    assert (row.name, row.owner, row.task, row.config) == ("mine", "me", "reviews", {"task": "reviews"})


def test_a_rows_message_knows_what_it_was_made_of(store: Store) -> None:
    said = message("{n:row|rows} of {name}", n=2, name="a.csv")
    failed, broken, never = (store.create({}) for _ in range(3))
    for run in (failed, broken):
        store.transition(run, {"queued"}, "running")
    store.append(failed, [Ended("failed", said)])
    store.transition(broken, {"running"}, "interrupted", message=said)
    store.ask_stop(never)
    assert [message_data(store.run(run).message) for run in (failed, broken)] == [message_data(said)] * 2
    assert store.run(failed).message == said and message_data(store.run(never).message)
    store.transition(broken, {"interrupted"}, "queued", message="")
    assert store.run(broken).message == "" and message_data(store.run(broken).message) is None


def test_a_batch_is_kept_whole_or_not_at_all(store: Store) -> None:
    run = store.create({})
    with pytest.raises(TypeError):
        store.append(run, [Note("fine"), Point("a/loss", 1, 1.0), Fact("odd", object())])
    assert store.events(run) == [] and store.points(run)[0] == []
    store.append(run, [Note("and on")])
    assert len(store.events(run)) == 1


def test_a_status_moves_once(store: Store) -> None:
    run, won = store.create({}), []
    gate = threading.Barrier(8)

    def claim(owner: str) -> None:
        gate.wait()
        if store.transition(run, {"queued"}, "running", owner=owner):
            won.append(owner)

    threads = [threading.Thread(target=claim, args=(str(n),)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1 and store.run(run).owner == won[0]
    assert not store.transition(run, {"queued"}, "running")
    with pytest.raises(ValueError):
        store.transition(run, {"running"}, "done")


def test_an_ended_run_is_not_ended_again(store: Store) -> None:
    run = store.create({})
    store.transition(run, {"queued"}, "running")
    store.append(run, [Ended("finished")])
    store.append(run, [Ended("failed", "too late")])
    assert store.run(run).status == "finished"


def test_stop_by_status(store: Store) -> None:
    queued, going = store.create({}), store.create({})
    store.transition(going, {"queued"}, "running")
    assert store.ask_stop(queued) == "stopped" and store.run(queued).stops == 0
    assert store.ask_stop(going) == "stopping" and store.ask_stop(going) == "stopping"
    assert store.run(going).stops == 2
    store.append(going, [Ended("stopped")])
    assert store.ask_stop(going) == "stopped" and store.run(going).stops == 2


def test_many_writers_lose_nothing(store: Store) -> None:
    run = store.create({})

    def write(writer: int) -> None:
        for first in range(0, 1000, 50):
            store.append(run, [Point(f"w{writer}/loss", step, step / 7) for step in range(first, first + 50)])

    threads = [threading.Thread(target=write, args=(n,)) for n in range(32)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert time.monotonic() - began < 120
        store.points(run, 10**9)  # a reader beside them
        time.sleep(0.01)
    rows, _ = store.points(run)
    assert len(rows) == 32_000
    assert {(series, step) for series, step, _ in rows} == {(f"w{n}/loss", s) for n in range(32) for s in range(1000)}


WRITER = """
import sys
from distill_core.events import Point
from distill_core.runs.store import Store
store = Store()
for step in range(200):
    store.append(sys.argv[1], [Point(sys.argv[2], step, 1.0)])
store.close()
"""


def test_two_processes_write_one_store(store: Store) -> None:
    run = store.create({})
    command = [sys.executable, "-c", WRITER, run]
    others = [subprocess.Popen([*command, f"p{n}/loss"], cwd=ROOT, env=os.environ) for n in range(2)]
    for step in range(200):
        store.append(run, [Point("here/loss", step, 1.0)])
    assert [other.wait(240) for other in others] == [0, 0]
    assert len(store.points(run)[0]) == 600
    assert store.own._rows("PRAGMA integrity_check") == [("ok",)]


def test_a_search_looks_into_the_settings_that_were_changed_alone(store: Store) -> None:
    changed = {"student": "textcnn", "rules": {"mask": 0.5}, "seed": 17}
    plain, other = (store.create(DEFAULTS | more) for more in ({}, changed))

    def ids(search: str) -> list[str]:
        return [row.id for row in store.runs(search=search)]

    assert ids("textcnn") == ids("seed=17") == ids("mask rules") == [other]
    assert ids("logit_mse") == ids("first one") == [], "what all have tells none apart"
    assert ids("reviews") == [other, plain], "but the task"


def test_lists_page_search_and_sort(store: Store) -> None:
    runs = [store.create({"task": task, "seed": n}, name=name) for n, (task, name) in
            enumerate([("reviews", "Alpha"), ("sst2", "100%_sure"), ("sst2", "beta")])]  # fmt: skip
    for run, kept in zip(runs, (0.5, 0.9, None), strict=True):
        store.append(run, [Compared({"kept": kept})])

    def ids(**wanted: object) -> list[str]:
        return [row.id for row in store.runs(**wanted)]

    assert ids() == runs[::-1]
    assert ids(limit=1, offset=1) == [runs[1]]
    assert ids(search="SST2 beta") == [runs[2]]
    assert ids(search="100%_s") == [runs[1]] and ids(search="100x") == [] and ids(search="_ure") == []
    assert ids(sort="name") == [runs[1], runs[0], runs[2]]
    assert ids(sort="-kept") == [runs[1], runs[0], runs[2]], "what has no figure comes last either way"
    assert ids(sort="kept") == [runs[0], runs[1], runs[2]]
    store.transition(runs[0], {"queued"}, "running")
    assert ids(status="running") == [runs[0]] and store.count(status=("queued", "running")) == 3
    with pytest.raises(UserError, match="Choose one of: created"):
        store.runs(sort="created; DROP TABLE runs")


def test_deleted_runs_hide_and_come_back(store: Store) -> None:
    run = store.create({})
    store.update(run, hidden=1)
    assert store.runs() == [] and store.count() == 0 and [row.id for row in store.runs(hidden=True)] == [run]
    assert store.run(run).hidden
    store.update(run, hidden=0)
    assert len(store.runs()) == 1
    with pytest.raises(ValueError):
        store.update(run, status="finished")


def test_a_run_is_found_by_the_beginning_of_its_id(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownRun, match="There is no run yet"):
        store.find("last")
    ids = iter(["-starts-badly", "abc123", "abd456"])
    monkeypatch.setattr(runs_store.secrets, "token_urlsafe", lambda _: next(ids))
    first, second = store.create({}), store.create({})
    assert (first, second) == ("abc123", "abd456"), "an id must not look like an option"
    assert store.find("abc").id == first and store.find("last").id == second and store.find(second).id == second
    with pytest.raises(UnknownRun, match="Several runs begin with 'ab'"):
        store.find("ab")
    with pytest.raises(UnknownRun, match="no run 'zz'"):
        store.find("zz")
    with pytest.raises(UnknownRun):
        store.find("")


def test_places_are_private_and_never_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    store = Store(tmp_path / "new" / "home")
    if os.name == "posix":
        assert stat.S_IMODE(store.home.stat().st_mode) == 0o700
        assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(store.folder(store.create({})).stat().st_mode) == 0o700
    store.close()
    assert environment.home() == home
    monkeypatch.delenv("STILLROOM_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    assert environment.home().is_absolute() and environment.home().parent != tmp_path
    monkeypatch.setenv("STILLROOM_HOME", "~/somewhere")
    assert environment.home() == Path.home() / "somewhere"


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="Set STILLROOM_HOME"):
        Store(tmp_path / "file" / "home")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "runs.db").write_bytes(b"this is no database, however long it is " * 50)
    with pytest.raises(UserError, match="can't be read as a store"):
        Store(tmp_path / "broken")


def test_old_files_open_from_the_first_schema_on(tmp_path: Path) -> None:
    """Each migration, applied to a file that stands where it was the newest, keeps what is in it."""
    empty = Database(memory=True)
    names = [migration.name for migration in migrations.pending(empty)]
    empty.close()
    assert names[0] == "m001_runs_events_points" and names == sorted(names), "append only"
    for number in range(1, len(names) + 1):
        folder = tmp_path / str(number)
        folder.mkdir()
        old = Database(folder / "runs.db")
        migrations.apply(old, **({"stop_before": names[number]} if number < len(names) else {}))
        old["runs"].insert({"id": "x", "task": "t", "config": "{}", "status": "finished", "owner": "", "ticket": 1,
                            "created": 1.0})  # fmt: skip
        old["points"].insert({"run": "x", "series": "a/b", "step": 1, "value": 2.0})
        old["events"].insert({"run": "x", "time": 1.0, "kind": "note", "about": "", "body": '{"text": "hi"}'})
        if "made" not in old["runs"].columns_dict:  # then only the event knew what the message was made of
            old["runs"].update("x", {"message": "hi"})
            old["events"].insert({"run": "x", "time": 1.0, "kind": "note", "about": "", "body":
                                  '{"text": "hi", "made": {"say": "hi", "with": {}}}'})  # fmt: skip
            old["events"].delete_where("n = 1")
        old.close()
        store = Store(folder)
        assert store.run("x").status == "finished" and store.points("x")[0] == [("a/b", 1, 2.0)]
        [(_, note)] = store.events("x")
        assert note.text == "hi" and message_data(store.run("x").message) == note.made
        with pytest.raises(Exception, match="UNIQUE"), store.connection.transaction() as db:
            db["points"].insert({"run": "x", "series": "a/b", "step": 1, "value": 3.0})
        store.close()


def test_reading_by_cursor_is_cheap(store: Store) -> None:
    run = store.create({})
    store.append(run, [Point("a/loss", step, 1.0) for step in range(20_000)])
    _, cursor = store.points(run)
    began = time.process_time()
    for _ in range(300):
        store.points(run, cursor)
        store.events(run, cursor)
        store.run(run)
    assert (time.process_time() - began) / 300 < 0.01, "30 tabs ask once a second"
    plan = store.own._rows("EXPLAIN QUERY PLAN SELECT n FROM points WHERE run = ? AND n > ? ORDER BY n", (run, 1))
    assert "SCAN" not in str(plan) and "TEMP" not in str(plan)


# ---- examples


def test_examples_are_read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Store) -> None:
    source = Store(tmp_path / "made")
    run = source.create({"task": "reviews"}, name="An example")
    source.transition(run, {"queued"}, "running")
    source.append(run, [Point("a/loss", 1, 1.0), Note("hi"), Compared({"kept": 1.0}), Ended("finished")])
    source.close()
    package = tmp_path / "package"
    package.mkdir()
    (source.path).rename(package / EXAMPLES)
    monkeypatch.setattr(runs_examples, "__file__", str(package / "examples.py"))
    [row] = store.runs(examples=True)
    assert row.example and row.name == "An example" and store.run(run) == row and store.count(examples=True) == 1
    assert store.points(run)[0] == [("a/loss", 1, 1.0)] and [e.kind for _, e in store.events(run)][0] == "note"
    assert store.runs() == [] and store.find(run[:5]).id == run
    for change in (lambda: store.update(run, name="mine"), lambda: store.ask_stop(run)):
        with pytest.raises(UserError, match="is an example"):
            change()


def test_the_shipped_examples_open_with_todays_store(store: Store) -> None:
    if not (ROOT / EXAMPLES).is_file():
        pytest.skip(f"{EXAMPLES} is made by scripts/make_examples.py and isn't there yet")
    examples = store.runs(examples=True)
    assert len(examples) >= 3
    for row in examples:
        assert row.status == "finished" and row.example
        assert set(row.summary["scores"]) == {"floor", "control", "student", "teacher"}
        rows, _ = store.points(row.id)
        assert {"student/loss", "control/loss"} <= {series for series, _, _ in rows}
        assert any(isinstance(event, StageEnded) for _, event in store.events(row.id))
        assert str(ROOT) not in str(row) and "/home/" not in str(row), "no path of the machine it was made on"
    assert store.count() == 0


def test_home_is_the_tests_own(store: Store, home: Path) -> None:
    assert store.home == home
