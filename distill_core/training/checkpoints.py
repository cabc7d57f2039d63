"""Checkpoints of a training: its full state, so that a resumed training equals an uninterrupted one."""

import io
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from distill_core.cache import write_atomic
from distill_core.messages import message

OTHER_CONTENT = message(
    "An earlier try of this run trained on other rows, labels or models. This training begins anew and takes nothing "
    "from it."
)


@dataclass
class TrainingState:
    """State of a training besides model and optimizers: the `step`; the `total` training loss over the `since` steps
    since the last tick; the `best` scores, their step and the model's weights then."""

    step: int = 0
    since: int = 0
    total: float = 0.0
    best: dict[str, float] | None = None
    best_step: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)


def save_checkpoint(
    file: Path, identity: str, model: nn.Module, optimisers: list[torch.optim.Optimizer], state: TrainingState
) -> None:
    """Write the checkpoint, of tensors and plain values alone, so that it loads with weights_only."""
    buffer = io.BytesIO()
    checkpoint = {
        "identity": identity,
        "model": model.state_dict(),
        "optimisers": [optimiser.state_dict() for optimiser in optimisers],
        "state": vars(state),
        "random": torch.get_rng_state(),
        "random_cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }
    torch.save(checkpoint, buffer)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(file, buffer.getvalue())


def load_checkpoint(
    file: Path | None, identities: Collection[str], model: nn.Module, optimisers: list[torch.optim.Optimizer]
) -> TrainingState | None:
    """Load the checkpoint into model, optimizers and random generators; None where `file` is missing or belongs to
    another training than one of `identities`."""
    if file is None or not file.is_file():
        return None
    saved = torch.load(file, weights_only=True, map_location=next(model.parameters()).device)
    if saved["identity"] not in identities:
        return None  # another training's checkpoint: start afresh
    model.load_state_dict(saved["model"])
    for optimiser, values in zip(optimisers, saved["optimisers"], strict=True):
        optimiser.load_state_dict(values)
    torch.set_rng_state(saved["random"].cpu())
    if saved["random_cuda"]:
        torch.cuda.set_rng_state_all([value.cpu() for value in saved["random_cuda"]])
    return TrainingState(**saved["state"])
