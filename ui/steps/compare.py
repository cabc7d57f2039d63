"""Step five: the four rows, both models on a typed text, where they differ, and the student to take away."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import gradio as gr

import distill_core as core
from distill_core import ENDED, ROWS, Run, UserError
from ui.show import (
    bars,
    chance,
    confusion,
    count,
    esc,
    latency,
    millions,
    note,
    percent,
    size,
    split,
    table,
    times,
    why,
)
from ui.words import say

SIDES = " | "  # between the two sentences of a pair
SHOWN = 50  # differing rows shown at once
# which row was clicked: the rows are HTML made on the server, all of their texts escaped
PICK_JS = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-row]')
  if (button) trigger('pick', { row: Number(button.dataset.row) })
})
"""
ROUGH = 100  # fewer scored rows than this are called few
CHANCE = 0.05  # a p-value below this is called more than chance
SPLIT = ("both", "only_teacher", "only_student", "neither")
WHO = ("any", "only_teacher", "only_student", "neither")


@dataclass(frozen=True)
class Compare:
    """The parts that change with the run."""

    about: gr.HTML
    answers: gr.Column
    text: gr.Textbox
    text2: gr.Textbox
    ask: gr.Button
    answer: gr.HTML
    who: gr.Radio
    differ: gr.HTML
    download: gr.Button
    file: gr.DownloadButton
    message: gr.HTML

    @property
    def shown(self) -> list[Any]:
        """What `show` fills, in its order."""
        return [self.about, self.answers, self.text2, self.answer, self.message, self.differ, self.who]


def build() -> Compare:
    """Lays the step out."""
    gr.HTML(why(say("compare.why")))
    about = gr.HTML(f'<div class="card empty">{esc(say("compare.none"))}</div>', elem_id="comparison")
    with gr.Column(visible=False, elem_id="try") as answers:
        with gr.Row():
            with gr.Column(min_width=300):
                text = gr.Textbox(label=say("compare.text"), lines=3, interactive=True, elem_id="try-text")
                text2 = gr.Textbox(label=say("compare.text2"), lines=2, visible=False, interactive=True)
                ask = gr.Button(say("compare.ask"), variant="primary", elem_id="ask-both", elem_classes="act-here")
            with gr.Column(min_width=300):
                answer = gr.HTML(elem_id="both")
        message = gr.HTML()
        with gr.Row(elem_classes="actions"):
            download = gr.Button(say("compare.download"), elem_id="download")
            gr.HTML(f'<p class="hint">{esc(say("compare.download.info"))}</p>')
        file = gr.DownloadButton(visible="hidden", elem_id="dl")
    with gr.Column(elem_id="differ"):
        who = gr.Radio(
            [(say(f"compare.{name}"), name) for name in WHO],
            value="any",
            label=say("compare.differ"),
            info=say("compare.differ.info"),
            interactive=True,
            visible=False,
        )
        differ = gr.HTML(visible=False, js_on_load=PICK_JS, elem_id="differ-rows")
    return Compare(about, answers, text, text2, ask, answer, who, differ, download, file, message)


def wire(step: Compare, live: gr.HTML) -> None:
    """Connects the step. Loading and asking models is the heavy part: one at a time."""
    quick = {"queue": False, "api_visibility": "private", "show_progress": "hidden"}
    step.who.input(differing, [live, step.who], step.differ, **quick)
    step.differ.pick(_load_row, [live, step.who], [step.text, step.text2], **quick)
    heavy = {"concurrency_id": "cpu", "concurrency_limit": 1, "api_visibility": "private", "show_progress": "minimal"}
    gr.on([step.ask.click, step.text.submit], ask, [live, step.text, step.text2], step.answer, **heavy)
    step.download.click(export, live, [step.file, step.message], **heavy).success(
        None,
        None,
        None,
        api_visibility="private",
        js="() => setTimeout(() => document.querySelector('#dl a, #dl button, a#dl, button#dl')?.click(), 100)",
    )


