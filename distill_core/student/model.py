"""Student network around an encoder from the shelf: embedding tables, one shared encoder, a head.

A part of the shelf is a file with a class `Encoder(inputs, hidden, dropout)`: called with vectors (batch, length,
inputs) and lengths (batch,) it returns one vector (batch, `outputs`) a sentence. Pairs, channels and the head are
part of the Student, so that each encoder gets them for nothing.
"""

import torch
from torch import Tensor, nn


class Student(nn.Module):
    """Student network of Tang et al. 2019, section 3.1, around any encoder.

    `vectors` (entries, width) is the starting table, row 0 the padding. `channels` is "trained", "frozen" or "both":
    one frozen and one trained copy side by side, the paper's multichannel. For a pair the one encoder reads both
    sentences and the head sees [h1, h2, h1*h2, |h1-h2|].
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
        kinds = ("frozen", "trained") if channels == "both" else (channels,)
        self.tables = nn.ModuleDict({kind: _table(vectors, kind == "frozen", sparse) for kind in kinds})
        self.encoder = encoder(vectors.shape[1] * len(kinds), hidden, dropout)
        self.dropout = nn.Dropout(dropout)
        self.pair = pair
        outputs = self.encoder.outputs
        assert isinstance(outputs, int)
        inputs = outputs * (4 if pair else 1)
        self.head = nn.Sequential(nn.Linear(inputs, fc), nn.ReLU(), nn.Dropout(dropout), nn.Linear(fc, labels))

    def forward(self, sides: list[tuple[Tensor, Tensor]]) -> Tensor:
        """Logits (batch, labels) of one or two sides, each ids (batch, length) and lengths (batch,) on the CPU."""
        return self.classify([self.encode(ids, lengths) for ids, lengths in sides])

    def classify(self, vectors: list[Tensor]) -> Tensor:
        """Logits (batch, labels) of one vector (batch, outputs) a sentence."""
        if self.pair:
            first, second = vectors
            vectors = [first, second, first * second, (first - second).abs()]
        logits: Tensor = self.head(torch.cat(vectors, dim=1))
        return logits

    def encode(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Sentences as one vector (batch, outputs) each."""
        vectors = torch.cat([table(ids) for table in self.tables.values()], dim=2)
        sentences: Tensor = self.encoder(self.dropout(vectors), lengths)
        return sentences


def _table(vectors: Tensor, frozen: bool, sparse: bool) -> nn.Embedding:
    table: nn.Embedding = nn.Embedding.from_pretrained(  # type: ignore[no-untyped-call]  # torch gives it no types
        vectors.clone(), freeze=frozen, padding_idx=0
    )
    table.sparse = sparse and not frozen
    return table
