"""The server tells people an address that they can type, and opens its page whatever the home."""

import socket
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from distill_core.runs.store import Store
from scripts.served import served
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


@pytest.mark.timeout(180)
def test_a_home_that_cannot_be_written_to_opens_the_page(tmp_path: Path, toy_csv: Path) -> None:
    """What is there can be looked at, and whatever would write is refused with one sentence, in the bar too."""
    client, refusal = pytest.importorskip("gradio_client"), "Set STILLROOM_HOME to a folder that you may write to"
    home = tmp_path / "home"
    store = Store(home)
    mine, example = store.create({"task": "file"}, name="mine"), store.runs(1, examples=True)[0].id
    store.ask_stop(mine)
    store.close()
    (home / "locks" / "write").unlink()
    (home / "locks" / "write").mkdir()  # root may write to whatever belongs to others
    with served(tmp_path) as app:
        for page in ("/", f"/?run={example}", "/learn", "/history"):
            assert urllib.request.urlopen(app.address + page, timeout=60).status == 200
        page = client.Client(app.address, verbose=False)
        assert [row["run"] for row in page.predict(api_name="/runs")] == [mine]
        assert page.predict(example, api_name="/run")["scores"]["student"]["accuracy"] > 0.5
        assert page.predict({"task": "reviews"}, api_name="/inspect_data")["labels"] == ["negative", "positive"]
        for name, *values in (("start_run", {"task": "reviews"}), ("resume_run", mine), ("rename_run", mine, "other"),
                              ("upload_file", client.handle_file(toy_csv))):  # fmt: skip
            with pytest.raises(Exception, match=refusal):
                page.predict(*values, api_name=f"/{name}")
    assert refusal in (tmp_path / "log.txt").read_text() and "Traceback" not in (tmp_path / "log.txt").read_text()