def show(run: str) -> tuple[Any, ...]:
    """The whole step for a run, in the order of `Compare.shown`."""
    hidden = gr.Column(visible=False), gr.skip(), "", "", gr.HTML(visible=False), gr.Radio(visible=False)
    try:
        found = core.run(run) if run else None
    except UserError as error:
        return note(str(error), "error"), *hidden
    row = found.row if found else None
    if row is None or row.summary is None:
        words = "compare.none" if row is None or row.status in ENDED else "compare.running"
        return f'<div class="card empty">{esc(say(words))}</div>', *hidden
    about = f'<div class="card">{sentence(row.summary)}{rows(row.summary)}{apart(row.summary)}</div>'
    if row.example:
        about += note(say("compare.example"))
    empty = f'<div class="card empty">{esc(say("compare.ask.empty"))}</div>'
    return (
        about,
        gr.Column(visible=not row.example),
        gr.Textbox(visible=_pair(found)),
        empty,
        "",
        gr.HTML(differing(run, "any"), visible=not row.example),
        gr.Radio(visible=not row.example, value="any"),
    )


def _pair(run: Run) -> bool:
    """Whether its texts are pairs."""
    return any(len(row["text"]) == 2 for row in islice(run.texts(), 1))


def sentence(summary: Mapping[str, Any]) -> str:
    """The comparison in words, made from the four rows alone."""
    scores = summary["scores"]
    student, teacher = scores["student"], scores["teacher"]
    tested = (summary.get("rows") or {}).get("test")
    scored = say("compare.scored", n=count(tested), split=summary.get("scored_on", "test")) if tested else ""
    bytes_, speed = teacher["bytes"] / student["bytes"], teacher["latency_ms"] / student["latency_ms"]
    kept = f"<b>{percent(summary['kept'])}</b>"
    if bytes_ >= 1 and speed >= 1:
        told = say(
            "compare.smaller",
            size=f"<b>{times(bytes_)}</b>",
            speed=f"<b>{times(speed)}</b>",
            kept=kept,
            scored=esc(scored),
        )
    else:
        told = say("compare.bigger", size=times(1 / bytes_), speed=times(1 / speed), kept=kept, scored=esc(scored))
    if "control" in scores:
        if scores["control"]["accuracy"] <= teacher["accuracy"]:
            told += " " + say("compare.control", kept=percent(scores["control"]["accuracy"] / teacher["accuracy"]))
        gap = summary.get("gap_recovered")
        key = "compare.gap.none" if gap is None else "compare.gap" if gap > 0 else "compare.gap.negative"
        told += " " + say(key, gap=percent(gap, 0))
    if "floor" in scores and scores["floor"]["accuracy"] >= student["accuracy"]:
        told += " " + say("compare.floor")
    rough = note(say("compare.rough", n=tested), "warning") if tested and tested < ROUGH else ""
    return f'<p class="headline">{told}</p>{rough}'


def rows(summary: Mapping[str, Any]) -> str:
    """The four rows as a table."""
    head = [
        say(f"compare.{key}")
        for key in ("model", "accuracy", "interval", "f1", "parameters", "bytes", "latency", "throughput")
    ]
    there = [row for row in ROWS if row in summary["scores"]]
    body = []
    for row in there:
        s = summary["scores"][row]
        body.append(
            [
                f"{esc(say(f'row.{row}'))}<small>{esc(say(f'row.{row}.help'))}</small>",
                percent(s["accuracy"]),
                f"{percent(s['low'])} – {percent(s['high'])}",
                percent(s["macro_f1"]),
                millions(s["parameters"]),
                size(s["bytes"]),
                latency(s["latency_ms"]),
                count(s["texts_per_s"]),
            ]
        )
    made = table(head, body, say("step.compare"), there, kind="cards")
    return f'{made}<p class="hint">{esc(say("compare.caption"))}</p>'


def apart(summary: Mapping[str, Any]) -> str:
    """Whether the differences are more than chance, who is right where, and what is mistaken for what. A run from
    before these were kept shows those it has."""
    html = f"<p>{esc(told)}</p>" if (told := chances(summary.get("mcnemar") or {})) else ""
    if found := summary.get("split"):
        names = {key: say(f"compare.split.{key}") for key in SPLIT}
        html += f"<h2>{esc(say('compare.split'))}</h2>{split({key: found[key] for key in SPLIT}, names)}"
    counts, labels = summary.get("confusion") or {}, summary.get("labels")
    if labels and (there := [row for row in ("student", "teacher") if row in counts]):
        what = say("compare.confusion")
        tables = "".join(
            f"<section><h3>{esc(name)}</h3>{confusion(counts[row], labels, row, f'{what}: {name}')}</section>"
            for row in there
            for name in [say(f"row.{row}")]
        )
        html += (
            f'<details class="more"><summary>{esc(what)}</summary>'
            f'<p class="hint">{esc(say("compare.confusion.caption"))}</p><div class="sides">{tables}</div></details>'
        )
    return f'<div class="apart">{html}</div>' if html else ""


