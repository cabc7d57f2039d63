"""HTML documents as they go out: Gradio's made ours, and a page for an address where there is none."""

import re
from pathlib import Path
from urllib.parse import urlencode

import brotli
from markupsafe import Markup
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..access import public_host
from ..components.header import ICON, MARK
from ..components.templates import render
from ..i18n.translate import DEFAULT, use_language
from ..theme import ACCENT, CARD, INK, LINE, PAGE, QUIET
from .language import split_language

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
PAGE_JS = f"<script>{Path(__file__).with_name('documents.js').read_text(encoding='utf-8')}</script>"
FOREIGN = re.compile(r'\s*<meta\s[^>]*(?:property="og:|name="twitter:)[^>]*/>')  # they call the page Gradio's

COLOURS = {"page": PAGE, "card": CARD, "ink": INK, "line": LINE, "quiet": QUIET}  # of the page that isn't there


class Documents:
    """Middleware that makes Gradio's HTML ours as it goes out, and answers a browser that asks for a page that isn't
    there."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "HEAD" and scope["path"] == "/":
            # Gradio asks this of itself when it starts, and gives the start up after three seconds; making the page
            # for nobody can take a busy machine longer
            return await Response(media_type="text/html")(scope, receive, send)
        if scope["type"] != "http" or scope["method"] != "GET":
            return await self.app(scope, receive, send)
        starts: list[Message] = []
        body = bytearray()
        request_headers = Headers(scope=scope)
        wants_html = "text/html" in request_headers.get("accept", "")
        takes_brotli = "br" in request_headers.get("accept-encoding", "")
        # before a mount changes the scope
        root = scope.get("root_path", "")
        language, _ = split_language(scope["path"].removeprefix(root))

        async def send_ours(message: Message) -> None:
            if message["type"] == "http.response.start":
                html = Headers(raw=message["headers"]).get("content-type", "").startswith("text/html")
                if html or (wants_html and message["status"] == 404):
                    starts.append(message)
                    return
            if not starts:
                return await send(message)
            body.extend(message.get("body", b""))
            if message.get("more_body"):
                return
            start = starts[0]
            page = (document(body.decode(), language) if start["status"] != 404 else missing(language, root)).encode()
            headers = MutableHeaders(raw=list(start["headers"]))
            headers.add_vary_header("Accept-Encoding")
            if takes_brotli:  # to an eighth, which Gradio does for files alone
                page, headers["content-encoding"] = brotli.compress(page, quality=4), "br"
            headers["content-type"], headers["content-length"] = "text/html; charset=utf-8", str(len(page))
            await send({**start, "headers": headers.raw})
            await send({"type": "http.response.body", "body": page})

        await self.app(scope, receive, send_ours)


def document(html: str, language: str) -> str:
    """Gradio's page in that language, with our icon and without Gradio's cards for social networks."""
    html = re.sub(r'(<html\s+lang=)"\w*"', rf'\1"{language}"', html, count=1)
    return FOREIGN.sub("", html).replace("<head>", f"<head>{_head(language)}{FIRST_JS}{PAGE_JS}", 1)


def missing(language: str, root: str = "") -> Markup:
    """The page for an address where there is none, of an app under the path `root`."""
    with use_language(language):
        return render(
            "http/missing.html",
            language=language,
            head=_head(language),
            colours=COLOURS,
            accent=ACCENT[0],
            mark=MARK,
            home=f"{root.rstrip('/')}/" + (f"{language}/" if language != DEFAULT else ""),
        )


def _head(language: str) -> Markup:
    """The document's head: icon, title and description, and the drawing library fetched early."""
    icon = "data:image/svg+xml," + urlencode({"": ICON})[1:].replace("+", "%20")
    with use_language(language):
        return render("http/head.html", icon=icon, largest=public_host.max_upload())
