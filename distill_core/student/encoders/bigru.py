"""BiGRU that weighs its words: attention over the states of a reading in both directions (Yang et al. 2016)."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class Encoder(nn.Module):
    """Vectors (batch, length, inputs) -> the attended mean of the states (batch, 2 * hidden)."""

    def __init__(self, inputs: int, hidden: int, dropout: float = 0.0):
        super().__init__()
        self.gru = nn.GRU(inputs, hidden, batch_first=True, bidirectional=True)
        self.key = nn.Linear(2 * hidden, hidden)
        self.query = nn.Linear(hidden, 1, bias=False)
        self.outputs = 2 * hidden

    def forward(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        packed = pack_padded_sequence(vectors, lengths.cpu(), batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.gru(packed)[0], batch_first=True)
        place = torch.arange(states.shape[1], device=states.device)
        beyond = place[None] >= lengths.to(states.device)[:, None]
        weight: Tensor = self.query(torch.tanh(self.key(states))).squeeze(2).masked_fill(beyond, float("-inf"))
        return (weight.softmax(1).unsqueeze(2) * states).sum(1)

    def onnx(self, graph: Any, vectors: str, lengths: str) -> str:
        states, _ = graph.read_both_ways(vectors, lengths, [(self.gru, "l0"), (self.gru, "l0_reverse")])
        weight = graph.linear(graph.Tanh(graph.linear(states, self.key)), self.query)
        shares = graph.softmax(weight, graph.Unsqueeze(graph.inside(states, lengths), [2]), axis=1)
        mean: str = graph.ReduceSum(graph.Mul(shares, states), [1], keepdims=0)
        return mean
