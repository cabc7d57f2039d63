"""Session of this process: its store and queue, the newest data, teachers and students that were loaded, and what
estimates remember. One object holds all of it; the front door's `close` empties it.
"""

import atexit
import json
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar, overload

from cachetools import LRUCache

from distill_core import bounded
from distill_core.config.schema import Config
from distill_core.environment import audience, home, public_host, sweep_stale
from distill_core.errors import DataError, UserError
from distill_core.messages import Message, message
from distill_core.runs import job, process_worker, recovery
from distill_core.runs.queries import RunRecord
from distill_core.runs.queue import RunQueue, uses_threads
from distill_core.runs.store import Store
from distill_core.student import folder as student_files
from distill_core.teacher.catalog import teacher_name

if TYPE_CHECKING:
    from distill_core.augmentation.augmenter import Augmenter
    from distill_core.data.dataset import Dataset
    from distill_core.distillation.mask_filling import MaskFiller
    from distill_core.distillation.word_coverage import WordCoverage
    from distill_core.estimation.cost import PastRun
    from distill_core.evaluation.baseline_runtime import Predictor as BaselinePredictor
    from distill_core.student.predictor import Predictor
    from distill_core.teacher.model import Teacher

MAX_LOADED = 2  # of each kind in memory
MAX_REFUSALS = 50
HANDED_OUT = "stillroom-handed-out-"  # beginning of a folder's name, among those of other programs
BASELINE_FILE = "baseline.json"  # is written last: where it stands, the baseline is complete
ExportedRow = Literal["student", "control", "floor"]  # rows of the comparison that can leave as a folder
NOT_YET = {  # sentences on a run that has come to no such model
    "student": "Run {run} has no student yet ({status:status}). Wait for its end, or resume it.",
    "control": "Run {run} has no control yet ({status:status}). Wait for its end, or resume it.",
    "floor": "Run {run} has no simple baseline (TF-IDF) yet ({status:status}). Wait for its end, or resume it.",
}
LACKING = {  # on a run that ended without one; every run that came to its end has a student
    "control": "Run {run} lacks its control: it was started without one, it was imported, or an earlier version of "
               "Stillroom made it. Start it again, with its control.",
    "floor": "Run {run} lacks its simple baseline (TF-IDF): the run was imported, or an earlier version of Stillroom "
             "made it. Start it again with the same settings.",
}  # fmt: skip
T = TypeVar("T")


class SampledTexts(NamedTuple):
    """Texts that a preview found in a source, the best ones first; of how many; and the words that they bring."""

    texts: list[tuple[str, ...]]
    looked: int
    words: "WordCoverage"


