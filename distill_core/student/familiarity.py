"""Familiarity: how common the pieces of a text are among those that a student learnt from, and how rare they may be.

A text of another topic or language is answered as surely as any. That its pieces are rare among the student's own
texts shows it better than the student's vectors do, and takes a byte a piece [benchmarks/RESULTS.md, "Texts unlike its
own"]. A text's rarity is the mean surprisal of its pieces, in standard errors above that of the labelled rows: so a
single rare word is no reason, and twenty are. Each labelled row is counted without itself.
"""

import base64
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from typing_extensions import TypedDict  # beside the others, which pydantic reads

from distill_core.student.runtime import Predictor, rarity

SHARE = 0.99  # of the rows that are to count as familiar
LEAST_ROWS = 100  # for that
MOST_ROWS = 5_000  # that the threshold comes from; more would tell no more
STEPS = 16  # of a unit of surprisal (a nat): a byte holds what occurs once in eight million pieces


class Familiarity(TypedDict):
    """Surprisals of the pieces by their number, a byte each as base64, the last that of a piece without one; mean and
    deviation of those in the labelled rows; and the rarity above which a text is unfamiliar."""

    surprisals: str
    mean: float
    deviation: float
    threshold: float


def measure_familiarity(
    predictor: Predictor, learnt: Sequence[tuple[str, ...]], labelled: int, held_out: Sequence[tuple[str, ...]]
) -> Familiarity | None:
    """Familiarity of a student that learnt from these texts, the labelled ones first; the threshold comes from those
    and from labelled texts that were held out. None where they are too few for one."""
    if labelled + len(held_out) < LEAST_ROWS:
        return None
    rows, others = ([np.array(ids) for ids in predictor.pieces(texts)] for texts in (learnt, held_out[:MOST_ROWS]))
    counts = np.bincount(np.concatenate(rows))
    total = int(counts.sum())
    table = _surprisals(np.append(counts, 0), total)
    own = [_surprisals(counts[row] - _repeats(row), total - len(row)) for row in rows[: min(labelled, MOST_ROWS)]]
    pooled = np.concatenate(own)
    mean, deviation = float(pooled.mean()), max(1.0, float(pooled.std()))
    read = [*own, *(table[np.minimum(row, len(counts))] for row in others)]
    threshold = np.quantile([rarity(values.tolist(), mean, deviation) for values in read], SHARE)
    return {
        "surprisals": base64.b64encode(table.tobytes()).decode(), "mean": mean, "deviation": deviation,
        "threshold": float(threshold),
    }  # fmt: skip


def _surprisals(counts: NDArray[np.int64], total: int) -> NDArray[np.uint8]:
    """Surprisals of pieces that occur so often among so many; one that never does counts as half of one that does."""
    shares = np.maximum(counts, 0.5) / max(1, total)
    return np.clip(np.round(-STEPS * np.log(shares)), 0, 255).astype(np.uint8)


def _repeats(row: NDArray[np.int64]) -> NDArray[np.int64]:
    """How often each piece of a row stands in that row."""
    _, places, counts = np.unique(row, return_inverse=True, return_counts=True)
    repeats: NDArray[np.int64] = counts[places]
    return repeats
