"""The form: one control for each knob of the config, made from the knob's own declaration.

A step asks for the controls it wants to place; `config` turns what stands in all of them into a Config. Knows nothing
of layout.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, overload

import gradio as gr
from gradio.processing_utils import save_file_to_cache

import distill_core as core
from distill_core import Config, Knob, KnobError, UserError

from ..access import public_host
from ..access.public_host import FILES
from ..i18n.names import choice_name, knobs, rule_name
from ..i18n.translate import translate
from .events import Changes

RULE = "rule "  # what the name of a rate's slider begins with
OTHER = "other…"  # the choice of a teacher by name; no Hub id and no folder can be called this
OTHER_NAME = "teacher by name"
HUB = "hub "  # what the name of a control begins with that holds a Hub data set's column, beside those of a file
COLUMNS = ("text", "text2", "label")
OF_FILE, OF_HUB = (*FILES, *COLUMNS), ("dataset", "subset", *COLUMNS)  # knobs that only those two tasks read


# what a knob's value is set with
Control = gr.Textbox | gr.Number | gr.Slider | gr.Checkbox | gr.Radio | gr.Dropdown | gr.File
OneControl = TypeVar("OneControl", bound=Control)


class Form:
    """The controls by knob name, in the order in which they were placed."""

    def __init__(self) -> None:
        self.controls: dict[str, Control] = {}
        self.knobs: dict[str, Knob] = {knob.name: knob for knob in knobs()}

    @overload
    def place(self, name: str) -> Control: ...
    @overload
    def place(self, name: str, control: OneControl) -> OneControl: ...

    def place(self, name: str, control: Control | None = None) -> Control:
        """Registers `control`, or the control made from the knob `name`, as that knob's."""
        self.controls[name] = control if control is not None else make_control(self.knobs[name])
        return self.controls[name]

    def controls_of(self, kind: type[OneControl], *names: str) -> list[OneControl]:
        """The controls of those names, all of that kind."""
        controls: list[Any] = [self.controls[name] for name in names]
        assert all(isinstance(control, kind) for control in controls)
        return controls

    def part(self, *names: str) -> "Form":
        """The form of those knobs alone: what a handler does not take, it can't be given stale."""
        smaller = Form()
        smaller.controls = {name: control for name, control in self.controls.items() if name in names}
        return smaller

    def control(self, knob: str) -> Control | None:
        """The control where the knob's value is typed: its own control, the first rate for the rules, the name of
        another teacher."""
        if knob == "rules":
            return next((one for name, one in self.controls.items() if name.startswith(RULE)), None)
        return self.controls.get(OTHER_NAME if knob == "teacher" else knob)

    @property
    def inputs(self) -> list[gr.components.Component]:
        """All controls, as the inputs of an event."""
        return list(self.controls.values())

    def values(self, inputs: Sequence[Any]) -> dict[str, Any]:
        """The values of the controls by knob: empty means the default, rates are gathered into `rules`."""
        values: dict[str, Any] = {}
        for name, value in zip(self.controls, inputs, strict=True):
            if name.startswith(RULE):
                values.setdefault("rules", {})[name.removeprefix(RULE)] = value or 0.0
            elif value is not None and value != "":
                values[name] = _as_int(value) if name in self.knobs and self.knobs[name].type is int else value
        if values.get("teacher") == OTHER:
            values["teacher"] = str(values.get(OTHER_NAME, "")).strip()
            if not values["teacher"]:
                raise KnobError(translate("teacher.other.missing"), "teacher")
        return values

    def fill(self, config: Mapping[str, Any], teachers: Sequence[tuple[str, str]]) -> tuple[Changes, list[str]]:
        """The changes by which the form holds a run's `config` as the store has it, and a sentence for each of its
        settings that can't be had any more. `teachers` are the choices of the knob teacher. The inverse of `config`,
        but that a task's own teacher stands as the choice ""."""
        wanted, lost = usable_settings(config)
        values = wanted.model_dump()
        values |= {
            name: wanted.rules.get(name.removeprefix(RULE), 0.0) for name in self.controls if name.startswith(RULE)
        }
        values |= {HUB + name: values[name] if wanted.task == "hub" else None for name in COLUMNS}
        if wanted.task == "hub":
            values |= dict.fromkeys(COLUMNS)
        offered = [value for _, value in teachers]
        if wanted.teacher is None:
            values["teacher"] = offered[0]  # the task's own or the first suggestion, which is what None means
        elif wanted.teacher not in offered:
            values |= {"teacher": OTHER, OTHER_NAME: wanted.teacher}
        updates: Changes = {}
        for name, control in self.controls.items():
            value = values.get(name)
            if isinstance(control, gr.File) and value:
                # absolute, for a bare name is what an imported run has of its sender's file
                is_file = Path(value).is_absolute() and Path(value).is_file()
                if not is_file:
                    lost.append(translate("again.file", name=Path(value).name))
                value = save_file_to_cache(value, cache_dir=control.GRADIO_CACHE) if is_file else None
            elif isinstance(control, gr.Textbox):
                value = (
                    ",".join(map(str, value))
                    if isinstance(value, list | tuple)
                    else ""
                    if value is None
                    else str(value)
                )
            elif name in COLUMNS:
                value = value or ""
            more: dict[str, Any] = {}
            if name == "teacher":
                more["choices"] = list(teachers)
            if name == OTHER_NAME:
                more["visible"] = bool(value)
            updates[control] = gr.update(value=value, **more)
        return updates, lost

    def config(self, inputs: Sequence[Any], keep: bool = False) -> Config:
        """The config that the controls describe; `keep` copies uploaded files to where a later resume finds them.
        Raises UserError."""
        values = self.values(inputs)
        task = values.get("task", "")
        if task == "hub":
            values |= {name: values.get(HUB + name) for name in COLUMNS}
        theirs = {"file": OF_FILE, "hub": OF_HUB}.get(task, ())
        left = {*OF_FILE, *OF_HUB} - {*theirs}  # filled in for another task, and still there when it is chosen again
        settings = {name: value for name, value in values.items() if name in self.knobs and name not in left}
        if keep:
            settings |= {name: str(core.save_upload(settings[name])) for name in FILES if name in settings}
        return public_host.check_config(Config.of(**settings), uploaded=FILES)


