"""Job of a worker: what it needs to know, and how it runs to its end."""

import contextlib
import importlib
import json
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from distill_core.config.presets import KnobValues
from distill_core.environment import peak_memory
from distill_core.errors import Diverged, Stopped, UserError
from distill_core.events import Ended, Event, Fact, Note, Point
from distill_core.faults import explain_fault
from distill_core.messages import message, message_data, restore_message
from distill_core.runs.curves import CurvePoint, Curves, training_of

PIPELINE = "distill_core.pipeline.distill:distill"
LOG_FILE = "log.txt"
CURVE_FILE = "curve.jsonl"
PROCESS_PREFIX = "stillroom-"  # of our processes
FLUSH_SECONDS = 0.05
NICENESS = 10  # of a run: the page goes first
PRIORITY_DELAY = 3.0  # seconds until then: who has just pressed Start waits for the first point of the curve
DRAWN_ANEW = message("The points that an earlier try of this training left in the curves were dropped: they are drawn "
                     "anew.")  # fmt: skip
TERMINATE_TIMEOUT = 0.5  # seconds between terminate and kill
JOIN_TIMEOUT = 5.0  # seconds until a worker that is to end has ended
# One thread a run: on shared cores two threads that wait for each other are many times slower than one.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive", "TOKENIZERS_PARALLELISM": "false"}


@dataclass(frozen=True)
class Job:
    """Job for a worker. `target` is "module:function" with the signature of pipeline.distill."""

    run: str
    config: KnobValues
    folder: Path
    cache: Path
    target: str = PIPELINE
    home: Path | None = None  # where saved teachers stand; None: wherever the worker's environment says
    nice: int = NICENESS
    haste: float = PRIORITY_DELAY


class Worker(Protocol):
    """Worker of a started run. `exit_reason` is a phrase once `receive` returned None without an Ended before it."""

    exit_reason: str
    stop_seen: bool  # whether the run has noticed that it is to stop

    def receive(self, seconds: float) -> list[Event] | None:
        """Events since the last call, waiting at most so many seconds for one; None after the last."""

    def ask_stop(self) -> None:
        """Ask the run to end with the best student so far. Returns at once."""

    def kill(self) -> None:
        """Kill the worker, as far as its kind can be."""


def run_job(job: Job, say: Callable[[Event], None], stop: Callable[[], bool]) -> None:
    """Run `job` to its end; the last event is an Ended."""
    try:
        from distill_core.cache import Cache
        from distill_core.config.schema import Config

        module, _, function = job.target.partition(":")
        distill = getattr(importlib.import_module(module), function)
        config = Config.stored(job.config)
        curve = job.folder / CURVE_FILE
        curves = Curves(_journalled_points(curve))
        for point in curves.points():
            say(Point(*point))
        anew: set[str] = set()  # stages of trainings that did not go on from their earlier try
        with curve.open("a", encoding="utf-8", buffering=1) as journal:
            for event in distill(config, job.folder, Cache(job.cache), stop):
                if isinstance(event, Point):
                    outcome = curves.add(event.series, event.step, event.value)
                    if outcome == "anew" and (stage := training_of(event.series)[0]) not in anew:
                        anew.add(stage)
                        say(Note(DRAWN_ANEW, about=stage))
                    journal.write(json.dumps([event.series, event.step, event.value]) + "\n")
                say(event)
        if peak := peak_memory():
            say(Fact("memory", peak))
        ended = Ended("stopped", message("Stopped; the best student so far was kept.")) if stop() else Ended("finished")
    except UserError as error:
        ended = Ended("failed", restore_message(str(error), message_data(error)))
    except Stopped as error:
        ended = Ended("stopped", restore_message(str(error), message_data(error)))
    except Diverged as error:
        ended = Ended("diverged", restore_message(str(error), message_data(error)))
    except Exception as error:
        if fault := explain_fault(error, job.folder, peak_memory()):
            print(traceback.format_exc(), file=sys.stderr)
            return say(Ended("failed", fault))
        what = str(error).strip().partition("\n")[0]
        trace = traceback.format_exc()
        print(trace, file=sys.stderr)
        reason = f"{type(error).__name__}: {what}" if what else type(error).__name__
        ended = Ended("failed", message("Stillroom made a mistake ({what}). The traceback is in the run's log.",
                                       what=reason), trace)  # fmt: skip
    say(ended)


def _journalled_points(curve: Path) -> Iterator[CurvePoint]:
    """Points of earlier tries of this run. The store may lack the last of them where the app was killed, and the
    pipeline, going on from its checkpoint, yields them no more. The store drops those that it has."""
    for line in curve.read_text(encoding="utf-8", errors="replace").splitlines() if curve.is_file() else ():
        with contextlib.suppress(ValueError, TypeError):  # the last line may be half
            series, step, value = json.loads(line)
            yield str(series), int(step), float(value)
