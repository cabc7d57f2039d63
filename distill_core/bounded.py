"""Work on what comes from elsewhere, in a process of its own that is ended where it costs too much.

A small file can unpack to gigabytes, keep a parser busy for hours, or crash a library's native code. The page and the
workers of runs hand such work to a child with a budget; what it costs there harms nobody else. Scripts and the command
line, whose input is their user's own, work in place. Linux limits computing, memory and disk, other systems computing
or time alone.
"""

import contextlib
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing import connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from distill_core.errors import DataError, StillroomError, UserError
from distill_core.messages import message

if TYPE_CHECKING:
    from multiprocessing.context import ForkContext, ForkServerContext, SpawnContext  # Windows has the last alone
    from multiprocessing.process import BaseProcess

    Context = ForkContext | ForkServerContext | SpawnContext

MB = 1_000_000
NAME = "stillroom-reader-"  # of a child's process
LOOK_SECONDS = 0.02  # between two looks at what a child uses
MARGIN = 512 * MB  # that the system itself refuses only beyond: an allocator reserves more than it uses
WALL = 10  # a machine that has much else to do takes so many times as long as the computing itself
T = TypeVar("T")

_context: "Context | None" = None


@dataclass(frozen=True)
class Budget:
    """Budget of a child: seconds of computing, bytes of memory beyond those it begins with, bytes written to disk, and
    seconds in all, None for WALL times those of computing."""

    seconds: float
    memory: int
    disk: int | None = None
    wall: float | None = None


def isolate(context: "Context | None") -> None:
    """Hand work to children of this process from now on, which `context` starts; None for work in place."""
    global _context
    _context = context


def call(work: Callable[..., T], *arguments: Any, name: str, budget: Budget) -> T:
    """Result of `work(*arguments)`, which a child computes where this process has `isolate`d it. The work, its
    arguments and its result are pickled. Raises what the work raises, and DataError, which calls the input by its
    `name`, where the child exceeds its budget or crashes."""
    if _context is None:
        return work(*arguments)
    pipe, theirs = _context.Pipe(duplex=False)
    process = _context.Process(
        target=_main, args=(theirs, budget, work, arguments), name=f"{NAME}{os.getpid()}", daemon=True
    )
    process.start()
    theirs.close()
    try:
        content = _receive(pipe, process, budget, name)
    finally:
        pipe.close()
        process.kill()
        process.join()
    try:
        result: T = _result(content)
    except MemoryError:
        raise _over_memory(name, budget) from None
    return result


def _result(content: bytes) -> Any:
    """Result that a child has sent. Raises what its work has raised."""
    good, value = pickle.loads(content)
    if not good:
        raise value
    return value


class Helper:
    """Child that does one work after another and keeps what it has loaded between them. Where one exceeds its budget or
    crashes, the child is ended, and the next work begins with a new one."""

    def __init__(self, variables: Mapping[str, str]):
        """Prepare for children whose environment has these `variables`, in a process that has children; see
        `isolate`."""
        assert _context is not None
        self._context, self._variables, self._lock = _context, dict(variables), threading.Lock()
        self._process: BaseProcess | None = None
        self._pipe: connection.Connection[Any, Any]

    def call(self, work: Callable[..., T], *arguments: Any, budget: Budget) -> T:
        """Result of `work(*arguments)`, all of it pickled. Raises what the work raises, and UserError where the child
        exceeds the budget for this work or crashes."""
        with self._lock:
            if self._process is None or not self._process.is_alive():
                self._start()
            assert self._process
            try:
                self._pipe.send_bytes(pickle.dumps((work, arguments), pickle.HIGHEST_PROTOCOL))
                content = self._receive(self._process, budget)
            except BaseException:
                self.close()
                raise
        result: T = _result(content)
        return result

    def _start(self) -> None:
        self._pipe, theirs = self._context.Pipe()
        self._process = self._context.Process(
            target=_serve, args=(theirs, self._variables), name=f"{NAME}{os.getpid()}", daemon=True
        )
        self._process.start()
        theirs.close()
        self._begin = (_usage(self._process.pid) or (0, 0))[0]  # it shares what it was forked from

    def _receive(self, process: "BaseProcess", budget: Budget) -> bytes:
        """Pickled result. Raises UserError."""
        latest, begin = time.monotonic() + (budget.wall or WALL * budget.seconds), _computed(process.pid)
        while not connection.wait([self._pipe, process.sentinel], LOOK_SECONDS):
            used = _usage(process.pid)
            if _computed(process.pid) - begin > budget.seconds or time.monotonic() > latest:
                raise UserError(message(
                    "The answer took more than {seconds:,.0f} seconds, so it was stopped. Ask about a shorter text, or "
                    "choose another model.", seconds=budget.seconds))  # fmt: skip
            if used and used[0] - self._begin > budget.memory:
                raise UserError(message(
                    "The answer needs more than {most:,.0f} MB of memory, so it was stopped. Choose a smaller model.",
                    most=budget.memory / MB))  # fmt: skip
        try:
            return self._pipe.recv_bytes()
        except (EOFError, OSError):
            process.join(WALL)
            raise UserError(message(
                "Answering crashed ({why}). Ask about another text, or choose another model.",
                why=_end_of(process.exitcode))) from None  # fmt: skip

    def close(self) -> None:
        """End the child, if there is one."""
        if self._process is not None:
            self._pipe.close()
            self._process.kill()
            self._process.join()
            self._process = None


