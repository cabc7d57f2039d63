"""The models of a run as files to take away."""

import shutil
from pathlib import Path

import distill_core as core

# Names of the folders, and so of the zips.
FOLDERS: dict[core.ExportedRow, str] = {"student": "student", "control": "control", "floor": "baseline"}


def zip_of(run: str, row: core.ExportedRow, place: Path) -> str:
    """The exported folder of that row of the run with that whole id as a zip in `place`; its path. Raises UserError."""
    name = FOLDERS[row]
    core.export(run, place / name, row)
    return shutil.make_archive(str(place / f"{name}-{run[:8]}"), "zip", place, name)
