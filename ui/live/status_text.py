"""What a run has said so far in words: status line, stages, figures, log. Everything that differs between languages."""

from typing import Any

from distill_core import ENDED, ROWS, Event, Note, Run, StageEnded
from ui.components.formatting import DASH, count, duration, percent, points
from ui.i18n.names import metric_name, stage_name, tell
from ui.i18n.translate import figure, say, say_or
from ui.live.run_state import Fold, Stage
from ui.live.time_left import wait


def now(run: Run, row: Any, seen: Fold) -> str:
    """The status line: where the run is, and how it ended."""
    if row.status == "queued":
        place = run.place or 1
        seconds = wait(place)
        about = say("now.wait", wait=duration(seconds)) if seconds is not None else ""
        return say("now.queued.next", about=about) if place <= 1 else say("now.queued", place=place, about=about)
    if row.status == "running":
        if not seen.now:
            return say("now.starting")
        at = seen.stages[seen.now].at
        if at is None:
            return say("now.stage", stage=stage_name(seen.now))
        unit = say_or(at.unit, f"unit.{at.unit}")
        return say("now.running", stage=stage_name(at.stage), done=count(at.done), total=count(at.total), unit=unit)
    if row.status == "finished":
        recovered = (row.summary or {}).get("gap_recovered")
        told = say("now.finished.gap", gap=percent(recovered, 0)) if recovered is not None else ""
        return say("now.finished", seconds=duration(_spent(run)), gap=told)
    return say(f"now.{row.status}")


def _spent(run: Run) -> float:
    return sum(run.stages().values())  # of all its sessions: the row knows only when the last one began


def trouble(row: Any, seen: Fold) -> dict[str, str] | None:
    """Of a run that ended early: what happened, in which stage, and what to do; None for any other."""
    if row.status not in ENDED or row.status == "finished":
        return None
    at = seen.now or row.stage
    where = say("trouble.stage", stage=stage_name(at)) if at and row.status != "stopped" else ""
    return {"what": tell(row.message), "where": where, "advice": say(f"trouble.{row.status}"), "level": row.status}


def stage(name: str, status: str, seen: Fold) -> dict[str, Any]:
    """One of the stages as its bar shows it."""
    found = seen.stages.get(name)
    if found is None:
        return {"name": stage_name(name), "state": "wait", "share": 0, "text": ""}
    state = "halt" if found.state == "run" and status in ENDED and status != "finished" else found.state
    return {"name": stage_name(name), "state": state, "share": found.share, "text": _progress(found, state)}


def _progress(found: Stage, state: str) -> str:
    if found.cached:
        return say("stage.cached")
    if found.seconds is not None:
        return took(found.seconds)
    if state == "halt":
        return say("stage.halt")
    if found.left is not None:
        return say("stage.left", left=duration(found.left))
    return f"{count(found.at.done)} / {count(found.at.total)}" if found.at else "…"


def took(seconds: float) -> str:
    """How long a stage took: below ten seconds a tenth matters."""
    return f"{figure(seconds, '.1f')} s" if seconds < 10 else duration(seconds)


def figures(run: Run, row: Any, seen: Fold, left: float | None) -> list[dict[str, str]]:
    """The three figures, always as many: the student's score, what is missing to the teacher, the time."""
    student, teacher = seen.best, seen.validation.get("teacher")
    missing = teacher - student[1] if student and teacher is not None else None
    if missing is None:
        told = say("figure.gap.teacher", teacher=percent(teacher)) if teacher is not None else ""
    else:
        told = say(f"figure.gap.{_side(missing)}", teacher=percent(teacher))
    here = seen.stages[seen.now].left if seen.now else None
    if row.status == "running":
        here_told = say("figure.stage", left=duration(here)) if here is not None else ""
        clock = {"label": say("figure.left"), "value": duration(left), "more": here_told}
    else:
        spent = _spent(run) if row.status in ENDED else None
        clock = {"label": say("figure.took" if spent else "figure.left"), "value": duration(spent), "more": ""}
    return [
        {
            "label": say("figure.student", metric=metric_name(seen.metric)),
            "value": percent(student[1]) if student else DASH,
            "more": say("figure.step", step=count(student[0])) if student else say("figure.student.none"),
        },
        {
            "label": say("figure.gap"),
            "value": DASH if missing is None else points(abs(missing)),
            "more": told,
        },
        clock,
    ]


def gap(seen: Fold) -> str:
    """Student, teacher and control on the validation rows in one sentence; empty before there is a student."""
    teacher, control = seen.validation.get("teacher"), seen.validation.get("control")
    if seen.best is None or teacher is None:
        return ""
    missing = teacher - seen.best[1]
    words = {
        "student": percent(seen.best[1]),
        "teacher": percent(teacher),
        "gap": points(abs(missing)),
        "control": say("gap.control", control=percent(control)) if control is not None else "",
    }
    return say(f"gap.{_side(missing)}", **words)


def _side(missing: float) -> str:
    """Where the student stands to the teacher, as far as the figures show it: what reads as 0.0 points is level."""
    return "level" if abs(missing) < 0.0005 else "below" if missing > 0 else "above"


def lines(seen: Fold) -> list[dict[str, Any]]:
    """The lines across the chart: what teacher, control and floor reach."""
    return [
        {
            "name": row,
            "value": seen.validation[row],
            "text": say("line.at", row=say(f"row.{row}"), value=percent(seen.validation[row])),
        }
        for row in ROWS
        if row in seen.validation
    ]


def best(seen: Fold) -> dict[str, Any] | None:
    """The point that is kept."""
    if seen.best is None:
        return None
    step, value = seen.best
    return {"step": step, "value": value, "text": say("live.best.point", value=percent(value))}


def said(when: float, event: Event) -> list[Any]:
    """A line of the log: when (seconds since 1970), its level, its words."""
    match event:
        case Note(text, level):
            return [when, level, tell(event.made or text)]
        case StageEnded(name, _, True):
            return [when, "stage", say("log.cached", stage=stage_name(name))]
        case StageEnded(name, seconds, _):
            return [when, "stage", say("log.stage", stage=stage_name(name), seconds=took(seconds))]
    return [when, "stage", say("log.ended", status=say(f"status.{event.body()['status']}"))]
