"""Runs: start, find, follow, report, export and import them."""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

from distill_core.api.answers import Report, ScoredText
from distill_core.api.session import ExportedRow, session
from distill_core.config.knobs import path_names
from distill_core.config.presets import KnobValues
from distill_core.config.schema import LONGEST, MODELS, Config
from distill_core.config.training_length import LONGER, student_passes, teacher_passes
from distill_core.environment import memory_limit, public_host
from distill_core.errors import UserError
from distill_core.evaluation.columns import ReportedScore, report_keys
from distill_core.evaluation.summary import Score, Summary, VariantKey, VariantSummary
from distill_core.events import ENDED, ROWS, Event, Fact, Point, StageEnded
from distill_core.messages import message
from distill_core.runs import queue, recovery
from distill_core.runs.queries import RunRecord
from distill_core.runs.store import Store
from distill_core.teacher.catalog import saved_teachers

if TYPE_CHECKING:
    from distill_core.evaluation.summary import Action, DoubtfulRow
    from distill_core.runs.backup import Backup
    from distill_core.student.predictor import Predictor

FOLLOW_SECONDS = 0.1


class Run:
    """Run in the store. Every property reads the store, so it is true also for a run in another process.

    Example:
        >>> run.status, run.config.student, run.place
        ('finished', 'bilstm_max', None)
        >>> run.report()["rows"]
        {'train': 14, 'valid': 2, 'test': 4, 'transfer': 26}
    """

    def __init__(self, run: str, store: Store):
        self.id, self._store = run, store

    def __repr__(self) -> str:
        return f"<Run {self.id} {self.status}>"

    @property
    def row(self) -> RunRecord:
        """Record of all columns at once, as they stand now."""
        return self._store.run(self.id)

    @property
    def status(self) -> str:
        """Status, one of `events.STATUSES`."""
        return self.row.status

    @property
    def name(self) -> str:
        """Name that the user gave it, or its task and the beginning of its id."""
        row = self.row
        return row.name or f"{row.task} {row.id[:6]}"

    @property
    def config(self) -> Config:
        """Config of the run. Raises UserError where it has components or knobs that are gone."""
        return Config.stored(self.row.config)

    @property
    def summary(self) -> Summary | None:
        """Summary as the stage compare wrote it, None before that."""
        return self.row.summary

    @property
    def place(self) -> int | None:
        """Place in the queue from 1 on, None when it isn't queued."""
        return queue.queue_place(self._store, self.id)

    @property
    def folder(self) -> Path:
        """Folder of the run: student/, teacher.json, texts.jsonl, log.txt."""
        return self._store.folder(self.id)

    def events(self, since: int = 0) -> list[tuple[int, Event]]:
        """Events of the run; curve points come from `points`.

        Args:
            since: The number of the last event that is known already.

        Returns:
            (number, event) of each later one, in order. Of Progress only the newest of each stage is stored.

        Example:
            >>> [event.kind for _, event in run.events()][-2:]
            ['fact', 'ended']
        """
        return self._store.events(self.id, since)

    def timed_events(self, since: int = 0) -> list[tuple[int, float, Event]]:
        """Events as (number, time, event), the time in seconds since 1970."""
        return self._store.timed_events(self.id, since)

    def points(self, since: int = 0) -> tuple[list[tuple[str, int, float | None]], int]:
        """Points of the run's curves.

        Args:
            since: The cursor of an earlier call.

        Returns:
            (series, step, value) of each later point, and the next cursor. The value is None where it isn't a finite
            number. Where a series comes again from an earlier step, its training began anew, or went on otherwise: what
            an earlier call gave of that training from this step on is gone.

        Example:
            >>> points, cursor = run.points()
            >>> points[0][:2], run.points(cursor)[0]
            (('teacher/loss', 1), [])
        """
        rows, cursor = self._store.points(self.id, since)
        return [(series, step, v if abs(v) < float("inf") else None) for series, step, v in rows], cursor

    def follow(self, since: int = 0) -> Iterator[Event]:
        """Follow the run to its end, waiting for what is to come.

        Args:
            since: The number of the last event that is known already.

        Returns:
            An iterator of every point and of every later event.

        Example:
            >>> list(run.follow())[-1].status
            'finished'
        """
        cursor = 0
        while True:
            over = self._over()  # read first, so that no event from before the end is missed
            points, cursor = self._store.points(self.id, cursor)
            for series, step, value in points:
                yield Point(series, step, value)
            for number, event in self.events(since):
                since = number
                yield event
            if over:
                return
            time.sleep(FOLLOW_SECONDS)

    def wait(self, seconds: float | None = None) -> str:
        """Wait for the run's end.

        Args:
            seconds: The longest to wait; None for no limit.

        Returns:
            The status then, one of `events.STATUSES`.

        Example:
            >>> run.wait(60)
            'finished'
        """
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
        """Stop the run, which keeps its best student so far. A second call ends it at once.

        Returns:
            The status after it. An ended run stays as it is.

        Raises:
            UserError: The run is an example.

        Example:
            >>> run.stop()
            'finished'
        """
        status = self._store.ask_stop(self.id)
        if status == "stopping" and not recovery.is_alive(self._store, self.row.owner):
            recovery.recover_orphans(self._store)
        return self.status

    def resume(self) -> "Run":
        """Resume the run after an early end, from its last checkpoint. It is queued again.

        Raises:
            UserError: The run is finished, is still going on, or was imported.
        """
        session.queue().resume(self.id)
        return self

    def student(self) -> "Predictor":
        """Student of the run, ready for raw texts.

        Raises:
            UserError: There is none (yet).

        Example:
            >>> [prediction] = run.student()(["a warm and funny film"])
            >>> prediction.label in ("bad", "good")
            True
        """
        return session.predictor(self.id)

    def has_model(self, row: ExportedRow) -> bool:
        """Whether the run has the model of that row of the comparison on this machine, so that `export` can write it.

        Example:
            >>> run.has_model("student"), run.has_model("floor")  # it was imported
            (True, False)
        """
        try:
            session.model_folder(self.id, row)
        except UserError:
            return False
        return True

    def offers(self, action: "Action") -> bool:
        """Whether a next step of the run can be taken here: models and rows may have stayed on another machine.

        Example:
            >>> run.offers("train_longer"), run.offers("take_floor")  # it was imported
            (True, False)
        """
        if action == "check_labels":
            return bool(self.doubtful_rows())
        rows = {"take_floor": "floor", "take_control": "control"}
        return action not in rows or self.has_model(cast(ExportedRow, rows[action]))

    def texts(self) -> Iterator[ScoredText]:
        """Texts that the run was scored on.

        Returns:
            An iterator of {"source": the name of its file or data set, "row": its number there, "text": [side, …],
            "label": its label, row of the comparison: {label: probability}, …, "answers": {row of the comparison: its
            label, …}}. Empty before the comparison, and for an example; without "source" and "row" for a run of an
            earlier version.

        Example:
            >>> row = next(run.texts())
            >>> row["label"] in row["student"], row["label"] in row["teacher"]
            (True, True)
            >>> row["answers"]["student"] == max(row["student"], key=row["student"].get)
            True
        """
        from distill_core.evaluation.objective import stored_objective

        summary, file = self.summary, self._store.home / "runs" / self.row.id / "texts.jsonl"
        labels = summary.get("labels") if summary else None
        if not summary or not labels or not file.is_file():
            return
        objective = stored_objective(summary)
        for row in _readable_lines(file):
            with suppress(ValueError, LookupError, TypeError):  # a row that was damaged on the disk is left out
                shares = {name: dict(zip(labels, row[name], strict=True)) for name in ROWS if name in row}
                scored = row | shares | {"answers": {name: objective.answer(one) for name, one in shares.items()}}
                yield cast("ScoredText", scored)

    def doubtful_rows(self, scored: bool = False) -> "list[DoubtfulRow]":
        """Rows whose label may be wrong, the surest first: labelled rows, of training and validation, whose label the
        teacher contradicts.

        Args:
            scored: The rows that the run was scored on instead, whose label student and teacher contradict alike.

        Returns:
            A list of {"source": the name of the file or data set, "row": the number there as a spreadsheet counts (a
            header is row 1; without one, as on the Hub, the first row is 1), "text": [side, …], "label", "teacher": the
            teacher's answer, "probability": how sure it is of that}; at most twenty unless `scored`. A run of an
            earlier version has no "source" and "row". Empty before the teacher has labelled the texts and, but for
            `scored`, for a run of another machine.

        Example:
            >>> run.doubtful_rows()  # it was imported
            []
        """
        from distill_core.evaluation.diagnostics import DOUBTS_FILE

        if scored:
            doubtful = [_doubtful(row) for row in self.texts() if _contradicted_alike(row)]
            return sorted(doubtful, key=lambda row: -row["probability"])
        file = self._store.home / "runs" / self.row.id / DOUBTS_FILE
        if not file.is_file():
            return []
        return list(_readable_lines(file))

    def rename(self, name: str) -> None:
        """Rename the run; "" takes its name away.

        Example:
            >>> run.rename("first try")
            >>> run.name
            'first try'
        """
        self._store.update(self.id, name=name.strip()[:200])

    def annotate(self, note: str) -> None:
        """Annotate the run: set its note.

        Example:
            >>> run.annotate("with the small teacher")
            >>> run.row.note
            'with the small teacher'
        """
        self._store.update(self.id, note=note.strip()[:10_000])

    def hold(self, holder: str) -> None:
        """Holder who may change the run on a public host: a digest of their key. The page enforces it."""
        self._store.update(self.id, holder=holder)

    def delete(self) -> None:
        """Delete the run from lists, after stopping it where it runs, and the rows it began with from this machine.
        `restore` brings it back; resumed, it would read its source again.

        Example:
            >>> run.delete()
            >>> core.count()
            0
            >>> run.restore()
            >>> core.count()
            1
        """
        from distill_core.data import frozen

        self._store.update(self.id, hidden=1)
        if self.status not in ENDED:
            self.stop()
        frozen.delete(self._store.home / "runs" / self.id)

    def restore(self) -> None:
        """Restore the run after `delete`."""
        self._store.update(self.id, hidden=0)

    def longer(self) -> KnobValues:
        """Settings of a run like this one that trains three times as long, student and, where it was fine-tuned here,
        teacher; {} before the comparison, when the number of rows is not known.

        Example:
            >>> run.longer()["epochs"]
            6
        """
        rows, config = (self.row.summary or cast(Summary, {})).get("rows") or {}, self.config
        if "train" not in rows or "transfer" not in rows:
            return {}
        passes = {"epochs": student_passes(config, rows["transfer"])}
        if config.fine_tune:
            passes["teacher_epochs"] = teacher_passes(config, rows["train"])
        return {knob: min(LONGEST, LONGER * number) for knob, number in passes.items()}

    def longer_texts(self) -> KnobValues:
        """Settings of a run like this one that reads twice as many tokens of a text, as far as its teacher can; {}
        before the comparison, and where it reads no more.

        Example:
            >>> run.longer_texts()  # it has read every text whole
            {}
        """
        from distill_core.evaluation import next_steps

        limit = next_steps.longer_limit(self.row.summary or cast(Summary, {}))
        return {"max_tokens": limit} if limit else {}

    def same_teacher(self) -> KnobValues:
        """Settings of a run like this one that takes the teacher which this one fine-tuned, as it was saved; {} where
        it fine-tuned none, or that is gone.

        Example:
            >>> run.same_teacher()  # it took a teacher as it was
            {}
        """
        file = self._store.home / "runs" / self.row.id / "teacher.json"
        name = next((one.get("name") for one in _readable_lines(file)), "") if file.is_file() else ""
        saved = {one.name for one in saved_teachers(self._store.home)}
        return {"teacher": name, "fine_tune": False} if name in saved else {}

    @property
    def data_name(self) -> str:
        """Name of the run's data: of its own file without the ending, or else of its task.

        Example:
            >>> run.data_name
            'rows'
        """
        return Path(str(self.row.config.get("train") or self.row.task)).stem

    def labelled_texts(self) -> list[tuple[tuple[str, ...], str]]:
        """Sides and label of each text that the run was scored on.

        Example:
            >>> len(run.labelled_texts()) == sum(1 for _ in run.texts())
            True
        """
        return [(tuple(one["text"]), one["label"]) for one in self.texts()]

    def report(self) -> Report:
        """Report of the run as one JSON object.

        Returns:
            The same keys for every status, None for what isn't there yet. `stages` in seconds; `scores` by row of the
            comparison, with the keys SCORE_KEYS, as fractions, bytes, milliseconds and texts a second. A run of several
            students adds VARIANT_KEYS.

        Example:
            >>> report = run.report()
            >>> report["status"], report["metric"], report["scores"]["student"]["parameters"]
            ('finished', 'accuracy', 1954)
        """
        row = self.row
        summary = row.summary or cast(Summary, {})  # before the comparison, when every key is missing
        rows, scores = summary.get("rows") or {}, summary.get("scores") or {}
        verdict, steps = summary.get("verdict"), summary.get("next_steps")
        variants = cast(VariantSummary, {name: summary[name] for name in VARIANT_KEYS if name in summary})
        events = [event for _, event in self.events()]
        return {
            "run": row.id,
            "status": row.status,
            "task": row.task,
            "seed": row.config.get("seed", 0),
            "stages": _stages(events),
            "rows": {
                "train": rows.get("train"), "valid": rows.get("valid"), "test": rows.get("test"),
                "transfer": rows.get("transfer"),
            },
            "scored_on": summary.get("scored_on"),
            "scores": {name: _score_columns(scores[name]) for name in ROWS if scores.get(name)},
            "gap_recovered": summary.get("gap_recovered"),
            "kept": summary.get("kept"),
            "agreement": summary.get("agreement"),
            "metric": summary.get("metric") or ("accuracy" if scores else None),
            "differences": summary.get("differences"),
            "class_agreement": summary.get("class_agreement"),
            "doubling": summary.get("doubling"),
            "tests_read": summary.get("tests_read"),
            "provenance": newest_fact(events, "provenance"),
            "verdict": None if verdict is None else [[finding[0], finding[1]] for finding in verdict],
            "next_steps": None if steps is None else [[step["action"], step["cause"]] for step in steps],
            **variants,
        }  # fmt: skip

    def stages(self) -> dict[str, float]:
        """Stages that ended, in order, with their seconds. A resumed run counts a stage as it last went, unless that
        only read the cache."""
        return _stages(event for _, event in self.events())


