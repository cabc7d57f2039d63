"""One run: the stages in order, as one generator of events. It yields and never stores.

data → teacher → transfer → control → label → student → compare

Several seeds, students or shares of the transfer set are one run: control and student then train member by member.
The control asks the teacher nothing, so it learns before the teacher labels: its curve is there within seconds.
What a stage makes goes into the content-addressed cache or the run's own folder, so that a killed run goes on at the
last stage or checkpoint, and a second run with the same teacher and texts finds its logits there.
Knows nothing of the store, of processes or of who asked.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from distill_core.cache import Cache
from distill_core.config.schema import Config
from distill_core.errors import Stopped
from distill_core.events import STAGES, Event, StageEnded, StageStarted
from distill_core.messages import message
from distill_core.pipeline.context import RunStages


def distill(config: Config, folder: Path, cache: Cache, stop: Callable[[], bool] = lambda: False) -> Iterator[Event]:
    """Run `config`, keeping checkpoints and the finished student in `folder`. A stop while the student learns keeps
    the best student so far and compares it. Raises UserError, Stopped, Diverged; anything else is our bug."""
    run = RunStages(config, Path(folder), cache, stop)
    run.folder.mkdir(parents=True, exist_ok=True)
    for stage in STAGES:
        if stop() and stage != "compare":
            raise Stopped(message("Stopped before there was a student to keep."))
        yield StageStarted(stage)
        started = time.monotonic()
        cached = yield from getattr(run, stage)()
        yield StageEnded(stage, time.monotonic() - started, bool(cached))
    run.say_if_stopped()
