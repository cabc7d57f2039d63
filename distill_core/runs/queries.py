"""Queries of the store: runs as rows, their events and their curves, over one connection.

Knows nothing of writing, and of whose store it is.
"""

import json
import math
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict, cast

from distill_core.config.presets import KnobValues
from distill_core.config.schema import DEFAULTS
from distill_core.errors import UserError
from distill_core.events import Event, Note, event_from
from distill_core.json_types import JsonObject
from distill_core.messages import Message, message, restore_message
from distill_core.unicode import replace_surrogates

if TYPE_CHECKING:
    from distill_core.evaluation.summary import Summary

# The settings of a run that differ from the defaults, which are the placeholder: `name=value`, separated by blanks. The
# others are the same for all, and a word to be searched would stand in some of them.
CHANGED = """coalesce((SELECT group_concat(one.key || '=' || one.value, ' ')
    FROM json_each(iif(json_valid(config), config, '{}')) AS one,
    (SELECT ? AS defaults) WHERE one.value IS NOT json_extract(defaults, '$.' || one.key)), '')"""
SUMMARY = "iif(json_valid(summary), summary, NULL)"  # one that was damaged on the disk is none
SORTS = {
    "created": "created", "ended": "ended", "name": "name COLLATE NOCASE", "task": "task", "status": "status",
    "accuracy": f"json_extract({SUMMARY}, '$.scores.student.accuracy')", "kept": f"json_extract({SUMMARY}, '$.kept')",
    "teacher": f"json_extract({SUMMARY}, '$.scores.teacher.accuracy')",
    "gap": f"json_extract({SUMMARY}, '$.gap_recovered')", "bytes": f"json_extract({SUMMARY}, '$.scores.student.bytes')",
    "seconds": "ended - started",
}  # fmt: skip


@dataclass(frozen=True)
class RunRecord:
    """Record of one run in the store. Times are seconds since 1970, None while they haven't come. `ticket` orders the
    queue, `tries` counts automatic resumes, `stops` the requests to stop; `message` has its message data; `origin` is
    "imported" for a run that came as a file; `holder` is a digest of the key of who may change it on a public host;
    `example` rows can't be changed."""

    id: str
    name: str
    note: str
    task: str
    config: KnobValues
    summary: "Summary | None"
    status: str
    stage: str
    message: Message
    trace: str
    owner: str
    ticket: int
    tries: int
    stops: int
    hidden: bool
    created: float
    started: float | None
    ended: float | None
    origin: str
    holder: str
    example: bool = False


class RunColumns(TypedDict):
    """Columns of a run from elsewhere."""

    id: str
    name: str
    note: str
    task: str
    config: KnobValues
    summary: "Summary | None"
    status: str
    stage: str
    message: str
    created: float
    started: float | None
    ended: float | None
    origin: NotRequired[str]


