"""Estimates of what a run will cost on this machine: from what is known, and measured where too little is."""

import threading
import time
import traceback
from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from distill_core.api.runs import FOLLOW_SECONDS, with_absolute_paths
from distill_core.api.session import session
from distill_core.config.automatic import automatic_values
from distill_core.config.choices import Choice, RowCounts
from distill_core.config.choices import choices as list_choices
from distill_core.config.losses import wants_head
from distill_core.config.schema import DEFAULTS, EARLIER, Config
from distill_core.errors import UserError
from distill_core.events import Ended, Fact, Facts, StageEnded, TeacherFacts
from distill_core.messages import restore_message
from distill_core.runs import job as runs_job
from distill_core.runs import queue, worker

if TYPE_CHECKING:
    from distill_core.cache import Cache
    from distill_core.estimation.cost import Estimate, PastRun
    from distill_core.estimation.time_budget import BudgetSettings
    from distill_core.pipeline.cost_model import Measurements, TeacherPace

MAX_PAST_RUNS = 60  # finished runs that an estimate looks at
THREAD_NAME, IDLE = "stillroom-survey", 10.0  # the thread that surveys, and the seconds after which it ends
PROFILE_TARGET = "distill_core.estimation.profiling:profile"
NICE = 19  # of a survey, from its beginning: a run that is started meanwhile goes first


def estimate(config: Config) -> "Estimate | None":
    """Estimate of what a run of `config` costs on this machine, without measuring: from what earlier runs took for
    the like, else from what `profile` measured.

    Returns:
        None while too little is known, which `profile` mends.

    Example:
        >>> core.estimate(config) is None  # nothing ran in this home yet
        True
    """
    from distill_core.cache import Cache
    from distill_core.estimation import cost

    return cost.estimate(config, cost.known_measurements(config, Cache(session.store().home / "cache")), past_runs())


def choices(config: Config) -> list[Choice]:
    """Choices that a run of `config` leaves to its data, and why each: what "auto" means for these rows, and what its
    loss has to leave out with this teacher.

    Returns:
        One `Choice` (knob, value, reason) each, in the order of the knobs; none while the data were not measured, which
        `profile` does.

    Example:
        >>> _ = core.profile(config)
        >>> {choice.knob: choice.value for choice in core.choices(config)}["student"]
        'bilstm_max'
    """
    from distill_core.cache import Cache
    from distill_core.estimation import cost

    known = cost.known_measurements(config, Cache(session.store().home / "cache"))
    if (counts := known.counts) is None:
        return []
    texts = found.texts if (found := cost.estimate(config, known, past_runs())) else None
    rows = RowCounts(
        counts["train"], counts["unlabelled"], counts.get("pair", False), counts["size"]["labelled"], counts["tokens"],
        texts, counts.get("metric"),
    )  # fmt: skip
    found_choices = list_choices(config, rows)
    if wants_head(config.first_loss, config.loss):
        from distill_core.distillation.masked_head import missing_head

        if missing := missing_head(config):
            found_choices.append(Choice("loss", config.loss, missing))
    return found_choices


def profile(config: Config) -> "Estimate | None":
    """Estimate of a run of `config` after measuring what isn't known yet, in a process such as runs have: some seconds.

    Returns:
        None where the teacher is not on this machine and of unknown size.

    Raises:
        UserError: The data can't be read, or the home can only be read.

    Example:
        >>> core.profile(config).seconds > 0
        True
    """
    from distill_core.cache import Cache
    from distill_core.estimation import cost

    store = session.store()
    if not (known := cost.known_measurements(config, Cache(store.home / "cache"))).complete:
        store.require_writable()
        with session.profile_lock:
            folder = store.home / "cache" / "survey"
            folder.mkdir(exist_ok=True, mode=0o700)
            knobs = config.model_dump() | with_absolute_paths(config)
            job = runs_job.Job("survey", knobs, folder, store.home / "cache", PROFILE_TARGET, store.home, NICE, haste=0)
            running = worker.start(job, thread=queue.uses_threads())
            ended = None
            while (events := running.receive(1.0)) is not None:
                ended = next((event for event in events if isinstance(event, Ended)), ended)
            if ended and ended.status == "failed" and not known.counts:
                raise UserError(restore_message(ended.message, ended.made))
    return estimate(config)


def settings_for(
    config: Config, minutes: float | None = None, *, typed: Collection[str] | None = None, measure: bool = True
) -> "BudgetSettings | None":
    """Settings for the time that you have: teacher, passes over the rows, texts and their length, such that the run of
    `config` takes about so long on this machine, and a third more at most by its estimate.

    Args:
        config: The run, with all that is not chosen here.
        minutes: The time; None for as long as it takes.
        typed: The knobs that stay as they are; without it those that differ from their defaults.
        measure: Whether to measure what isn't known yet, as `profile` does, or to return None.

    Returns:
        The config, the knobs that were chosen, the estimate, and whether it fits: the shortest run where none does.
        None where the teacher is not on this machine and of unknown size.

    Raises:
        UserError: The data can't be read.

    Example:
        >>> chosen = core.settings_for(config, minutes=1, typed=["max_tokens"])
        >>> chosen.fits, chosen.estimate.seconds < 60, sorted(chosen.knobs)
        (True, True, ['epochs', 'n_iter'])
    """
    from distill_core.cache import Cache
    from distill_core.estimation import cost, time_budget

    typed = config.changed() if typed is None else typed
    free = time_budget.free_config(config, typed)
    if measure:
        profile(free)
    cache = Cache(session.store().home / "cache")
    known = cost.known_measurements(free, cache)
    others = {
        name: _teacher_pace(free.model_copy(update={"teacher": name}), known, cache)
        for name in time_budget.other_teachers(free, typed)
    }
    seconds = None if minutes is None else 60 * minutes
    paces = {name: pace for name, pace in others.items() if pace is not None}
    return time_budget.choose_settings(free, known, past_runs(), seconds, typed, paces)


