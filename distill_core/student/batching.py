"""Batches of ids for the student, and its logits batch by batch."""

import torch
from torch import Tensor, nn

Sides = list[tuple[Tensor, Tensor]]


def pad(rows: list[list[int]]) -> tuple[Tensor, Tensor]:
    """Rows of ids as one matrix (rows, longest) int32, padded with 0, and their lengths (rows,)."""
    lengths = torch.tensor([len(row) for row in rows])
    matrix = nn.utils.rnn.pad_sequence([torch.tensor(row, dtype=torch.int32) for row in rows], batch_first=True)
    return matrix, lengths


def take_rows(sides: Sides, rows: Tensor, device: str = "cpu") -> Sides:
    """The chosen rows of each side, no wider than the longest of them."""
    chosen = [(ids[rows], lengths[rows]) for ids, lengths in sides]
    return [(ids[:, : int(lengths.max())].to(device), lengths) for ids, lengths in chosen]


def total_lengths(sides: Sides) -> Tensor:
    """Lengths (rows,) of all sides of a row together."""
    return torch.stack([lengths for _, lengths in sides]).sum(0)


@torch.inference_mode()
def predict_logits(model: nn.Module, sides: Sides, batch: int = 256, device: str = "cpu") -> Tensor:
    """Logits (rows, labels) float32 on the CPU, in the order of the rows; rows of like length go together."""
    model.eval()
    order = torch.argsort(total_lengths(sides), stable=True)
    logits = torch.cat([model(take_rows(sides, rows, device)).float().cpu() for rows in order.split(batch)])
    return torch.empty_like(logits).index_copy_(0, order, logits)
