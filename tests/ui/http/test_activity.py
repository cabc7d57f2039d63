"""What can wait is done when nobody is at work; a live view that only looks on is nobody."""

from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from ui.http import activity


def test_it_is_calm_when_nobody_has_asked_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(activity, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(activity.ActivityMonitor, "last_request", now)
    places = [Route(path, lambda _: PlainTextResponse(""), methods=["POST"]) for path in ("/run", "/component_server")]
    browser = TestClient(Starlette(routes=places, middleware=[Middleware(activity.ActivityMonitor)]))
    assert not activity.is_idle()
    now += activity.IDLE_SECONDS + 1
    assert activity.is_idle()
    browser.post("/component_server")
    assert activity.is_idle()
    browser.post("/run")
    assert not activity.is_idle()
