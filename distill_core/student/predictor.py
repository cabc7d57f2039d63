"""The predictor: a trained student with its vocabulary and settings, for raw texts.

Knows nothing of teachers, runs or the store. The source of its classes goes into predict.py.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn

from distill_core.student.batching import pad, predict_logits
from distill_core.student.model import Student
from distill_core.student.vocabulary import Vocabulary


@dataclass(frozen=True)
class Prediction:
    """The likeliest label, and the probability of each label."""

    label: str
    probabilities: dict[str, float]


class Predictor:
    """A student that takes raw texts: strings, or pairs of strings where it was trained on pairs."""

    def __init__(self, model: Student, vocabulary: Vocabulary, settings: dict[str, Any]):
        self.model, self.vocabulary, self.settings = model.eval(), vocabulary, settings
        self.labels: list[str] = settings["labels"]

    def __call__(self, texts: Sequence[str | Sequence[str]]) -> list[Prediction]:
        """One prediction a text. Raises ValueError where a text is not of the kind the student was trained on."""
        if not texts:
            return []
        rows = [(row,) if isinstance(row, str) else tuple(row) for row in texts]
        width = 2 if self.settings["pair"] else 1
        for i, row in enumerate(rows):
            if len(row) != width or not all(isinstance(side, str) for side in row):
                kind = "two sentences" if width == 2 else "one text"
                raise ValueError(f"Text {i + 1} should be {kind}, but it is {texts[i]!r}.")
        # the temperature, fitted on validation rows, calibrates the probabilities; the labels stay the same
        probabilities = torch.softmax(self.logits(rows) / self.settings.get("temperature", 1.0), dim=1).tolist()
        return [
            Prediction(self.labels[max(range(len(p)), key=p.__getitem__)], dict(zip(self.labels, p, strict=True)))
            for p in probabilities
        ]

    def logits(self, rows: Sequence[Sequence[str]]) -> torch.Tensor:
        """Logits (rows, labels) of rows of one or two sentences."""
        sides = [pad(self.vocabulary.ids(side, self.settings["max_tokens"])) for side in zip(*rows, strict=True)]
        return predict_logits(self.model, sides)

    @classmethod
    def load(cls, folder: Path, encoder: type[nn.Module]) -> "Predictor":
        """The student in `folder`, whose encoder is of this class."""
        settings = json.loads((folder / "student.json").read_text(encoding="utf-8"))
        shape = {name: settings[name] for name in ("labels", "pair", "hidden", "fc", "dropout", "channels")}
        empty = torch.zeros(settings["entries"], settings["width"])
        model = Student(empty, encoder, **{**shape, "labels": len(settings["labels"])})
        model.load_state_dict(load_file(folder / "model.safetensors"))
        return cls(model, Vocabulary.load(folder), settings)
