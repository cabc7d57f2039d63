"""Worker in a thread, where no process can be started."""

import contextlib
import os
import queue
import sys
import threading
import time

from distill_core.events import Event
from distill_core.messages import message
from distill_core.runs.job import ENVIRONMENT, FLUSH_SECONDS, JOIN_TIMEOUT, PROCESS_PREFIX, Job, run_job


class _Abandoned(BaseException):
    """Abandoned: raised in a thread that was killed, at its next event."""


class ThreadWorker:
    """Worker where no process can be started. It can't be killed between two events, shares torch's generator, and
    slows the page; so `queue` runs one at a time."""

    def __init__(self, job: Job):
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._stop, self._abandoned, self._over = threading.Event(), threading.Event(), threading.Event()
        self.exit_reason: str = message("the thread was left")
        self.stop_seen = False
        self._thread = threading.Thread(target=self._run, args=(job,), name=f"{PROCESS_PREFIX}{job.run}", daemon=True)
        self._thread.start()

    def _run(self, job: Job) -> None:
        with contextlib.suppress(ImportError):  # which the run reports
            import torch

            torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or ENVIRONMENT["OMP_NUM_THREADS"]))
        interval = sys.getswitchinterval()
        sys.setswitchinterval(0.0005)  # many tiny operations hold the interpreter otherwise, and the page with it
        try:
            run_job(job, self._say, self._is_stopped)
        except _Abandoned:
            pass
        finally:
            sys.setswitchinterval(interval)
            self._over.set()

    def _is_stopped(self) -> bool:
        self.stop_seen = self._stop.is_set()
        return self.stop_seen

    def _say(self, event: Event) -> None:
        if self._abandoned.is_set():
            raise _Abandoned
        self._events.put(event)

    def receive(self, seconds: float) -> list[Event] | None:
        """Events as of `Worker.receive`."""
        over = self._over.is_set()  # read first: no event from before the end must be lost
        events: list[Event] = []
        with contextlib.suppress(queue.Empty):
            events.append(self._events.get_nowait() if over else self._events.get(timeout=seconds))
            time.sleep(0 if over else FLUSH_SECONDS)
            while True:
                events.append(self._events.get_nowait())
        if events or not (over or self._abandoned.is_set()):
            return events
        return None

    def ask_stop(self) -> None:
        """Ask the run to stop, as of `Worker.ask_stop`."""
        self._stop.set()

    def kill(self) -> None:
        """Abandon the thread: it ends at its next event."""
        self._stop.set()
        self._abandoned.set()
        self._thread.join(JOIN_TIMEOUT)
