"""Worker in a process of its own, started by a fork server where the platform has one."""

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
from typing import TYPE_CHECKING

from distill_core import bounded
from distill_core.events import Event
from distill_core.messages import message
from distill_core.runs.job import (
    ENVIRONMENT,
    FLUSH_SECONDS,
    JOIN_TIMEOUT,
    LOG_FILE,
    PROCESS_PREFIX,
    TERMINATE_TIMEOUT,
    Job,
    run_job,
)

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext, SpawnContext  # Windows has no fork server

PRELOAD = "distill_core.runs.preload"
SEEN = "stop seen"  # sent once, between the events
_environment_lock = threading.Lock()


class ProcessWorker:
    """Worker in a process, heard through a pipe."""

    def __init__(self, job: Job):
        context = _context()
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_main, args=(theirs, job), name=f"{PROCESS_PREFIX}{job.run}", daemon=True
        )
        self.exit_reason: str = ""
        self.stop_seen = self._killed = False
        warm_up()
        with _environment() if _start_method() == "spawn" else contextlib.nullcontext():
            self._process.start()
        theirs.close()

    @property
    def pid(self) -> int | None:
        """Id of the process, None before it started."""
        return self._process.pid

    def receive(self, seconds: float) -> list[Event] | None:
        """Events as of `Worker.receive`."""
        events: list[Event] = []
        try:
            while self._pipe.poll(0 if events else seconds):
                if not events:
                    time.sleep(FLUSH_SECONDS)  # so that a batch comes together, and costs one transaction
                sent = self._pipe.recv()
                if sent == SEEN:
                    self.stop_seen = True
                else:
                    events.append(sent)
        except (EOFError, OSError):
            if events:
                return events
            self._end()
            return None
        return events

    def ask_stop(self) -> None:
        """Ask the run to stop, as of `Worker.ask_stop`."""
        with contextlib.suppress(OSError):  # it has just ended by itself
            self._pipe.send("stop")

    def kill(self) -> None:
        """Terminate the process, and kill it where it goes on."""
        self._killed = True
        self._process.terminate()
        self._process.join(TERMINATE_TIMEOUT)
        if self._process.is_alive():
            self._process.kill()
            self._process.join(JOIN_TIMEOUT)

    def _end(self) -> None:
        self._process.join(JOIN_TIMEOUT)
        if self._process.is_alive():
            self.kill()
        code = self._process.exitcode
        if code is not None and code < 0:
            with contextlib.suppress(ValueError):
                killer = signal.Signals(-code).name
                self.exit_reason = message("killed by {signal}", signal=killer)
                if killer == "SIGKILL" and not self._killed:
                    self.exit_reason = message("killed by {signal}, as a system does that runs out of memory",
                                               signal=killer)  # fmt: skip
        self.exit_reason = self.exit_reason or message("exit code {code}", code=str(code))


def warm_up() -> None:
    """Start the fork server, if this platform has one, so that the first run need not wait for it. Returns at once."""
    if _start_method() != "forkserver":
        return
    with _environment():
        multiprocessing.get_context("forkserver").set_forkserver_preload([PRELOAD])
        forkserver.ensure_running()


def isolate() -> None:
    """Let children of this process read what comes from elsewhere (see `bounded`), started as workers are."""
    warm_up()
    bounded.isolate(_context())


def _isolate_worker() -> None:
    """The same for a worker, which is no client of the fork server: it forks by itself, as long as it has no threads
    that compute. Elsewhere it reads in place."""
    if _start_method() == "forkserver":
        multiprocessing.current_process().daemon = False  # a daemon may start no child, and this process waits for none
        bounded.isolate(multiprocessing.get_context("fork"))


def _start_method() -> str:
    """Start method of worker processes. Forking crashes once macOS' frameworks are loaded, and Windows can't fork."""
    return "forkserver" if sys.platform == "linux" else "spawn"


def _context() -> "ForkServerContext | SpawnContext":
    if _start_method() == "forkserver":
        return multiprocessing.get_context("forkserver")
    return multiprocessing.get_context("spawn")


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    """Environment that a new process inherits, taken out of ours again."""
    root = str(Path(__file__).parents[2])
    wanted = {name: value for name, value in ENVIRONMENT.items() if name not in os.environ}
    # Python 3.11's fork server preloads with the bare sys.path, whatever ours is.
    wanted["PYTHONPATH"] = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    with _environment_lock:
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


_original_preparation_data = spawn.get_preparation_data


def _without_main(name: str) -> dict[str, object]:
    """Preparation data of a new process, for ours without the caller's main module: it would import app.py, and Gradio
    with it, once more, and run a notebook's or a script's first lines again."""
    data = _original_preparation_data(name)
    if name.startswith(PROCESS_PREFIX):
        data.pop("init_main_from_name", None)
        data.pop("init_main_from_path", None)
    return data


spawn.get_preparation_data = _without_main


def _main(pipe: connection.Connection, job: Job) -> None:
    """Main function of a worker process."""
    if job.home:
        os.environ["STILLROOM_HOME"] = str(job.home)  # a fork server's environment is as old as the first run
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    bounded.exit_with_parent()
    threading.Timer(job.haste, _lower_priority, [job.nice]).start()
    _isolate_worker()
    log = open(job.folder / LOG_FILE, "a", encoding="utf-8", buffering=1)  # noqa: SIM115  open as long as the process
    # What libraries print must not mix with the command line's own output.
    os.dup2(log.fileno(), 1)
    os.dup2(log.fileno(), 2)
    faulthandler.enable(log)
    stop = threading.Event()
    threading.Thread(target=_listen_for_stop, args=(pipe, stop), daemon=True).start()
    seen = threading.Event()

    def is_stopped() -> bool:
        if stop.is_set() and not seen.is_set():
            seen.set()
            pipe.send(SEEN)
        return stop.is_set()

    try:
        # Sent one by one and at once: what is in the pipe survives this process, what waits in it would not.
        run_job(job, pipe.send, is_stopped)
    except OSError:
        os._exit(1)  # nobody hears it any more
    # Not through the interpreter's own end: a library's left-over thread could hold it there.
    sys.stdout.flush()
    os._exit(0)


def _lower_priority(nice: int) -> None:
    """Lower the priority of the process. Linux counts niceness by the thread, other systems by the process."""
    threads = Path("/proc/self/task")
    if threads.is_dir():
        level = os.nice(0) + nice
        for thread in threads.iterdir():
            with contextlib.suppress(OSError):  # it has just ended
                os.setpriority(os.PRIO_PROCESS, int(thread.name), level)
    elif hasattr(os, "nice"):
        os.nice(nice)


def _listen_for_stop(pipe: connection.Connection, stop: threading.Event) -> None:
    with contextlib.suppress(EOFError, OSError):
        while pipe.recv():
            stop.set()
