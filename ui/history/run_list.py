"""The list of runs: one page of those that are asked for, each as a row of HTML."""

import hashlib
import json
import re
from textwrap import shorten
from typing import Any

from markupsafe import Markup

import distill_core as core
from distill_core import ALIVE, RESUMABLE, STATUSES, Run, RunRecord
from distill_core import ENDED as OVER

from ..access import ownership, public_host
from ..components.formatting import DASH, count, duration, gap_share, percent, size
from ..components.templates import render
from ..i18n import names
from ..i18n.names import choice_name, knobs, rule_name, translate_message
from ..i18n.translate import format_number, format_time, translate

PAGE = 25
KNOWN = 200  # ids that a browser may ask for at once
# what can be sorted, as the store calls it, and the word over its column
SORTED = (
    ("name", "name"), ("status", "state"), ("accuracy", "student"), ("teacher", "teacher"), ("gap", "gap"),
    ("bytes", "size"), ("seconds", "took"), ("created", "when"),
)  # fmt: skip
ID = re.compile(r"[\w-]{1,64}", re.ASCII)


def list_runs(question: Any) -> dict[str, Any]:
    """One page of runs. Anyone may ask anything: what makes no sense is left out of the question. `mark` is what the
    last answer was marked with; where nothing changed since, the answer is {"same": True}."""
    request = question if isinstance(question, dict) else {}
    wanted: dict[str, Any] = {
        "status": request.get("status") if request.get("status") in STATUSES else None,
        "task": str(request.get("task") or "")[:100],
        "search": " ".join(str(request.get("q") or "")[:200].split()[:20]),
    }
    sort = str(request.get("sort") or "-created")
    if sort.removeprefix("-") not in dict(SORTED):
        sort = "-created"
    # nobody lists what others started
    own = wanted | ({"ids": ids(request.get("ids"))} if public_host.public() else {})
    total = core.count(**own)
    pages = max(1, -(-total // PAGE))
    page = request.get("page")
    page = min(max(1, page), pages) if type(page) is int else 1
    listed = core.list_runs(PAGE, PAGE * (page - 1), sort=sort, **own)
    examples = core.list_runs(PAGE, examples=True, sort=sort, **wanted) if page == pages else []
    answer = {
        "rows": [row(run) for run in listed],
        "examples": [row(run) for run in examples],
        "total": total,
        "page": page,
        "sort": sort,
        "alive": any(run.status in ALIVE for run in listed),
        "tasks": [[name, names.task_name(name)] for name in ([] if public_host.public() else core.run_tasks())],
        "told": _status_words(total, page),
        "empty": "" if total else _empty(wanted),
        "pages": _pages(page, pages),
    }
    answer["mark"] = hashlib.sha256(json.dumps(answer).encode()).hexdigest()[:16]
    return {"same": True, "alive": answer["alive"]} if request.get("mark") == answer["mark"] else answer


def ids(value: Any) -> list[str]:
    """The ids in `value`: what looks like the id of a run."""
    candidates = value if isinstance(value, list) else []
    return [one for one in candidates[:KNOWN] if isinstance(one, str) and ID.fullmatch(one)]


def row(run: Run) -> dict[str, Any]:
    """A run as {"id", "name", "html": its row, "more": the row that opens below it}."""
    record, name = run.row, run.name
    summary = record.summary
    scores = summary.get("scores", {}) if summary else {}
    student, teacher = scores.get("student"), scores.get("teacher")
    changed = ", ".join(f"{label}: {value}" for label, value in settings(record.config).items())
    figures = [
        percent(student.get("accuracy") if student else None),
        percent(teacher.get("accuracy") if teacher else None),
        gap_share(summary.get("gap_recovered") if summary else None),
        size(student.get("bytes") if student else None),
        duration(took(record)),
        format_time(record.created),
    ]
    html = render(
        "history/run.html",
        row=record,
        name=name,
        about=shorten(" · ".join(filter(None, (names.task_name(record.task), changed))), 160, placeholder=" …"),
        marks=[mark for mark, is_so in (("example", record.example), ("imported", record.origin)) if is_so],
        stage=record.stage if record.status in ("running", "stopping") else None,
        figures=[(word, figure) for (_, word), figure in zip(SORTED[2:], figures, strict=True)],
    )
    return {"id": record.id, "name": name, "html": html, "more": _more(run)}


def took(row: RunRecord) -> float | None:
    """Seconds from a run's start to its end, None before that; a resumed run's from its last start."""
    return row.ended - row.started if row.ended and row.started else None


def _more(run: Run) -> Markup:
    """The row that opens below a run's own: what can be done with the run."""
    record = run.row
    mine = not record.example and ownership.may_change(run)
    doable = {
        "stop": record.status in ("queued", "running") and mine,
        "resume": record.status in RESUMABLE and mine and not record.origin,
        "take": record.status in OVER and not record.example,
        "delete": mine,
    }
    return render(
        "history/run_detail.html",
        row=record,
        name=run.name,
        columns=len(SORTED) + 2,
        editable=mine,
        message=translate_message(record.message) if record.message else "",
        acts=[act for act, possible in doable.items() if possible],
    )


def settings(config: dict[str, Any], every: bool = False) -> dict[str, str]:
    """The settings in words by label, without the task, which stands beside them, and the paths of files: those that
    differ from today's defaults, or `every` one."""
    words = {}
    for knob in knobs():
        value = config.get(knob.name, knob.default)
        is_default = value in (None, knob.default) or value == []
        if knob.name == "task" or knob.path or (is_default and not every):
            continue
        if knob.name == "teacher" and value:
            value = translate_message(core.teacher_title(str(value)))
        known = knob.choices and isinstance(value, str)
        words[knob.label] = choice_name(knob.name, value) if known else in_words(value)
    return words


def in_words(value: Any) -> str:
    """A setting's value as people read it."""
    if value is None:
        return DASH
    if isinstance(value, dict):
        return ", ".join(f"{rule_name(name)} {in_words(rate)}" for name, rate in value.items())
    if isinstance(value, bool):
        return translate("yes" if value else "no")
    if isinstance(value, int | float):
        return format_number(value, ",d" if isinstance(value, int) else ",g")
    if isinstance(value, list | tuple):
        return ", ".join(map(in_words, value)) or DASH
    return str(value).replace("\\", "/").rsplit("/", 1)[-1] if str(value).startswith("/") else str(value)


def _status_words(total: int, page: int) -> str:
    if not total:
        return ""
    first = PAGE * (page - 1) + 1
    if total <= PAGE:
        return translate("history.told.one" if total == 1 else "history.told.all", n=total)
    return translate("history.told", first=count(first), last=count(min(total, first + PAGE - 1)), n=count(total))


def _empty(wanted: dict[str, Any]) -> str:
    is_filtered = wanted["status"] or wanted["search"] or wanted["task"]
    if is_filtered:
        return translate("history.none.found")
    return translate("history.none.here" if public_host.public() else "history.none")


def _pages(page: int, pages: int) -> Markup:
    """Links to the first and last pages and to those beside this one."""
    shown = sorted({1, pages, *range(max(1, page - 2), min(pages, page + 2) + 1)})
    return render("history/pages.html", page=page, shown=shown) if pages > 1 else Markup()
