"""One run, in a process of its own or in a thread: iterates the pipeline and says what it yields.

Knows nothing of the store. A worker is made by `start`, heard with `receive`, and ended with `ask_stop` or `kill`.
"""

import contextlib
import faulthandler
import importlib
import json
import multiprocessing
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import connection, forkserver, spawn
from pathlib import Path
from typing import Any, Protocol

from distill_core.errors import Diverged, Stopped, UserError
from distill_core.events import Ended, Event, Fact, Point
from distill_core.host import peak_memory
from distill_core.sentences import made, sentence, worded

PIPELINE = "distill_core.pipeline:distill"
PRELOAD = "distill_core.preload"
LOG = "log.txt"
CURVE = "curve.jsonl"
NAME = "stillroom-"  # of our processes
FLUSH_SECONDS = 0.05
NICE = 10  # of a run: the page goes first
HASTE = 3.0  # seconds until then: who has just pressed Start waits for the first point of the curve
PATIENCE = 5.0  # seconds between terminate and kill
# One thread a run: on shared cores two threads that wait for each other are many times slower than one.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive", "TOKENIZERS_PARALLELISM": "false"}
_starting = threading.Lock()


@dataclass(frozen=True)
class Job:
    """All that a worker is told. `target` is "module:function" with the signature of pipeline.distill."""

    run: str
    config: dict[str, Any]
    folder: Path
    cache: Path
    target: str = PIPELINE
    home: Path | None = None  # where kept teachers stand; None: wherever the worker's environment says
    nice: int = NICE
    haste: float = HASTE


class Worker(Protocol):
    """A started run. `how_it_died` is a phrase once `receive` gave None without an Ended before it."""

    how_it_died: str

    def receive(self, seconds: float) -> list[Event] | None:
        """What the run said since, waiting at most so long; None when it will say no more."""

    def ask_stop(self) -> None:
        """Asks it to end with what it has. Returns at once."""

    def kill(self) -> None:
        """Ends it now, as far as its kind can be."""


def start(job: Job, thread: bool) -> Worker:
    """Starts the run and returns while it works."""
    return _ThreadWorker(job) if thread else _ProcessWorker(job)


def perform(job: Job, say: Callable[[Event], None], stop: Callable[[], bool]) -> None:
    """Runs `job` to its end; the last thing said is an Ended."""
    try:
        from distill_core.cache import Cache
        from distill_core.config import Config

        module, _, function = job.target.partition(":")
        distill = getattr(importlib.import_module(module), function)
        config = Config.of(**job.config)
        curve = job.folder / CURVE
        for point in _points(curve):
            say(point)
        with curve.open("a", encoding="utf-8", buffering=1) as journal:
            for event in distill(config, job.folder, Cache(job.cache), stop):
                if isinstance(event, Point):
                    journal.write(json.dumps([event.series, event.step, event.value]) + "\n")
                say(event)
        if peak := peak_memory():
            say(Fact("memory", peak))
        said = Ended("stopped", worded("Stopped; the best student so far was kept.")) if stop() else Ended("finished")
    except UserError as error:
        said = Ended("failed", sentence(str(error), made(error)))
    except Stopped as error:
        said = Ended("stopped", sentence(str(error), made(error)))
    except Diverged as error:
        said = Ended("diverged", sentence(str(error), made(error)))
    except Exception as error:
        what = str(error).strip().partition("\n")[0]
        trace = traceback.format_exc()
        print(trace, file=sys.stderr)
        told = f"{type(error).__name__}: {what}" if what else type(error).__name__
        said = Ended("failed", worded("Stillroom made a mistake ({what}). The traceback is in the run's log.",
                                      what=told), trace)  # fmt: skip
    say(said)


def _points(curve: Path) -> Iterator[Point]:
    """What an earlier try of this run had drawn. The store may have missed the last of it when the app was killed, and
    the pipeline, going on from its checkpoint, will not say it again; the store drops what it has."""
    for line in curve.read_text(encoding="utf-8").splitlines() if curve.is_file() else ():
        with contextlib.suppress(ValueError, TypeError):  # the last line may be half
            yield Point(*json.loads(line))


# ---- a process


class _ProcessWorker:
    def __init__(self, job: Job):
        context = multiprocessing.get_context(_method())
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_main, args=(theirs, job), name=f"{NAME}{job.run}", daemon=True)
        self.how_it_died = ""
        warm_up()
        with _environment() if _method() == "spawn" else contextlib.nullcontext():
            self._process.start()
        theirs.close()

    @property
    def pid(self) -> int | None:
        return self._process.pid

    def receive(self, seconds: float) -> list[Event] | None:
        events: list[Event] = []
        try:
            while self._pipe.poll(0 if events else seconds):
                if not events:
                    time.sleep(FLUSH_SECONDS)  # so that a batch comes together, and costs one transaction
                events.append(self._pipe.recv())
        except (EOFError, OSError):
            if events:
                return events
            self._end()
            return None
        return events

    def ask_stop(self) -> None:
        with contextlib.suppress(OSError):  # it has just ended by itself
            self._pipe.send("stop")

    def kill(self) -> None:
        self._process.terminate()
        self._process.join(PATIENCE)
        if self._process.is_alive():
            self._process.kill()
            self._process.join(PATIENCE)

    def _end(self) -> None:
        self._process.join(PATIENCE)
        if self._process.is_alive():
            self.kill()
        code = self._process.exitcode
        if code is not None and code < 0:
            with contextlib.suppress(ValueError):
                self.how_it_died = worded("killed by {signal}", signal=signal.Signals(-code).name)
        self.how_it_died = self.how_it_died or worded("exit code {code}", code=str(code))


