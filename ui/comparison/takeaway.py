"""The models of a run as files to take away."""

import re
import shutil
from pathlib import Path

import distill_core as core

from ..components.formatting import size
from ..components.html import note
from ..components.templates import render
from ..i18n.translate import translate

# Names of the folders, and so of the zips.
FOLDERS: dict[core.ExportedRow, str] = {"student": "student", "control": "control", "floor": "baseline"}


def zip_of(run: str, row: core.ExportedRow, place: Path) -> str:
    """The exported folder of that row of the run with that whole id as a zip in `place`; its path. Raises UserError."""
    name = FOLDERS[row]
    core.export(run, place / name, row)
    return shutil.make_archive(str(place / f"{name}-{run[:8]}"), "zip", place, name)


def describe_zip(file: Path, row: core.ExportedRow) -> str:
    """A line on the zip of that row that `zip_of` made: its size, and what it needs."""
    lines = (file.with_name(FOLDERS[row]) / "requirements.txt").read_text(encoding="utf-8").splitlines()
    names = ", ".join(re.split(r"[<>=]", line)[0] for line in lines)
    return note(translate("compare.handed", file=file.name, size=size(file.stat().st_size), libraries=names))


def page_of(run: str, row: core.ExportedRow, place: Path) -> str:
    """That row of the run with that whole id as one HTML file in `place`; its path. Raises UserError."""
    return str(core.export_html(run, place / f"{FOLDERS[row]}-{run[:8]}.html", row))


def describe_page(file: Path) -> str:
    """A line on the page that `page_of` made."""
    return note(translate("compare.handed.html", file=file.name, size=size(file.stat().st_size)))


def takeaways(run: str) -> str:
    """A table of what can be taken home of the run with that whole id: its size, what it needs, how it is used."""
    rows = [
        (translate(f"takeaway.{one.kind}"), size(one.bytes), ", ".join(one.needs) or translate("takeaway.nothing"),
         translate(f"takeaway.{one.kind}.use"))
        for one in core.takeaways(run)
    ]  # fmt: skip
    head = [translate(f"takeaway.{column}") for column in ("what", "size", "needs", "use")]
    return render("comparison/takeaways.html", head=head, rows=rows) if rows else ""
