"""What this process holds open: the store, the queue, and the newest data, teachers and students that were loaded."""

import atexit
import json
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill_core.config.schema import Config
from distill_core.environment import home
from distill_core.errors import UserError
from distill_core.messages import message
from distill_core.runs import job
from distill_core.runs import queue as runs_queue
from distill_core.runs.queries import RunRecord
from distill_core.runs.store import Store
from distill_core.teacher.catalog import teacher_name

if TYPE_CHECKING:
    from distill_core.augmentation.augmenter import Augmenter
    from distill_core.data.dataset import Dataset
    from distill_core.student.predictor import Predictor
    from distill_core.teacher.model import Teacher

MAX_LOADED = 2  # of each kind kept in memory
STUDENT_FILE = "student.json"  # is written last: where it stands, the student is whole

pipeline = job.PIPELINE  # what runs run
load_lock = threading.RLock()
teachers: "OrderedDict[Any, Teacher]" = OrderedDict()
predictors: "OrderedDict[Any, Predictor]" = OrderedDict()
datas: "OrderedDict[Any, Dataset]" = OrderedDict()
augmenters: "OrderedDict[Any, Augmenter]" = OrderedDict()
_lock = threading.RLock()
_stores: dict[Path, Store] = {}
_queues: dict[Path, runs_queue.RunQueue] = {}


def store() -> Store:
    """The store of STILLROOM_HOME as it stands now."""
    with _lock:
        place = home()
        if place not in _stores:
            _stores[place] = Store(place)
        return _stores[place]


def queue(adopt: bool = False) -> runs_queue.RunQueue:
    """The queue of that store, begun when it is first asked for; with `adopt` the app's."""
    with _lock:
        mine = store()
        if mine.home not in _queues:
            _queues[mine.home] = runs_queue.RunQueue(mine, adopt=adopt, target=pipeline)
        elif adopt:
            _queues[mine.home].adopt_orphans()
        return _queues[mine.home]


def cached(shelf: "OrderedDict[Any, Any]", key: Any, make: Callable[[], Any]) -> Any:
    """The newest LOADED things under their keys. One loads at a time: memory is what is scarce."""
    with load_lock:
        if key not in shelf:
            shelf[key] = make()
            while len(shelf) > MAX_LOADED:
                shelf.popitem(last=False)
        shelf.move_to_end(key)
        return shelf[key]


def load_data(config: Config) -> "Dataset":
    """The config's data, read once while its files stay as they are. Raises UserError."""
    from distill_core import tasks

    files = [Path(name) for name in (config.train, config.valid, config.test, config.unlabelled) if name]
    state = [(file.stat().st_mtime_ns, file.stat().st_size) if file.is_file() else None for file in files]
    return cached(datas, (config.fingerprint("task"), repr(state)), lambda: tasks.load_dataset(config))


def load_teacher(config: Config) -> "Teacher":
    """The config's teacher, loaded once. Raises UserError."""
    data = load_data(config)
    return _loaded(teacher_name(config), data.labels, data.pair, config)


def _loaded(name: str, labels: tuple[str, ...], pair: bool, config: Config) -> "Teacher":
    with load_lock:  # which imports one after the other too: two threads at once may find half a module
        from distill_core.teacher import loading as teacher_loading

    key = (name, labels, pair, config.max_tokens, config.allow_pickle)
    return cached(teachers, key, lambda: teacher_loading.load_teacher(name, labels, pair, config))


def load_teacher_of_run(row: RunRecord) -> "Teacher | None":
    """The teacher of a finished run, None where it can't be had any more."""
    file = store().folder(row.id) / "teacher.json"
    if not file.is_file():
        return None
    fact = json.loads(file.read_text(encoding="utf-8"))
    settings = predictor(row.id).settings
    labels, pair = tuple(settings["labels"]), bool(settings["pair"])
    try:
        teacher = _loaded(fact["name"], labels, pair, Config.of(**row.config))
    except UserError:
        return None
    # elsewhere a name may mean another model, and it must not answer for the one that taught
    return teacher if not row.origin or teacher.fingerprint == fact["fingerprint"] else None


def student_folder(run: str) -> Path:
    """Where the run's student stands. Raises UserError where there is none (yet)."""
    row = store().run(run)
    folder = store().home / "runs" / row.id / "student"
    if row.example:
        raise UserError(message(
            "Run {run} is an example: its figures are real, its student stayed behind. Start one like it.",
            run=run))  # fmt: skip
    if not (folder / STUDENT_FILE).is_file():
        raise UserError(message(
            "Run {run} has no student yet ({status:status}). Wait for its end, or resume it.", run=run,
            status=row.status))  # fmt: skip
    return folder


def predictor(run: str) -> "Predictor":
    """The student of a run, loaded once. Raises UserError where there is none (yet)."""
    folder = student_folder(run)
    # A run that goes on replaces its best student by a better one.
    return cached(
        predictors, (str(folder), (folder / STUDENT_FILE).stat().st_mtime_ns), lambda: _load_predictor(folder)
    )


def _load_predictor(folder: Path) -> "Predictor":
    from distill_core.student import persistence

    return persistence.load(folder)


def open_app() -> None:
    """What the app does when it opens: takes over what dead processes left, clears away what they had half written,
    and warms the workers up."""
    from distill_core.cache import Cache

    queue(adopt=True)
    for root in (store().home / "cache", store().home):  # the home itself holds the kept teachers
        Cache(root).sweep()


def close() -> None:
    """Ends the workers of this process, closes the store and forgets what was loaded. Runs that were going on resume
    when an app next opens."""
    with _lock:
        for begun in _queues.values():
            begun.close()
        _queues.clear()
        for opened in _stores.values():
            opened.close()
        _stores.clear()
    with load_lock:
        for loaded in (teachers, predictors, datas, augmenters):
            loaded.clear()


atexit.register(close)