def usable_settings(config: Mapping[str, Any]) -> tuple[Config, list[str]]:
    """The settings of a stored config that can still be asked, and a sentence for each that can't: a run may be older
    than the knobs and the parts of today. What is missing is default."""
    values, lost = {}, []
    for name, value in config.items():
        if name == "rules" and isinstance(value, dict):
            known = {rule: rate for rule, rate in value.items() if _is_usable("rules", {rule: rate})}
            lost += [translate("again.rule", name=rule) for rule in value.keys() - known.keys()]
            values[name] = known
        elif _is_usable(name, value):
            values[name] = value
        else:
            lost.append(translate("again.knob", name=name, value=value))
    return Config.of(**values), lost


def _is_usable(name: str, value: Any) -> bool:
    try:
        Config.of(**{name: value})
    except UserError:
        return False
    return True


def _as_int(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def make_control(knob: Knob, **more: Any) -> Control:
    """A control for `knob`. Limits are the config's business: a value out of range must come back as its sentence and
    not be cut in silence."""
    words: dict[str, Any] = {
        "label": knob.label,
        "info": knob.help,
        "interactive": True,
        "elem_classes": "knob",
        "elem_id": f"knob-{knob.name}",
        **more,
    }
    if knob.choices:
        several = knob.type is list
        choices = [(choice_name(knob.name, one), one) for one in knob.choices]
        return gr.Dropdown(choices, value=knob.default, multiselect=several or None, **words)
    if knob.type is bool:
        return gr.Checkbox(value=knob.default, **words)
    # an empty gr.Number shows a 0, which is a value, and no word
    if knob.type in (int, float) and not (knob.optional or knob.words):
        return gr.Number(value=knob.default, precision=0 if knob.type is int else None, **words)
    empty = translate("task.limit.all") if knob.name == "limit" else None
    return gr.Textbox(value=knob.default or "", max_lines=1, placeholder=empty, **words)


def rate(rule: str, help: str, default: float) -> gr.Slider:
    """The slider of one augmentation rule's rate."""
    return gr.Slider(
        0,
        1,
        value=default,
        step=0.01,
        label=" · ".join(dict.fromkeys((rule_name(rule), rule))),
        info=help,
        interactive=True,
        elem_classes="rate",
        elem_id=f"rate-{rule}",
    )
