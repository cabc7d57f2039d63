"""What the fork server holds ready. A part of it that breaks is passed over in silence: the first run is slower."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import re
from dataclasses import replace
import distill_core.runs.preload
from distill_core import tasks
from distill_core.config.schema import Config
from distill_core.distillation import transfer_set
from distill_core.teacher import loading

load = tasks.load_dataset
rows, other = load(Config()), load(Config(seed=1))
print(load(Config()) is rows, load(Config(seed=1)) is other, other.train.texts == rows.train.texts)

def built(config, of=rows):
    building = transfer_set.build_transfer_set(of, config)
    while True:
        try:
            next(building)
        except StopIteration as done:
            return done.value

kept, anew = built(Config()), built(Config(), replace(rows))
print(built(Config()) is kept, anew is kept, anew == kept, built(Config(n_iter=1)) == kept)
made, compile = [], re._compiler.compile
re._compiler.compile = lambda *given: made.append(given) or compile(*given)
loading.load_teacher("builtin", rows.labels, rows.pair, Config())
print(len(made))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the fork server is Linux's")
def test_the_built_in_example_waits_ready() -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    rows, texts, patterns = done.stdout.splitlines()[-3:]
    assert rows == "True False False", "these rows are loaded, others are read when they are asked for"
    assert texts == "True False True False", "its transfer set too, the same that is made when it is asked for"
    assert int(patterns) < 100, "each architecture's names of weights are patterns, a thousand in all"
