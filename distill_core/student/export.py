"""A student as a folder that predicts from raw text without Stillroom."""

import shutil
from pathlib import Path
from typing import Any

from distill_core.evaluation.export import export_folder
from distill_core.registry import STUDENTS
from distill_core.student import model_card, runtime
from distill_core.student.folder import SETTINGS, read_student
from distill_core.student.persistence import load


def export(student: Path, folder: Path, report: dict[str, Any]) -> Path:
    """Copy the student's folder to `folder`, with a model card of the run's `report` and a predict.py that needs only
    torch, tokenizers and safetensors. Raises DataError where `folder` holds other files or can't be written."""
    predictor = load(student)
    folder = Path(folder)
    with export_folder(folder, SETTINGS):
        read_student(Path(student), lambda place: _copy_files(place, folder))
        encoder = STUDENTS.get(predictor.settings["student"])
        for module, name in ((runtime, "predict.py"), (encoder, "encoder.py")):
            shutil.copyfile(str(module.__file__), folder / name)
        (folder / "README.md").write_text(
            model_card.render(report, predictor.labels, predictor.settings), encoding="utf-8"
        )
    return folder


def _copy_files(place: Path, folder: Path) -> None:
    for file in place.iterdir():
        if file.is_file():
            shutil.copyfile(file, folder / file.name)
