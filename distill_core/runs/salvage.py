"""A damaged database: set aside as it is, and what can be read of it copied into a new one.

Nothing of the damaged file is overwritten: what is read of it is read from a copy. Knows nothing of what the rows mean.
"""

import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from sqlite_utils import Database

TABLES = ("runs", "events", "points")
READ = (  # whatever the schema says
    "SELECT id, config, status FROM runs LIMIT 0", "SELECT n, run, time, kind, about, body FROM events LIMIT 0",
    "SELECT n, run, series, step, value FROM points LIMIT 0",
)  # fmt: skip
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
LONGEST_CUT = 2**30  # bytes
COPIES = ".salvage-"  # beginning of the folder of a copy that is read
ENDINGS = ("-wal", "-shm", "")  # of the files that are one database; that which gives it its name goes last


class DamagedDatabase(sqlite3.DatabaseError):
    """The database differs from what SQLite wrote."""


def is_damaged(error: BaseException) -> bool:
    """Whether the error says that the database's file is damaged."""
    code = getattr(error, "sqlite_errorcode", None) or 0
    return isinstance(error, DamagedDatabase) or code & 0xFF in DAMAGED


def check_database(db: sqlite3.Connection, thorough: bool) -> None:
    """Raise DamagedDatabase where the file's structure is not sound; `thorough` looks into its indexes too."""
    (found,) = next(db.execute(f"PRAGMA {'integrity' if thorough else 'quick'}_check(1)"))
    if found != "ok":
        raise DamagedDatabase(found)


def check_schema(db: sqlite3.Connection) -> None:
    """Raise DamagedDatabase where a table or a column is missing that was once made."""
    for sql in READ:
        try:
            db.execute(sql)
        except sqlite3.OperationalError as error:
            raise DamagedDatabase(str(error)) from error


def set_aside(path: Path) -> Path:
    """Rename the database's files; returns the new name. Raises OSError."""
    aside = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
    while aside.exists():
        aside = aside.with_name(f"{aside.name}-again")
    for ending in ENDINGS:
        if (file := path.with_name(path.name + ending)).exists():
            os.rename(file, aside.with_name(aside.name + ending))
    return aside


def sweep_copies(home: Path) -> None:
    """Delete the copies of damaged databases that killed processes left in `home`. No other process may be copying."""
    for folder in home.glob(f"{COPIES}*"):
        shutil.rmtree(folder, ignore_errors=True)


def copy_rows(aside: Path, db: Database) -> int:
    """Copy into `db`, whose tables are empty, all rows that can be read of the database set aside; returns the number
    of runs."""
    with tempfile.TemporaryDirectory(dir=aside.parent, prefix=COPIES) as folder:
        copy = Path(folder) / "runs.db"
        for ending in ("-wal", ""):
            if (file := aside.with_name(aside.name + ending)).exists():
                shutil.copyfile(file, copy.with_name(copy.name + ending))
        _lengthen(copy)
        for table in TABLES:
            known = [column.name for column in db.table(table).columns]
            for row in _readable_rows(copy, table):
                values = {name: value for name, value in row.items() if name in known and value is not None}
                names, marks = ", ".join(values), ", ".join("?" * len(values))
                try:
                    db.conn.execute(f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})", [*values.values()])
                except sqlite3.Error:  # a value that the damage made to one of another kind
                    continue
        db.conn.commit()
    return int(db.conn.execute("SELECT count(*) FROM runs").fetchone()[0])


def _lengthen(file: Path) -> None:
    """Put zeros in the place of what a database was cut off by: SQLite reads nothing of a file that is too short."""
    size = file.stat().st_size
    with file.open("r+b") as opened:
        head = opened.read(32)
        expected = int.from_bytes(head[16:18]) * int.from_bytes(head[28:32])  # bytes a page, and pages
        if size < expected < size + LONGEST_CUT:
            opened.truncate(expected)


def _readable_rows(file: Path, table: str) -> Iterator[dict[str, object]]:
    """Rows of a table from its beginning to the damage, and from its end back to it."""
    for way in ("ASC", "DESC"):
        db = sqlite3.connect(file)
        db.text_factory = lambda text: text.decode("utf-8", "replace")
        try:
            rows = db.execute(f"SELECT rowid, * FROM {table} ORDER BY rowid {way}")
            names = [column[0] for column in rows.description]
            for row in rows:
                yield dict(zip(names, row, strict=True))
            return
        except sqlite3.Error:
            continue
        finally:
            db.close()
