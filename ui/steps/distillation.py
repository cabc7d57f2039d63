"""Step four: start the run, watch it, stop it, resume it."""

import time
from dataclasses import dataclass
from typing import Any

import gradio as gr

import distill_core as core
from distill_core import ALIVE, ENDED, RESUMABLE, UserError
from ui.access import ownership
from ui.components.events import BROWSER, QUICK
from ui.components.form import Form
from ui.components.html import note, why
from ui.components.tabs import open_tab_js
from ui.i18n.names import translate_message
from ui.i18n.translate import translate
from ui.live.view import live
from ui.steps import presets
from ui.steps.launch_bar import Bar, fault

# The run's id goes into the address, so that a reload and a shared link show the same run. The browser remembers it as
# well: on a public host that is all that History lists.
ADDRESS_JS = """(run) => {
  const at = new URL(location)
  run ? at.searchParams.set('run', run) : at.searchParams.delete('run')
  if (run) {
    at.searchParams.delete('from')
    try {
      const seen = JSON.parse(localStorage.getItem('stillroom-runs') || '[]').filter((id) => id !== run)
      localStorage.setItem('stillroom-runs', JSON.stringify([run, ...seen].slice(0, 200)))
    } catch (error) {}  // no storage: nothing is remembered
  }
  if (at.href !== location.href) history.replaceState(null, '', at)
}"""


# a run that has learnt for a while is not thrown away by one click: the live view asks, and "" stops nothing
SURE_JS = "async (run) => await (document.querySelector('#live .live')?.sure?.() ?? true) ? run : ''"

WAKE_JS = "() => document.querySelector('#live .live').dispatchEvent(new Event('wake'))"


@dataclass(frozen=True)
class Distil:
    """What other parts of the page need of this step."""

    live: gr.HTML
    start: gr.Button
    buttons: list[gr.Button]
    message: gr.HTML
    recipe: presets.Recipe


def build(form: Form) -> Distil:
    """Lays the step out."""
    gr.HTML(why(translate("distil.why"), "distil"))
    with gr.Row(elem_classes="actions"):
        start = gr.Button(translate("distil.start"), variant="primary", elem_id="start")
        stop = gr.Button(translate("distil.stop"), variant="stop", visible=False, elem_id="stop")
        resume = gr.Button(translate("distil.resume"), visible=False, elem_id="resume")
        compare = gr.Button(translate("distil.open_compare"), variant="primary", visible=False, elem_id="open-compare")
    message = gr.HTML(elem_id="distil-message")
    chosen = presets.build(form)
    view = live(elem_id="live")
    presets.settings(form)
    return Distil(view, start, [start, stop, resume, compare], message, chosen)


def wire(form: Form, step: Distil, tabs: gr.Tabs, bar: Bar) -> None:
    """Connects the buttons, and the bar's Start. None of the events waits for the run: they write a row and return."""
    start, stop, resume, compare = step.buttons

    def begin(*given: Any) -> tuple[Any, ...]:
        """Starts the run and shows it; a refused value is told here and, where it has a field, there too."""
        try:
            return (
                ownership.assign_owner(core.start(form.config(given, keep=True))).id,
                "",
                "",
                gr.Tabs(selected="distil"),
            )
        except UserError as error:
            told, at = fault(form, error, time.monotonic_ns())
            return gr.skip(), note(translate_message(error), "error"), told, gr.Tabs(selected=at or "distil")

    def act(name: str, run: str) -> tuple[Any, ...]:
        try:
            getattr(ownership.require_owner(core.run(run)), name)()
        except UserError as error:
            return *controls(run), note(translate_message(error), "error")
        return *controls(run), ""

    def halt(run: str) -> tuple[Any, ...]:
        return act("stop", run) if run else (gr.skip(),) * (len(step.buttons) + 1)

    begun = [step.live, step.message, bar.fault, tabs]
    gr.on([start.click, bar.start.click], begin, form.inputs, begun, scroll_to_output=False, **QUICK)
    presets.wire(form, step.recipe)
    acted = [*step.buttons, step.message]
    stopped = stop.click(halt, step.live, acted, js=SURE_JS, **QUICK)
    resumed = resume.click(lambda run: act("resume", run), step.live, acted, **QUICK)
    # The live view stopped asking when the run ended: a new value of the same id would not wake it, so it is told. And
    # where Stop's answer is later than the run's end, the buttons are those of a run that still stops.
    for done in (stopped, resumed):
        done.then(None, None, None, js=WAKE_JS, **BROWSER)
    compare.click(None, None, tabs, js=open_tab_js("compare"), **BROWSER)
    step.live.change(None, step.live, None, js=ADDRESS_JS, **BROWSER)


def controls(run: str) -> tuple[Any, ...]:
    """How the four buttons stand for a run with that id: start, stop, resume, open the comparison."""
    try:
        found = core.run(run) if run else None
    except UserError:
        found = None
    if found is None:
        return gr.Button(value=translate("distil.start"), visible=True, variant="primary"), *(
            gr.Button(visible=False),
        ) * 3
    row = found.row
    mine = ownership.may_change(found)
    alive, done = row.status in ALIVE, row.status in ENDED and row.summary is not None
    return (
        gr.Button(value=translate("distil.again"), visible=not alive, variant="secondary" if done else "primary"),
        gr.Button(visible=mine and row.status in ("queued", "running")),
        gr.Button(visible=mine and row.status in RESUMABLE and not row.example),
        gr.Button(visible=done),
    )
