"""Step three: the augmentation rules, and what they make of a text."""

import random
from dataclasses import dataclass
from typing import Any

import gradio as gr
from markupsafe import Markup, escape

import distill_core as core
from distill_core import Config, Estimate, UserError

from ..components.events import BROWSER, HEAVY, Changes, last
from ..components.form import RULE, Form, make_control, rate
from ..components.formatting import count, percent
from ..components.html import bars, diff, note, why
from ..components.tabs import open_tab_js
from ..components.templates import render
from ..i18n.names import components, rule_name, translate_message
from ..i18n.translate import translate
from .pieces import empty_card, hint

OFFSPRING = 5
NEAR = 3  # texts with near words, beside those of the rules
SIDES = " | "  # between the two sentences of a pair


@dataclass(frozen=True)
class Augment:
    """The preview's parts."""

    text: gr.Textbox
    text2: gr.Textbox
    show: gr.Button
    shuffle: gr.Button
    shown: gr.HTML
    counts: gr.HTML
    use: gr.Button
    skip: gr.Button


def build(form: Form) -> Augment:
    """Lays the step out. Every rule on the shelf gets a slider; its rate and help stand in its own file."""
    gr.HTML(why(translate("augment.why"), "augment"))
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=320):
            with gr.Group():
                rates = form.knobs["rules"].default
                for rule in components("augment"):
                    form.place(RULE + rule.name, rate(rule.name, rule.help, rates.get(rule.name, 0.0)))
            form.place(
                "n_iter",
                gr.Slider(
                    0,
                    30,
                    value=form.knobs["n_iter"].default,
                    step=1,
                    interactive=True,
                    label=form.knobs["n_iter"].label,
                    info=form.knobs["n_iter"].help,
                    elem_id="knob-n_iter",
                ),
            )
            form.place("augmented")
            form.place("neighbours")
            form.place("pairing")
            form.place("transfer_limit", make_control(form.knobs["transfer_limit"]))
            with gr.Accordion(translate("augment.sources"), open=False, elem_id="more-sources"):
                for name in (
                    "bank",
                    "bank_texts",
                    "bank_lines",
                    "generator",
                    "generated_texts",
                    "filled",
                    "filler",
                    "lexicon",
                    "framed",
                ):
                    form.place(name)
            counts = gr.HTML(counted(Config(), None), elem_id="augment-counts")
            with gr.Row(elem_classes="actions"):
                use = gr.Button(translate("augment.use"), elem_id="use-these")
                skip = gr.Button(translate("augment.skip"), elem_id="skip-augment")
        with gr.Column(scale=7, min_width=320):
            text = gr.Textbox(
                label=translate("augment.text"),
                info=translate("augment.text.info"),
                lines=2,
                interactive=True,
                elem_id="augment-text",
            )
            text2 = gr.Textbox(label=translate("augment.text2"), lines=2, visible=False, interactive=True)
            with gr.Row(elem_classes="actions"):
                show = gr.Button(translate("augment.preview"), variant="secondary", elem_id="preview")
                shuffle = gr.Button(translate("augment.shuffle"), elem_id="shuffle")
            shown = gr.HTML(empty_card(translate("augment.empty")), elem_id="offspring")

    return Augment(text=text, text2=text2, show=show, shuffle=shuffle, shown=shown, counts=counts, use=use, skip=skip)


def counted(config: Config, estimate: Estimate | None) -> Markup:
    """The counts of texts before and after."""
    if estimate is None:
        return hint(translate("augment.counts.wait"))
    if not config.n_iter and estimate.texts <= estimate.labelled + estimate.unlabelled:
        return hint(translate("augment.counts.off", texts=count(estimate.texts)))
    unlabelled = translate("augment.counts.loose", n=count(estimate.unlabelled)) if estimate.unlabelled else ""
    summary = translate(
        "augment.counts",
        labelled=count(estimate.labelled),
        loose=unlabelled,
        texts=count(float(f"{estimate.texts:.2g}")),
    )
    full = f" {translate('augment.counts.full')}" if estimate.texts >= config.transfer_limit else ""
    return hint(summary + full, "counts")


