"""What stands round every page: the header with its links, the title and icon of the document, a page for an address
where there is none, and Gradio's own HTML made ours.
"""

import re
from pathlib import Path
from urllib.parse import urlencode

import brotli
import gradio as gr
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import distill_core as core
from distill_core import UserError
from ui import host
from ui.show import esc
from ui.speech import of_path
from ui.theme import ACCENT, CARD, INK, LINE, PAGE, QUIET
from ui.words import DEFAULT, LANGUAGES, language, say, speaking, table

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
# Before Gradio's own scripts: a chosen theme holds against the system's, and Gradio's few own words, which follow the
# browser's language, follow the page's.
FIRST_JS = """<script>(() => {
const speak = document.documentElement.lang
for (const [name, value] of [['language', speak], ['languages', [speak]]])
  Object.defineProperty(navigator, name, { get: () => value, configurable: true })
const chosen = () => { try { return localStorage.getItem('stillroom-theme') } catch { return null } }
if (!new URL(location).searchParams.has('__theme')) addEventListener('DOMContentLoaded', () => {
  const hold = () => { const theme = chosen(); if (theme) document.body.classList.toggle('dark', theme === 'dark') }
  new MutationObserver(hold).observe(document.body, { attributes: true, attributeFilter: ['class'] })
  hold()
})
})()</script>"""
PAGE_JS = f"<script>{Path(__file__).with_name('page.js').read_text(encoding='utf-8')}</script>"
FOREIGN = re.compile(r'\s*<meta\s[^>]*(?:property="og:|name="twitter:)[^>]*/>')  # they call the page Gradio's


def top(page: str, shown: str = "") -> str:
    """The header of the page at that address, with a pill for a run that is going on, unless it is the one that is
    `shown` anyway."""
    running = [run for run in _running() if run.id != shown]
    pill = ""
    if running:
        state = esc(say(f"status.{running[0].status}"))
        pill = f'<a class="pill" href="./?run={esc(running[0].id)}">{state} · {esc(say("history.open"))}</a>'
    links = "".join(f'<a href="./{to}"{_here(to == page and not shown)}>{esc(say(word))}</a>' for to, word in PAGES)
    others = "".join(
        f'<a class="tongue" href="?lang={one}" lang="{one}" hreflang="{one}">{esc(table(one)["language"])}</a>'
        for one in LANGUAGES
        if one != language()
    )
    return (
        f'<header class="top" data-title="{esc(_title(page, shown))}"><a class="brand" href="./">{MARK}'
        f"<span><h1>{esc(say('app'))}</h1><p>{esc(say('tagline'))}</p></span></a>{pill}"
        f'<nav aria-label="{esc(say("pages"))}">{links}{others}'
        f'<button type="button" {THEME_JS} aria-label="{esc(say("theme"))}" title="{esc(say("theme"))}">{SHADES}'
        "</button></nav></header>"
    )


def header(page: str) -> gr.HTML:
    """`top` as a component, which also gives the document its title."""
    return gr.HTML(top(page), elem_id="top", js_on_load=TITLE_JS)


def _here(true: bool) -> str:
    return ' aria-current="page"' if true else ""


def _running() -> list[core.Run]:
    try:
        return [] if host.public() else core.runs(2, status=("running", "queued", "stopping"))
    except UserError:
        return []


def _title(page: str, shown: str) -> str:
    """The run's name or the page's, and the app's."""
    try:
        name = core.run(shown).name if shown else next((say(word) for to, word in PAGES if to == page and to), "")
    except UserError:
        name = ""
    return f"{name} · {say('app')}" if name else say("app")


