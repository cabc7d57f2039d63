"""The teacher's logits for many texts, once per distinct text, kept in the cache as they are made.

Texts go in chunks; a chunk is cached when it is whole, so a killed labelling goes on at the chunk it was in.
Knows nothing of what the logits are for.
"""

import time
from collections.abc import Callable, Generator, Sequence

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from distill_core.cache import Cache, digest
from distill_core.errors import Stopped
from distill_core.events import Progress
from distill_core.messages import message
from distill_core.progress import TimeLeft
from distill_core.teacher.model import Teacher
from distill_core.training.device import device

FORMAT = 1  # raise when the same teacher would answer the same texts otherwise
CHUNK = 2048  # texts: some seconds of work lost at most, and lengths even enough within
REPORT_SECONDS = 0.5  # seconds between two reports


def label_texts(
    teacher: Teacher, texts: Sequence[tuple[str, ...]], cache: Cache, stop: Callable[[], bool] = lambda: False
) -> Generator[Progress, None, Tensor]:
    """What `teacher` says to each of `texts`: returns (n, classes) float32, in their order.

    Yields Progress about twice a second, its seconds left measured on the texts of this call that were not in the
    cache. Raises Stopped when `stop()` says so; closing the generator leaves whole chunks behind, never a part."""
    distinct = list(dict.fromkeys(texts))
    if not distinct:
        return torch.empty(0, len(teacher.labels))
    teacher.check_texts(distinct)
    teacher.choose_dtype(distinct)  # by these texts, whoever asked before: a resumed run decides as the first one did
    chunks = [distinct[start : start + CHUNK] for start in range(0, len(distinct), CHUNK)]
    keys = [_key(teacher, chunk) for chunk in chunks]
    places = [cache.get("logits", key) for key in keys]
    pace = _Pace(
        len(distinct),
        sum(text_size(text) for chunk, place in zip(chunks, places, strict=True) if not place for text in chunk),
    )
    found = []
    for chunk, key, place in zip(chunks, keys, places, strict=True):
        if place:
            found.append(load_file(place / "logits.safetensors")["logits"])
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
            save_file({"logits": values}, folder / "logits.safetensors")
        found.append(values)
    yield pace.report()
    place_of = {text: row for row, text in enumerate(distinct)}
    return torch.cat(found)[[place_of[text] for text in texts]]


class _Pace:
    """Texts done, and from the characters done the seconds left: texts come shortest first, so their number would
    promise too much."""

    def __init__(self, total: int, to_do: int):
        self.total, self.done = total, 0
        self._time_left, self._did = TimeLeft(to_do), 0
        self._said = -REPORT_SECONDS

    def after(self, texts: int, size: int) -> Progress | None:
        """Count a batch; a report where the last one is old enough."""
        self.done += texts
        self._did += size
        if time.monotonic() - self._said < REPORT_SECONDS:
            return None
        self._said = time.monotonic()
        return self.report()

    def report(self) -> Progress:
        """How far it is."""
        left = 0.0 if self.done == self.total else self._time_left.after(self._did)
        return Progress("label", self.done, self.total, "texts", left)


def _key(teacher: Teacher, chunk: Sequence[tuple[str, ...]]) -> dict[str, object]:
    return {
        "format": FORMAT, "teacher": teacher.fingerprint, "max_tokens": teacher.max_tokens,
        "dtype": str(teacher.dtype), "device": device(), "texts": digest(chunk),
    }  # fmt: skip


def text_size(text: tuple[str, ...]) -> int:
    """Characters, and a few for the special tokens: what a teacher's time goes by."""
    return 8 + sum(len(side) for side in text)
