"""The time left: of a whole run, from what it has shown and what was estimated, and of the wait in the queue."""

import heapq
import statistics
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import distill_core as core
from distill_core import STAGES, Run, UserError

from .run_state import RunState

MAX_ANSWERS, ANSWER_SECONDS = 64, 10.0  # answers, and for how long
QUICK = {"data": 2.0, "compare": 6.0}  # seconds of the stages that hardly depend on the run, where nothing is known


def seconds_left(run: Run, seen: RunState) -> float | None:
    """Seconds to the end of the run, None while a stage to come can't be guessed."""
    if not seen.now:
        return None
    stage_now, coming = seen.stages[seen.now], STAGES[STAGES.index(seen.now) + 1 :] if seen.now in STAGES else ()
    known = expected(run)
    left = stage_now.left
    if left is None and seen.now in known:
        left = known[seen.now] / 2  # it has begun and says no more
    for stage in coming:
        if left is not None and stage not in seen.stages:
            seconds = _seen(stage, seen) or known.get(stage, QUICK.get(stage))
            left = None if seconds is None else left + seconds
    return left


def _seen(stage: str, seen: RunState) -> float | None:
    """Seconds of a stage from what this very run has shown: the student takes as many steps as the control, and the
    teacher labels as fast as it answered the validation rows."""
    control, transfer = seen.stages.get("control"), seen.facts.get("transfer")
    if stage == "student" and control and not control.cached:
        at = control.at
        return control.left * at.total / (at.total - at.done) if at and control.left else control.seconds
    return transfer["texts"] / seen.pace if stage == "label" and seen.pace and transfer else None


def expected(run: Run) -> dict[str, float]:
    """Seconds of each stage as they were estimated before the start: from runs like it, or from a short measurement."""
    return _cached(run.id, lambda: _estimate(run))


def _estimate(run: Run) -> dict[str, float]:
    try:
        estimate = core.estimate(run.config)
    except UserError:  # made with a part that is gone
        return {}
    return estimate.stages if estimate else {}


def queue_wait(place: int) -> float | None:
    """Seconds until the run at that place in the queue begins, None before any run has finished here. Supposes that
    those before it take as long as the last ones did."""
    usual, began = _cached("queue", _queue)
    if usual is None:
        return None
    free = [max(usual - (time.time() - at), 1.0) for at in began] or [1.0]
    heapq.heapify(free)
    for _ in range(place - 1):
        heapq.heappush(free, heapq.heappop(free) + usual)
    return free[0]


def _queue() -> tuple[float | None, list[float]]:
    """The queue's pace: how long a run usually takes, and when those that run now began."""
    ended = [run.row for run in core.list_runs(10, status="finished")]
    took = [row.ended - row.started for row in ended if row.ended and row.started]
    running = [run.row.started for run in core.list_runs(10, status=("running", "stopping"))]
    return statistics.median(took) if took else None, [at for at in running if at]


_answers: "OrderedDict[str, tuple[float, Any]]" = OrderedDict()


def _cached(key: str, find: Callable[[], Any]) -> Any:
    """The answer that `find` gave within the last seconds: every tab asks, and the answer hardly changes."""
    at, answer = _answers.get(key, (0.0, None))
    if not at or time.monotonic() > at + ANSWER_SECONDS:
        answer = find()
        _answers[key] = time.monotonic(), answer
        while len(_answers) > MAX_ANSWERS:
            _answers.popitem(last=False)
    return answer
