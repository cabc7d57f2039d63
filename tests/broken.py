"""Files as a disk may leave them. A module of its own, so that conftest is imported once."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

REFUSALS = [errno.ENOSPC, errno.EIO, errno.EROFS]

BREAKS = ["cut", "empty", "zeros", "gone", "bit in its head", "bit in its middle", "bit in its tail"]


def break_file(file: Path, how: str) -> None:
    """Break a file in one of the ways BREAKS."""
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    file.unlink()
    if how.startswith("bit"):
        content[{"head": 0, "middle": middle, "tail": -1}[how.split()[-1]]] ^= 1
    elif how == "cut":
        del content[middle:]
    elif how == "empty":
        content.clear()
    elif how == "zeros":
        content[:] = bytes(len(content))
    if how != "gone":
        file.write_bytes(content)


@contextmanager
def failing_disk(moment: int, code: int) -> Iterator[Callable[[], int]]:
    """A disk that refuses from its act number `moment` on; gives the number of acts so far."""
    count = 0

    def refusing(act: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            count += 1
            if count >= moment:
                raise OSError(code, os.strerror(code))
            return act(*args, **kwargs)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in ((Path, "write_bytes"), (Path, "write_text"), (Path, "mkdir"), (os, "fsync"),
                            (os, "replace"), (os, "rename"), (os, "link"), (shutil, "copyfile")):  # fmt: skip
            patch.setattr(owner, name, refusing(getattr(owner, name)))
        yield lambda: count