class Session:
    """Session of one process: what it has open and loaded. The functions of `api` share one, `session`; `close` empties
    it, and it can be used again afterwards."""

    def __init__(self, pipeline: str = job.PIPELINE):
        self.pipeline = pipeline  # what runs run, as "module:function"
        self.load_lock = threading.RLock()  # one loads or answers at a time: memory is what is scarce
        self.teachers: LRUCache[Any, Teacher] = LRUCache(MAX_LOADED)
        self.predictors: LRUCache[Any, Predictor] = LRUCache(MAX_LOADED)
        self.baselines: LRUCache[Any, BaselinePredictor] = LRUCache(MAX_LOADED)
        self.datasets: LRUCache[Any, Dataset] = LRUCache(MAX_LOADED)
        self.labels: dict[tuple[str, str], tuple[str, ...]] = {}  # of all data that were read
        self.augmenters: LRUCache[Any, Augmenter] = LRUCache(MAX_LOADED)
        self.near_words: LRUCache[Any, tuple[Augmenter, WordCoverage]] = LRUCache(MAX_LOADED)
        self.banks: LRUCache[Any, SampledTexts] = LRUCache(MAX_LOADED)
        self.lexicons: LRUCache[Any, SampledTexts] = LRUCache(MAX_LOADED)
        self.frames: LRUCache[Any, SampledTexts] = LRUCache(MAX_LOADED)
        self.generated: LRUCache[Any, SampledTexts] = LRUCache(MAX_LOADED)
        self.filled: LRUCache[Any, tuple[int, WordCoverage]] = LRUCache(MAX_LOADED)
        self.fillers: LRUCache[Any, MaskFiller] = LRUCache(MAX_LOADED)
        self.refusals: LRUCache[Any, DataError] = LRUCache(MAX_REFUSALS)
        self.past_runs: dict[str, PastRun] = {}  # by id: a finished run changes no more
        self.profile_lock = threading.Lock()  # one profile at a time: two would measure each other
        self.wish_lock = threading.Lock()  # around the two below
        self.profile_wishes: list[tuple[str, Config]] = []
        self.profiled: set[str] = set()
        self._lock = threading.RLock()
        self._reading = False  # of the page: also a home that can't be written to
        self._helper: tuple[str, bounded.Helper] | None = None
        self._stores: dict[Path, Store] = {}
        self._queues: dict[Path, RunQueue] = {}

    def store(self) -> Store:
        """Store of STILLROOM_HOME as it stands now."""
        with self._lock:
            place = home()
            if place not in self._stores:
                self._stores[place] = store = Store(place, reading=self._reading)
                if store.notice:
                    print(store.notice, file=sys.stderr)
            return self._stores[place]

    def queue(self, adopt: bool = False) -> RunQueue:
        """Queue of that store, begun at the first call; with `adopt` it also runs what dead processes left. Raises
        UserError where the store can only be read."""
        with self._lock:
            store = self.store()
            store.require_writable()
            if store.home not in self._queues:
                self._queues[store.home] = RunQueue(store, adopt=adopt, target=self.pipeline)
            elif adopt:
                self._queues[store.home].adopt_orphans()
            return self._queues[store.home]

    def cached(self, loaded: "LRUCache[Any, T]", key: Any, make: Callable[[], T]) -> T:
        """Value of `loaded` under `key`, from `make` where it is missing; the newest MAX_LOADED stay."""
        with self.load_lock:
            if key not in loaded:
                loaded[key] = make()
            return loaded[key]

    def load_data(self, config: Config) -> "Dataset":
        """Data of the config, read once while its files stay as they are. Raises UserError."""
        state = _state_of_data(config)
        if refusal := self.refusals.get(state):
            raise refusal.with_traceback(None)
        try:
            data = self.cached(self.datasets, state, lambda: _load_rows(config))
        except DataError as error:
            if config.task == "file":  # which says the same while the file stays as it is
                self.refusals[state] = error
            raise
        self.labels[state] = tuple(data.labels)
        return data

    def known_labels(self, config: Config) -> tuple[str, ...]:
        """Labels of the config's data, () where those were not read yet. Waits for nothing that is being loaded."""
        return self.labels.get(_state_of_data(config), ())

    def check_data(self, config: Config) -> None:
        """Check that a run could read the config's rows and what its sources of texts need, as far as that costs no
        download. Raises UserError."""
        if config.bank or config.generator or config.filled:  # else nothing heavy is imported
            from distill_core.distillation import transfer_set

            transfer_set.check_sources(config)
        free = config.task == "file" or (config.task == "hub" and config.dataset is None)
        if free and _state_of_data(config) not in self.datasets:
            self.load_data(config)

    def data_refusal(self, config: Config) -> DataError | None:
        """Why the config's file can't be used, as far as it was read already."""
        return self.refusals.get(_state_of_data(config))

    def load_teacher(self, config: Config) -> "Teacher":
        """Teacher of the config, loaded once. Raises UserError."""
        data, config = self.load_data(config), self.resolve_auto(config)
        return self._loaded(teacher_name(config), data.labels, data.pair, config)

    def resolve_auto(self, config: Config) -> Config:
        """The config with all that it leaves to its data, as a run of it has it. Raises UserError."""
        from distill_core.data import automatic

        return automatic.resolve_auto(config, self.load_data(config))

    def _loaded(self, name: str, labels: tuple[str, ...], pair: bool, config: Config) -> "Teacher":
        with self.load_lock:  # which imports one after the other too: two threads at once may find half a module
            from distill_core.evaluation.objective import objective_for
            from distill_core.teacher import loading

        key = (name, labels, pair, objective_for(config).name, config.token_limit, config.cut,
               config.allow_pickle)  # fmt: skip
        return self.cached(self.teachers, key, lambda: loading.load_teacher(name, labels, pair, config))

    def load_teacher_of_run(self, row: RunRecord, same: bool = False) -> "Teacher | None":
        """Teacher of a finished run, None where it can't be loaded any more; where it must be the `same`, also where it
        has become another since."""
        file = self.store().folder(row.id) / "teacher.json"
        if not file.is_file():
            return None
        try:
            fact = json.loads(file.read_text(encoding="utf-8"))
            name, fingerprint = str(fact["name"]), fact["fingerprint"]
        except (ValueError, LookupError, TypeError):  # damaged on the disk
            return None
        settings = self.predictor(row.id).settings
        labels, pair = tuple(settings["labels"]), bool(settings["pair"])
        limit, cut = self.predictor(row.id).limit
        try:
            config = Config.stored(row.config).model_copy(update={"max_tokens": limit, "cut": cut})
            teacher = self._loaded(name, labels, pair, config)
        except UserError:
            return None
        # elsewhere a name may mean another model, and it must not answer for the one that taught
        trusted = not row.origin and not same
        return teacher if trusted or teacher.fingerprint == fingerprint else None

    def model_folder(self, run: str, row: ExportedRow) -> Path:
        """Folder of the run's student, control or baseline. Raises UserError where there is none (yet)."""
        record = self.store().run(run)
        folder = self.store().home / "runs" / record.id / row
        if record.example:
            raise UserError(message(
                "Run {run} is an example: its figures are real, but its models are not here. Start a run like it.",
                run=run))  # fmt: skip
        if (folder / BASELINE_FILE).is_file() if row == "floor" else student_files.current(folder):
            return folder
        if record.summary is not None and row in LACKING:
            raise UserError(message(LACKING[row], run=run))
        raise UserError(message(NOT_YET[row], run=run, status=record.status))

    def student_folder(self, run: str) -> Path:
        """Folder of the run's student. Raises UserError where there is none (yet)."""
        return self.model_folder(run, "student")

    def predictor(self, run: str, row: Literal["student", "control"] = "student") -> "Predictor":
        """Student of a run, or its control, loaded once. Raises UserError where there is none (yet)."""
        folder = self.model_folder(run, row)
        # A run that goes on replaces its best student by a better one.
        return self.cached(self.predictors, student_files.stamp(folder), lambda: _load_predictor(folder))

    def baseline(self, run: str) -> "BaselinePredictor":
        """Baseline of a run, loaded once. Raises UserError where there is none (yet)."""
        folder = self.model_folder(run, "floor")
        key = (str(folder), (folder / BASELINE_FILE).stat().st_mtime_ns)
        return self.cached(self.baselines, key, lambda: _load_baseline(folder))

    def isolates_questions(self) -> bool:
        """Whether questions to models are answered by other processes: those of a public host's page are."""
        return self._reading and public_host() and not uses_threads()

    def helper(self) -> bounded.Helper | None:
        """Child that answers questions to models; None where they are answered in place."""
        if not self.isolates_questions():
            return None
        with self._lock:
            place = str(home())
            if self._helper is None or self._helper[0] != place:
                self._close_helper()
                self._helper = place, self.new_helper()
            return self._helper[1]

    def new_helper(self) -> bounded.Helper:
        """Another such child, which its asker closes."""
        variables = {name: value for name, value in os.environ.items() if name.startswith("STILLROOM_")}
        return bounded.Helper(variables | {"STILLROOM_HOME": str(home()), "STILLROOM_AUDIENCE": audience()})

    def _close_helper(self) -> None:
        if self._helper:
            self._helper[1].close()
        self._helper = None

    def open_app(self) -> None:
        """Let children of this process read files from now on, as its workers are processes too, and read what there
        is in a home that can't be written to."""
        self._reading = True
        if not uses_threads():
            process_worker.isolate()

    def close(self) -> None:
        """Close the session: end the workers, close the stores, forget data, models and estimates."""
        bounded.isolate(None)
        self._reading = False
        with self._lock:
            self._close_helper()
            for queue in self._queues.values():
                queue.close()
            self._queues.clear()
            for store in self._stores.values():
                store.close()
            self._stores.clear()
        with self.load_lock:
            for loaded in (
                self.teachers, self.predictors, self.baselines, self.datasets, self.augmenters, self.near_words,
                self.banks, self.lexicons, self.frames, self.generated, self.filled, self.fillers, self.labels,
                self.refusals,
            ):  # fmt: skip
                loaded.clear()
        with self.wish_lock:
            for estimates in (self.past_runs, self.profile_wishes, self.profiled):
                estimates.clear()


