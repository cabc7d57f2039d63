"""Objective of a task: how labels become targets, how many outputs a model has for them, and how its logits are
trained, read and scored.

One label of several is the first objective. A task of several labels at once, or of a number, is another class here;
what trains, compares and shows asks the objective and takes no softmax of its own.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from distill_core.evaluation import calibration, metrics

if TYPE_CHECKING:
    from torch import Tensor


class Objective(Protocol):
    """Contract of an objective. Logits are (rows, outputs)."""

    def head_size(self, labels: Sequence[str]) -> int:
        """Outputs that a model needs for these labels."""

    def targets(self, labels: Sequence[int]) -> "Tensor":
        """Labels, as places in the task's list, as `hard_loss` takes them."""

    def hard_targets(self, logits: "Tensor") -> "Tensor":
        """Targets that the teacher's logits stand for, where a row has no label of its own."""

    def hard_loss(self, logits: "Tensor", targets: "Tensor") -> "Tensor":
        """Scalar loss of logits against targets."""

    def probabilities(self, logits: NDArray[Any], temperature: float = 1.0) -> NDArray[np.float64]:
        """Probabilities (rows, outputs) of logits divided by the temperature."""

    def decide(self, logits: NDArray[Any]) -> NDArray[Any]:
        """Answers that a model gives: what is compared with the labels."""

    def metrics(self, logits: NDArray[Any], labels: Sequence[int]) -> dict[str, float]:
        """Values of every metric, by name."""


class SingleLabel:
    """Objective of one label of several: a softmax over one output a label, cross-entropy, the likeliest label."""

    def head_size(self, labels: Sequence[str]) -> int:
        """One output a label."""
        return len(labels)

    def targets(self, labels: Sequence[int]) -> "Tensor":
        """Class numbers (rows,) int64."""
        import torch

        return torch.tensor(labels)

    def hard_targets(self, logits: "Tensor") -> "Tensor":
        """Likeliest class (rows,) of each row."""
        return logits.argmax(1)

    def hard_loss(self, logits: "Tensor", targets: "Tensor") -> "Tensor":
        """Cross-entropy, the mean over the rows."""
        from torch.nn.functional import cross_entropy

        return cross_entropy(logits, targets)

    def probabilities(self, logits: NDArray[Any], temperature: float = 1.0) -> NDArray[np.float64]:
        """Softmax (rows, classes)."""
        return calibration.probabilities(logits, temperature)

    def decide(self, logits: NDArray[Any]) -> NDArray[Any]:
        """Likeliest class (rows,)."""
        answers: NDArray[Any] = logits.argmax(1)
        return answers

    def metrics(self, logits: NDArray[Any], labels: Sequence[int]) -> dict[str, float]:
        """Accuracy, macro-F1, Matthews correlation and, for two classes, F1."""
        return metrics.compute_metrics(self.decide(logits), labels, logits.shape[1])


SINGLE_LABEL = SingleLabel()
