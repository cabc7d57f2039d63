"""Whether visitors are at work just now: what takes the server long and can wait is done when they are not."""

import time

from starlette.types import ASGIApp, Receive, Scope, Send

CALM = 3.0  # seconds since anybody last asked for something
POLLED = ("/component_server", "/component_server/")  # asked by a live view that nobody need look at


class Calm:
    """Middleware that knows when somebody last asked for something."""

    asked = time.monotonic()  # in any language: each has an app of its own

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].endswith(POLLED):
            Calm.asked = time.monotonic()
        await self.app(scope, receive, send)


def calm() -> bool:
    """Whether nobody has asked for anything for a while."""
    return time.monotonic() - Calm.asked > CALM
