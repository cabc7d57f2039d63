"""The models of a run as files to take away."""

import shutil
from pathlib import Path
from typing import Literal

import distill_core as core

FOLDERS = {"student": "student", "floor": "baseline"}  # by row of the comparison


def zip_of(run: str, row: Literal["student", "floor"], place: Path) -> str:
    """The exported folder of that row of the run with that whole id as a zip in `place`; its path. Raises UserError."""
    name = FOLDERS[row]
    core.export(run, place / name, row)
    return shutil.make_archive(str(place / f"{name}-{run[:8]}"), "zip", place, name)
