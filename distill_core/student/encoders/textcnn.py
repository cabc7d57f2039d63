"""Convolutions over three, four and five words, and the strongest answer of each filter (Kim 2014)."""

from typing import Any

import torch
from torch import Tensor, nn

INT8 = False  # with weights of 8 bits half as many texts a second [benchmarks/RESULTS.md, "ONNX networks"]


class Encoder(nn.Module):
    """Vectors (batch, length, inputs) -> each filter's highest answer (batch, 3 * hidden)."""

    SIZES = (3, 4, 5)

    def __init__(self, inputs: int, hidden: int, dropout: float = 0.0):
        super().__init__()
        self.filters = nn.ModuleList(nn.Conv1d(inputs, hidden, size) for size in self.SIZES)
        self.outputs = 3 * hidden

    def forward(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        lengths = lengths.to(vectors.device)[:, None]
        place = torch.arange(vectors.shape[1], device=vectors.device)[None]
        words = (vectors * (place < lengths).unsqueeze(2)).transpose(1, 2)
        highest = []
        for size, filters in zip(self.SIZES, self.filters, strict=True):
            edge = size - 1  # so that a filter wider than the text still sees all of it
            answers = torch.relu(filters(nn.functional.pad(words, (edge, edge))))
            window = torch.arange(answers.shape[2], device=vectors.device)[None]
            highest.append(answers.masked_fill((window >= lengths + edge).unsqueeze(1), 0.0).amax(2))
        return torch.cat(highest, dim=1)

    def onnx(self, graph: Any, vectors: str, lengths: str) -> str:
        own = graph.Unsqueeze(graph.inside(vectors, lengths), [2])
        words = graph.Transpose(graph.Where(own, vectors, 0.0), perm=[0, 2, 1])
        highest = []
        for size, filters in zip(self.SIZES, self.filters, strict=True):
            edge = size - 1
            answers = graph.Relu(graph.Conv(words, filters.weight, filters.bias, pads=[edge, edge]))
            answers = graph.Transpose(answers, perm=[0, 2, 1])
            highest.append(graph.maximum(answers, graph.Add(lengths, torch.tensor(edge, dtype=torch.int32))))
        vector: str = graph.Concat(*highest, axis=1)
        return vector
