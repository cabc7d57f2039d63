"""One-layer BiLSTM: reads the sentence both ways and keeps where each reading ended (Tang et al. 2019)."""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence


class Encoder(nn.Module):
    """Vectors (batch, length, inputs) -> last forward and last backward state (batch, 2 * hidden)."""

    def __init__(self, inputs: int, hidden: int, dropout: float = 0.0):
        super().__init__()
        self.lstm = nn.LSTM(inputs, hidden, batch_first=True, bidirectional=True)
        self.outputs = 2 * hidden

    def forward(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        if bool((lengths == vectors.shape[1]).all()):  # packing costs twice a plain call
            _, (last, _) = self.lstm(vectors)
        else:
            packed = pack_padded_sequence(vectors, lengths.cpu(), batch_first=True, enforce_sorted=False)
            _, (last, _) = self.lstm(packed)
        return torch.cat([last[0], last[1]], dim=1)
