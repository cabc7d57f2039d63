"""The facade that the page, notebooks and the command line share. What isn't here is private.

Nothing heavy is imported until a function needs it: listing runs costs no torch.
"""

import atexit
import json
import statistics
import threading
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill_core import jobs, parts, worker
from distill_core.config import Config
from distill_core.errors import DataError, UnknownPart, UserError
from distill_core.events import ENDED, ROWS, Ended, Event, Fact, Point, StageEnded
from distill_core.host import public_host
from distill_core.store import Row, Store, home

if TYPE_CHECKING:
    from distill_core.artifact import Prediction, Predictor
    from distill_core.cost import Earlier, Estimate
    from distill_core.data import Data
    from distill_core.teacher import Teacher
    from distill_core.transfer import Augmenter

Text = tuple[str, ...]
FOLLOW_SECONDS = 0.1
ASKED = 5  # times a typed text is answered, to time it
LOADED = 2  # teachers kept in memory
EARLIER = 60  # finished runs that an estimate looks at
WISHES, IDLE = "stillroom-survey", 10.0  # the thread that surveys, and the seconds after which it ends
SURVEY = "distill_core.pace:survey"
STUDENT = "student.json"  # is written last: where it stands, the student is whole


# ---- runs


class Run:
    """A run in the store. Every property reads the store, so it is true also for a run in another process."""

    def __init__(self, run: str, store: Store):
        self.id, self._store = run, store

    def __repr__(self) -> str:
        return f"<Run {self.id} {self.status}>"

    @property
    def row(self) -> Row:
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
        """The comparison as `evaluate.summary` made it, None before it is there."""
        return self.row.summary

    @property
    def place(self) -> int | None:
        """Its place in the queue from 1 on, None when it isn't queued."""
        return jobs.place(self._store, self.id)

    @property
    def folder(self) -> Path:
        """Its own folder: student/, teacher.json, texts.jsonl, log.txt."""
        return self._store.folder(self.id)

    def events(self, since: int = 0) -> list[tuple[int, Event]]:
        """(number, event) said after number `since`; curve points come from `points`. Of Progress only the newest of
        each stage is there."""
        return self._store.events(self.id, since)

    def told(self, since: int = 0) -> list[tuple[int, float, Event]]:
        """`events` with the time at which each was said, in seconds since 1970."""
        return self._store.told(self.id, since)

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
        if row.status not in (*ENDED, "queued") and not row.example and not jobs.is_alive(self._store, row.owner):
            jobs.sweep(self._store)
            row = self.row
        return row.status in ENDED

    def stop(self) -> str:
        """Asks it to stop, keeping the best student so far; asked again, ends it at once. The status after it."""
        status = self._store.ask_stop(self.id)
        if status == "stopping" and not jobs.is_alive(self._store, self.row.owner):
            jobs.sweep(self._store)
        return self.status

    def resume(self) -> "Run":
        """Queues it again after an early end; it goes on from its last checkpoint. Raises UserError."""
        _jobs().resume(self.id)
        return self

    def student(self) -> "Predictor":
        """The distilled student, ready for raw texts. Raises UserError where there is none (yet)."""
        return predictor(self.id)

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
        students adds what `members.together` tells of them."""
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
            "scores": {name: _score(scores[name]) for name in ROWS if scores.get(name)},
            "gap_recovered": summary.get("gap_recovered"),
            "kept": summary.get("kept"),
            "agreement": summary.get("agreement"),
            "metric": summary.get("metric") or ("accuracy" if scores else None),
            "differences": summary.get("differences"),
            "tests_read": summary.get("tests_read"),
            "verdict": summary.get("verdict"),
            **{name: summary[name] for name in SEVERAL if name in summary},
        }

    def stages(self) -> dict[str, float]:
        """Seconds of each stage that ended, in order. A resumed run counts a stage as it last went, unless that was
        only a look into the cache."""
        seconds: dict[str, float] = {}
        for _, said in self.events():
            if isinstance(said, StageEnded) and not (said.cached and said.stage in seconds):
                seconds[said.stage] = said.seconds
        return seconds


SEVERAL = ("members", "seeds", "students", "learning_curve")  # where a run trained more than one student
SCORE = (
    "accuracy", "low", "high", "macro_f1", "macro_f1_low", "macro_f1_high", "mcc", "f1", "metric_low", "metric_high",
    "ece", "temperature", "ece_scaled", "parameters", "bytes", "latency_ms", "latency_p95_ms", "texts_per_s",
)  # fmt: skip


def _score(score: dict[str, Any]) -> dict[str, Any]:
    return {name: score.get(name) for name in SCORE}


def start(config: Config | None = None, *, name: str = "", **knobs: Any) -> Run:
    """Queues a run of `config`, or of `knobs` over the defaults; it starts as soon as a worker is free.
    Raises KnobError, UnknownPart."""
    config = Config.of(**(config.model_dump() if config else {}) | knobs)
    return Run(_jobs().start(config.model_dump() | _rooted(config), name), _store())


def _rooted(config: Config) -> dict[str, str]:
    """The config's files and its teacher's folder, named from the root on: the worker, or who resumes the run some
    day, may stand in another folder."""
    named = {knob: getattr(config, knob) for knob in ("train", "valid", "test", "unlabelled", "vectors_file")}
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
    return Run(_store().run(run).id, _store())


def find(start: str) -> Run:
    """The run whose id begins with `start`, or the newest for "last". For the command line: on a public page the whole
    id is the secret. Raises UnknownRun."""
    store = _store()
    jobs.sweep(store)  # a run whose process was killed must not be told as running
    return Run(store.find(start).id, store)


def runs(
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
    store = _store()
    jobs.sweep(store)
    wanted = {"status": status, "task": task, "search": search, "ids": ids}
    found = store.runs(limit, offset, sort=sort, examples=examples, hidden=hidden, **wanted)
    return [Run(row.id, store) for row in found]


def count(
    *,
    status: str | Sequence[str] | None = None,
    task: str = "",
    search: str = "",
    examples: bool = False,
    ids: Sequence[str] | None = None,
) -> int:
    """How many runs `runs` would page through."""
    return _store().count(status=status, task=task, search=search, examples=examples, ids=ids)


def run_tasks() -> list[str]:
    """The tasks that the runs of this home are about."""
    return _store().tasks()


def pack(run: str, file: Path | str) -> Path:
    """Writes a whole ended run to one file, for `unpack` on this or another machine. Raises UserError."""
    from distill_core import bundle

    return bundle.pack(_store(), run, Path(file))


def unpack(file: Path | str) -> Run:
    """Takes a run in that `pack` wrote: it reads as any other, marked as imported. Raises DataError, and nothing is
    kept, where the file is anything else."""
    from distill_core import bundle

    store = _store()
    return Run(bundle.unpack(store, Path(file)), store)


def export(run: str, folder: Path | str) -> Path:
    """Writes the run's student to `folder`, which then predicts from raw text without Stillroom. Raises UserError."""
    from distill_core import artifact

    report = Run(run, _store()).report() | {"summary": _store().run(run).summary or {}}
    return artifact.export(_student_folder(run), Path(folder), report)


