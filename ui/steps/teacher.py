"""Step two: who teaches, and what it makes of a sentence."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

import distill_core as core
from distill_core import UserError
from ui.form import OTHER, OTHER_NAME, Form, made
from ui.show import esc, note, why
from ui.words import say


@dataclass(frozen=True)
class Teacher:
    """The parts that the page's opening fills."""

    choice: gr.Radio
    other: gr.Dropdown
    text: gr.Textbox
    text2: gr.Textbox
    ask: gr.Button
    message: gr.HTML
    answer: gr.HTML


def answer_view(**more: Any) -> gr.HTML:
    """A teacher's logits and a temperature that reshapes its probabilities in the browser. The value is
    {"labels": […], "logits": […], "ms": milliseconds}, or None."""
    template = (
        f'<div class="card answer"><h2>{esc(say("teacher.says"))} <span class="chip" hidden></span></h2>'
        f'<p class="empty">{esc(say("teacher.ask.empty"))}</p><div class="bars teacher" role="status"></div>'
        f"<label hidden><b>{esc(say('teacher.temperature'))}</b> <output>1.0</output>"
        f'<input type="range" min="0.5" max="10" step="0.1" value="1">'
        f"<small>{esc(say('teacher.temperature.info'))}</small></label></div>"
    )
    script = (Path(__file__).parents[1] / "answer.js").read_text(encoding="utf-8")
    return gr.HTML(None, html_template=template, js_on_load=script, **more)


CARDS = 4  # suggestions shown as cards; the rest is offered under "another"


def cards(task: str) -> list[tuple[str, str]]:
    """The teachers to choose from as (words, value): the task's own or, where it has none, some off the Hub; those
    kept here; any other by name."""
    own, known = core.task_teacher(task), core.teachers()
    found = [] if own is None else [(f"{say('teacher.own')}\n{_words(own)}", "")]
    shown = [one for one in known if one.kind == "kept"]
    if own is None:
        shown += [one for one in known if one.kind == "suggestion"][:CARDS]
    found += [(f"{_name(one)}\n{one.help}", one.name) for one in shown]
    return [*found, (f"{say('teacher.other')}\n{say('teacher.other.help')}", OTHER)]


def needs_training(name: str) -> bool:
    """Whether the teacher of that name is offered as an encoder that has yet to learn a task."""
    kind = next((one.kind for one in core.teachers() if one.name == name), "")
    return kind == "suggestion" and "finetuned" not in name


def _name(teaching: core.Teaching) -> str:
    if teaching.kind == "builtin":
        return say("teacher.builtin")
    return Path(teaching.name).name if teaching.kind == "kept" else teaching.name


def _words(own: str) -> str:
    told = next((teaching.help for teaching in core.teachers() if teaching.name == own), own)
    return f"{told} {say('teacher.honest')}" if own == "builtin" else told


def default(task: str) -> str:
    """The teacher a task starts with: its own, else the first suggestion."""
    return cards(task)[0][1]


def build(form: Form) -> Teacher:
    """Lays the step out."""
    task = form.knobs["task"].default
    gr.HTML(why(say("teacher.why"), "teacher"))
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=320):
            choice = form.place(
                "teacher",
                gr.Radio(
                    cards(task),
                    value=default(task),
                    label=say("teacher.choose"),
                    interactive=True,
                    elem_classes="choice",
                    elem_id="teachers",
                ),
            )
            other = form.place(
                OTHER_NAME,
                gr.Dropdown(
                    [(f"{one.name} – {one.help}", one.name) for one in core.teachers() if one.kind == "suggestion"],
                    value=None,
                    label=say("teacher.other.label"),
                    info=say("teacher.other.info"),
                    visible=False,
                    interactive=True,
                    allow_custom_value=True,
                    elem_id="teacher-name",
                ),
            )
            form.place("fine_tune", made(form.knobs["fine_tune"], elem_id="fine-tune"))
            with gr.Accordion(say("teacher.more"), open=False):
                for knob in form.knobs.values():
                    if knob.group == "teacher" and knob.name not in ("teacher", "fine_tune"):
                        form.place(knob.name)
        with gr.Column(scale=6, min_width=320):
            text = gr.Textbox(
                label=say("teacher.ask"), info=say("teacher.ask.info"), lines=2, interactive=True, elem_id="ask-text"
            )
            text2 = gr.Textbox(label=say("teacher.ask.second"), visible=False, interactive=True)
            button = gr.Button(say("teacher.ask.button"), elem_id="ask", elem_classes="act-here")
            message = gr.HTML()
            answer = answer_view(elem_id="answer")
    return Teacher(choice, other, text, text2, button, message, answer)


def follow(task: str) -> tuple[Any, ...]:
    """The teachers to choose from and whether to fine-tune, when another task was chosen: a task without a teacher of
    its own starts with the first suggestion."""
    return gr.Radio(cards(task), value=default(task)), gr.Dropdown(visible=False), needs_training(default(task))


def wire(form: Form, step: Teacher) -> None:
    """Connects the step."""

    def ask(text: str, text2: str, *given: Any) -> tuple[Any, str, Any]:
        pair = False
        try:
            config = form.config(given)
            pair = core.inspect(config).pair
            said = core.ask_teacher(config, (text, text2) if pair else text)
        except UserError as error:
            return None, note(str(error), "error"), gr.Textbox(visible=pair)
        words = {"labels": said["labels"], "logits": said["logits"], "ms": said["ms"]}
        return words, "", gr.Textbox(visible=pair)

    heavy = {"concurrency_id": "cpu", "concurrency_limit": 1, "api_visibility": "private", "show_progress": "minimal"}
    gr.on(
        [step.ask.click, step.text.submit, step.text2.submit],
        ask,
        [step.text, step.text2, *form.inputs],
        [step.answer, step.message, step.text2],
        show_progress_on=step.ask,
        **heavy,
    )
    fine_tune = form.controls["fine_tune"]
    quick = {"queue": False, "api_visibility": "private", "show_progress": "hidden"}
    step.choice.input(lambda chosen: gr.Dropdown(visible=chosen == OTHER), step.choice, step.other, **quick)
    gr.on(
        [step.choice.input, step.other.input],
        lambda name, by_name: needs_training(by_name if name == OTHER else name),
        [step.choice, step.other],
        fine_tune,
        **quick,
    )
