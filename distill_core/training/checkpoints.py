"""Checkpoints of a training: everything that it needs to go on as if nothing had happened."""

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from distill_core.cache import write_atomic


@dataclass
class TrainingState:
    """All that a resumed training needs to go on as if nothing had happened."""

    step: int = 0
    since: int = 0
    total: float = 0.0
    best: dict[str, float] | None = None
    best_step: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)


def save_checkpoint(
    file: Path, identity: str, model: nn.Module, optimisers: list[torch.optim.Optimizer], state: TrainingState
) -> None:
    """Tensors and plain values only, so that it loads with weights_only."""
    buffer = io.BytesIO()
    everything: dict[str, Any] = {
        "identity": identity,
        "model": model.state_dict(),
        "optimisers": [optimiser.state_dict() for optimiser in optimisers],
        "state": vars(state),
        "random": torch.get_rng_state(),
        "random_cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }
    torch.save(everything, buffer)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(file, buffer.getvalue())


def load_checkpoint(
    file: Path | None, identity: str, model: nn.Module, optimisers: list[torch.optim.Optimizer]
) -> TrainingState | None:
    if file is None or not file.is_file():
        return None
    saved = torch.load(file, weights_only=True, map_location=next(model.parameters()).device)
    if saved["identity"] != identity:
        return None  # another training's checkpoint: start afresh
    model.load_state_dict(saved["model"])
    for optimiser, values in zip(optimisers, saved["optimisers"], strict=True):
        optimiser.load_state_dict(values)
    torch.set_rng_state(saved["random"].cpu())
    if saved["random_cuda"]:
        torch.cuda.set_rng_state_all([value.cpu() for value in saved["random_cuda"]])
    return TrainingState(**saved["state"])