def chances(p: Mapping[str, float]) -> str:
    """What McNemar's test says of the student against the control and the teacher, in words."""
    told, known = [], {row: value < CHANCE for row, value in p.items()}
    if "control" in known:
        told.append(
            say("compare.apart.control" if known["control"] else "compare.alike.control", p=chance(p["control"]))
        )
    if "teacher" in known:
        far = "compare.apart.teacher" if known.get("control") else "compare.apart.only"
        told.append(say(far if known["teacher"] else "compare.alike.teacher", p=chance(p["teacher"])))
    return " ".join(told)


def differing(run: str, who: str) -> str:
    """The rows on which student and teacher differ, filtered by who is right."""
    try:
        found = _differing(core.run(run), who)
    except UserError as error:
        return note(str(error), "error")
    if not found:
        return note(say("compare.differ.none"))
    head = [say("task.text"), say("compare.truth"), say("row.student"), say("row.teacher")]
    body = [
        [
            f'<button type="button" data-row="{index}">{esc(SIDES.join(row["text"]))}</button>',
            esc(row["label"]),
            *(f"{esc(_said(row, name))} {percent(max(row[name].values()), 0)}" for name in ("student", "teacher")),
        ]
        for index, row in enumerate(found)
    ]
    return f'<div class="card differ-rows">{table(head, body, say("compare.differ"), kind="texts cards")}</div>'


def _differing(run: Run, who: str) -> list[dict[str, Any]]:
    return list(islice((row for row in run.texts() if _differs(row) and who in ("any", _right(row))), SHOWN))


def _said(row: Mapping[str, Any], name: str) -> str:
    return max(row[name], key=lambda label: row[name][label])


def _differs(row: Mapping[str, Any]) -> bool:
    return _said(row, "student") != _said(row, "teacher")


def _right(row: Mapping[str, Any]) -> str:
    """Which of two that differ is right, as one of WHO."""
    right = [name for name in ("student", "teacher") if _said(row, name) == row["label"]]
    return f"only_{right[0]}" if right else "neither"


def _load_row(run: str, who: str, event: gr.EventData) -> tuple[str, str]:
    index = getattr(event, "row", None)
    try:
        found = _differing(core.run(run), who)
    except UserError:
        found = []
    text = found[index]["text"] if type(index) is int and 0 <= index < len(found) else [""]
    return text[0], text[1] if len(text) > 1 else ""


def ask(run: str, text: str, text2: str) -> str:
    """Both models' answers to a typed text, with both latencies."""
    try:
        said = core.ask(run, (text, text2) if _pair(core.run(run)) else text)
    except UserError as error:
        return note(str(error), "error")
    cards = "".join(_answer(who, said[who], said["ms"][who]) for who in ("student", "teacher") if who in said)
    return f'<div class="card both" role="status">{cards}</div>'


def _answer(who: str, said: Mapping[str, float], milliseconds: float) -> str:
    chip = f'<span class="chip">{latency(milliseconds)}</span>'
    return f"<section><h2>{esc(say(f'row.{who}'))} {chip}</h2>{bars(said, who)}</section>"


def export(run: str) -> Iterator[tuple[Any, str]]:
    """The student as a zip, for the hidden download button. Gradio copies what is handed out into its own cache, which
    it sweeps; what was made for it is gone when the handler ends."""
    with tempfile.TemporaryDirectory(prefix="stillroom-") as place:
        try:
            folder = Path(place) / "student"
            core.export(run, folder)
            name = shutil.make_archive(str(Path(place) / f"student-{run[:8]}"), "zip", place, "student")
        except UserError as error:
            raise gr.Error(esc(error), print_exception=False) from error
        yield gr.DownloadButton(value=name), ""
