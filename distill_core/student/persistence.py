"""A student's folder: written, calibrated and loaded."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

import torch
from safetensors.torch import save as serialised
from torch import nn

from distill_core.cache import checksums, write_atomic, write_file
from distill_core.config.knobs import names_of
from distill_core.config.schema import Config
from distill_core.evaluation.export import intact
from distill_core.evaluation.summary import ObjectiveName
from distill_core.registry import STUDENTS, VOCABULARIES
from distill_core.student.familiarity import Familiarity
from distill_core.student.folder import SETTINGS, read_student, replace_student, settle
from distill_core.student.network import Student, shape_of
from distill_core.student.predictor import Predictor
from distill_core.student.runtime import CHECKSUMS, WEIGHTS, Vocabulary, read_settings, settings_checksum
from distill_core.student.source import EmbeddingSource


def settings(
    config: Config, labels: Sequence[str], pair: bool, model: Any, objective: ObjectiveName = "single_label"
) -> dict[str, Any]:
    """The settings from which `Predictor.load` builds the network again, as JSON."""
    chosen = {name: getattr(config, name) for name in names_of(affecting=("network",))}
    return {"labels": list(labels), "objective": objective, "pair": pair, **model.sizes, **chosen}


def has_own_network(student: str) -> bool:
    """Whether students of that kind are whole networks, with a vocabulary of their own and weights from the source."""
    return hasattr(STUDENTS.get(student), "Student")


def vocabulary_module(student: str) -> ModuleType | None:
    """The file with the vocabulary of students of that kind, None where they have that of the transfer set."""
    name = getattr(STUDENTS.get(student), "VOCABULARY", None)
    return VOCABULARIES.get(name) if name else None


def choose_vocabulary(
    config: Config, student: str, vocabulary: Vocabulary, source: EmbeddingSource | None
) -> Vocabulary:
    """The vocabulary of students of that kind: their own, or the `vocabulary` of the transfer set."""
    if not (module := vocabulary_module(student)):
        return vocabulary
    own: Vocabulary = module.Vocabulary.of(source, vocabulary, config)
    return own


def check_source(config: Config, model: Any) -> None:
    """Raise UserError where a student of the config that is a network of its own can't come from a teacher's `model`:
    before hours of training, not after."""
    for student in dict.fromkeys([config.student, *config.students]):
        if has_own_network(student) and (check := getattr(STUDENTS.get(student).Student, "check", None)):
            check(model, config)


def build_model(
    config: Config, student: str, vectors: torch.Tensor, outputs: int, pair: bool, source: EmbeddingSource | None,
    vocabulary: Vocabulary, sparse: bool = False, texts: Sequence[tuple[str, ...]] = (),
) -> nn.Module:  # fmt: skip
    """Build a student of that kind around the starting `vectors` (entries, width), or a whole network from the
    `source` for its `vocabulary`, which may be chosen by its answers to some `texts` of the transfer set; its other
    weights are drawn from torch's generator as it stands."""
    if has_own_network(student):
        own: nn.Module = STUDENTS.get(student).Student.of(source, outputs, config, vocabulary, texts)
        return own
    shape = shape_of({name: getattr(config, name) for name in names_of(affecting=("network",))})
    return Student(vectors, STUDENTS.get(student).Encoder, outputs, pair, **shape, sparse=sparse)


def save(predictor: Predictor, folder: Path) -> None:
    """Save the student into `folder`, in place of an earlier one, whose files are replaced together or not at all."""

    def write(place: Path) -> None:
        weights = {name: value.contiguous().cpu() for name, value in predictor.model.state_dict().items()}
        write_file(place / WEIGHTS, serialised(weights))
        predictor.vocabulary.save(place)
        write_settings(place, predictor.settings, checksums(place))

    replace_student(folder, write)


def calibrate(
    folder: Path, temperature: float, defer: Mapping[str, float] = MappingProxyType({}),
    familiarity: Familiarity | None = None,
) -> None:  # fmt: skip
    """Set the temperature of the student in `folder`, which divides its logits before they become probabilities, the
    thresholds on these below which it defers to its teacher, by the share of agreement that each promises, and what
    texts it is familiar with."""
    settle(folder)
    stored = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    sums = stored.pop(CHECKSUMS, None)
    settings = stored | {"temperature": temperature, "defer": dict(defer)}
    write_settings(folder, settings | ({"familiarity": familiarity} if familiarity else {}), sums)


def load(folder: Path) -> Predictor:
    """The student in `folder`. Raises DataError without one, and where it is damaged."""
    with intact(folder):
        return read_student(Path(folder), read)


def read(place: Path) -> Predictor:
    """The student whose files are in `place`. A damaged file raises anything."""
    name = json.loads((place / SETTINGS).read_text(encoding="utf-8"))["student"]
    own = vocabulary_module(name)
    return Predictor.load(place, STUDENTS.get(name), own.Vocabulary if own else Vocabulary)


def load_labels(folder: Path) -> tuple[list[str], Vocabulary | None]:
    """Labels and vocabulary of the student in `folder`, without its weights; None for the vocabulary of a network of
    its own. Raises DataError without a student, and where it is damaged."""

    def labels_of(place: Path) -> tuple[list[str], Vocabulary | None]:
        settings = read_settings(place)
        return settings["labels"], None if has_own_network(settings["student"]) else Vocabulary.load(place)

    with intact(folder):
        return read_student(Path(folder), labels_of)


def write_settings(folder: Path, settings: dict[str, Any], sums: dict[str, str] | None) -> None:
    """Write the settings with the checksums of the other files; without any where the student is older than these."""
    value = settings | ({CHECKSUMS: {**sums, SETTINGS: settings_checksum(settings)}} if sums else {})
    write_atomic(folder / SETTINGS, json.dumps(value, ensure_ascii=False, indent=1).encode())
