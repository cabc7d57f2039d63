"""Compare-aggregate for pairs: each word is compared with its counterpart in the other sentence (Wang & Jiang 2017).

The counterpart is the other sentence's words, weighed by how near their vectors lie (soft alignment: Parikh et al.
2016); a BiLSTM reads the comparisons, pooled as in ESIM (Chen et al. 2017). Vectors of the teacher's table are near
where words mean the like before anything is learnt; states of an untrained reader, which ESIM aligns, are not.
A text alone has no counterpart: the BiLSTM reads it itself.
"""

from typing import Any

import torch
from torch import Tensor, nn


class BiLSTM(nn.Module):
    """Vectors (batch, length, inputs) -> mean and maximum of each unit of both readings (batch, 4 * hidden).

    Two LSTMs over words turned round and back, as in `bilstm`: no packing, and padding changes nothing.
    """

    def __init__(self, inputs: int, hidden: int):
        super().__init__()
        self.ahead = nn.LSTM(inputs, hidden, batch_first=True)
        self.back = nn.LSTM(inputs, hidden, batch_first=True)

    def forward(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        row = torch.arange(len(vectors), device=vectors.device)[:, None]
        last = lengths.to(vectors.device)[:, None] - 1
        turned = (last - torch.arange(vectors.shape[1], device=vectors.device)).clamp(min=0)
        states = torch.cat([self.ahead(vectors)[0], self.back(vectors[row, turned])[0]], dim=2)
        own = inside(states, lengths).unsqueeze(2)  # in both readings the padding comes after the end
        mean = (states * own).sum(1) / (last + 1)
        return torch.cat([mean, states.masked_fill(~own, float("-inf")).amax(1)], dim=1)

    def onnx(self, graph: Any, vectors: str, lengths: str) -> str:
        states, _ = graph.read_both_ways(vectors, lengths, [(self.ahead, "l0"), (self.back, "l0")])
        vector: str = graph.Concat(graph.mean(states, lengths), graph.maximum(states, lengths), axis=1)
        return vector


class Alignment(nn.Module):
    """Vectors of two sentences -> for each word of the first the weights of the second's words (batch, first, second),
    and the other way round (batch, second, first): a softmax over their cosines, the padding left out."""

    def __init__(self) -> None:
        super().__init__()
        self.sharpness = nn.Parameter(torch.tensor(10.0))  # of the softmax: a cosine is at most 1

    def forward(self, first: Tensor, second: Tensor, own: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
        units = [nn.functional.normalize(side, dim=2) for side in (first, second)]
        likeness = self.sharpness * units[0] @ units[1].transpose(1, 2)
        there = likeness.masked_fill(~other[:, None, :], float("-inf")).softmax(2)
        back = likeness.masked_fill(~own[:, :, None], float("-inf")).softmax(1)
        return there, back.transpose(1, 2)

    def onnx(self, graph: Any, first: str, second: str, own: str, other: str) -> tuple[str, str]:
        floor = torch.tensor(1e-12)  # of a length, as nn.functional.normalize has it
        units = [
            graph.Div(side, graph.Max(graph.ReduceL2(side, [2]), floor)) for side in (first, second)
        ]  # fmt: skip
        likeness = graph.Mul(graph.MatMul(units[0], graph.Transpose(units[1], perm=[0, 2, 1])), self.sharpness)
        there = graph.softmax(likeness, graph.Unsqueeze(other, [1]), axis=2)
        back = graph.softmax(likeness, graph.Unsqueeze(own, [2]), axis=1)
        return there, graph.Transpose(back, perm=[0, 2, 1])


class Pair(nn.Module):
    """Two sentences as vectors (batch, length, inputs) and lengths -> one vector (batch, outputs) for each, which knows
    of the other."""

    def __init__(self, inputs: int, hidden: int, dropout: float = 0.0):
        super().__init__()
        self.alignment = Alignment()
        self.comparison = nn.Sequential(nn.Linear(4 * inputs, 2 * hidden), nn.ReLU(), nn.Dropout(dropout))
        self.reading = BiLSTM(2 * hidden, hidden)
        self.outputs = 4 * hidden

    def forward(self, first: Tensor, ends: Tensor, second: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
        there, back = self.alignment(first, second, inside(first, ends), inside(second, others))
        width = max(first.shape[1], second.shape[1])
        words, met = (
            torch.cat([nn.functional.pad(side, (0, 0, 0, width - side.shape[1])) for side in sides])
            for sides in ((first, second), (there @ second, back @ first))
        )
        compared = self.comparison(torch.cat([words, met, words - met, words * met], dim=2))
        one, other = self.reading(compared, torch.cat([ends, others])).chunk(2)  # both at once: half the LSTM's steps
        return one, other

    def onnx(self, graph: Any, first: str, ends: str, second: str, others: str) -> tuple[str, str]:
        own, other = graph.inside(first, ends), graph.inside(second, others)
        there, back = self.alignment.onnx(graph, first, second, own, other)

        def read(words: str, met: str, lengths: str) -> str:
            compared = graph.Concat(words, met, graph.Sub(words, met), graph.Mul(words, met), axis=2)
            return self.reading.onnx(graph, graph.Relu(graph.linear(compared, self.comparison[0])), lengths)

        return read(first, graph.MatMul(there, second), ends), read(second, graph.MatMul(back, first), others)


class Encoder(nn.Module):
    """Vectors (batch, length, inputs) of a text alone -> mean and maximum of each unit (batch, 4 * hidden)."""

    Pair = Pair

    def __init__(self, inputs: int, hidden: int, dropout: float = 0.0):
        super().__init__()
        self.reading = BiLSTM(inputs, hidden)
        self.outputs = 4 * hidden

    def forward(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        vector: Tensor = self.reading(vectors, lengths)
        return vector

    def onnx(self, graph: Any, vectors: str, lengths: str) -> str:
        return self.reading.onnx(graph, vectors, lengths)


def inside(vectors: Tensor, lengths: Tensor) -> Tensor:
    """Whether each place is one of the text's own (batch, length)."""
    return torch.arange(vectors.shape[1], device=vectors.device)[None] < lengths.to(vectors.device)[:, None]
