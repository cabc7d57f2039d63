"""Step five: the rows side by side, both models on a typed text, where they differ, a file's answers, and what there
is to take away. Only layout and wiring; what is shown is made in ui/comparison.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.blocks import Block
from markupsafe import escape

import distill_core as core
from distill_core import ENDED, DoubtfulRow, ExportedRow, Run, Summary, UserError

from ..access import public_host
from ..comparison import disagreements, predictions
from ..comparison.analysis import analysis
from ..comparison.deferral import promises
from ..comparison.headline import PLACES_JS, headline
from ..comparison.plots import figures, plots
from ..comparison.predictions import PREVIEW, preview_answers
from ..comparison.score_table import score_table
from ..comparison.takeaway import describe_page, describe_zip, page_of, takeaways, zip_of
from ..components.alignment import alignment
from ..components.events import BROWSER, DOWNLOAD_JS, HEAVY, QUICK, Changes, last
from ..components.formatting import percent
from ..components.html import note, why
from ..i18n.names import translate_message
from ..i18n.translate import translate
from .pieces import card, empty_card, hint, title

OPTIONAL: dict[str, ExportedRow] = {  # not every run has them
    "download_control": "control", "download_floor": "floor", "download_floor_html": "floor",
}  # fmt: skip
COPY_JS = """(run) => {
  const at = new URL(location)
  at.search = new URLSearchParams({ run })
  const button = document.querySelector('#copy-link')
  window.stillroomCopy(at.href, button, '%s')
}"""
# a row that is clicked stands far below the place where it is tried
TRY_JS = (
    "(run) => { document.querySelector('#try').scrollIntoView({ block: 'start', behavior: 'smooth' }); return run }"
)
# the form stands on the same page, but filling it is a matter of a fresh one: nothing of the last run may stick to it
AGAIN_JS = "(run) => { const at = new URL(location); at.search = new URLSearchParams({ from: run }); location = at }"


@dataclass(frozen=True)
class Compare:
    """The parts of the step, and what becomes of them."""

    about: gr.HTML
    pictures: gr.HTML
    closer: gr.HTML
    answers: gr.Column
    text: gr.Textbox
    text2: gr.Textbox
    ask: gr.Button
    answer: gr.HTML
    meeting: gr.HTML
    who: gr.Radio
    search: gr.Textbox
    shown: gr.Number
    differing: gr.Column
    differ: gr.HTML
    more: gr.Button
    file: gr.File
    columns: list[gr.Dropdown]
    defer: gr.Dropdown
    predicted: gr.HTML
    save: gr.Button
    takeaway: gr.Column
    taken: gr.HTML
    buttons: dict[str, gr.Button]
    handed: gr.DownloadButton
    message: gr.HTML

    @property
    def filled(self) -> list[Block]:
        """The parts that `show` fills."""
        return [
            self.about, self.pictures, self.closer, self.answers, self.text2, self.answer, self.meeting, self.message,
            self.differing, self.who, self.search, self.shown, self.differ, self.more, self.predicted, self.takeaway,
            self.taken,
            *(self.buttons[name] for name in OPTIONAL), self.defer,
        ]  # fmt: skip

    def show(self, run: str) -> Changes:
        """The whole step for a run."""
        try:
            shown_run = core.run(run) if run else None
        except UserError as error:
            return self._cleared(note(translate_message(error), "error"))
        row = shown_run.row if shown_run else None
        if shown_run is None or row is None or row.summary is None:
            over = row is None or row.status in ENDED
            return self._cleared(empty_card(translate("compare.none" if over else "compare.running")))
        about = card(headline(row.summary, "" if row.example else shown_run.id) + score_table(row.summary))
        if row.example:
            about += note(translate("compare.example"))
        closer = analysis(row.summary, shown_run.doubtful_rows())
        own = not row.example
        changes: Changes = {
            self.pictures: figures(row.summary),
            self.closer: card(closer) if closer else "",
            self.text2: gr.Textbox(visible=_pair(shown_run)),
            self.answer: empty_card(translate("compare.ask.empty")),
            **{part: gr.Column(visible=own) for part in (self.answers, self.differing, self.takeaway)},
            **{self.buttons[name]: gr.Button(visible=shown_run.has_model(of)) for name, of in OPTIONAL.items()},
            self.defer: _answerers(row.summary),
            self.taken: takeaways(shown_run.id),
        }
        return self._cleared(about) | changes | (self.list_differing(run, "any") if own else {})

    def _cleared(self, about: str) -> Changes:
        """The step that shows no run, but what is told about it."""
        return {
            self.about: about,
            **dict.fromkeys(
                (
                    self.pictures,
                    self.closer,
                    self.answer,
                    self.meeting,
                    self.message,
                    self.differ,
                    self.predicted,
                    self.taken,
                ),
                "",
            ),
            **dict.fromkeys((self.answers, self.differing, self.takeaway), gr.Column(visible=False)),
            self.text2: gr.skip(),  # hidden with `answers`
            self.who: gr.Radio(value="any"),
            self.search: gr.Textbox(value=""),
            self.shown: disagreements.PAGE,
            self.more: gr.Button(visible=False),
            **dict.fromkeys((self.defer, *(self.buttons[name] for name in OPTIONAL)), gr.skip()),  # in `takeaway`
        }

    def list_differing(self, run: str, who: str, words: str = "", shown: float = disagreements.PAGE) -> Changes:
        """The rows where the two models differ, as far as they are asked for."""
        html, more = disagreements.differing(run, who, words, shown)
        return {self.differ: html, self.more: gr.Button(visible=more)}

    def pick(self, run: str, event: gr.EventData) -> Changes:
        """A row that was clicked, as the text to ask."""
        text = disagreements.picked(run, getattr(event, "row", None))
        return {self.text: text[0], self.text2: text[1] if len(text) > 1 else ""}

    def try_both(self, run: str, text: str, text2: str) -> Changes:
        """Both models' answers to a typed text, with both latencies, and how the student aligned a pair."""
        try:
            sides = (text, text2) if _pair(core.run(run)) else text
            answers, read = core.ask(run, sides), core.alignment(run, sides)
        except UserError as error:
            return {self.answer: note(translate_message(error), "error"), self.meeting: ""}
        return {self.answer: predictions.answers(answers), self.meeting: card(alignment(read)) if read else ""}

    def choose_columns(self, run: str, file: str | None) -> Changes:
        """The two column choices for a dropped file, the guess taken; a .txt has none."""
        text, text2 = self.columns
        changes: Changes = dict.fromkeys(self.columns, gr.Dropdown(choices=[], value=None, visible=False))
        if not file:
            return changes | {self.predicted: ""}
        try:
            names, guess = core.text_columns(run, file)
        except UserError as error:
            return changes | {self.predicted: note(translate_message(error), "error")}
        first, second = (tuple(guess) + (None, None))[:2]
        pair = _pair(core.run(run))
        return {
            text: gr.Dropdown(choices=names, value=first, visible=bool(names)),
            text2: gr.Dropdown(choices=names, value=second, visible=bool(names) and pair),
            self.predicted: "",
        }

    def predict(
        self, run: str, file: str | None, text: str | None, text2: str | None, defer: float | None = None
    ) -> Changes:
        """The first answers to a file's texts, and whether they can be saved."""
        if not file:
            return {self.predicted: "", self.save: gr.Button(visible=False)}
        try:
            # the teacher takes long for each row, so that with it only those on view are answered
            most = PREVIEW if defer else None
            answers = core.predict_file(run, file, text or None, text2 or None, defer or None, most)
            html = preview_answers(answers, all_of_them=most is None)
        except UserError as error:
            return {self.predicted: note(translate_message(error), "error"), self.save: gr.Button(visible=False)}
        return {self.predicted: html, self.save: gr.Button(visible=True)}

    def export(self, run: str) -> Iterator[Changes]:
        """The student as a zip, for the hidden download button."""
        yield from self._hand_out(partial(zip_of, run, "student"), partial(describe_zip, row="student"))

    def export_html(self, run: str) -> Iterator[Changes]:
        """The student as one HTML file."""
        yield from self._hand_out(partial(page_of, run, "student"), describe_page)

    def export_control(self, run: str) -> Iterator[Changes]:
        """The control as a zip."""
        yield from self._hand_out(partial(zip_of, run, "control"), partial(describe_zip, row="control"))

    def export_floor(self, run: str) -> Iterator[Changes]:
        """The baseline as a zip."""
        yield from self._hand_out(partial(zip_of, run, "floor"), partial(describe_zip, row="floor"))

    def export_floor_html(self, run: str) -> Iterator[Changes]:
        """The baseline as one HTML file."""
        yield from self._hand_out(partial(page_of, run, "floor"), describe_page)

    def scored(self, run: str) -> Iterator[Changes]:
        """The scored rows with everyone's answers, as CSV."""

        def write(place: Path) -> str:
            core.save_scored(run, place / f"rows-{run[:8]}.csv")
            return str(place / f"rows-{run[:8]}.csv")

        yield from self._hand_out(write)

    def doubtful(self, run: str) -> Iterator[Changes]:
        """The labels to look at, as CSV."""
        yield from self._save_doubtful("labels", run, lambda: core.run(run).doubtful_rows())

    def contradicted(self, run: str, words: str) -> Iterator[Changes]:
        """The scored rows with these words on which student and teacher agree against the label, as CSV."""
        yield from self._save_doubtful("test-labels", run, lambda: disagreements.doubtful(run, words))

    def _save_doubtful(self, name: str, run: str, rows: Callable[[], list[DoubtfulRow]]) -> Iterator[Changes]:
        def write(place: Path) -> str:
            core.save_doubtful(rows(), place / f"{name}-{run[:8]}.csv")
            return str(place / f"{name}-{run[:8]}.csv")

        yield from self._hand_out(write)

    def packed(self, run: str) -> Iterator[Changes]:
        """The whole run as one file."""
        yield from self._hand_out(lambda place: str(core.export_run(run, place / f"run-{run[:8]}.zip")))

    def predictions(
        self, run: str, file: str | None, text: str | None, text2: str | None, defer: float | None = None
    ) -> Iterator[Changes]:
        """A file's texts with the student's answers, as CSV."""

        def write(place: Path) -> str:
            if not file:
                raise UserError(translate("compare.file.none"))
            out = place / f"{Path(file).stem}-predictions.csv"
            core.save_predictions(run, file, out, text or None, text2 or None, defer or None)
            return str(out)

        yield from self._hand_out(write)

    def _hand_out(
        self, write: Callable[[Path], str], describe: Callable[[Path], str] = lambda file: ""
    ) -> Iterator[Changes]:
        """Hands out the file that `write` puts into a folder that is gone when the handler ends, and says of it what
        `describe` says. Gradio copies what is handed out into its own cache, which it sweeps."""
        with core.temporary_folder() as place:
            try:
                name = write(place)
            except UserError as error:
                raise gr.Error(escape(translate_message(error)), print_exception=False) from error
            yield {self.handed: gr.DownloadButton(value=name), self.message: describe(Path(name))}