def predict_file(
    run: str, file: Path | str, text: str | None = None, text2: str | None = None
) -> "Iterator[tuple[str | Text, Prediction]]":
    """Each text of a file (see `answers.texts`: the columns are guessed where they aren't named) with the answer of the
    run's student. Raises UserError before the first."""
    from distill_core import answers

    student = predictor(run)
    return answers.answered(answers.texts(file, bool(student.settings["pair"]), text, text2), student)


def save_predictions(
    run: str, file: Path | str, out: Path | str, text: str | None = None, text2: str | None = None
) -> int:
    """`predict_file` to a CSV; how many rows. Raises UserError."""
    from distill_core import answers

    student = predictor(run)
    found = predict_file(run, file, text, text2)
    return answers.write(Path(out), found, student.labels, bool(student.settings["pair"]))


def text_columns(run: str, file: Path | str) -> tuple[list[str], list[str]]:
    """The columns of a table file, and those guessed to hold what the run's student reads. Raises UserError."""
    from distill_core import answers

    return answers.columns(file, bool(predictor(run).settings["pair"]))


def save_scored(run: str, out: Path | str) -> int:
    """The scored rows with every row's answers as a CSV; how many. Raises UserError where the run has none."""
    from distill_core import answers

    found = Run(run, _store())
    labels = (found.summary or {}).get("labels")
    if not labels or not (written := answers.write_scored(Path(out), found.texts(), labels, ROWS)):
        raise UserError(f"Run {run} has no scored rows on this machine. They come with its comparison.")
    return written