class RunQueries:
    """Queries over one connection, shared by threads under a lock; a query takes a fraction of a millisecond."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        example: bool,
        explain: Callable[[sqlite3.DatabaseError], Exception] = lambda error: error,
    ):
        self._connection, self._example, self._lock = connection, example, threading.Lock()
        self._explain = explain

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._connection.execute(sql, [storable(value) for value in values]).fetchall()
            except sqlite3.DatabaseError as error:
                raise self._explain(error) from error

    def _runs(self, where: str, values: Sequence[Any]) -> list[RunRecord]:
        columns = [*(name for name in RunRecord.__dataclass_fields__ if name != "example"), "made"]
        rows = self._rows(f"SELECT {', '.join(columns)} FROM runs {where}", values)
        return [self._record(**dict(zip(columns, row, strict=True))) for row in rows]

    def _record(
        self, *, config: str, summary: str | None, message: str, made: str | None, hidden: int, **columns: Any
    ) -> RunRecord:
        """Record of a row's columns, of which these are stored otherwise than they are read."""
        return RunRecord(
            config=_json_object(config) or {}, summary=cast("Summary | None", _json_object(summary)),
            message=restore_message(message, _json_object(made)), hidden=bool(hidden),
            example=self._example, **columns,
        )  # fmt: skip

    def run(self, run: str) -> RunRecord | None:
        """Record of the run with that id, None where there is none."""
        return next(iter(self._runs("WHERE id = ?", (run,))), None)

    def starting_with(self, start: str) -> list[RunRecord]:
        """Records of the runs whose id begins with `start`, the newest first; none for ""."""
        return self._runs("WHERE substr(id, 1, ?) = ? ORDER BY created DESC", (len(start), start)) if start else []

    def timed_events(self, run: str, since: int) -> list[tuple[int, float, Event]]:
        """Events of a run after number `since`, as (number, time, event)."""
        sql = "SELECT n, time, kind, body FROM events WHERE run = ? AND n > ? ORDER BY n"
        return [(n, at, _event(kind, body)) for n, at, kind, body in self._rows(sql, (run, since))]

    def points(self, run: str, since: int) -> tuple[list[tuple[str, int, float]], int]:
        """Points of a run after cursor `since`, as (series, step, value), and the next cursor."""
        rows = self._rows("SELECT series, step, value, n FROM points WHERE run = ? AND n > ? ORDER BY n", (run, since))
        return [(s, step, math.nan if v is None else v) for s, step, v, _ in rows], rows[-1][3] if rows else since

    def list(self, limit: int, offset: int, wanted: tuple[str, list[Any]], sort: str) -> list[RunRecord]:
        """Records of one page of what a `where_clause` wants. Raises UserError where `sort` is none of SORTS."""
        where, values = wanted
        key = SORTS.get(sort.removeprefix("-"))
        if key is None:
            raise UserError(message("Runs can't be sorted by {sort}. Choose one of: {sorts}.", sort=repr(sort),
                                   sorts=", ".join(SORTS)))  # fmt: skip
        way = "DESC" if sort.startswith("-") else "ASC"
        order = f"ORDER BY {key} IS NULL, {key} {way}, rowid {way} LIMIT ? OFFSET ?"
        return self._runs(f"{where} {order}", [*values, limit, offset])

    def count(self, wanted: tuple[str, Sequence[Any]]) -> int:
        """Number of the runs that a `where_clause` wants."""
        where, values = wanted
        return int(self._rows(f"SELECT count(*) FROM runs {where}", values)[0][0])

    def tasks(self) -> Sequence[str]:  # `list` is the method above
        """Tasks of the runs that are not deleted, in alphabetical order."""
        return [task for (task,) in self._rows("SELECT DISTINCT task FROM runs WHERE hidden = 0 ORDER BY task")]


def _json_object(text: str | None) -> JsonObject | None:
    """The JSON object that a column holds; None where it holds none, or one that was damaged on the disk."""
    try:
        value = json.loads(text) if text else None
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _event(kind: str, body: str) -> Event:
    """The event that a row holds, or a note in the place of one that was damaged on the disk."""
    try:
        return event_from(kind, json.loads(body))
    except (ValueError, TypeError, LookupError):
        return Note(message("An event of this run ({kind}) was damaged on the disk and can't be read.", kind=kind),
                    "warning")  # fmt: skip


def storable(value: Any) -> Any:
    """Storable form of a value: SQLite refuses half surrogates."""
    return replace_surrogates(value) if isinstance(value, str) else value


def where_clause(
    status: str | Iterable[str] | None, task: str, search: str, hidden: bool, ids: Sequence[str] | None = None
) -> tuple[str, list[Any]]:
    """WHERE clause of a list of runs, and its values; see `RunReader.runs`."""
    terms, values = ["hidden = ?"], list[Any]([int(hidden)])
    if ids is not None:
        terms.append(f"id IN ({', '.join('?' * len(ids))})")
        values += ids
    if task:
        terms.append("task = ?")
        values.append(task)
    if status:
        statuses = [status] if isinstance(status, str) else list(status)
        terms.append(f"status IN ({', '.join('?' * len(statuses))})")
        values += statuses
    for word in search.split():
        pattern = "%" + word.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_") + "%"
        terms.append(rf"name || ' ' || note || ' ' || task || ' ' || {CHANGED} || ' ' || id LIKE ? ESCAPE '\'")
        values += [json.dumps(DEFAULTS), pattern]
    return f"WHERE {' AND '.join(terms)}", values