def teacher_estimates(config: Config, fine_tuned: dict[str, bool]) -> "dict[str, Estimate]":
    """Estimates of a run of `config` with other teachers, without measuring: one that was not measured is guessed from
    its size.

    Args:
        config: The run.
        fine_tuned: By a teacher's name, whether it is to be fine-tuned.

    Returns:
        By a teacher's name; those of which too little is known are missing.

    Example:
        >>> core.teacher_estimates(config, {"nobody/knows": True})
        {}
    """
    from distill_core.cache import Cache
    from distill_core.estimation import cost

    cache, earlier = Cache(session.store().home / "cache"), past_runs()
    known = cost.known_measurements(config, cache)
    estimates = {}
    for name, tuned in fine_tuned.items():
        one = config.model_copy(update={"teacher": name, "fine_tune": tuned})
        pace = _teacher_pace(one, known, cache)
        if found := cost.estimate(one, replace(known, teacher=pace), earlier):
            estimates[name] = found
    return estimates


def _teacher_pace(config: Config, known: "Measurements", cache: "Cache") -> "TeacherPace | None":
    """Pace of the config's teacher, guessed where it was not measured. `known` holds all else that was measured."""
    from distill_core.estimation import cost

    config = cost.resolve_auto(config, known.counts)
    return cost.measured_teacher(config, cache) or cost.guess_teacher(config, known.machine, known.counts)


def schedule_profile(config: Config) -> bool:
    """Schedule `profile` in the background, the newest wish first.

    Returns:
        Whether it is still to come. False once it was tried, or where nothing can be written: what `estimate` then
        doesn't know can't be known before the run.
    """
    from distill_core.estimation import cost
    from distill_core.teacher import catalog

    if session.store().refusal:
        return False
    name = catalog.teacher_name(config)
    key = repr([*(key(config) for key in cost.KEYS.values()), catalog.is_local(name, config.allow_pickle)])
    with session.wish_lock:
        if key in session.profiled:
            return False
        session.profile_wishes[:] = [(key, config)]
        if not any(thread.name == THREAD_NAME for thread in threading.enumerate()):
            threading.Thread(target=_profile_pending, name=THREAD_NAME, daemon=True).start()
    return True


def _profile_pending() -> None:
    idle = time.monotonic()
    while time.monotonic() - idle < IDLE:
        with session.wish_lock:
            wish = session.profile_wishes.pop() if session.profile_wishes else None
        if wish is None:
            time.sleep(FOLLOW_SECONDS)
            continue
        try:
            profile(wish[1])
        except UserError:
            pass  # the page shows the data's own message beside the data
        except Exception:  # a bug of ours costs the estimate alone
            traceback.print_exc(limit=-3)
        session.profiled.add(wish[0])
        idle = time.monotonic()


def past_runs() -> "list[PastRun]":
    """Past runs of this machine that finished, the newest first, for estimates. A finished run changes no more, so each
    is read once."""
    from distill_core.estimation.cost import PastRun

    store = session.store()
    runs = []
    for row in store.runs(MAX_PAST_RUNS, status="finished"):
        if row.origin:  # it took its time on another machine
            continue
        if (past := session.past_runs.get(row.id)) is None:
            stages: dict[str, tuple[float, bool]] = {}
            events = [event for _, event in store.events(row.id)]
            for event in events:
                if isinstance(event, StageEnded):
                    stages[event.stage] = (event.seconds, event.cached)
            facts = cast(Facts, {event.name: event.value for event in events if isinstance(event, Fact)})
            teacher: TeacherFacts = {**(facts.get("teacher") or {})}
            steps = int(row.summary.get("steps") or 0) if row.summary else 0
            if "teacher" in (facts.get("validation") or {}) and facts.get("metric", "accuracy") == "accuracy":
                teacher["accuracy"] = facts["validation"]["teacher"]
            rows = {"train": 0, "unlabelled": 0} | (facts.get("rows") or {})
            transfer = facts.get("transfer")
            texts = int(transfer["texts"]) if transfer else 0
            config = DEFAULTS | EARLIER | row.config  # a knob may be younger than the run
            tokens, pair = facts.get("max_tokens"), facts.get("pair")
            config |= automatic_values(config, pair, tokens)
            past = session.past_runs[row.id] = PastRun(
                config, stages, texts, steps, facts.get("memory"), teacher, rows, tokens, pair
            )
        runs.append(past)
    return runs
