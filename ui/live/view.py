"""The live view of a run: what its curves, stages, figures, log and status line show, asked for by cursor.

One custom component (chart.js and live.js) polls `points`; no event runs while a run computes, so a reload, a second
tab and a late visitor see the same.
"""

import os
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

import gradio as gr
from markupsafe import Markup

import distill_core as core
from distill_core import ENDED, STAGES, UnknownRun

from ..components.templates import render
from ..i18n import names
from ..i18n.translate import translate
from . import status_text
from .run_state import grouped, run_state
from .time_left import seconds_left

FIRST_POINTS = 2000  # points per curve in the first answer
QUEUED_MS = 1500  # until the next question while a run waits
YOUNG, YOUNG_MS = 15, 200  # seconds after its start in which a run is asked so often, unless many tabs ask
# ms until the next question while fewer than so many were asked in the last two seconds: many tabs ask less often each
PACE = ((20, 500), (80, 1000), (200, 2000), (float("inf"), 4000))
LONGEST_ID = 64
_recent_polls: deque[float] = deque(maxlen=1000)
_polls_lock = threading.Lock()


def poll(question: Any) -> dict[str, Any]:
    """The news of a run since the question's cursor. Anyone may call this with anything: an unknown run or a
    malformed question is answered with one sentence under "error"."""
    question = question if isinstance(question, dict) else {}
    cursor = question.get("cursor")
    reset = not (
        isinstance(cursor, list) and len(cursor) == 2 and all(type(n) is int and 0 <= n < 2**53 for n in cursor)
    )
    points_at, log_at = (0, 0) if reset else cursor
    try:
        run = core.run(str(question.get("run", ""))[:LONGEST_ID])
    except UnknownRun:
        return {"error": translate("unknown_run")}
    row = run.row  # read before the events, so that an ended run's answer holds all of them
    seen = run_state(run)
    if reset:
        series, following = seen.curves(run, FIRST_POINTS)
    else:
        rows, following = run.points(points_at)
        series = grouped(rows)
    left = seconds_left(run, seen) if row.status == "running" else None
    return {
        "reset": reset,
        "next": [following, len(seen.log)],
        "status": row.status,
        "done": row.status in ENDED,
        "poll_ms": _pause(row),
        "text": status_text.status_line(run, row, seen),
        "trouble": status_text.failure(row, seen),
        "stages": [status_text.stage_bar(name, row.status, seen) for name in STAGES],
        "figures": status_text.figures(run, row, seen, left),
        "gap": status_text.gap(seen),
        "lines": status_text.lines(seen),
        "best": status_text.best(seen),
        "metric": seen.metric,
        "log": [status_text.log_line(when, event) for when, event in seen.log[log_at:]],
        "series": series,
        "seconds": time.time() - row.started if row.started and row.status == "running" else 0,
        "replay": _example() if row.status == "queued" else "",
    }


def _pause(row: Any) -> int:
    pace = _pace()
    if time.time() - (row.started or row.created) < YOUNG and pace == PACE[0][1]:
        return YOUNG_MS
    return QUEUED_MS if row.status == "queued" else pace


def _pace() -> int:
    at = time.monotonic()
    with _polls_lock:
        _recent_polls.append(at)
        while _recent_polls[0] < at - 2:
            _recent_polls.popleft()
        return next(ms for most, ms in PACE if len(_recent_polls) < most)


def _example() -> str:
    """The example whose curves may be watched while waiting."""
    return next((run.id for run in core.list_runs(1, examples=True, status="finished")), "")


def words() -> dict[str, Any]:
    """The words that live.js and chart.js say."""
    keys = ("lost", "back", "nochart", "steps", "copied", "smoothed", "member.all", "member.main")
    return {
        **{key: translate(f"live.{key}") for key in keys},
        "idle": translate("live.idle"),
        "stage": {stage: translate(f"stage.{stage}") for stage in STAGES},
        "series": {name: translate(f"series.{name}") for name in ("loss", "valid_loss", "valid_accuracy")},
        "figures": [
            translate("figure.student", metric=names.metric_name("accuracy")),
            translate("figure.gap"),
            translate("figure.left"),
        ],
        "space": os.environ.get("SPACE_ID", ""),
        "ask_after": 60,  # seconds of running after which Stop asks once more
    }


def template() -> Markup:
    """The live view's markup, all of its parts in place from the beginning. Data never passes through it."""
    return render("live/view.html")


def live(**more: Any) -> gr.HTML:
    """Curves, stages, figures, status line and log of the run whose id is its value. Says `moved` when the run got
    another status. (No class of its own: Gradio writes a stub file beside the source of each.)"""

    def points(question: Any) -> dict[str, Any]:
        return poll(question)

    script = "\n".join(Path(__file__).with_name(name).read_text(encoding="utf-8") for name in ("chart.js", "view.js"))
    return gr.HTML("", html_template=template(), js_on_load=script, server_functions=[points], words=words(), **more)
