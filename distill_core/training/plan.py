"""Plans, ticks and results of a training."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TrainingPlan:
    """How to train. `steps` optimiser steps of `batch` rows; learning rate `lr` after `warmup` (a share of the steps),
    then falling to zero, or constant for adadelta; embedding tables learn at `table_lr` times that; scored every
    `evaluate_every` steps and at the end; the weights with the highest `select` score are kept, the lower "loss"
    breaking ties."""

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
    """After `step` of `steps`: the mean training `loss` since the last tick, the validation `scores` where they were
    taken, whether they are the `best` yet, and the seconds `left`."""

    step: int
    steps: int
    loss: float
    scores: dict[str, float] | None
    best: bool
    left: float | None


@dataclass(frozen=True)
class BestStep:
    """The step whose weights the model holds, and their scores. Step 0: nothing was scored."""

    step: int
    scores: dict[str, float]
