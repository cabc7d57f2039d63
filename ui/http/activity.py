"""Activity of visitors: what takes the server long and can wait is done when they are not."""

import time

from starlette.types import ASGIApp, Receive, Scope, Send

IDLE_SECONDS = 3.0  # seconds since anybody last asked for something
IGNORED_PATHS = ("/component_server", "/component_server/")  # asked by a live view that nobody need look at


class ActivityMonitor:
    """Middleware that knows when somebody last asked for something."""

    last_request = time.monotonic()  # in any language: each has an app of its own

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].endswith(IGNORED_PATHS):
            ActivityMonitor.last_request = time.monotonic()
        await self.app(scope, receive, send)


def is_idle() -> bool:
    """Whether the server is idle: nobody has asked for anything for a while."""
    return time.monotonic() - ActivityMonitor.last_request > IDLE_SECONDS
