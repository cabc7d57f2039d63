"""A student, or its control, as a folder that predicts from raw text without Stillroom."""

import json
import shutil
from pathlib import Path
from typing import Any

from distill_core.evaluation.export import export_folder
from distill_core.registry import STUDENTS
from distill_core.student import model_card, runtime
from distill_core.student.folder import SETTINGS, read_student
from distill_core.student.persistence import load


def export(student: Path, folder: Path, report: dict[str, Any]) -> Path:
    """Copy the folder of a student or a control to `folder`, with a model card of the run's `report` and a predict.py
    that needs only torch, tokenizers and safetensors. Raises DataError where `folder` holds other files, or the one
    where it would get the other, or can't be written."""
    predictor = load(student)
    folder = Path(folder)
    with export_folder(folder, lambda: _row(folder) == predictor.settings.get("row", "student")):
        read_student(Path(student), lambda place: _copy_files(place, folder))
        encoder = STUDENTS.get(predictor.settings["student"])
        for module, name in ((runtime, "predict.py"), (encoder, "encoder.py")):
            shutil.copyfile(str(module.__file__), folder / name)
        (folder / "README.md").write_text(
            model_card.render(report, predictor.labels, predictor.settings), encoding="utf-8"
        )
    return folder


def _row(folder: Path) -> str | None:
    """Row of the comparison that an earlier export left in `folder`, None without one."""
    try:
        return str(json.loads((folder / SETTINGS).read_text(encoding="utf-8")).get("row", "student"))
    except (FileNotFoundError, ValueError, AttributeError):
        return None


def _copy_files(place: Path, folder: Path) -> None:
    for file in place.iterdir():
        if file.is_file():
            shutil.copyfile(file, folder / file.name)
