"""The network of a student in torch.

An exported student has a copy of this file and of its component's, as encoder.py, which `predict.py --torch` reads. So
this file needs torch, numpy and safetensors alone.

A component offers an `Encoder`, around which `Student` stands, or a whole network, a `Student` of its own. These meet
the others in `Sides` and in the methods that CONTRIBUTING.md lists.
"""

import inspect
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

Sides = list[tuple[Tensor, Tensor]]


def pad(rows: list[list[int]]) -> tuple[Tensor, Tensor]:
    """Rows of ids as one matrix (rows, longest) int32, padded with 0, and their lengths (rows,)."""
    lengths = torch.tensor([len(row) for row in rows])
    matrix = nn.utils.rnn.pad_sequence([torch.tensor(row, dtype=torch.int32) for row in rows], batch_first=True)
    return matrix, lengths


def take_rows(sides: Sides, rows: Tensor, device: str = "cpu") -> Sides:
    """The chosen rows of each side, no wider than the longest of them."""
    chosen = [(ids[rows], lengths[rows]) for ids, lengths in sides]
    return [(ids[:, : int(lengths.max())].to(device), lengths) for ids, lengths in chosen]


def total_lengths(sides: Sides) -> Tensor:
    """Lengths (rows,) of all sides of a row together."""
    return torch.stack([lengths for _, lengths in sides]).sum(0)


@torch.inference_mode()
def predict_logits(model: nn.Module, sides: Sides, batch: int = 256, device: str = "cpu") -> Tensor:
    """Logits (rows, labels) float32 on the CPU, in the order of the rows; rows of like length go together."""
    model.eval()
    order = torch.argsort(total_lengths(sides), stable=True)
    logits = torch.cat([model(take_rows(sides, rows, device)).float().cpu() for rows in torch.split(order, batch)])
    return torch.empty_like(logits).index_copy_(0, order, logits)


class Student(nn.Module):
    """Tang et al. 2019, section 3.1, around any encoder.

    `vectors` (entries, width) is the starting table, row 0 the padding. `channels` is "trained", "frozen" or "both":
    one frozen and one trained copy side by side, the paper's multichannel. For a pair the one encoder reads both
    sentences and the head sees [h1, h2, h1*h2, |h1-h2|]; an encoder that names a network `Pair` has that read the two
    together instead. `sizes` is what its settings hold of the table.
    """

    def __init__(
        self,
        vectors: Tensor,
        encoder: type[nn.Module],
        labels: int,
        pair: bool,
        hidden: int,
        fc: int,
        dropout: float = 0.0,
        channels: str = "trained",
        sparse: bool = False,
    ):
        super().__init__()
        self.sizes = {"entries": vectors.shape[0], "width": vectors.shape[1]}
        kinds = ("frozen", "trained") if channels == "both" else (channels,)
        self.tables = nn.ModuleDict({kind: _table(vectors, kind == "frozen", sparse) for kind in kinds})
        together = getattr(encoder, "Pair", None) if pair else None
        network: Any = (together or encoder)(vectors.shape[1] * len(kinds), hidden, dropout)
        self.encoder: nn.Module = network
        self.together = together is not None
        self.dropout = nn.Dropout(dropout)
        self.pair = pair
        inputs = network.outputs * (4 if pair else 1)
        self.head = nn.Sequential(nn.Linear(inputs, fc), nn.ReLU(), nn.Dropout(dropout), nn.Linear(fc, labels))

    def forward(self, sides: Sides) -> Tensor:
        """Logits (batch, labels) of one or two sides, each ids (batch, length) and lengths (batch,) on the CPU."""
        return self.classify(self.encode_sides(sides))

    def encode_sides(self, sides: Sides) -> list[Tensor]:
        """One vector (batch, outputs) a sentence; where the encoder reads a pair together, each knows of the other."""
        if not self.together:
            return [self.encode(ids, lengths) for ids, lengths in sides]
        (first, ends), (second, others) = sides
        return list(self.encoder(self._vectors(first), ends, self._vectors(second), others))

    def classify(self, vectors: list[Tensor]) -> Tensor:
        """Logits (batch, labels) of one vector (batch, outputs) a sentence."""
        if self.pair:
            first, second = vectors
            vectors = [first, second, first * second, (first - second).abs()]
        logits: Tensor = self.head(torch.cat(vectors, dim=1))
        return logits

    def encode(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """One vector (batch, outputs) a sentence, read alone."""
        vector: Tensor = self.encoder(self._vectors(ids), lengths)
        return vector

    @torch.no_grad()
    def shift(self, offsets: Tensor) -> None:
        """Add an offset (labels,) to the logits, for good."""
        output: Any = self.head[-1]
        output.bias += offsets.to(output.bias)

    def onnx(self, graph: Any, sides: list[tuple[str, str]]) -> str:
        """Logits of the sides, as `forward` computes them, written into an ONNX `graph`."""
        table = torch.cat([cast(Tensor, table.weight) for table in self.tables.values()], dim=1)
        read = [(graph.Gather(table, ids), lengths) for ids, lengths in sides]
        if self.together:
            vectors = list(self.encoder.onnx(graph, *read[0], *read[1]))  # type: ignore[operator]
        else:
            vectors = [self.encoder.onnx(graph, *side) for side in read]  # type: ignore[operator]
        if self.pair:
            first, second = vectors
            vectors = [first, second, graph.Mul(first, second), graph.Abs(graph.Sub(first, second))]
        inner = graph.Relu(graph.linear(graph.Concat(*vectors, axis=1), self.head[0]))
        logits: str = graph.linear(inner, self.head[-1])
        return logits

    def _vectors(self, ids: Tensor) -> Tensor:
        vectors: Tensor = self.dropout(torch.cat([table(ids) for table in self.tables.values()], dim=2))
        return vectors


def compute_logits(model: nn.Module, rows: list[list[list[int]]]) -> NDArray[np.float32]:
    """Logits (rows, labels) of rows of ids, one list of them a sentence."""
    logits: NDArray[np.float32] = predict_logits(model, [pad(side) for side in rows]).numpy()
    return logits


def load(weights: Path, settings: dict[str, Any], component: ModuleType) -> nn.Module:
    """The network of this component with the `weights` in that file."""
    state = load_file(weights)
    if own := getattr(component, "Student", None):
        network: nn.Module = own.load(state, settings)
        return network
    empty = torch.zeros(settings["entries"], settings["width"])
    network = Student(empty, component.Encoder, **{**shape_of(settings), "labels": len(settings["labels"])})
    network.load_state_dict(state)
    return network


def shape_of(settings: dict[str, Any]) -> dict[str, Any]:
    """The values in `settings` that `Student` takes, by name. What an older student's settings lack has its default."""
    return {name: settings[name] for name in inspect.signature(Student).parameters if name in settings}


def _table(vectors: Tensor, frozen: bool, sparse: bool) -> nn.Embedding:
    entries, width = vectors.shape
    return nn.Embedding(
        entries, width, padding_idx=0, sparse=sparse and not frozen, _weight=vectors.clone(), _freeze=frozen
    )


def encode_rows(vocabulary: Any, rows: Sequence[Sequence[str]], max_tokens: int, cut: str) -> Sides:
    """Rows of one or two sentences as the network reads them, `cut` as its settings say where they are longer."""
    return [pad(side) for side in vocabulary.sides(rows, max_tokens, cut)]
