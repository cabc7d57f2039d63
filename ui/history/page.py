"""History: every run with its state and scores; filter, sort, overlay, rename, take along. Its own page at /history.

`run_list` lists, `overlay` lays curves over one another, `actions` changes; run_list.js and overlay.js are the page's
side.
"""

from pathlib import Path
from typing import Any

import gradio as gr
from markupsafe import Markup

from distill_core import STATUSES

from ..access import public_host
from ..components.events import BROWSER, DOWNLOAD_JS, HEAVY, Changes
from ..components.html import why
from ..components.templates import render
from ..i18n.translate import translate
from . import actions, overlay, run_list

# what JavaScript says by itself; all else comes from the server in words
WORDS = ("lost", "most", "ticked", "ticked.one", "saved")
LISTED_JS = "() => document.querySelector('#runs .history').dispatchEvent(new Event('wake'))"


def build() -> None:
    """Lays the page out and connects it."""

    def look(question: Any) -> dict[str, Any]:
        return run_list.list_runs(question)

    def act(question: Any) -> dict[str, Any]:
        return actions.act(question)

    def overlaid(question: Any) -> dict[str, Any]:
        return overlay.overlay(question)

    gr.HTML(why(translate("host.private") if public_host.public() else translate("history.why")))
    folder = Path(__file__).parent
    list_ = gr.HTML(
        elem_id="runs",
        html_template=template(),
        js_on_load="".join((folder / name).read_text(encoding="utf-8") for name in ("overlay.js", "run_list.js")),
        server_functions=[look, act, overlaid],
        words={key: translate(f"history.{key}") for key in WORDS} | overlay.words(),
        public=public_host.public(),
    )
    file = gr.File(
        label=translate("history.import"), file_types=[".zip"], interactive=True, height=150, elem_id="import-file"
    )
    message = gr.HTML(elem_id="import-message")
    download = gr.DownloadButton(visible="hidden", elem_id="dl")

    def import_run(dropped: str | None) -> Changes:
        return actions.import_run(dropped, file, message)

    file.upload(import_run, file, [message, file], **HEAVY).then(None, None, None, js=LISTED_JS, **BROWSER)
    list_.take(actions.export_run, None, download, **HEAVY).success(None, download, None, js=DOWNLOAD_JS, **BROWSER)


def template() -> Markup:
    """The page's markup without a run in it."""
    states = [("", translate("history.any")), *((name, translate(f"status.{name}")) for name in STATUSES)]
    orders = [
        (f"{sign}{key}", f"{translate(f'history.{word}')} {arrow}")
        for key, word in run_list.SORTED
        for sign, arrow in (("", "↑"), ("-", "↓"))
    ]
    return render(
        "history/page.html", states=states, orders=orders, columns=run_list.SORTED, curves=tuple(overlay.CURVES)
    )
