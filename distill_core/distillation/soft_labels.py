"""Soft labels: the teacher's logits for many texts, computed once per distinct text and cached by chunks.

A chunk is cached when it is complete, so a killed labelling goes on at the chunk it was in.
Knows nothing of what the logits are for.
"""

import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from distill_core.cache import Cache, CacheKey, digest, write_file
from distill_core.config.schema import EARLIER
from distill_core.errors import Stopped
from distill_core.events import Progress
from distill_core.messages import message
from distill_core.progress import TimeLeft
from distill_core.teacher.model import Teacher
from distill_core.training.device import device

FORMAT = 1  # raise when the same teacher would answer the same texts otherwise
FILE = "logits.safetensors"
CHUNK = 2048  # texts: some seconds of work lost at most, and lengths even enough within
REPORT_SECONDS = 0.5  # seconds between two reports


def label_texts(
    teacher: Teacher, texts: Sequence[tuple[str, ...]], cache: Cache, stop: Callable[[], bool] = lambda: False
) -> Generator[Progress, None, Tensor]:
    """Label `texts` with the teacher's logits: returns (n, classes) float32, in their order.

    Yields Progress about twice a second, its seconds left measured on the texts of this call that were not in the
    cache. Raises Stopped when `stop()` says so; closing the generator leaves complete chunks behind, never a part."""
    distinct = list(dict.fromkeys(texts))
    if not distinct:
        return torch.empty(0, len(teacher.labels))
    teacher.check_texts(distinct)
    teacher.choose_dtype(distinct)  # by these texts alone: a resumed run decides as the first one did
    chunks = [distinct[start : start + CHUNK] for start in range(0, len(distinct), CHUNK)]
    keys = [_key(teacher, chunk) for chunk in chunks]
    stored = [cache.read("logits", key, _load) for key in keys]
    pace = _Pace(
        len(distinct),
        sum(text_size(text) for chunk, values in zip(chunks, stored, strict=True) if values is None for text in chunk),
    )
    labelled: list[Tensor] = []
    for chunk, key, found in zip(chunks, keys, stored, strict=True):
        if found is not None:
            labelled.append(found)
            pace.done += len(chunk)
            continue
        values = torch.empty(len(chunk), len(teacher.labels))
        for rows, part in teacher.iter_batches(chunk):
            values[rows] = part
            if report := pace.after(len(rows), sum(text_size(chunk[row]) for row in rows)):
                yield report
            if stop():
                raise Stopped(message("Stopped while the teacher was labelling."))
        with cache.put("logits", key) as folder:
            write_file(folder / FILE, save({"logits": values}))
        labelled.append(values)
    yield pace.report()
    place_of = {text: row for row, text in enumerate(distinct)}
    return torch.cat(labelled)[[place_of[text] for text in texts]]


class _Pace:
    """Pace of the labelling: texts done, and from the characters done the seconds left. Texts come shortest first, so
    their number would promise too much."""

    def __init__(self, total: int, to_do: int):
        self.total, self.done = total, 0
        self._time_left, self._did = TimeLeft(to_do), 0
        self._reported = -REPORT_SECONDS

    def after(self, texts: int, size: int) -> Progress | None:
        """Count a batch; a report where the last one is old enough."""
        self.done += texts
        self._did += size
        if time.monotonic() - self._reported < REPORT_SECONDS:
            return None
        self._reported = time.monotonic()
        return self.report()

    def report(self) -> Progress:
        """Progress as it stands now."""
        left = 0.0 if self.done == self.total else self._time_left.after(self._did)
        return Progress("label", self.done, self.total, "texts", left)


def _load(entry: Path) -> Tensor:
    values: Tensor = load_file(entry / FILE)["logits"]
    return values


def _key(teacher: Teacher, chunk: Sequence[tuple[str, ...]]) -> CacheKey:
    return {
        "format": FORMAT, "teacher": teacher.fingerprint, "max_tokens": teacher.max_tokens,
        "dtype": str(teacher.dtype), "device": device(), "texts": digest(chunk),
        **({} if teacher.cut == EARLIER["cut"] else {"cut": teacher.cut}),  # so that the first keys stay valid
    }  # fmt: skip


def text_size(text: tuple[str, ...]) -> int:
    """Size of a text in characters, and a few for the special tokens: a teacher's time goes by it."""
    return 8 + sum(len(side) for side in text)
