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
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from .translate import DEFAULT, LANGUAGES, use_language

_build_lock = threading.Lock()  # Gradio keeps the Blocks that is being built in a variable of the whole process


def build_in_language(build: Callable[[], gr.Blocks], language: str) -> gr.Blocks:
    """The page that `build` makes, in `language`."""
    with _build_lock, use_language(language):
        demo = build()
    for function in demo.fns.values():
        if function.fn is not None:
            function.fn = _in_language(function.fn, language)
    for part in demo.blocks.values():
        for function in getattr(part, "server_fns", ()):
            setattr(part, function.__name__, _in_language(function, language))  # where the page's calls look for it
    return demo


def _in_language(function: Callable[..., Any], language: str) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(f"{function.__name__} must not be async: a language is spoken while it runs")

    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        with use_language(language):
            return function(*arguments, **named)

    @functools.wraps(function)
    def each(*arguments: Any, **named: Any) -> Iterator[Any]:
        with closing(function(*arguments, **named)) as values:
            while True:
                try:
                    with use_language(language):
                        value = next(values)
                except StopIteration:
                    return
                yield value

    return each if inspect.isgeneratorfunction(function) else call


class Languages:
    """The pages of all languages but the default one. `make` builds a page, `look` is what `mount_gradio_app` is given
    with it, `assets` are the routes that a page needs beside it."""

    def __init__(self, make: Callable[[], gr.Blocks], look: dict[str, Any], assets: list[BaseRoute]):
        self.make, self.look, self.assets = make, look, assets
        self.stack = AsyncExitStack()

    @property
    def routes(self) -> list[BaseRoute]:
        """The routes at which the pages are served."""
        routes: list[BaseRoute] = []
        for language in (one for one in LANGUAGES if one != DEFAULT):
            routes.append(Route(f"/{language}", _slash))
            routes.append(_Prefixed(f"/{language}", routes=[*self.assets, Mount("/", app=_Page(self, language))]))
        return routes

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
        # Gradio warns so of every page with several addresses, whether or not the mode was asked for
        warnings.filterwarnings("ignore", message="SSR mode is not supported")
        demo = build_in_language(self.make, language)
        # behind a proxy Gradio knows its path from GRADIO_ROOT_PATH; this page's is longer
        path = f"{demo.root_path.rstrip('/')}/{language}" if demo.root_path else None
        gr.mount_gradio_app(parent, demo, path=f"/{language}", root_path=path, **self.look)
        mount = parent.routes[-1]
        assert isinstance(mount, Mount)  # Gradio mounts the page last
        return mount.app


class _Prefixed(Mount):
    """A mount in an app that a proxy serves under a path. Where the proxy strips that path, Starlette no longer knows
    the mount's own from it: so it is put back."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        root, path = scope.get("root_path", ""), scope.get("path", "")
        whole = path if path.startswith(root) else root + path
        match, child = super().matches({**scope, "path": whole})
        return match, {**child, "path": whole} if match != Match.NONE else child


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
    return RedirectResponse(
        f"{request.url.path.rsplit('/', 1)[-1]}/" + query_without_language(request.url.query), status_code=307
    )


def query_without_language(query: str) -> str:
    """The query again, without the choice of a language."""
    left = urlencode([pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] != "lang"])
    return f"?{left}" if left else ""
