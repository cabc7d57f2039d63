"""Cache of folders, content-addressed: the key is everything that determines the content.

An entry appears complete or not at all: it is filled beside its place, then moved into it with `key.json` written last.
Its files' checksums stand beside them and are compared when it is read. An entry that is damaged, whatever did it, is
set aside and made anew: a broken file is never for ever. Knows nothing of its entries' content.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from distill_core.environment import sweep_stale
from distill_core.faults import is_out_of_memory, writing
from distill_core.json_types import JsonValue

MARKER = "key.json"
CHECKSUMS = "sha256.json"  # of an entry's files; entries of earlier versions have none
DAMAGED = ".damaged"  # ending of a folder that was set aside
HALF_WRITTEN = re.compile(r"(\.[0-9a-f]{32})?\.part|\..+\.[0-9a-f]{32}")  # that of earlier versions, too
T = TypeVar("T")
CacheKey = Mapping[str, JsonValue]  # all that decides an entry's content, by name


def digest(value: Any) -> str:
    """Digest (sha256, in hex) of any JSON value; key order doesn't matter."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Cache:
    """Cache of folders under `root`, by kind and key. `damaged` lists the kinds of the entries that were set aside."""

    def __init__(self, root: Path):
        self.root = Path(root)
        self.damaged: list[str] = []

    def has(self, kind: str, key: CacheKey) -> bool:
        """Whether there is such an entry, intact or not."""
        return (self._place(kind, key) / MARKER).is_file()

    def get(self, kind: str, key: CacheKey) -> Path | None:
        """Folder of the entry, or None. A damaged one is set aside."""
        return self.read(kind, key, lambda folder: folder)

    def read(self, kind: str, key: CacheKey, load: Callable[[Path], T]) -> T | None:
        """What `load` reads from the entry, or None. A damaged one is set aside: one that differs from its checksums,
        or that is older than these and that `load` can't read."""
        folder = self._place(kind, key)
        if not folder.exists():
            return None
        checked = (folder / CHECKSUMS).is_file()
        if _is_of(folder, key) and damaged_file(folder) is None:
            try:
                return load(folder)
            except Exception as error:
                if checked or is_out_of_memory(error):
                    raise
        self._set_aside(folder)
        return None

    @contextmanager
    def put(self, kind: str, key: CacheKey) -> Iterator[Path]:
        """Put an entry: an empty folder to fill. It becomes the entry when the block ends, and vanishes when the
        block raises."""
        place = self._place(kind, key)
        temporary = place.parent / f".{place.name}.{uuid4().hex}"
        temporary.mkdir(parents=True)
        try:
            with writing(temporary):
                yield temporary
                marker = json.dumps(key, ensure_ascii=False, default=str).encode()
                sums = checksums(temporary) | {MARKER: hashlib.sha256(marker).hexdigest()}
                write_file(temporary / CHECKSUMS, json.dumps(sums).encode())
                write_atomic(temporary / MARKER, marker)
                for file in temporary.iterdir():
                    flush_to_disk(file)
            self.get(kind, key)  # sets a damaged one aside that nobody had read
            try:
                os.replace(temporary, place)
            except OSError:
                if not (place / MARKER).is_file():
                    raise  # else another run put the same entry first, and theirs is as good as ours
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def memo(self, kind: str, key: CacheKey, make: Callable[[Path], None], load: Callable[[Path], T]) -> tuple[T, bool]:
        """Memo of an entry: what `load` reads from it, and whether it existed already; where it didn't, `make` fills
        its folder first. `make` should take minutes at most: a folder half-filled for a day counts as a dead
        run's. Long work comes before, and `make` only writes its outcome."""
        found = self.read(kind, key, lambda folder: (load(folder),))
        if found:
            return found[0], True
        with self.put(kind, key) as folder:
            make(folder)
        return load(self._place(kind, key)), False

    def count_users(self, kind: str, key: CacheKey, visitor: str) -> int:
        """Count the different visitors of an entry, with `visitor` among them from now on."""
        book = self._place(kind, key)
        book.mkdir(parents=True, exist_ok=True)
        (book / digest(visitor)[:40]).touch()
        return sum(1 for _ in book.iterdir())

    def sweep(self, alone: bool = False) -> None:
        """Sweep away what killed runs left half-filled, at once where no run but the caller's may live (`alone`), and
        what was set aside a day ago."""
        sweep_stale(self.root, "*/.*")
        for folder in self.root.glob("*/.*") if alone else ():
            if folder.is_dir() and folder.suffix != DAMAGED:
                shutil.rmtree(folder, ignore_errors=True)

    def _set_aside(self, folder: Path) -> None:
        """Set a damaged entry aside, for whoever wants to look, until it is swept."""
        aside = folder.with_name(f".{folder.name}.{uuid4().hex}{DAMAGED}")
        with suppress(OSError):  # another run has just done it, or the disk can only be read
            os.rename(folder, aside)
            os.utime(aside)  # it is stale from now on, not since it was made
            self.damaged.append(folder.parent.name)

    def _place(self, kind: str, key: CacheKey) -> Path:
        return self.root / kind / digest(key)[:40]


def checksums(folder: Path) -> dict[str, str]:
    """The sha256 of each file in `folder`, by its name."""
    return {file.name: checksum(file) for file in sorted(folder.iterdir()) if file.is_file()}


def checksum(file: Path) -> str:
    """The sha256 of a file's content, in hex."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def damaged_file(folder: Path) -> str | None:
    """Name of a file in `folder` that is not as its checksum says; None where all are, or there are no checksums."""
    if not (folder / CHECKSUMS).is_file():
        return None
    name: str = CHECKSUMS
    with suppress(OSError, ValueError, AttributeError):
        for name, expected in json.loads((folder / CHECKSUMS).read_text(encoding="utf-8")).items():
            if checksum(folder / name) != expected:
                return name
        return None
    return name


def _is_of(folder: Path, key: CacheKey) -> bool:
    """Whether the entry in `folder` is complete, and of that key."""
    with suppress(OSError, ValueError):
        return digest(json.loads((folder / MARKER).read_text(encoding="utf-8"))) == digest(key)
    return False


def write_file(file: Path, content: bytes) -> None:
    """Write a new file, which an interruption may leave half written: for a folder that is put in its place as one."""
    with writing(file, len(content)):
        file.write_bytes(content)


def write_atomic(file: Path, content: bytes) -> None:
    """Write a file so that a reader, also after a crash, finds the old content or the new, never a part."""
    with writing(file, len(content)), atomic_file(file) as part:
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


def sweep(folder: Path) -> None:
    """Sweep away what a killed process left half written in `folder` and those within, whose only writer it was."""
    for place in [*folder.rglob(".*")]:
        if HALF_WRITTEN.fullmatch(place.name):
            with suppress(OSError):
                if place.is_dir():
                    shutil.rmtree(place, ignore_errors=True)
                else:
                    place.unlink()


def flush_to_disk(file: Path) -> None:
    """Flush a file, so that it outlives a crash of the machine."""
    if file.is_file():
        with open(file, "r+b") as opened:  # Windows flushes only what is open for writing
            os.fsync(opened.fileno())
