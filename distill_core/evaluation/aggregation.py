"""Which students one run trains, and what they say together: the plan, means with intervals, the front.

A member is a student, a seed and a share of the transfer set. Data, teacher, transfer set, labels and starting vectors
are the run's, shared by all; a member's seed decides its first weights, the order of its batches and its dropout.
Knows nothing of networks or texts.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from statistics import fmean, stdev
from typing import Any

LEVEL = 0.95


def mean_interval(values: Sequence[float | None]) -> dict[str, float] | None:
    """The mean and its 95 % interval by Student's t; of one value there is no interval, and None of none. Values that
    are not defined are left out."""
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
    """Which of the (score, size, time) no other beats: is at least as good in all three and better in one. More of
    the score is better, less of size and time. [Pareto's front]"""

    def beats(one: tuple[float, float, float], other: tuple[float, float, float]) -> bool:
        return one != other and one[0] >= other[0] and one[1] <= other[1] and one[2] <= other[2]

    return [not any(beats(other, point) for other in points) for point in points]


def aggregate(rows: list[dict[str, Any]], teacher: float, metric: str) -> dict[str, Any]:
    """The keys of a summary that several members add: "members", and "seeds" and "learning_curve" where they were
    asked for. `rows` are the trained members, the main one first: "student", "seed", "share", "texts", "agreement",
    and the scores "control" (None without one) and "student_score". `teacher` is the teacher's value of `metric`."""
    for row in rows:
        student, control = row["student_score"][metric], (row["control"] or {}).get(metric)
        gap = teacher - control if control is not None else 0.0
        row["gap_recovered"] = (student - control) / gap if gap > 0 else None
        row["kept"] = student / teacher if teacher > 0 else None
    whole = [row for row in rows if row["share"] == 1]
    kinds = [list(group) for _, group in groupby(whole, key=lambda row: row["student"])]
    for group, best in zip(kinds, pareto_front([_point(group, metric) for group in kinds]), strict=True):
        for row in group:
            row["front"] = best  # of its student's mean: one lucky seed is no place on the front
    found: dict[str, Any] = {"members": rows}
    if len(kinds[0]) > 1:
        found["seeds"] = _seeds(kinds[0], metric)
    if len(kinds) > 1:
        found["students"] = [{"student": group[0]["student"], **_seeds(group, metric)} for group in kinds]
    if len(whole) < len(rows):
        found["learning_curve"] = list(_curve(rows, metric))
    return found


def _point(group: list[dict[str, Any]], metric: str) -> tuple[float, float, float]:
    scores = [row["student_score"] for row in group]
    return fmean(score[metric] for score in scores), scores[0]["parameters"], scores[0]["latency_ms"]


def _seeds(group: list[dict[str, Any]], metric: str) -> dict[str, Any]:
    """What one student's seeds come to."""
    scores = {"control": [row["control"] for row in group], "student": [row["student_score"] for row in group]}
    values = {name: [score and score[metric] for score in found] for name, found in scores.items()}
    shares = {name: mean_interval([row[name] for row in group]) for name in ("gap_recovered", "kept", "agreement")}
    rows = {name: found for name, value in values.items() if (found := mean_interval(value))}
    return {"n": len(group), "metric": metric, "rows": rows, **shares}


def _curve(rows: list[dict[str, Any]], metric: str) -> Iterator[dict[str, Any]]:
    """The main student's scores by the texts it learned from, the fewest first."""
    main = rows[0]
    points = [row for row in rows if row["share"] < 1] + [main]
    for row in sorted(points, key=lambda row: row["share"]):
        score = row["student_score"]
        kept = ("accuracy", "low", "high", metric, "metric_low", "metric_high")
        yield {"texts": row["texts"], "share": row["share"], **{key: score[key] for key in kept if key in score}}
