"""Step five: the rows side by side, both models on a typed text, where they differ, a file's answers, and what there
is to take away. Only layout and wiring; what is shown is made in ui/comparison.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import gradio as gr

import distill_core as core
from distill_core import ENDED, Run, UserError
from ui.comparison import disagreements
from ui.comparison.analysis import analysis
from ui.comparison.headline import headline
from ui.comparison.plots import figures, plots
from ui.comparison.predictions import answers, preview_answers
from ui.comparison.score_table import score_table
from ui.components.events import BROWSER, HEAVY, QUICK, last
from ui.components.html import esc, note, why
from ui.i18n.names import translate_message
from ui.i18n.translate import translate

DOWNLOAD_JS = "() => setTimeout(() => document.querySelector('#dl a, #dl button, a#dl, button#dl')?.click(), 100)"
COPY_JS = """(run) => {
  const at = new URL(location)
  at.search = new URLSearchParams({ run })
  const button = document.querySelector('#copy-link')
  window.stillroomCopy(at.href, button, '%s')
}"""
# the form stands on the same page, but filling it is a matter of a fresh one: nothing of the last run may stick to it
AGAIN_JS = "(run) => { const at = new URL(location); at.search = new URLSearchParams({ from: run }); location = at }"


@dataclass(frozen=True)
class Compare:
    """The parts that change with the run."""

    about: gr.HTML
    pictures: gr.HTML
    closer: gr.HTML
    answers: gr.Column
    text: gr.Textbox
    text2: gr.Textbox
    ask: gr.Button
    answer: gr.HTML
    who: gr.Radio
    search: gr.Textbox
    shown: gr.Number
    differing: gr.Column
    differ: gr.HTML
    more: gr.Button
    file: gr.File
    columns: list[gr.Dropdown]
    predicted: gr.HTML
    save: gr.Button
    takeaway: gr.Column
    buttons: dict[str, gr.Button]
    handed: gr.DownloadButton
    message: gr.HTML

    @property
    def filled(self) -> list[Any]:
        """What `show` fills, in its order."""
        return [
            self.about,
            self.pictures,
            self.closer,
            self.answers,
            self.text2,
            self.answer,
            self.message,
            self.differing,
            self.who,
            self.search,
            self.shown,
            self.differ,
            self.more,
            self.predicted,
            self.takeaway,
        ]


def build() -> Compare:
    """Lays the step out."""
    gr.HTML(why(translate("compare.why"), "compare"))
    about = gr.HTML(_empty("compare.none"), elem_id="comparison")
    pictures = plots(elem_id="plots")
    with gr.Column(visible=False, elem_id="try") as answers:
        gr.HTML(f'<h2 class="part">{esc(translate("compare.try"))}</h2>')
        with gr.Row():
            with gr.Column(min_width=300):
                text = gr.Textbox(label=translate("compare.text"), lines=3, interactive=True, elem_id="try-text")
                text2 = gr.Textbox(label=translate("compare.text2"), lines=2, visible=False, interactive=True)
                ask = gr.Button(
                    translate("compare.ask"), variant="primary", elem_id="ask-both", elem_classes="act-here"
                )
            with gr.Column(min_width=300):
                answer = gr.HTML(elem_id="both")
    with gr.Column(visible=False, elem_id="differ") as differing:
        with gr.Row():
            who = gr.Radio(
                [(translate(f"compare.{name}"), name) for name in disagreements.WHO],
                value="any",
                label=translate("compare.differ"),
                info=translate("compare.differ.info"),
                interactive=True,
                scale=2,
                min_width=300,
            )
            search = gr.Textbox(
                label=translate("compare.search"), max_lines=1, min_width=240, interactive=True, elem_id="differ-search"
            )
        found = gr.HTML(js_on_load=disagreements.PICK_JS, elem_id="differ-rows")
        more = gr.Button(translate("history.more"), visible=False, elem_id="differ-more", elem_classes="act-here")
        shown = gr.Number(disagreements.PAGE, visible=False)
    closer = gr.HTML(elem_id="closer")
    with gr.Column(visible=False, elem_id="takeaway") as takeaway:
        with gr.Accordion(translate("compare.file"), open=False, elem_id="predict-file"):
            gr.HTML(f'<p class="hint">{esc(translate("compare.file.info"))}</p>')
            with gr.Row():
                file = gr.File(
                    label=translate("compare.file.drop"),
                    file_types=[".csv", ".tsv", ".jsonl", ".parquet", ".txt"],
                    elem_id="predict-drop",
                )
                with gr.Column(min_width=240):
                    columns = [
                        gr.Dropdown([], label=translate(key), visible=False, interactive=True)
                        for key in ("compare.file.column", "compare.file.column2")
                    ]
                    save = gr.Button(translate("compare.file.save"), visible=False, elem_id="save-predictions")
            predicted = gr.HTML(elem_id="predicted")
        gr.HTML(f'<h2 class="part">{esc(translate("compare.take"))}</h2>')
        with gr.Row(elem_classes="actions"):
            buttons = {
                name: gr.Button(translate(f"compare.{name}"), elem_id=elem_id)
                for name, elem_id in (
                    ("download", "download"),
                    ("scored_rows", "download-rows"),
                    ("pack", "download-run"),
                    ("copy", "copy-link"),
                    ("again", "run-again"),
                )
            }
        gr.HTML(f'<p class="hint">{esc(translate("compare.download.info"))}</p>')
    message = gr.HTML()
    handed = gr.DownloadButton(visible="hidden", elem_id="dl")
    return Compare(
        about, pictures, closer, answers, text, text2, ask, answer, who, search, shown, differing, found, more, file,
        columns, predicted, save, takeaway, buttons, handed, message,
    )  # fmt: skip


def wire(step: Compare, live: gr.HTML) -> None:
    """Connects the step. Loading and asking models is the heavy part: one at a time."""
    view, parts = [live, step.who, step.search, step.shown], [step.differ, step.more]
    gr.on([step.who.input, step.search.change], lambda: disagreements.PAGE, None, step.shown, **QUICK).then(
        _differing, view, parts, **last(QUICK)
    )
    step.more.click(lambda shown: shown + disagreements.PAGE, step.shown, step.shown, **QUICK).then(
        _differing, view, parts, **QUICK
    )
    step.differ.pick(_picked, live, [step.text, step.text2], **QUICK)
    gr.on([step.ask.click, step.text.submit], ask, [live, step.text, step.text2], step.answer, **last(HEAVY))
    step.file.change(columns, [live, step.file], [*step.columns, step.predicted], **QUICK).then(
        predict, [live, step.file, *step.columns], [step.predicted, step.save], **last(HEAVY)
    )
    gr.on(
        [column.input for column in step.columns],
        predict,
        [live, step.file, *step.columns],
        [step.predicted, step.save],
        **last(HEAVY),
    )
    for button, make, given in (
        (step.buttons["download"], export, [live]),
        (step.buttons["scored_rows"], scored, [live]),
        (step.buttons["pack"], packed, [live]),
        (step.save, predictions, [live, step.file, *step.columns]),
    ):
        button.click(make, given, [step.handed, step.message], **HEAVY).success(
            None, None, None, js=DOWNLOAD_JS, **BROWSER
        )
    told = translate("live.copied").replace("'", "’")
    step.buttons["copy"].click(None, live, None, js=COPY_JS % told, **BROWSER)
    step.buttons["again"].click(None, live, None, js=AGAIN_JS, **BROWSER)


def show(run: str) -> tuple[Any, ...]:
    """The whole step for a run, in the order of `Compare.filled`."""
    off = gr.Column(visible=False)
    fresh = (gr.Radio(value="any"), gr.Textbox(value=""), disagreements.PAGE)
    hidden = "", "", off, gr.skip(), "", "", off, *fresh, "", gr.Button(visible=False), "", off
    try:
        found = core.run(run) if run else None
    except UserError as error:
        return note(translate_message(error), "error"), *hidden
    row = found.row if found else None
    if found is None or row is None or row.summary is None:
        return _empty("compare.none" if row is None or row.status in ENDED else "compare.running"), *hidden
    about = f'<div class="card">{headline(row.summary)}{score_table(row.summary)}</div>'
    if row.example:
        about += note(translate("compare.example"))
    closer = analysis(row.summary)
    here = not row.example
    table, more = disagreements.differing(run, "any") if here else ("", False)
    return (
        about,
        figures(row.summary),
        f'<div class="card">{closer}</div>' if closer else "",
        gr.Column(visible=here),
        gr.Textbox(visible=_pair(found)),
        _empty("compare.ask.empty"),
        "",
        gr.Column(visible=here),
        *fresh,
        table,
        gr.Button(visible=more),
        "",
        gr.Column(visible=here),
    )


def _empty(key: str) -> str:
    return f'<div class="card empty">{esc(translate(key))}</div>'


def _pair(run: Run) -> bool:
    """Whether its texts are pairs."""
    return any(len(row["text"]) == 2 for row in islice(run.texts(), 1))


def _differing(run: str, who: str, words: str, shown: float) -> tuple[str, Any]:
    html, more = disagreements.differing(run, who, words, shown)
    return html, gr.Button(visible=more)


def _picked(run: str, event: gr.EventData) -> tuple[str, str]:
    text = disagreements.picked(run, getattr(event, "row", None))
    return text[0], text[1] if len(text) > 1 else ""


def ask(run: str, text: str, text2: str) -> str:
    """Both models' answers to a typed text, with both latencies."""
    try:
        return answers(core.ask(run, (text, text2) if _pair(core.run(run)) else text))
    except UserError as error:
        return note(translate_message(error), "error")


