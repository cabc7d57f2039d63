"""A worker in a process of its own, started by a fork server where the platform has one."""

import contextlib
import faulthandler
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from multiprocessing import connection, forkserver, spawn
from pathlib import Path
from typing import Any

from distill_core.events import Event
from distill_core.messages import worded
from distill_core.runs.job import ENVIRONMENT, FLUSH_SECONDS, LOG, NAME, PATIENCE, Job, perform

PRELOAD = "distill_core.runs.preload"
_starting = threading.Lock()


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
    root = str(Path(__file__).parents[2])
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
