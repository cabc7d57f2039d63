"""One run: the stages in order, as one generator of events. It yields and never stores.

data → teacher → transfer → control → label → student → compare

A stage is a module of `stages/` with a function `run`: it takes the RunContext and the outputs of the stages it
needs, yields events, and returns its own output. Its results go into the content-addressed cache or the run's own
folder, so that a killed run resumes at the last stage or checkpoint, and a second run with the same teacher and texts
reuses the logits. Several seeds, students or shares of the transfer set are one run: control and student
then train variant by variant. Knows nothing of the store or of processes.
"""

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from distill_core.cache import Cache
from distill_core.config.schema import Config
from distill_core.errors import Stopped
from distill_core.events import Event, Note, StageEnded, StageStarted
from distill_core.messages import message
from distill_core.pipeline.context import Output, RunContext, Stage
from distill_core.pipeline.stages import compare, control, data, label, student, teacher, transfer
from distill_core.pipeline.stages.control import ControlOutput
from distill_core.pipeline.stages.student import StudentOutput
from distill_core.training.device import device

REPAIRED = (
    "A file that an earlier run had stored ({kind}) was damaged. It was set aside and made anew; look after the disk "
    "if that happens again."
)


def distill(config: Config, folder: Path, cache: Cache, stop: Callable[[], bool] = lambda: False) -> Iterator[Event]:
    """Run `config`, writing checkpoints and the finished student into `folder`. A stop while the student learns ends
    its training, and the best student so far is compared. Raises UserError, Stopped, Diverged; any other exception is
    our bug."""
    context = RunContext(config, Path(folder), cache, device(), stop)
    timed = partial(_timed, cache=cache, stop=stop)
    context.folder.mkdir(parents=True, exist_ok=True)
    rows = yield from timed("data", data.run(context))
    context = replace(context, config=rows.config)
    teacher_output = yield from timed("teacher", teacher.run(context, rows))
    texts = yield from timed("transfer", transfer.run(context, rows, teacher_output))
    controls = yield from timed("control", control.run(context, rows, teacher_output, texts))
    labels = yield from timed("label", label.run(context, rows, teacher_output, texts))
    students = yield from timed("student", student.run(context, rows, teacher_output, controls, labels))
    inputs = compare.Inputs(rows, teacher_output, texts, controls, labels, students)
    yield from timed("compare", compare.run(context, inputs), stop=lambda: False)
    _raise_if_stopped(controls, students)


def _timed(name: str, stage: Stage[Output], cache: Cache, stop: Callable[[], bool]) -> Generator[Event, None, Output]:
    """Events of a stage between its start and its end; returns the stage's output."""
    if stop():
        raise Stopped(message("Stopped before there was a student to save."))
    yield StageStarted(name)
    started = time.monotonic()
    done = yield from stage
    while cache.damaged:
        yield Note(message(REPAIRED, kind=cache.damaged.pop()), "warning", name)
    yield StageEnded(name, time.monotonic() - started, done.cached)
    return done.output


def _raise_if_stopped(control: ControlOutput, student: StudentOutput) -> None:
    """Raise Stopped where a stop left students unfinished."""
    main, total = student.students[control.variants[0]], len(control.variants)
    if not main.complete:
        raise Stopped(message("Stopped; the best student so far is kept, from step {step:,} of {steps:,}.",
                              step=main.step, steps=control.trainer.steps))  # fmt: skip
    if student.finished < total:
        raise Stopped(message("Stopped; {done} of {all} students are finished and compared. Resuming the run goes on "
                              "with the others.", done=student.finished, all=total))  # fmt: skip
