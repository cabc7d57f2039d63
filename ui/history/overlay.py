"""The overlay of two or three runs over one another: their curves by training step, the settings that differ, and the
main scores."""

from collections.abc import Iterable
from typing import Any

from markupsafe import Markup

import distill_core as core
from distill_core import Metric, RowName, Run, UserError

from ..comparison.metric_values import interval, value
from ..components.formatting import DASH, count, duration, gap_share, latency, percent, size, teacher_share
from ..components.html import note
from ..components.templates import render
from ..i18n.names import metric_title, translate_message
from ..i18n.translate import translate
from ..live.run_state import Curve, grouped, run_state, thin
from .run_list import ids, settings, took

MOST = 3
SHOWN = 1000  # points of a curve
LETTERS = "ABC"
CURVES = {"accuracy": "student/valid_accuracy", "loss": "student/valid_loss"}


def words() -> dict[str, str]:
    """The words that overlay.js says."""
    return {
        "steps": translate("live.steps"),
        "accuracy": translate("live.accuracy"),
        "loss": translate("series.valid_loss"),
        "nochart": translate("live.nochart"),
        "nothing": translate("history.overlay.nothing"),
    }


def overlay(question: Any) -> dict[str, Any]:
    """The runs of {"runs": [two or three ids]} as {"runs": [{"letter", "name", "curves": {"accuracy": [steps, values],
    …}}], "html": their tables, "metric": the name of the metric they were all chosen by where it is not accuracy, else
    ""}, or {"error"}. Anyone may call this with anything."""
    run_ids = list(dict.fromkeys(ids((question if isinstance(question, dict) else {}).get("runs"))))[:MOST]
    try:
        runs = [core.run(one) for one in run_ids]
    except UserError as error:
        return {"error": note(translate_message(error), "error")}
    if len(runs) < 2:
        return {"error": note(translate("history.overlay.two"))}
    metrics = {run_state(run).metric for run in runs}
    metric = metrics.pop() if len(metrics) == 1 else "accuracy"
    curves = [_curves(run, metric) for run in runs]
    entries = [
        {"letter": letter, "name": run.name, "curves": of}
        for letter, run, of in zip(LETTERS, runs, curves, strict=False)
    ]
    own = metric_title(metric) if metric != "accuracy" else ""
    return {"runs": entries, "html": _tables(runs, curves, metric), "metric": own}


def _curves(run: Run, metric: str) -> dict[str, Curve]:
    curves = grouped(run.points()[0])
    wanted = CURVES | ({"metric": f"student/valid_{metric}"} if metric != "accuracy" else {})
    return {name: thin(*curves[series], SHOWN) for name, series in wanted.items() if series in curves}


def _tables(runs: list[Run], curves: list[dict[str, Curve]], metric: Metric) -> Markup:
    """The tables of the main scores side by side, and the settings that differ."""
    return render(
        "history/overlay_tables.html",
        runs=[f"{letter} · {run.name[:60]}" for letter, run in zip(LETTERS, runs, strict=False)],
        scores=_scores(runs, curves, metric),
        settings=_settings(runs),
    )


Cell = tuple[str, str]  # the text, and what stands beside it in small print


def _scores(runs: list[Run], curves: list[dict[str, Curve]], metric: Metric) -> list[list[Cell]]:
    """The rows of the main scores, in the metric that the runs share."""
    rows = [
        [(translate(f"row.{who}"), metric_title(metric)), *(_score(run, who, metric) for run in runs)]
        for who in ("student", "control", "teacher")
    ]
    records = [run.row for run in runs]
    summaries = [row.summary for row in records]
    students = [summary.get("scores", {}).get("student") if summary else None for summary in summaries]
    best = [_best(of.get("accuracy" if metric == "accuracy" else "metric")) for of in curves]
    return [
        *rows,
        _row("history.gap", (gap_share(summary.get("gap_recovered") if summary else None) for summary in summaries)),
        _row("history.kept", (teacher_share(summary.get("kept") if summary else None) for summary in summaries)),
        _row("compare.bytes", (size(student.get("bytes") if student else None) for student in students)),
        _row("compare.latency_ms", (latency(student.get("latency_ms") if student else None) for student in students)),
        _row(
            "history.rows", (count(summary.get("rows", {}).get("train") if summary else None) for summary in summaries)
        ),
        [(translate("history.best"), ""), *best],
        _row("history.took", (duration(took(row)) for row in records)),
    ]


def _row(key: str, figures: Iterable[str]) -> list[Cell]:
    return [(translate(key), ""), *((figure, "") for figure in figures)]


def _score(run: Run, who: RowName, metric: Metric) -> Cell:
    summary = run.summary
    score = summary.get("scores", {}).get(who) if summary else None
    if score is None or score.get("accuracy") is None:
        return DASH, ""
    low, high = interval(score, metric)
    return percent(value(score, metric)), f"{percent(low)} – {percent(high)}" if low < high else ""


def _best(curve: Curve | None) -> Cell:
    if not curve:
        return DASH, ""
    step, value = max(zip(*curve, strict=True), key=lambda point: point[1])
    return percent(value), translate("history.at_step", n=count(step))


def _settings(runs: list[Run]) -> list[list[str]]:
    """The rows of the settings that differ."""
    settings_by_run = [{translate("history.task"): run.row.task} | settings(run.row.config, every=True) for run in runs]
    labels = list(dict.fromkeys(label for one in settings_by_run for label in one))
    rows = [[label, *(one.get(label, DASH) for one in settings_by_run)] for label in labels]
    return [row for row in rows if len(set(row[1:])) > 1]
