"""Checkpoints of a training: its full state, so that a resumed training equals an uninterrupted one."""

import io
import os
import zipfile
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from distill_core.cache import atomic_file, flush_to_disk
from distill_core.faults import is_out_of_memory, writing
from distill_core.messages import Message, message

OTHER_CONTENT = message(
    "An earlier try of this run trained on other rows, labels or models. This training begins anew and takes nothing "
    "from it."
)
DAMAGED = message("What an earlier try of this training had stored was damaged on the disk, so it begins anew.")
FELL_BACK = (
    "The newest checkpoint of this training was damaged on the disk. It goes on from the one before it, at step "
    "{step:,}."
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


def places(file: Path) -> tuple[Path, Path]:
    """Files of a training's checkpoints: the newest, and the one before it."""
    return file, file.with_name(f"{file.name}.before")


def delete_checkpoints(file: Path) -> None:
    """Delete the checkpoints of a training."""
    for place in places(file):
        place.unlink(missing_ok=True)


def save_checkpoint(
    file: Path, identity: str, model: nn.Module, optimisers: list[torch.optim.Optimizer], state: TrainingState
) -> None:
    """Write the checkpoint, of tensors and plain values alone, so that it loads with weights_only. The one that was
    the newest stays beside it."""
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
    newest, before = places(file)
    with writing(file, buffer.tell()), atomic_file(newest) as part:
        part.write_bytes(buffer.getbuffer())
        flush_to_disk(part)
        if newest.is_file():
            os.replace(newest, before)


def load_checkpoint(
    file: Path | None, identities: Collection[str], model: nn.Module, optimisers: list[torch.optim.Optimizer]
) -> tuple[TrainingState | None, Message | None]:
    """Load the newest intact checkpoint into model, optimizers and random generators; no state where there is none, or
    it belongs to another training than one of `identities`. Returns also what is to be said of it."""
    notice: Message | None = None
    for place in places(file) if file else ():
        try:
            saved = _read(place, next(model.parameters()).device)
        except FileNotFoundError:
            continue
        except Exception as error:  # whatever torch makes of a broken file
            if is_out_of_memory(error):
                raise
            notice = DAMAGED
            continue
        if saved["identity"] not in identities:
            notice = notice or OTHER_CONTENT
            continue
        model.load_state_dict(saved["model"])
        for optimiser, values in zip(optimisers, saved["optimisers"], strict=True):
            optimiser.load_state_dict(values)
        torch.set_rng_state(saved["random"].cpu())
        if saved["random_cuda"]:
            torch.cuda.set_rng_state_all([value.cpu() for value in saved["random_cuda"]])
        state = TrainingState(**saved["state"])
        return state, message(FELL_BACK, step=state.step) if notice == DAMAGED else None
    return None, notice


def _read(file: Path, device: torch.device) -> Any:
    """Content of the checkpoint. torch writes a zip file, but does not look at the checksums in it when it reads."""
    with zipfile.ZipFile(file) as archive:
        if archive.testzip():
            raise zipfile.BadZipFile(file.name)
    return torch.load(file, weights_only=True, map_location=device)
