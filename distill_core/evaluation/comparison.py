"""The comparison: floor, control, student and teacher on the same held-out rows.

Knows nothing of training. Every figure here is measured in the run that shows it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_core.cache import Cache, digest
from distill_core.data.dataset import Split
from distill_core.evaluation import calibration, metrics, significance
from distill_core.evaluation.columns import columns
from distill_core.evaluation.significance import mcnemar
from distill_core.evaluation.summary import Comparison, PredictionScores, Score

COST_KEYS = tuple(
    key for column in columns("cost") for key in (column.key, *column.within)
)  # what a network is the same in


def score_predictions(
    logits: NDArray[Any],
    labels: Sequence[int],
    names: Sequence[str],
    valid: tuple[NDArray[Any], Sequence[int]],
    metric: str = "accuracy",
    seed: int = 0,
) -> PredictionScores:
    """All that the `logits` (rows, classes) of one row of the comparison say about it, as fractions; log-probabilities
    are logits too. "low" and "high" are the 95 % interval of the accuracy, "metric_low" and "metric_high" that of
    `metric`. The temperature is fitted on `valid`, logits and labels of the validation rows, never on these."""
    answers = logits.argmax(1)
    spread = significance.intervals(answers, labels, len(names), seed)
    return {
        **metrics.compute_metrics(answers, labels, len(names)),
        "low": spread["accuracy"][0], "high": spread["accuracy"][1],
        "macro_f1_low": spread["macro_f1"][0], "macro_f1_high": spread["macro_f1"][1],
        "metric_low": spread[metric][0], "metric_high": spread[metric][1],
        "per_class": metrics.per_class(answers, labels, names),
        **calibration.calibration_report(logits, labels, valid),
    }  # fmt: skip


def test_set_uses(cache: Cache, test: Split, labels: Sequence[str], run: str) -> int:
    """How many runs have scored on these very test rows, in whatever order, `run` (its id) included. A resumed run
    counts once."""
    rows = sorted((*text, labels[label]) for text, label in zip(test.texts, test.labels, strict=True))
    return cache.count_users("tests", {"rows": digest(rows)}, run)


def compare(
    scores: dict[str, Score],
    logits: dict[str, NDArray[Any]],
    labels: Sequence[int],
    metric: str = "accuracy",
    seed: int = 0,
) -> Comparison:
    """What the rows say of each other. `gap_recovered`: (student - control) / (teacher - control) of `metric`, None
    where the teacher is not above the control. `kept`: student / teacher, of `metric`. `agreement`: share of rows with
    the same answer. `split`: how student and teacher share the rights. `mcnemar`: p-values of student against control
    and teacher. `differences`: of `metric`, paired, with intervals."""
    value = {row: found[metric] for row, found in scores.items()}
    answers = {row: found.argmax(1) for row, found in logits.items()}
    student, teacher = answers["student"], answers["teacher"]
    gap = value["teacher"] - value["control"] if "control" in value else 0.0
    truth = np.asarray(labels)
    classes = logits["student"].shape[1]
    s, t = student == truth, teacher == truth
    others = [row for row in ("control", "teacher") if row in logits]
    return {
        "metric": metric,
        "scores": scores,
        "gap_recovered": (value["student"] - value["control"]) / gap if gap > 0 else None,
        "kept": value["student"] / value["teacher"] if value["teacher"] > 0 else None,
        "agreement": float((student == teacher).mean()),
        "split": {
            "both": int((s & t).sum()),
            "only_student": int((s & ~t).sum()),
            "only_teacher": int((t & ~s).sum()),
            "neither": int((~s & ~t).sum()),
        },
        "mcnemar": {row: mcnemar(logits["student"], logits[row], labels) for row in others},
        "differences": {
            f"student-{row}": significance.paired_difference(student, answers[row], labels, classes, metric, seed)
            for row in others
        },
        "confusion": {
            row: np.histogram2d(truth, found, bins=[np.arange(classes + 1) - 0.5] * 2)[0].astype(int).tolist()
            for row, found in answers.items()
        },
    }
