"""Doubling: what twice as many rows, or texts, bring the baseline, as evidence of whether still more would help.

The baseline stands in for networks, for it costs next to nothing: what more rows bring it they often bring a teacher
that learns from them too, but where it gains nothing, as on pairs, a teacher may still gain much
[benchmarks/RESULTS.md, "What would help most"]. Test rows play no part.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from distill_core.evaluation.baseline import NgramCounts, Texts
from distill_core.evaluation.diagnostics import metric_message
from distill_core.evaluation.objective import Labels, Objective
from distill_core.evaluation.prior import balancing_offsets
from distill_core.evaluation.significance import paired_difference
from distill_core.evaluation.summary import Doubling, Doublings, Metric
from distill_core.messages import Message, message

FOLDS = 3  # a fold is asked of what the two others teach, half of that and the other half
FITS = 1.1  # of the whole, which a fold takes as long as [0.8 with two labels, 1.1 to 1.3 with five and seven]
LEAST_ROWS = 60  # scored: on fewer a doubling shows by luck alone
WORK = 12_000_000  # characters times outputs that are learnt from for one curve: some four seconds of one processor

ROWS_CURVE = (
    "From {few:,} labelled rows the simple baseline (TF-IDF) learns to reach {before}, from {many:,} rows {after} "
    "({points:+.1f} points, 95 % interval {low:+.1f} to {high:+.1f})."
)
TEXTS_CURVE = (
    "From the teacher's answers to {few:,} of your texts and to what was made of them the simple baseline (TF-IDF) "
    "learns to give the teacher's answer to {before:.1%} of other texts, from {many:,} texts to {after:.1%} "
    "({points:+.1f} points, 95 % interval {low:+.1f} to {high:+.1f})."
)
FLAT = "{curve} So no gain shows here; a network may gain all the same."


def fold_count(characters: float, classes: int) -> int:
    """Folds that are asked: all of them, fewer where the texts are so many that fitting would take long, or none."""
    return int(min(FOLDS, WORK // max(1.0, characters * (classes if classes > 2 else 1))))


def doubling(
    texts: Texts, answers: Labels, own: Sequence[int], scored: Sequence[bool], classes: int, pair: bool,
    metric: Metric, objective: Objective, seed: int = 0,
) -> Doubling | None:  # fmt: skip
    """Doubling of the own rows from which the baseline learns to give the `answers` to the `texts`.

    Args:
        texts: What it learns from.
        answers: Labels, or a teacher's answers.
        own: Number of the row that each text is or was made of, -1 where it comes from elsewhere. Rows are left out
            with all that was made of them; texts from elsewhere always teach.
        scored: Which texts it is asked about, of those with a row of their own.
        classes: Number of labels.
        pair: Whether the texts are pairs.
        metric: What is measured.
        objective: Objective of the task.
        seed: Draws folds and halves.

    Returns:
        The mean of both halves beside the whole; None where the rows are too few to show anything or too many to be
        cheap, and where one half has one answer alone.
    """
    given, rows, asked = np.asarray(answers), np.asarray(own), np.asarray(scored, bool)
    generator = np.random.default_rng(seed)
    everyone = generator.permutation(np.unique(rows[rows >= 0]))
    folds = fold_count(sum(len(side) for text in texts for side in text), classes)
    held_out = np.array_split(everyone, FOLDS)[:folds]
    places = [np.flatnonzero(asked & np.isin(rows, fold)).tolist() for fold in held_out]
    if sum(map(len, places)) < LEAST_ROWS:
        return None
    counts = NgramCounts(texts, pair)
    columns: list[list[NDArray[Any]]] = [[], [], []]
    for fold, at in zip(held_out, places, strict=True):
        rest = generator.permutation(np.setdiff1d(everyone, fold))
        first, second = np.array_split(rest, 2)
        for column, chosen in zip(columns, (rest, first, second), strict=True):
            learnt = np.flatnonzero((rows < 0) | np.isin(rows, chosen)).tolist()
            if len(np.unique(given[learnt], axis=0)) < 2:
                return None
            labels = given[learnt].tolist()
            logits = counts.logits(learnt, labels, at, classes, objective)
            column.append(logits + balancing_offsets(logits, labels, metric, objective))
    logits, *others = (np.concatenate(column) for column in columns)
    truth = given[np.concatenate(places)]
    after = objective.metrics(logits, truth.tolist())[metric]
    whole, *halves = map(objective.decide, (logits, *others))
    gain = paired_difference(whole, halves, truth.tolist(), classes, metric, seed, objective)
    return {
        "few": len(first), "many": len(rest), "rows": len(truth),
        "before": after - gain["difference"], "after": after, **gain,
    }  # fmt: skip


def rising(one: Doubling) -> bool:
    """Whether twice as many brought more than chance explains."""
    return one["low"] > 0


def describe_doublings(doublings: Doublings, metric: Metric) -> dict[Literal["rows", "texts"], Message]:
    """Each doubling as a sentence. Whether its gain is of use here is another question: `next_steps` answers it."""
    told: dict[Literal["rows", "texts"], Message] = {}
    if rows := doublings.get("rows"):
        before, after = (metric_message(rows[when], metric) for when in ("before", "after"))
        curve = message(ROWS_CURVE, **{**_figures(rows), "before": before, "after": after})
        told["rows"] = curve if rising(rows) else message(FLAT, curve=curve)
    if texts := doublings.get("texts"):
        curve = message(TEXTS_CURVE, **_figures(texts))
        told["texts"] = curve if rising(texts) else message(FLAT, curve=curve)
    return told


def _figures(one: Doubling) -> dict[str, float]:
    return {
        "few": one["few"], "many": one["many"], "before": one["before"], "after": one["after"],
        "points": 100 * one["difference"], "low": 100 * one["low"], "high": 100 * one["high"],
    }  # fmt: skip
