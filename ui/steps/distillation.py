"""Step four: start the run, watch it, stop it, resume it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

import distill_core as core
from distill_core import ALIVE, ENDED, RESUMABLE, Run, UserError

from ..access import ownership
from ..components.events import BROWSER, QUICK, Changes, each
from ..components.form import Form
from ..components.html import note, why
from ..components.tabs import open_tab_js
from ..i18n.names import translate_message
from ..i18n.translate import translate
from ..live.view import live
from . import presets, time_budget
from .launch_bar import Bar, fault

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
    """The parts of this step that others need."""

    live: gr.HTML
    start: gr.Button
    stop: gr.Button
    resume: gr.Button
    compare: gr.Button
    message: gr.HTML
    recipe: presets.Recipe
    budget: time_budget.TimeBudget

    @property
    def buttons(self) -> list[gr.Button]:
        """The buttons that `controls` sets."""
        return [self.start, self.stop, self.resume, self.compare]

    def controls(self, run: str) -> Changes:
        """The buttons as they stand for a run with that id."""
        try:
            shown_run = core.run(run) if run else None
        except UserError:
            shown_run = None
        if shown_run is None:
            fresh = gr.Button(value=translate("distil.start"), visible=True, variant="primary")
            return {**dict.fromkeys(self.buttons, gr.Button(visible=False)), self.start: fresh}
        row = shown_run.row
        mine = ownership.may_change(shown_run)
        alive, done = row.status in ALIVE, row.status in ENDED and row.summary is not None
        again = translate("distil.again")
        return {
            self.start: gr.Button(value=again, visible=not alive, variant="secondary" if done else "primary"),
            self.stop: gr.Button(visible=mine and row.status in ("queued", "running")),
            self.resume: gr.Button(visible=mine and row.status in RESUMABLE and not row.example),
            self.compare: gr.Button(visible=done),
        }


def build(form: Form) -> Distil:
    """Lays the step out."""
    gr.HTML(why(translate("distil.why"), "distil"))
    with gr.Row(elem_classes="actions"):
        start = gr.Button(translate("distil.start"), variant="primary", elem_id="start")
        stop = gr.Button(translate("distil.stop"), variant="stop", visible=False, elem_id="stop")
        resume = gr.Button(translate("distil.resume"), visible=False, elem_id="resume")
        compare = gr.Button(translate("distil.open_compare"), variant="primary", visible=False, elem_id="open-compare")
    message = gr.HTML(elem_id="distil-message")
    budget = time_budget.build()
    chosen = presets.build(form)
    view = live(elem_id="live")
    presets.settings(form)
    return Distil(
        live=view, start=start, stop=stop, resume=resume, compare=compare, message=message, recipe=chosen, budget=budget
    )  # fmt: skip


def wire(form: Form, step: Distil, tabs: gr.Tabs, bar: Bar) -> None:
    """Connects the buttons, and the bar's Start. None of the events waits for the run: they write a row and return."""

    def begin(*values: Any) -> Changes:
        """Starts the run and shows it; a refused value is told here and, where it has a field, there too."""
        try:
            core.check_data(form.config(values))  # as the first step has read it, before the file is copied
            run = ownership.start_run(form.config(values, keep=True), checked=True)
        except UserError as error:
            words, at = fault(form, error, time.monotonic_ns())
            refused = note(translate_message(error), "error")
            return {step.message: refused, bar.fault: words, tabs: gr.Tabs(selected=at or "distil")}
        return {step.live: run.id, step.message: "", bar.fault: "", tabs: gr.Tabs(selected="distil")}

    def act(action: Callable[[Run], Any], run: str) -> Changes:
        message = ""
        try:
            action(ownership.require_owner(core.run(run)))
        except UserError as error:
            message = note(translate_message(error), "error")
        return {**step.controls(run), step.message: message}

    def halt(run: str) -> Changes:
        return act(Run.stop, run) if run else gr.skip()

    def go_on(run: str) -> Changes:
        return act(ownership.resume_run, run)

    begun = [step.live, step.message, bar.fault, tabs]
    gr.on([step.start.click, bar.start.click], begin, form.inputs, begun, scroll_to_output=False, **QUICK)
    presets.wire(form, step.recipe, step.budget.minutes)
    acted = [*step.buttons, step.message]
    # each click is heard: one that came before the answer to a declined one would else open no question
    stopped = step.stop.click(halt, step.live, acted, js=SURE_JS, **each(QUICK))
    resumed = step.resume.click(go_on, step.live, acted, **QUICK)
    # The live view asks no more once the run has ended, and the same id again would not wake it. What it then hears
    # sets the buttons right where Stop's answer came after the run's end.
    for done in (stopped, resumed):
        done.then(None, None, None, js=WAKE_JS, **BROWSER)
    step.compare.click(None, None, tabs, js=open_tab_js("compare"), **BROWSER)
    step.live.change(None, step.live, None, js=ADDRESS_JS, **BROWSER)