# ---- what may be chosen

SHELVES = (parts.TASKS, parts.AUGMENT, parts.VECTORS, parts.STUDENTS, parts.LOSSES)


@dataclass(frozen=True)
class Part:
    """A part of a shelf: its name, and one line that says what it is."""

    name: str
    help: str


def shelf(name: str) -> list[Part]:
    """The parts on a shelf: "tasks", "augment", "vectors", "students" or "losses". One function for all of them, as
    functions called `tasks` or `students` would be hidden by the packages of that name. Raises UnknownPart."""
    found = next((shelf for shelf in SHELVES if shelf.name == name), None)
    if found is None:
        raise UnknownPart(f"There is no shelf {name!r}. Choose one of: {', '.join(shelf.name for shelf in SHELVES)}.")
    return [Part(part, found.help(part)) for part in found.names]


@dataclass(frozen=True)
class Teaching:
    """A teacher to choose. `name` goes into the config; `kind` is "builtin", "kept" or "suggestion"; `here` whether it
    is on this machine. `weights` in all, None where unknown; `accuracy` as (fraction, on what, whether it was
    "measured" here, "declared" by who made it or "published" by its authors), None where nobody told."""

    name: str
    kind: str
    help: str
    here: bool = True
    weights: float | None = None
    accuracy: tuple[float, str, str] | None = None


def teachers() -> list[Teaching]:
    """The built-in teacher, those that earlier runs fine-tuned and kept, and some ids on the Hub."""
    from distill_core import kept

    seen = {(run.config["task"], run.teacher["name"]): run for run in reversed(_earlier()) if run.teacher}
    measured = {name: (run, task) for (task, name), run in seen.items()}

    def known(name: str, otherwise: tuple[float, str, str] | None) -> tuple[float, str, str] | None:
        run, task = measured.get(name, (None, ""))
        return (run.teacher["accuracy"], task, "measured") if run and "accuracy" in run.teacher else otherwise

    def weights(name: str, otherwise: float | None = None) -> float | None:
        return measured[name][0].teacher.get("parameters") if name in measured else otherwise

    mine = [
        Teaching(one.name, "kept", f"{one.base}, fine-tuned here on {one.rows:,} rows of {one.task}: "
                 f"{100 * one.accuracy:.1f} % on its validation rows.", True,
                 weights(one.name, next((base.weights for base in kept.SUGGESTED if base.name == one.base), None)),
                 (one.accuracy, one.task, "measured"))
        for one in kept.kept(home())
    ]  # fmt: skip
    made = kept.made()
    builtin = Teaching(
        "builtin", "builtin", "A small BERT made for the built-in reviews; ships with Stillroom.", True,
        made["weights"], known("builtin", (made["held_out_accuracy"], "reviews", "declared")),
    )  # fmt: skip
    named = [
        Teaching(one.name, "suggestion", one.help, kept.here(one.name), one.weights,
                 known(one.name, (*one.published, "published") if one.published else None))
        for one in kept.SUGGESTED
    ]  # fmt: skip
    return [builtin, *mine, *named]


def task_pair(task: str) -> bool | None:
    """Whether a task is about pairs of texts, None where its data decide. Raises UnknownPart."""
    return parts.TASKS.constant(task, "PAIR")


def task_teacher(task: str) -> str | None:
    """The teacher that a task brings along, None where it brings none. Raises UnknownPart."""
    return parts.TASKS.constant(task, "TEACHER")


# ---- looking before starting


def estimate(config: Config) -> "Estimate | None":
    """What a run of `config` will cost on this machine, at once; None while too little is known, which `survey` mends.
    Rests on what earlier runs here took for the like, else on what was surveyed."""
    from distill_core import cost
    from distill_core.cache import Cache

    return cost.estimate(config, cost.paces(config, Cache(_store().home / "cache")), _earlier())


