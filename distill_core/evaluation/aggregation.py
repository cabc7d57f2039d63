"""Aggregation of a run's variants: means with intervals over the seeds, the Pareto front, the learning curve.

A variant is a student, a seed and a share of the transfer set. All variants share the run's data, teacher, transfer
set, soft labels and starting vectors; a variant's seed decides its first weights, the order of its batches and its
dropout. Knows nothing of networks or texts.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from statistics import fmean, stdev

from distill_core.evaluation.summary import (
    CurveKey,
    LearningCurvePoint,
    MeanInterval,
    Metric,
    ScoredVariant,
    SeedAggregate,
    VariantScores,
    VariantSummary,
)

LEVEL = 0.95


def mean_interval(values: Sequence[float | None]) -> MeanInterval | None:
    """Mean of the values with its 95 % interval by Student's t, undefined values left out. A single value is its own
    interval; None where no value is defined."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    mean = fmean(known)
    if len(known) == 1:
        return {"mean": mean, "low": mean, "high": mean, "n": 1}
    from scipy.stats import t

    # Not t.interval, which is NaN where all values are equal.
    reach = float(t.ppf((1 + LEVEL) / 2, len(known) - 1)) * stdev(known) / len(known) ** 0.5
    return {"mean": mean, "low": mean - reach, "high": mean + reach, "n": len(known)}


def pareto_front(points: Sequence[tuple[float, float, float]]) -> list[bool]:
    """Pareto front of (score, size, time): True for each point that no other beats. A point beats another that is at
    least as good in all three and better in one; a higher score is better, a lower size and time are."""

    def beats(one: tuple[float, float, float], other: tuple[float, float, float]) -> bool:
        return one != other and one[0] >= other[0] and one[1] <= other[1] and one[2] <= other[2]

    return [not any(beats(other, point) for other in points) for point in points]


def aggregate(rows: Sequence[ScoredVariant], teacher: float, metric: Metric) -> VariantSummary:
    """Summary keys that several variants add: "members", and "seeds", "students" and "learning_curve" where the run
    has several of them. `rows` are the scored variants, the main one first; `teacher` is the teacher's value of
    `metric`."""
    variants = [_with_gap(row, teacher, metric) for row in rows]
    full = [variant for variant in variants if variant["share"] == 1]
    kinds = [list(group) for _, group in groupby(full, key=lambda variant: variant["student"])]
    for group, best in zip(kinds, pareto_front([_point(group, metric) for group in kinds]), strict=True):
        for variant in group:
            variant["front"] = best  # of its student's mean: one lucky seed is no place on the front
    summary: VariantSummary = {"members": variants}
    if len(kinds[0]) > 1:
        summary["seeds"] = _seeds(kinds[0], metric)
    if len(kinds) > 1:
        summary["students"] = [{"student": group[0]["student"], **_seeds(group, metric)} for group in kinds]
    if len(full) < len(variants):
        summary["learning_curve"] = list(_curve(variants, metric))
    return summary


def _with_gap(row: ScoredVariant, teacher: float, metric: Metric) -> VariantScores:
    """The variant with its shares of the gap and of the teacher's value, None where they are not defined."""
    student = row["student_score"][metric]
    control = row["control"].get(metric) if row["control"] else None
    gap = teacher - control if control is not None else 0.0
    return {
        **row,  # type: ignore[typeddict-item]  # mypy: a subtype of ScoredVariant might have another "front"
        "gap_recovered": (student - control) / gap if control is not None and gap > 0 else None,
        "kept": student / teacher if teacher > 0 else None,
    }


def _point(group: Sequence[VariantScores], metric: Metric) -> tuple[float, float, float]:
    scores = [variant["student_score"] for variant in group]
    return fmean(score[metric] for score in scores), scores[0]["parameters"], scores[0]["latency_ms"]


def _seeds(group: Sequence[VariantScores], metric: Metric) -> SeedAggregate:
    """Means of one student over its seeds, and of its control where there is one."""
    values: dict[str, list[float | None]] = {
        "control": [variant["control"].get(metric) if variant["control"] else None for variant in group],
        "student": [variant["student_score"][metric] for variant in group],
    }
    return {
        "n": len(group),
        "metric": metric,
        "rows": {name: mean for name, value in values.items() if (mean := mean_interval(value))},
        "gap_recovered": mean_interval([variant["gap_recovered"] for variant in group]),
        "kept": mean_interval([variant["kept"] for variant in group]),
        "agreement": mean_interval([variant["agreement"] for variant in group]),
    }


def _curve(variants: Sequence[VariantScores], metric: Metric) -> Iterator[LearningCurvePoint]:
    """Scores of the main student by the number of texts that it learned from, the fewest first."""
    keys: tuple[CurveKey, ...] = ("low", "high", metric, "metric_low", "metric_high")
    points = [variant for variant in variants if variant["share"] < 1] + [variants[0]]
    for variant in sorted(points, key=lambda variant: variant["share"]):
        score = variant["student_score"]
        point: LearningCurvePoint = {
            "texts": variant["texts"],
            "share": variant["share"],
            "accuracy": score["accuracy"],
        }
        for key in keys:
            if key in score:
                point[key] = score[key]
        yield point