def columns(run: str, file: str | None) -> tuple[Any, ...]:
    """The two column choices for a dropped file, the guess taken; a .txt has none."""
    hidden = gr.Dropdown(choices=[], value=None, visible=False)
    if not file:
        return hidden, hidden, ""
    try:
        names, guessed = core.text_columns(run, file)
    except UserError as error:
        return hidden, hidden, note(translate_message(error), "error")
    pair = _pair(core.run(run))
    values = [*guessed, None, None]
    return (
        gr.Dropdown(choices=names, value=values[0], visible=bool(names)),
        gr.Dropdown(choices=names, value=values[1], visible=bool(names) and pair),
        "",
    )


def predict(run: str, file: str | None, text: str | None, text2: str | None) -> tuple[str, Any]:
    """The first answers to a file's texts, and whether they can be saved."""
    if not file:
        return "", gr.Button(visible=False)
    try:
        return preview_answers(core.predict_file(run, file, text or None, text2 or None)), gr.Button(visible=True)
    except UserError as error:
        return note(translate_message(error), "error"), gr.Button(visible=False)


def export(run: str) -> Iterator[tuple[Any, str]]:
    """The student as a zip, for the hidden download button."""

    def make(place: Path) -> str:
        core.export(run, place / "student")
        return shutil.make_archive(str(place / f"student-{run[:8]}"), "zip", place, "student")

    yield from _handed(make)


