"""Batches of row numbers, of similar length and in an order that depends on seed and epoch alone."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from distill_core.config.schema import BALANCED

# Batches that are sorted by length together: enough for even lengths, few enough for a new order in each epoch.
POOL_BATCHES = 50
MOST_REPEATS = 8


def repeat_rare(labels: Sequence[Any]) -> list[int]:
    """Row numbers in which rows of rare classes stand several times: by the square root of how much rarer theirs is
    than the commonest class, MOST_REPEATS times at most. The square root (as Mahajan et al. 2018 sample), for rows that
    are repeated until all classes are as common are learnt by heart. Rows of the same label, or labels, are a class."""
    classes = np.unique(np.asarray(labels), axis=0, return_inverse=True)[1].ravel().tolist()
    counts = Counter(classes)
    most = max(counts.values(), default=0)
    repeats = {one: min(MOST_REPEATS, round(math.sqrt(most / count))) for one, count in counts.items()}
    return [row for row, one in enumerate(classes) for _ in range(repeats[one])]


def training_rows(labels: Sequence[Any], metric: str) -> list[int]:
    """Row numbers that a training for this metric reads in one pass: each once, or, for a metric that weighs each class
    alike, rare classes more often."""
    return repeat_rare(labels) if metric in BALANCED else list(range(len(labels)))


def epoch_batches(rows: int, size: int, seed: int, epoch: int, lengths: Sequence[int] | None = None) -> list[Tensor]:
    """Batches of one epoch, each a tensor of row indices; every row once. The order depends on seed and epoch alone, so
    that training can resume anywhere. Rows of similar `lengths` share a batch."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    order = torch.randperm(rows, generator=generator)
    if lengths is None:
        return list(torch.split(order, size))
    length = torch.as_tensor(lengths)
    pools = [pool[torch.argsort(length[pool], stable=True)] for pool in torch.split(order, size * POOL_BATCHES)]
    batches = torch.split(torch.cat(pools), size)
    return [batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()]
