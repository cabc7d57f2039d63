"""Store of every run, its events and its curves, in one SQLite file under a per-user folder.

This module has its commands, `reader` its queries, `connection` how the file is opened, locked and written. Only these
and `queries` know SQLite. Knows nothing of workers, models or pages.
"""

import json
import math
import secrets
import sqlite3
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from distill_core.config.presets import KnobValues
from distill_core.environment import home
from distill_core.errors import UserError
from distill_core.events import ENDED, STATUSES, Compared, Ended, Event, Point, Progress, StageStarted
from distill_core.faults import explain_fault
from distill_core.messages import Message, message, message_data, os_error_reason
from distill_core.runs.connection import Connection, ReadOnlyConnection
from distill_core.runs.curves import CurvePoint, Curves, is_same, training_of
from distill_core.runs.network_disk import network_file_system
from distill_core.runs.queries import RunColumns, RunQueries, storable
from distill_core.runs.reader import RunReader

NEVER_BEGAN = message("Stopped before it began.")


class Store(RunReader):
    """Store of all runs of one home folder. Safe to use from many threads; other processes may have the same home
    open."""

    def __init__(self, home_folder: Path | str | None = None, *, reading: bool = False):
        """Open or create the store. Raises UserError where the folder can't be used; with `reading`, a folder that
        can't be written to is read as far as that goes, and `refusal` says why."""
        self.home = Path(home_folder).absolute() if home_folder else home()
        self.path = self.home / "runs.db"
        if kind := network_file_system(self.home):
            raise UserError(message(
                "The folder {folder} lies on a disk of the network ({kind}), where the list of runs would be damaged: "
                "its locks don't hold there. Set STILLROOM_HOME to a folder on a disk of this machine.",
                folder=str(self.home), kind=kind))  # fmt: skip
        try:
            # A folder that exists keeps its access rights.
            self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
            for folder in ("runs", "cache", "locks"):
                (self.home / folder).mkdir(exist_ok=True, mode=0o700)
            self.connection: Connection | ReadOnlyConnection = Connection(self.path, self.home / "locks" / "write")
        except OSError as error:
            refusal = message(
                "The folder {folder} can't hold the runs ({why}). Set STILLROOM_HOME to a folder that you may write "
                "to.", folder=str(self.home), why=os_error_reason(error))  # fmt: skip
            if not reading:
                raise UserError(refusal) from error
            self.connection = ReadOnlyConnection(self.path, refusal)
        except sqlite3.DatabaseError as error:
            fault = explain_fault(error, self.home)
            if fault and not reading:
                raise UserError(fault) from error
            if not fault:
                raise UserError(message(
                    "{file} can't be read as a store of runs ({why}). Move it away or set STILLROOM_HOME.",
                    file=str(self.path), why=str(error))) from error  # fmt: skip
            self.connection = ReadOnlyConnection(self.path, fault)
        super().__init__(RunQueries(self.connection.reader, example=False, explain=self.connection.explain))

    @property
    def notice(self) -> str:
        """What is to be said of a store that was damaged and set aside, "" of any other."""
        return self.connection.notice or ""

    @property
    def refusal(self) -> Message | None:
        """Why nothing can be written, None where it can."""
        return self.connection.refusal

    def require_writable(self) -> None:
        """Raise UserError where nothing can be written."""
        if self.refusal:
            raise UserError(self.refusal)

    def close(self) -> None:
        """Close the connections. The store can't be used afterwards."""
        super().close()
        self.connection.close()

    # ---- one run

    def create(self, config: KnobValues, owner: str = "", name: str = "", holder: str = "") -> str:
        """Create a queued run. Returns its id. `config` is Config.model_dump() or what differs from the defaults;
        `holder` see `Run.hold`."""
        run = new_run_id()
        with self.connection.transaction() as db:
            row = {"id": run, "name": name, "task": str(config.get("task", "")), "config": _json(config)}
            ticket = _next_ticket(db)
            db.table("runs").insert(
                {**row, "status": "queued", "owner": owner, "holder": holder, "ticket": ticket, "created": time.time()}
            )
        return run

    def import_run(
        self,
        row: RunColumns,
        events: Iterable[tuple[float, Event]],
        points: Iterable[tuple[str, int, float]],
    ) -> None:
        """Import a run from elsewhere: its columns by name (`id`, `config` and an ended `status` among them), (time,
        event) and (series, step, value). Raises ValueError where its id is in use."""
        if row["status"] not in ENDED:
            raise ValueError(f"a run that is {row['status']} can't be taken in")
        run, summary = row["id"], row.get("summary")
        columns = {**row, "config": _json(row["config"]), "summary": _json(summary) if summary else None}
        columns["made"] = _message_json(row.get("message", ""))
        event_rows = [
            {"run": run, "time": when, "kind": e.kind, "about": getattr(e, "stage", ""), "body": _json(e.body())}
            for when, e in events
        ]
        point_rows = [
            {"run": run, "series": s, "step": step, "value": _null_if_nan(value)}
            for s, step, value in Curves(points).points()
        ]
        with self.connection.transaction() as db:
            if self._either(lambda source: source.run(run)):
                raise ValueError(f"there is a run {run} already")
            db.table("runs").insert({"owner": "", "ticket": _next_ticket(db), **columns})
            db.table("events").insert_all(event_rows)
            db.table("points").insert_all(point_rows)

    def update(self, run: str, **columns: Any) -> None:
        """Update `name`, `note`, `owner`, `tries`, `stops`, `hidden` or `holder`. Raises UnknownRun, and UserError
        for an example."""
        if unknown := set(columns) - {"name", "note", "owner", "tries", "stops", "hidden", "holder"}:
            raise ValueError(f"columns that may not be set: {', '.join(sorted(unknown))}")
        self._refuse_example(run)
        with self.connection.transaction() as db:
            db.table("runs").update(run, {name: storable(value) for name, value in columns.items()})

    def transition(self, run: str, before: Iterable[str], status: str, **columns: Any) -> bool:
        """Set the status if it is one of `before`, together with `columns`; returns whether it did. The only way a
        status moves besides an Ended event, so that of two callers at once one wins. A move to "queued" keeps the
        run's place unless `ticket=None` wants a new one at the end."""
        before = tuple(before)
        if status not in STATUSES or not set(before) <= set(STATUSES):
            raise ValueError(f"not statuses: {before} -> {status}")
        with self.connection.transaction(urgent=True) as db:
            if "ticket" in columns and columns["ticket"] is None:
                columns["ticket"] = _next_ticket(db)
            if status == "running":
                columns.setdefault("started", time.time())
            columns.setdefault("ended", time.time() if status in ENDED else None)
            if "message" in columns:
                columns["made"] = _message_json(columns["message"])
            names = ", ".join(f"{name} = ?" for name in columns)
            marks = ", ".join("?" * len(before))
            sql = f"UPDATE runs SET status = ?, {names} WHERE id = ? AND status IN ({marks})"
            return db.execute(sql, (status, *columns.values(), run, *before)).rowcount == 1

    def ask_stop(self, run: str) -> str:
        """Ask a run to stop; returns the status after it. A queued run is stopped at once, a running one is "stopping";
        asking again raises `stops`, which its supervisor takes as "now". An ended run stays as it is."""
        self._refuse_example(run)
        with self.connection.transaction(urgent=True) as db:
            db.execute("UPDATE runs SET stops = stops + 1 WHERE id = ? AND status IN ('running', 'stopping')", (run,))
            db.execute("UPDATE runs SET status = 'stopping' WHERE id = ? AND status = 'running'", (run,))
            db.execute(
                "UPDATE runs SET status = 'stopped', ended = ?, message = ?, made = ? "
                "WHERE id = ? AND status = 'queued'",
                (time.time(), NEVER_BEGAN, _message_json(NEVER_BEGAN), run),
            )
            return str(next(db.execute("SELECT status FROM runs WHERE id = ?", (run,)))[0])

    def folder(self, run: str) -> Path:
        """Folder of the run, for checkpoints and artifacts. Created where it is missing and can be, mode 0700."""
        folder = self.home / "runs" / run
        if not self.refusal:
            folder.mkdir(exist_ok=True, mode=0o700)
        return folder

    def _refuse_example(self, run: str) -> None:
        if self.run(run).example:
            raise UserError(message(
                "Run {run} is an example and can't be changed. Start a run of your own like it instead.",
                run=run))  # fmt: skip

    # ---- events

    def append(self, run: str, events: Sequence[Event]) -> None:
        """Append `events` in order, in one transaction.

        Points go into their curves, where those of a training's latest try stay (see `curves`). Of Progress only the
        newest of each stage stays. Compared also fills the run's summary, StageStarted its stage, and Ended its
        status, if it was running or stopping."""
        if not events:
            return
        now = time.time()
        points = [(e.series, e.step, e.value) for e in events if isinstance(e, Point)]
        newest = {e.stage: i for i, e in enumerate(events) if isinstance(e, Progress)}
        rest = [
            e for i, e in enumerate(events)
            if not isinstance(e, Point) and not (isinstance(e, Progress) and newest[e.stage] != i)
        ]  # fmt: skip
        with self.connection.transaction(urgent=any(isinstance(event, Ended) for event in rest)) as db:
            if points:
                _append_points(db, run, points)
            for event in rest:
                body, about = event.body(), getattr(event, "stage", "")
                values = (run, now, event.kind, about, _json(body))
                sql = "INSERT INTO events (run, time, kind, about, body) VALUES (?, ?, ?, ?, ?)"
                n = db.execute(sql, values).lastrowid
                if isinstance(event, Progress):
                    # Deleted after the insert: the numbers must only grow, or a reader's cursor would miss this one.
                    db.execute(
                        "DELETE FROM events WHERE run = ? AND kind = ? AND about = ? AND n < ?",
                        (run, event.kind, about, n),
                    )
                elif isinstance(event, StageStarted):
                    db.execute("UPDATE runs SET stage = ? WHERE id = ?", (event.stage, run))
                elif isinstance(event, Compared):
                    db.execute("UPDATE runs SET summary = ? WHERE id = ?", (_json(event.summary), run))
                elif isinstance(event, Ended):
                    db.execute(
                        "UPDATE runs SET status = ?, message = ?, made = ?, trace = ?, ended = ? "
                        "WHERE id = ? AND status IN ('running', 'stopping')",
                        (event.status, event.message, event.made and _json(event.made), event.trace, now, run),
                    )