def wire(form: Form, step: Augment, tabs: gr.Tabs) -> None:
    """Connects the preview, and the two ways on: with these texts, or without any. The browser goes them by itself."""
    names = ("n_iter", "neighbours", "pairing", "filled", "lexicon", "framed", "bank", "generator")
    passes, on = [form.controls[name] for name in names], open_tab_js("distil")
    n, near = (form.knobs[name].default for name in ("n_iter", "neighbours"))
    use = (
        "(n, near, pairs, ...more) => n || Number(near) || Number(pairs) || more.some((one) => one && one !== '0') "
        f"? [n, near, pairs, ...more, ({on})()] : [{n}, '{near}', pairs, ...more, ({on})()]"
    )
    step.use.click(None, passes, [*passes, tabs], js=use, **BROWSER)
    step.skip.click(None, None, [*passes, tabs], js=f"() => [0, '0', 0, 0, 0, 0, '', '', ({on})()]", **BROWSER)

    def preview(text: str, text2: str, *values: Any) -> Changes:
        html, pair = offspring(form, values, text, text2)
        return {step.shown: html, step.text2: gr.Textbox(visible=pair)}

    def another(text: str, text2: str, *values: Any) -> Changes:
        html, pair = offspring(form, values, text, text2, seed=random.randrange(2**31))
        return {step.shown: html, step.text2: gr.Textbox(visible=pair)}

    inputs, shown = [step.text, step.text2, *form.inputs], [step.shown, step.text2]
    preview_events = [step.show.click, step.text.submit, step.text2.submit]
    gr.on(preview_events, preview, inputs, shown, show_progress_on=step.show, **last(HEAVY))
    step.shuffle.click(another, inputs, shown, show_progress_on=step.shuffle, **last(HEAVY))


def offspring(form: Form, values: Any, text: str, text2: str, seed: int | None = None) -> tuple[str, bool]:
    """A text's offspring as HTML, and whether the task is about pairs. `seed` draws others, but of the rows that the
    form's own seed gives."""
    pair = False
    try:
        config = form.config(values)
        pair = core.inspect(config).pair
        chosen = ((text, text2) if pair else text) if text or (pair and text2) else None
        preview = core.preview(config, chosen, OFFSPRING, seed=seed)
    except UserError as error:
        return note(translate_message(error), "error"), pair
    before = SIDES.join(preview["text"])
    children = [_child(translate("augment.original"), before, preview.get("probabilities"))]
    for child in (*preview["offspring"], *preview.get("near", ())[:NEAR]):
        children.append(
            _child(
                ", ".join(map(rule_name, child["rules"])),
                diff(before, SIDES.join(child["text"])),
                child.get("probabilities"),
                broken(preview.get("answer"), child.get("answer")),
            )
        )
    words = []
    if brought := preview.get("words"):
        words.append(translate("augment.words", n=brought["brought"]) + _share(brought))
    problems = []
    for name, source in preview.get("sources", {}).items():
        for child in source["texts"][:NEAR]:
            text = SIDES.join(child["text"])
            shown = diff(before, text) if source.get("varied") else escape(text)
            children.append(_child(rule_name(name), shown, child.get("probabilities")))
        if brought := source.get("words"):
            sentence = translate(f"augment.words.{name}", n=brought["brought"], looked=source["looked"])
            words.append(sentence + _share(brought))
        if "problem" in source:
            problems.append(note(translate_message(source["problem"]), "warning"))
    nothing = note(translate("augment.none")) if len(children) == 1 else ""
    return render("steps/offspring.html", children=children, notes=[nothing, *problems], words=words), pair


def broken(original: str | None, child: str | None) -> str:
    """A warning where the teacher answers otherwise to an offspring than to the original; "" where it doesn't, or
    wasn't asked."""
    asked = original is not None and child is not None
    return translate("augment.broken", label=child, before=original) if asked and original != child else ""


def _share(words: core.WordsBrought) -> str:
    """A sentence on how many of the validation rows' words stand in the texts, "" where there are none."""
    if words["after"] is None:
        return ""
    known = {"before": percent(words["before"], 0), "after": percent(words["after"], 0)}
    return f" {translate('augment.words.share', **known)}"


def _child(rule: str, text: str, probabilities: dict[str, float] | None, broken: str = "") -> Markup:
    answer = bars(probabilities, "teacher") if probabilities else ""
    return render("steps/child.html", rule=rule, text=text, answer=answer, broken=broken)
