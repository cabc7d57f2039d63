"""Cost of the stage teacher: loading, fine-tuning where the config wants it, and labelling the validation rows."""

from distill_core.config.knobs import names_of
from distill_core.config.schema import Config
from distill_core.config.training_length import (
    expected_share,
    patience_of,
    steps_of_pass,
    teacher_evaluations,
    teacher_passes,
)
from distill_core.pipeline.cost_model import TASK, DataCounts, Measurements, RunSize, StageCost


def _seconds(config: Config, counts: DataCounts, known: Measurements, size: RunSize) -> float | None:
    teacher = known.teacher
    if teacher is None:
        return None
    validation = counts["valid"] * counts["size"]["labelled"] * teacher["size"]
    tuning = 0.0
    if config.fine_tune:
        if "step" not in teacher:
            return None
        passes = teacher_passes(config, counts["train"])
        steps = passes * steps_of_pass(counts["train"], config.teacher_batch)
        evaluations = teacher_evaluations(passes)
        whole = steps * teacher["step"] + evaluations * validation
        tuning = whole * expected_share(patience_of(config, counts["valid"]), evaluations)
    return teacher["load"] + tuning + validation


COST = StageCost(
    pace=(*TASK, *names_of("teacher")),
    seconds=_seconds,
    result=names_of("task", "teacher"),
    by_teacher=True,
    middle=max,  # a cached fine-tuning counts as 0 s: the slowest run is one that trained
)
