"""Uploads: what others dropped on the page goes after a while, and nothing that a run will still read."""

import os
import time
from pathlib import Path

import pytest

import distill_core as core
from distill_core.runs.store import Store


def test_an_upload_goes_after_its_hours_unless_it_was_given_again_or_a_run_waits_for_it(
    home: Path, tmp_path: Path, toy_csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = core.save_upload(toy_csv)  # of who sits at this machine
    os.utime(own.parent, (0, 0))
    assert core.sweep_uploads(hours=24) == 0
    monkeypatch.setenv("STILLROOM_AUDIENCE", "room")
    assert not core.is_upload(own)
    copies = {}
    for name in ("old", "again", "waiting", "listed", "begun", "new"):
        file = tmp_path / f"{name}.csv"
        file.write_text(f"{toy_csv.read_text(encoding='utf-8')}{name},good\n", encoding="utf-8")
        copies[name] = core.save_upload(file)
        if name != "new":
            os.utime(copies[name].parent, (time.time() - 25 * 3600,) * 2)
    core.save_upload(tmp_path / "again.csv")
    store = Store(home)
    base = core.Config.of(task="file", train=str(copies["waiting"]), unlabelled=str(copies["listed"]))
    store.create(base.model_dump())
    begun = store.create(core.Config.of(task="file", train=str(copies["begun"])).model_dump())
    store.transition(begun, ["queued"], "stopped")
    assert core.sweep_uploads(hours=48) == 0
    assert core.sweep_uploads(hours=24) == 2
    left = {name for name, copy in copies.items() if copy.is_file()}
    assert left == {"again", "waiting", "listed", "new"}
    assert core.sweep_uploads(hours=24) == 0 and own.is_file()


def test_a_bank_of_a_waiting_run_stays(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STILLROOM_AUDIENCE", "room")
    file = tmp_path / "bank.txt"
    file.write_text("a text\n")
    bank = core.save_upload(file)
    os.utime(bank.parent, (0, 0))
    store = Store(home)
    run = store.create(core.Config.of(bank=[str(bank)]).model_dump())
    assert core.sweep_uploads(hours=1) == 0 and bank.is_file()
    store.transition(run, ["queued"], "stopped")
    assert core.sweep_uploads(hours=1) == 1 and not bank.parent.exists()


@pytest.fixture(autouse=True)
def _closed() -> None:
    core.close()
