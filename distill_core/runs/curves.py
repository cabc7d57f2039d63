"""Curves of a run over its tries. A training that goes on repeats the points since its checkpoint, and one that begins
anew draws other ones: of each training the points of the latest try stay.
"""

import math
from collections.abc import Iterable
from typing import Literal

CurvePoint = tuple[str, int, float]  # series, step, value
Outcome = Literal["next", "known", "other", "anew"]


class Curves:
    """Curves of each training. The points of a series come in the order of their steps, until a try repeats some."""

    def __init__(self, points: Iterable[CurvePoint] = ()):
        self._trainings: dict[tuple[str, str], dict[str, dict[int, tuple[int, float]]]] = {}  # place in order, value
        self._added = 0
        for point in points:
            self.add(*point)

    def add(self, series: str, step: int, value: float) -> Outcome:
        """Add a point. "next": it goes on. "known": it is there already. "other": an earlier try was otherwise here, so
        what it had of this training from this step on is dropped; "anew" where nothing is left of that try then."""
        training = self._trainings.setdefault(training_of(series), {})
        own = training.setdefault(series, {})
        if step in own and is_same(own[step][1], value):
            return "known"
        outcome: Outcome = "next"
        if own and step <= next(reversed(own)):
            for points in training.values():
                while points and next(reversed(points)) >= step:
                    points.popitem()
            outcome = "other" if any(training.values()) else "anew"
        own[step] = (self._added, value)
        self._added += 1
        return outcome

    def points(self) -> list[CurvePoint]:
        """Points of the latest try of each training, in the order in which they came."""
        placed = [
            (place, (series, step, value))
            for training in self._trainings.values()
            for series, points in training.items()
            for step, (place, value) in points.items()
        ]
        return [point for _, point in sorted(placed, key=lambda one: one[0])]


def is_same(one: float, other: float) -> bool:
    """Whether two values are one, as NaN is itself."""
    return one == other or (math.isnan(one) and math.isnan(other))


def training_of(series: str) -> tuple[str, str]:
    """Stage and variant of the training that a series belongs to."""
    stage, _, rest = series.partition("/")
    return stage, rest.partition("@")[2]
