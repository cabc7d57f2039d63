"""The page of lessons: its frame, its one component, and the events behind it.

A lesson is a file in lessons/, `<place>_<anchor>.js`, found by being there: a function body that fills `stage` from
the builders of board.js. Its words are `learn.<anchor>.…`; `.title` and `.text` stand above the stage.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gradio as gr
from markupsafe import Markup, escape

import distill_core as core
from distill_core import Reading, UserError

from ..components.alignment import alignment
from ..components.events import SILENT_HEAVY, each
from ..components.html import diff
from ..components.templates import render
from ..i18n.names import components, rule_name, translate_message
from ..i18n.translate import ENGLISH, language, table, translate
from . import example_run

FOLDER = Path(__file__).parent
LESSONS = {file.stem.split("_", 1)[1]: file for file in sorted((FOLDER / "lessons").glob("*.js"))}
STEPS = ("task", "teacher", "augment", "distil", "compare")  # the anchors that a step's "?" opens
OFFSPRING = 4
NEAR = 2  # texts with near words, beside those of the rules
LONGEST = 500  # characters of a typed sentence
SIDES = " | "


def build() -> None:
    """Lays the page out and connects it."""
    board = gr.HTML(
        None,
        html_template=template(),
        js_on_load=script(),
        elem_id="learn",
        words=words(),
        language=language(),
        rules=rules(),
        pair=list(example_run.PAIR),
        strange=list(example_run.STRANGE),
    )
    blocks = gr.context.Context.root_block
    assert blocks is not None  # a page is laid out within its Blocks
    gr.on([blocks.load], opened, None, board, **SILENT_HEAVY)
    # A question that comes while another is answered is answered after it: each brings its own text along.
    queue = each(SILENT_HEAVY)
    board.read_text(read_text, None, board, **queue)
    board.read_pair(read_pair, None, board, **queue)
    board.vary(vary, None, board, **queue)
    board.read_layers(read_layers, None, board, **queue)


def template() -> Markup:
    """The page's markup; the stages are filled in the browser."""
    return render("learn/page.html", lessons=tuple(LESSONS), examples=example_run.EXAMPLES, longest=LONGEST)


def script() -> str:
    """The component's JavaScript: arithmetic, builders, then each lesson in a function of its own."""
    shared = [(FOLDER / name).read_text(encoding="utf-8") for name in ("formulas.js", "board.js")]
    own = [
        f"{{\nconst stage = element.querySelector('#{name} .stage')\n{file.read_text(encoding='utf-8')}\n}}"
        for name, file in LESSONS.items()
    ]
    return "\n".join([*shared, *own, (FOLDER / "open.js").read_text(encoding="utf-8")])


def words() -> dict[str, str]:
    """The words of the lessons, for the browser, by key without "learn."."""
    keys = [key.removeprefix("learn.") for key in table(ENGLISH) if key.startswith("learn.")]
    return {key: translate(f"learn.{key}") for key in keys}


def rules() -> list[dict[str, Any]]:
    """The augmentation rules on the shelf, with the rates that a run starts from."""
    rates = next(knob.default for knob in core.knobs() if knob.name == "rules")
    return [
        {"name": rule.name, "label": rule_name(rule.name), "help": rule.help, "rate": rates.get(rule.name, 0.0)}
        for rule in components("augment")
    ]


def opened(request: gr.Request) -> dict[str, Any]:
    """The values that the page opens with: who plays teacher and student, a sentence for them, and a run's figures. The
    models are loaded when the page then asks for its sentence to be read."""
    wanted = str(request.query_params.get("run") or "")[:64]
    try:
        run = example_run.run(wanted)
        text = example_run.text(run)
    except UserError as error:
        return {"fault": {"text": translate_message(error)}}
    pair = len(text) == 2
    name = core.run(run).name if run else ""
    who = (
        translate("learn.who.run", name=name)
        if wanted
        else translate("learn.who.own", name=name)
        if run
        else translate("learn.who")
    )
    cast = {"run": run, "pair": pair, "other": bool(wanted), "text": list(text), "words": who}
    example = example_run.figures(run)
    return {"cast": cast, **({"example": example} if example else {})}


