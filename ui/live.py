"""The live view of a run: what its curves, stages, log and status line show, asked for by cursor.

One custom component (chart.js) polls `points`; no event runs while a run computes, so a reload, a second tab and a late
visitor see the same. What a run has said is folded once per process and shared by all tabs that watch it.
"""

import math
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import gradio as gr

import distill_core as core
from distill_core import ENDED, ROWS, STAGES, Event, Fact, Note, Progress, Run, StageEnded, StageStarted, UnknownRun
from ui.show import count, duration, figure, percent
from ui.words import language, say

KEPT_RUNS = 64  # folds kept in memory
FIRST_POINTS = 2000  # points per curve in the first answer
POLL = {"queued": 1500}  # ms until the next question; all else asks twice a second
POLL_RUNNING = 500
LONGEST_ID = 64


class Fold:
    """What a run has said so far, as the page shows it. `update` reads only what is new."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.cursor = 0
        self.stages: dict[str, dict[str, Any]] = {}
        self.notes: list[tuple[str, str]] = []
        self.lines: dict[str, float] = {}
        self.now: Progress | str | None = None
        self.best: float | None = None
        self._points = 0

    def update(self, run: Run) -> None:
        """Takes in the events after the cursor."""
        with self.lock:
            for number, event in run.events(self.cursor):
                self.cursor = number
                self._take(event)
            rows, self._points = run.points(self._points)
            for series, _, value in rows:
                if series == "student/valid_accuracy" and value is not None:
                    self.best = max(value, self.best or 0.0)

    def _take(self, event: Event) -> None:
        match event:
            case StageStarted(stage):
                if stage in self.stages:
                    self.stages.clear()  # a resumed run goes through its stages again
                self.stages[stage] = {"state": "run", "share": None, "text": "…"}
                self.now = stage
            case Progress(stage, done, total, _, left):
                text = say("stage.left", left=duration(left)) if left is not None else f"{count(done)} / {count(total)}"
                self.stages[stage] = {"state": "run", "share": done / total if total else None, "text": text}
                self.now = event
            case StageEnded(stage, seconds, cached):
                text = (
                    say("stage.cached")
                    if cached
                    else f"{figure(seconds, '.1f')} s"
                    if seconds < 10
                    else duration(seconds)
                )
                self.stages[stage] = {"state": "done", "share": 1, "text": text}
                self.now = None
            case Note(text, level, _):
                self.notes.append((level, text))
            case Fact("validation", dict() as scores):
                self.lines = {name: value for name, value in scores.items() if isinstance(value, int | float)}


_folds: OrderedDict[tuple[str, str], Fold] = OrderedDict()  # by language and run: a fold holds words
_folds_lock = threading.Lock()


def fold(run: Run) -> Fold:
    """The fold of that run, up to date."""
    with _folds_lock:
        key = language(), run.id
        found = _folds.setdefault(key, Fold())
        _folds.move_to_end(key)
        while len(_folds) > KEPT_RUNS:
            _folds.popitem(last=False)
    found.update(run)
    return found


def thin(points: list[tuple[int, float]], most: int = FIRST_POINTS) -> list[tuple[int, float]]:
    """At most `most` of the points: of each bucket its lowest and its highest, which is what the eye sees."""
    if len(points) <= most:
        return points
    size = math.ceil(len(points) / (most // 2))
    kept = []
    for start in range(0, len(points), size):
        bucket = points[start : start + size]
        kept += sorted({min(bucket, key=lambda p: p[1]), max(bucket, key=lambda p: p[1])})
    return kept


def now(run: Run, row: Any, seen: Fold) -> str:
    """The status line: where the run is, how long still, how good so far."""
    status = row.status
    if status == "queued":
        place = run.place or 1
        return say("now.queued.next") if place <= 1 else say("now.queued", place=place)
    if status == "running" and isinstance(seen.now, Progress):
        at = seen.now
        left = say("now.left", left=duration(at.left)) if at.left is not None else ""
        best = say("now.best", best=percent(seen.best)) if at.stage == "student" and seen.best is not None else ""
        return say(
            "now.running",
            stage=stage_name(at.stage),
            done=count(at.done),
            total=count(at.total),
            unit=at.unit,
            left=left,
            best=best,
        )
    if status == "running":
        return say("now.stage", stage=stage_name(seen.now)) if seen.now else say("now.starting")
    if status == "finished":
        gap = (row.summary or {}).get("gap_recovered")
        told = say("now.finished.gap", gap=percent(gap, 0)) if gap is not None else ""
        seconds = sum(run.stages().values())  # of all its sessions: the row knows only when the last one began
        return say("now.finished", seconds=duration(seconds), gap=told)
    return say("now.stopping") if status == "stopping" else say(f"now.{status}", message=row.message).strip()


def stage_name(stage: str) -> str:
    """A stage as the page calls it."""
    return say(f"stage.{stage}") if stage in STAGES else stage


def look(question: Any) -> dict[str, Any]:
    """What is new in a run since the question's cursor. Anyone may call this with anything: an unknown run or a
    malformed question is answered with one sentence under "error"."""
    question = question if isinstance(question, dict) else {}
    cursor = question.get("cursor")
    reset = not (
        isinstance(cursor, list) and len(cursor) == 2 and all(type(n) is int and 0 <= n < 2**53 for n in cursor)
    )
    points_at, notes_at = (0, 0) if reset else cursor
    try:
        run = core.run(str(question.get("run", ""))[:LONGEST_ID])
    except UnknownRun:
        return {"error": say("unknown_run")}
    row = run.row  # read before the events, so that an ended run's answer holds all of them
    status, seen = row.status, fold(run)
    rows, following = run.points(points_at)
    series: dict[str, list[tuple[int, float]]] = {}
    for name, step, value in rows:
        if value is not None:
            series.setdefault(name, []).append((step, value))
    if reset:
        series = {name: thin(points) for name, points in series.items()}
    stages = [
        {"name": stage_name(stage), **seen.stages.get(stage, {"state": "wait", "share": 0, "text": ""})}
        for stage in STAGES
    ]
    if status in ENDED and status != "finished":
        stages = [{**stage, "state": "halt"} if stage["state"] == "run" else stage for stage in stages]
    lines = [
        {
            "name": row,
            "value": seen.lines[row],
            "text": say("line.at", row=say(f"row.{row}"), value=percent(seen.lines[row])),
        }
        for row in ROWS
        if row in seen.lines
    ]
    return {
        "reset": reset,
        "next": [following, len(seen.notes)],
        "status": status,
        "done": status in ENDED,
        "poll_ms": POLL.get(status, POLL_RUNNING),
        "text": now(run, row, seen),
        "stages": stages,
        "lines": lines,
        "log": seen.notes[notes_at:],
        "series": {name: list(zip(*points, strict=True)) for name, points in series.items()},
    }


def words() -> dict[str, Any]:
    """The words that chart.js says."""
    return {
        "lost": say("live.lost"),
        "nochart": say("live.nochart"),
        "steps": say("live.steps"),
        "stage": {stage: say(f"stage.{stage}") for stage in STAGES},
        "series": {name: say(f"series.{name}") for name in ("loss", "valid_loss", "valid_accuracy")},
    }


def template() -> str:
    """The live view's markup. Data never passes through it."""
    figures = "".join(
        f'<figure><figcaption><b>{say(f"live.{plot}")}</b> <span class="legend" data-legend="{plot}"></span>{more}'
        f'</figcaption><div class="frame"><p class="empty" data-empty="{plot}">{say(f"live.nothing.{plot}")}</p>'
        f'<div class="plot" data-plot="{plot}" role="img" aria-label="{say(f"live.{plot}")}"></div></div></figure>'
        for plot, more in (
            ("accuracy", ""),
            (
                "loss",
                f'<span class="tools"><span class="whose" role="group" aria-label="{say("live.whose")}"></span>'
                f'<label><input type="checkbox" class="logscale"> {say("live.log")}</label></span>',
            ),
        )
    )
    heads = "".join(
        f'<th scope="col">{say(f"live.{key}")}</th>' for key in ("of", "curve", "points", "last_step", "last", "best")
    )
    return (
        f'<section class="live idle"><p class="now" role="status" aria-live="polite">{say("live.idle")}</p>'
        f'<ol class="stages" aria-label="{say("live.stages")}"></ol><div class="figures">{figures}</div>'
        f'<p class="hint">{say("live.accuracy.hint")} {say("live.zoom")}</p>'
        f'<details class="twin"><summary>{say("live.table")}</summary><div class="scroll" tabindex="0" role="region" '
        f'aria-label="{say("live.table")}">'
        f'<table class="plain"><thead><tr>{heads}</tr>'
        "</thead><tbody></tbody></table></div></details>"
        f'<div class="log" hidden><h2>{say("live.notes")}</h2>'
        f'<ol tabindex="0" aria-label="{say("live.notes")}"></ol></div></section>'
    )


def live(**more: Any) -> gr.HTML:
    """Curves, stages, status line and log of the run whose id is its value. Says `moved` when the run got another
    status. (No class of its own: Gradio writes a stub file beside the source of each.)"""

    def points(question: Any) -> dict[str, Any]:
        return look(question)

    script = Path(__file__).with_name("chart.js").read_text(encoding="utf-8")
    return gr.HTML("", html_template=template(), js_on_load=script, server_functions=[points], words=words(), **more)
