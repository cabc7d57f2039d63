"""Connection to the store's file: opened and migrated, one transaction at a time, read beside it.

One writing connection a process, WAL, and a file lock around each batch of writes: the SQLite that many Pythons ship
(before 3.51.3) can corrupt a file when two processes write and checkpoint at once. Reading goes through a second,
read-only connection and waits for nobody. A damaged file is set aside, never overwritten, and one of a newer version
is left alone. Some bytes of the disk are held in reserve, so that what became of a run can be written when it is full.
Knows nothing of what is written.
"""

import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

from filelock import FileLock
from sqlite_utils import Database

from distill_core.errors import UserError
from distill_core.faults import explain_fault
from distill_core.messages import Message, message
from distill_core.runs.migrations import NAMES, migrations
from distill_core.runs.salvage import check_database, check_schema, copy_rows, is_damaged, set_aside, sweep_copies

BUSY_SECONDS = 30
RESERVE = 1_000_000  # bytes: a hundred times what the end of a run takes


class Connection:
    """Connection that writes to `path`, shared by threads; `reader` is a read-only one beside it, for whoever opened
    this to close. Other processes may have the same file open, under the same `lock_file`. `notice` is what is to be
    said of a file that was damaged."""

    def __init__(self, path: Path, lock_file: Path):
        """Open or create the file. Raises OSError, sqlite3.DatabaseError; UserError for a file of a newer version."""
        self._path, self._lock = path, threading.RLock()
        self._file_lock = FileLock(lock_file, thread_local=False, poll_interval=0.01)
        self._reserve, self._doubt = lock_file.with_name("reserve"), lock_file.with_name("doubt")
        self.notice: Message | None = None
        self.refusal: Message | None = None
        with self._lock, self._file_lock:
            sweep_copies(path.parent)
            self._make_room()
            if not (path.exists() and path.stat().st_size) and (count := _count_folders(path.parent / "runs")):
                self.notice = message(
                    "The list of runs, {file}, is gone or empty, though {folder} has what {n:run|runs} made. A new "
                    "list was begun.", file=str(path), folder=str(path.parent / "runs"), n=count)  # fmt: skip
            try:
                self._db = self._opened()
            except sqlite3.DatabaseError as error:
                if not is_damaged(error):
                    raise
                aside = set_aside(path)
                self._db = self._opened()
                self.notice = message(
                    "The list of runs was damaged on the disk. It is set aside as {file}, and {n:run|runs} could be "
                    "read of it and taken over; what the runs made stays in {folder}.", file=str(aside),
                    n=copy_rows(aside, self._db), folder=str(path.parent / "runs"))  # fmt: skip
            self._doubt.unlink(missing_ok=True)
            try:
                uri = f"file:{quote(path.as_posix())}?mode=ro"
                self.reader = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, check_same_thread=False)
                self.reader.text_factory = lambda text: text.decode("utf-8", "replace")
            except BaseException:
                self._db.close()
                raise
            self._hold_room()

    def _opened(self) -> Database:
        """The file, sound and migrated."""
        # SQLite gives its -wal and -shm files the mode of the file itself.
        os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        writer = sqlite3.connect(self._path, timeout=BUSY_SECONDS, check_same_thread=False)
        try:
            check_database(writer, self._doubt.exists())
            writer.execute("PRAGMA journal_mode=WAL")
            writer.execute("PRAGMA synchronous=NORMAL")
            db = Database(writer)
            newer = {one.name for one in migrations.applied(db)} - set(NAMES)
            if newer:
                raise UserError(message(
                    "{file} was written by a newer version of Stillroom, and is left as it is. Install that version, "
                    "or set STILLROOM_HOME to another folder.", file=str(self._path)))  # fmt: skip
            migrations.apply(db)
            check_schema(writer)
            return db
        except BaseException:
            writer.close()
            raise

    @contextmanager
    def transaction(self, urgent: bool = False) -> Iterator[Database]:
        """Transaction, alone among threads and processes: written as one when the block ends, not at all when it
        raises. An `urgent` one may use what is held in reserve where the disk is full. Raises UserError for a fault of
        the disk, or a damaged file."""
        with self._lock, self._file_lock, self._explained():
            if urgent:
                self._make_room()
            self._db.conn.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.rollback()
                raise
            self._db.commit()
            if urgent:
                self._hold_room()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise self.explain(error) from error

    def explain(self, error: sqlite3.DatabaseError) -> Exception:
        """UserError for a fault of the disk or a damaged file, which is then looked at closely when it is opened next;
        any other error itself."""
        if is_damaged(error):
            with suppress(OSError):
                self._doubt.touch()
            return UserError(message(
                "{file} is damaged on the disk. Close Stillroom and open it again: it then sets the file aside and "
                "takes over what can be read of it.", file=str(self._path)))  # fmt: skip
        fault = explain_fault(error, self._path.parent)
        return UserError(fault) if fault else error

    def _make_room(self) -> None:
        """Give back what is held in reserve, where the disk is full."""
        with suppress(OSError):
            if shutil.disk_usage(self._path.parent).free < RESERVE:
                self._reserve.unlink(missing_ok=True)

    def _hold_room(self) -> None:
        """Hold bytes in reserve, where the disk has plenty."""
        with suppress(OSError):
            if not self._reserve.exists() and shutil.disk_usage(self._path.parent).free > 10 * RESERVE:
                self._reserve.write_bytes(os.urandom(RESERVE))  # no zeros, of which some disks would store nothing

    def close(self) -> None:
        """Close the writing connection, which can't be used afterwards."""
        # Closing the last connection checkpoints the WAL, which is a write.
        with self._lock, self._file_lock:
            self._db.close()


class ReadOnlyConnection:
    """Connection to a database that can only be read: what writes is refused with `refusal`. Where there is none that
    this version can read, `reader` has one without a run."""

    def __init__(self, path: Path, refusal: Message):
        """Open the file, if it can be read."""
        self.refusal, self.notice = refusal, refusal
        self.reader = _opened_reading(path)

    def transaction(self, urgent: bool = False) -> NoReturn:
        """Raise UserError."""
        raise UserError(self.refusal)

    def explain(self, error: sqlite3.DatabaseError) -> Exception:
        """The error itself."""
        return error

    def close(self) -> None:
        """Nothing: `reader` is closed by whoever reads."""


def _opened_reading(path: Path) -> sqlite3.Connection:
    """The file, read-only. SQLite can't open one beside which it may write nothing, unless it is called immutable."""
    for options in ("mode=ro", "mode=ro&immutable=1"):
        with suppress(sqlite3.Error):
            db = sqlite3.connect(f"file:{quote(path.as_posix())}?{options}", uri=True, check_same_thread=False)
            db.text_factory = lambda text: text.decode("utf-8", "replace")
            if {one.name for one in migrations.applied(Database(db))} == {*NAMES}:
                check_schema(db)
                return db
            db.close()
    db = sqlite3.connect(":memory:", check_same_thread=False)
    migrations.apply(Database(db))
    return db


def _count_folders(folder: Path) -> int:
    return sum(1 for one in folder.iterdir() if one.is_dir()) if folder.is_dir() else 0