def build() -> Compare:
    """Lays the step out."""
    gr.HTML(why(translate("compare.why"), "compare"))
    about = gr.HTML(empty_card(translate("compare.none")), js_on_load=PLACES_JS, elem_id="comparison")
    pictures = plots(elem_id="plots")
    with gr.Column(visible=False, elem_id="try") as answers:
        gr.HTML(title(translate("compare.try")))
        with gr.Row():
            with gr.Column(min_width=300):
                text = gr.Textbox(label=translate("compare.text"), lines=3, interactive=True, elem_id="try-text")
                text2 = gr.Textbox(label=translate("compare.text2"), lines=2, visible=False, interactive=True)
                ask = gr.Button(
                    translate("compare.ask"), variant="primary", elem_id="ask-both", elem_classes="act-here"
                )
            with gr.Column(min_width=300):
                answer = gr.HTML(elem_id="both")
        meeting = gr.HTML(elem_id="meeting")
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
        differ = gr.HTML(js_on_load=disagreements.PICK_JS + disagreements.SAVE_JS, elem_id="differ-rows")
        more = gr.Button(translate("history.more"), visible=False, elem_id="differ-more", elem_classes="act-here")
        shown = gr.Number(disagreements.PAGE, visible=False)
    closer = gr.HTML(js_on_load=disagreements.SAVE_JS, elem_id="closer")
    with gr.Column(visible=False, elem_id="takeaway") as takeaway:
        with gr.Accordion(translate("compare.file"), open=False, elem_id="predict-file"):
            gr.HTML(hint(translate("compare.file.info")))
            with gr.Row():
                file = gr.File(
                    label=translate("compare.file.drop"),
                    file_types=[".csv", ".tsv", ".jsonl", ".json", ".xlsx", ".parquet", ".txt"],
                    elem_id="predict-drop",
                )
                with gr.Column(min_width=240):
                    columns = [
                        gr.Dropdown([], label=translate(key), visible=False, interactive=True)
                        for key in ("compare.file.column", "compare.file.column2")
                    ]
                    defer = gr.Dropdown(
                        label=translate("compare.file.defer"),
                        info=translate("compare.file.defer.info"),
                        visible=False,
                        interactive=True,
                        elem_id="predict-defer",
                    )
                    save = gr.Button(translate("compare.file.save"), visible=False, elem_id="save-predictions")
            predicted = gr.HTML(elem_id="predicted")
        gr.HTML(title(translate("compare.take")))
        with gr.Row(elem_classes="actions"):
            buttons = {
                name: gr.Button(translate(f"compare.{name}"), elem_id=elem_id)
                for name, elem_id in (
                    ("download", "download"),
                    ("download_html", "download-html"),
                    ("download_control", "download-control"),
                    ("download_floor", "download-floor"),
                    ("download_floor_html", "download-floor-html"),
                    ("scored_rows", "download-rows"),
                    ("pack", "download-run"),
                    ("copy", "copy-link"),
                    ("again", "run-again"),
                )
            }
        taken = gr.HTML(elem_id="takeaways")
    message = gr.HTML()
    handed = gr.DownloadButton(visible="hidden", elem_id="dl")
    return Compare(
        about=about, pictures=pictures, closer=closer, answers=answers, text=text, text2=text2, ask=ask, answer=answer,
        meeting=meeting,
        who=who, search=search, shown=shown, differing=differing, differ=differ, more=more, file=file, columns=columns,
        defer=defer,
        predicted=predicted, save=save, takeaway=takeaway, taken=taken, buttons=buttons, handed=handed, message=message,
    )  # fmt: skip


