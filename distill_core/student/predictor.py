"""A student at hand: its network in torch, to train, to look into and to write, and its vocabulary."""

from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from distill_core.student import network, runtime


class Predictor(runtime.Predictor):
    """A student that takes raw texts, with its network as `model`."""

    def __init__(self, model: nn.Module, vocabulary: runtime.Vocabulary, settings: dict[str, Any]):
        self.model = model.eval()
        super().__init__(partial(network.compute_logits, model), vocabulary, settings)

    @classmethod
    def load(cls, folder: Path, component: ModuleType, vocabulary: type[runtime.Vocabulary]) -> "Predictor":
        """The student in `folder`, of this component and kind of vocabulary. Raises DamagedFile."""
        settings = runtime.read_settings(folder)
        return cls(network.load(folder / runtime.WEIGHTS, settings, component), vocabulary.load(folder), settings)