SURELY = 1.25  # times the machine's memory: an estimate may be a quarter too high
VARIANT_KEYS: tuple[VariantKey, ...] = get_args(VariantKey)  # where a run trained more than one student
SCORE_KEYS = report_keys()


def newest_fact(events: Iterable[Event], name: str) -> Any:
    """Newest value of a fact among a run's events, None where it has none."""
    values = [event.value for event in events if isinstance(event, Fact) and event.name == name]
    return values[-1] if values else None


def _stages(events: Iterable[Event]) -> dict[str, float]:
    """See `Run.stages`."""
    seconds: dict[str, float] = {}
    for event in events:
        if isinstance(event, StageEnded) and not (event.cached and event.stage in seconds):
            seconds[event.stage] = event.seconds
    return seconds


def _score_columns(score: Score) -> ReportedScore:
    return {name: score.get(name) for name in SCORE_KEYS}


def start(
    config: Config | None = None, *, name: str = "", checked: bool = False, holder: str = "", **knobs: Any
) -> Run:  # fmt: skip
    """Start a run: it is queued, and begins as soon as a worker is free.

    Args:
        config: The knobs of the run; None for the defaults.
        name: What to call it.
        checked: Whether `check_data` has read the config's own file already, perhaps before it was copied.
        holder: Who may change the run on a public host, see `Run.hold`; of each one run computes at a time.
        knobs: Knobs that replace those of `config`.

    Returns:
        The run, which goes on in a process of its own.

    Raises:
        KnobError: A knob is out of range or unknown.
        UnknownPart: A knob names a component that there is not.
        UserError: The config's own file can't be read, or no run could use it. A data set of the Hub is read by the
            run.

    Example:
        >>> first = core.start(config, name="first try", epochs=1)
        >>> first.wait(120), first.report()["rows"]["train"]
        ('finished', 14)
    """
    config = Config.of(**(config.model_dump() if config else {}) | knobs)
    if not checked:
        session.check_data(config)
    _check_memory(config)
    queued = session.queue().start(config.model_dump() | with_absolute_paths(config), name, holder)
    return Run(queued, session.store())