class Documents:
    """Makes Gradio's HTML ours as it goes out, and answers a browser that asks for a page that isn't there."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "HEAD" and scope["path"] == "/":
            # Gradio asks this of itself when it starts, and gives the start up after three seconds; making the page
            # for nobody can take a busy machine longer
            return await Response(media_type="text/html")(scope, receive, send)
        if scope["type"] != "http" or scope["method"] != "GET":
            return await self.app(scope, receive, send)
        begun: list[Message] = []
        body = bytearray()
        asked = Headers(scope=scope)
        wants, packs = "text/html" in asked.get("accept", ""), "br" in asked.get("accept-encoding", "")
        spoken = of_path(scope["path"].removeprefix(scope.get("root_path", "")))[0]  # before a mount changes the scope

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                html = Headers(raw=message["headers"]).get("content-type", "").startswith("text/html")
                if html or (wants and message["status"] == 404):
                    begun.append(message)
                    return
            if not begun:
                return await send(message)
            body.extend(message.get("body", b""))
            if message.get("more_body"):
                return
            start = begun[0]
            page = (document(body.decode(), spoken) if start["status"] != 404 else missing(spoken)).encode()
            headers = MutableHeaders(raw=list(start["headers"]))
            headers.add_vary_header("Accept-Encoding")
            if packs:  # to an eighth, which Gradio does for files alone
                page, headers["content-encoding"] = brotli.compress(page, quality=4), "br"
            headers["content-type"], headers["content-length"] = "text/html; charset=utf-8", str(len(page))
            await send({**start, "headers": headers.raw})
            await send({"type": "http.response.body", "body": page})

        await self.app(scope, receive, dressed)


def document(html: str, spoken: str) -> str:
    """Gradio's page in that language, with our icon and without Gradio's cards for social networks."""
    html = re.sub(r'(<html\s+lang=)"\w*"', rf'\1"{spoken}"', html, count=1)
    return FOREIGN.sub("", html).replace("<head>", f"<head>{_head(spoken)}{FIRST_JS}{PAGE_JS}", 1)


def missing(spoken: str) -> str:
    """The page for an address where there is none."""
    with speaking(spoken):
        (page, page_dark), (card, card_dark), (ink, ink_dark) = PAGE, CARD, INK
        (line, line_dark), (quiet, quiet_dark), accent = LINE, QUIET, ACCENT[0]
        home = "/" if spoken == DEFAULT else f"/{spoken}/"
        return (
            f'<!doctype html><html lang="{spoken}"><head>{_head(spoken)}<meta name="viewport" '
            'content="width=device-width, initial-scale=1"><style>'
            f":root{{--page:{page};--card:{card};--ink:{ink};--line:{line};--quiet:{quiet};color-scheme:light dark}}"
            f"@media(prefers-color-scheme:dark){{:root{{--page:{page_dark};--card:{card_dark};--ink:{ink_dark};"
            f"--line:{line_dark};--quiet:{quiet_dark}}}}}"
            "body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--page);color:var(--ink);"
            "font:16px/1.5 'IBM Plex Sans',ui-sans-serif,system-ui,sans-serif}main{background:var(--card);"
            "border:1px solid var(--line);border-radius:14px;padding:28px;max-width:44ch;margin:16px}"
            "svg{width:36px;height:36px}h1{font-size:22px;margin:10px 0 4px}p{margin:0 0 18px;color:var(--quiet)}"
            f"a{{display:inline-block;background:{accent};color:#fff;border-radius:10px;padding:10px 16px;"
            "text-decoration:none;font-weight:700}a:focus-visible{outline:3px solid currentColor;outline-offset:2px}"
            f"</style></head><body><main>{MARK}<h1>{esc(say('missing'))}</h1><p>{esc(say('missing.what'))}</p>"
            f'<a href="{home}">{esc(say("new_run"))}</a></main></body></html>'
        )


def _head(spoken: str) -> str:
    """Icon, title and description, and the drawing library fetched early."""
    with speaking(spoken):
        icon = "data:image/svg+xml," + urlencode({"": ICON})[1:].replace("+", "%20")
        return (
            f'<meta charset="utf-8"><title>{esc(say("app"))}</title><link rel="icon" href="{icon}">'
            f'<meta name="description" content="{esc(say("tagline"))}">'
            f'<meta name="largest-upload" content="{host.largest()}" data-told="{esc(table(spoken)["upload.large"])}">'
            '<link rel="prefetch" href="assets/plotly.min.js" as="script">'
        )
