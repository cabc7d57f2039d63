"""Objective of a task: how labels become targets, how many outputs a model has for them, and how its logits are
trained, read and scored.

One label of several is the first objective. A task of several labels at once, or of a number, is another class here;
what trains, compares and shows asks the objective and takes no softmax of its own. A student predicts without this
file, and so does an exported baseline: `READINGS` in student/runtime.py and in baseline_runtime.py have their parts by
the objective's name.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast, get_args

import numpy as np
from numpy.typing import NDArray

from distill_core.config.schema import Config
from distill_core.evaluation import calibration, metrics
from distill_core.evaluation.baseline_runtime import MIN_PROBABILITY
from distill_core.evaluation.summary import Calibration, ObjectiveName
from distill_core.registry import TASKS

if TYPE_CHECKING:
    from torch import Tensor

    from distill_core.data.dataset import Dataset

Labels = Sequence[Any]  # labels of rows as a Dataset has them; as an array they are comparable with `decide`'s answers
Array = NDArray[Any]


class Objective(Protocol):
    """Contract of an objective. Logits and probabilities are (rows, outputs), `truth` and answers (rows,) or
    (rows, labels)."""

    name: ObjectiveName  # in stored settings and summaries

    def head_size(self, labels: Sequence[str]) -> int:
        """Outputs that a model needs for these labels."""

    def targets(self, labels: Labels) -> "Tensor":
        """Labels as `hard_loss` takes them."""

    def hard_targets(self, logits: "Tensor") -> "Tensor":
        """Targets that the teacher's logits stand for, where a row has no label of its own."""

    def hard_loss(self, logits: "Tensor", targets: "Tensor") -> "Tensor":
        """Scalar loss of logits against targets."""

    def soft_loss(self, logits: "Tensor", wanted: "Tensor", temperature: float) -> "Tensor":
        """Scalar distance of the probabilities from those of the teacher's logits `wanted`, at the temperature."""

    def classifier(self) -> Any:
        """Classifier of scikit-learn for the baseline, which fits the labels as they are and has `classes_`."""

    def probabilities(self, logits: Array, temperature: float = 1.0) -> NDArray[np.float64]:
        """Probabilities of logits divided by the temperature."""

    def logits(self, probabilities: Array) -> NDArray[np.float64]:
        """Logits that have these probabilities."""

    def decide(self, logits: Array) -> Array:
        """Answers that a model gives: what is compared with the labels."""

    def confidence(self, probabilities: Array, answers: Array) -> Array:
        """Probability (rows,) that a model gives its own answer."""

    def answer(self, probabilities: Mapping[str, float]) -> str:
        """Answer to one row in words, by the probability of each label."""

    def label(self, truth: Any, labels: Sequence[str]) -> str:
        """Label of one row in words, as `answer` gives it."""

    def is_label(self, value: Any, labels: Sequence[str]) -> bool:
        """Whether `label` gives this value for some row; a run from elsewhere may hold any."""

    def balance(self, labels: Labels, names: Sequence[str]) -> dict[str, int]:
        """Rows of each label."""

    def agree(self, one: Array, other: Array) -> NDArray[np.bool_]:
        """Rows (rows,) on which two columns of answers, or answers and truth, are the same."""

    def membership(self, truth: Array, classes: int) -> NDArray[np.bool_]:
        """Labels of each row as (rows, classes)."""

    def confusion(self, truth: Array, answers: Array, classes: int) -> Array | None:
        """How often rows of each label got each answer (classes, classes); None where a row may have several."""

    def resolve_metric(self, wanted: str, of_task: str, labels: Labels, classes: int) -> str:
        """Metric of a run: the knob's value `wanted`, the task's own where that is "auto", or what stands for it on
        training rows with these labels."""

    def metrics(self, logits: Array, labels: Labels) -> dict[str, float]:
        """Values of every metric, by name."""

    def metrics_from_counts(
        self, truth: Array, answers: Array, counts: Array, classes: int
    ) -> dict[str, NDArray[np.float64]]:
        """Metrics for each row of `counts` (draws, cells), where cell i means truth[i] and answers[i]."""

    def calibration(self, logits: Array, labels: Labels, valid: tuple[Array, Labels]) -> Calibration:
        """Calibration of these rows; the temperature is fitted on `valid`, logits and labels of validation rows."""


