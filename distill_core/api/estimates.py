"""What a run will cost on this machine: told from what is known, and measured where it isn't."""

import threading
import time
import traceback
from typing import TYPE_CHECKING, Any

from distill_core.api import session
from distill_core.api.runs import FOLLOW_SECONDS, rooted
from distill_core.config.schema import DEFAULTS, Config
from distill_core.errors import UserError
from distill_core.events import Ended, Fact, StageEnded
from distill_core.messages import sentence
from distill_core.runs import job as runs_job
from distill_core.runs import queue, worker

if TYPE_CHECKING:
    from distill_core.estimation.cost import Earlier, Estimate

EARLIER = 60  # finished runs that an estimate looks at
WISHES, IDLE = "stillroom-survey", 10.0  # the thread that surveys, and the seconds after which it ends
SURVEY = "distill_core.estimation.profiling:survey"
NICE = 19  # of a survey, from its beginning: a run that is started meanwhile goes first

_told: "dict[str, Earlier]" = {}
_lock = threading.Lock()
_wishes: list[tuple[str, Config]] = []
_tried: set[str] = set()
_surveying = threading.Lock()  # one at a time: two would measure each other


def estimate(config: Config) -> "Estimate | None":
    """What a run of `config` will cost on this machine, at once; None while too little is known, which `survey` mends.
    Rests on what earlier runs here took for the like, else on what was surveyed."""
    from distill_core.cache import Cache
    from distill_core.estimation import cost

    return cost.estimate(config, cost.paces(config, Cache(session.store().home / "cache")), earlier())


def survey(config: Config) -> "Estimate | None":
    """The same, after measuring what isn't known yet, in a process such as runs have: some seconds. None where the
    teacher is not on this machine and of unknown size. Raises UserError where the data can't be had."""
    from distill_core.cache import Cache
    from distill_core.estimation import cost

    store = session.store()
    if not (known := cost.paces(config, Cache(store.home / "cache"))).whole:
        with _surveying:
            folder = store.home / "cache" / "survey"
            folder.mkdir(exist_ok=True, mode=0o700)
            asked = config.model_dump() | rooted(config)
            job = runs_job.Job("survey", asked, folder, store.home / "cache", SURVEY, store.home, NICE, haste=0)
            running = worker.start(job, thread=queue.threaded())
            ended = None
            while (heard := running.receive(1.0)) is not None:
                ended = next((event for event in heard if isinstance(event, Ended)), ended)
            if ended and ended.status == "failed" and not known.counts:
                raise UserError(sentence(ended.message, ended.made))
    return estimate(config)


def survey_soon(config: Config) -> bool:
    """Has `survey` done in the background, the newest wish first; whether that is still to come. False once it was
    tried: what `estimate` then doesn't know can't be known before the run."""
    from distill_core.estimation import cost
    from distill_core.teacher import catalog

    name = catalog.name_for(config)
    key = repr([*(key(config) for key in cost.KEYS.values()), catalog.here(name, config.allow_pickle)])
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
        except UserError:
            pass  # the data's own sentence stands beside the data
        except Exception:  # a bug of ours costs the estimate alone
            traceback.print_exc(limit=-3)
        _tried.add(wish[0])
        idle = time.monotonic()


def earlier() -> "list[Earlier]":
    """The newest runs that finished here, as estimates ask for them. A finished run changes no more, so each is read
    once."""
    from distill_core.estimation.cost import Earlier

    store = session.store()
    found = []
    for row in store.runs(EARLIER, status="finished"):
        if row.origin:  # it took its time on another machine
            continue
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
            config = DEFAULTS | row.config  # a knob that is younger than the run stood at its default
            _told[row.id] = Earlier(
                config, stages, texts, int(summary.get("steps") or 0), facts.get("memory"), teacher, rows
            )
        found.append(_told[row.id])
    return found