def warm_up() -> None:
    """Starts the fork server, if this platform has one, so that the first run need not wait for it. Returns at once."""
    if _method() != "forkserver":
        return
    with _environment():
        multiprocessing.get_context("forkserver").set_forkserver_preload([PRELOAD])
        forkserver.ensure_running()


def _method() -> str:
    """Forking after the frameworks of macOS were loaded crashes, and Windows can't fork."""
    return "forkserver" if sys.platform == "linux" else "spawn"


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    """What a new process shall inherit, without leaving it in ours."""
    root = str(Path(__file__).parents[1])
    wanted = {name: value for name, value in ENVIRONMENT.items() if name not in os.environ}
    # Python 3.11's fork server preloads with the bare sys.path, whatever ours is.
    wanted["PYTHONPATH"] = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    with _starting:
        before = {name: os.environ.get(name) for name in wanted}
        os.environ.update(wanted)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


_everyones = spawn.get_preparation_data


def _preparation(name: str) -> dict[str, Any]:
    """What multiprocessing tells a new process, less the caller's main module for ours: it would import app.py, and
    Gradio with it, once more, and run a notebook's or a script's first lines again."""
    data = _everyones(name)
    if name.startswith(NAME):
        data.pop("init_main_from_name", None)
        data.pop("init_main_from_path", None)
    return data


spawn.get_preparation_data = _preparation


def _main(pipe: connection.Connection, job: Job) -> None:
    """The life of a worker process."""
    if job.home:
        os.environ["STILLROOM_HOME"] = str(job.home)  # a fork server's environment is as old as the first run
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _die_with(multiprocessing.parent_process())
    threading.Timer(job.haste, _give_way, [job.nice]).start()
    log = open(job.folder / LOG, "a", encoding="utf-8", buffering=1)  # noqa: SIM115  open as long as the process
    # What libraries print must not mix with the command line's own output.
    os.dup2(log.fileno(), 1)
    os.dup2(log.fileno(), 2)
    faulthandler.enable(log)
    stop = threading.Event()
    threading.Thread(target=_listen, args=(pipe, stop), daemon=True).start()
    try:
        # Sent one by one and at once: what is in the pipe survives this process, what waits in it would not.
        perform(job, pipe.send, stop.is_set)
    except OSError:
        os._exit(1)  # nobody hears it any more
    # Not through the interpreter's own end: a library's left-over thread could hold it there.
    sys.stdout.flush()
    os._exit(0)


def _give_way(nice: int) -> None:
    """Linux counts niceness by the thread, other systems by the process."""
    threads = Path("/proc/self/task")
    if threads.is_dir():
        level = os.nice(0) + nice
        for thread in threads.iterdir():
            with contextlib.suppress(OSError):  # it has just ended
                os.setpriority(os.PRIO_PROCESS, int(thread.name), level)
    elif hasattr(os, "nice"):
        os.nice(nice)


def _die_with(parent: Any) -> None:
    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    if parent is not None:
        threading.Thread(target=watch, daemon=True).start()


def _listen(pipe: connection.Connection, stop: threading.Event) -> None:
    with contextlib.suppress(EOFError, OSError):
        while pipe.recv():
            stop.set()


# ---- a thread


class _Abandoned(BaseException):
    """Raised in a thread that was killed, at the next thing it says."""


class _ThreadWorker:
    """Where no process can be had. It can't be killed between two events, shares torch's generator, and slows the
    page; so `jobs` runs one at a time."""

    def __init__(self, job: Job):
        self._said: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._stop, self._abandoned, self._over = threading.Event(), threading.Event(), threading.Event()
        self.how_it_died = worded("the thread was left")
        self._thread = threading.Thread(target=self._run, args=(job,), name=f"{NAME}{job.run}", daemon=True)
        self._thread.start()

    def _run(self, job: Job) -> None:
        with contextlib.suppress(ImportError):  # which the run will tell
            import torch

            torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or ENVIRONMENT["OMP_NUM_THREADS"]))
        interval = sys.getswitchinterval()
        sys.setswitchinterval(0.0005)  # many tiny operations hold the interpreter otherwise, and the page with it
        try:
            perform(job, self._say, self._stop.is_set)
        except _Abandoned:
            pass
        finally:
            sys.setswitchinterval(interval)
            self._over.set()

    def _say(self, event: Event) -> None:
        if self._abandoned.is_set():
            raise _Abandoned
        self._said.put(event)

    def receive(self, seconds: float) -> list[Event] | None:
        over = self._over.is_set()  # asked first: what is said before the end must not be lost
        events: list[Event] = []
        with contextlib.suppress(queue.Empty):
            events.append(self._said.get(timeout=0 if over else seconds) if not over else self._said.get_nowait())
            time.sleep(0 if over else FLUSH_SECONDS)
            while True:
                events.append(self._said.get_nowait())
        if events or not (over or self._abandoned.is_set()):
            return events
        return None

    def ask_stop(self) -> None:
        self._stop.set()

    def kill(self) -> None:
        self._stop.set()
        self._abandoned.set()
        self._thread.join(PATIENCE)