def survey(config: Config) -> "Estimate | None":
    """The same, after measuring what isn't known yet, in a process such as runs have: some seconds. None where the
    teacher is not on this machine and of unknown size. Raises UserError where the data can't be had."""
    from distill_core import cost
    from distill_core.cache import Cache

    store = _store()
    if not (known := cost.paces(config, Cache(store.home / "cache"))).whole:
        with _surveying:
            folder = store.home / "cache" / "survey"
            folder.mkdir(exist_ok=True, mode=0o700)
            asked = config.model_dump() | _rooted(config)
            job = worker.Job("survey", asked, folder, store.home / "cache", SURVEY, store.home)
            running = worker.start(job, thread=jobs.threaded())
            ended = None
            while (heard := running.receive(1.0)) is not None:
                ended = next((event for event in heard if isinstance(event, Ended)), ended)
            if ended and ended.status == "failed" and not known.counts:
                raise UserError(ended.message)
    return estimate(config)


def survey_soon(config: Config) -> bool:
    """Has `survey` done in the background, the newest wish first; whether that is still to come. False once it was
    tried: what `estimate` then doesn't know can't be known before the run."""
    from distill_core import cost, kept

    name = kept.name_for(config)
    key = repr([*(key(config) for key in cost.KEYS.values()), kept.here(name, config.allow_pickle)])
    with _lock:
        if key in _tried:
            return False
        _wishes[:] = [(key, config)]
        if not any(thread.name == WISHES for thread in threading.enumerate()):
            threading.Thread(target=_survey_wishes, name=WISHES, daemon=True).start()
    return True


def _survey_wishes() -> None:
    idle = time.monotonic()
    while time.monotonic() - idle < IDLE:
        with _lock:
            wish = _wishes.pop() if _wishes else None
        if wish is None:
            time.sleep(FOLLOW_SECONDS)
            continue
        try:
            survey(wish[1])
        except Exception:  # the data's own sentence stands beside the data; a bug of ours costs the estimate alone
            traceback.print_exc(limit=-3)
        _tried.add(wish[0])
        idle = time.monotonic()


def _earlier() -> "list[Earlier]":
    """The newest runs that finished here, as estimates ask for them. A finished run changes no more, so each is read
    once."""
    from distill_core.cost import Earlier

    store = _store()
    found = []
    for row in store.runs(EARLIER, status="finished"):
        if row.id not in _told:
            stages: dict[str, tuple[float, bool]] = {}
            facts: dict[str, Any] = {}
            for _, said in store.events(row.id):
                if isinstance(said, StageEnded):
                    stages[said.stage] = (said.seconds, said.cached)
                elif isinstance(said, Fact):
                    facts[said.name] = said.value
            summary, teacher = row.summary or {}, dict(facts.get("teacher") or {})
            if "teacher" in (facts.get("validation") or {}) and facts.get("metric", "accuracy") == "accuracy":
                teacher["accuracy"] = facts["validation"]["teacher"]
            rows = {"train": 0, "unlabelled": 0} | (facts.get("rows") or {})
            texts = int((facts.get("transfer") or {}).get("texts") or 0)
            _told[row.id] = Earlier(
                row.config, stages, texts, int(summary.get("steps") or 0), facts.get("memory"), teacher, rows
            )
        found.append(_told[row.id])
    return found


def keep_file(file: Path | str) -> Path:
    """A copy of an uploaded file in the home folder, under its digest, so that a resumed run still finds it."""
    import hashlib
    import shutil

    source = Path(file)
    with source.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    place = _store().home / "uploads" / digest[:32]
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    kept = place / source.name
    if not kept.is_file():
        part = place / f".{source.name}.{threading.get_ident()}"
        shutil.copyfile(source, part)
        part.replace(kept)
    return kept


def is_kept(file: Path | str | None) -> bool:
    """Whether `file` is a copy that `keep_file` made: its address has the file's digest, so only who gave it has it."""
    if not file:
        return False
    path, uploads = Path(file).resolve(), (_store().home / "uploads").resolve()
    return path.is_file() and path.parent.parent == uploads


def columns(file: Path | str) -> tuple[str, ...]:
    """The names of a table file's columns. Raises DataError."""
    from distill_core import table

    return table.read_table(file).columns


@dataclass(frozen=True)
class Inspection:
    """What a config's data are. `rows`: train, valid, test, unlabelled; `balance`: training rows of each label;
    `sample`: the first training rows as {"text", "label"} and "text2" for a pair; `notes`: (level, sentence)."""

    rows: dict[str, int]
    labels: tuple[str, ...]
    balance: dict[str, int]
    sample: list[dict[str, str]]
    notes: list[tuple[str, str]]
    columns: dict[str, str]
    pair: bool
    language: str
    scored_on: str


