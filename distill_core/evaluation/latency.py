"""Latency and throughput of a model, raw text in, on one thread."""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from distill_core.evaluation.baseline import Texts
from distill_core.evaluation.summary import ModelSpeed

SAMPLE = 512  # texts on which speed is measured
SECONDS = 0.7  # for each of a model's two measurements


def measure_speed(predict: Callable[[Texts], Any], texts: Texts) -> ModelSpeed:
    """Median and 95th-percentile milliseconds for one text alone, and texts a second in large calls: raw text in, one
    thread, after warming up. Every row of the comparison is timed by this function and batches as in a run: sorted by
    length, the teacher in the precision in which it labels."""
    sample = texts[:: max(1, len(texts) // SAMPLE)][:SAMPLE]
    with _one_thread():
        predict(sample[:8])
        predict(sample[:1])
        alone: list[float] = []
        until = time.perf_counter() + SECONDS
        while len(alone) < 20 or (time.perf_counter() < until and len(alone) < 400):
            alone.append(_seconds(predict, [sample[len(alone) % len(sample)]]))
        # sized by the latency: no minutes for a slow teacher, more than a handful of texts for a quick student
        some = sample[: max(16, int(2 * SECONDS / statistics.median(alone)))]
        passes: list[float] = []
        until = time.perf_counter() + SECONDS
        while not passes or (time.perf_counter() < until and len(passes) < 20):
            passes.append(_seconds(predict, some))
    return {
        "latency_ms": 1000 * statistics.median(alone),
        "latency_p95_ms": 1000 * float(np.percentile(alone, 95)),
        "texts_per_s": len(some) / max(1e-9, statistics.median(passes)),
    }


def _seconds(predict: Callable[[Texts], Any], texts: Texts) -> float:
    start = time.perf_counter()
    predict(texts)
    return time.perf_counter() - start


@contextmanager
def _one_thread() -> Iterator[None]:
    """One thread for torch inside this context, so that figures of two machines can be compared."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
