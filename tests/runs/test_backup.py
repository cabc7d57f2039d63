"""Copies of ended runs in a bucket: there when this machine's disk is gone, and nothing but whole ones."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from distill_core.runs import archive, backup
from distill_core.runs.backup import Backup, backup_folder
from distill_core.runs.store import Store

PACKED = Path(__file__).parents[1] / "fixtures" / "506be2f" / "packed.zip"
HOLDER = "ab" * 32


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    (tmp_path / "bucket").mkdir()
    return tmp_path / "bucket"


@pytest.fixture
def store(tmp_path: Path, bucket: Path) -> Iterator[Store]:
    """A store with an ended run that somebody holds, copied to the bucket."""
    store = Store(tmp_path / "home")
    store.update(archive.import_run(store, PACKED), holder=HOLDER)
    Backup(store, bucket).save()
    yield store
    store.close()


@pytest.mark.parametrize("audience", ["local", "space"])
def test_a_run_comes_back_on_another_disk_under_its_id_and_with_who_may_change_it(
    audience: str, tmp_path: Path, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STILLROOM_AUDIENCE", audience)
    first, second = Store(tmp_path / "first"), Store(tmp_path / "second")
    run = archive.import_run(first, PACKED)
    first.update(run, holder=HOLDER if audience == "space" else "", name="Mine")
    Backup(first, bucket).save()
    assert {file.suffix for file in bucket.iterdir()} == {".zip"}  # no database, nothing half written
    again = Backup(second, bucket)
    assert again.restore() == [run] and again.restore() == []
    row = second.run(run)
    assert row.name == "Mine" and row.summary == first.run(run).summary and row.ended == first.run(run).ended
    assert row.holder == first.run(run).holder
    before = [file.stat().st_mtime_ns for file in bucket.iterdir()]
    again.save()
    assert [file.stat().st_mtime_ns for file in bucket.iterdir()] == before  # not copied back
    first.close(), second.close()


def test_a_run_that_goes_on_is_copied_anew_and_a_deleted_one_goes(store: Store, bucket: Path) -> None:
    (file,) = bucket.iterdir()
    os.utime(file, (1, 1))  # an old copy
    copies = Backup(store, bucket)
    assert copies.restore() == []
    copies.save()
    assert file.stat().st_mtime > 1  # of before the run's end
    (row,) = store.runs()
    with store.connection.transaction() as db:  # as a resumed run ends once more
        db.table("runs").update(row.id, {"ended": row.ended + 1})
    os.utime(file, (1, 1))
    copies.save()
    assert file.stat().st_mtime > 1
    store.update(row.id, hidden=1)
    copies.save()
    assert list(bucket.iterdir()) == [] and copies.restore() == []


def test_a_damaged_copy_and_a_full_bucket_are_named_and_harm_nothing(
    store: Store, bucket: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (bucket / "damaged1.zip").write_bytes(b"PK")
    (bucket / "note.txt").write_text("mine")
    (bucket / "-option-like.zip").write_text("no run's name")
    empty = Store(tmp_path / "empty")
    assert len(Backup(empty, bucket).restore()) == 1
    assert "damaged1.zip was not taken in" in capsys.readouterr().err and (bucket / "damaged1.zip").is_file()
    empty.close()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backup.shutil, "copyfile", full)
    (row,) = store.runs()
    copies = Backup(store, bucket)
    for _ in range(2):
        copies.save()
    assert capsys.readouterr().err.count(f"Run {row.id} was not copied") == 1
    assert not [file for file in bucket.iterdir() if file.name.endswith(".part")]


def test_the_folder_is_named_or_that_of_a_space(bucket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPACE_ID", raising=False)
    assert backup_folder() is None
    monkeypatch.setenv("STILLROOM_BACKUP", str(bucket))
    assert backup_folder() == bucket
    monkeypatch.setenv("STILLROOM_BACKUP", str(bucket / "none"))
    assert backup_folder() is None
