"""History: every run with its state and score; open, resume, delete with undo. Its own page at /history."""

import time
from typing import Any

import gradio as gr

import distill_core as core
from distill_core import STATUSES, Run, UserError
from ui import host
from ui.form import rule_name
from ui.show import DASH, esc, note, percent, status, table, why
from ui.steps.distil import RESUMABLE
from ui.words import knobs, say

PAGE = 25
ACTS = ("resume", "delete", "restore")

# Which button of which row was pressed: the table itself is HTML made on the server, all of its texts escaped.
SCRIPT = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('button.act')
  if (button) trigger('act', { run: button.dataset.run, act: button.dataset.act })
})
"""


def build() -> None:
    """Lays the page out and connects it."""
    gr.HTML(why(say("history.why")))
    with gr.Row(elem_classes="filters"):
        search = gr.Textbox(label=say("history.search"), max_lines=1, interactive=True, elem_id="search", scale=3)
        states = [(say("history.any"), ""), *((say(f"status.{name}"), name) for name in STATUSES)]
        state = gr.Dropdown(states, value="", label=say("history.state"), interactive=True, elem_id="state", scale=1)
        shown = gr.Number(PAGE, visible=False)
    message = gr.HTML(elem_id="history-message", js_on_load=SCRIPT)
    list_ = gr.HTML(elem_id="runs", js_on_load=SCRIPT)
    with gr.Row(elem_classes="actions"):
        more = gr.Button(say("history.more"), visible=False, elem_id="more-runs")
        refresh = gr.Button(say("history.refresh"), elem_id="refresh")

    def act(event: gr.EventData, words: str, wanted: str, size: float) -> tuple[Any, ...]:
        told = acted(getattr(event, "run", ""), getattr(event, "act", ""))
        return *listed(words, wanted, size), told

    quick = {"queue": False, "api_visibility": "private", "show_progress": "hidden"}
    view, parts = [search, state, shown], [list_, more]
    gr.on([search.change, state.change, refresh.click], listed, view, parts, **quick)
    more.click(lambda size: size + PAGE, shown, shown, **quick).then(listed, view, parts, **quick)
    for place in (list_, message):
        place.act(act, view, [*parts, message], **quick)
    gr.on([gr.context.Context.root_block.load], listed, view, parts, **quick)


def acted(run: str, act: str) -> str:
    """Does one of ACTS to a run; what to say of it as HTML."""
    try:
        found = core.run(str(run)[:64])
        if act not in ACTS:
            return ""
        getattr(found, act)()
    except UserError as error:
        return note(str(error), "error")
    if act != "delete":
        return ""
    undo = _button(found.id, "restore")
    return f'<div class="note" role="status">{esc(say("history.deleted", name=found.name))} {undo}</div>'


def listed(words: str, state: str, size: float) -> tuple[str, Any]:
    """The table of runs that fit, and whether there are more. Without a run of one's own: the shipped examples."""
    size = max(PAGE, min(1000, int(size or PAGE)))
    wanted = {"status": state if state in STATUSES else None, "search": str(words or "")[:200]}
    found = [] if host.public() else core.runs(size + 1, **wanted)
    html = _table(found[:size], say("history"))
    if host.public():
        html = f'<p class="why">{esc(say("host.private"))}</p>'
    elif not found:
        plain = not (wanted["status"] or wanted["search"])
        html = f'<div class="card empty">{esc(say("history.none" if plain else "history.none.found"))}</div>'
    if len(found) <= size and (examples := core.runs(PAGE, examples=True, **wanted)):
        html += f'<p class="why">{esc(say("history.examples"))}</p>{_table(examples, say("history.examples"))}'
    return html, gr.Button(visible=len(found) > size)


def _table(runs: list[Run], name: str) -> str:
    if not runs:
        return ""
    head = [say(f"history.{key}") for key in ("name", "state", "student", "teacher", "gap", "when", "actions")]
    made = table(head, [_row(run) for run in runs], name, kind="cards")
    return f'<div class="card runs">{made}</div>'


def _row(run: Run) -> list[str]:
    row, summary = run.row, run.summary or {}
    scores = summary.get("scores") or {}
    accuracy = {name: (scores.get(name) or {}).get("accuracy") for name in ("student", "teacher")}
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(row.created))
    changed = ", ".join(_changed(row.config))
    acts = [f'<a class="act" href="./?run={esc(row.id)}">{esc(say("history.open"))}</a>']
    if not row.example:
        acts += [_button(row.id, "resume")] * (row.status in RESUMABLE) + [_button(row.id, "delete")]
    chip = status(row.status) + (f'<span class="chip">{esc(say("history.example"))}</span>' if row.example else "")
    return [
        f"{esc(run.name)}<small>{esc(changed[:120])}</small>",
        f'<span class="row">{chip}</span>',
        percent(accuracy["student"]),
        percent(accuracy["teacher"]),
        percent(summary["gap_recovered"], 0) if summary.get("gap_recovered") is not None else DASH,
        esc(when),
        f'<span class="row">{"".join(acts)}</span>',
    ]


def _changed(config: dict[str, Any]) -> list[str]:
    """The settings that differ from today's defaults in words, without the paths of files."""
    hidden = {"task", "train", "valid", "test", "unlabelled", "vectors_file"}
    told = []
    for knob in knobs():
        value = config.get(knob.name)
        if knob.name in hidden or value is None or value == knob.default:
            continue
        if isinstance(value, dict):
            value = ", ".join(f"{rule_name(name)} {rate}" for name, rate in value.items())
        elif isinstance(value, bool):
            value = say("yes" if value else "no")
        told.append(f"{knob.label}: {value}")
    return told


def _button(run: str, act: str) -> str:
    words = esc(say(f"history.{act}"))
    return f'<button type="button" class="act" data-run="{esc(run)}" data-act="{act}">{words}</button>'