def _load_rows(config: Config) -> "Dataset":
    """Data of the config; files are read and their rows prepared in a child, where this process has such."""
    from distill_core import tasks
    from distill_core.data.frozen import source_files
    from distill_core.data.readers import file_budget

    if config.task != "file" or config.train is None:
        return tasks.load_dataset(config)
    files = source_files(config).values()
    return bounded.call(tasks.load_dataset, config, name=Path(config.train).name, budget=file_budget(*files))


def _state_of_data(config: Config) -> tuple[str, str]:
    """Everything that the config's rows depend on: its knobs, and its files as they are now."""
    from distill_core.data.frozen import source_files

    files = map(Path, source_files(config).values())
    state = [(file.stat().st_mtime_ns, file.stat().st_size) if file.is_file() else None for file in files]
    return config.fingerprint("task"), repr(state)


session = Session()
atexit.register(session.close)


def _load_predictor(folder: Path) -> "Predictor":
    from distill_core.student import persistence

    return persistence.load(folder)


def _load_baseline(folder: Path) -> "BaselinePredictor":
    from distill_core.evaluation import baseline_export

    return baseline_export.load(folder)


@overload
def predictor(run: str, row: Literal["student", "control"] = "student") -> "Predictor": ...


@overload
def predictor(run: str, row: Literal["floor"]) -> "BaselinePredictor": ...


