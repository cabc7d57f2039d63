"""What stands round every page: the header with its links, the title and icon of the document, a page for an address
where there is none, and Gradio's own HTML made ours.
"""

from pathlib import Path

import gradio as gr

import distill_core as core
from distill_core import UserError
from ui.access import public_host
from ui.components.html import esc
from ui.i18n.translate import LANGUAGES, language, table, translate

PAGES = (("", "new_run"), ("learn", "learn"), ("history", "history"))  # address and word of each link in the header
ICON = Path(__file__).with_name("icon.svg").read_text(encoding="utf-8").strip()
MARK = ICON.replace("<svg ", '<svg class="mark" aria-hidden="true" ', 1)
SHADES = (
    '<svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true"><circle cx="10" cy="10" r="7.25" fill="none" '
    'stroke="currentColor" stroke-width="1.5"/><path d="M10 3a7 7 0 0 1 0 14z" fill="currentColor"/></svg>'
)
THEME_JS = (
    "onclick=\"const dark=!document.body.classList.contains('dark');"
    "try{localStorage.setItem('stillroom-theme',dark?'dark':'light')}catch(e){}"
    "document.body.classList.toggle('dark',dark)\""
)
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


def top(page: str, shown: str = "") -> str:
    """The header of the page at that address, with a pill for a run that is going on, unless it is the one that is
    `shown` anyway."""
    running = [run for run in _running() if run.id != shown]
    pill = ""
    if running:
        state = esc(translate(f"status.{running[0].status}"))
        pill = f'<a class="pill" href="./?run={esc(running[0].id)}">{state} · {esc(translate("history.open"))}</a>'
    links = "".join(
        f'<a href="./{to}"{_current_page(to == page and not shown)}>{esc(translate(word))}</a>' for to, word in PAGES
    )
    others = "".join(
        f'<a class="tongue" href="?lang={one}" lang="{one}" hreflang="{one}">{esc(table(one)["language"])}</a>'
        for one in LANGUAGES
        if one != language()
    )
    return (
        f'<header class="top" data-title="{esc(_title(page, shown))}"><a class="brand" href="./">{MARK}'
        f"<span><h1>{esc(translate('app'))}</h1><p>{esc(translate('tagline'))}</p></span></a>{pill}"
        f'<nav aria-label="{esc(translate("pages"))}">{links}{others}'
        f'<button type="button" {THEME_JS} aria-label="{esc(translate("theme"))}" '
        f'title="{esc(translate("theme"))}">{SHADES}'
        "</button></nav></header>"
    )


def header(page: str) -> gr.HTML:
    """`top` as a component, which also gives the document its title."""
    return gr.HTML(top(page), elem_id="top", js_on_load=TITLE_JS)


def _current_page(true: bool) -> str:
    return ' aria-current="page"' if true else ""


def _running() -> list[core.Run]:
    try:
        return [] if public_host.public() else core.list_runs(2, status=("running", "queued", "stopping"))
    except UserError:
        return []


def _title(page: str, shown: str) -> str:
    """The run's name or the page's, and the app's."""
    try:
        name = core.run(shown).name if shown else next((translate(word) for to, word in PAGES if to == page and to), "")
    except UserError:
        name = ""
    return f"{name} · {translate('app')}" if name else translate("app")
