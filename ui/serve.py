"""Serves the pages: environment, middleware, the drawing library's route, Gradio's launch."""

import os

# read when Gradio is imported: no telemetry, no version check, no table of statistics after every event
os.environ.update(GRADIO_ANALYTICS_ENABLED="False", GRADIO_ANALYTICS_CACHE_FREQUENCY="1000000")

import signal
from collections.abc import Callable, Container
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import brotli
import gradio as gr
from gradio.state_holder import SessionState
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import distill_core as core
from ui.calm import Calm, calm
from ui.frame import Documents
from ui.host import largest
from ui.keys import Keys
from ui.page import build
from ui.speech import Choice, Languages
from ui.theme import theme, variables
from ui.words import say

REST = 0.02  # seconds between two looks for work in an empty queue
LOOPBACK = ("127.0.0.1", "localhost", "::1")
CSP = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self'; object-src 'none'; base-uri 'self'; "
    "frame-ancestors 'self' https://huggingface.co"
)
HEADERS = (
    (b"content-security-policy", CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
)


class SafeHeaders:
    """Adds the security headers that Gradio does not send."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *HEADERS]
            await send(message)

        await self.app(scope, receive, told if scope["type"] == "http" else send)


async def library(request: Request) -> Response:
    """plotly.min.js out of the plotly package."""
    package = find_spec("plotly")
    file = Path(package.origin).parent / "package_data" / "plotly.min.js" if package and package.origin else Path()
    if not file.is_file():
        return Response(status_code=404)
    headers = {"cache-control": "public, max-age=86400", "vary": "accept-encoding"}
    if "br" not in request.headers.get("accept-encoding", ""):
        return FileResponse(file, media_type="text/javascript", headers=headers)
    packed = await run_in_threadpool(_packed, file)
    return Response(packed, media_type="text/javascript", headers=headers | {"content-encoding": "br"})


@lru_cache
def _packed(file: Path) -> bytes:
    """The file compressed, once for all visitors: five megabytes take Gradio a fifth of a second for each."""
    return brotli.compress(file.read_bytes(), quality=5)


LIBRARY = Route("/assets/plotly.min.js", library)


def look() -> dict[str, Any]:
    """What makes a page ours, in whatever language."""
    # the sheet of a screen comes after the one they share
    sheets = sorted(Path(__file__).parent.glob("*.css"), key=lambda sheet: (sheet.name != "style.css", sheet.name))
    return {
        "theme": theme(),
        "css": variables() + "".join(sheet.read_text(encoding="utf-8") for sheet in sheets),
        "ssr_mode": False,
        "pwa": False,
        "show_error": False,
        "run_history": False,
        "enable_monitoring": False,
        "footer_links": ["api"],
        "max_file_size": largest(),
        "mcp_server": False,
    }


class _Bare:
    """A page that lists no parts."""

    blocks: Container[int] = ()

    def __init__(self, page: gr.Blocks):
        self._page = page

    def __getattr__(self, name: str) -> Any:
        return getattr(self._page, name)


def _light_sessions(whole: Callable[[SessionState, gr.Blocks], None] = SessionState.__init__) -> None:
    """Gradio writes down every part of the page for each new visitor and for each call without one, for links of its
    own that this page has none of: a twentieth of a second in which nobody else is answered."""
    SessionState.__init__ = lambda session, page: whole(session, _Bare(page))


_light_sessions()


def page() -> gr.Blocks:
    """The page with its queue."""
    demo = build().queue(default_concurrency_limit=8, max_size=200)
    # Gradio looks for work a thousand times a second unless told otherwise: up to a tenth of a core, for nothing
    demo._queue.sleep_when_free = REST
    return demo


def options(host: str) -> dict[str, Any]:
    """What `launch` is given for that address. On loopback only loopback names are answered: a foreign page that
    points its own name at this machine gets nothing."""
    others = Languages(page, look(), [LIBRARY])
    middleware = [Middleware(part) for part in (Calm, SafeHeaders, Keys, Choice, Documents)]
    if host in LOOPBACK:
        middleware.append(Middleware(TrustedHostMiddleware, allowed_hosts=[*LOOPBACK, "[::1]"]))
    return {
        **look(),
        "server_name": host,
        "state_session_capacity": 500,
        "quiet": True,
        "app_kwargs": {
            "routes": [LIBRARY, *others.routes],
            "middleware": middleware,
            "lifespan": others.lifespan,
        },
    }


def serve(host: str = "127.0.0.1", port: int | None = None, browser: bool = False, mcp: bool = False) -> None:
    """Serves the page of an opened app and blocks until it is ended. `mcp`: its endpoints are tools for an assistant
    too."""
    demo = page()
    try:
        _, address, _ = demo.launch(
            server_port=port, inbrowser=browser, prevent_thread_lock=True, **options(host) | {"mcp_server": mcp}
        )
        # who ends a service says SIGTERM: as after Ctrl-C its runs are closed, and go on when it opens again
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        print(say("opened", address=address), flush=True)
        core.warm_up(calm)
        demo.block_thread()
    finally:
        gr.close_all(verbose=False)
        core.close()
