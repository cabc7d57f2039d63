"""Reader of a store: its own runs and the shipped examples, as if they were one.

Knows nothing of writing. A run is looked for among the store's own first, then among the examples; lists are of one or
of the other.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from distill_core.errors import UnknownRun
from distill_core.events import Event
from distill_core.messages import message
from distill_core.runs.examples import load_examples
from distill_core.runs.queries import RunQueries, RunRecord, where_clause

T = TypeVar("T")


class RunReader:
    """Reader of a store's runs. Safe to use from many threads."""

    def __init__(self, own: RunQueries):
        self.own = own
        self._examples: RunQueries | None = None
        self._examples_lock = threading.Lock()

    @property
    def examples(self) -> RunQueries:
        """Examples that ship, copied into memory and migrated: the file itself is never written."""
        if self._examples is None:
            with self._examples_lock:
                self._examples = self._examples or load_examples()
        return self._examples

    def close(self) -> None:
        """Close the reading connections."""
        self.own.close()
        if self._examples:
            self._examples.close()

    def _either(self, ask: Callable[[RunQueries], T]) -> T:
        """Answer of the store's own runs, or of the examples where that is empty."""
        return ask(self.own) or ask(self.examples)

    # ---- one run

    def run(self, run: str) -> RunRecord:
        """Run with that id, an example's included. Raises UnknownRun."""
        row = self._either(lambda source: source.run(run))
        if row is None:
            raise UnknownRun(message("There is no run {run}. `runs` lists all runs.", run=repr(run)))
        return row

    def find(self, start: str) -> RunRecord:
        """Find the run whose id begins with `start`; "last" is the newest. Raises UnknownRun, naming those that fit."""
        if start == "last":
            newest = self.runs(limit=1)
            if not newest:
                raise UnknownRun(message("There is no run yet. `demo` makes one in a minute."))
            return newest[0]
        rows = self._either(lambda source: source.starting_with(start))
        if len(rows) > 1 and start not in (row.id for row in rows):
            names = ", ".join(row.id for row in rows[:4])
            raise UnknownRun(message("Several runs begin with {start}: {names}. Give more of the id.",
                                    start=repr(start), names=names))  # fmt: skip
        return next((row for row in rows if row.id == start), rows[0]) if rows else self.run(start)

    def events(self, run: str, since: int = 0) -> list[tuple[int, Event]]:
        """Events of the run after number `since` as (number, event), points excepted."""
        return [(number, event) for number, _, event in self.timed_events(run, since)]

    def timed_events(self, run: str, since: int = 0) -> list[tuple[int, float, Event]]:
        """Events as (number, time, event), the time of storing in seconds since 1970."""
        return self._either(lambda source: source.timed_events(run, since))

    def points(self, run: str, since: int = 0) -> tuple[list[tuple[str, int, float]], int]:
        """Points after cursor `since` as (series, step, value), and the next cursor. NaN comes back as NaN."""
        rows, cursor = self.own.points(run, since)
        return (rows, cursor) if rows else self.examples.points(run, since)

    # ---- lists

    def runs(
        self,
        limit: int = 50,
        offset: int = 0,
        *,
        status: str | Iterable[str] | None = None,
        task: str = "",
        search: str = "",
        sort: str = "-created",
        examples: bool = False,
        hidden: bool = False,
        ids: Sequence[str] | None = None,
    ) -> list[RunRecord]:
        """Runs of one page. `sort` is one of SORTS, "-" before it turns it round; `search` looks into name, note, task
        and the settings that were changed; `examples` lists the shipped examples instead, `hidden` the deleted ones;
        `ids` looks only among those. Raises UserError."""
        source = self.examples if examples else self.own
        return source.list(limit, offset, where_clause(status, task, search, hidden, ids), sort)

    def count(
        self,
        *,
        status: str | Iterable[str] | None = None,
        task: str = "",
        search: str = "",
        examples: bool = False,
        ids: Sequence[str] | None = None,
    ) -> int:
        """Count the runs that `runs` would page through."""
        return (self.examples if examples else self.own).count(where_clause(status, task, search, False, ids))

    def tasks(self) -> list[str]:
        """Tasks of all runs, in alphabetical order."""
        return list(self.own.tasks())