def inspect(config: Config, sample: int = 8) -> Inspection:
    """Reads and checks the config's data as a run would. Raises UserError."""
    from distill_core import verdict

    data = _data(config)
    names = ("text", "text2")
    return Inspection(
        rows={"train": len(data.train.texts), "valid": len(data.valid.texts), "test": len(data.test.texts),
              "unlabelled": len(data.unlabelled)},
        labels=tuple(data.labels),
        balance={label: data.train.labels.count(number) for number, label in enumerate(data.labels)},
        sample=[dict(zip(names, text, strict=False)) | {"label": data.labels[label]}
                for text, label in list(zip(data.train.texts, data.train.labels, strict=True))[:sample]],
        notes=[_note(note) for note in (*data.notes, *verdict.before(data))],
        columns=dict(data.columns), pair=data.pair, language=data.language, scored_on=data.scored_on,
    )  # fmt: skip


def preview(
    config: Config, text: str | Text | None = None, n: int = 5, *, ask: bool = True, seed: int | None = None
) -> dict[str, Any]:
    """What the augmentation rules make of `text` (a training text where None) and what the teacher says to each.
    `seed` draws other offspring, and another training text, without touching the config's own.

    {"text": [side, …], "probabilities": {label: p}, "offspring": [{"text", "rules", "changed": [[side, word number,
    before, after, rule], …], "probabilities"}, …]}; no probabilities where `ask` is False or the teacher is yet to be
    fine-tuned. Raises UserError."""
    from distill_core import transfer
    from distill_core.text import WITHOUT_SPACES

    if n < 1:
        raise UserError(f"A preview of {n} texts can't be made. Ask for at least 1.")
    data = _data(config)
    teacher = _teacher(config) if ask and not config.fine_tune else None
    seed = config.seed if seed is None else seed
    chosen = _text(text, data.pair) if text else data.train.texts[seed % len(data.train.texts)]
    pieces = teacher.pieces() if teacher and data.language in WITHOUT_SPACES else None  # else words need none
    # Tagging all training texts takes seconds, the offspring of one text nothing.
    key = (data.fingerprint(), repr(config.rules), teacher.fingerprint if pieces and teacher else "")
    with _loading:
        augmenter = _kept(_augmenters, key, lambda: transfer.Augmenter(data.train.texts, config, pieces, data.language))
        offspring = augmenter.first(chosen, n, seed)
    said = _probabilities(teacher, [chosen, *(child.text for child in offspring)]) if teacher else []
    told = [
        {"text": list(child.text), "rules": list(child.rules), "changed": [list(change) for change in child.changed]}
        | ({"probabilities": said[number]} if said else {})
        for number, child in enumerate(offspring, 1)
    ]
    return {"text": list(chosen), "offspring": told} | ({"probabilities": said[0]} if said else {})


def ask_teacher(config: Config, text: str | Text) -> dict[str, Any]:
    """The config's teacher on one text: {"labels": […], "logits": […], "probabilities": {label: p}, "ms": float}.
    Raises UserError, also where the teacher is yet to be fine-tuned."""
    if config.fine_tune:
        raise UserError("This teacher is yet to be fine-tuned, so it has nothing to say. Ask it after the run.")
    data = _data(config)
    chosen = _text(text, data.pair)
    return _ask(_teacher(config), chosen)


def ask(run: str, text: str | Text) -> dict[str, Any]:
    """A finished run's teacher and student on one text: {"teacher": {label: p}, "student": {label: p},
    "ms": {"teacher": float, "student": float}}. The teacher's part is missing where it can't be loaded any more.
    Raises UserError."""
    student = predictor(run)
    row = _store().run(run)
    pair = bool(student.settings["pair"])
    chosen = _text(text, pair)
    asked = chosen if pair else chosen[0]
    prediction, spent = _timed(lambda: student([asked])[0])
    answers: dict[str, Any] = {"student": dict(prediction.probabilities)}
    ms = {"student": spent}
    teacher = _run_teacher(row)
    if teacher is not None:
        score = (row.summary or {}).get("scores", {}).get("teacher", {})
        said = _ask(teacher, chosen, score.get("temperature") or 1.0)  # the student's are calibrated too
        answers["teacher"], ms["teacher"] = said["probabilities"], said["ms"]
    return answers | {"ms": ms}


