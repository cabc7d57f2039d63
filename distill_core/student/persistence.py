"""A student's folder: written, calibrated and loaded."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as serialised
from torch import nn

from distill_core.cache import write_atomic
from distill_core.config.knobs import names_of
from distill_core.config.schema import Config
from distill_core.errors import DataError
from distill_core.messages import message
from distill_core.registry import STUDENTS
from distill_core.student.runtime import Predictor, Student, Vocabulary, shape_of
from distill_core.student.source import EmbeddingSource

SETTINGS = "student.json"
WEIGHTS = "model.safetensors"


def settings(config: Config, labels: Sequence[str], pair: bool, model: Any) -> dict[str, Any]:
    """The settings from which `Predictor.load` builds the network again, as JSON."""
    chosen = {name: getattr(config, name) for name in names_of(affecting=("network",))}
    return {"labels": list(labels), "pair": pair, **model.sizes, **chosen}


def has_own_network(student: str) -> bool:
    """Whether students of that kind are whole networks, with a vocabulary of their own and weights from the source."""
    return hasattr(STUDENTS.get(student), "Student")


def choose_vocabulary(student: str, vocabulary: Vocabulary, source: EmbeddingSource | None) -> Vocabulary:
    """The vocabulary of students of that kind: their own, or the `vocabulary` of the transfer set."""
    if not has_own_network(student):
        return vocabulary
    own: Vocabulary = STUDENTS.get(student).Vocabulary.of(source)
    return own


def build_model(
    config: Config, student: str, vectors: torch.Tensor, outputs: int, pair: bool, source: EmbeddingSource | None,
    sparse: bool = False,
) -> nn.Module:  # fmt: skip
    """Build a student of that kind around the starting `vectors` (entries, width), or a whole network from the
    `source`; its other weights are drawn from torch's generator as it stands."""
    if has_own_network(student):
        own: nn.Module = STUDENTS.get(student).Student.of(source, outputs, config)
        return own
    shape = shape_of({name: getattr(config, name) for name in names_of(affecting=("network",))})
    return Student(vectors, STUDENTS.get(student).Encoder, outputs, pair, **shape, sparse=sparse)


def save(predictor: Predictor, folder: Path) -> None:
    """Write the student into `folder`, the settings last: with them the folder is complete. A better student of the
    same run replaces the weights in one move, so that a reader meanwhile gets one student or the other."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value.contiguous().cpu() for name, value in predictor.model.state_dict().items()}
    write_atomic(folder / WEIGHTS, serialised(weights))
    if not (folder / SETTINGS).is_file():
        predictor.vocabulary.save(folder)
    write_atomic(folder / SETTINGS, json.dumps(predictor.settings, ensure_ascii=False, indent=1).encode())


def calibrate(folder: Path, temperature: float) -> None:
    """Set the temperature of the student in `folder`, which divides its logits before the softmax."""
    calibrated = json.loads((folder / SETTINGS).read_text(encoding="utf-8")) | {"temperature": temperature}
    write_atomic(folder / SETTINGS, json.dumps(calibrated, ensure_ascii=False, indent=1).encode())


def load(folder: Path) -> Predictor:
    """The student in `folder`. Raises DataError without one."""
    folder = Path(folder)
    if not (folder / SETTINGS).is_file():
        raise DataError(message("There is no student in {folder}: it has no {file}. Give the folder that export wrote.",
                               folder=str(folder), file=SETTINGS))  # fmt: skip
    name = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))["student"]
    return Predictor.load(folder, STUDENTS.get(name))
