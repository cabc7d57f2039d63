"""Several languages in one process. Gradio makes a component's words once, when its Blocks is built; so a language is
a whole page of its own: the default one at /, each other one at /<language>/, built when somebody first asks for it.

Everything that a page's functions say later, in whatever thread, they say in that page's language.
"""

import asyncio
import functools
import inspect
import threading
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from typing import Any
from urllib.parse import parse_qsl, urlencode

import gradio as gr
from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.requests import Request, cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ui.words import DEFAULT, LANGUAGES, speaking

COOKIE, YEAR = "stillroom-language", 365 * 86400
_building = threading.Lock()  # Gradio keeps the Blocks that is being built in a variable of the whole process


def spoken(build: Callable[[], gr.Blocks], language: str) -> gr.Blocks:
    """The page that `build` makes, in `language`."""
    with _building, speaking(language):
        demo = build()
    for function in demo.fns.values():
        if function.fn is not None:
            function.fn = _speaking(function.fn, language)
    for part in demo.blocks.values():
        for function in getattr(part, "server_fns", ()):
            setattr(part, function.__name__, _speaking(function, language))  # where the page's calls look for it
    return demo


def _speaking(function: Callable[..., Any], language: str) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(f"{function.__name__} must not be async: a language is spoken while it runs")

    @functools.wraps(function)
    def said(*given: Any, **named: Any) -> Any:
        with speaking(language):
            return function(*given, **named)

    @functools.wraps(function)
    def each(*given: Any, **named: Any) -> Iterator[Any]:
        with closing(function(*given, **named)) as values:
            while True:
                try:
                    with speaking(language):
                        value = next(values)
                except StopIteration:
                    return
                yield value

    return each if inspect.isgeneratorfunction(function) else said


class Languages:
    """The pages of all languages but the default one. `make` builds a page, `look` is what `mount_gradio_app` is given
    with it, `assets` are the routes that a page needs beside it."""

    def __init__(self, make: Callable[[], gr.Blocks], look: dict[str, Any], assets: list[BaseRoute]):
        self.make, self.look, self.assets = make, look, assets
        self.stack = AsyncExitStack()

    @property
    def routes(self) -> list[BaseRoute]:
        """Where they are served."""
        found: list[BaseRoute] = []
        for language in (one for one in LANGUAGES if one != DEFAULT):
            found.append(Route(f"/{language}", _slash))
            found.append(Mount(f"/{language}", routes=[*self.assets, Mount("/", app=_Page(self, language))]))
        return found

    @asynccontextmanager
    async def lifespan(self, app: Any) -> AsyncIterator[None]:
        """Ends the pages that were built when the app itself ends."""
        async with self.stack:
            yield

    async def open(self, language: str) -> ASGIApp:
        """Builds a page and starts its queue."""
        page = await asyncio.to_thread(self._built, language)
        await self.stack.enter_async_context(page.router.lifespan_context(page))
        page.get_blocks().run_startup_events()
        await page.get_blocks().run_extra_startup_events()
        return page

    def _built(self, language: str) -> Any:
        parent = FastAPI()
        # said of every page with more than one address, also where nobody asked for the mode
        warnings.filterwarnings("ignore", message="SSR mode is not supported")
        gr.mount_gradio_app(parent, spoken(self.make, language), path=f"/{language}", **self.look)
        return parent.routes[-1].app


class _Page:
    """One language's page, built at the first request."""

    def __init__(self, languages: Languages, language: str):
        self.languages, self.language = languages, language
        self.app: ASGIApp | None = None
        self.opening = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self.opening:
            if self.app is None:
                self.app = await self.languages.open(self.language)
        await self.app(scope, receive, send)


async def _slash(request: Request) -> Response:
    return RedirectResponse(f"{request.url.path.rsplit('/', 1)[-1]}/" + _query(request.url.query), status_code=307)


class Choice:
    """Leads a visitor to the page in their language: the one they chose (?lang=de, remembered in a cookie), else on the
    default page the one that their browser asks for."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        if scope.get("method") != "GET" or "text/html" not in headers.get("accept", ""):
            return await self.app(scope, receive, send)
        here, page = of_path(scope["path"].removeprefix(scope.get("root_path", "")))
        query = scope["query_string"].decode("latin-1")
        chosen = next((value for key, value in parse_qsl(query) if key == "lang" and value in LANGUAGES), None)
        wanted = chosen or self._remembered(headers) or (self._asked(headers) if here == DEFAULT else here)
        if wanted != here and "/" not in page:
            up = "" if here == DEFAULT else "../"
            to = up + (f"{wanted}/" if wanted != DEFAULT else "") + page
            answer = RedirectResponse((to or "./") + _query(query), 307, {"vary": "accept-language"})
            if chosen:
                self._remember(answer, chosen, scope, headers)
            return await answer(scope, receive, send)
        if chosen and chosen != self._remembered(headers):
            kept = Response()
            self._remember(kept, chosen, scope, headers)
            cookie = kept.headers["set-cookie"].encode("latin-1")

            async def remembering(message: Any) -> None:
                if message["type"] == "http.response.start":
                    message["headers"] = [*message["headers"], (b"set-cookie", cookie)]
                await send(message)

            return await self.app(scope, receive, remembering)
        await self.app(scope, receive, send)

    def _remembered(self, headers: Headers) -> str | None:
        kept = cookie_parser(headers.get("cookie", "")).get(COOKIE)
        return kept if kept in LANGUAGES else None

    def _asked(self, headers: Headers) -> str:
        """The first of the browser's languages that there is, best first."""
        asked = []
        for part in headers.get("accept-language", "").split(","):
            name, _, quality = part.strip().partition(";q=")
            try:
                asked.append((-float(quality or 1), name.partition("-")[0].lower()))
            except ValueError:
                continue
        return next((name for _, name in sorted(asked, key=lambda one: one[0]) if name in LANGUAGES), DEFAULT)

    def _remember(self, answer: Response, language: str, scope: Scope, headers: Headers) -> None:
        secure = "https" in (scope.get("scheme"), headers.get("x-forwarded-proto", "").partition(",")[0])
        # in another page's frame, as on a Space, a browser keeps only cookies that are marked so
        answer.set_cookie(COOKIE, language, max_age=YEAR, samesite="none" if secure else "lax", secure=secure)


def of_path(path: str) -> tuple[str, str]:
    """("/de/history") -> ("de", "history"): the language of the page at that path, and the page."""
    first, _, rest = path.lstrip("/").partition("/")
    return (first, rest) if first in LANGUAGES and first != DEFAULT else (DEFAULT, path.lstrip("/"))


def _query(query: str) -> str:
    """The query again, without the choice of a language."""
    left = urlencode([pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] != "lang"])
    return f"?{left}" if left else ""
