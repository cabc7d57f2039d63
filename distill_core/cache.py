"""Cache of folders, content-addressed: the key is everything that determines the content.

An entry appears complete or not at all: it is filled beside its place, then moved into it with `key.json` written last.
Knows nothing of its entries' content.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from distill_core.json_types import JsonValue

MARKER = "key.json"
STALE_SECONDS = 24 * 3600  # seconds after which a half-filled folder can't belong to a live run
T = TypeVar("T")
CacheKey = Mapping[str, JsonValue]  # all that decides an entry's content, by name


def digest(value: Any) -> str:
    """Digest (sha256, in hex) of any JSON value; key order doesn't matter."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Cache:
    """Cache of folders under `root`, by kind and key."""

    def __init__(self, root: Path):
        self.root = Path(root)

    def get(self, kind: str, key: CacheKey) -> Path | None:
        """Folder of the entry, or None."""
        folder = self._place(kind, key)
        return folder if (folder / MARKER).is_file() else None

    @contextmanager
    def put(self, kind: str, key: CacheKey) -> Iterator[Path]:
        """Put an entry: an empty folder to fill. It becomes the entry when the block ends, and vanishes when the
        block raises."""
        place = self._place(kind, key)
        temporary = place.parent / f".{place.name}.{uuid4().hex}"
        temporary.mkdir(parents=True)
        try:
            yield temporary
            write_atomic(temporary / MARKER, json.dumps(key, ensure_ascii=False, default=str).encode())
            for file in temporary.iterdir():
                flush_to_disk(file)
            try:
                os.replace(temporary, place)
            except OSError:
                if not (place / MARKER).is_file():
                    raise  # else another run put the same entry first, and theirs is as good as ours
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def memo(self, kind: str, key: CacheKey, make: Callable[[Path], None], load: Callable[[Path], T]) -> tuple[T, bool]:
        """Memo of an entry: what `load` reads from it, and whether it existed already; where it didn't, `make` fills
        its folder first. `make` should take minutes at most: a folder half-filled for STALE_SECONDS counts as a dead
        run's. Long work comes before, and `make` only writes its outcome."""
        if entry := self.get(kind, key):
            return load(entry), True
        with self.put(kind, key) as folder:
            make(folder)
        return load(self._place(kind, key)), False

    def count_users(self, kind: str, key: CacheKey, visitor: str) -> int:
        """Count the different visitors of an entry, with `visitor` among them from now on."""
        book = self._place(kind, key)
        book.mkdir(parents=True, exist_ok=True)
        (book / digest(visitor)[:40]).touch()
        return sum(1 for _ in book.iterdir())

    def sweep(self) -> None:
        """Sweep away what killed runs left half-filled."""
        for folder in self.root.glob("*/.*"):
            if folder.is_dir() and time.time() - folder.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)

    def _place(self, kind: str, key: CacheKey) -> Path:
        return self.root / kind / digest(key)[:40]


def write_atomic(file: Path, content: bytes) -> None:
    """Write a file so that a reader, also after a crash, finds the old content or the new, never a part."""
    with atomic_file(file) as part:
        part.write_bytes(content)


@contextmanager
def atomic_file(file: Path) -> Iterator[Path]:
    """Temporary file beside `file` to write to. It becomes `file` when the block ends, and vanishes when the block
    raises."""
    part = file.with_name(f".{uuid4().hex}.part")  # not after `file`: a long name would become too long
    try:
        yield part
        flush_to_disk(part)
        os.replace(part, file)
    finally:
        part.unlink(missing_ok=True)


def flush_to_disk(file: Path) -> None:
    """Flush a file, so that it outlives a crash of the machine."""
    if file.is_file():
        with open(file, "r+b") as opened:  # Windows flushes only what is open for writing
            os.fsync(opened.fileno())
