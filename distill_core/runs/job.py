"""A job: what a worker is given, and how it is run to its end."""

import contextlib
import importlib
import json
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from distill_core.environment import peak_memory
from distill_core.errors import Diverged, Stopped, UserError
from distill_core.events import Ended, Event, Fact, Point
from distill_core.messages import message, message_data, restore_message

PIPELINE = "distill_core.pipeline.distill:distill"
LOG_FILE = "log.txt"
CURVE_FILE = "curve.jsonl"
PROCESS_PREFIX = "stillroom-"  # of our processes
FLUSH_SECONDS = 0.05
NICENESS = 10  # of a run: the page goes first
PRIORITY_DELAY = 3.0  # seconds until then: who has just pressed Start waits for the first point of the curve
TERMINATE_TIMEOUT = 5.0  # seconds between terminate and kill
# One thread a run: on shared cores two threads that wait for each other are many times slower than one.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive", "TOKENIZERS_PARALLELISM": "false"}


@dataclass(frozen=True)
class Job:
    """All that a worker is told. `target` is "module:function" with the signature of pipeline.distill."""

    run: str
    config: dict[str, Any]
    folder: Path
    cache: Path
    target: str = PIPELINE
    home: Path | None = None  # where kept teachers stand; None: wherever the worker's environment says
    nice: int = NICENESS
    haste: float = PRIORITY_DELAY


class Worker(Protocol):
    """A started run. `exit_reason` is a phrase once `receive` gave None without an Ended before it."""

    exit_reason: str

    def receive(self, seconds: float) -> list[Event] | None:
        """What the run said since, waiting at most so long; None when it will say no more."""

    def ask_stop(self) -> None:
        """Asks it to end with what it has. Returns at once."""

    def kill(self) -> None:
        """Ends it now, as far as its kind can be."""


def run_job(job: Job, say: Callable[[Event], None], stop: Callable[[], bool]) -> None:
    """Runs `job` to its end; the last thing said is an Ended."""
    try:
        from distill_core.cache import Cache
        from distill_core.config.schema import Config

        module, _, function = job.target.partition(":")
        distill = getattr(importlib.import_module(module), function)
        config = Config.of(**job.config)
        curve = job.folder / CURVE_FILE
        for point in _journalled_points(curve):
            say(point)
        with curve.open("a", encoding="utf-8", buffering=1) as journal:
            for event in distill(config, job.folder, Cache(job.cache), stop):
                if isinstance(event, Point):
                    journal.write(json.dumps([event.series, event.step, event.value]) + "\n")
                say(event)
        if peak := peak_memory():
            say(Fact("memory", peak))
        said = Ended("stopped", message("Stopped; the best student so far was kept.")) if stop() else Ended("finished")
    except UserError as error:
        said = Ended("failed", restore_message(str(error), message_data(error)))
    except Stopped as error:
        said = Ended("stopped", restore_message(str(error), message_data(error)))
    except Diverged as error:
        said = Ended("diverged", restore_message(str(error), message_data(error)))
    except Exception as error:
        what = str(error).strip().partition("\n")[0]
        trace = traceback.format_exc()
        print(trace, file=sys.stderr)
        told = f"{type(error).__name__}: {what}" if what else type(error).__name__
        said = Ended("failed", message("Stillroom made a mistake ({what}). The traceback is in the run's log.",
                                      what=told), trace)  # fmt: skip
    say(said)


def _journalled_points(curve: Path) -> Iterator[Point]:
    """What an earlier try of this run had drawn. The store may have missed the last of it when the app was killed, and
    the pipeline, going on from its checkpoint, will not say it again; the store drops what it has."""
    for line in curve.read_text(encoding="utf-8").splitlines() if curve.is_file() else ():
        with contextlib.suppress(ValueError, TypeError):  # the last line may be half
            yield Point(*json.loads(line))
