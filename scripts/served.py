"""The app in a process of its own, as a user starts it, with a home of its own: for tests, benchmarks and pictures."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
CHECKOUT = (sys.executable, "app.py")  # the command that opens the page
PATIENCE = 180  # seconds until an app that does not answer is given up
CHROMIUM = os.environ.get("STILLROOM_CHROMIUM", "/usr/bin/chromium")
# The last one lets a page that a test only pretends to have from another host frame the app on this machine.
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-features=LocalNetworkAccessChecks",
]  # fmt: skip


@dataclass(frozen=True)
class App:
    """A running app: its address and the process that serves it."""

    address: str
    pid: int


@contextmanager
def served(
    place: Path, *options: str, environment: dict[str, str] | None = None, port: int | None = None,
    command: Sequence[str] = CHECKOUT, folder: Path = ROOT,
) -> Iterator[App]:  # fmt: skip
    """The app with its home in `place`, where it also writes log.txt; ended at the end. `environment` stands in for
    this process's own, `port` for one that is free; `command` opens it in `folder`. Raises RuntimeError, with what the
    app said, where it does not start."""
    if port is None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
    homes = {"STILLROOM_HOME": str(place / "home"), "GRADIO_TEMP_DIR": str(place / "uploads")}
    log = place / "log.txt"
    with log.open("wb") as written:
        server = subprocess.Popen(
            [*command, "--port", str(port), *options], cwd=folder, stdout=written,
            stderr=subprocess.STDOUT, env=(os.environ if environment is None else environment) | homes,
        )  # fmt: skip
        try:
            app = App(f"http://127.0.0.1:{port}", server.pid)
            _wait(app, server, log)
            yield app
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()


def call(address: str, action: str, *given: Any) -> Any:
    """What one of the named endpoints of the app at `address` answers. Raises RuntimeError, with its words, where it
    refuses."""
    asked = urllib.request.Request(
        f"{address}/gradio_api/run/{action}", json.dumps({"data": given}).encode(), {"content-type": "application/json"}
    )
    try:
        with urllib.request.urlopen(asked, timeout=120) as answer:
            return json.load(answer)["data"][0]
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"{action}: {error.read().decode()}") from None


def _wait(app: App, server: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            urllib.request.urlopen(app.address, timeout=20).close()
            return
        except OSError:
            if server.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"the app did not start: {log.read_text(errors='replace')}") from None
            time.sleep(0.3)
