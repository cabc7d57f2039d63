"""Step two: who teaches, and what it makes of a sentence."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from markupsafe import Markup

import distill_core as core
from distill_core import Config, Estimate, HubError, TeacherError, UserError

from ..access import public_host
from ..components.events import BROWSER, QUICK, SILENT_HEAVY, Changes, last
from ..components.form import OTHER, OTHER_NAME, Form, make_control
from ..components.formatting import count, duration, millions, percent, rounded
from ..components.formatting import size as size_of
from ..components.html import note, why
from ..components.templates import render
from ..gradio_patches import without_stub_file
from ..i18n.names import components, translate_message
from ..i18n.names import task_name as task_name
from ..i18n.translate import translate
from .pieces import hint

# the row that was asked of an empty box, unless something was typed meanwhile
ROW_JS = "(said, ...typed) => (!typed.some((text) => text?.trim()) && said?.row) || typed"


@dataclass(frozen=True)
class Title:
    """The row in which a saved teacher gets another title."""

    row: gr.Row
    text: gr.Textbox
    rename: gr.Button
    message: gr.HTML


@dataclass(frozen=True)
class Teacher:
    """The parts that the page's opening fills."""

    choice: gr.Radio
    other: gr.Dropdown
    times: gr.HTML
    cost: gr.HTML
    title: Title
    text: gr.Textbox
    text2: gr.Textbox
    ask: gr.Button
    message: gr.HTML
    answer: gr.HTML


def answer_view(**more: Any) -> gr.HTML:
    """A teacher's logits and a temperature that reshapes its probabilities in the browser. The value is what
    `core.ask_teacher` returns and the "row" of the data that was asked about, or None."""
    script = Path(__file__).with_name("answer.js").read_text(encoding="utf-8")
    return gr.HTML(None, html_template=render("steps/answer.html"), js_on_load=script, **more)


CARDS = 6  # suggestions shown as cards; the rest is offered under "another"


with without_stub_file():

    class Cards(gr.Radio):
        """Cards of the teachers to choose from. The server takes any value, for which are offered changes with the
        data: an event that is on its way may name one that is offered no more, and a run says what it thinks of it."""

        is_template = True  # for Gradio's page it is a Radio

        def preprocess(self, payload: str | int | float | None) -> str | int | float | None:
            """The value as it came."""
            return payload


def cards(config: Config) -> list[tuple[str, str]]:
    """The teachers to choose from as (words, value): "", which is the task's own or, where it has none, the first
    suggestion; those kept here whose labels fit the data as far as these are known; some more suggestions; any other by
    name."""
    task = config.task
    known = core.teachers(core.task_labels(config), core.task_pair(task))
    own, usual = core.task_teacher(task), next(one for one in known if one.kind == "suggestion")
    first = (translate("teacher.own"), _words(own)) if own else (usual.name, _card_words(usual))
    shown = _shown(known)
    words = [
        first,
        *((_name(one), _card_words(one)) for one in shown),
        (translate("teacher.other"), translate("teacher.other.help")),
    ]
    values = ["", *(one.name for one in shown), OTHER]
    return [("\n".join(card), value) for card, value in zip(words, values, strict=True)]


def _shown(known: Sequence[core.TeacherChoice]) -> list[core.TeacherChoice]:
    """The teachers with a card beside the first one: those kept here, and some more suggestions."""
    suggested = [one for one in known if one.kind == "suggestion"]
    return [one for one in known if one.kind == "kept"] + suggested[1:CARDS]


def _is_untrained(one: core.TeacherChoice) -> bool:
    return one.kind == "suggestion" and "finetuned" not in one.name


def _card_words(one: core.TeacherChoice) -> str:
    return f"{translate_message(one.help)}\n{known_of(one)}"


def needs_training(name: str, task: str) -> bool:
    """Whether the teacher of that name is offered as an encoder that has yet to learn a task. "" is the task's."""
    known = core.teachers()
    name = name or core.task_teacher(task) or next(one.name for one in known if one.kind == "suggestion")
    return any(_is_untrained(one) for one in known if one.name == name)


def _name(teaching: core.TeacherChoice) -> str:
    if teaching.kind == "builtin":
        return translate("teacher.builtin")
    return translate_message(teaching.title) if teaching.title else teaching.name


def _words(own: str) -> str:
    one = next((teaching for teaching in core.teachers() if teaching.name == own), None)
    if one is None:
        return own
    description = (
        f"{translate_message(one.help)} {translate('teacher.honest')}"
        if own == "builtin"
        else translate_message(one.help)
    )
    return f"{description}\n{known_of(one)}"