def read_text(event: gr.EventData) -> dict[str, Any]:
    """The sentence (or pair) read by teacher and student."""
    run, text = _question(event)
    return _read(run, text)


def read_pair(event: gr.EventData) -> dict[str, Any]:
    """Two sentences read by a siamese student."""
    _, text = _question(event)
    try:
        reading = core.activations(example_run.pair_run(), text if len(text) == 2 else (text[0], ""))
        return {"pair": {**reading, "meeting": _meeting(reading)}}
    except UserError as error:
        return {"pair": {"fault": translate_message(error)}}


def read_layers(event: gr.EventData) -> dict[str, Any]:
    """The sentence (or pair) read by the teacher and by a student that is cut from it."""
    run, text = _question(event)
    chosen = str(getattr(event, "layers", None) or "first_last")[:20]
    try:
        return {"layers": core.layers(run, text if len(text) == 2 else text[0], chosen)}
    except UserError as error:
        return {"layers": {"fault": translate_message(error)}}


def vary(event: gr.EventData) -> dict[str, Any]:
    """A sentence's offspring at the rates asked for, and what the teacher says to each."""
    run, text = _question(event)
    requested_rates, names = getattr(event, "rates", None), {rule.name for rule in core.components("augment")}
    requested_rates = requested_rates if isinstance(requested_rates, Mapping) else {}
    rates = {name: _rate(rate) for name, rate in requested_rates.items() if name in names}
    seed = getattr(event, "seed", 0)
    seed = seed if type(seed) is int and 0 <= seed < 2**31 else 0
    try:
        config = example_run.config(run).model_copy(update={"rules": rates})
        preview = core.preview(config, text if len(text) == 2 else text[0], OFFSPRING, seed=seed)
    except UserError as error:
        return {"offspring": {"fault": translate_message(error)}}
    before = SIDES.join(preview["text"])
    texts = [{"html": escape(before), "rules": translate("augment.original"), "said": preview.get("probabilities")}]
    for child in (*preview["offspring"], *preview.get("near", ())[:NEAR]):
        html = diff(before, SIDES.join(child["text"]))
        texts.append(
            {"html": html, "rules": ", ".join(map(rule_name, child["rules"])), "said": child.get("probabilities")}
        )
    return {"offspring": {"texts": texts}}


def _read(run: str | None, text: tuple[str, ...]) -> dict[str, Any]:
    try:
        reading = core.activations(run, text if len(text) == 2 else text[0])
    except UserError as error:
        return {"fault": {"text": translate_message(error)}}
    if reading["teacher"]:  # a folder's name, not where it stands on this machine
        name = reading["teacher"]["name"]
        own = "teacher.builtin" if name == "builtin" else "learn.kept" if name.startswith("kept:") else ""
        reading["teacher"]["name"] = translate(own) if own else Path(name).name
    return {"reading": {**reading, "meeting": _meeting(reading)}, "fault": {"text": ""}}


def _meeting(reading: Reading) -> str:
    """The drawing of the words that meet, "" where the student reads its sentences one by one."""
    student = reading["student"]
    if not student["alignment"]:
        return ""
    pieces = [[piece["text"] for piece in side["pieces"]] for side in student["sides"]]
    return alignment({"pieces": pieces, "weights": student["alignment"]})


def _question(event: gr.EventData) -> tuple[str | None, tuple[str, ...]]:
    """Run and text of an event. Anyone may send anything: whatever it is, it becomes text."""
    run, text, text2 = (str(getattr(event, name, None) or "")[:LONGEST] for name in ("run", "text", "text2"))
    return run[:64] or None, (text, text2) if text2.strip() else (text,)


def _rate(value: Any) -> float:
    good = isinstance(value, int | float) and math.isfinite(value)
    return min(1.0, max(0.0, float(value))) if good else 0.0