def new_run_id() -> str:
    """New id of a run: 128 random bits, for on a public host it is the key to the run."""
    run = secrets.token_urlsafe(16)
    while not run[0].isalnum():  # an id that begins with "-" would be an option on the command line
        run = secrets.token_urlsafe(16)
    return run


def _next_ticket(db: Database) -> int:
    return int(next(db.execute("SELECT coalesce(max(ticket), 0) + 1 FROM runs"))[0])


def _null_if_nan(value: float) -> float | None:
    """Value for SQLite, which has no NaN: it is stored as NULL, and read back as NaN."""
    return None if math.isnan(value) else float(value)


def _message_json(message: str) -> str | None:
    """Message data as JSON, None for a message that is only a string."""
    data = message_data(message)
    return _json(data) if data else None


def _json(value: Any) -> str:
    """JSON that any reader takes: NaN and infinities, which JSON has no word for, become null."""
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _append_points(db: Database, run: str, points: list[CurvePoint]) -> None:
    """Append points to the run's curves, and delete those of an earlier try that they take the place of."""
    # Numbered on from the highest before any is deleted: numbers must only grow, or a reader's cursor would miss one.
    (number,) = db.execute("SELECT coalesce(max(n), 0) FROM points").fetchone()
    stored = _repeated_points(db, run, points)
    curves = {(series, step): value for series, step, value in Curves([*stored, *points]).points()}
    kept = {point[:2] for point in stored if point[:2] in curves and is_same(curves[point[:2]], point[2])}
    db.conn.executemany(
        "DELETE FROM points WHERE run = ? AND series = ? AND step = ?",
        [(run, *point[:2]) for point in stored if point[:2] not in kept],
    )
    new = ((*place, _null_if_nan(value)) for place, value in curves.items() if place not in kept)
    db.conn.executemany(
        "INSERT INTO points (n, run, series, step, value) VALUES (?, ?, ?, ?, ?)",
        [(n, run, *point) for n, point in enumerate(new, number + 1)],
    )


def _repeated_points(db: Database, run: str, points: list[CurvePoint]) -> list[CurvePoint]:
    """Stored points, by their steps, of the trainings that `points` begin before the end of: of a resumed run."""
    first: dict[str, int] = {}
    since: dict[tuple[str, str], int] = {}
    for series, step, _ in points:
        first[series] = min(step, first.get(series, step))
    for series, step in first.items():
        (last,) = db.execute("SELECT max(step) FROM points WHERE run = ? AND series = ?", (run, series)).fetchone()
        if last is not None and last >= step:
            since[training_of(series)] = min(step, since.get(training_of(series), step))
    if not since:
        return []
    found: list[CurvePoint] = []
    for (series,) in db.execute("SELECT DISTINCT series FROM points WHERE run = ?", (run,)).fetchall():
        if (start := since.get(training_of(series))) is not None:
            sql = "SELECT step, value FROM points WHERE run = ? AND series = ? AND step >= ?"
            rows = db.execute(sql, (run, series, start))
            found += [(series, step, math.nan if value is None else value) for step, value in rows]
    return sorted(found, key=lambda point: point[1])
