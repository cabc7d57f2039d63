"""BiLSTM that keeps, beside where its readings ended, the highest value of each unit on the way (Conneau et al. 2017).

The ends alone must carry the first words through all the later ones; a maximum can pick a value from any place.
"""

from typing import Any

import torch
from torch import Tensor, nn


class Encoder(nn.Module):
    """Vectors (batch, length, inputs) -> last states of both readings, then each unit's maximum (batch, 4 * hidden).

    Two LSTMs over words turned round and back, as in `bilstm`: no packing, and padding changes nothing.
    """

    def __init__(self, inputs: int, hidden: int, dropout: float = 0.0):
        super().__init__()
        self.ahead = nn.LSTM(inputs, hidden, batch_first=True)
        self.back = nn.LSTM(inputs, hidden, batch_first=True)
        self.outputs = 4 * hidden

    def forward(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        row = torch.arange(len(vectors), device=vectors.device)
        last = lengths.to(vectors.device) - 1
        place = torch.arange(vectors.shape[1], device=vectors.device)
        turned = vectors[row[:, None], (last[:, None] - place).clamp(min=0)]
        read = self.ahead(vectors)[0], self.back(turned)[0]
        beyond = (place > last[:, None]).unsqueeze(2)  # in both readings the padding comes after the end
        ends = [states[row, last] for states in read]
        highest = [states.masked_fill(beyond, float("-inf")).amax(1) for states in read]
        return torch.cat(ends + highest, dim=1)

    def onnx(self, graph: Any, vectors: str, lengths: str) -> str:
        states, ends = graph.read_both_ways(vectors, lengths, [(self.ahead, "l0"), (self.back, "l0")])
        vector: str = graph.Concat(ends, graph.maximum(states, lengths), axis=1)
        return vector
