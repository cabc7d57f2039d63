"""Cost of the stage student: the control's steps for each student and seed, and once for each share of the curve."""

from distill_core.config.losses import live_needs, used_losses
from distill_core.config.schema import Config
from distill_core.pipeline.cost_model import (
    TRAINING_PACE,
    DataCounts,
    Measurements,
    RunSize,
    StageCost,
    StoredConfig,
    count_networks,
)
from distill_core.pipeline.stages.control_cost import training_seconds


def count_trainings(config: StoredConfig) -> int:
    """Number of students that a run trains: the length of `variants.plan_variants`."""
    return count_networks(config) + len(config.get("learning_curve") or ())


def _seconds(config: Config, counts: DataCounts, known: Measurements, size: RunSize) -> float | None:
    each = training_seconds(config, counts, known, size, taught=True)
    return None if each is None else each * count_trainings(config.model_dump())


def _units(size: RunSize, config: StoredConfig) -> int:
    return size.steps * count_trainings(config)


def _asking_losses(config: StoredConfig) -> list[str]:
    """The losses that ask the teacher in every step; all others take about as long as each other."""
    return [name for name in used_losses(config["first_loss"], config["loss"]) if live_needs(name)]


COST = StageCost(pace=TRAINING_PACE, kind=_asking_losses, seconds=_seconds, units=_units)
