"""Bag of vectors: their mean, word order forgotten. The fastest by far (the idea of Model2Vec's classifier)."""

from typing import Any

import torch
from torch import Tensor, nn

ORDER = False  # reading the words backwards changes nothing
INT8 = False  # with weights of 8 bits a little slower [benchmarks/RESULTS.md, "ONNX networks"]


class Encoder(nn.Module):
    """Vectors (batch, length, inputs) -> their mean (batch, inputs). Without weights: table and head learn."""

    def __init__(self, inputs: int, hidden: int, dropout: float = 0.0):
        super().__init__()
        self.outputs = inputs

    def forward(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        lengths = lengths.to(vectors.device)[:, None]
        own = torch.arange(vectors.shape[1], device=vectors.device)[None] < lengths
        return (vectors * own.unsqueeze(2)).sum(1) / lengths

    def onnx(self, graph: Any, vectors: str, lengths: str) -> str:
        mean: str = graph.mean(vectors, lengths)
        return mean