def _serve(pipe: connection.Connection, variables: Mapping[str, str]) -> None:
    """Main function of a helper's child."""
    isolate(None)
    exit_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update(variables)
    while True:
        try:
            work, arguments = pickle.loads(pipe.recv_bytes())
        except (EOFError, OSError):
            os._exit(0)
        _send(pipe, _outcome(work, arguments))


def _computed(pid: int | None) -> float:
    """Seconds that a process has computed, 0 where the system has no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return 0.0


def _receive(pipe: connection.Connection, process: "BaseProcess", budget: Budget, name: str) -> bytes:
    """Pickled result of a child. Raises DataError."""
    latest = time.monotonic() + (budget.wall or WALL * budget.seconds)
    begin = _usage(process.pid)
    while not connection.wait([pipe, process.sentinel], LOOK_SECONDS):
        if time.monotonic() > latest:
            raise _over_time(name, budget.wall or WALL * budget.seconds)
        now = _usage(process.pid)
        if now and begin:
            if now[0] - begin[0] > budget.memory:
                raise _over_memory(name, budget)
            if budget.disk is not None and now[1] - begin[1] > budget.disk:
                raise DataError(message(
                    "{name} unpacks to more than {most:,.0f} MB on disk, so the reading was stopped. Take a smaller "
                    "one.", name=name, most=budget.disk / MB))  # fmt: skip
    try:
        return pipe.recv_bytes()
    except (EOFError, OSError):
        process.join(WALL)
    if process.exitcode == -getattr(signal, "SIGXCPU", 0):
        raise _over_time(name, budget.seconds)
    raise DataError(message(
        "Reading {name} crashed ({why}), so it is damaged or was made to do so. Choose another.", name=name,
        why=_end_of(process.exitcode)))  # fmt: skip


def _end_of(code: int | None) -> str:
    """How a process ended."""
    with contextlib.suppress(ValueError):
        if code is not None and code < 0:
            return signal.Signals(-code).name
    return message("exit code {code}", code=str(code))


def _over_time(name: str, seconds: float) -> DataError:
    return DataError(message(
        "Reading {name} took more than {seconds:,.0f} seconds, so it was stopped. Take a smaller sample, or choose "
        "another.", name=name, seconds=seconds))  # fmt: skip


def _over_memory(name: str, budget: Budget) -> DataError:
    return DataError(message(
        "Reading {name} needs more than {most:,.0f} MB of memory, so it was stopped. Take a smaller sample, or choose "
        "another.", name=name, most=budget.memory / MB))  # fmt: skip


def _usage(pid: int | None) -> tuple[int, int] | None:
    """Bytes of memory that a process uses alone, and those that it has written; None where the system has no /proc."""
    place = Path(f"/proc/{pid}")
    try:
        _, resident, shared, *_ = map(int, (place / "statm").read_text().split())
        written = int((place / "io").read_text().split()[3])
    except (OSError, ValueError, IndexError):
        return None
    return (resident - shared) * os.sysconf("SC_PAGE_SIZE"), written


def _main(pipe: connection.Connection, budget: Budget, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """Main function of a child."""
    isolate(None)
    exit_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit(budget)
    _send(pipe, _outcome(work, arguments))
    os._exit(0)  # a library's left-over thread could hold the interpreter's own end


def _outcome(work: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[bool, Any]:
    """Whether the work came to its end, and what it gave or raised."""
    try:
        return True, work(*arguments)
    except StillroomError as error:
        return False, error
    except MemoryError:
        return False, MemoryError()
    except BaseException as error:  # a panic of native code is no Exception
        return False, RuntimeError(f"{type(error).__name__}: {error}\n\n{traceback.format_exc()}")


def _send(pipe: connection.Connection, outcome: tuple[bool, Any]) -> None:
    try:
        pipe.send_bytes(pickle.dumps(outcome, pickle.HIGHEST_PROTOCOL))
    except MemoryError:
        pipe.send_bytes(pickle.dumps((False, MemoryError())))


def _limit(budget: Budget) -> None:
    """Limit this process, as far as the system can."""
    try:
        import resource
    except ImportError:  # Windows
        return
    seconds = int(time.process_time() + budget.seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        data = int(Path("/proc/self/statm").read_text().split()[5]) * os.sysconf("SC_PAGE_SIZE")
        most = data + budget.memory + MARGIN
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def exit_with_parent() -> None:
    """Exit this process as soon as its parent ends, if it has one that started it for work."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    sentinel = parent.sentinel

    def watch() -> None:
        connection.wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
