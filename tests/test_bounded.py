"""Work in a child with a budget: its result comes back, and what costs too much ends with one sentence."""

import multiprocessing
import os
import sys
import time
from pathlib import Path

import pytest

from distill_core import bounded
from distill_core.bounded import MB, Budget
from distill_core.data import readers
from distill_core.errors import DataError, KnobError, UserError
from distill_core.messages import message, message_data

BUDGET = Budget(seconds=60, memory=500 * MB)


@pytest.fixture
def isolated(monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform != "linux":
        pytest.skip("forking and /proc are Linux's")
    monkeypatch.setattr(bounded, "_context", multiprocessing.get_context("fork"))


def refuse() -> None:
    raise KnobError(message("{n:row|rows} too many", n=2), "limit")


def fill() -> int:
    return len(bytearray(300 * MB))


def leave() -> None:
    os._exit(3)


def spin() -> None:
    while True:
        pass


def write(file: Path) -> None:
    with file.open("wb") as opened:
        for _ in range(10_000):
            opened.write(b"x" * MB)
            time.sleep(0.001)


@pytest.mark.usefixtures("isolated")
def test_a_child_answers_as_the_process_itself_would() -> None:
    assert bounded.call(os.getpid, name="x", budget=BUDGET) != os.getpid()
    with pytest.raises(KnobError, match="2 rows too many") as caught:
        bounded.call(refuse, name="x", budget=BUDGET)
    assert caught.value.knob == "limit" and message_data(caught.value) is not None
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):  # our own mistake stays one
        bounded.call(divmod, 1, 0, name="x", budget=BUDGET)
    assert not multiprocessing.active_children()


@pytest.mark.usefixtures("isolated")
def test_what_costs_too_much_is_ended_with_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "unpacked"
    cases = {
        "needs more than 50 MB of memory": (fill, Budget(seconds=60, memory=50 * MB)),
        "took more than 0 seconds": (spin, Budget(seconds=60, memory=500 * MB, wall=0.2)),
        r"crashed \(exit code 3\)": (leave, BUDGET),
    }
    for sentence, (work, budget) in cases.items():
        with pytest.raises(DataError, match=f"Reading bomb.csv {sentence}"):
            bounded.call(work, name="bomb.csv", budget=budget)
    with pytest.raises(DataError, match=r"bomb\.csv unpacks to more than 20 MB on disk"):
        bounded.call(write, file, name="bomb.csv", budget=Budget(seconds=60, memory=500 * MB, disk=20 * MB))
    assert file.stat().st_size < 500 * MB and not multiprocessing.active_children()


@pytest.mark.usefixtures("isolated")
def test_the_system_ends_what_computes_for_too_long() -> None:
    with pytest.raises(DataError, match="took more than 0 seconds"):
        bounded.call(spin, name="bomb.csv", budget=Budget(seconds=0.1, memory=500 * MB, wall=1_000))


@pytest.mark.usefixtures("isolated")
def test_a_helper_keeps_what_it_has_until_it_is_ended() -> None:
    helper = bounded.Helper({"STILLROOM_TEST": "one"})
    try:
        first = helper.call(os.getpid, budget=BUDGET)
        assert first != os.getpid() and helper.call(os.getenv, "STILLROOM_TEST", budget=BUDGET) == "one"
        with pytest.raises(KnobError, match="2 rows too many"):
            helper.call(refuse, budget=BUDGET)
        with pytest.raises(RuntimeError, match="ZeroDivisionError"):
            helper.call(divmod, 1, 0, budget=BUDGET)
        assert helper.call(os.getpid, budget=BUDGET) == first, "whatever it raises, it goes on"
        cases = {
            "The answer took more than 0 seconds": (spin, Budget(seconds=0.3, memory=5_000 * MB, wall=1_000)),
            "The answer took more than 60 seconds": (time.sleep, Budget(seconds=60, memory=5_000 * MB, wall=0.2), 60),
            "The answer needs more than 50 MB": (fill, Budget(seconds=60, memory=50 * MB)),
            r"Answering crashed \(exit code 3\)": (leave, BUDGET),
        }
        for sentence, (work, budget, *values) in cases.items():
            with pytest.raises(UserError, match=sentence):
                helper.call(work, *values, budget=budget)
            assert not multiprocessing.active_children()
            assert helper.call(os.getpid, budget=BUDGET) != first
    finally:
        helper.close()
    assert not multiprocessing.active_children()


@pytest.mark.usefixtures("isolated")
def test_a_table_comes_whole_out_of_a_child(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("text,label\na film,good\nbroken\nb,bad\nc,bad\n", encoding="utf-8")
    table = readers.read_table(file)
    bounded._context = None
    assert table == readers.read_table(file) and message_data(table.doubts[0]) is not None


def test_a_budget_grows_with_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(b"x" * MB)
    monkeypatch.setenv("SPACE_ID", "someone/space")
    small = readers.file_budget(file, tmp_path / "missing.csv", "\0")
    assert small.seconds <= 5 and small.memory <= 300 * MB
    assert readers.file_budget(file, file).memory > small.memory
