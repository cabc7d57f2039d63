"""The state of a run: what it has said so far, folded once a process and shared by all tabs that watch it. Holds no
words: they differ from page to page.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, cast

from distill_core import Ended, Event, Fact, Metric, Note, Progress, Run, StageEnded, StageStarted

MAX_STATES = 64
Curve = tuple[list[int], list[float]]  # the steps and the values of a series


@dataclass
class Stage:
    """A stage and how far it is. `share` is None while nobody knows, `left` and `seconds` where they aren't known
    (yet)."""

    state: str = "run"  # or "done"
    share: float | None = None
    at: Progress | None = None
    left: float | None = None
    seconds: float | None = None
    cached: bool = False


class RunState:
    """The state of one run as its events tell it. `update` reads only what is new."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.cursor = 0
        self.stages: dict[str, Stage] = {}
        self.now = ""  # the stage that is going on
        self.log: list[tuple[float, Event]] = []  # (when, what) of notes, ended stages and the end
        self.metric: Metric = "accuracy"
        self.validation: dict[str, float] = {}  # of floor, control and teacher
        self.facts: dict[str, Any] = {}
        self.best: tuple[int, float] | None = None  # the step and the score of the student so far that is taken
        self.pace: float | None = None  # texts that the teacher answers in a second
        self._points = 0
        self._last: dict[str, int] = {}  # step of each series
        self._thinned: tuple[int, dict[str, Curve]] = (0, {})

    @property
    def takes_last(self) -> bool:
        """Whether the student is taken from its last step, not from its best one."""
        return self.facts.get("selection") == "last"

    def update(self, run: Run) -> None:
        """Takes in the events after the cursor."""
        with self.lock:
            for number, when, event in run.timed_events(self.cursor):
                self.cursor = number
                self._take(event)
                if isinstance(event, Note | StageEnded | Ended):
                    self.log.append((when, event))
            rows, self._points = run.points(self._points)
            if any(step <= self._last.get(series, -1) for series, step, _ in rows):  # of an earlier try some are gone
                rows, self._points = run.points(0)
                self.best, self._last = None, {}
            for series, step, value in rows:
                self._last[series] = step
                if value is not None and series == f"student/valid_{self.metric}":
                    is_better = self.best is None or self.takes_last or value > self.best[1]
                    self.best = (step, value) if is_better else self.best

    def _take(self, event: Event) -> None:
        match event:
            case StageStarted(stage):
                if stage in self.stages:
                    self.stages.clear()  # a resumed run goes through its stages again
                self.stages[stage], self.now = Stage(), stage
            case Progress(stage, done, total, _, left):
                self.stages[stage] = Stage("run", done / total if total else None, event, left)
                self.now = stage
                if stage in ("teacher", "label") and event.unit == "texts" and left:
                    self.pace = (total - done) / left
            case StageEnded(stage, seconds, cached):
                self.stages[stage], self.now = Stage("done", 1.0, None, 0.0, seconds, cached), ""
            case Fact("validation", dict() as scores):
                self.validation = {name: value for name, value in scores.items() if isinstance(value, int | float)}
            case Fact("metric", str() as metric):
                self.metric = cast(Metric, metric)  # one of them also in a run from elsewhere: that was checked
            case Fact(name, value):
                self.facts[name] = value

    def curves(self, run: Run, most: int) -> tuple[dict[str, Curve], int]:
        """Every curve thinned to about `most` points, and the cursor after them. Thinned anew only when much has come
        since: thirty pages that open at once pay for it once."""
        with self.lock:
            cursor, curves = self._thinned
            rows, following = run.points(cursor)
            news = grouped(rows)
            goes_on = all(steps[0] > curves[name][0][-1] for name, (steps, _) in news.items() if name in curves)
            if cursor and len(rows) < most // 10 and goes_on:
                return joined(curves, news), following
            if cursor:
                rows, following = run.points(0)
            curves = {name: thin(*curve, most) for name, curve in grouped(rows).items()}
            self._thinned = (following, curves)
            return curves, following


def grouped(rows: list[tuple[str, int, float | None]]) -> dict[str, Curve]:
    """Curves: the rows by series, without values that are no number."""
    curves: dict[str, Curve] = {}
    for name, step, value in rows:
        if value is not None:
            steps, values = curves.setdefault(name, ([], []))
            steps.append(step)
            values.append(value)
    return curves


def joined(first: dict[str, Curve], second: dict[str, Curve]) -> dict[str, Curve]:
    """The curves of both, one after the other."""
    empty: Curve = ([], [])
    pairs = {name: (first.get(name, empty), second.get(name, empty)) for name in {**first, **second}}
    return {name: (a[0] + b[0], a[1] + b[1]) for name, (a, b) in pairs.items()}


def thin(steps: list[int], values: list[float], most: int) -> Curve:
    """A curve thinned to at most `most` of its points: of each bucket its lowest and its highest, which is what the eye
    sees of a curve. A curve of fewer points keeps every one."""
    if len(steps) <= most:
        return steps, values
    size = -(-len(steps) // (most // 2))
    indices: list[int] = []
    for start in range(0, len(steps), size):
        bucket = range(start, min(start + size, len(steps)))
        indices += sorted({min(bucket, key=values.__getitem__), max(bucket, key=values.__getitem__)})
    return [steps[at] for at in indices], [values[at] for at in indices]


_states: OrderedDict[str, RunState] = OrderedDict()
_states_lock = threading.Lock()


def run_state(run: Run) -> RunState:
    """The state of that run, up to date."""
    with _states_lock:
        state = _states.setdefault(run.id, RunState())
        _states.move_to_end(run.id)
        while len(_states) > MAX_STATES:
            _states.popitem(last=False)
    state.update(run)
    return state
