"""Cost of the stage control: as many optimiser steps as for the student, for each student and seed."""

from distill_core.config.knobs import names_of
from distill_core.config.schema import Config
from distill_core.config.training_length import expected_share, patience_of
from distill_core.pipeline.cost_model import (
    TRAINING_PACE,
    DataCounts,
    Measurements,
    RunSize,
    StageCost,
    StoredConfig,
    count_networks,
)


def training_seconds(
    config: Config, counts: DataCounts, known: Measurements, size: RunSize, taught: bool = False
) -> float | None:
    """Seconds of one network's training: its steps and the scoring of the validation rows,
    as far as its patience lets it come. `taught`: by the config's losses, not by labels alone."""
    if (pace := known.student) is None:
        return None
    step = pace.get("live", pace["step"]) if taught else pace["step"]
    whole = size.steps * step + config.evaluations * counts["valid"] * pace["row"]
    patience = patience_of(config, counts["valid"]) if taught else config.patience
    return whole * expected_share(patience, config.evaluations)


def _seconds(config: Config, counts: DataCounts, known: Measurements, size: RunSize) -> float | None:
    each = training_seconds(config, counts, known, size)
    return None if each is None else each * count_networks(config.model_dump())


def _units(size: RunSize, config: StoredConfig) -> int:
    return size.steps * count_networks(config)


COST = StageCost(
    pace=TRAINING_PACE,
    seconds=_seconds,
    units=_units,
    # every knob but those of the loss, which the control does not have, and of the curve, which has no control
    result=tuple(name for name in names_of(without=("loss",)) if name != "learning_curve"),
    skipped=lambda config: not config.control,
)
