"""Cost of the stage compare: the teacher reads the test rows, every model is timed, and the baseline is fitted on parts
of the rows and of the transfer set."""

from distill_core.config.knobs import names_of
from distill_core.config.schema import Config
from distill_core.evaluation.doubling import FITS, fold_count
from distill_core.pipeline.cost_model import TASK, DataCounts, Measurements, RunSize, StageCost

TIMING = 4.5  # seconds, whatever the sizes: three models are timed for twice 0.7 s each


def _seconds(config: Config, counts: DataCounts, known: Measurements, size: RunSize) -> float | None:
    if known.teacher is None:
        return None
    return TIMING + counts["test"] * counts["size"]["labelled"] * known.teacher["size"] + _doublings(counts, size)


def _doublings(counts: DataCounts, size: RunSize) -> float:
    """Seconds of fitting the baseline on parts of the rows, then of the transfer set; 0 where a survey of an earlier
    version did not time a fit."""
    if "fit" not in counts:
        return 0.0
    labelled = counts["train"] * counts["size"]["labelled"]
    made = max(0, size.texts - counts["train"] - counts["unlabelled"])
    transfer = labelled + counts["unlabelled"] * counts["size"]["unlabelled"] + made * counts["size"]["augmented"]
    return sum(FITS * fold_count(part, counts["classes"]) * counts["fit"] * part / labelled
               for part in (labelled, transfer))  # fmt: skip


COST = StageCost(pace=(*TASK, *names_of("teacher")), seconds=_seconds, by_teacher=True)
