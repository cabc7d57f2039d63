"""Step one: what the student shall learn, and the rows it learns from."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr
from gradio.events import Dependency
from markupsafe import Markup

import distill_core as core
from distill_core import Config, Inspection, UserError

from ..components.events import BROWSER, QUICK, SILENT_HEAVY, Changes, last
from ..components.form import COLUMNS, HUB, Form, make_control
from ..components.html import balance, findings, note, table, why
from ..components.templates import render
from ..i18n.names import components, task_title, translate_message
from ..i18n.translate import translate
from .pieces import empty_card

FILES = [".csv", ".tsv", ".jsonl", ".json", ".xlsx", ".parquet"]
EXAMPLE = Path(__file__).with_name("example.csv")
MORE = ("valid", "test", "unlabelled")
CELL = Markup('<span class="cell">{}</span>')


@dataclass(frozen=True)
class Task:
    """The parts that other steps or the page's opening need."""

    choice: gr.Radio
    own: gr.Column
    hub: gr.Column
    look: gr.Button
    about: gr.HTML

    def visible_parts(self, task: str) -> Changes:
        """The parts that are seen for a task: an own file, a data set of the Hub, the button that looks at either."""
        return {
            self.own: gr.Column(visible=task == "file"),
            self.hub: gr.Column(visible=task == "hub"),
            self.look: gr.Button(visible=task in ("file", "hub")),
        }


def build(form: Form) -> Task:
    """Lays the step out. Every task on the shelf is offered, by the first line of its own text."""
    gr.HTML(why(translate("task.why"), "task"))
    default = form.knobs["task"].default
    cards = sorted(
        components("tasks"), key=lambda task: (task.name != default, task.name in ("hub", "file"), task.name)
    )
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=320):
            choices = [("\n".join(task_title(task)), task.name) for task in cards]
            choice = form.place(
                "task",
                gr.Radio(
                    choices,
                    value=default,
                    label=translate("task.choose"),
                    interactive=True,
                    elem_classes="choice",
                    elem_id="tasks",
                ),
            )
        with gr.Column(scale=6, min_width=320):
            with gr.Column(visible=False) as own:
                form.place(
                    "train",
                    gr.File(
                        label=translate("task.file.drop"),
                        file_types=FILES,
                        interactive=True,
                        height=168,
                        elem_id="train-file",
                    ),
                )
                gr.HTML(render("steps/example.html", data=quote(EXAMPLE.read_text(encoding="utf-8"))))
                with gr.Accordion(translate("task.more_files"), open=False, elem_id="more-files"):
                    for knob in MORE:
                        form.place(
                            knob,
                            gr.File(
                                label=f"{form.knobs[knob].label}: {form.knobs[knob].help}",
                                interactive=True,
                                file_types=FILES + [".txt"],
                                height=110,
                                elem_id=f"knob-{knob}",
                            ),
                        )
                with gr.Row():
                    for knob in COLUMNS:
                        form.place(
                            knob,
                            gr.Dropdown(
                                [(_unpicked(knob), "")],
                                value="",
                                label=form.knobs[knob].label,
                                interactive=True,
                                allow_custom_value=True,
                                min_width=120,
                                elem_id=f"column-{knob}",
                            ),
                        )
                form.place("merge_labels")
            with gr.Column(visible=False) as hub:
                form.place("dataset", make_control(form.knobs["dataset"], elem_id="dataset"))
                form.place("subset", make_control(form.knobs["subset"]))
                with gr.Row():
                    for knob in COLUMNS:
                        form.place(
                            HUB + knob,
                            gr.Textbox(
                                label=form.knobs[knob].label,
                                placeholder=_unpicked(knob),
                                max_lines=1,
                                interactive=True,
                                min_width=120,
                            ),
                        )
            look = gr.Button(translate("task.look"), visible=False, elem_id="look")
            about = gr.HTML(empty_card(translate("task.reading")), elem_id="about-data")
    with gr.Accordion(translate("task.size"), open=False, elem_id="task-size"), gr.Row():
        for one in form.knobs.values():
            if one.group == "task" and one.name not in form.controls:
                form.place(one.name)
    return Task(choice=choice, own=own, hub=hub, look=look, about=about)


KNOBS = (*(knob.name for knob in core.knobs() if knob.group == "task"), *(HUB + knob for knob in COLUMNS))


def offering(form: Form, teachers: Callable[[Config, str], Any]) -> Callable[..., Any]:
    """The handler of the chosen teacher and the form's values that offers the `teachers` for its data."""

    def offer(chosen: str, *values: Any) -> Any:
        try:
            config = form.config(values)
            # Columns that were just guessed are another config's data: they are read once more, as a run would.
            if not core.task_labels(config) and any(one.kind == "kept" for one in core.teachers()):
                core.inspect(config, 1)
            return teachers(config, chosen)
        except UserError:  # it is told where the value is
            return gr.skip()

    return offer


