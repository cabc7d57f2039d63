"""Two-layer BiLSTM: the second layer reads what the first one wrote, and keeps where its readings ended."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence


class Encoder(nn.Module):
    """Vectors (batch, length, inputs) -> the upper layer's last forward and backward state (batch, 2 * hidden)."""

    def __init__(self, inputs: int, hidden: int, dropout: float = 0.0):
        super().__init__()
        self.lstm = nn.LSTM(inputs, hidden, num_layers=2, dropout=dropout, batch_first=True, bidirectional=True)
        self.outputs = 2 * hidden

    def forward(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        packed = pack_padded_sequence(vectors, lengths.cpu(), batch_first=True, enforce_sorted=False)
        _, (last, _) = self.lstm(packed)
        return torch.cat([last[-2], last[-1]], dim=1)

    def onnx(self, graph: Any, vectors: str, lengths: str) -> str:
        ends = ""
        for layer in ("l0", "l1"):
            readers = [(self.lstm, layer), (self.lstm, f"{layer}_reverse")]
            vectors, ends = graph.read_both_ways(vectors, lengths, readers)
        return ends
