"""The page as a whole: frame, steps, the run that the address names, and the named endpoints."""

from typing import Any

import gradio as gr
from markupsafe import Markup

import distill_core as core
from distill_core import ENDED, UserError

from . import endpoints
from .access import public_host
from .components.events import BROWSER, QUICK, SILENT_HEAVY, Changes, last
from .components.form import Form, usable_settings
from .components.header import header, top
from .components.html import note, notes
from .components.templates import render
from .history import page
from .i18n.names import translate_message
from .i18n.translate import translate
from .learn import page as learn_page
from .steps import augmentation, comparison, distillation, launch_bar, teacher, time_budget
from .steps import task as steps_task

# not every browser tells when it is idle
READY = "() => { (window.requestIdleCallback ?? setTimeout)(() => window.stillroomPlotly().catch(() => {})) }"


def build() -> gr.Blocks:
    """The whole app, not launched."""
    with gr.Blocks(title=translate("app"), analytics_enabled=False, delete_cache=(3600, 86400)) as demo:
        endpoints.add()  # first: Gradio gives a name to who asks first, and handlers of the page have names too
        gr.Navbar(visible=False)
        alive = header("")
        again = gr.HTML(elem_id="again")
        form = Form()
        with gr.Tabs(elem_id="steps", overflow_behavior="wrap") as tabs:
            with gr.Tab(translate("step.task"), id="task", elem_id="step-task"):
                first = steps_task.build(form)
            with gr.Tab(translate("step.teacher"), id="teacher", elem_id="step-teacher"):
                second = teacher.build(form)
            with gr.Tab(translate("step.augment"), id="augment", elem_id="step-augment"):
                third = augmentation.build(form)
            with gr.Tab(translate("step.distil"), id="distil", elem_id="step-distil"):
                fourth = distillation.build(form)
            with gr.Tab(translate("step.compare"), id="compare", elem_id="step-compare"):
                fifth = comparison.build()
        under = launch_bar.build()

        followers = [second.choice, second.other, form.controls["fine_tune"]]
        steps_task.wire(form, first, teacher.offered, teacher.follow(), followers)
        teacher.wire(form, second)
        augmentation.wire(form, third, tabs)
        distillation.wire(form, fourth, tabs, under)
        asked = [first.about.change, *(form.controls[name].change for name in ("teacher", "fine_tune"))]
        time_budget.wire(form, fourth.budget, fourth.recipe, asked)
        more = [(second.cost, teacher.price), (second.times, teacher.times), (third.counts, augmentation.counted)]
        launch_bar.wire(form, under, tabs, fourth.live, [demo.load, first.about.change], more)
        comparison.wire(fifth, fourth.live)

        # the ended run that the last step shows: showing it again would clear what was asked there meanwhile
        ended_run = gr.Textbox(visible=False)

        def moved(run: str, before: str) -> Changes:
            ended = run if _ended(run) else ""
            return {
                ended_run: ended,
                alive: top("", run),
                tabs: gr.Tabs(elem_classes=["ran"] if _compared(run) else []),
                **fourth.controls(run),
                **(fifth.show(run) if ended and ended != before else {}),
            }

        outputs = [tabs, *fourth.buttons, *fifth.filled]
        # a run may move on while the page still hears of its last move
        fourth.live.moved(moved, [fourth.live, ended_run], [ended_run, alive, *outputs], **last(QUICK))

        def opened(request: gr.Request) -> Changes:
            """The run that the address names, at the step that shows it. Without one the first step is open already,
            and who has gone on meanwhile is not called back."""
            run = _named(request)
            at: dict[str, Any] = {"selected": "compare" if _compared(run) else "distil"} if run else {}
            if step := NEXT.get(str(request.query_params.get("next") or "")):
                at = {"selected": step}
            return {
                ended_run: run if _ended(run) else "",
                alive: top("", run),
                fourth.live: run,
                tabs: gr.Tabs(**at, elem_classes=["ran"] if _compared(run) else []),
                **fourth.controls(run),
                **fifth.show(run),
            }

        demo.load(opened, None, [ended_run, alive, fourth.live, *outputs], **QUICK)
        # what draws the curves takes the browser half a second, which it has once the first step is filled
        first.about.change(None, js=READY, **BROWSER)
        data = form.part(*steps_task.KNOBS)

        def refilled(request: gr.Request) -> Changes:
            return refill(form, first, again, request)

        demo.load(
            refilled,
            None,
            [again, *form.inputs, first.own, first.hub, first.look],
            **QUICK,
        ).then(
            steps_task.inspector(data),
            data.inputs,
            first.about,
            **SILENT_HEAVY,
        ).then(
            steps_task.offering(data, teacher.offered),
            [second.choice, *data.inputs],
            second.choice,
            **SILENT_HEAVY,
        )
    with demo.route(translate("history"), "history"):
        gr.Navbar(visible=False)
        header("history")
        page.build()
    with demo.route(translate("learn"), "learn"):
        gr.Navbar(visible=False)
        header("learn")
        learn_page.build()
    return demo


NEXT = {  # step where the action is taken
    "train_longer": "distil", "read_longer": "distil", "other_teacher": "teacher", "more_texts": "task",
    "more_rows": "task", "merge_labels": "task",
}  # fmt: skip


def refill(form: Form, step: steps_task.Task, again: gr.HTML, request: gr.Request) -> Changes:
    """The form as the run had it that the address names with `from`, to start again with changes; what is gone is
    told in `again`, and so is a run that is not there."""
    source = str(request.query_params.get("from") or "")[:64]
    if request.query_params.get("run"):
        return {again: "" if _named(request) else nowhere()}
    if not source:
        return {again: ""}
    try:
        run = core.run(source)
    except UserError as error:
        return {again: note(translate_message(error), "error")}
    action = str(request.query_params.get("next") or "")
    changes = {
        "train_longer": run.longer, "read_longer": run.longer_texts, "merge_labels": lambda: {"merge_labels": True},
        "more_texts": run.same_teacher,  # of the same rows: fine-tuning it again would take most of the time
    }  # fmt: skip
    config = run.row.config | (changes[action]() if action in changes else {})
    wanted = usable_settings(config)[0]
    updates, lost = form.fill(config, teacher.cards(wanted))
    filled = translate(f"again.{action}" if action in NEXT else "again.filled", name=run.name)
    message = note(filled) + notes([("warning", sentence) for sentence in lost])
    return {again: message, **updates, **step.visible_parts(wanted.task)}


def _named(request: gr.Request) -> str:
    """The run that the address names, "" where there is none of that name."""
    wanted = str(request.query_params.get("run") or "")[:64]
    try:
        return core.run(wanted).id if wanted else ""
    except UserError:
        return ""


def nowhere() -> Markup:
    """The note above the steps where the address names a run that is not here, with the ways on."""
    newest = [] if public_host.public() else core.list_runs(1)
    ways = [(f"./?run={newest[0].id}", translate("unknown_run.newest", name=newest[0].name))] if newest else []
    ways += [("./", translate("unknown_run.new")), ("./history", translate("unknown_run.history"))]
    return render("unknown_run.html", ways=ways)


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
