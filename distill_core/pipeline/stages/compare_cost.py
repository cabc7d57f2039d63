"""Cost of the stage compare: the teacher reads the test rows, and every model is timed."""

from distill_core.config.knobs import names_of
from distill_core.config.schema import Config
from distill_core.pipeline.cost_model import TASK, DataCounts, Measurements, RunSize, StageCost

TIMING = 4.5  # seconds, whatever the sizes: three models are timed for twice 0.7 s each


def _seconds(config: Config, counts: DataCounts, known: Measurements, size: RunSize) -> float | None:
    if known.teacher is None:
        return None
    return TIMING + counts["test"] * counts["size"]["labelled"] * known.teacher["size"]


COST = StageCost(pace=(*TASK, *names_of("teacher")), seconds=_seconds, by_teacher=True)