def scored(run: str) -> Iterator[tuple[Any, str]]:
    """The scored rows with everyone's answers, as CSV."""

    def make(place: Path) -> str:
        core.save_scored(run, place / f"rows-{run[:8]}.csv")
        return str(place / f"rows-{run[:8]}.csv")

    yield from _handed(make)


def packed(run: str) -> Iterator[tuple[Any, str]]:
    """The whole run as one file."""
    yield from _handed(lambda place: str(core.export_run(run, place / f"run-{run[:8]}.zip")))


def predictions(run: str, file: str | None, text: str | None, text2: str | None) -> Iterator[tuple[Any, str]]:
    """A file's texts with the student's answers, as CSV."""

    def make(place: Path) -> str:
        if not file:
            raise UserError(translate("compare.file.none"))
        out = place / f"{Path(file).stem}-predictions.csv"
        core.save_predictions(run, file, out, text or None, text2 or None)
        return str(out)

    yield from _handed(make)


def _handed(make: Callable[[Path], str]) -> Iterator[tuple[Any, str]]:
    """What `make` wrote into a folder that is gone when the handler ends. Gradio copies what is handed out into its own
    cache, which it sweeps."""
    with tempfile.TemporaryDirectory(prefix="stillroom-") as place:
        try:
            name = make(Path(place))
        except UserError as error:
            raise gr.Error(esc(translate_message(error)), print_exception=False) from error
        yield gr.DownloadButton(value=name), ""
