"""The bar under every step: what would run, what it costs on this machine, Start, and the way on.

The cost comes at once from what is known; what isn't known is measured in the background, and told when it is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from markupsafe import Markup

import distill_core as core
from distill_core import Config, Estimate, KnobError, UserError

from ..access.public_host import FILES
from ..components.events import BROWSER, QUICK, Changes, last
from ..components.form import Form
from ..components.formatting import count, duration, rounded, size
from ..components.tabs import open_tab_js
from ..components.templates import render
from ..i18n import names
from ..i18n.names import translate_message
from ..i18n.translate import format_number, translate

STEPS = ("task", "teacher", "augment", "distil", "compare")
AT = {"task": "task", "teacher": "teacher", "transfer": "augment", "student": "distil", "training": "distil"}
# what a recipe names where it is changed
NAMED_KNOBS = ("seed", "vectors", "channels", "width", "hidden", "loss", "epochs")
# asks again, by the event "again", while a part says that something is measured
AGAIN_JS = Path(__file__).with_name("again.js").read_text(encoding="utf-8")
JS = Path(__file__).with_name("launch_bar.js").read_text(encoding="utf-8") + AGAIN_JS


@dataclass(frozen=True)
class Bar:
    """The bar's parts. `fault` is where a refused value is told; its script carries the words to the field."""

    line: gr.HTML
    fault: gr.HTML
    start: gr.Button
    ways: dict[str, gr.Button]


def build() -> Bar:
    """Lays the bar out; which of its buttons are seen, the style sheet decides by the step that is open."""
    with gr.Row(elem_id="bar"):
        line = gr.HTML(render("steps/reading.html"), elem_id="recipe", js_on_load=JS)
        start = gr.Button(translate("bar.start"), variant="secondary", elem_id="start-now")
        ways = {
            step: gr.Button(translate(f"next.{step}"), variant="primary", elem_id=f"to-{step}")
            for step in ("teacher", "augment", "distil")
        }
    fault = gr.HTML("", elem_id="fault")
    return Bar(line=line, fault=fault, start=start, ways=ways)


Teller = Callable[[Config, Estimate | None], str]


def wire(
    form: Form,
    bar: Bar,
    tabs: gr.Tabs,
    live: gr.HTML,
    others: Sequence[Any],
    more: Sequence[tuple[gr.HTML, Teller]] = (),
) -> None:
    """Connects the bar, once every step has placed its controls. `others` are events besides those of the controls
    after which it looks again: the page's opening, new data. `more` are parts of steps that tell something of the
    estimate too, and how.
    """
    for step, button in bar.ways.items():
        button.click(None, None, tabs, js=open_tab_js(step), **BROWSER)

    def look(run: str, *values: Any) -> Changes:
        config, estimate, line = describe(run, form, values)
        changes: Changes = {bar.line: line}
        return changes | ({part: words(config, estimate) for part, words in more} if config else {})

    inputs = [live, *form.inputs]
    # Not on the choice of a task or a file, but when the data follow: until then the teachers are those of the task
    # before. And Gradio's page repeats an event that had to wait with all its listeners: the file would be read again,
    # and the columns guessed over what was chosen.
    changes = [control.change for name, control in form.controls.items() if name not in ("task", *FILES)]
    outputs = [bar.line, *(part for part, _ in more)]
    # Measuring runs in the background, in no event that a reload could break off; the bar asks again.
    gr.on([*others, live.change, *changes], look, inputs, outputs, **last(QUICK))
    bar.line.again(look, inputs, outputs, **QUICK)


def describe(run: str, form: Form, values: Any) -> tuple[Config | None, Estimate | None, str]:
    """The config that the form asks for, None where a value is refused; its cost, None while that isn't known; and both
    in words: the run that is shown, where there is one, and the run that Start would begin."""
    estimate = config = None
    words = {"coming": "", "price": "", "chosen": "", "refused": ""}
    try:
        shown = recipe(core.run(run).config) if run else ""
    except UserError:
        shown = ""
    try:
        config = form.config(values)
        if refusal := core.data_refusal(config):
            raise refusal
        estimate, words["price"] = _price(config)
        words["chosen"] = chosen(form, config)
        words["coming"] = recipe(config)
    except UserError as error:  # told again, at its field, when Start is pressed
        words["refused"] = translate_message(error)
    if unwritable := core.home_refusal():
        words["refused"] = translate_message(unwritable)
    return config, estimate, render("steps/launch_bar.html", shown=shown, **words)