def reading(run: str | None, text: str | Text) -> dict[str, Any]:
    """How a run's student reads a text, beside its teacher's answer; where `run` is None the built-in teacher, and a
    student of the default shape before any training (for two texts a siamese one, and no teacher).

    {"labels", "run", "teacher": {"name", "logits", "ms", "parameters", "bytes"} or None, "student": {"name", "trained",
    "ms", "parameters", "bytes", and what `states.told` says}}. Raises UserError."""
    from distill_core import states

    if run is None:
        pair = not isinstance(text, str)
        student, teacher = _untrained(pair), None if pair else _teacher(Config())
        weights = 4 * sum(value.numel() for value in student.model.state_dict().values())
    else:
        student, teacher = predictor(run), _run_teacher(_store().run(run))
        weights = sum(file.stat().st_size for file in _student_folder(run).glob("*.safetensors"))
    chosen = _text(text, bool(student.settings["pair"]))
    read, (_, ms) = states.read(student, chosen), _timed(lambda: student.logits([chosen]))
    said = None
    if teacher is not None:
        asked = _ask(teacher, chosen)
        said = {name: getattr(teacher, name) for name in ("name", "parameters", "bytes")}
        said |= {"logits": asked["logits"], "ms": asked["ms"]}
    about = {"name": student.settings["student"], "trained": run is not None, "ms": ms, "bytes": weights,
             "parameters": sum(value.numel() for value in student.model.parameters())}  # fmt: skip
    return {"labels": student.labels, "run": run, "teacher": said, "student": about | states.told(read)}


def predictor(run: str) -> "Predictor":
    """The student of a run, loaded once. Raises UserError where there is none (yet)."""
    folder = _student_folder(run)
    # A run that goes on replaces its best student by a better one.
    return _kept(_predictors, (str(folder), (folder / STUDENT).stat().st_mtime_ns), lambda: _load_predictor(folder))


# ---- the app's life


def open_app() -> None:
    """What the app does when it opens: takes over what dead processes left, clears away what they had half written,
    and warms the workers up."""
    from distill_core.cache import Cache

    _jobs(adopt=True)
    for root in (_store().home / "cache", _store().home):  # the home itself holds the kept teachers
        Cache(root).sweep()


def close() -> None:
    """Ends the workers of this process, closes the store and forgets what was loaded. Runs that were going on resume
    when an app next opens."""
    with _lock:
        for queue in _queues.values():
            queue.close()
        _queues.clear()
        for store in _stores.values():
            store.close()
        _stores.clear()
    with _loading:
        for loaded in (_teachers, _predictors, _datas):
            loaded.clear()


# ---- private

_lock = threading.RLock()
_stores: dict[Path, Store] = {}
_queues: dict[Path, jobs.Jobs] = {}
_teachers: "OrderedDict[Any, Teacher]" = OrderedDict()
_predictors: "OrderedDict[Any, Predictor]" = OrderedDict()
_datas: "OrderedDict[Any, Data]" = OrderedDict()
_augmenters: "OrderedDict[Any, Augmenter]" = OrderedDict()
_told: "dict[str, Earlier]" = {}
_loading = threading.RLock()
_wishes: list[tuple[str, Config]] = []
_tried: set[str] = set()
_surveying = threading.Lock()  # one at a time: two would measure each other
_pipeline = jobs.worker.PIPELINE  # what runs run
atexit.register(close)


def _store() -> Store:
    with _lock:
        place = home()
        if place not in _stores:
            _stores[place] = Store(place)
        return _stores[place]


def _jobs(adopt: bool = False) -> jobs.Jobs:
    with _lock:
        store = _store()
        if store.home not in _queues:
            _queues[store.home] = jobs.Jobs(store, adopt=adopt, target=_pipeline)
        elif adopt:
            _queues[store.home].take_over()
        return _queues[store.home]


def _kept(kept: "OrderedDict[Any, Any]", key: Any, make: Any) -> Any:
    """The newest LOADED things under their keys. One loads at a time: memory is what is scarce."""
    with _loading:
        if key not in kept:
            kept[key] = make()
            while len(kept) > LOADED:
                kept.popitem(last=False)
        kept.move_to_end(key)
        return kept[key]


