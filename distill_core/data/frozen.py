"""Data that a run began with, frozen in a file of its folder: a resumed run reads these, whatever became of the source.

The file is two lines of JSON under gzip: a head with the digest of the second line and of each source file, and the
data set as it was prepared. It never leaves this machine with an exported run.
"""

import gzip
import hashlib
import json
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from distill_core.cache import checksum, write_atomic
from distill_core.config.knobs import knobs
from distill_core.config.schema import Config
from distill_core.data.dataset import Dataset
from distill_core.errors import DataError
from distill_core.messages import message, message_data, restore_message, unreadable_reason

FILE = "rows.json.gz"
FORMAT = 1
LEVEL = 1  # of gzip: 200,000 rows of 160 bytes are 13 MB after 0.6 s, and at level 6 11 MB after 3 s
_ADAPTER = TypeAdapter(Dataset)


@dataclass(frozen=True)
class FrozenDataset:
    """Data set as a run began with it, and the sha256 of each source file then, by the knob that names the file."""

    dataset: Dataset
    sources: dict[str, str]


def save(frozen: FrozenDataset, folder: Path) -> None:
    """Freeze the data into `folder`."""
    notes = [[level, sentence, message_data(sentence)] for level, sentence in frozen.dataset.notes]
    body = _json({**_ADAPTER.dump_python(replace(frozen.dataset, notes=[])), "notes": notes})
    head = {"format": FORMAT, "sha256": hashlib.sha256(body).hexdigest(), "sources": frozen.sources}
    write_atomic(folder / FILE, gzip.compress(_json(head) + b"\n" + body, LEVEL, mtime=0))


def load(folder: Path) -> FrozenDataset | None:
    """The data that were frozen into `folder`, None where there are none. Raises DataError where they are damaged."""
    file = folder / FILE
    if not file.is_file():
        return None
    try:
        first, _, body = gzip.decompress(file.read_bytes()).partition(b"\n")
        head = json.loads(first)
        if head["format"] != FORMAT or head["sha256"] != hashlib.sha256(body).hexdigest():
            raise ValueError(FILE)
        value = json.loads(body.decode("utf-8", "surrogatepass"))
        notes: list[tuple[str, str]] = [(level, restore_message(text, data)) for level, text, data in value["notes"]]
        return FrozenDataset(replace(_ADAPTER.validate_python({**value, "notes": []}), notes=notes), head["sources"])
    except (OSError, EOFError, zlib.error, ValueError, LookupError, TypeError) as error:
        raise DataError(message("The rows that this run began with can't be read any more: {why} ({file}). Start a new "
                               "run.", why=unreadable_reason(error), file=FILE)) from None  # fmt: skip


def delete(folder: Path) -> None:
    """Delete the data that were frozen into `folder`, if any."""
    (folder / FILE).unlink(missing_ok=True)


def source_digests(config: Config) -> dict[str, str]:
    """The sha256 of each file that the rows come from, by its knob; "" where it can't be read."""
    return {knob: _file_digest(Path(path)) for knob, path in source_files(config).items()}


def source_files(config: Config) -> dict[str, str]:
    """Files that the rows come from, by their knobs."""
    named = {
        knob.name: getattr(config, knob.name) for knob in knobs(type(config)) if knob.path and knob.group == "task"
    }
    return {name: path for name, path in named.items() if path}


def _file_digest(file: Path) -> str:
    try:
        return checksum(file)
    except OSError:
        return ""


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
