"""History: every run with its state and scores; filter, sort, overlay, rename, take along. Its own page at /history.

`rows` lists, `overlay` lays curves over one another, `actions` changes; list.js and overlay.js are the page's side.
"""

from pathlib import Path
from typing import Any

import gradio as gr

from distill_core import STATUSES
from ui.access import public_host
from ui.components.events import BROWSER, HEAVY
from ui.components.html import esc, why
from ui.history import actions, overlay, run_list
from ui.i18n.translate import translate

# what JavaScript says by itself; all else comes from the server in words
WORDS = ("lost", "most", "ticked", "ticked.one", "saved")
DOWNLOAD_JS = "() => setTimeout(() => document.querySelector('#dl a, #dl button, a#dl, button#dl')?.click(), 100)"
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
    here = Path(__file__).parent
    list_ = gr.HTML(
        elem_id="runs",
        html_template=template(),
        js_on_load="".join((here / name).read_text(encoding="utf-8") for name in ("overlay.js", "run_list.js")),
        server_functions=[look, act, overlaid],
        words={key: translate(f"history.{key}") for key in WORDS} | overlay.words(),
        public=public_host.public(),
    )
    file = gr.File(
        label=translate("history.import"), file_types=[".zip"], interactive=True, height=150, elem_id="import-file"
    )
    told = gr.HTML(elem_id="import-message")
    download = gr.DownloadButton(visible="hidden", elem_id="dl")

    file.upload(actions.import_run, file, [told, file], **HEAVY).then(None, None, None, js=LISTED_JS, **BROWSER)
    list_.take(actions.export_run, None, download, **HEAVY).success(None, None, None, js=DOWNLOAD_JS, **BROWSER)


def template() -> str:
    """The page's markup without a run in it."""
    heads = "".join(
        f'<th scope="col"><button type="button" data-sort="{key}">{esc(translate(f"history.{word}"))}</button></th>'
        for key, word in run_list.SORTED
    )
    plain = "".join(f'<th scope="col">{esc(translate(f"history.{word}"))}</th>' for _, word in run_list.SORTED)
    return (
        f'<section class="history"><div class="filters">{_search()}{_choices()}</div>'
        '<p class="told hint" role="status" aria-live="polite"></p>'
        f'{overlay.template()}<div class="card runs"><div class="scroll" tabindex="0" role="region" '
        f'aria-label="{esc(translate("history"))}"><table class="plain cards list"><thead><tr>'
        f'<th scope="col"><span class="unseen">{esc(translate("history.tick"))}</span></th>{heads}'
        f'<th scope="col"><span class="unseen">{esc(translate("history.actions"))}</span></th></tr></thead>'
        f'<tbody></tbody></table></div><p class="empty" hidden></p></div>'
        f'<nav class="pages" aria-label="{esc(translate("history.pages"))}"></nav>'
        f'<details class="examples" hidden><summary>{esc(translate("history.examples"))}</summary>'
        '<div class="card runs">'
        f'<table class="plain cards list"><thead><tr><td></td>{plain}<td></td></tr></thead><tbody></tbody></table>'
        "</div></details>"
        '<div class="dock"><div class="message" role="status"></div>'
        f'<div class="ticked" role="region" aria-label="{esc(translate("history.overlay"))}" hidden><span></span>'
        f'<button type="button" class="main" data-do="overlay">{esc(translate("history.overlay"))}</button>'
        f'<button type="button" data-do="untick">{esc(translate("history.untick"))}</button></div></div></section>'
    )


def _search() -> str:
    label = f"<span>{esc(translate('history.search'))}</span>"
    return f'<label class="q">{label}<input type="search" name="q" maxlength="200"></label>'


def _choices() -> str:
    """The filters, and for a phone, which shows no header to click, the order."""
    states = [("", translate("history.any")), *((name, translate(f"status.{name}")) for name in STATUSES)]
    orders = [
        (f"{sign}{key}", f"{translate(f'history.{word}')} {arrow}")
        for key, word in run_list.SORTED
        for sign, arrow in (("", "↑"), ("-", "↓"))
    ]
    return (
        _select("status", translate("history.state"), states)
        + _select("task", translate("history.task"), [("", translate("history.any.task"))])
        + _select("sort", translate("history.sort"), orders)
    )


def _select(name: str, label: str, options: list[tuple[str, str]]) -> str:
    made = "".join(f'<option value="{esc(value)}">{esc(words)}</option>' for value, words in options)
    return f'<label class="{name}"><span>{esc(label)}</span><select name="{name}">{made}</select></label>'
