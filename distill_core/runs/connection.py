"""Connection to the store's file: opened and migrated, one transaction at a time, read beside it.

One writing connection a process, WAL, and a file lock around each batch of writes: the SQLite that many Pythons ship
(before 3.51.3) can corrupt a file when two processes write and checkpoint at once. Reading goes through a second,
read-only connection and waits for nobody. Knows nothing of what is written.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from filelock import FileLock
from sqlite_utils import Database

from distill_core.runs.migrations import migrations

BUSY_SECONDS = 30


class Connection:
    """Connection that writes to `path`, shared by threads; `reader` is a read-only one beside it, for whoever opened
    this to close. Other processes may have the same file open, under the same `lock_file`."""

    def __init__(self, path: Path, lock_file: Path):
        """Open or create the file. Raises OSError, sqlite3.DatabaseError."""
        self._lock = threading.RLock()
        self._file_lock = FileLock(lock_file, thread_local=False, poll_interval=0.01)
        # SQLite gives its -wal and -shm files the mode of the file itself.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        with self._lock, self._file_lock:
            writer = sqlite3.connect(path, timeout=BUSY_SECONDS, check_same_thread=False)
            try:
                writer.execute("PRAGMA journal_mode=WAL")
                writer.execute("PRAGMA synchronous=NORMAL")
                self._db = Database(writer)
                migrations.apply(self._db)
                uri = f"file:{quote(path.as_posix())}?mode=ro"
                self.reader = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, check_same_thread=False)
            except BaseException:
                writer.close()
                raise

    @contextmanager
    def transaction(self) -> Iterator[Database]:
        """Transaction, alone among threads and processes: written as one when the block ends, not at all when it
        raises."""
        with self._lock, self._file_lock:
            self._db.conn.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.rollback()
                raise
            self._db.commit()

    def close(self) -> None:
        """Close the writing connection, which can't be used afterwards."""
        # Closing the last connection checkpoints the WAL, which is a write.
        with self._lock, self._file_lock:
            self._db.close()
