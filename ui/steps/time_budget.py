"""Time first: "I have 5 minutes" fills the settings with what fits them, for these data on this machine, and says what
was chosen.

The answer fills only what was not changed meanwhile: beside each new value goes the one that it replaces, and the
browser compares. What isn't known yet is measured in the background, and the line asks again.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.events import Dependency
from markupsafe import Markup

import distill_core as core
from distill_core import BudgetSettings, UserError

from ..components.events import BROWSER, QUICK, Changes, last
from ..components.form import Form
from ..components.formatting import count, duration, rounded
from ..components.html import note
from ..components.templates import render
from ..i18n.names import translate_message
from ..i18n.translate import translate
from . import launch_bar, presets

TIMES = {"1": 1.0, "5": 5.0, "30": 30.0, "any": None}  # minutes
KNOBS = ("teacher", "teacher_epochs", "max_tokens", "n_iter", "neighbours", "transfer_limit", "epochs")
FILL_JS = """(answer, ...values) => {
  const { names, before, after } = JSON.parse(answer || '{"names": []}')
  const same = (name, value) => name in after && String(value ?? '') === before[name]
  return values.map((value, i) => same(names[i], value) ? after[names[i]] : value)
}"""


@dataclass(frozen=True)
class TimeBudget:
    """The parts of the row. `answer` holds the newest filling, as JSON."""

    minutes: gr.Radio
    line: gr.HTML
    answer: gr.Textbox


def build() -> TimeBudget:
    """Lays out the choice of the time and the line that tells what it meant."""
    with gr.Group(elem_id="time-row"):
        minutes = gr.Radio(
            [(translate(f"budget.{key}"), key) for key in TIMES],
            value=None,
            label=translate("budget.have"),
            info=translate("budget.info"),
            interactive=True,
            elem_id="minutes",
        )
        line = gr.HTML("", js_on_load=launch_bar.AGAIN_JS, elem_id="minutes-line")
    return TimeBudget(minutes=minutes, line=line, answer=gr.Textbox(visible=False))


def wire(form: Form, step: TimeBudget, recipe: presets.Recipe, changes: Sequence[Any]) -> None:
    """Connects the row; `changes` are the events after which the time means something else: other data, another
    teacher."""
    controls = [form.controls[name] for name in KNOBS]

    def choose(minutes: str | None, answer: str, preset: str, size: str, *values: Any) -> Changes:
        if not minutes and not answer:
            return gr.skip()
        line, after = fill(form, minutes, answer, presets.starting_values(form, preset, size, values), values)
        return {step.line: line, step.answer: after}

    inputs = [step.minutes, step.answer, recipe.preset, recipe.size, *form.inputs]
    outputs = [step.line, step.answer]

    def then_fill(event: Dependency) -> None:
        event.then(None, [step.answer, *controls], controls, js=FILL_JS, **BROWSER)

    then_fill(gr.on([step.minutes.change, *changes], choose, inputs, outputs, **last(QUICK)))
    then_fill(step.line.again(choose, inputs, outputs, **QUICK))


def fill(form: Form, minutes: str | None, answer: str, start: dict[str, Any], values: Sequence[Any]) -> tuple[str, str]:
    """What the time means, in words, and the filling as JSON: `names` of the controls, and their values `before` and
    `after`. `start` are the values before anything was typed, `answer` is the last filling."""
    given = dict(zip(form.controls, values, strict=True))
    now = {name: _text(given[name]) for name in KNOBS}
    filled = json.loads(answer)["after"] if answer else {}
    typed = [name for name in KNOBS if now[name] not in (_text(start[name]), _text(filled.get(name, start[name])))]
    after = {name: start[name] for name in KNOBS if name not in typed}
    waiting = json.dumps({"names": [], "before": {}, "after": filled})
    line = Markup("")
    if minutes:
        try:
            config = form.config(values)
            chosen = core.settings_for(config, TIMES[minutes], typed=typed, measure=False)
        except UserError as error:
            return note(translate_message(error), "error"), waiting
        if chosen is None:
            return launch_bar.unknown(core.free_config(config, typed)), waiting
        after |= {name: value for name, value in chosen.knobs.items() if name in KNOBS}
        line = _line(form, chosen)
    after = {
        name: _text(value) if isinstance(form.controls[name], gr.Textbox) else value for name, value in after.items()
    }
    return line, json.dumps({"names": KNOBS, "before": now, "after": after})


def _line(form: Form, chosen: BudgetSettings) -> Markup:
    """What was chosen, and how long it takes."""
    time = duration(rounded(chosen.estimate.seconds))
    what = " · ".join(f"{form.knobs[name].label} {_shown(value)}" for name, value in chosen.knobs.items())
    sentences = [
        translate("budget.chosen", what=what, time=time) if chosen.fits else translate("budget.shortest", time=time),
        translate("budget.guess") if chosen.estimate.rests_on == "size" else "",
    ]
    return render("steps/waiting.html", words=" ".join(filter(None, sentences)), again=False)


def _shown(value: Any) -> str:
    return count(value) if isinstance(value, int) else str(value).rsplit("/", 1)[-1]


def _text(value: Any) -> str:
    """A control's value as JavaScript's String() writes it: numbers without a needless point."""
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
