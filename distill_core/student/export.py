"""A student, or its control, as a folder that predicts from raw text without Stillroom."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from distill_core.cache import checksum
from distill_core.evaluation.export import draw_texts, export_folder, package_name, write_package
from distill_core.evaluation.rounding import Loss, Row
from distill_core.registry import STUDENTS
from distill_core.student import model_card, network, runtime
from distill_core.student.folder import SETTINGS, read_student
from distill_core.student.onnx_export import NoOnnx, Parity, check, write_int8, write_onnx
from distill_core.student.persistence import load, vocabulary_module, write_settings
from distill_core.student.predictor import Predictor
from distill_core.student.runtime import CHECKSUMS, LEFT_OUT, NETWORKS

LIBRARIES = {  # that predict.py needs, by where the network runs
    "onnx": ("numpy>=2", "onnxruntime>=1.20", "tokenizers>=0.22"),
    "torch": ("numpy>=2", "safetensors>=0.6", "tokenizers>=0.22", "torch>=2.6"),
}


def export(student: Path, folder: Path, report: dict[str, Any], scored: Sequence[tuple[Row, str]] = ()) -> Path:
    """Copy the folder of a student or a control to `folder`, with its network as ONNX, if that answers the texts that
    were `scored` as torch does, once more with weights of 8 bits, if by the rows' labels these cost little, a model
    card of the run's `report` and a predict.py that needs only numpy, onnxruntime and tokenizers, or else numpy, torch,
    tokenizers and safetensors. Raises DataError where `folder` holds other files, or the one where it would get the
    other, or can't be written."""
    predictor = load(student)
    folder = Path(folder)
    with export_folder(folder, lambda: _row(folder) == predictor.settings.get("row", "student")):
        for name in (*NETWORKS.values(), "vocabulary.py"):  # an earlier export may have what this one has not
            (folder / name).unlink(missing_ok=True)
        read_student(Path(student), lambda place: _copy_files(place, folder))
        kind = predictor.settings["student"]
        code = {"predict.py": runtime, "network.py": network, "encoder.py": STUDENTS.get(kind)}
        if vocabulary := vocabulary_module(kind):
            code["vocabulary.py"] = vocabulary
        for name, module in code.items():
            shutil.copyfile(str(module.__file__), folder / name)
        parity, loss = _write_networks(predictor, folder, scored)
        libraries = LIBRARIES["onnx" if parity else "torch"]
        row = str(predictor.settings.get("row", "student"))
        name = package_name(str(report.get("title") or report.get("task", "")), row)
        texts = draw_texts(list(predictor.vocabulary.tokenizer.get_vocab()), 1 + predictor.settings["pair"])
        write_package(
            folder, name, model_card.title(report, predictor.settings), libraries, {"torch": LIBRARIES["torch"]},
            [(text, answer.probabilities) for text, answer in zip(texts, predictor(texts), strict=True)],
        )  # fmt: skip
        (folder / "README.md").write_text(
            model_card.render(report, predictor.labels, predictor.settings, name, parity, loss), encoding="utf-8"
        )
    return folder


def left_out(folder: Path) -> dict[str, str]:
    """Why an exported folder lacks a network, as a sentence, by where that would run."""
    file = folder / SETTINGS
    reasons: dict[str, str] = json.loads(file.read_text(encoding="utf-8")).get(LEFT_OUT, {}) if file.is_file() else {}
    return reasons


def _write_networks(
    student: Predictor, folder: Path, scored: Sequence[tuple[Row, str]]
) -> tuple[Parity | None, Loss | None]:
    """Write the networks that pass their gates, and into the settings which were left out and why."""
    parity, loss, reasons = None, None, {}
    network = "onnx"
    try:
        content = write_onnx(student)
        parity = check(student, content, [text for text, _ in scored])
        (folder / NETWORKS[network]).write_bytes(content)
        network = "int8"
        content, loss = write_int8(student, content, scored)
        (folder / NETWORKS[network]).write_bytes(content)
    except NoOnnx as reason:
        reasons = {name: str(reason) for name in (network, "int8")}
    settings = student.settings | ({LEFT_OUT: reasons} if reasons else {})
    sums = json.loads((folder / SETTINGS).read_text(encoding="utf-8")).get(CHECKSUMS, {})
    added = [folder / file for file in NETWORKS.values() if file not in sums]
    write_settings(folder, settings, sums | {file.name: checksum(file) for file in added if file.is_file()})
    student.settings = settings
    return parity, loss


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
