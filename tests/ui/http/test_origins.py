"""Other websites get nothing of the app and change nothing in it, by whatever name they reach it."""

import socket
from collections.abc import Sequence

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from ui.http.origins import HostCheck, OriginCheck

LOOPBACK = ("127.0.0.1:7860", "localhost", "LOCALHOST:80", "[::1]:7860")
NUMBERS = ("192.168.0.7:7860", "10.0.0.1", "[fe80::1]:7860")
STRANGE = ("evil.example", "localhost.evil.example", "evil.example:7860", "evil@localhost", "127.0.0.1.evil.example",
           "a b", "", "[", "\x00", "x" * 9999)  # fmt: skip


def browser(names: Sequence[str] = (), listens_on: str = "127.0.0.1") -> TestClient:
    """A client of an app that answers everything to whoever asks."""
    checks = [Middleware(HostCheck, names=names, listens_on=listens_on), Middleware(OriginCheck, names=names)]
    answer = Route("/", lambda _: PlainTextResponse("secret"), methods=["GET", "POST", "PUT"])
    return TestClient(Starlette(routes=[answer], middleware=checks))


@pytest.mark.parametrize("audience", ["local", "room", "space"])
def test_only_names_of_the_app_are_answered(audience: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STILLROOM_AUDIENCE", audience)
    machine = socket.gethostname()
    answered = {host: browser().get("/", headers={"host": host}).status_code == 200
                for host in (*LOOPBACK, *NUMBERS, machine, "owner-name.hf.space", *STRANGE)}  # fmt: skip
    right = {*LOOPBACK, *(NUMBERS if audience != "local" else ()), *([machine] if audience != "local" else ()),
             *(["owner-name.hf.space"] if audience == "space" else [])}  # fmt: skip
    assert {host for host, good in answered.items() if good} == right
    open_to_all = browser(listens_on="0.0.0.0")
    assert open_to_all.get("/", headers={"host": NUMBERS[0]}).text == "secret"  # as its address is told to others
    assert open_to_all.get("/", headers={"host": "evil.example"}).status_code == 400


def test_another_name_is_answered_where_it_is_allowed_and_the_refusal_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("stillroom.example.org", "*.School.example")
    for host in ("stillroom.example.org:443", "room1.school.EXAMPLE"):
        assert browser(names).get("/", headers={"host": host}).text == "secret"
        refused = browser().get("/", headers={"host": host})
        assert refused.status_code == 400 and f"--allow-host {host.lower().partition(':')[0]}" in refused.text
    for host in ("school.example", "evil.example", "room1.school.example.evil"):
        assert browser(names).get("/", headers={"host": host}).status_code == 400


def test_a_page_from_elsewhere_changes_nothing() -> None:
    here = {"host": "localhost:7860"}
    for origin in ("https://evil.example", "null", "http://localhost:9999", "http://127.0.0.1:7860", "", "file://", "[",
                   "http://["):  # fmt: skip
        for method in ("POST", "PUT"):
            refused = browser().request(method, "/", headers=here | {"origin": origin})
            assert refused.status_code == 403 and "secret" not in refused.text, origin
    for own in ({}, {"origin": "http://localhost:7860"}, {"origin": "http://LOCALHOST:7860"},
                {"x-forwarded-host": "a.hf.space", "origin": "https://a.hf.space"}):  # fmt: skip
        assert browser().post("/", headers=here | own).text == "secret"  # a script sends no origin


def test_a_proxy_that_asks_under_another_name_is_named() -> None:
    asked = {"host": "127.0.0.1:7860", "origin": "https://stillroom.example.org"}
    assert browser().post("/", headers=asked).status_code == 403
    assert browser(["stillroom.example.org"]).post("/", headers=asked).text == "secret"
    assert browser(["stillroom.example.org"]).post("/", headers=asked | {"origin": "https://x.org"}).status_code == 403
