"""Queue of runs: a background thread that claims them, and one light thread a run that starts, hears and ends its
worker.

Knows the store and the worker, not what a run does. Runs belong to the process that queued them, its owner; a lock
that the owner holds for life tells every other process whether it still lives, whatever happened to it.
"""

import atexit
import contextlib
import os
import secrets
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from distill_core.cache import sweep
from distill_core.errors import UserError
from distill_core.events import ENDED, Ended, Note
from distill_core.faults import explain_fault
from distill_core.messages import message, message_data, restore_message
from distill_core.runs import job as runs_job
from distill_core.runs import process_worker, worker
from distill_core.runs.queries import RunRecord
from distill_core.runs.recovery import interrupt, is_alive, life_file, queue_order, recover_orphans, stage_phrase
from distill_core.runs.store import NEVER_BEGAN, Store

AT_ONCE = 2  # over all processes: more would only share the cores
LOOK_SECONDS = 0.25  # between two looks for a request to stop
SWEEP_SECONDS = 5.0
UNSEEN_SECONDS = 1.5  # until a worker has seen a stop; one that has not hangs in a download or a long computation
STOP_SECONDS = 20.0  # of silence after a stop that was seen, before the worker is ended


class RunQueue:
    """Queue that runs what this process puts into it. With `adopt` also what dead processes left: the app's way."""

    def __init__(
        self, store: Store, *, adopt: bool = False, target: str = runs_job.PIPELINE, thread: bool | None = None
    ):
        self.store, self.adopt, self._target = store, adopt, target
        self._thread_mode = uses_threads() if thread is None else thread
        self.owner = f"{os.getpid()}-{secrets.token_hex(8)}"
        self._life = FileLock(life_file(store, self.owner), thread_local=False)
        self._life.acquire(timeout=SWEEP_SECONDS)  # another process may just be looking whether it is free
        self._closing, self._wake = threading.Event(), threading.Event()
        self._supervisors: dict[str, threading.Thread] = {}
        self._workers: dict[str, runs_job.Worker] = {}
        self._unwritten: dict[str, Ended] = {}  # the last words of runs, by their ids, while the disk takes none
        if not self._thread_mode:
            process_worker.warm_up()
        recover_orphans(store, self.owner if adopt else None)  # before anyone looks, so that nobody sees what isn't so
        self._thread = threading.Thread(target=self._loop, name="stillroom-jobs", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    # ---- requests

    def start(self, config: dict[str, object], name: str = "", holder: str = "") -> str:
        """Start a new run by queueing it, on a public host for its `holder`. Returns its id."""
        run = self.store.create(config, self.owner, name, holder)
        self._wake.set()
        return run

    def resume(self, run: str) -> None:
        """Resume a run that ended early: it is queued again and goes on from its last checkpoint. Raises UserError."""
        row = self.store.run(run)
        if row.status == "finished":
            raise UserError(message("Run {run} is finished. Start a new run with other settings instead.", run=run))
        if row.origin:
            raise UserError(
                message("Run {run} was imported without its checkpoint, so it can't go on. Start one like it.", run=run)
            )
        orphan = not is_alive(self.store, row.owner)
        before = {*ENDED} - {"finished"} | ({"queued", "running", "stopping"} if orphan else set())
        fresh = {"owner": self.owner, "tries": 0, "stops": 0, "message": "", "trace": "", "ticket": None}
        if not self.store.transition(run, before, "queued", **fresh):
            raise UserError(
                message(
                    "Run {run} has not ended ({status:status}). Wait for it, or stop it first.",
                    run=run,
                    status=self.store.run(run).status,
                )
            )
        self.store.update(run, hidden=0)
        self._wake.set()

    def adopt_orphans(self) -> None:
        """Adopt from now on the runs that dead processes left, beginning with those of today."""
        self.adopt = True
        recover_orphans(self.store, self.owner)
        self._wake.set()

    def close(self) -> None:
        """Close the queue and end its workers. What ran is interrupted and, like what is queued, goes on when an app
        next opens."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._wake.set()
        atexit.unregister(self.close)
        self._thread.join(2 * runs_job.JOIN_TIMEOUT + 2)
        for thread in list(self._supervisors.values()):  # read only now: the loop may just have started one more
            thread.join(2 * runs_job.JOIN_TIMEOUT + 2)
        self._life.release()
        with contextlib.suppress(OSError):
            life_file(self.store, self.owner).unlink()

    # ---- the background thread

    def _loop(self) -> None:
        swept = time.monotonic()
        while not self._closing.is_set():
            self._wake.clear()
            try:
                if time.monotonic() - swept > SWEEP_SECONDS:
                    recover_orphans(self.store, self.owner if self.adopt else None)
                    swept = time.monotonic()
                for run, ended in [*self._unwritten.items()]:
                    self.store.append(run, [ended])
                    del self._unwritten[run]
                for run in self._supervisors.keys() - self._workers.keys():  # whose workers are still to come
                    if self.store.run(run).status == "stopping":
                        self._write_end(run, Ended("stopped", NEVER_BEGAN))
                self._claim()
            except Exception:  # a full disk, say: printed, and tried again
                traceback.print_exc()
                self._closing.wait(SWEEP_SECONDS)
            self._wake.wait(2 * LOOK_SECONDS)

    def _claim(self) -> None:
        self._supervisors = {run: thread for run, thread in self._supervisors.items() if thread.is_alive()}
        limit = 1 if self._thread_mode else AT_ONCE
        if len(self._supervisors) >= limit:
            return
        computing = {row.holder for row in self.store.runs(10_000, status=("running", "stopping"))} - {""}
        for row in _queued_runs(self.store):
            if row.owner != self.owner or row.id in self._supervisors or row.holder in computing:
                continue  # a visitor of a public host has one run computing, so that two of them do not wait for one
            if len(self._supervisors) >= limit or not (slot := _free_slot(self.store)):
                return
            if not self.store.transition(row.id, {"queued"}, "running", owner=self.owner):
                slot.release()
                continue
            computing |= {row.holder} - {""}
            thread = threading.Thread(target=self._supervise, args=(row, slot), name=f"run-{row.id}", daemon=True)
            self._supervisors[row.id] = thread
            thread.start()

    def _supervise(self, row: RunRecord, slot: FileLock) -> None:
        try:
            if row.started:
                self.store.append(row.id, [Note(message("Resumed."))])
            folder, home = self.store.folder(row.id), self.store.home
            job = runs_job.Job(row.id, row.config, folder, home / "cache", self._target, home)
            self._workers[row.id] = running = worker.start(job, self._thread_mode)
            if self.store.run(row.id).status in ENDED:  # it was stopped meanwhile: the first worker takes seconds
                running.kill()
            else:
                self._watch(row, running)
        except Exception as error:
            self._write_end(row.id, _failure(error, self.store.home))
        finally:
            sweep(self.store.home / "runs" / row.id)
            self._workers.pop(row.id, None)
            slot.release()
            self._wake.set()

    def _watch(self, row: RunRecord, running: runs_job.Worker) -> None:
        """Watch the worker to its end, and settle what became of the run."""
        ended, stops, looked = False, 0, 0.0
        heard = asked = time.monotonic()
        try:
            while (batch := running.receive(LOOK_SECONDS)) is not None:
                if batch:
                    self.store.append(row.id, batch)
                    ended = ended or any(isinstance(event, Ended) for event in batch)
                    heard = time.monotonic()
                if self._closing.is_set() and not ended:
                    running.kill()
                    break
                if time.monotonic() - looked < LOOK_SECONDS:
                    continue
                looked = time.monotonic()
                requests = self.store.run(row.id).stops
                if requests and not stops:
                    running.ask_stop()
                    heard = asked = looked
                stops = requests
                unseen = not running.stop_seen and looked - asked > UNSEEN_SECONDS
                if stops > 1 or (stops and (unseen or looked - heard > STOP_SECONDS)):
                    running.kill()
        except BaseException:
            running.kill()
            raise
        if not ended:
            self._finalize(row, running.exit_reason)

    def _write_end(self, run: str, ended: Ended) -> None:
        """Write the last word of a run, again and again where the disk does not take it."""
        try:
            self.store.append(run, [ended])
        except Exception:
            traceback.print_exc()
            self._unwritten[run] = ended

    def _finalize(self, row: RunRecord, how: str) -> None:
        """Finalize a run whose worker ended without an Ended."""
        now = self.store.run(row.id)
        if now.status == "stopping":
            reason = message("Stopped at once{where}. What is on disk stays there.", where=stage_phrase(now))
            self._write_end(row.id, Ended("stopped", reason))
        elif self._closing.is_set():
            reason = message("The app was closed{where}; the run is interrupted.", where=stage_phrase(now))
            self.store.append(row.id, [Note(reason, "warning")])
            # Closing is no fault of the run, so it costs none of its tries.
            self.store.transition(row.id, {"running"}, "interrupted", tries=0, message=reason)
        else:
            reason = message("The worker died{where} ({how}); the run is interrupted.",
                            where=stage_phrase(now), how=how)  # fmt: skip
            interrupt(self.store, now, reason, self.owner)


def _failure(error: Exception, home: Path) -> Ended:
    """Last word of a run that could not be started, heard or written down."""
    if isinstance(error, UserError):
        return Ended("failed", restore_message(str(error), message_data(error)))
    if fault := explain_fault(error, home):
        return Ended("failed", fault)
    sentence = message("Stillroom could not run this ({what}).", what=f"{type(error).__name__}: {error}")
    return Ended("failed", sentence, traceback.format_exc())


def uses_threads() -> bool:
    """Whether runs compute in a thread, as no process can be started."""
    return os.environ.get("STILLROOM_WORKER") == "thread"


def queue_place(store: Store, run: str) -> int | None:
    """Place of the run in the queue, counted from 1 over all processes; None when it isn't queued."""
    for number, row in enumerate(_queued_runs(store), 1):
        if row.id == run:
            return number
    return None


def _queued_runs(store: Store) -> list[RunRecord]:
    return sorted(store.runs(10_000, status="queued"), key=queue_order)


def _slot_files(store: Store) -> Iterator[Path]:
    yield from (store.home / "locks" / f"slot-{number}" for number in range(AT_ONCE))


def _free_slot(store: Store) -> FileLock | None:
    """Free slot, locked for us; None when as many runs as may are running."""
    for file in _slot_files(store):
        lock = FileLock(file, thread_local=False)
        with contextlib.suppress(Timeout):
            lock.acquire(timeout=0)
            return lock
    return None
