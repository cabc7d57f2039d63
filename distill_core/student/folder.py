"""A student's folder, whose files are replaced together or not at all.

A new student is written whole into a folder within, becomes the student by one rename of that folder, and only then are
its files copied out over the earlier ones. A process that is killed, at whatever moment, leaves the earlier student or
the new one; who reads meanwhile gets one of the two. No folder is renamed that a reader may have open: Windows refuses.
"""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from distill_core.cache import flush_to_disk
from distill_core.errors import DataError
from distill_core.messages import message

SETTINGS = "student.json"  # a folder without it holds no student
PART, NEXT = ".part", ".next"  # within a student's folder: a student that is being written, and one that is complete
RETRIES = 20  # of a folder that lacks a file, though it looks as it did
T = TypeVar("T")


def replace_student(folder: Path, write: Callable[[Path], None]) -> None:
    """Replace the student in `folder`, if any, by the one that `write` writes into an empty folder."""
    settle(folder)
    part = _empty(folder / PART)
    try:
        write(part)
        for file in part.iterdir():
            flush_to_disk(file)
        os.rename(part, folder / NEXT)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    with suppress(PermissionError):  # Windows, where somebody reads: the student stays within for the while
        settle(folder)


def settle(folder: Path) -> None:
    """Copy a student out that a replacement, perhaps a killed one, left complete in a folder within."""
    ready = folder / NEXT
    if (ready / SETTINGS).is_file():
        part = _empty(folder / PART)
        for file in ready.iterdir():
            _copy(file, part / file.name)
            os.replace(part / file.name, folder / file.name)
        (ready / SETTINGS).unlink()  # first: from here on `folder` itself is read
        shutil.rmtree(part, ignore_errors=True)
    shutil.rmtree(ready, ignore_errors=True)


def _copy(file: Path, copy: Path) -> None:
    try:
        os.link(file, copy)  # costs nothing, and no file of a student is ever changed in place
    except OSError:  # exFAT and some network folders know no links
        shutil.copyfile(file, copy)
        flush_to_disk(copy)


def _empty(folder: Path) -> Path:
    """The folder, without what a killed process left there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def current(folder: Path) -> Path | None:
    """Folder that holds the files of the student in `folder`: this one or the one within; None without a student."""
    return next((place for place in (folder / NEXT, folder) if (place / SETTINGS).is_file()), None)


def stamp(folder: Path) -> tuple[str, int, int] | None:
    """Stamp of the student in `folder`, which changes with it; None without a student."""
    try:
        place = current(folder)
        stat = (place / SETTINGS).stat() if place else None
    except FileNotFoundError:
        return stamp(folder)  # replaced in between
    return (str(place), stat.st_ino, stat.st_mtime_ns) if stat else None


def read_student(folder: Path, read: Callable[[Path], T]) -> T:
    """What `read` makes of the folder that holds the student's files, all of one student: it reads again where they
    were replaced meanwhile. Raises DataError without a student."""
    attempt = 0
    while True:
        before, place = stamp(folder), current(folder)
        if place is None:
            raise DataError(message("There is no student in {folder}: it has no {file}. Give the folder that export "
                                   "wrote.", folder=str(folder), file=SETTINGS))  # fmt: skip
        try:
            value = read(place)
        except Exception as error:  # of half one student and half the other, whatever that is
            # A clock of coarse ticks may give two students one stamp, but no complete one lacks a file.
            unnoticed = isinstance(error, FileNotFoundError) and attempt < RETRIES
            if stamp(folder) == before and not unnoticed:
                raise
            attempt += 1
            continue
        if stamp(folder) == before:
            return value
