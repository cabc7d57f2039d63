"""Masked pieces, which a student guesses while it trains (Devlin et al. 2019, section 3.1, task 1).

The head that guesses them belongs to the training: it learns with the student and is not part of it.
"""

from collections.abc import Collection
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from distill_core.student.encoders.cut import ACTIVATIONS

SHARE = 0.15  # of the pieces, that are to be guessed
MASKED, EXCHANGED = 0.8, 0.1  # of these the shares that are read as the mask, and as any other piece


class HeadWeights(NamedTuple):
    """Weights of a head that guesses masked pieces: a linear layer, its activation, a norm, and a bias for each piece
    of a vocabulary, whose vectors are the last layer. `source` is the name of the model it comes from."""

    dense: tuple[Tensor, Tensor]
    norm: tuple[Tensor, Tensor]
    bias: Tensor
    activation: str
    eps: float
    source: str


class MaskedPieces(nn.Module):
    """Masks pieces of what a student reads and guesses them from its states: `forward` gives the logits (masked,
    entries) of each masked place, and the piece (masked,) that stood there. The vectors that the states are compared
    with are the student's own."""

    def __init__(self, weights: HeadWeights, tokens: Collection[int], special: Collection[int], mask: int):
        """A head for a student whose rows stand for these `tokens` of its teacher, the ids of the head's pieces.
        `special` are those that are never guessed, `mask` the one that is read in the place of a masked one."""
        super().__init__()
        outputs, inputs = weights.dense[0].shape
        self.dense, self.norm = nn.Linear(inputs, outputs), nn.LayerNorm(outputs, weights.eps)
        self.bias = nn.Parameter(weights.bias[list(tokens)].clone())
        with torch.no_grad():
            for layer, (weight, bias) in ((self.dense, weights.dense), (self.norm, weights.norm)):
                layer.weight.copy_(weight)
                layer.bias.copy_(bias)
        self.activation = ACTIVATIONS[weights.activation]
        rows = {token: row for row, token in enumerate(tokens)}
        self.mask_row, self.entries = rows[mask], len(rows)
        self.usual = torch.tensor([row for token, row in rows.items() if token not in set(special)])

    def forward(self, student: Any, sides: list[tuple[Tensor, Tensor]], seed: int) -> tuple[Tensor, Tensor]:
        """Guesses of what the `seed` masks in `sides`, the ids and lengths of a batch as the student reads them."""
        ids, lengths = sides[0]
        read, places = self.mask(ids, lengths, seed)
        found = self.norm(self.activation(self.dense(student.states(read, lengths)[places])))
        return found @ student.table().T + self.bias, (ids[places] % self.entries).long()

    def mask(self, ids: Tensor, lengths: Tensor, seed: int) -> tuple[Tensor, Tensor]:
        """The ids (batch, length) with some of them masked, exchanged or left, and the places (batch, length) that are
        to be guessed: no padding and no special pieces."""
        draw = torch.Generator().manual_seed(seed)
        rows = ids.cpu() % self.entries
        own = (torch.arange(ids.shape[1])[None] < lengths.cpu()[:, None]) & torch.isin(rows, self.usual)
        places = own & (torch.rand(ids.shape, generator=draw) < SHARE)
        fate = torch.rand(ids.shape, generator=draw)
        others = self.usual[torch.randint(len(self.usual), ids.shape, generator=draw)]
        read = torch.where(places & (fate < MASKED), self.mask_row, rows)
        read = torch.where(places & (fate >= MASKED) & (fate < MASKED + EXCHANGED), others, read)
        return (ids.cpu() - rows + read).to(ids.device), places.to(ids.device)
