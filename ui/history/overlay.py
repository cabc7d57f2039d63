"""Two or three runs over one another: their curves by training step, the settings that differ, and the main scores."""

from typing import Any

import distill_core as core
from distill_core import Run, UserError
from ui.comparison.metric_values import interval, value
from ui.components.formatting import DASH, count, duration, latency, percent, size
from ui.components.html import esc, note, table
from ui.history.run_list import ids, settings, took
from ui.i18n.names import metric_title, translate_message
from ui.i18n.translate import translate
from ui.live.run_state import Curve, grouped, run_state, thin

MOST = 3
SHOWN = 1000  # points of a curve
LETTERS = "ABC"
CURVES = {"accuracy": "student/valid_accuracy", "loss": "student/valid_loss"}


def words() -> dict[str, str]:
    """What overlay.js says."""
    return {
        "steps": translate("live.steps"),
        "accuracy": translate("live.accuracy"),
        "loss": translate("series.valid_loss"),
        "nochart": translate("live.nochart"),
        "nothing": translate("history.overlay.nothing"),
    }


def template() -> str:
    """The markup of the section, hidden until runs are overlaid."""
    whose = "".join(
        f'<button type="button" data-plot="{plot}" aria-pressed="{str(plot == "accuracy").lower()}">'
        f"{esc(translate(f'history.overlay.{plot}'))}</button>"
        for plot in CURVES
    )
    own = '<button type="button" data-plot="metric" aria-pressed="false" hidden></button>'  # named by the runs
    return (
        f'<section class="overlay card" tabindex="-1" aria-label="{esc(translate("history.overlay.title"))}" hidden>'
        f'<div class="head"><h2>{esc(translate("history.overlay.title"))}</h2>'
        f'<span class="whose" role="group" aria-label="{esc(translate("history.overlay.what"))}">{own}{whose}</span>'
        f'<button type="button" class="act" data-do="close">{esc(translate("history.overlay.close"))}</button></div>'
        '<ul class="keys"></ul><div class="frame"><div class="plot" role="img"></div><p class="empty" hidden></p></div>'
        '<div class="tables"></div></section>'
    )


def overlay(question: Any) -> dict[str, Any]:
    """The runs of {"runs": [two or three ids]} as {"runs": [{"letter", "name", "curves": {"accuracy": [steps, values],
    …}}], "html": their tables, "metric": the name of the metric they were all chosen by where it is not accuracy, else
    ""}, or {"error"}. Anyone may call this with anything."""
    asked = list(dict.fromkeys(ids((question if isinstance(question, dict) else {}).get("runs"))))[:MOST]
    try:
        found = [core.run(one) for one in asked]
    except UserError as error:
        return {"error": note(translate_message(error), "error")}
    if len(found) < 2:
        return {"error": note(translate("history.overlay.two"))}
    metrics = {run_state(run).metric for run in found}
    metric = metrics.pop() if len(metrics) == 1 else "accuracy"
    curves = [_curves(run, metric) for run in found]
    runs = [
        {"letter": letter, "name": run.name, "curves": of}
        for letter, run, of in zip(LETTERS, found, curves, strict=False)
    ]
    own = metric_title(metric) if metric != "accuracy" else ""
    return {"runs": runs, "html": _scores(found, curves, metric) + _settings(found), "metric": own}


def _curves(run: Run, metric: str) -> dict[str, Curve]:
    curves = grouped(run.points()[0])
    wanted = CURVES | ({"metric": f"student/valid_{metric}"} if metric != "accuracy" else {})
    return {name: thin(*curves[series], SHOWN) for name, series in wanted.items() if series in curves}


def _heads(runs: list[Run], corner: str) -> list[str]:
    return [corner, *(f"{letter} · {run.name[:60]}" for letter, run in zip(LETTERS, runs, strict=False))]


def _scores(runs: list[Run], curves: list[dict[str, Curve]], metric: str) -> str:
    """The main scores side by side, in the metric that the runs share."""
    named = f"<small>{esc(metric_title(metric))}</small>"
    rows = [
        [f"{esc(translate(f'row.{who}'))} {named}", *(_score(run, who, metric) for run in runs)]
        for who in ("student", "control", "teacher")
    ]
    told = [run.row for run in runs]
    summaries = [row.summary or {} for row in told]
    students = [(summary.get("scores") or {}).get("student") or {} for summary in summaries]
    rows += [
        [esc(translate("history.gap")), *(_share(summary.get("gap_recovered"), 0) for summary in summaries)],
        [esc(translate("history.kept")), *(_share(summary.get("kept")) for summary in summaries)],
        [esc(translate("compare.bytes")), *(size(student.get("bytes")) for student in students)],
        [esc(translate("compare.latency")), *(latency(student.get("latency_ms")) for student in students)],
        [esc(translate("history.rows")), *(count((summary.get("rows") or {}).get("train")) for summary in summaries)],
        [
            esc(translate("history.best")),
            *(_best(of.get("accuracy" if metric == "accuracy" else "metric")) for of in curves),
        ],
        [esc(translate("history.took")), *(duration(took(row)) for row in told)],
    ]
    name = translate("history.overlay.scores")
    return f"<h3>{esc(name)}</h3>{table(_heads(runs, translate('history.overlay.figure')), rows, name, kind='abreast')}"


def _score(run: Run, who: str, metric: str) -> str:
    score = (((run.summary or {}).get("scores") or {}).get(who)) or {}
    if score.get("accuracy") is None:
        return DASH
    low, high = interval(score, metric)
    between = f" <small>{percent(low)} – {percent(high)}</small>" if low < high else ""
    return percent(value(score, metric)) + between


def _share(value: float | None, digits: int = 1) -> str:
    return DASH if value is None else percent(value, digits)


def _best(curve: Curve | None) -> str:
    if not curve:
        return DASH
    step, value = max(zip(*curve, strict=True), key=lambda point: point[1])
    return f"{percent(value)} <small>{esc(translate('history.at_step', n=count(step)))}</small>"


def _settings(runs: list[Run]) -> str:
    """Only the settings that differ."""
    told = [{translate("history.task"): run.row.task} | settings(run.row.config, every=True) for run in runs]
    labels = list(dict.fromkeys(label for one in told for label in one))
    rows = [
        [esc(label), *(esc(one.get(label, DASH)) for one in told)]
        for label in labels
        if len({one.get(label, DASH) for one in told}) > 1
    ]
    name = translate("history.overlay.settings")
    made = table(_heads(runs, translate("history.overlay.setting")), rows, name, kind="abreast") if rows else ""
    return f"<h3>{esc(name)}</h3>{made or note(translate('history.overlay.alike'))}"
