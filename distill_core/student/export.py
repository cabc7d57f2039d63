"""A student as a folder that predicts from raw text without Stillroom."""

import shutil
from pathlib import Path
from typing import Any

from distill_core.errors import DataError
from distill_core.messages import message, os_error_reason
from distill_core.registry import STUDENTS
from distill_core.student import model_card, runtime
from distill_core.student.folder import SETTINGS, read_student
from distill_core.student.persistence import load


def export(student: Path, folder: Path, report: dict[str, Any]) -> Path:
    """Copy the student's folder to `folder`, with a model card of the run's `report` and a predict.py that needs only
    torch, tokenizers and safetensors. Raises DataError where `folder` holds other files or can't be written."""
    predictor = load(student)
    folder = Path(folder)
    try:
        if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / SETTINGS).is_file())):
            raise DataError(message("{folder} already holds something else. Name a new or an empty folder.",
                                   folder=str(folder)))  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        read_student(Path(student), lambda place: _copy_files(place, folder))
        encoder = STUDENTS.get(predictor.settings["student"])
        for module, name in ((runtime, "predict.py"), (encoder, "encoder.py")):
            shutil.copyfile(str(module.__file__), folder / name)
        (folder / "README.md").write_text(
            model_card.render(report, predictor.labels, predictor.settings), encoding="utf-8"
        )
    except OSError as error:
        raise DataError(message("The student can't be written to {folder} ({why}). Name a folder you may write to.",
                               folder=str(folder), why=os_error_reason(error))) from error  # fmt: skip
    return folder


def _copy_files(place: Path, folder: Path) -> None:
    for file in place.iterdir():
        if file.is_file():
            shutil.copyfile(file, folder / file.name)
