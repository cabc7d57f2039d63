"""Pipelines that learn nothing, for the tests of what runs them: quick, and ill-behaved when the config asks for it.

The knob `dataset` says how to behave; `epochs` says for how many steps of 20 ms. One that shall "wait" does so in its
eighth step, until it is stopped or the file "go" stands in the store's home.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from distill_core.cache import Cache, write_atomic
from distill_core.config.schema import Config
from distill_core.environment import home
from distill_core.errors import DataError, Diverged, Stopped
from distill_core.events import Compared, Event, Note, Point, Progress, StageEnded, StageStarted
from distill_core.messages import message

SCORE = {"macro_f1": 0.8, "low": 0.7, "high": 0.9, "parameters": 10, "bytes": 40, "latency_ms": 0.1, "texts_per_s": 9.0}
SUMMARY: dict[str, Any] = {
    "rows": {"train": 4, "valid": 2, "test": 3, "transfer": 40},
    "scored_on": "test",
    "scores": {row: {"accuracy": a, **SCORE} for row, a in zip(("floor", "control", "student", "teacher"),
                                                              (0.6, 0.7, 0.8, 0.9), strict=True)},
    "gap_recovered": 0.5, "kept": 0.8 / 0.9, "agreement": 0.95, "split": {"both": 1},
}  # fmt: skip


def distill(config: Config, folder: Path, cache: Cache, stop: Callable[[], bool]) -> Iterator[Event]:
    """Counts to `epochs`, remembering in `folder` how far it came."""
    how = config.dataset or ""
    yield StageStarted("data")
    yield Note("pid " + str(os.getpid()))
    print("a library prints something")
    if how == "user error":
        row = message("Row {number:,} of {source}", number=3, source="toy.csv")
        raise DataError(message("{row} has no {which}. Fill it in or delete the row.", row=row, which=message("text")))
    if how == "bug":
        raise RuntimeError("a bug of ours\nwith a second line")
    if how == "diverged":
        raise Diverged("The loss left the numbers at step 3.")
    if how == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if how == "modules":
        yield Note(" ".join(sorted(name for name in ("gradio", "pytest") if name in sys.modules)) or "clean")
        yield Note(f"home {home()}")
        yield Note(" ".join(f"{name}={os.environ.get(name)}" for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY")))
    if how == "nice":
        hasty, until = os.nice(0), time.monotonic() + 30
        threading.Thread(target=time.sleep, args=[60], daemon=True).start()
        threads = {hasty}
        while hasty in threads and time.monotonic() < until:
            time.sleep(0.05)
            threads = {os.getpriority(os.PRIO_PROCESS, int(thread)) for thread in os.listdir("/proc/self/task")}
        yield Note(f"{hasty} {threads}")
    yield StageEnded("data", 0.5)
    yield StageStarted("student")
    done = folder / "step"
    first = int(done.read_text()) + 1 if done.is_file() else 1
    epochs = config.epochs if config.epochs != "auto" else 3
    for step in range(first, epochs + 1):
        time.sleep(0.02)
        while how == "deaf":
            time.sleep(0.1)
        while how == "wait" and step == 8 and not (stop() or (folder.parents[1] / "go").exists()):
            time.sleep(0.02)
        if stop():
            break
        if how == "die once" and step == 5 and first == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "die always" and step % 3 == 0:
            os._exit(3)
        yield Point("student/loss", step, 1.0 / step)
        yield Progress("student", step, epochs, "steps", (epochs - step) * 0.02)
        write_atomic(done, str(step).encode())
    else:
        stop = bool  # came to the end by itself
    if how == "slow to end":
        time.sleep(1)
    if stop() and not done.is_file():
        raise Stopped("Stopped before there was a student to save.")
    yield StageEnded("student", 1.5)
    yield Compared(SUMMARY)
