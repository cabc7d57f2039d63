"""Metric values of a summary's scores, also where the run is older than some of its keys."""

from collections.abc import Mapping
from typing import Any


def metric_of(summary: Mapping[str, Any]) -> str:
    """The metric by which the run chose and which gap and kept are told in."""
    return str(summary.get("metric") or "accuracy")


def value(score: Mapping[str, Any], metric: str) -> float:
    """The value that a row's score reached in that metric."""
    return float(score.get(metric, score["accuracy"]))


def interval(score: Mapping[str, Any], metric: str) -> tuple[float, float]:
    """The 95 % interval of that metric, the value itself where none was taken."""
    if metric == "accuracy":
        return score.get("low", score["accuracy"]), score.get("high", score["accuracy"])
    score_value = value(score, metric)
    return score.get(f"{metric}_low", score.get("metric_low", score_value)), score.get(
        f"{metric}_high", score.get("metric_high", score_value)
    )
