"""The page as a whole: frame, steps, the run that the address names, and the named endpoints."""

from typing import Any

import gradio as gr

import distill_core as core
from distill_core import ENDED, Config, UserError
from ui import endpoints, history
from ui.form import Form, standing
from ui.frame import header, top
from ui.show import DASH, count, esc, note, notes
from ui.steps import augment, compare, distil, task, teacher
from ui.words import say

TOLD = ("seed", "vectors", "channels", "width", "hidden", "loss", "epochs")  # what a recipe names where it is changed


def build() -> gr.Blocks:
    """The whole app, not launched."""
    with gr.Blocks(title=say("app"), analytics_enabled=False, delete_cache=(3600, 86400)) as demo:
        gr.Navbar(visible=False)
        alive = header("")
        again = gr.HTML(elem_id="again")
        form = Form()
        with gr.Tabs(elem_id="steps", overflow_behavior="wrap") as tabs:
            with gr.Tab(say("step.task"), id="task", elem_id="step-task"):
                first = task.build(form)
                to_teacher = _next("teacher")
            with gr.Tab(say("step.teacher"), id="teacher", elem_id="step-teacher"):
                second = teacher.build(form)
                to_augment = _next("augment")
            with gr.Tab(say("step.augment"), id="augment", elem_id="step-augment"):
                third = augment.build(form)
                to_distil = _next("distil")
            with gr.Tab(say("step.distil"), id="distil", elem_id="step-distil") as last:
                line = gr.HTML(elem_id="recipe")
                fourth = distil.build(form)
            with gr.Tab(say("step.compare"), id="compare", elem_id="step-compare"):
                fifth = compare.build()

        quick = {"queue": False, "api_visibility": "private", "show_progress": "hidden"}
        for button, step in ((to_teacher, "teacher"), (to_augment, "augment"), (to_distil, "distil")):
            button.click(_go(step), None, tabs, **quick)
        task.wire(form, first, teacher.follow, [second.choice, second.other, form.controls["fine_tune"]])
        teacher.wire(form, second)
        augment.wire(form, third)
        distil.wire(form, fourth, tabs)
        compare.wire(fifth, fourth.live)

        def moved(run: str) -> tuple[Any, ...]:
            shown = compare.show(run) if _ended(run) else (gr.skip(),) * len(fifth.shown)
            tab = gr.Tabs(elem_classes=["ran"] if _compared(run) else [])
            return top("", run), *distil.controls(run), tab, *shown

        fourth.live.moved(moved, fourth.live, [alive, *fourth.buttons, tabs, *fifth.shown], **quick)

        def told(run: str, *given: Any) -> str:
            return recipes(run, form, given)

        changes = [
            form.controls[name].change for name, knob in form.knobs.items() if knob.group in ("student", "training")
        ]
        gr.on(
            [last.select, fourth.live.change, *changes],
            told,
            [fourth.live, *form.inputs],
            line,
            trigger_mode="always_last",
            **quick,
        )

        def opened(request: gr.Request) -> tuple[Any, ...]:
            """The run that the address names, at the step that shows it."""
            run = str(request.query_params.get("run") or "")[:64]
            step = "task" if not run else "compare" if _compared(run) else "distil"
            tab = gr.Tabs(selected=step, elem_classes=["ran"] if _compared(run) else [])
            return top("", run), run, tab, *distil.controls(run), *compare.show(run)

        demo.load(opened, None, [alive, fourth.live, tabs, *fourth.buttons, *fifth.shown], **quick)
        data = form.part(*task.KNOBS)

        def refilled(request: gr.Request) -> tuple[Any, ...]:
            return refill(form, request)

        demo.load(
            refilled,
            None,
            [again, *form.inputs, first.own, first.hub, first.look],
            **quick,
        ).then(
            task.inspector(data),
            data.inputs,
            first.about,
            api_visibility="private",
            show_progress="hidden",
            concurrency_id="cpu",
            concurrency_limit=1,
        )
        endpoints.add()
    with demo.route(say("history"), "history"):
        gr.Navbar(visible=False)
        header("history")
        history.build()
    return demo


def refill(form: Form, request: gr.Request) -> tuple[Any, ...]:
    """The form as the run had it that the address names with `from`, to start again with changes; what is gone is
    told."""
    source, untouched = str(request.query_params.get("from") or "")[:64], (gr.skip(),) * (len(form.inputs) + 3)
    if not source or request.query_params.get("run"):
        return "", *untouched
    try:
        run = core.run(source)
    except UserError as error:
        return note(str(error), "error"), *untouched
    asked = standing(run.row.config)[0].task
    updates, lost = form.fill(run.row.config, teacher.cards(asked))
    told = note(say("again.filled", name=run.name)) + notes([("warning", sentence) for sentence in lost])
    return told, *updates, *task.asked(asked)


def recipes(run: str, form: Form, given: Any) -> str:
    """The run that is shown and the run that Start would begin, each in one line; one line where they are the same."""
    try:
        shown = recipe(core.run(run).config) if run else ""
    except UserError:
        shown = ""
    try:
        coming = recipe(form.config(given))
    except UserError as error:  # told again, at its step, when Start is pressed
        coming = str(error)
    lines = [("recipe.shown", shown)] if shown else []
    if coming != shown:
        lines.append(("recipe.coming" if shown else "recipe.this", coming))
    return "".join(f'<p class="recipe"><b>{esc(say(key))}</b> {esc(words)}</p>' for key, words in lines)


def recipe(config: Config) -> str:
    """A run in one line."""
    teacher = config.teacher or core.task_teacher(config.task) or DASH
    words = {
        "task": task.name(config.task),
        "rows": say("labelled", n=count(config.limit)) if config.limit else say("labelled.all"),
        "teacher": teacher.replace("\\", "/").rsplit("/", 1)[-1] + (say("fine_tuned") if config.fine_tune else ""),
        "student": config.student,
        "passes": say("passes", n=config.n_iter) if config.n_iter else say("passes.none"),
    }
    changed = {name: value for name, value in config.changed().items() if name in TOLD}
    return " · ".join([say("recipe", **words), *(f"{name} {value}" for name, value in changed.items())])


def _next(step: str) -> gr.Button:
    return gr.Button(say(f"next.{step}"), variant="primary", elem_classes="go", elem_id=f"to-{step}")


def _go(step: str) -> Any:
    def go() -> gr.Tabs:
        return gr.Tabs(selected=step)

    return go


def _ended(run: str) -> bool:
    try:
        return bool(run) and core.run(run).status in ENDED
    except UserError:
        return False


def _compared(run: str) -> bool:
    try:
        return bool(run) and core.run(run).summary is not None
    except UserError:
        return False