def wire(
    form: Form, step: Task, teachers: Callable[[Config, str], Any], follow: str, followers: list[Any]
) -> None:  # fmt: skip
    """Connects the step, once every step has placed its controls. When another task is chosen, the browser's function
    `follow` says at once what becomes of `followers`, controls of other steps; the first of them then gets the
    `teachers` to choose from, and keeps what is chosen meanwhile; it gets them anew when the data were read."""
    form = form.part(*KNOBS)
    inspect = inspector(form)
    offer, offering_inputs = offering(form, teachers), [followers[0], *form.inputs]
    picks = form.controls_of(gr.Dropdown, *COLUMNS)

    def then_offer(event: Dependency) -> None:
        event.then(offer, offering_inputs, followers[0], **SILENT_HEAVY)

    def choose(task: str) -> Changes:
        reading = empty_card(translate("task.reading"))
        return {**step.visible_parts(task), step.about: reading, followers[0]: teachers(Config(task=task), "")}

    chosen = [step.own, step.hub, step.look, step.about, followers[0]]
    chose = step.choice.input(None, step.choice, followers, js=follow, **BROWSER)
    emptied = chose.then(choose, step.choice, chosen, **last(QUICK))
    then_offer(emptied.then(inspect, form.inputs, step.about, **last(SILENT_HEAVY)))

    def uploaded(*typed_values: Any) -> Changes:
        """A new file: its columns are offered, those that fit it no more are forgotten, the rest is guessed."""
        values = form.values(typed_values)
        names: tuple[str, ...] = ()
        if values.get("train"):
            try:
                names = core.columns(values["train"])
            except UserError:  # which the whole reading says as well, and the bar then knows
                return {step.about: _inspect(form, typed_values)[0]}
        chosen = {knob: values.get(knob) if values.get(knob) in names else None for knob in COLUMNS}
        remaining = [chosen.get(control, value) for control, value in zip(form.controls, typed_values, strict=True)]
        shown, guessed = _inspect(form, remaining)
        columns = {knob: chosen[knob] or guessed.get(knob) or "" for knob in COLUMNS}
        return {step.about: shown, **{form.controls[knob]: _pick(knob, names, columns[knob]) for knob in COLUMNS}}

    then_offer(form.controls["train"].change(uploaded, form.inputs, [*picks, step.about], **last(SILENT_HEAVY)))
    typed = form.controls_of(gr.Textbox, "dataset", "subset", *(HUB + knob for knob in COLUMNS))
    (limit,), (seed,) = form.controls_of(gr.Textbox, "limit"), form.controls_of(gr.Number, "seed")
    (language,), (merge,) = form.controls_of(gr.Textbox, "language"), form.controls_of(gr.Checkbox, "merge_labels")
    for event in (
        *(language.submit, language.blur, merge.input),
        *(form.controls[knob].change for knob in MORE),
        *(control.input for control in picks),
        *(limit.submit, limit.blur, seed.submit, seed.blur, step.look.click),
        *(control.submit for control in typed),
    ):
        then_offer(event(inspect, form.inputs, step.about, **last(SILENT_HEAVY)))


def _pick(knob: str, names: tuple[str, ...], value: str) -> gr.Dropdown:
    return gr.Dropdown([(_unpicked(knob), ""), *((column, column) for column in names)], value=value)


def _unpicked(knob: str) -> str:
    """The words where no column was chosen."""
    return translate("task.none" if knob == "text2" else "task.guess")


def inspector(form: Form) -> Callable[..., str]:
    """The handler that shows what the form's data are."""

    def inspect(*values: Any) -> str:
        return _inspect(form, values)[0]

    return inspect


def _inspect(form: Form, typed: Any) -> tuple[str, dict[str, str]]:
    """The data as HTML, and the columns that were used or guessed."""
    values = form.values(typed)
    for task, knob in (("file", "train"), ("hub", "dataset")):
        if values.get("task") == task and not values.get(knob):
            words = translate("task.own.wait" if task == "file" else "task.hub.wait")
            return empty_card(words), {}
    try:
        inspection = core.inspect(form.config(typed))
    except UserError as error:
        return note(translate_message(error), "error"), {}
    return about(inspection), inspection.columns


def about(inspection: Inspection) -> Markup:
    """The data's counts, balance, findings and eight rows."""
    rows = inspection.rows
    more = translate("task.summary.unlabelled", n=rows["unlabelled"]) if rows.get("unlabelled") else ""
    summary = translate("task.summary", train=rows["train"], valid=rows["valid"], test=rows["test"], unlabelled=more)
    # the counts are told in words above
    findings_shown = [(level, text) for level, text in inspection.notes if not core.is_row_counts(text)]
    names = [key for key in ("text", "text2", "label") if any(key in row for row in inspection.sample)]
    cells = [[CELL.format(row.get(key, "")) for key in names] for row in inspection.sample]
    heads = [translate(f"task.{key}") for key in names]
    return render(
        "steps/task.html",
        summary=summary,
        balance=balance(inspection.balance),
        findings=findings(findings_shown, translate("task.findings")),
        rows=table(heads, cells, translate("task.rows"), kind="texts"),
    )