def predictor(run: str, row: ExportedRow = "student") -> "Predictor | BaselinePredictor":
    """Predictor of a run: its student, its control or its baseline, loaded once, called with raw texts.

    Args:
        run: The run's id.
        row: "student", "control", or "floor" for the simple baseline (TF-IDF).

    Returns:
        A callable from texts (pairs as tuples) to one Prediction each.

    Raises:
        UserError: The run has none (yet).

    Example:
        >>> student = core.predictor(run.id)
        >>> student.labels, len(student(["a warm and funny film", "the soup was cold"]))
        (['bad', 'good'], 2)
    """
    return session.baseline(run) if row == "floor" else session.predictor(run, row)


def open_app() -> None:
    """Open the app: take over the runs that dead processes left, remove what they had half written, and warm the
    workers up. From now on a child of this process reads what comes from elsewhere. Where the home can't be written to,
    what is there can be looked at; see `home_refusal`.

    Example:
        >>> core.open_app()
        >>> core.close()
    """
    from distill_core.cache import Cache, sweep

    session.open_app()  # first: what it starts warms up on another core meanwhile
    store = session.store()
    if store.refusal:
        return
    alone = not recovery.owners(store)
    for root in (store.home / "cache", store.home):  # the home itself holds the saved teachers
        Cache(root).sweep(alone)
    if alone:
        sweep(store.home)
    sweep_stale(Path(tempfile.gettempdir()), f"{HANDED_OUT}*")
    session.queue(adopt=True)


def home_refusal() -> Message | None:
    """Why nothing can be written to the folder of runs, None where it can: then no run starts, and what is there can be
    looked at.

    Example:
        >>> core.home_refusal() is None
        True
    """
    return session.store().refusal


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Folder for files to hand out, empty. It is deleted when the block ends; what a killed process leaves is deleted
    by an app that opens a day later.

    Example:
        >>> with core.temporary_folder() as folder:
        ...     file = core.export_run(run.id, folder / "run.zip")
        >>> file.exists()
        False
    """
    # In the system's own place: of another Gradio hands nothing out.
    with tempfile.TemporaryDirectory(prefix=HANDED_OUT) as folder:
        yield Path(folder)


def close() -> None:
    """Close this process's workers and store, and forget what was loaded. Runs that were going on resume when an app
    next opens.

    Example:
        >>> core.close()
        >>> core.count()  # opens the store anew
        1
    """
    session.close()
