"""The header of every page, with its links, and the title and icon of the document."""

from pathlib import Path

import gradio as gr
from markupsafe import Markup

import distill_core as core
from distill_core import UserError

from ..access import public_host
from ..i18n.translate import LANGUAGES, language, table, translate
from .templates import render

PAGES = (("", "new_run"), ("learn", "learn"), ("history", "history"))  # address and word of each link in the header
ICON = Path(__file__).with_name("icon.svg").read_text(encoding="utf-8").strip()
MARK = Markup(ICON.replace("<svg ", '<svg class="mark" aria-hidden="true" ', 1))
# The document is called what the header says; the header changes with the run that is shown.
TITLE_JS = """
const name = () => { document.title = element.querySelector('header')?.dataset.title ?? document.title }
name(); watch('value', name)
// another language is the same place: the run, the search, the lesson
element.addEventListener('click', (event) => {
  const link = event.target.closest('a.tongue')
  if (!link) return
  const at = new URL(location)
  at.searchParams.set('lang', link.lang)
  link.href = at.href  // whole: the document's base is the app's first page
}, true)
"""


def top(page: str, shown: str = "") -> Markup:
    """The header of the page at that address, with a pill for a run that is going on, unless it is the one that is
    `shown` anyway."""
    return render(
        "components/header.html",
        title=_title(page, shown),
        mark=MARK,
        going=next((run for run in _running() if run.id != shown), None),
        pages=PAGES,
        page=None if shown else page,
        languages=[(one, table(one)["language"]) for one in LANGUAGES if one != language()],
    )


def header(page: str) -> gr.HTML:
    """The header as a component, which also gives the document its title."""
    return gr.HTML(top(page), elem_id="top", js_on_load=TITLE_JS)


def _running() -> list[core.Run]:
    try:
        return [] if public_host.public() else core.list_runs(2, status=("running", "queued", "stopping"))
    except UserError:
        return []


def _title(page: str, shown: str) -> str:
    """The document's title: the run's name or the page's, and the app's."""
    try:
        name = core.run(shown).name if shown else next((translate(word) for to, word in PAGES if to == page and to), "")
    except UserError:
        name = ""
    return f"{name} · {translate('app')}" if name else translate("app")
