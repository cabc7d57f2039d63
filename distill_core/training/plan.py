"""Plans, ticks and results of a training."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TrainingPlan:
    """Plan of a training: `steps` optimiser steps of `batch` rows; learning rate `lr` after `warmup` (a share of the
    steps), then falling to zero, or constant for adadelta; `table_lr` times that for embedding tables; scores every
    `evaluate_every` steps and at the end. The weights with the highest `select` score win, the lower "loss" breaking
    ties. Its `repr` is part of a checkpoint's identity (`loop.fit`)."""

    steps: int
    batch: int
    lr: float
    optimiser: str = "adam"
    table_lr: float = 1.0
    warmup: float = 0.1
    weight_decay: float = 0.0
    clip: float = 1.0
    evaluate_every: int = 100
    select: str = "accuracy"
    seed: int = 0


@dataclass(frozen=True)
class Tick:
    """Progress after `step` of `steps`: the mean training `loss` since the last tick, the validation `scores` (None
    between two evaluations), whether they are the `best` so far, and the seconds `left`."""

    step: int
    steps: int
    loss: float
    scores: dict[str, float] | None
    best: bool
    left: float


@dataclass(frozen=True)
class BestStep:
    """Step of the model's weights, and their scores. Step 0: nothing was scored."""

    step: int
    scores: dict[str, float]
