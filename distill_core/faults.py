"""Faults of the machine beneath a run, as far as they can be known by what a library made of them: a disk that is full,
fails or can only be read, and memory that is not there. Each is one sentence, with its figures.
"""

import errno
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from distill_core.messages import Message, message

OUT_OF_MEMORY = re.compile(
    r"can't allocate memory|cannot allocate memory|could not create a primitive|not enough memory|out of memory"
    r"|unable to allocate|bad_?alloc|tried to allocate", re.IGNORECASE)  # fmt: skip
ALLOCATION = re.compile(r"(?:allocate|allocating) ([\d.]+) ?(bytes|[KMG]i?B)", re.IGNORECASE)
UNITS = {"b": 1, "k": 2**10, "m": 2**20, "g": 2**30}
FULL, UNREADABLE, READ_ONLY = (errno.ENOSPC, errno.EDQUOT), (errno.EIO,), (errno.EROFS,)
NATIVE_CODE = re.compile(r"os error (\d+)")  # what libraries in Rust say in the place of an errno
SQLITE_CODES = {
    "database or disk is full": errno.ENOSPC, "disk I/O error": errno.EIO,
    "attempt to write a readonly database": errno.EROFS,
}  # fmt: skip
MB = 1e6
SMALLEST_NEED = 1_000_000  # bytes: no run goes on with less, however small the write that was refused


def links(error: BaseException | None) -> Iterator[BaseException]:
    """The error and all that caused it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@contextmanager
def writing(file: Path, size: int = 0) -> Iterator[None]:
    """Context of a write of so many bytes to `file`, or of whatever stands in that folder: where a disk refuses it, the
    error says later which disk it was and how much it needed."""
    try:
        yield
    except Exception as error:
        if disk_code(error) and not hasattr(error, "refused"):
            with suppress(OSError):
                size = size or sum(one.stat().st_size for one in file.iterdir())
            error.refused = (file, size)  # type: ignore[attr-defined]
        raise


def disk_code(error: BaseException) -> int | None:
    """Number (errno) of a disk's refusal, None where the error is none."""
    for link in links(error):
        code = link.errno if isinstance(link, OSError) else None
        if found := None if code else NATIVE_CODE.search(str(link)):
            code = int(found[1])
        code = code or next((number for words, number in SQLITE_CODES.items() if words in str(link)), None)
        if code in (*FULL, *UNREADABLE, *READ_ONLY):
            return code
    return None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory was refused."""
    return any(
        isinstance(link, MemoryError)
        or (isinstance(link, OSError) and link.errno == errno.ENOMEM)
        or (isinstance(link, RuntimeError | OSError) and OUT_OF_MEMORY.search(str(link)))
        for link in links(error)
    )


def explain_fault(error: BaseException, folder: Path, peak: int | None = None) -> Message | None:
    """Sentence on a fault of the disk that holds `folder`, or of memory, of which the process had taken `peak` bytes;
    None for any other error."""
    if code := disk_code(error):
        return _explain_disk(error, code, folder)
    return _explain_memory(error, peak) if is_out_of_memory(error) else None


def _explain_disk(error: BaseException, code: int, folder: Path) -> Message:
    place, needed = next((link.refused for link in links(error) if hasattr(link, "refused")), (folder, 0))
    disk = next(one for one in (place, *place.parents) if one.is_dir())
    if code in UNREADABLE:
        return message(
            "The disk that holds {folder} fails: it could not be read or written. Look after that disk; what was "
            "finished before stays there, and the run can be resumed.", folder=str(disk))  # fmt: skip
    if code in READ_ONLY:
        return message(
            "The disk that holds {folder} can only be read. Make it writable, or set STILLROOM_HOME to a folder that "
            "you may write to, and resume the run.", folder=str(disk))  # fmt: skip
    free = 0
    with suppress(OSError):
        free = shutil.disk_usage(disk).free
    return message(
        "The disk that holds {folder} is full: {free:,.1f} MB are free, and at least {needed:,.1f} MB more were "
        "needed. Make room there and resume the run: what was finished before stays.",
        folder=str(disk), free=free / MB, needed=max(needed, SMALLEST_NEED) / MB)  # fmt: skip


def _explain_memory(error: BaseException, peak: int | None) -> Message:
    taken, found = (peak or 0) / MB, ALLOCATION.search(" ".join(map(str, links(error))))
    if found:
        needed = float(found[1]) * UNITS[found[2][0].lower()] / MB
        return message(
            "The run is out of memory: it had taken {peak:,.0f} MB, and {needed:,.0f} MB more were refused. Choose a "
            "smaller teacher, fewer rows a step ({knob:knob}) or fewer tokens a text, or free memory, and resume it.",
            peak=taken, needed=needed, knob="teacher_batch")  # fmt: skip
    return message(
        "The run is out of memory: it had taken {peak:,.0f} MB and needs more. Choose a smaller teacher, fewer rows a "
        "step ({knob:knob}) or fewer tokens a text, or free memory, and resume it.",
        peak=taken, knob="teacher_batch")  # fmt: skip
