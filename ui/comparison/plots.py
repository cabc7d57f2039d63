"""The pictures that plotly draws: the metric against size, against latency, and against the texts learned from."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from distill_core import ROWS, Metric, MetricScores, ModelCost, RowName, Summary

from ..components.formatting import count, latency, percent, size
from ..components.templates import render
from ..i18n.names import metric_title
from ..i18n.translate import translate
from .metric_values import interval, metric_of, value
from .score_table import member_name

SYMBOLS = {"floor": "diamond-open", "control": "circle-open", "student": "star", "teacher": "square"}


def figures(summary: Summary | None) -> str:
    """The figures as JSON for plots.js: [{"id", "title", "x", "y", "log", "points", "front"}, …]; "" for none."""
    if not summary:
        return ""
    metric, models = metric_of(summary), points(summary)
    name = metric_title(metric)
    drawings: list[dict[str, Any]] = [
        {
            "id": key,
            "title": translate(f"plot.{key}", metric=name),
            "x": translate(f"plot.{key}.x"),
            "y": name,
            "log": True,
            "points": [one | {"x": one[key], "shown": form(one[key])} for one in models if one.get(key)],
        }
        for key, form in (("bytes", size), ("latency_ms", latency))
    ]
    for figure in drawings:
        figure["front"] = frontier(figure["points"])
    if curve := summary.get("learning_curve"):
        shown = [
            _point("student", translate("row.student"), one, metric) | {"x": one["texts"], "shown": count(one["texts"])}
            for one in curve
        ]
        words = {"title": translate("plot.texts", metric=name), "x": translate("plot.texts.x"), "y": name}
        drawings.append({"id": "texts", **words, "log": True, "line": True, "points": shown, "front": []})
    return json.dumps({"figures": drawings})


def points(summary: Summary) -> list[dict[str, Any]]:
    """The points of the four rows and of the run's further members."""
    metric, scores = metric_of(summary), summary["scores"]
    models = [_point(row, translate(f"row.{row}"), scores[row], metric, scores[row]) for row in ROWS if row in scores]
    for member in (summary.get("members") or [])[1:]:
        if (member.get("share") or 1) == 1:
            score = member["student_score"]
            models.append(_point("student", member_name(member), score, metric, score) | {"small": True})
    return models


def _point(
    who: RowName, name: str, score: MetricScores, metric: Metric, cost: ModelCost | None = None
) -> dict[str, Any]:
    low, high = interval(score, metric)
    at = value(score, metric)
    description = f"{name} {percent(at)} ({percent(low)} – {percent(high)})"
    return {
        "who": who,
        "name": name,
        "symbol": SYMBOLS[who],
        "y": at,
        "up": high - at,
        "down": at - low,
        "told": description,
        "bytes": cost.get("bytes") if cost else None,
        "latency_ms": cost.get("latency_ms") if cost else None,
    }


def frontier(models: Sequence[Mapping[str, Any]]) -> list[int]:
    """The frontier: the numbers of the points that no other beats: nothing is further left and at least as high, or as
    far left and higher. In order of x."""
    front, best = [], float("-inf")
    for index in sorted(range(len(models)), key=lambda at: (models[at]["x"], -models[at]["y"])):
        if models[index]["y"] > best:
            front.append(index)
            best = models[index]["y"]
    return front


def plots(**more: Any) -> gr.HTML:
    """The plots' component: its value is what `figures` gives."""
    script = Path(__file__).with_name("plots.js").read_text(encoding="utf-8")
    return gr.HTML("", html_template=render("comparison/plots.html"), js_on_load=script, **more)
