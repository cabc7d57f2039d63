"""Serves the pages: environment, middleware, the drawing library's route, Gradio's launch."""

import os

# read when Gradio is imported: no telemetry, no version check, no table of statistics after every event
os.environ.update(GRADIO_ANALYTICS_ENABLED="False", GRADIO_ANALYTICS_CACHE_FREQUENCY="1000000")

import signal
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

import distill_core as core

from . import gradio_patches
from .access.public_host import max_upload
from .http.activity import ActivityMonitor, is_idle
from .http.assets import LIBRARY
from .http.documents import Documents
from .http.language import LanguageChoice
from .http.origins import HostCheck, OriginCheck
from .http.security_headers import SafeHeaders
from .http.visitor_key import VisitorKeys
from .i18n.pages import Languages
from .i18n.translate import translate
from .page import build
from .theme import theme, variables

UPLOAD_HOURS = 24  # that an upload stays on a public host
BACKUP_SECONDS = 5  # between two looks for runs that have ended
gradio_patches.light_sessions()
gradio_patches.share_with_no_origin()
gradio_patches.explain_errors(lambda: translate("host.misfit"), lambda: translate("host.mistake"))


def page_options() -> dict[str, Any]:
    """The options that make a page ours, in whatever language."""
    # the sheet of a screen comes after the one they share
    sheets = sorted(Path(__file__).parent.rglob("*.css"), key=lambda sheet: (sheet.name != "style.css", sheet.name))
    return {
        "theme": theme(),
        "css": variables() + "".join(sheet.read_text(encoding="utf-8") for sheet in sheets),
        "ssr_mode": False,
        "pwa": False,
        "show_error": False,
        "run_history": False,
        "enable_monitoring": False,
        "footer_links": ["api"],
        "max_file_size": max_upload(),
        "mcp_server": False,
    }


def make_page() -> gr.Blocks:
    """The page with its queue."""
    demo = build().queue(default_concurrency_limit=8, max_size=200)
    gradio_patches.rest_between_looks(demo)
    return demo


def options(host: str, names: Sequence[str] = ()) -> dict[str, Any]:
    """The options of `launch` for that address; `names` are answered beside those that the audience's rules know."""
    others = Languages(make_page, page_options(), [LIBRARY])
    parts = (ActivityMonitor, SafeHeaders, VisitorKeys, LanguageChoice, Documents)
    middleware = [
        Middleware(HostCheck, names=names, listens_on=host), Middleware(OriginCheck, names=names),
        *(Middleware(part) for part in parts),
    ]  # fmt: skip
    return {
        **page_options(),
        "server_name": host,
        "state_session_capacity": 500,
        "quiet": True,
        "app_kwargs": {
            "routes": [LIBRARY, *others.routes],
            "middleware": middleware,
            "lifespan": others.lifespan,
        },
    }


def _address_for_others(host: str, address: str) -> str:
    """The address as others on the network type it, where the app listens to them all."""
    if host != "0.0.0.0":
        return address
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, suppress(OSError):
        probe.connect(("192.0.2.1", 9))  # sends nothing; the system says by which of its addresses it would
        return address.replace("localhost", probe.getsockname()[0])
    return address


def _sweep_uploads() -> None:
    """Deletes what others uploaded, a day later."""
    while True:
        core.sweep_uploads(hours=UPLOAD_HOURS)
        time.sleep(3600)


def _back_up(backup: core.Backup, ended: threading.Event) -> None:
    """Takes in the runs that an earlier machine copied, and copies those that end from now on."""
    backup.restore()
    while not ended.wait(BACKUP_SECONDS):
        backup.save()


def serve(
    host: str = "127.0.0.1", port: int | None = None, browser: bool = False, mcp: bool = False,
    names: Sequence[str] = (),
) -> None:  # fmt: skip
    """Serves the page of an opened app and blocks until it is ended. `mcp`: its endpoints are tools for an assistant
    too. `names`: see `options`."""
    demo = make_page()
    ended, copying = threading.Event(), None
    try:
        _, address, _ = demo.launch(
            server_port=port, inbrowser=browser, prevent_thread_lock=True, **options(host, names) | {"mcp_server": mcp}
        )
        # SIGTERM ends a service: like Ctrl-C it closes the runs, which go on when the app opens again
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        print(translate("opened", address=_address_for_others(host, address)), flush=True)
        core.warm_up(is_idle)
        if core.public_host():
            threading.Thread(target=_sweep_uploads, daemon=True).start()
        if backup := core.open_backup():
            copying = threading.Thread(target=_back_up, args=(backup, ended), daemon=True)
            copying.start()
        demo.block_thread()
    finally:
        ended.set()
        gr.close_all(verbose=False)
        if copying:
            copying.join(BACKUP_SECONDS)
        core.close()
