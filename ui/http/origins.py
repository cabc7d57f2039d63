"""Which host a request asks for, and which page it comes from: other pages get nothing and change nothing.

A page that points a name of its own at this machine (DNS rebinding) would else count as ours, and one that is merely
open in another tab could start and delete runs.
"""

import socket
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from ipaddress import ip_address

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from distill_core import LOOPBACK, audience, host_name, public_host

from ..i18n.translate import translate

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class HostCheck:
    """Middleware that answers only requests for a name of this app: the loopback names; where it listens on more than
    this machine or is not for its owner alone, also an address in numbers, which no foreign page can have for its own,
    and the machine's name; a Space's names; and `names`, in which * stands for any letters."""

    def __init__(self, app: ASGIApp, names: Sequence[str] = (), listens_on: str = "127.0.0.1"):
        self.app = app
        self.names = {*LOOPBACK, *(name.lower() for name in names)}
        self.numbers = public_host() or listens_on not in LOOPBACK
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
        if _matches(host, self.names):
            return True
        try:
            return self.numbers and bool(ip_address(host))
        except ValueError:
            return False


class OriginCheck:
    """Middleware that lets a page of another origin change nothing. Scripts and assistants, which send no origin, are
    not affected; nor is a proxy that asks for this app under another name, if its own is in `names`. That such a page
    reads nothing either, `gradio_patches.share_with_no_origin` sees to."""

    def __init__(self, app: ASGIApp, names: Sequence[str] = ()):
        self.app = app
        self.names = [name.lower() for name in names]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] in ("http", "websocket") else Headers()
        origin, changes = headers.get("origin"), scope.get("method") not in SAFE_METHODS  # a websocket has no method
        if origin is None or not changes or self._is_ours(origin, headers):
            return await self.app(scope, receive, send)
        await PlainTextResponse(translate("host.origin"), 403)(scope, receive, send)

    def _is_ours(self, origin: str, headers: Headers) -> bool:
        place = origin.partition("://")[2].lower()
        hosts = (headers.get("host"), headers.get("x-forwarded-host"))  # the second of a proxy, such as a Space's
        return place in [host.lower() for host in hosts if host] or _matches(host_name(place), self.names)


def _matches(host: str, names: Iterable[str]) -> bool:
    return any(fnmatchcase(host, name) for name in names)
