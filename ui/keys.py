"""Whose a run is where strangers share a page: who started it, or took it in, may change it; who has only its address
may look, ask, replay and download.

The browser gets a random key in a cookie that no script of the page can read; a script sends one of its own making as
the header x-stillroom-key. The store keeps a digest of it. On one's own machine nothing of this happens.
"""

import hashlib
import re
import secrets

from gradio.context import LocalContext
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from distill_core import Run, UserError
from ui import host
from ui.words import say

COOKIE, HEADER, YEAR = "stillroom-key", "x-stillroom-key", 365 * 86400
KEY = re.compile(r"[\w.~+/=-]{20,200}", re.ASCII)  # shorter ones can be guessed


def given(run: Run) -> Run:
    """`run`, which the visitor who is being answered has just made, as theirs."""
    if host.public() and (key := _asking()):
        run.hold(_digest(key))
    return run


def own(run: Run) -> Run:
    """`run`, where the visitor who is being answered may change it. Raises UserError."""
    if not may_change(run):
        raise UserError(say("host.not_yours"))
    return run


def may_change(run: Run) -> bool:
    """Whether the visitor who is being answered may stop, resume, rename and delete it. A run without a holder is
    nobody's to change."""
    if not host.public():
        return True
    key, holder = _asking(), run.row.holder
    return bool(key and holder) and secrets.compare_digest(_digest(key), holder)


def _asking() -> str:
    """The key that came with the request; "" for none."""
    request = LocalContext.request.get(None)
    headers = {str(name).lower(): str(value) for name, value in dict(getattr(request, "headers", None) or {}).items()}
    key = headers.get(HEADER) or cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
    return key if KEY.fullmatch(key) else ""


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


class Keys:
    """Gives each browser its key with the first page that it opens on a public host."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        wanted = scope.get("method") == "GET" and "text/html" in headers.get("accept", "") and host.public()
        if not wanted or COOKIE in cookie_parser(headers.get("cookie", "")):
            return await self.app(scope, receive, send)
        secure = "https" in (scope.get("scheme"), headers.get("x-forwarded-proto", "").partition(",")[0])
        # in another page's frame, as on a Space, a browser keeps only cookies that are marked so
        marks = "; SameSite=None; Secure; Partitioned" if secure else "; SameSite=Lax"
        cookie = f"{COOKIE}={secrets.token_urlsafe(32)}; Path=/; Max-Age={YEAR}; HttpOnly{marks}"

        async def keyed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"set-cookie", cookie.encode())]
            await send(message)

        await self.app(scope, receive, keyed)
