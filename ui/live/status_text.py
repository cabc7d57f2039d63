"""The status of a run in words: status line, stages, figures, log. Everything that differs between languages."""

from typing import Any

from distill_core import ENDED, ROWS, Event, Note, Run, RunRecord, StageEnded

from ..components.formatting import DASH, count, duration, percent, points
from ..i18n.names import metric_name, stage_name, translate_message
from ..i18n.translate import format_number, translate, translate_or
from .run_state import RunState, Stage
from .time_left import queue_wait


def status_line(run: Run, row: RunRecord, seen: RunState) -> str:
    """The status line: where the run is, and how it ended."""
    if row.status == "queued":
        place = run.place or 1
        seconds = queue_wait(place)
        about = translate("now.wait", wait=duration(seconds)) if seconds is not None else ""
        return (
            translate("now.queued.next", about=about)
            if place <= 1
            else translate("now.queued", place=place, about=about)
        )
    if row.status == "running":
        if not seen.now:
            return translate("now.starting")
        at = seen.stages[seen.now].at
        if at is None:
            return translate("now.stage", stage=stage_name(seen.now))
        unit = translate_or(at.unit, f"unit.{at.unit}")
        return translate(
            "now.running", stage=stage_name(at.stage), done=count(at.done), total=count(at.total), unit=unit
        )
    if row.status == "finished":
        recovered = row.summary.get("gap_recovered") if row.summary else None
        key = "gap" if (recovered or 0) > 0 else "level" if recovered == 0 else "below"
        gap_words = translate(f"now.finished.{key}", gap=percent(recovered, 0)) if recovered is not None else ""
        return translate("now.finished", seconds=duration(_spent(run)), gap=gap_words)
    if row.status == "stopped" and not row.summary:
        return translate("now.stopped.early")
    return translate(f"now.{row.status}")


def _spent(run: Run) -> float:
    return sum(run.stages().values())  # of all its sessions: the row knows only when the last one began


def failure(row: RunRecord, seen: RunState) -> dict[str, str] | None:
    """The failure of a run that ended early: what happened, in which stage, and what to do; None for any other."""
    if row.status not in ENDED or row.status == "finished":
        return None
    at = seen.now or row.stage
    where = translate("trouble.stage", stage=stage_name(at)) if at and row.status != "stopped" else ""
    return {
        "what": translate_message(row.message),
        "where": where,
        "advice": translate(f"trouble.{row.status}"),
        "level": row.status,
    }


def stage_bar(name: str, status: str, seen: RunState) -> dict[str, Any]:
    """One of the stages as its bar shows it."""
    stage = seen.stages.get(name)
    if stage is None:
        return {"name": stage_name(name), "state": "wait", "share": 0, "text": ""}
    state = "halt" if stage.state == "run" and status in ENDED and status != "finished" else stage.state
    return {"name": stage_name(name), "state": state, "share": stage.share, "text": _progress(stage, state)}


def _progress(stage: Stage, state: str) -> str:
    if stage.cached:
        return translate("stage.cached")
    if stage.seconds is not None:
        return took(stage.seconds)
    if state == "halt":
        return translate("stage.halt")
    if stage.left is not None:
        return translate("stage.left", left=duration(stage.left))
    return f"{count(stage.at.done)} / {count(stage.at.total)}" if stage.at else "…"


def took(seconds: float) -> str:
    """The time that a stage took: below ten seconds a tenth matters."""
    return f"{format_number(seconds, '.1f')} s" if seconds < 10 else duration(seconds)


def figures(run: Run, row: RunRecord, seen: RunState, left: float | None) -> list[dict[str, str]]:
    """The three figures, always as many: the student's score, what is missing to the teacher, the time."""
    student, teacher = seen.best, seen.validation.get("teacher")
    missing = teacher - student[1] if student and teacher is not None else None
    if missing is None:
        gap_words = translate("figure.gap.teacher", teacher=percent(teacher)) if teacher is not None else ""
    else:
        gap_words = translate(f"figure.gap.{_side(missing)}", teacher=percent(teacher))
    stage_left = seen.stages[seen.now].left if seen.now else None
    if row.status == "running":
        stage_words = translate("figure.stage", left=duration(stage_left)) if stage_left is not None else ""
        clock = {"label": translate("figure.left"), "value": duration(left), "more": stage_words}
    else:
        spent = _spent(run) if row.status in ENDED else None
        clock = {"label": translate("figure.took" if spent else "figure.left"), "value": duration(spent), "more": ""}
    return [
        {
            "label": translate("figure.student", metric=metric_name(seen.metric)),
            "value": percent(student[1]) if student else DASH,
            "more": translate("figure.step.last" if seen.takes_last else "figure.step", step=count(student[0]))
            if student
            else translate("figure.student.none"),
        },
        {
            "label": translate("figure.gap"),
            "value": DASH if missing is None else points(abs(missing)),
            "more": gap_words,
        },
        clock,
    ]


def gap(seen: RunState) -> str:
    """The gap between student and teacher on the validation rows in one sentence; empty before there is a student."""
    teacher, control = seen.validation.get("teacher"), seen.validation.get("control")
    if seen.best is None or teacher is None:
        return ""
    missing = teacher - seen.best[1]
    words = {
        "student": percent(seen.best[1]),
        "teacher": percent(teacher),
        "gap": points(abs(missing)),
        "control": translate("gap.control", control=percent(control)) if control is not None else "",
    }
    return translate(f"gap.{_side(missing)}", **words)


def _side(missing: float) -> str:
    """The side of the teacher on which the student stands, as the figures show it: what reads as 0.0 points is
    level."""
    return "level" if abs(missing) < 0.0005 else "below" if missing > 0 else "above"


def lines(seen: RunState) -> list[dict[str, Any]]:
    """The lines across the chart: what teacher, control and floor reach."""
    return [
        {
            "name": row,
            "value": seen.validation[row],
            "text": translate("line.at", row=translate(f"row.{row}"), value=percent(seen.validation[row])),
        }
        for row in ROWS
        if row in seen.validation
    ]


def best(seen: RunState) -> dict[str, Any] | None:
    """The point whose student is taken."""
    if seen.best is None:
        return None
    step, value = seen.best
    return {
        "step": step,
        "value": value,
        "text": translate("live.last.point" if seen.takes_last else "live.best.point", value=percent(value)),
    }


def log_line(when: float, event: Event) -> list[Any]:
    """A line of the log: when (seconds since 1970), its level, its words."""
    match event:
        case Note(text, level):
            return [when, level, translate_message(event.made or text)]
        case StageEnded(name, _, True):
            return [when, "stage", translate("log.cached", stage=stage_name(name))]
        case StageEnded(name, seconds, _):
            return [when, "stage", translate("log.stage", stage=stage_name(name), seconds=took(seconds))]
    return [when, "stage", translate("log.ended", status=translate(f"status.{event.body()['status']}"))]
