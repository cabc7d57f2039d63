"""Copies of ended runs in a folder that outlives this machine's disk, such as a bucket mounted into a Space.

Each is a packed run (`archive`), named by its id and, on a public host, by the digest of the key of who may change it.
The database never goes there: a mounted bucket has no locks.
"""

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from distill_core.errors import UserError
from distill_core.events import ENDED
from distill_core.runs import archive
from distill_core.runs.store import Store

NEWEST = 200  # ended runs among which new ones are looked for
FILE = re.compile(r"(?P<run>[A-Za-z0-9][\w-]{7,63})(?:\.(?P<holder>[\w-]{8,128}))?\.zip", re.ASCII)


def backup_folder() -> Path | None:
    """Folder for copies: STILLROOM_BACKUP, or on a Hugging Face Space its bucket, /data. None where there is none that
    can be written to."""
    named = os.environ.get("STILLROOM_BACKUP") or ("/data" if os.environ.get("SPACE_ID") else "")
    folder = Path(named).expanduser()
    return folder if named and folder.is_dir() and os.access(folder, os.W_OK) else None


class Backup:
    """Backup of the runs of `store` in `folder`. For one thread."""

    def __init__(self, store: Store, folder: Path):
        self._store, self._folder = store, folder
        self._ended: dict[str, float | None] = {}  # of the runs that were looked at: when they ended

    def restore(self) -> list[str]:
        """Import what the store lacks; the ids. What can't be read is named on stderr and stays where it is."""
        restored = []
        for run, holder, file in self._copies():
            row = next(iter(self._store.runs(1, ids=[run]) or self._store.runs(1, ids=[run], hidden=True)), None)
            if row is None:
                try:
                    found = archive.import_run(self._store, file, run)
                except UserError as error:
                    print(f"The copy {file.name} was not taken in. {error}", file=sys.stderr)
                    continue
                self._store.update(found, holder=holder)
                row = self._store.run(found)
                restored.append(found)
            if not row.hidden and file.stat().st_mtime >= (row.ended or 0):
                self._ended[row.id] = row.ended
        return restored

    def save(self) -> None:
        """Copy the runs that have ended since the last call, and delete the copies of those that were deleted. What
        can't be copied is named on stderr, once."""
        rows = self._store.runs(NEWEST, status=ENDED, sort="-ended")
        for row in rows:
            if row.id not in self._ended or self._ended[row.id] != row.ended:
                self._ended[row.id] = row.ended
                try:
                    self._copy(row.id, row.holder)
                except (UserError, OSError) as error:
                    print(f"Run {row.id} was not copied to {self._folder}. {error}", file=sys.stderr)
        there = {row.id for row in self._store.runs(len(self._ended) or 1, ids=list(self._ended))}
        for run in self._ended.keys() - there:
            self._delete(run)
            del self._ended[run]

    def _copy(self, run: str, holder: str) -> None:
        with tempfile.TemporaryDirectory() as place:  # packed on a disk of this machine: a bucket takes whole files
            packed = archive.export_run(self._store, run, Path(place) / "run.zip")
            file = self._folder / (f"{run}.{holder}.zip" if holder else f"{run}.zip")
            part = self._folder / f".{file.name}.part"
            try:
                shutil.copyfile(packed, part)
                os.replace(part, file)
            finally:
                part.unlink(missing_ok=True)

    def _delete(self, run: str) -> None:
        for found, _, file in self._copies():
            if found == run:
                with suppress(OSError):
                    file.unlink()

    def _copies(self) -> Iterator[tuple[str, str, Path]]:
        """Run, holder and file of each copy, the oldest first."""
        found = [(named, file) for file in self._folder.iterdir() if (named := FILE.fullmatch(file.name))]
        for named, file in sorted(found, key=lambda one: one[1].stat().st_mtime):
            yield named["run"], named["holder"] or "", file