def wire(step: Compare, live: gr.HTML) -> None:
    """Connects the step. Loading and asking models is the heavy part: one at a time."""
    asked: list[Block] = [live, step.file, *step.columns, step.defer]
    view, parts = [live, step.who, step.search, step.shown], [step.differ, step.more]
    gr.on([step.who.input, step.search.change], lambda: disagreements.PAGE, None, step.shown, **QUICK).then(
        step.list_differing, view, parts, **last(QUICK)
    )
    step.more.click(lambda shown: shown + disagreements.PAGE, step.shown, step.shown, **QUICK).then(
        step.list_differing, view, parts, **QUICK
    )
    asking, told = [live, step.text, step.text2], [step.answer, step.meeting]
    step.differ.pick(step.pick, live, [step.text, step.text2], js=TRY_JS, **QUICK).then(
        step.try_both, asking, told, **HEAVY
    )
    gr.on([step.ask.click, step.text.submit], step.try_both, asking, told, **last(HEAVY))
    step.file.change(step.choose_columns, [live, step.file], [*step.columns, step.predicted], **QUICK).then(
        step.predict, asked, [step.predicted, step.save], **last(HEAVY)
    )
    gr.on(
        [part.input for part in (*step.columns, step.defer)],
        step.predict,
        asked,
        [step.predicted, step.save],
        **last(HEAVY),
    )
    hand_outs: list[tuple[Callable[..., Any], Callable[..., Iterator[Changes]], Sequence[Block]]] = [
        (step.buttons["download"].click, step.export, [live]),
        (step.buttons["download_html"].click, step.export_html, [live]),
        (step.buttons["download_control"].click, step.export_control, [live]),
        (step.buttons["download_floor"].click, step.export_floor, [live]),
        (step.buttons["download_floor_html"].click, step.export_floor_html, [live]),
        (step.buttons["scored_rows"].click, step.scored, [live]),
        (step.buttons["pack"].click, step.packed, [live]),
        (step.save.click, step.predictions, asked),
        (step.closer.save, step.doubtful, [live]),
        (step.differ.save, step.contradicted, [live, step.search]),
    ]
    for on, make, inputs in hand_outs:
        on(make, inputs, [step.handed, step.message], **HEAVY).success(
            None, step.handed, None, js=DOWNLOAD_JS, **BROWSER
        )
    copied = translate("live.copied").replace("'", "’")
    step.buttons["copy"].click(None, live, None, js=COPY_JS % copied, **BROWSER)
    step.buttons["again"].click(None, live, None, js=AGAIN_JS, **BROWSER)


def _answerers(summary: Summary) -> gr.Dropdown:
    """The choice of who answers a file, where the validation rows were enough to promise anything. On a public host all
    wait for whoever computes, so that a teacher answers no files there."""
    deferral = None if public_host.public() else summary.get("deferral")
    levels = [level["wanted"] for level in promises(deferral)] if deferral else []
    choices: list[tuple[str, float]] = [(translate("compare.file.defer.none"), 0.0)]
    choices += [(translate("compare.file.defer.share", share=percent(share, 0)), share) for share in levels]
    return gr.Dropdown(choices=choices, value=0.0, visible=bool(levels))


def _pair(run: Run) -> bool:
    """Whether a run's texts are pairs."""
    return any(len(row["text"]) == 2 for row in islice(run.texts(), 1))
