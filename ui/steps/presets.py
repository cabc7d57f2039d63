"""Presets and sizes, how to distil in two clicks: a preset and a student's size fill the settings; what differs from
them is named."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from markupsafe import Markup

import distill_core as core
from distill_core import Setting, UserError

from ..components.events import BROWSER, QUICK, Changes, last
from ..components.form import RULE, Form
from ..components.templates import render
from ..i18n.names import components
from ..i18n.translate import format_number, translate, translate_or
from .pieces import hint, title

DEFAULT = "best"
OWN = ""  # the size that the preset itself has
MARK_JS = """
const mark = () => {
  document.querySelectorAll('.knob.changed').forEach((old) => old.classList.remove('changed'))
  for (const id of (element.querySelector('[data-changed]')?.dataset.changed ?? '').split(' '))
    if (id) document.getElementById(id)?.classList.add('changed')
}
watch('value', mark); mark()
addEventListener('click', () => setTimeout(mark, 100))  // the settings come into the page when they are first opened
"""


@dataclass(frozen=True)
class Recipe:
    """The parts of the row."""

    preset: gr.Radio
    size: gr.Radio
    changed: gr.HTML
    back: gr.Button


def build(form: Form) -> Recipe:
    """Lays out the choice of preset and size, and the line that tells what was changed since."""
    with gr.Group(elem_id="recipe-row"):
        preset = _choice("preset", [_card("preset", one) for one in core.settings("preset")], DEFAULT)
        own = (f"{translate('size.own.name')}\n{translate('size.own.help')}", OWN)
        size = _choice("size", [own, *(_card("size", one) for one in core.settings("size"))], OWN)
    with gr.Row(elem_id="recipe-changed"):
        changed = gr.HTML(_as(DEFAULT), js_on_load=MARK_JS, elem_id="changed-knobs")
        back = gr.Button(translate("recipe.back"), size="sm", visible=False, elem_id="back-to-preset")
    return Recipe(preset=preset, size=size, changed=changed, back=back)


def settings(form: Form) -> None:
    """The knobs of student and training, all of them, closed at first."""
    with gr.Accordion(translate("distil.knobs"), open=False, elem_id="settings"):
        for group in ("student", "training"):
            gr.HTML(title(translate(f"distil.{group}"), "knobs-title"))
            with gr.Row(elem_classes="knobs"):
                for knob in form.knobs.values():
                    if knob.group == group:
                        form.place(knob.name)


def wire(form: Form, step: Recipe, minutes: gr.Radio) -> None:
    """Connects the row, once every step has placed its controls. A preset and a size end the choice of `minutes`, which
    had filled the same controls."""
    names = filled(form)
    choice = [step.preset, step.size]
    controls = [form.controls[name] for name in names]
    # In the browser: an answer of the server would come late, over what was typed and chosen meanwhile.
    fill, inputs = _filling(form, names), [*choice, form.controls["task"], form.controls["text2"]]
    chose_preset = f"(preset, size, task, text2) => [null, '{OWN}', ...({fill})(preset, '{OWN}', task, text2)]"
    chose_size = f"(...chosen) => [null, ...({fill})(...chosen)]"
    step.preset.input(None, inputs, [minutes, step.size, *controls], js=chose_preset, **BROWSER)
    gr.on([step.size.input, step.back.click], None, inputs, [minutes, *controls], js=chose_size, **BROWSER)

    def compare(preset: str, size: str, *values: Any) -> Changes:
        setting_values = _setting_values(form, preset, size, _pair(form, values))
        differ = [
            name
            for name, value in _control_values(form, values).items()
            if name in setting_values and not _same(value, setting_values[name])
        ]
        line = changed(form, preset, setting_values, differ, values)
        return {step.changed: line, step.back: gr.Button(visible=bool(differ))}

    gr.on(
        [step.preset.change, step.size.change, *(control.change for control in controls)],
        compare,
        [*choice, *form.inputs],
        [step.changed, step.back],
        **last(QUICK),
    )


def starting_values(form: Form, preset: str, size: str, values: Sequence[Any]) -> dict[str, Any]:
    """The value of each control with that preset and size before anything else is typed."""
    own = {name: form.knobs[name].default for name in form.controls if name in form.knobs}
    return own | {"teacher": ""} | _setting_values(form, preset, size, _pair(form, values))


def filled(form: Form) -> list[str]:
    """The names of the controls that a preset or a size fills, in the form's order."""
    touched = set(_controls(core.settings("preset")[0].knobs | core.settings("size")[0].knobs))
    return [name for name in form.controls if name in touched]


