"""Metric values of a summary's scores, also where the run is older than some of its keys."""

from distill_core import Metric, MetricScores, Summary


def metric_of(summary: Summary) -> Metric:
    """The metric by which the run chose, which gap and kept are of."""
    return summary.get("metric") or "accuracy"


def value(score: MetricScores, metric: Metric) -> float:
    """The value that a row's score reached in that metric."""
    return float(score.get(metric, score["accuracy"]))


def interval(score: MetricScores, metric: Metric) -> tuple[float, float]:
    """The 95 % interval of that metric, the value itself where none was taken."""
    if metric == "accuracy":
        return score.get("low", score["accuracy"]), score.get("high", score["accuracy"])
    reached = value(score, metric)
    low, high = score.get("metric_low", reached), score.get("metric_high", reached)
    if metric == "macro_f1":  # the only other one whose interval stands in every run's scores
        return score.get("macro_f1_low", low), score.get("macro_f1_high", high)
    return low, high