def _check_memory(config: Config) -> None:
    """Raise UserError where the run would need more memory than the machine has, as far as that is known."""
    from distill_core.cache import Cache
    from distill_core.estimation import cost

    known = cost.known_measurements(config, Cache(session.store().home / "cache"))
    found, limit = cost.estimate(config, known, ()), memory_limit()
    if found and found.memory and limit and found.memory > SURELY * limit:
        raise UserError(message(
            "This run needs about {needed:,.1f} GB of memory, its teacher included, and this machine has {limit:,.1f} "
            "GB. Choose a smaller teacher, fewer rows a step ({knob:knob}) or fewer tokens a text.",
            needed=found.memory / 1e9, limit=limit / 1e9, knob="teacher_batch"))  # fmt: skip


def with_absolute_paths(config: Config) -> KnobValues:
    """Absolute paths of the config's files and its models' folders: the worker may have another working folder."""
    values = {knob: getattr(config, knob) for knob in path_names()}
    if not public_host():  # there no model's name is a path
        values |= {knob: name for knob in MODELS if (name := getattr(config, knob)) != "builtin"}
    paths: KnobValues = {}
    for knob, value in values.items():
        if isinstance(value, list):  # a text bank may be the id of a data set, which stays
            paths[knob] = [(not public_host() and _absolute(name)) or name for name in value]
        elif value and (
            path := _absolute(value, folder=knob in MODELS, file=knob == "generator" or knob not in MODELS)
        ):
            paths[knob] = path
    return paths


