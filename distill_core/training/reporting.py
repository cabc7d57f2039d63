"""A training's ticks as the events of a run, the same for teacher, control and student."""

from collections.abc import Callable, Generator

from distill_core.events import CapturedGenerator, Event, Note, Point, Progress
from distill_core.training.loop import CONSTANT
from distill_core.training.plan import BestStep, Tick, TrainingPlan


def report_training(
    ticks: Generator[Tick, None, BestStep],
    plan: TrainingPlan,
    stage: str,
    series_name: Callable[[str], str] = str,
    on_best: Callable[[], None] = lambda: None,
) -> Generator[Event, None, BestStep]:
    """Events of the ticks of `loop.fit` by `plan`; returns its BestStep. `series_name` names the stage's curves;
    `on_best` is called while the model has its best weights."""
    training = CapturedGenerator(ticks)
    for tick in training:
        if tick.notice:
            yield Note(tick.notice, "warning", stage)
        yield Progress(stage, tick.step, tick.steps, "steps", tick.left)
        yield Point(series_name(f"{stage}/loss"), tick.step, tick.loss)
        for name, value in (tick.scores or {}).items():
            if name != CONSTANT:
                yield Point(series_name(f"{stage}/valid_{name}"), tick.step, value)
        if tick.best:
            on_best()
    best: BestStep = training.value
    if ended := plan.early_end(best):
        yield Progress(stage, plan.steps, plan.steps, "steps", 0.0)
        yield Note(ended, about=stage)
    return best
