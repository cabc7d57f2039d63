"""The store: nothing said is lost or told twice, by many threads, by two processes, over old files and broken ones."""

import errno
import math
import os
import shutil
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from broken import break_file
from sqlite_utils import Database

from distill_core import environment
from distill_core.config.schema import DEFAULTS
from distill_core.errors import UnknownRun, UserError
from distill_core.events import KINDS, Compared, Ended, Event, Fact, Note, Point, Progress, StageEnded, StageStarted
from distill_core.messages import message, message_data
from distill_core.runs import connection
from distill_core.runs import examples as runs_examples
from distill_core.runs import store as runs_store
from distill_core.runs.examples import EXAMPLES
from distill_core.runs.migrations import migrations
from distill_core.runs.queries import SORTS
from distill_core.runs.salvage import DamagedDatabase
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


@pytest.mark.parametrize("kind", ["whole", "older", "newer", "missing"])
def test_a_home_that_cannot_be_written_to_is_read(tmp_path: Path, kind: str) -> None:
    store = Store(tmp_path)
    run = store.create({"task": "file"}, name="mine")
    store.append(run, [Point("student/loss", 1, 0.5)])
    if kind in ("older", "newer"):
        change = "DELETE FROM _sqlite_migrations WHERE name = ?" if kind == "older" else (
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('stillroom', ?, '')")  # fmt: skip
        store.connection._db.conn.execute(change, ("m004_made",) if kind == "older" else ("m999_later",))
        store.connection._db.conn.commit()
    store.close()
    if kind == "missing":
        (tmp_path / "runs.db").unlink()
    (tmp_path / "locks" / "write").unlink(missing_ok=True)
    (tmp_path / "locks" / "write").mkdir()  # root may write to whatever belongs to others
    with pytest.raises(UserError, match="can't hold the runs"):
        Store(tmp_path)
    store = Store(tmp_path, reading=True)
    assert store.refusal and store.notice == store.refusal
    assert [row.name for row in store.runs()] == (["mine"] if kind == "whole" else [])
    assert store.points(run)[0] == ([("student/loss", 1, 0.5)] if kind == "whole" else [])
    assert store.count(examples=True) > 0
    shutil.rmtree(tmp_path / "runs")
    for write in (lambda: store.create({}), lambda: store.append(run, [Note("n")])):
        with pytest.raises(UserError, match="Set STILLROOM_HOME to a folder that you may write to"):
            write()
    assert not store.folder(run).exists()
    store.close()


@pytest.mark.parametrize("how", ["cut", "zeros", "no database", "page", "schema"])
def test_a_damaged_store_is_set_aside_and_what_can_be_read_of_it_is_taken_over(tmp_path: Path, how: str) -> None:
    store = Store(tmp_path)
    runs = [store.create({"task": "file"}, name=f"run {number}") for number in range(40)]
    for run in runs:
        store.append(run, [Note("n" * 500), Point("student/loss", 1, 0.5)])
    store.close()
    file = tmp_path / "runs.db"
    content = bytearray(file.read_bytes())
    middle = content.rindex(b"n" * 500) // 4096 * 4096
    if how == "cut":
        del content[-8192:]
    elif how == "zeros":
        content[:] = bytes(len(content))
    elif how == "no database":
        content[:] = b"this is no database, however long it is " * 50
    elif how == "page":
        content[middle : middle + 4096] = bytes(4096)
    else:
        at = content.index(b"CREATE TABLE")
        content[at : at + 6] = b"CREAPE"
    file.write_bytes(content)
    store = Store(tmp_path)
    (aside,) = tmp_path.glob("runs.db.damaged-*")
    assert aside.read_bytes() == content, "it is left as it was found"
    assert store.notice.startswith("The list of runs was damaged on the disk") and aside.name in store.notice
    found = store.runs(100)
    if how in ("cut", "page"):
        assert {row.name for row in found} == {f"run {number}" for number in range(40)}
        assert sum(len(store.events(run)) for run in runs) >= 20 and "40 runs could be read" in store.notice
    assert store.run(store.create({"task": "file"})).status == "queued"
    store.close()
    assert Store(tmp_path).notice == ""


@pytest.mark.parametrize("how", ["empty", "gone"])
def test_a_list_of_runs_that_is_gone_is_told_of_while_there_are_folders(tmp_path: Path, how: str) -> None:
    store = Store(tmp_path)
    assert store.notice == "" and store.folder(store.create({"task": "file"})).is_dir()
    store.close()
    break_file(tmp_path / "runs.db", how)
    store = Store(tmp_path)
    assert "is gone or empty" in store.notice and "what 1 run made" in store.notice
    store.close()


def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    store = Store(tmp_path)
    run = store.create({"task": "file"})
    store.connection._db.table("_sqlite_migrations").insert({"migration_set": "stillroom", "name": "m999_later",
                                                             "applied_at": ""})  # fmt: skip
    store.connection._db.conn.commit()
    store.close()
    before = (tmp_path / "runs.db").read_bytes()
    with pytest.raises(UserError, match="written by a newer version of Stillroom.* Install that version, or set"):
        Store(tmp_path)
    assert (tmp_path / "runs.db").read_bytes() == before and run


def test_a_damaged_row_costs_that_row_alone(store: Store) -> None:
    run, other = store.create({"task": "file", "epochs": 3}), store.create({"task": "file"})
    store.append(run, [Note("first"), Note("second")])
    with store.connection.transaction() as db:
        db.execute("UPDATE runs SET config = substr(config, 3), summary = '{' WHERE id = ?", (run,))
        db.execute("UPDATE events SET body = x'7b22ff' WHERE n = (SELECT min(n) FROM events WHERE run = ?)", (run,))
    assert (store.run(run).config, store.run(run).summary) == ({}, None)
    first, second = (event.text for _, event in store.events(run))
    assert "damaged on the disk" in first and second == "second"
    for sort in SORTS:
        assert {row.id for row in store.runs(sort=sort, search="file")} == {run, other}


def test_damage_that_is_met_later_is_looked_at_closely_when_the_store_opens_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.create({"task": "file"}, name="mine")
    sentence = "damaged on the disk. Close Stillroom and open it again"
    with pytest.raises(UserError, match=sentence), store.connection.transaction():
        raise DamagedDatabase("an index lacks a row")
    store.close()
    with pytest.MonkeyPatch.context() as patch:
        looked = []
        patch.setattr(connection, "check_database", lambda db, thorough: looked.append(thorough))
        for _ in range(2):
            Store(tmp_path).close()
    assert looked == [True, False]


def test_the_end_of_a_run_can_be_written_on_a_full_disk(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    reserve, run = store.home / "locks" / "reserve", store.create({"task": "file"})
    assert store.transition(run, {"queued"}, "running") and reserve.stat().st_size == connection.RESERVE
    monkeypatch.setattr(connection.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9, 0))
    store.append(run, [Note("not urgent")])
    assert reserve.exists()
    assert store.ask_stop(run) == "stopping" and not reserve.exists()
    monkeypatch.undo()
    store.append(run, [Ended("stopped", "Stopped.")])
    assert reserve.exists() and store.run(run).status == "stopped"


@pytest.mark.parametrize(("code", "words"), [
    (errno.EROFS, "access is denied"), (errno.ENOSPC, "the disk is full"), (errno.EACCES, "access is denied"),
])  # fmt: skip
def test_a_home_that_cant_be_written_is_one_sentence(
    tmp_path: Path, code: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    for owner, name in ((Path, "mkdir"), (connection.os, "open")):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, refuse)
            with pytest.raises(UserError, match=f"can't hold the runs .{words}.. Set STILLROOM_HOME"):
                Store(tmp_path / name)


def test_a_database_that_meets_a_full_disk_says_so(store: Store) -> None:
    store.connection._db.execute("PRAGMA max_page_count = 1")  # SQLite's own word for a full disk
    run = store.create({"task": "file"})
    with pytest.raises(UserError, match="The disk that holds .* is full"):
        store.append(run, [Note("n" * 10_000)])
    store.connection._db.execute("PRAGMA max_page_count = 1000000")
    store.append(run, [Note("n" * 10_000)])


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