def known_of(one: core.TeacherChoice) -> str:
    """A teacher's size, where it is, and how right it is known to be and by whom."""
    size = translate("teacher.weights", n=millions(one.weights)) if one.weights else ""
    bytes = size_of(4 * one.weights) if one.weights else ""
    place = (
        translate("teacher.here")
        if one.here
        else translate("teacher.away", size=bytes)
        if bytes
        else translate("teacher.away.plain")
    )
    score = ""
    if one.accuracy:
        share, where, whose = one.accuracy
        score = translate(f"teacher.accuracy.{whose}", share=percent(share), task=task_name(where))
    return " · ".join(filter(None, (size, place, score)))


def price(config: Config, estimate: Estimate | None) -> Markup:
    """The cost of the chosen teacher on this machine, for the data that are chosen."""
    if estimate is None:
        return hint(translate("teacher.cost.wait"))
    words = []
    if config.fine_tune:
        key = "teacher.cost.tuned" if "teacher" in estimate.cached else "teacher.cost.tuning"
        words.append(translate(key, time=duration(rounded(estimate.stages["teacher"]))))
    seconds = estimate.stages["label"]
    if "label" in estimate.cached:
        words.append(translate("teacher.cost.cached", texts=count(estimate.texts)))
    elif seconds > 0:
        pace = float(f"{estimate.texts / seconds:.2g}")
        words.append(
            translate("teacher.cost", pace=count(pace), texts=count(estimate.texts), time=duration(rounded(seconds)))
        )
    if estimate.rests_on == "size":
        words.append(translate("teacher.cost.size"))
    return hint(" ".join(words))


def offered(config: Config, chosen: str = "") -> Any:
    """The cards for the data of the config. What is chosen stays, also where it no longer fits: the run says so."""
    found = cards(config)
    if chosen not in [value for _, value in found]:
        found[1:1] = [(f"{_name(one)}\n{_card_words(one)}", one.name) for one in core.teachers() if one.name == chosen]
    return gr.update(choices=found)


def times(config: Config, estimate: Estimate | None) -> Markup:
    """What a whole run takes here with each card's teacher, for the page's script to write on the cards."""
    if estimate is None:
        return Markup("")
    trained = _trained(config.task)
    estimates = core.teacher_estimates(config, dict(trained.values()))
    words = {}
    for value, (name, _) in trained.items():
        found = estimate if (config.teacher or "") == value else estimates.get(name)
        if found:
            key = "teacher.time.guess" if found.rests_on == "size" else "teacher.time"
            words[value] = translate(key, time=duration(rounded(found.seconds)))
    return render("steps/teacher_times.html", times=json.dumps(words))


def _trained(task: str) -> dict[str, tuple[str, bool]]:
    """By the card's value: the teacher's name, and whether it is one that has yet to learn a task."""
    known = core.teachers()
    first = core.task_teacher(task) or next(one.name for one in known if one.kind == "suggestion")
    untrained = {one.name for one in known if _is_untrained(one)}
    return {"": (first, first in untrained)} | {one.name: (one.name, one.name in untrained) for one in _shown(known)}


def build(form: Form) -> Teacher:
    """Lays the step out."""
    task = form.knobs["task"].default
    gr.HTML(why(translate("teacher.why"), "teacher"))
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=320):
            choice = form.place(
                "teacher",
                Cards(
                    cards(Config(task=task)),
                    value="",
                    label=translate("teacher.choose"),
                    interactive=True,
                    elem_classes="choice",
                    elem_id="teachers",
                ),
            )
            other = form.place(
                OTHER_NAME,
                gr.Dropdown(
                    [
                        (f"{one.name} – {translate_message(one.help)}", one.name)
                        for one in core.teachers()
                        if one.kind == "suggestion"
                    ],
                    value=None,
                    label=translate("teacher.other.label"),
                    info=translate("teacher.other.info"),
                    visible=False,
                    interactive=True,
                    allow_custom_value=True,
                    elem_id="teacher-name",
                ),
            )
            with gr.Row(visible=False, elem_id="teacher-title") as row:
                title = gr.Textbox(
                    label=translate("teacher.title"), info=translate("teacher.title.info"), interactive=True, scale=4,
                )  # fmt: skip
                rename = gr.Button(translate("teacher.title.button"), size="sm", scale=1, min_width=100)
            renaming = Title(row, title, rename, gr.HTML())
            script = Path(__file__).with_name("teacher_times.js").read_text(encoding="utf-8")
            times_view = gr.HTML("", js_on_load=script, elem_id="teacher-times")
            cost = gr.HTML(price(Config(), None), elem_id="teacher-cost")
            form.place("fine_tune", make_control(form.knobs["fine_tune"], elem_id="fine-tune"))
            with gr.Accordion(translate("teacher.more"), open=False, elem_id="teacher-more"):
                for knob in form.knobs.values():
                    if knob.group == "teacher" and knob.name not in ("teacher", "fine_tune"):
                        form.place(knob.name)
        with gr.Column(scale=6, min_width=320):
            text = gr.Textbox(
                label=translate("teacher.ask"),
                info=translate("teacher.ask.info"),
                lines=2,
                interactive=True,
                elem_id="ask-text",
            )
            text2 = gr.Textbox(label=translate("teacher.ask.second"), visible=False, interactive=True)
            ask = gr.Button(translate("teacher.ask.button"), elem_id="ask", elem_classes="act-here")
            message = gr.HTML(elem_id="teacher-message")
            answer = answer_view(elem_id="answer")
    return Teacher(
        choice=choice, other=other, times=times_view, cost=cost, title=renaming, text=text, text2=text2, ask=ask,
        message=message, answer=answer,
    )  # fmt: skip


