"""The session of this process: its store and queue, the newest data, teachers and students that were loaded, and what
estimates remember. One object holds all of it; the front door's `close` empties it.
"""

import atexit
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cachetools import LRUCache

from distill_core.config.schema import Config
from distill_core.environment import home
from distill_core.errors import UserError
from distill_core.messages import message
from distill_core.runs import job
from distill_core.runs.queries import RunRecord
from distill_core.runs.queue import RunQueue
from distill_core.runs.store import Store
from distill_core.teacher.catalog import teacher_name

if TYPE_CHECKING:
    from distill_core.augmentation.augmenter import Augmenter
    from distill_core.data.dataset import Dataset
    from distill_core.estimation.cost import PastRun
    from distill_core.student.runtime import Predictor
    from distill_core.teacher.model import Teacher

MAX_LOADED = 2  # of each kind kept in memory
STUDENT_FILE = "student.json"  # is written last: where it stands, the student is whole
T = TypeVar("T")


class Session:
    """What one process holds open. The functions of `api` share one, `session`; `close` empties it, and it can be used
    again afterwards."""

    def __init__(self, pipeline: str = job.PIPELINE):
        self.pipeline = pipeline  # what runs run, as "module:function"
        self.load_lock = threading.RLock()  # one loads or answers at a time: memory is what is scarce
        self.teachers: LRUCache[Any, Teacher] = LRUCache(MAX_LOADED)
        self.predictors: LRUCache[Any, Predictor] = LRUCache(MAX_LOADED)
        self.datasets: LRUCache[Any, Dataset] = LRUCache(MAX_LOADED)
        self.augmenters: LRUCache[Any, Augmenter] = LRUCache(MAX_LOADED)
        self.past_runs: dict[str, PastRun] = {}  # by id: a finished run changes no more
        self.profile_lock = threading.Lock()  # one profile at a time: two would measure each other
        self.wish_lock = threading.Lock()  # around the two below
        self.profile_wishes: list[tuple[str, Config]] = []
        self.profiled: set[str] = set()
        self._lock = threading.RLock()
        self._stores: dict[Path, Store] = {}
        self._queues: dict[Path, RunQueue] = {}

    def store(self) -> Store:
        """The store of STILLROOM_HOME as it stands now."""
        with self._lock:
            place = home()
            if place not in self._stores:
                self._stores[place] = Store(place)
            return self._stores[place]

    def queue(self, adopt: bool = False) -> RunQueue:
        """The queue of that store, begun when it is first asked for; with `adopt` the app's."""
        with self._lock:
            mine = self.store()
            if mine.home not in self._queues:
                self._queues[mine.home] = RunQueue(mine, adopt=adopt, target=self.pipeline)
            elif adopt:
                self._queues[mine.home].adopt_orphans()
            return self._queues[mine.home]

    def cached(self, loaded: "LRUCache[Any, T]", key: Any, make: Callable[[], T]) -> T:
        """What `loaded` has under `key`, made where it isn't there; the newest MAX_LOADED stay."""
        with self.load_lock:
            if key not in loaded:
                loaded[key] = make()
            return loaded[key]

    def load_data(self, config: Config) -> "Dataset":
        """The config's data, read once while its files stay as they are. Raises UserError."""
        from distill_core import tasks

        files = [Path(name) for name in (config.train, config.valid, config.test, config.unlabelled) if name]
        state = [(file.stat().st_mtime_ns, file.stat().st_size) if file.is_file() else None for file in files]
        key = (config.fingerprint("task"), repr(state))
        return self.cached(self.datasets, key, lambda: tasks.load_dataset(config))

    def load_teacher(self, config: Config) -> "Teacher":
        """The config's teacher, loaded once. Raises UserError."""
        data = self.load_data(config)
        return self._loaded(teacher_name(config), data.labels, data.pair, config)

    def _loaded(self, name: str, labels: tuple[str, ...], pair: bool, config: Config) -> "Teacher":
        with self.load_lock:  # which imports one after the other too: two threads at once may find half a module
            from distill_core.teacher import loading

        key = (name, labels, pair, config.max_tokens, config.allow_pickle)
        return self.cached(self.teachers, key, lambda: loading.load_teacher(name, labels, pair, config))

    def load_teacher_of_run(self, row: RunRecord) -> "Teacher | None":
        """The teacher of a finished run, None where it can't be had any more."""
        file = self.store().folder(row.id) / "teacher.json"
        if not file.is_file():
            return None
        fact = json.loads(file.read_text(encoding="utf-8"))
        settings = self.predictor(row.id).settings
        labels, pair = tuple(settings["labels"]), bool(settings["pair"])
        try:
            teacher = self._loaded(fact["name"], labels, pair, Config.of(**row.config))
        except UserError:
            return None
        # elsewhere a name may mean another model, and it must not answer for the one that taught
        return teacher if not row.origin or teacher.fingerprint == fact["fingerprint"] else None

    def student_folder(self, run: str) -> Path:
        """Where the run's student stands. Raises UserError where there is none (yet)."""
        row = self.store().run(run)
        folder = self.store().home / "runs" / row.id / "student"
        if row.example:
            raise UserError(message(
                "Run {run} is an example: its figures are real, its student stayed behind. Start one like it.",
                run=run))  # fmt: skip
        if not (folder / STUDENT_FILE).is_file():
            raise UserError(message(
                "Run {run} has no student yet ({status:status}). Wait for its end, or resume it.", run=run,
                status=row.status))  # fmt: skip
        return folder

    def predictor(self, run: str) -> "Predictor":
        """The student of a run, loaded once. Raises UserError where there is none (yet)."""
        folder = self.student_folder(run)
        # A run that goes on replaces its best student by a better one.
        key = (str(folder), (folder / STUDENT_FILE).stat().st_mtime_ns)
        return self.cached(self.predictors, key, lambda: _load_predictor(folder))

    def close(self) -> None:
        """Ends the workers, closes the stores and forgets what was loaded, and what estimates know or wish to."""
        with self._lock:
            for begun in self._queues.values():
                begun.close()
            self._queues.clear()
            for opened in self._stores.values():
                opened.close()
            self._stores.clear()
        with self.load_lock:
            for loaded in (self.teachers, self.predictors, self.datasets, self.augmenters):
                loaded.clear()
        with self.wish_lock:
            for remembered in (self.past_runs, self.profile_wishes, self.profiled):
                remembered.clear()


session = Session()
atexit.register(session.close)


def _load_predictor(folder: Path) -> "Predictor":
    from distill_core.student import persistence

    return persistence.load(folder)


def predictor(run: str) -> "Predictor":
    """The student of a run, loaded once. Raises UserError where there is none (yet)."""
    return session.predictor(run)


def open_app() -> None:
    """What the app does when it opens: takes over what dead processes left, clears away what they had half written,
    and warms the workers up."""
    from distill_core.cache import Cache

    session.queue(adopt=True)
    home_folder = session.store().home
    for root in (home_folder / "cache", home_folder):  # the home itself holds the kept teachers
        Cache(root).sweep()


def close() -> None:
    """Ends the workers of this process, closes the store and forgets what was loaded. Runs that were going on resume
    when an app next opens."""
    session.close()
