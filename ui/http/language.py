"""The visitor's language: chosen, remembered or asked for by the browser."""

from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl

from babel import negotiate_locale
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ..i18n.pages import query_without_language
from ..i18n.translate import DEFAULT, LANGUAGES

COOKIE, YEAR = "stillroom-language", 365 * 86400


class LanguageChoice:
    """Middleware that leads a visitor to the page in their language: the one they chose (?lang=de, remembered in a
    cookie), else on the default page the one that their browser asks for."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        if scope.get("method") != "GET" or "text/html" not in headers.get("accept", ""):
            return await self.app(scope, receive, send)
        page_language, page = split_language(scope["path"].removeprefix(scope.get("root_path", "")))
        query = scope["query_string"].decode("latin-1")
        chosen = next((value for key, value in parse_qsl(query) if key == "lang" and value in LANGUAGES), None)
        wanted = chosen or self._remembered(headers)
        if not wanted:
            wanted = self._preferred(headers) if page_language == DEFAULT else page_language
        if wanted != page_language and "/" not in page:
            up = "" if page_language == DEFAULT else "../"
            to = up + (f"{wanted}/" if wanted != DEFAULT else "") + page
            answer = RedirectResponse((to or "./") + query_without_language(query), 307, {"vary": "accept-language"})
            if chosen:
                self._remember(answer, chosen, scope, headers)
            return await answer(scope, receive, send)
        if chosen and chosen != self._remembered(headers):
            response = Response()
            self._remember(response, chosen, scope, headers)
            cookie = response.headers["set-cookie"].encode("latin-1")

            async def send_with_cookie(message: Any) -> None:
                if message["type"] == "http.response.start":
                    message["headers"] = [*message["headers"], (b"set-cookie", cookie)]
                await send(message)

            return await self.app(scope, receive, send_with_cookie)
        await self.app(scope, receive, send)

    def _remembered(self, headers: Headers) -> str | None:
        remembered = cookie_parser(headers.get("cookie", "")).get(COOKIE)
        return remembered if remembered in LANGUAGES else None

    def _preferred(self, headers: Headers) -> str:
        """The first of the browser's languages that there is, best first."""
        qualities: list[tuple[float, str]] = []
        for part in headers.get("accept-language", "").split(","):
            name, _, quality = part.strip().partition(";q=")
            with suppress(ValueError):
                qualities.append((float(quality or 1), name.lower()))  # Babel gives back what it was given
        best = sorted((one for one in qualities if one[0] > 0), key=lambda one: -one[0])  # 0 is "not this one"
        return negotiate_locale([name for _, name in best], LANGUAGES, sep="-") or DEFAULT

    def _remember(self, answer: Response, language: str, scope: Scope, headers: Headers) -> None:
        secure = "https" in (scope.get("scheme"), headers.get("x-forwarded-proto", "").partition(",")[0])
        # in another page's frame, as on a Space, a browser keeps only cookies that are marked so
        answer.set_cookie(COOKIE, language, max_age=YEAR, samesite="none" if secure else "lax", secure=secure)


def split_language(path: str) -> tuple[str, str]:
    """The language of the page at a path, and the page: "/de/history" -> ("de", "history")."""
    first, _, rest = path.lstrip("/").partition("/")
    return (first, rest) if first in LANGUAGES and first != DEFAULT else (DEFAULT, path.lstrip("/"))