def _data(config: Config) -> "Data":
    from distill_core import data

    of_data = {name: value for name, value in config.model_dump().items() if _DATA_KNOBS[name]}
    files = [Path(of_data[name]) for name in ("train", "valid", "test", "unlabelled") if of_data.get(name)]
    state = [(file.stat().st_mtime_ns, file.stat().st_size) if file.is_file() else None for file in files]
    return _kept(_datas, (repr(of_data), repr(state)), lambda: data.load(config))


_DATA_KNOBS = {name: field.json_schema_extra["group"] == "task" for name, field in Config.model_fields.items()}


def _teacher(config: Config) -> "Teacher":
    from distill_core import teacher

    data = _data(config)
    return _loaded_teacher(teacher.name_for(config), data.labels, data.pair, config)


def _loaded_teacher(name: str, labels: tuple[str, ...], pair: bool, config: Config) -> "Teacher":
    from distill_core import teacher

    key = (name, labels, pair, config.max_tokens, config.allow_pickle)
    return _kept(_teachers, key, lambda: teacher.load(name, labels, pair, config))


def _run_teacher(row: Row) -> "Teacher | None":
    """The teacher of a finished run, None where it can't be had any more."""
    file = _store().folder(row.id) / "teacher.json"
    if not file.is_file():
        return None
    fact = json.loads(file.read_text(encoding="utf-8"))
    settings = predictor(row.id).settings
    labels, pair = tuple(settings["labels"]), bool(settings["pair"])
    try:
        teacher = _loaded_teacher(fact["name"], labels, pair, Config.of(**row.config))
    except UserError:
        return None
    # elsewhere a name may mean another model, and it must not answer for the one that taught
    return teacher if not row.origin or teacher.fingerprint == fact["fingerprint"] else None


def _student_folder(run: str) -> Path:
    row = _store().run(run)
    folder = _store().home / "runs" / row.id / "student"
    if row.example:
        raise UserError(f"Run {run} is an example: its figures are real, its student stayed behind. Start one like it.")
    if not (folder / STUDENT).is_file():
        raise UserError(f"Run {run} is {row.status} and has no student yet. Wait for its end, or resume it.")
    return folder


def _untrained(pair: bool) -> "Predictor":
    """A student of the default config before training, made once."""
    from distill_core import states

    config = Config()

    def make() -> "Predictor":
        texts = [*_data(config).train.texts, *_data(config).unlabelled]
        return states.untrained(_teacher(config), texts, pair, config)

    return _kept(_predictors, ("untrained", pair), make)


def _load_predictor(folder: Path) -> "Predictor":
    from distill_core import artifact

    return artifact.load(folder)


def _text(text: str | Text, pair: bool) -> Text:
    sides = (text,) if isinstance(text, str) else tuple(text)
    if len(sides) != 1 + pair or not all(side.strip() for side in sides):
        raise DataError("Give two texts: this task is about a pair." if pair else "Give one text that isn't empty.")
    return sides


def _note(note: Any) -> tuple[str, str]:
    return ("info", note) if isinstance(note, str) else (str(note[0]), str(note[1]))


def _timed(answer: Callable[[], Any]) -> tuple[Any, float]:
    """The answer, and the median milliseconds of a few: one alone says more of what else the machine was doing. The
    first is not counted, for it pays for warming up."""
    answer()
    found, spent = None, []
    while len(spent) < ASKED:
        began = time.perf_counter()
        found = answer()
        spent.append(1000 * (time.perf_counter() - began))
    return found, statistics.median(spent)


def _ask(teacher: "Teacher", text: Text, temperature: float = 1.0) -> dict[str, Any]:
    import torch

    with _loading:
        logits, ms = _timed(lambda: teacher.logits([text])[0])
    shares = torch.softmax(logits.double() / temperature, -1).tolist()
    labels = list(teacher.labels)
    return {
        "labels": labels,
        "logits": logits.tolist(),
        "probabilities": dict(zip(labels, shares, strict=True)),
        "ms": ms,
    }


def _probabilities(teacher: "Teacher", texts: Sequence[Text]) -> list[dict[str, float]]:
    import torch

    with _loading:
        shares = torch.softmax(teacher.logits(list(texts)).double(), -1).tolist()
    return [dict(zip(teacher.labels, row, strict=True)) for row in shares]
