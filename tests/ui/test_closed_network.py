"""The server works on a closed network: from its start to a finished run and its answers, neither it nor any process it
starts looks up another machine's name or speaks to one. (Every browser test fails where the page asks of one.)
"""

import os
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from distill_core import ENDED
from scripts.served import call, served

pytestmark = pytest.mark.timeout(900)

# Python imports this by its name in every process that the app starts, workers too, before anything else.
EAR = """
import os, socket, sys
def hear(event, given):
    if event in ("socket.connect", "socket.sendto"):
        to = given[1]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        to = given[0]
    else:
        return
    with open(os.environ["STILLROOM_EAR"], "a") as heard:
        print(event, to[0] if isinstance(to, tuple) else to, file=heard)
sys.addaudithook(hear)
"""
HERE = ("127.0.0.1", "::1", "localhost", "0.0.0.0", "None", "/", "b'", "\0")  # a path is a socket on this machine


def test_no_process_of_the_app_asks_of_another_machine(tmp_path: Path, toy_csv: Path, tiny_teacher: Path) -> None:
    heard = tmp_path / "heard.txt"
    (tmp_path / "sitecustomize.py").write_text(EAR)
    left_out = ("HF_ENDPOINT", "HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY")  # the tests' own: a user has none of them
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    environment |= {"PYTHONPATH": str(tmp_path), "STILLROOM_EAR": str(heard), "HF_HOME": str(tmp_path / "hub")}
    with served(tmp_path, environment=environment) as app:
        for page in ("/", "/history", "/de/", "/config"):
            urllib.request.urlopen(app.address + page, timeout=60).close()
        assert call(app.address, "preview_augmentation", {"task": "reviews"}, "The soup was bland.", 2)["offspring"]
        builtin = {"task": "reviews", "limit": 60, "n_iter": 0, "epochs": 1, "evaluations": 1, "control": False,
                   "width": 8, "hidden": 8, "fc": 8, "transfer_limit": 300}  # fmt: skip
        own = {"task": "file", "train": str(toy_csv), "teacher": str(tiny_teacher), "fine_tune": True, "n_iter": 1,
               "neighbours": 0, "width": 8, "hidden": 8, "fc": 8, "epochs": 1, "evaluations": 1,
               "max_tokens": 16}  # fmt: skip
        for run in [call(app.address, "start_run", knobs) for knobs in (builtin, own)]:
            while (status := call(app.address, "run", run)["status"]) not in ENDED:
                time.sleep(0.3)
            assert status == "finished"
            assert call(app.address, "predict", run, "The soup was bland.", "")["teacher"]
    lines = heard.read_text().splitlines()
    assert any("127.0.0.1" in line for line in lines), "the ear heard nothing, not even Gradio asking itself"
    away = {line for line in lines if not line.partition(" ")[2].startswith(HERE)}
    assert not away
