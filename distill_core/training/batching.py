"""Batches of row numbers, of like length and in an order that follows from seed and epoch alone."""

from collections.abc import Sequence

import torch
from torch import Tensor

POOL_BATCHES = (
    50  # batches that are sorted by length together: wide enough for even lengths, narrow enough for a fresh order
)


def epoch_batches(rows: int, size: int, seed: int, epoch: int, lengths: Sequence[int] | None = None) -> list[Tensor]:
    """The batches of one epoch, each a tensor of row indices; every row once. The order follows from seed and epoch
    alone, so that training can resume anywhere. Rows of like `lengths` share a batch."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    order = torch.randperm(rows, generator=generator)
    if lengths is None:
        return list(order.split(size))
    length = torch.as_tensor(lengths)
    pools = [pool[torch.argsort(length[pool], stable=True)] for pool in order.split(size * POOL_BATCHES)]
    cut = torch.cat(pools).split(size)
    return [cut[i] for i in torch.randperm(len(cut), generator=generator).tolist()]
