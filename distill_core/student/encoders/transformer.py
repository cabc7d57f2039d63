"""A small transformer: two layers of self-attention over the words, then the mean (Vaswani et al. 2017)."""

import math

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
