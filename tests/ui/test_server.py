"""The server tells people an address that they can type."""

import socket
from types import SimpleNamespace
from typing import Any

import pytest

from ui import server


def test_the_address_of_a_room_is_one_that_others_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    class Probe:
        def __init__(self, *kind: Any):
            assert kind == (socket.AF_INET, socket.SOCK_DGRAM)  # which asks no other machine

        def __enter__(self) -> "Probe":
            return self

        def __exit__(self, *_: object) -> None: ...

        def connect(self, to: tuple[str, int]) -> None:
            if not online:
                raise OSError("no network")

        def getsockname(self) -> tuple[str, int]:
            return "192.168.0.7", 4321

    fake = SimpleNamespace(socket=Probe, AF_INET=socket.AF_INET, SOCK_DGRAM=socket.SOCK_DGRAM)
    monkeypatch.setattr(server, "socket", fake)
    here, online = "http://localhost:7860/", True
    assert server._address_for_others("0.0.0.0", here) == "http://192.168.0.7:7860/"
    assert server._address_for_others("127.0.0.1", here) == here
    online = False
    assert server._address_for_others("0.0.0.0", here) == here