def _price(config: Config) -> tuple[Estimate | None, Markup]:
    """The cost, and in words, or what is being done about it."""
    estimate = core.estimate(config) if _has_data(config) else None
    return estimate, cost(estimate) if estimate else unknown(config)


def chosen(form: Form, config: Config) -> str:
    """What `config` leaves to the data and what that means for them, each with a way to its control; "" while it isn't
    known."""
    choices = [
        {
            "label": form.knobs[choice.knob].label, "value": _value(choice.value),
            "reason": translate_message(choice.reason), "field": control.elem_id,
            "step": AT[form.knobs[choice.knob].group], "within": " ".join(_accordions(control)),
        }
        for choice in (core.choices(config) if _has_data(config) else ())
        if (control := form.control(choice.knob)) is not None
    ]  # fmt: skip
    return render("steps/chosen.html", choices=choices) if choices else ""


def _accordions(control: Any) -> list[str]:
    """Ids of the accordions around a control, the outermost first: what is in a closed one is not in the page yet."""
    around, parent = list[str](), control.parent
    while parent is not None:
        if isinstance(parent, gr.Accordion) and parent.elem_id:
            around.insert(0, parent.elem_id)
        parent = parent.parent
    return around


def _value(value: str | float) -> str:
    return value if isinstance(value, str) else format_number(value, "," if isinstance(value, int) else "g")


def _has_data(config: Config) -> bool:
    return bool(config.train if config.task == "file" else config.dataset if config.task == "hub" else config.task)


def unknown(config: Config) -> Markup:
    """Why the cost of `config` isn't known; where it can be, it is measured in the background from now on."""
    key = "bar.data" if not _has_data(config) else "bar.measuring" if core.schedule_profile(config) else "bar.unknown"
    return render("steps/waiting.html", words=translate(key), again=key == "bar.measuring")


def cost(estimate: Estimate) -> Markup:
    """An estimate in one line, and under it where the time goes and what the figure rests on."""
    about = translate("bar.about", time=duration(rounded(estimate.seconds)))
    memory = translate("bar.memory", size=size(float(f"{estimate.memory:.2g}"))) if estimate.memory else ""
    cached = translate("bar.cached") if "label" in estimate.cached else ""
    line = " · ".join(filter(None, [about, memory, cached]))
    return render(
        "steps/cost.html",
        line=line,
        stages={stage: _took(seconds, stage in estimate.cached) for stage, seconds in estimate.stages.items()},
        amount=translate("bar.amount", texts=count(estimate.texts), steps=count(estimate.steps)),
        between=translate("bar.between", low=duration(rounded(estimate.low)), high=duration(rounded(estimate.high))),
        rests=translate(f"bar.rests.{estimate.rests_on}", n=estimate.runs),
    )


def _took(seconds: float, cached: bool) -> str:
    if cached:
        return translate("stage.cached")
    return translate("bar.moment") if seconds < 1 else duration(rounded(seconds))


def recipe(config: Config) -> str:
    """A run in one line."""
    first = next(one.name for one in core.teachers() if one.kind == "suggestion")  # what a task without its own means
    teacher = config.teacher or core.task_teacher(config.task) or first
    if teacher == "builtin":
        teacher = translate("teacher.builtin")
    elif (title := core.teacher_title(teacher)) != teacher:
        teacher = translate_message(title)
    else:
        teacher = teacher.replace("\\", "/").rsplit("/", 1)[-1]
    words = {
        "task": names.task_name(config.task),
        "rows": translate("labelled", n=count(config.limit)) if config.limit else translate("labelled.all"),
        "teacher": teacher + (translate("fine_tuned") if config.fine_tune else ""),
        "student": translate("recipe.auto") if config.student == "auto" else config.student,
        "passes": translate("passes", n=config.n_iter) if config.n_iter else translate("passes.none"),
    }
    changed = {name: value for name, value in config.changed().items() if name in NAMED_KNOBS}
    return " · ".join([translate("recipe", **words), *(f"{name} {value}" for name, value in changed.items())])


def fault(form: Form, error: UserError, number: int) -> tuple[str, str]:
    """The fault `error` as the page's script needs it to tell it at its field, and the step where the field is (""
    where the error belongs to none). `number` makes the same words new, so that they are told again."""
    if not isinstance(error, KnobError) or error.knob not in form.knobs:
        return "", ""
    control, step = form.control(error.knob), AT[form.knobs[error.knob].group]
    if control is None:
        return "", ""
    words = translate_message(error)
    return render("steps/fault.html", field=control.elem_id, step=step, number=number, words=words), step
