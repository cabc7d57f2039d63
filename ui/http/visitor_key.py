"""The visitor's key: a cookie that tells whose a run is on a public host."""

import secrets

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..access import public_host
from ..access.ownership import COOKIE

YEAR = 365 * 86400


class VisitorKeys:
    """Middleware that gives each browser its key with the first page that it opens on a public host."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        wanted = scope.get("method") == "GET" and "text/html" in headers.get("accept", "") and public_host.public()
        if not wanted or COOKIE in cookie_parser(headers.get("cookie", "")):
            return await self.app(scope, receive, send)
        secure = "https" in (scope.get("scheme"), headers.get("x-forwarded-proto", "").partition(",")[0])
        # in another page's frame, as on a Space, a browser keeps only cookies that are marked so; written by hand, as
        # `Response.set_cookie` refuses `partitioned` before Python 3.14
        marks = "; SameSite=None; Secure; Partitioned" if secure else "; SameSite=Lax"
        cookie = f"{COOKIE}={secrets.token_urlsafe(32)}; Path=/; Max-Age={YEAR}; HttpOnly{marks}"

        async def send_with_key(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"set-cookie", cookie.encode())]
            await send(message)

        await self.app(scope, receive, send_with_key)