def _absolute(name: str, folder: bool = False, file: bool = True) -> str | None:
    """The absolute path of a file or folder, None where there is none."""
    with suppress(OSError, RuntimeError, ValueError):  # no path at all, which reading it reports
        path = Path(name).expanduser().absolute()
        return str(path) if (folder and path.is_dir()) or (file and path.is_file()) else None
    return None


def run(run: str) -> Run:
    """Run with that id, an example's included.

    Args:
        run: The whole id.

    Raises:
        UnknownRun: There is none.

    Example:
        >>> core.run(run.id).status
        'finished'
    """
    return Run(session.store().run(run).id, session.store())


def find(start: str) -> Run:
    """Find a run by the beginning of its id. For the command line: on a public page the whole id is the secret.

    Args:
        start: The beginning of an id, or "last" for the newest run.

    Raises:
        UnknownRun: None begins so, or several do.

    Example:
        >>> core.find("last").id == core.find(run.id[:8]).id == run.id
        True
    """
    store = session.store()
    recovery.recover_orphans(store)  # a run whose process was killed must not be shown as running
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
    """List one page of runs, newest first.

    Args:
        limit: The most runs to list.
        offset: Runs to skip.
        status: One of `events.STATUSES`, or several.
        task: A task's name; "" for all.
        search: Words that must stand in the name, note, task, config or id.
        sort: created, ended, name, task, status, accuracy, kept, teacher, gap, bytes or seconds; "-" before it turns
            the order round.
        examples: List the shipped example runs instead.
        hidden: List the deleted runs instead.
        ids: Look only among these.

    Raises:
        UserError: Runs can't be sorted so.

    Example:
        >>> [finished.id == run.id for finished in core.list_runs(status="finished", search="bilstm")]
        [True]
    """
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
    """Count the runs that `list_runs` would page through.

    Args:
        status: As for `list_runs`, and so the rest.
        task: A task's name.
        search: Words.
        examples: The shipped examples instead.
        ids: Look only among these.

    Example:
        >>> core.count(), core.count(status="failed")
        (1, 0)
    """
    return session.store().count(status=status, task=task, search=search, examples=examples, ids=ids)


