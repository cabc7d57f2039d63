"""Example runs that ship with Stillroom."""

import sqlite3
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from sqlite_utils import Database

from distill_core.runs.migrations import migrations
from distill_core.runs.queries import RunQueries

EXAMPLES = "runs.db.example"


def load_examples() -> RunQueries:
    """Load the example runs into memory, migrated; none where their file is missing."""
    memory = sqlite3.connect(":memory:", check_same_thread=False)
    room = Path(__file__).parent
    for file in (room.parents[1] / EXAMPLES, room / EXAMPLES):
        with suppress(sqlite3.DatabaseError):  # without its examples the store still works
            if file.is_file():
                source = sqlite3.connect(f"file:{quote(file.as_posix())}?mode=ro&immutable=1", uri=True)
                source.backup(memory)
                source.close()
                break
    migrations.apply(Database(memory))
    return RunQueries(memory, example=True)
