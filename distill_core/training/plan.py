"""Plans, ticks and results of a training."""

from dataclasses import dataclass, fields

from distill_core.messages import Message, message

FIRST_FIELDS = (
    "steps", "batch", "lr", "optimiser", "table_lr", "warmup", "weight_decay", "clip", "evaluate_every", "select",
    "seed",
)  # fmt: skip

FLOAT = 4  # bytes
TUNED = 5  # floats that a training with Adam holds for a weight: it, its gradient, two moments, the best one so far
LAST = "last"  # in the place of a score to select by


@dataclass(frozen=True)
class TrainingPlan:
    """Plan of a training: `steps` optimiser steps of `batch` rows; learning rate `lr` after `warmup` (a share of the
    steps), then falling to zero, or constant for adadelta; `table_lr` times that for embedding tables; scores every
    `evaluate_every` steps and at the end. The weights with the highest `select` score win, the lower "loss" breaking
    ties; where `select` is LAST, those of the last step. `patience` evaluations without a better one end the training
    early, 0 never does; they count from step `patient_from` on. Its `repr` is part of a checkpoint's identity
    (`loop.fit`)."""

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
    patience: int = 0
    patient_from: int = 0

    @property
    def identity(self) -> str:
        """Text that tells two plans apart, as checkpoints on people's disks hold it: neither another name of this class
        nor a field that was added since and stands at its default may change it."""
        shown = [
            field for field in fields(self) if field.name in FIRST_FIELDS or getattr(self, field.name) != field.default
        ]
        return f"Plan({', '.join(f'{field.name}={getattr(self, field.name)!r}' for field in shown)})"

    def is_out_of_patience(self, step: int, best_step: int) -> bool:
        """Whether a training at `step`, with its best scores at `best_step`, is to end."""
        return 0 < self.patience * self.evaluate_every <= step - max(best_step, self.patient_from)

    def early_end(self, best: "BestStep") -> Message | None:
        """Sentence on a training that ran out of patience before its last step, else None."""
        if best.last >= self.steps or not self.is_out_of_patience(best.last, best.step):
            return None
        return message(
            "The training ended early, at step {last:,} of {steps:,}: {patience:evaluation|evaluations} in a row "
            "brought no better scores than step {best:,} did.",
            last=best.last, steps=self.steps, patience=self.patience, best=best.step)  # fmt: skip


@dataclass(frozen=True)
class Tick:
    """Progress after `step` of `steps`: the mean training `loss` since the last tick, the validation `scores` (None
    between two evaluations), whether they are the `best` so far, and the seconds `left`. The first one may
    have a `notice`: that the training could not go on from its newest checkpoint."""

    step: int
    steps: int
    loss: float
    scores: dict[str, float] | None
    best: bool
    left: float | None
    notice: Message | None = None


@dataclass(frozen=True)
class BestStep:
    """Step of the model's weights, and their scores; `last` is the training's last step. Step 0: nothing was scored."""

    step: int
    scores: dict[str, float]
    last: int = 0
