"""Weight files of a model of unknown origin, and the shapes in their headers, read before the weights themselves.

Knows nothing of what the weights are for.
"""

import json
import math
import re
import struct
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from distill_core.environment import public_host
from distill_core.errors import TeacherError
from distill_core.messages import message, unreadable_reason

HEADER_LIMIT = 10_000_000  # bytes of a list of weights; a model of a thousand of them has 0.1 million


@dataclass(frozen=True)
class Weights:
    """Weight files of a model, and the shape of each tensor by their headers. `state`: the tensors of a .bin."""

    files: tuple[Path, ...]
    shapes: dict[str, tuple[int, ...]]
    state: dict[str, Tensor] | None = None

    @property
    def parameters(self) -> int:
        """Number of the weights."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    @property
    def bytes(self) -> int:
        """Size of the files on disk."""
        return sum(file.stat().st_size for file in self.files)


def find_weights(folder: Path, name: str, allow_pickle: bool) -> Weights:
    """Weights of the model in `folder`, of which only the headers are read. Raises TeacherError: no weights, damaged
    ones, or only a .bin where that isn't allowed."""
    index, single = folder / "model.safetensors.index.json", folder / "model.safetensors"
    if single.is_file() or index.is_file():
        files = (single,) if single.is_file() else _shards(index, folder, name)
        shapes: dict[str, tuple[int, ...]] = {}
        for file in files:
            shapes.update(_header(file, name))
        return Weights(files, shapes)
    pickled = folder / "pytorch_model.bin"
    parts = pickled.with_name(f"{pickled.name}.index.json")
    if not pickled.is_file() and not parts.is_file():
        raise TeacherError(message(
            "{name} holds no weights: neither model.safetensors nor pytorch_model.bin.", name=name))  # fmt: skip
    if public_host():
        raise TeacherError(message(
            "{name} has its weights only as .bin, which isn't read on a public host. Choose a model with safetensors.",
            name=name))  # fmt: skip
    if not allow_pickle:
        raise TeacherError(message(
            "{name} has its weights only as .bin, an older format that can carry code. Allow it with {knob:knob} if "
            "you trust where it comes from.", name=name, knob="allow_pickle"))  # fmt: skip
    files = (pickled,) if pickled.is_file() else _shards(parts, folder, name, ".bin")
    state: dict[str, Tensor] = {}
    for file in files:
        state.update(_unpickled(file, name))
    return Weights(files, {key: tuple(value.shape) for key, value in state.items()}, state)


def _unpickled(file: Path, name: str) -> dict[str, Tensor]:
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
        return {str(key): value for key, value in state.items() if isinstance(value, Tensor)}
    except Exception as error:  # a hostile or damaged pickle may raise anything
        raise TeacherError(
            message(
                "The weights of {name} in {file} can't be read safely ({error}). Choose a model with safetensors.",
                name=name,
                file=file.name,
                error=type(error).__name__,
            )
        ) from error


def _shards(index: Path, folder: Path, name: str, ending: str = ".safetensors") -> tuple[Path, ...]:
    parts = _read_shard_names(index, name)
    for part in parts:
        if not re.fullmatch(rf"[\w.-]+{re.escape(ending)}", part) or not (folder / part).is_file():
            raise TeacherError(message("{file} of {name} names {part}, which is not there.", file=index.name, name=name,
                                      part=repr(part[:64])))  # fmt: skip
    return tuple(folder / part for part in parts)


def _read_shard_names(index: Path, name: str) -> list[str]:
    try:
        if index.stat().st_size > HEADER_LIMIT:
            raise ValueError(message("it is too large"))
        names = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
        return sorted({str(one) for one in names})
    except (ValueError, OSError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise TeacherError(message("{file} of {name} can't be read: {why}.", file=index.name, name=name,
                                  why=unreadable_reason(error))) from error  # fmt: skip


def _header(file: Path, name: str) -> dict[str, tuple[int, ...]]:
    """Shapes in the header of a safetensors file: eight bytes of length, then JSON."""
    try:
        with open(file, "rb") as opened:
            (length,) = struct.unpack("<Q", opened.read(8))
            if length > file.stat().st_size:
                raise ValueError(message("its header is longer than the file"))
            if length > HEADER_LIMIT:
                raise ValueError(message("it is too large"))
            header = json.loads(opened.read(length))
        shapes = {key: tuple(map(int, one["shape"])) for key, one in header.items() if key != "__metadata__"}
        ends = [int(one["data_offsets"][1]) for key, one in header.items() if key != "__metadata__"]
        if max(ends, default=0) + length + 8 != file.stat().st_size:
            raise ValueError(message("it was cut off or holds more than its header says"))
    except (
        ValueError,
        OSError,
        LookupError,
        TypeError,
        AttributeError,
        OverflowError,
        struct.error,
        RecursionError,
    ) as error:
        raise TeacherError(message("{file} of {name} is damaged ({why}). Download it again.", file=file.name, name=name,
                                  why=unreadable_reason(error))) from error  # fmt: skip
    return shapes
