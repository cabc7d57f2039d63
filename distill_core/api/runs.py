"""Runs: started, found, followed, told, packed and taken in."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill_core.api.session import session
from distill_core.config.knobs import path_names
from distill_core.config.schema import Config
from distill_core.environment import public_host
from distill_core.evaluation.columns import report_keys
from distill_core.events import ENDED, ROWS, Event, Point, StageEnded
from distill_core.runs import queue, recovery
from distill_core.runs.queries import RunRecord
from distill_core.runs.store import Store

if TYPE_CHECKING:
    from distill_core.student.predictor import Predictor

FOLLOW_SECONDS = 0.1


class Run:
    """A run in the store. Every property reads the store, so it is true also for a run in another process."""

    def __init__(self, run: str, store: Store):
        self.id, self._store = run, store

    def __repr__(self) -> str:
        return f"<Run {self.id} {self.status}>"

    @property
    def row(self) -> RunRecord:
        """All columns at once, as they stand now."""
        return self._store.run(self.id)

    @property
    def status(self) -> str:
        """One of events.STATUSES."""
        return self.row.status

    @property
    def name(self) -> str:
        """What the user called it, or its task and the beginning of its id."""
        row = self.row
        return row.name or f"{row.task} {row.id[:6]}"

    @property
    def config(self) -> Config:
        """What was asked. Raises UserError where the run was made with parts or knobs that are gone."""
        return Config.of(**self.row.config)

    @property
    def summary(self) -> dict[str, Any] | None:
        """The comparison as `evaluation.comparison.compare` made it, None before it is there."""
        return self.row.summary

    @property
    def place(self) -> int | None:
        """Its place in the queue from 1 on, None when it isn't queued."""
        return queue.queue_place(self._store, self.id)

    @property
    def folder(self) -> Path:
        """Its own folder: student/, teacher.json, texts.jsonl, log.txt."""
        return self._store.folder(self.id)

    def events(self, since: int = 0) -> list[tuple[int, Event]]:
        """(number, event) said after number `since`; curve points come from `points`. Of Progress only the newest of
        each stage is there."""
        return self._store.events(self.id, since)

    def timed_events(self, since: int = 0) -> list[tuple[int, float, Event]]:
        """`events` with the time at which each was said, in seconds since 1970."""
        return self._store.timed_events(self.id, since)

    def points(self, since: int = 0) -> tuple[list[tuple[str, int, float | None]], int]:
        """(series, step, value) of the points after cursor `since`, and the next cursor; None for a value that isn't
        a finite number."""
        rows, cursor = self._store.points(self.id, since)
        return [(series, step, v if abs(v) < float("inf") else None) for series, step, v in rows], cursor

    def follow(self, since: int = 0) -> Iterator[Event]:
        """Every event after number `since`, and every point, to the run's end, waiting for what is to come."""
        cursor = 0
        while True:
            over = self._over()  # asked first: what is said before the end must still be told
            points, cursor = self._store.points(self.id, cursor)
            for series, step, value in points:
                yield Point(series, step, value)
            for number, said in self.events(since):
                since = number
                yield said
            if over:
                return
            time.sleep(FOLLOW_SECONDS)

    def wait(self, seconds: float | None = None) -> str:
        """Waits for the end, or so many seconds; the status then."""
        until = time.monotonic() + seconds if seconds is not None else None
        while not self._over() and (until is None or time.monotonic() < until):
            time.sleep(FOLLOW_SECONDS)
        return self.status

    def _over(self) -> bool:
        row = self.row
        if row.status not in (*ENDED, "queued") and not row.example and not recovery.is_alive(self._store, row.owner):
            recovery.recover_orphans(self._store)
            row = self.row
        return row.status in ENDED

    def stop(self) -> str:
        """Asks it to stop, keeping the best student so far; asked again, ends it at once. The status after it."""
        status = self._store.ask_stop(self.id)
        if status == "stopping" and not recovery.is_alive(self._store, self.row.owner):
            recovery.recover_orphans(self._store)
        return self.status

    def resume(self) -> "Run":
        """Queues it again after an early end; it goes on from its last checkpoint. Raises UserError."""
        session.queue().resume(self.id)
        return self

    def student(self) -> "Predictor":
        """The distilled student, ready for raw texts. Raises UserError where there is none (yet)."""
        return session.predictor(self.id)

    def texts(self) -> Iterator[dict[str, Any]]:
        """The scored rows: {"text": [side, …], "label": its label, row of the comparison: {label: p}, …}; none before
        the comparison, nor for an example."""
        file, labels = self._store.home / "runs" / self.row.id / "texts.jsonl", (self.summary or {}).get("labels")
        if not labels or not file.is_file():
            return
        with file.open(encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                yield row | {name: dict(zip(labels, row[name], strict=True)) for name in ROWS if name in row}

    def rename(self, name: str) -> None:
        """Gives it a name; "" takes it away."""
        self._store.update(self.id, name=name.strip()[:200])

    def annotate(self, note: str) -> None:
        """Sets its note."""
        self._store.update(self.id, note=note.strip()[:10_000])

    def hold(self, holder: str) -> None:
        """Sets who may change it on a public host: a digest of their key. Whom it keeps out, the page decides."""
        self._store.update(self.id, holder=holder)

    def delete(self) -> None:
        """Hides it, after stopping it where it runs. `restore` brings it back."""
        self._store.update(self.id, hidden=1)
        if self.status not in ENDED:
            self.stop()

    def restore(self) -> None:
        """Undoes `delete`."""
        self._store.update(self.id, hidden=0)

    def report(self) -> dict[str, Any]:
        """The run in one JSON object, the same fields for every status; null for what isn't there yet. A run of several
        students adds what `evaluation.aggregation.aggregate` tells of them."""
        row, summary = self.row, self.row.summary or {}
        rows, scores = summary.get("rows") or {}, summary.get("scores") or {}
        return {
            "run": row.id,
            "status": row.status,
            "task": row.task,
            "seed": row.config.get("seed", 0),
            "stages": self.stages(),
            "rows": {name: rows.get(name) for name in ("train", "valid", "test", "transfer")},
            "scored_on": summary.get("scored_on"),
            "scores": {name: _score_columns(scores[name]) for name in ROWS if scores.get(name)},
            "gap_recovered": summary.get("gap_recovered"),
            "kept": summary.get("kept"),
            "agreement": summary.get("agreement"),
            "metric": summary.get("metric") or ("accuracy" if scores else None),
            "differences": summary.get("differences"),
            "tests_read": summary.get("tests_read"),
            "verdict": summary.get("verdict") and [list(said[:2]) for said in summary["verdict"]],
            **{name: summary[name] for name in VARIANT_KEYS if name in summary},
        }

    def stages(self) -> dict[str, float]:
        """Seconds of each stage that ended, in order. A resumed run counts a stage as it last went, unless that was
        only a look into the cache."""
        seconds: dict[str, float] = {}
        for _, said in self.events():
            if isinstance(said, StageEnded) and not (said.cached and said.stage in seconds):
                seconds[said.stage] = said.seconds
        return seconds


VARIANT_KEYS = ("members", "seeds", "students", "learning_curve")  # where a run trained more than one student
SCORE_KEYS = report_keys()


def _score_columns(score: dict[str, Any]) -> dict[str, Any]:
    return {name: score.get(name) for name in SCORE_KEYS}


def start(config: Config | None = None, *, name: str = "", **knobs: Any) -> Run:
    """Queues a run of `config`, or of `knobs` over the defaults; it starts as soon as a worker is free.
    Raises KnobError, UnknownPart."""
    config = Config.of(**(config.model_dump() if config else {}) | knobs)
    return Run(session.queue().start(config.model_dump() | with_absolute_paths(config), name), session.store())


def with_absolute_paths(config: Config) -> dict[str, str]:
    """The config's files and its teacher's folder, named from the root on: the worker, or who resumes the run some
    day, may stand in another folder."""
    named = {knob: getattr(config, knob) for knob in path_names()}
    if not public_host() and config.teacher != "builtin":  # there no teacher's name is a path
        named["teacher"] = config.teacher
    said = {}
    for knob, name in named.items():
        with suppress(OSError, RuntimeError, ValueError):  # no path at all, which reading it will tell
            path = Path(name or "").expanduser().absolute()
            if name and (path.is_dir() if knob == "teacher" else path.is_file()):
                said[knob] = str(path)
    return said


def run(run: str) -> Run:
    """The run with that id. Raises UnknownRun."""
    return Run(session.store().run(run).id, session.store())


def find(start: str) -> Run:
    """The run whose id begins with `start`, or the newest for "last". For the command line: on a public page the whole
    id is the secret. Raises UnknownRun."""
    store = session.store()
    recovery.recover_orphans(store)  # a run whose process was killed must not be told as running
    return Run(store.find(start).id, store)


def list_runs(
    limit: int = 50,
    offset: int = 0,
    *,
    status: str | Sequence[str] | None = None,
    task: str = "",
    search: str = "",
    sort: str = "-created",
    examples: bool = False,
    hidden: bool = False,
    ids: Sequence[str] | None = None,
) -> list[Run]:
    """One page of runs, newest first. `sort`: created, ended, name, task, status, accuracy, kept, teacher, gap, bytes
    or seconds, "-" turns it round. `examples` lists the shipped example runs, `hidden` the deleted ones; `ids` looks
    only among those."""
    store = session.store()
    recovery.recover_orphans(store)
    rows = store.runs(limit, offset, status=status, task=task, search=search, sort=sort, examples=examples,
                      hidden=hidden, ids=ids)  # fmt: skip
    return [Run(row.id, store) for row in rows]


def count(
    *,
    status: str | Sequence[str] | None = None,
    task: str = "",
    search: str = "",
    examples: bool = False,
    ids: Sequence[str] | None = None,
) -> int:
    """How many runs `list_runs` would page through."""
    return session.store().count(status=status, task=task, search=search, examples=examples, ids=ids)


def run_tasks() -> list[str]:
    """The tasks that the runs of this home are about."""
    return session.store().tasks()


def export_run(run: str, file: Path | str) -> Path:
    """Writes a whole ended run to one file, for `import_run` on this or another machine. Raises UserError."""
    from distill_core.runs import archive

    return archive.export_run(session.store(), run, Path(file))


def import_run(file: Path | str) -> Run:
    """Import a run that `export_run` wrote: it reads as any other, marked as imported. Raises DataError, and nothing is
    stored, where the file is anything else."""
    from distill_core.runs import archive

    store = session.store()
    return Run(archive.import_run(store, Path(file)), store)