def chosen() -> str:
    """The browser's function of the choice, another's name and the task: whether that name is asked for, and whether to
    fine-tune. An answer of the server would come late, over what was ticked meanwhile."""
    names = [one.name for one in core.teachers() if needs_training(one.name, "")]
    tasks = {task.name: needs_training("", task.name) for task in components("tasks")}
    return (
        f"(choice, name, task) => {{ const other = choice === {json.dumps(OTHER)}, one = other ? name : choice\n"
        f"  const training = one ? {json.dumps(names)}.includes(one) : {json.dumps(tasks)}[task]\n"
        "  return [{ __type__: 'update', visible: other }, training] }"
    )


def follow() -> str:
    """The browser's function of a task that was just chosen: the choice of the teacher, and then as `chosen`."""
    return f"(task) => ['', ...({chosen()})('', null, task)]"


def wire(form: Form, step: Teacher) -> None:
    """Connects the step."""

    def ask(text: str, text2: str, *values: Any) -> Changes:
        """The teacher's answer; of an empty box, to a row of the data, which the answer brings along."""
        pair, row, answer, message = False, None, None, ""
        try:
            config = form.config(values)
            inspection = core.inspect(config, 1)
            pair = inspection.pair
            if not text.strip() and not (text2 or "").strip():
                row = text, text2 = inspection.sample[0]["text"], inspection.sample[0].get("text2", "")
            reply = core.ask_teacher(config, (text, text2) if pair else text)
            answer = reply | {"row": row}
        except UserError as error:
            message = note(translate_message(error), "error") + _others(error)
        return {
            step.answer: answer,
            step.message: message,
            step.text2: gr.Textbox(visible=pair),
            step.ask: gr.Button(translate("teacher.ask.button"), interactive=True),
        }

    def busy(*values: Any) -> gr.Button:
        return gr.Button(_busy(form, values), interactive=False)

    texts = [step.text, step.text2]
    gr.on([step.ask.click, step.text.submit, step.text2.submit], busy, form.inputs, step.ask, **QUICK).then(
        ask,
        [*texts, *form.inputs],
        [step.answer, step.message, step.text2, step.ask],
        **last(SILENT_HEAVY),
    ).then(None, [step.answer, *texts], texts, js=ROW_JS, **BROWSER)

    _wire_title(form, step)
    gr.on(
        [step.choice.input, step.other.input],
        None,
        [step.choice, step.other, form.controls["task"]],
        [step.other, form.controls["fine_tune"]],
        js=chosen(),
        **BROWSER,
    )


def _wire_title(form: Form, step: Teacher) -> None:
    """Connects the row of the title. On a public host a saved teacher is everyone's, and keeps the title it has."""
    title = step.title

    def show(name: str) -> Changes:
        saved = not public_host.public() and any(one.name == name and one.kind == "kept" for one in core.teachers())
        changes: Changes = {title.row: gr.Row(visible=saved), title.message: ""}
        return changes | ({title.text: core.teacher_title(name)} if saved else {})

    def rename(wanted: str, name: str, *values: Any) -> Changes:
        try:
            if public_host.public():
                raise UserError(translate("teacher.title.public"))
            config = form.config(values)  # first: a form that holds a mistake says so before anything is renamed
            given = core.rename_teacher(name, wanted)
        except UserError as error:
            return {title.message: note(translate_message(error), "error")}
        found = offered(config, name)
        return {step.choice: found, title.text: given, title.message: note(translate("teacher.title.done", name=given))}

    step.choice.change(show, step.choice, [title.row, title.text, title.message], **QUICK)
    gr.on(
        [title.text.submit, title.rename.click],
        rename,
        [title.text, step.choice, *form.inputs],
        [step.choice, title.text, title.message],
        **QUICK,
    )


def _busy(form: Form, values: Any) -> str:
    """The button's words while the teacher is loaded and asked."""
    try:
        name = form.config(values).teacher or "builtin"
    except UserError:
        return translate("teacher.asking")
    weights = next((one.weights for one in core.teachers() if one.name == name), None)
    return translate("teacher.loading", n=millions(weights)) if weights else translate("teacher.asking")


def _others(error: UserError) -> str:
    """The other teachers on this machine, after one that could not be had."""
    if not isinstance(error, HubError | TeacherError):
        return ""
    local = [_name(one) for one in core.teachers() if one.here]
    return note(translate("teacher.these", names=", ".join(local)))