def run_tasks() -> list[str]:
    """Tasks of the runs of this home, in alphabetical order.

    Example:
        >>> core.run_tasks()
        ['file']
    """
    return session.store().tasks()


def _readable_lines(file: Path) -> Iterator[Any]:
    """The JSON objects of a file with one a line, but for those that were damaged on the disk."""
    with file.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            with suppress(ValueError):
                if isinstance(value := json.loads(line), dict):
                    yield value


def _contradicted_alike(row: ScoredText) -> bool:
    """Whether student and teacher give one answer, and the label is another."""
    return row["answers"]["student"] == row["answers"]["teacher"] != row["label"]


def _doubtful(row: ScoredText) -> "DoubtfulRow":
    found: DoubtfulRow = {
        "text": row["text"], "label": row["label"], "teacher": row["answers"]["teacher"],
        "probability": max(row["teacher"].values()),
    }  # fmt: skip
    return found | {"source": row["source"], "row": row["row"]} if "row" in row else found


def export_run(run: str, file: Path | str) -> Path:
    """Export an ended run to one file, for `import_run` on this or another machine.

    Args:
        run: The run's id.
        file: A new file, a zip.

    Returns:
        The file.

    Raises:
        UserError: The run has not ended or is an example, or the file exists or can't be written.

    Example:
        >>> core.export_run(run.id, folder / "run.zip").is_file()
        True
    """
    from distill_core.runs import archive

    return archive.export_run(session.store(), run, Path(file))


def import_run(file: Path | str) -> Run:
    """Import a run that `export_run` wrote: it reads as any other, marked as imported.

    Args:
        file: A file of any origin; every value in it is checked first.

    Returns:
        The run, under a new id where its own is taken.

    Raises:
        DataError: The file is anything else. Nothing is stored then.
        UserError: The home can only be read.

    Example:
        >>> again = core.import_run(packed)
        >>> again.row.origin, again.id != run.id
        ('imported', True)
    """
    from distill_core.runs import archive

    store = session.store()
    store.require_writable()
    return Run(archive.import_run(store, Path(file)), store)


def open_backup() -> "Backup | None":
    """Open the backup of ended runs: of the folder that STILLROOM_BACKUP names, or of a Space's bucket at /data.

    Returns:
        The backup, whose `restore` imports what the store lacks and whose `save` copies what has ended since; None
        where there is no such folder that can be written to, or the home can only be read.

    Example:
        >>> core.open_backup() is None
        True
    """
    from distill_core.runs.backup import Backup, backup_folder

    folder, store = backup_folder(), session.store()
    return None if folder is None or store.refusal else Backup(store, folder)
