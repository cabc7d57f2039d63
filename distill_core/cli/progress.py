"""Progress of a run on stderr: bars in a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from distill_core import events
from distill_core.events import Event, Note, Point, StageEnded, StageStarted
from distill_core.messages import percent

PLAIN_SECONDS = 10.0  # between two plain lines of a stage's progress


class ProgressReporter(Protocol):
    """Reporter of a run's events, one after the other."""

    def __call__(self, event: Event) -> None: ...

    def line(self, text: str) -> None:
        """Show one line of text."""


@contextmanager
def progress_reporter() -> Iterator[ProgressReporter]:
    """Reporter that suits this stderr."""
    console = Console(stderr=True)
    if console.is_terminal:
        bars = Progress(
            TextColumn("{task.description:>9}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[unit]}"),
            TimeElapsedColumn(), TextColumn("{task.fields[left]}"), console=console,
        )  # fmt: skip
        with bars:
            yield _Bars(bars)
    else:
        yield _Lines(console)


class _Lines:
    def __init__(self, console: Console):
        self.console, self.last_line = console, 0.0

    def line(self, text: str) -> None:
        print(text, file=self.console.file, flush=True)

    def __call__(self, event: Event) -> None:
        if isinstance(event, StageStarted):
            self.last_line = time.monotonic()
        elif isinstance(event, StageEnded):
            self.line(f"{event.stage}: {_seconds(event.seconds)}{' (was there already)' if event.cached else ''}")
        elif isinstance(event, Note):
            self.line(_sentence(event))
        elif isinstance(event, events.Progress) and time.monotonic() - self.last_line > PLAIN_SECONDS:
            self.last_line = time.monotonic()
            self.line(f"{event.stage}: {event.done:,} of {event.total:,} {event.unit}{_left(event.left)}")


class _Bars:
    def __init__(self, bars: Progress):
        self.bars = bars
        self.tasks: dict[str, TaskID] = {}

    def line(self, text: str) -> None:
        self.bars.console.print(escape(text), highlight=False)

    def __call__(self, event: Event) -> None:
        if isinstance(event, StageStarted):
            if event.stage not in self.tasks:
                self.tasks[event.stage] = self.bars.add_task(event.stage, total=None, unit="", left="")
        elif isinstance(event, events.Progress) and event.stage in self.tasks:
            self.bars.update(self.tasks[event.stage], completed=event.done, total=event.total, unit=event.unit,
                             left=_left(event.left).lstrip(", "))  # fmt: skip
        elif isinstance(event, StageEnded) and event.stage in self.tasks:
            task = self.tasks[event.stage]
            total = self.bars.tasks[self.bars.task_ids.index(task)].total or 1
            self.bars.update(task, completed=total, total=total, left="cached" if event.cached else "")
            self.bars.stop_task(task)
        elif isinstance(event, Point) and event.series.endswith("/valid_accuracy"):
            stage = event.series.partition("/")[0]
            if stage in self.tasks:
                self.bars.update(self.tasks[stage], description=f"{stage} {percent(event.value)}")
        elif isinstance(event, Note):
            self.line(_sentence(event))


def _sentence(note: Note) -> str:
    return f"{'Warning: ' if note.level == 'warning' else ''}{note.text}"


def _left(seconds: float | None) -> str:
    return "" if seconds is None else f", about {_seconds(seconds)} left"


def _seconds(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
