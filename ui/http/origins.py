"""Which host a request asks for, and which page it comes from: other pages get nothing and change nothing.

A page that points a name of its own at this machine (DNS rebinding) would else count as ours, and one that is merely
open in another tab could start and delete runs.
"""

import re
import socket
from collections.abc import Sequence
from fnmatch import fnmatchcase
from ipaddress import ip_address

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from distill_core import LOOPBACK, audience
from ui.i18n.translate import translate

HOST = re.compile(r"(?:(?P<name>[\w.-]+)|\[(?P<numbers>[0-9a-f:.]+)\])(?::\d+)?", re.ASCII)
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
SHARED = (b"access-control-allow-origin", b"access-control-allow-credentials")  # which Gradio sends to any page


class HostCheck:
    """Middleware that answers only requests for a name of this app: on one's own machine the loopback names; elsewhere
    an address in numbers too, which no foreign page can have for its own, the machine's name, a Space's, and `names`,
    in which * stands for any letters."""

    def __init__(self, app: ASGIApp, names: Sequence[str] = ()):
        self.app = app
        self.names = {*LOOPBACK, *(name.lower() for name in names)}
        self.numbers = audience() != "local"
        if self.numbers:
            machine = socket.gethostname().lower()
            self.names |= {machine, f"{machine.partition('.')[0]}.local"}
        if audience() == "space":
            self.names.add("*.hf.space")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        host = host_name(Headers(scope=scope).get("host", ""))
        if self._is_ours(host):
            return await self.app(scope, receive, send)
        refusal = PlainTextResponse(translate("host.unknown", host=host[:100] or "?"), 400)
        await refusal(scope, receive, send)

    def _is_ours(self, host: str) -> bool:
        if any(fnmatchcase(host, name) for name in self.names):
            return True
        try:
            return self.numbers and bool(ip_address(host))
        except ValueError:
            return False


class OriginCheck:
    """Middleware that lets a page of another origin change nothing and read no answer. Scripts and assistants, which
    send no origin, are not affected."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] in ("http", "websocket") else Headers()
        origin = headers.get("origin")
        hosts = (headers.get("host"), headers.get("x-forwarded-host"))  # the second of a proxy, such as a Space's
        if origin is None or origin.partition("://")[2].lower() in [host.lower() for host in hosts if host]:
            return await self.app(scope, receive, send)
        if scope.get("method") not in SAFE_METHODS:  # a websocket has no method
            return await PlainTextResponse(translate("host.origin"), 403)(scope, receive, send)

        async def send_unshared(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [one for one in message["headers"] if one[0].lower() not in SHARED]
            await send(message)

        await self.app(scope, receive, send_unshared)


def host_name(host: str) -> str:
    """The name in a Host header, in small letters and without its port or brackets; "" where it is none."""
    found = HOST.fullmatch(host.lower())
    return found["name"] or found["numbers"] if found else ""
