"""What the fork server holds ready. A part of it that breaks is passed over in silence: the first run is slower."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import re
import distill_core.preload
from distill_core import data, teacher
from distill_core.config import Config

rows, other = data.load(Config()), data.load(Config(seed=1))
print(data.load(Config()) is rows, data.load(Config(seed=1)) is other, other.train.texts == rows.train.texts)
made, compile = [], re._compiler.compile
re._compiler.compile = lambda *given: made.append(given) or compile(*given)
teacher.load("builtin", rows.labels, rows.pair, Config())
print(len(made))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the fork server is Linux's")
def test_the_built_in_example_waits_ready() -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    rows, patterns = done.stdout.splitlines()[-2:]
    assert rows == "True False False", "these rows are loaded, others are read when they are asked for"
    assert int(patterns) < 100, "each architecture's names of weights are patterns, a thousand in all"
