"""A small transformer: two layers of self-attention over the words, then the mean (Vaswani et al. 2017)."""

import math
from typing import Any

import torch
from torch import Tensor, nn


class Encoder(nn.Module):
    """Vectors (batch, length, inputs) -> the mean of the upper layer's states (batch, hidden, made even)."""

    def __init__(self, inputs: int, hidden: int, dropout: float = 0.0):
        super().__init__()
        heads = max(1, hidden // 32)
        size = math.ceil(hidden / (2 * heads)) * 2 * heads
        self.inner = nn.Linear(inputs, size)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(size, heads, 2 * size, dropout, batch_first=True, norm_first=True)
            for _ in range(2)
        )
        self.norm = nn.LayerNorm(size)
        self.outputs = size

    def forward(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        lengths = lengths.to(vectors.device)[:, None]
        place = torch.arange(vectors.shape[1], device=vectors.device)
        beyond = place[None] >= lengths
        states: Tensor = self.inner(vectors) + self.places(place)
        for layer in self.layers:
            states = layer(states, src_key_padding_mask=beyond)
        normed: Tensor = self.norm(states)
        return normed.masked_fill(beyond.unsqueeze(2), 0.0).sum(1) / lengths

    def places(self, place: Tensor) -> Tensor:
        """Sines and cosines of the places (length,) -> (length, size): defined beyond the longest training text."""
        half = self.outputs // 2
        pace = torch.exp(-math.log(10_000.0) * torch.arange(half, device=place.device) / half)
        angle = place[:, None] * pace[None]
        return torch.cat([angle.sin(), angle.cos()], dim=1)

    def onnx(self, graph: Any, vectors: str, lengths: str) -> str:
        place = graph.Cast(graph.places(vectors), to=1)
        pace = torch.exp(-math.log(10_000.0) * torch.arange(self.outputs // 2) / (self.outputs // 2))
        angle = graph.Mul(graph.Unsqueeze(place, [1]), pace[None])
        states = graph.Add(graph.linear(vectors, self.inner), graph.Concat(graph.Sin(angle), graph.Cos(angle), axis=1))
        own = graph.Unsqueeze(graph.inside(vectors, lengths), [1, 2])
        for layer in self.layers:
            states = graph.Add(states, self._attention(graph, graph.norm(states, layer.norm1), own, layer.self_attn))
            inner = graph.Relu(graph.linear(graph.norm(states, layer.norm2), layer.linear1))
            states = graph.Add(states, graph.linear(inner, layer.linear2))
        mean: str = graph.mean(graph.norm(states, self.norm), lengths)
        return mean

    def _attention(self, graph: Any, states: str, own: str, layer: Any) -> str:
        """States (batch, length, size) that look at one another, as nn.MultiheadAttention has them do it."""
        size = self.outputs // layer.num_heads
        parts = zip(layer.in_proj_weight.chunk(3), layer.in_proj_bias.chunk(3), strict=True)
        read = [graph.Add(graph.MatMul(states, weight.t()), bias) for weight, bias in parts]
        query, key, value = (graph.Reshape(part, [0, 0, layer.num_heads, size]) for part in read)
        query, value = (graph.Transpose(part, perm=[0, 2, 1, 3]) for part in (query, value))
        scores = graph.Mul(graph.MatMul(query, graph.Transpose(key, perm=[0, 2, 3, 1])), 1 / math.sqrt(size))
        found = graph.Transpose(graph.MatMul(graph.softmax(scores, own), value), perm=[0, 2, 1, 3])
        mixed: str = graph.linear(graph.Reshape(found, [0, 0, self.outputs]), layer.out_proj)
        return mixed
