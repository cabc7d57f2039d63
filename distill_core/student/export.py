"""A student as a folder that predicts from raw text without Stillroom."""

import inspect
import shutil
import sys
from pathlib import Path
from typing import Any

from distill_core.errors import DataError
from distill_core.messages import message, os_error_reason
from distill_core.registry import STUDENTS
from distill_core.student import batching, model_card
from distill_core.student.model import Student
from distill_core.student.persistence import SETTINGS, load
from distill_core.student.predictor import Prediction, Predictor
from distill_core.student.vocabulary import Vocabulary


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
        for file in Path(student).iterdir():
            if file.is_file():
                shutil.copyfile(file, folder / file.name)
        (folder / "predict.py").write_text(_program(predictor.settings["student"]), encoding="utf-8")
        (folder / "README.md").write_text(
            model_card.render(report, predictor.labels, predictor.settings), encoding="utf-8"
        )
    except OSError as error:
        raise DataError(message("The student can't be written to {folder} ({why}). Name a folder you may write to.",
                               folder=str(folder), why=os_error_reason(error))) from error  # fmt: skip
    return folder


def _program(student: str) -> str:
    encoder = STUDENTS.get(student).Encoder
    network = inspect.getsource(sys.modules[Student.__module__])
    batches = inspect.getsource(batching)
    network = network[network.index("class Student") :] + "\n\n" + batches[batches.index("Sides =") :]
    body = [inspect.getsource(encoder), network, inspect.getsource(Vocabulary), inspect.getsource(Prediction)]
    imports = sorted({*_imports(inspect.getsource(sys.modules[encoder.__module__]))})
    return PROGRAM.format(imports="\n".join(imports), body="\n\n".join(body), predictor=inspect.getsource(Predictor))


def _imports(source: str) -> list[str]:
    """The imports of an encoder's file that predict.py lacks."""
    lines = [line for line in source.splitlines() if line.startswith(("import ", "from "))]
    return [line for line in lines if line not in PROGRAM]


PROGRAM = '''"""Predict with this student from raw text.

    python predict.py "a text" "another text"        one JSON line a text
    python predict.py --pair "one" "other"           for a student of sentence pairs
    python predict.py < texts.txt                    one text a line (pairs: tab-separated)

Needs torch, tokenizers and safetensors. From Python: `load()(["a text"])`.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn
{imports}


{body}

{predictor}

def load(folder=Path(__file__).parent):
    """The student in `folder`."""
    return Predictor.load(Path(folder), Encoder)


if __name__ == "__main__":
    given = sys.argv[1:]
    if given[:1] == ["--pair"]:
        texts = [tuple(given[1:3])]
    else:
        texts = given or [line.rstrip("\\n") for line in sys.stdin]
        if load().settings["pair"]:
            texts = [tuple(line.split("\\t")) for line in texts]
    for row, prediction in zip(texts, load()(texts)):
        print(json.dumps({{"text": row, "label": prediction.label, "probabilities": prediction.probabilities}}))
'''