class SingleLabel:
    """Objective of one label of several: a softmax over one output a label, cross-entropy, the likeliest label."""

    name: ObjectiveName = "single_label"

    def head_size(self, labels: Sequence[str]) -> int:
        """One output a label."""
        return len(labels)

    def targets(self, labels: Labels) -> "Tensor":
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

    def soft_loss(self, logits: "Tensor", wanted: "Tensor", temperature: float) -> "Tensor":
        """KL divergence of the softened softmax from the teacher's, the mean over the rows."""
        from torch.nn.functional import kl_div, log_softmax

        softened, teacher = log_softmax(logits / temperature, 1), log_softmax(wanted / temperature, 1)
        return kl_div(softened, teacher, reduction="batchmean", log_target=True)

    def classifier(self) -> Any:
        """Logistic regression."""
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=10, max_iter=1000)

    def probabilities(self, logits: Array, temperature: float = 1.0) -> NDArray[np.float64]:
        """Softmax (rows, classes)."""
        return calibration.probabilities(logits, temperature)

    def logits(self, probabilities: Array) -> NDArray[np.float64]:
        """Log-probabilities; a class without training rows is very unlikely, not impossible."""
        shares: NDArray[np.float64] = np.log(np.maximum(probabilities, MIN_PROBABILITY))
        return shares

    def decide(self, logits: Array) -> Array:
        """Likeliest class (rows,)."""
        answers: Array = logits.argmax(1)
        return answers

    def confidence(self, probabilities: Array, answers: Array) -> Array:
        """Probability of the answered class."""
        shares: Array = probabilities[np.arange(len(answers)), answers]
        return shares

    def answer(self, probabilities: Mapping[str, float]) -> str:
        """Likeliest label."""
        return max(probabilities, key=lambda label: probabilities[label])

    def label(self, truth: Any, labels: Sequence[str]) -> str:
        """Name of the class."""
        return labels[int(truth)]

    def is_label(self, value: Any, labels: Sequence[str]) -> bool:
        """One of the names."""
        return value in labels

    def balance(self, labels: Labels, names: Sequence[str]) -> dict[str, int]:
        """Rows of each class."""
        return {name: labels.count(number) for number, name in enumerate(names)}

    def agree(self, one: Array, other: Array) -> NDArray[np.bool_]:
        """Rows with the same class."""
        same: NDArray[np.bool_] = one == other
        return same

    def membership(self, truth: Array, classes: int) -> NDArray[np.bool_]:
        """One class a row."""
        members: NDArray[np.bool_] = truth[:, None] == np.arange(classes)
        return members

    def confusion(self, truth: Array, answers: Array, classes: int) -> Array | None:
        """Confusion matrix: true classes down, answers across."""
        counts: Array = np.histogram2d(truth, answers, bins=[np.arange(classes + 1) - 0.5] * 2)[0].astype(int)
        return counts

    def resolve_metric(self, wanted: str, of_task: str, labels: Labels, classes: int) -> str:
        """By the balance of the classes, where the task leaves it to the rows."""
        return metrics.resolve_metric(wanted, of_task, labels, classes)

    def metrics(self, logits: Array, labels: Labels) -> dict[str, float]:
        """Accuracy, macro-F1, Matthews correlation and, for two classes, F1."""
        return metrics.compute_metrics(self.decide(logits), labels, logits.shape[1])

    def metrics_from_counts(
        self, truth: Array, answers: Array, counts: Array, classes: int
    ) -> dict[str, NDArray[np.float64]]:
        """The same metrics of drawn rows."""
        return metrics.metrics_from_counts(truth, answers, counts, classes)

    def calibration(self, logits: Array, labels: Labels, valid: tuple[Array, Labels]) -> Calibration:
        """Calibration of the likeliest class (Guo et al. 2017)."""
        return calibration.calibration_report(logits, labels, valid)


SINGLE_LABEL = SingleLabel()
OBJECTIVES: dict[ObjectiveName, Objective] = {SINGLE_LABEL.name: SINGLE_LABEL}
assert set(OBJECTIVES) == set(get_args(ObjectiveName))  # a type can't be made of a dict


def objective_for(config: Config) -> Objective:
    """Objective of a run's task, which names it in OBJECTIVE where a row has not one label of several."""
    return OBJECTIVES[TASKS.constant(config.task, "OBJECTIVE", SINGLE_LABEL.name)]


def stored_objective(stored: Mapping[str, object]) -> Objective:
    """Objective by the settings of a student or the summary of a run. Earlier ones name none: it was one label of
    several."""
    return OBJECTIVES[cast(ObjectiveName, stored.get("objective", SINGLE_LABEL.name))]  # checked when it was taken in


def metric_for(config: Config, data: "Dataset", objective: Objective) -> str:
    """Metric of a run with these knobs and rows."""
    own = TASKS.constant(config.task, "METRIC", "auto")
    return objective.resolve_metric(config.metric, own, data.train.labels, len(data.labels))