def changed(form: Form, preset: str, setting_values: dict[str, Any], differ: Sequence[str], values: Any) -> Markup:
    """The changes from the preset, in words."""
    if not differ:
        return _as(preset)
    typed = _control_values(form, values)
    changes = [f"{_label(form, name)} {_shown(setting_values[name])} → {_shown(typed[name])}" for name in differ]
    ids = " ".join(filter(None, (form.controls[name].elem_id for name in differ)))
    words = translate("recipe.changed", name=translate_or(preset, f"preset.{preset}.name"), what=" · ".join(changes))
    return render("steps/presets.html", ids=ids, words=words)


def _as(preset: str) -> Markup:
    return hint(translate("recipe.as_preset", name=translate_or(preset, f"preset.{preset}.name")))


def _choice(kind: str, cards: list[tuple[str, str]], value: str) -> gr.Radio:
    return gr.Radio(
        cards,
        value=value,
        label=translate(f"{kind}.choose"),
        interactive=True,
        elem_classes="choice row",
        elem_id=f"{kind}s",
    )


def _card(kind: str, one: Setting) -> tuple[str, str]:
    name = translate_or(one.name.capitalize(), f"{kind}.{one.name}.name")
    return f"{name}\n{translate_or(one.help, f'setting.{kind}.{one.name}')}", one.name


def _pair(form: Form, typed: Any) -> bool:
    """Whether the texts are pairs, as far as the form says."""
    try:
        values = form.values(typed)
        pair = core.task_pair(str(values.get("task", "")))
        return bool(values.get("text2")) if pair is None else pair
    except UserError:
        return False


def _filling(form: Form, names: Sequence[str]) -> str:
    """The browser's function that gives preset, size, task and second text column the values of the controls
    `names`."""
    presets = [
        {one.name: _setting_values(form, one.name, OWN, pair) for one in core.settings("preset")}
        for pair in (False, True)
    ]
    sizes = {one.name: _controls(one.knobs) for one in core.settings("size")}
    pairs = {task.name: core.task_pair(task.name) for task in components("tasks")}
    return (
        "(preset, size, task, text2) => {\n"
        f"  const presets = {json.dumps(presets)}, sizes = {json.dumps(sizes)}, pairs = {json.dumps(pairs)}\n"
        "  const values = { ...presets[Number(pairs[task] ?? !!text2)][preset], ...sizes[size] }\n"
        f"  return {json.dumps(names)}.map((name) => values[name]) }}"
    )


def _setting_values(form: Form, preset: str, size: str, pair: bool) -> dict[str, Any]:
    """The setting values that preset and size give each control they fill; a size overrules the preset."""
    presets = {one.name: one.knobs for one in core.settings("preset", pair)}
    sizes = {one.name: one.knobs for one in core.settings("size")}
    own = {name: form.knobs[name].default for name in next(iter(sizes.values()))}
    knob_values = own | presets.get(preset, presets[DEFAULT]) | sizes.get(size, {})
    return {name: value for name, value in _controls(knob_values).items() if name in form.controls}


def _controls(knobs: dict[str, Any]) -> dict[str, Any]:
    """Knob values as control values: each rule of the shelf has a control of its own."""
    values = {name: value for name, value in knobs.items() if name != "rules"}
    if "rules" in knobs:
        values |= {RULE + rule.name: knobs["rules"].get(rule.name, 0.0) for rule in core.components("augment")}
    return values


def _control_values(form: Form, values: Any) -> dict[str, Any]:
    return dict(zip(form.controls, values, strict=True))


def _same(typed: Any, setting: Any) -> bool:
    if isinstance(setting, int | float) and isinstance(typed, str):  # of a field that takes a word as well
        return typed == str(setting)
    if isinstance(setting, int | float) and isinstance(typed, int | float) and not isinstance(setting, bool):
        return abs(typed - setting) <= 1e-9 * max(1.0, abs(setting))
    return typed == setting


def _label(form: Form, name: str) -> str:
    if name.startswith(RULE):
        return translate_or(name.removeprefix(RULE), f"rule.{name.removeprefix(RULE)}.name")
    return form.knobs[name].label


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return translate("yes" if value else "no")
    if isinstance(value, int | float):
        return format_number(value, ",g" if isinstance(value, float) else ",d")
    return str(value)
