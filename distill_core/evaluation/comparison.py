"""Comparison of baseline, control, student and teacher on the same held-out rows.

Knows nothing of training. Every figure here is measured in the run that shows it.
"""

from collections.abc import Iterable, Sequence
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from distill_core.cache import Cache, digest
from distill_core.data.dataset import Split
from distill_core.data.overlap import distinct_words
from distill_core.evaluation import metrics, significance
from distill_core.evaluation.objective import SINGLE_LABEL, Labels, Objective
from distill_core.evaluation.significance import mcnemar
from distill_core.evaluation.summary import (
    ClassAgreement,
    Comparison,
    Difference,
    Metric,
    ModelCost,
    PartAgreement,
    PredictionScores,
    RowPair,
    Score,
)

NAMES: tuple[Metric, ...] = get_args(Metric)
PAIRS: dict[str, RowPair] = {"control": "student-control", "teacher": "student-teacher", "floor": "student-floor"}


def score_predictions(
    logits: NDArray[Any],
    labels: Labels,
    names: Sequence[str],
    valid: tuple[NDArray[Any], Labels],
    metric: Metric = "accuracy",
    seed: int = 0,
    objective: Objective = SINGLE_LABEL,
) -> PredictionScores:
    """Scores of the `logits` (rows, classes) of one model, by the metrics that the objective has. "low" and "high"
    are the 95 % interval of the accuracy, "metric_low" and "metric_high" that of `metric`. The temperature is fitted on
    `valid`, logits and labels of the validation rows, never on these rows."""
    answers, values = objective.decide(logits), objective.metrics(logits, labels)
    spread = significance.intervals(answers, labels, len(names), seed, objective)
    scores: PredictionScores = {"accuracy": values["accuracy"]}
    for name in NAMES:
        if name in values:  # F1 is of two classes alone
            scores[name] = values[name]
    return {
        **scores,
        "low": spread["accuracy"][0], "high": spread["accuracy"][1],
        "macro_f1_low": spread["macro_f1"][0], "macro_f1_high": spread["macro_f1"][1],
        "metric_low": spread[metric][0], "metric_high": spread[metric][1],
        "per_class": metrics.per_class(answers, labels, names),
        **objective.calibration(logits, labels, valid),
    }  # fmt: skip


def cost_of(score: Score) -> ModelCost:
    """Cost alone of a scored model: what another model with the same network shares with it."""
    return {
        "parameters": score["parameters"], "bytes": score["bytes"], "latency_ms": score["latency_ms"],
        "latency_p95_ms": score["latency_p95_ms"], "texts_per_s": score["texts_per_s"],
    }  # fmt: skip


def test_set_uses(
    cache: Cache, test: Split, labels: Sequence[str], run: str, objective: Objective = SINGLE_LABEL
) -> int:
    """Number of runs that have scored on exactly these test rows, in any order, `run` (its id) included. A resumed
    run counts once."""
    rows = sorted((*text, objective.label(label, labels)) for text, label in zip(test.texts, test.labels, strict=True))
    return cache.count_users("tests", {"rows": digest(rows)}, run)


def compare(
    scores: dict[str, Score],
    logits: dict[str, NDArray[Any]],
    labels: Labels,
    metric: Metric = "accuracy",
    seed: int = 0,
    objective: Objective = SINGLE_LABEL,
) -> Comparison:
    """Comparison of the scored models, by row: "floor" (the baseline), "control", "student" and "teacher". `logits`
    (rows, classes) and `labels` are of the test rows. The fields are those of `summary.Comparison`; the differences
    are of `metric`, paired."""
    value = {row: score[metric] for row, score in scores.items()}
    answers = {row: objective.decide(values) for row, values in logits.items()}
    gap = value["teacher"] - value["control"] if "control" in value else 0.0
    truth = np.asarray(labels)
    classes = logits["student"].shape[1]
    right = {row: objective.agree(predicted, truth) for row, predicted in answers.items()}
    s, t = right["student"], right["teacher"]
    others = [row for row in ("control", "teacher") if row in logits]
    differences: dict[RowPair, Difference] = {
        PAIRS[row]: significance.paired_difference(
            answers["student"], answers[row], labels, classes, metric, seed, objective
        )
        for row in PAIRS
        if row in logits
    }
    summary: Comparison = {
        "metric": metric,
        "scores": scores,
        "gap_recovered": (value["student"] - value["control"]) / gap if gap > 0 else None,
        "kept": value["student"] / value["teacher"] if value["teacher"] > 0 else None,
        "agreement": float(objective.agree(answers["student"], answers["teacher"]).mean()),
        "split": {
            "both": int((s & t).sum()),
            "only_student": int((s & ~t).sum()),
            "only_teacher": int((t & ~s).sum()),
            "neither": int((~s & ~t).sum()),
        },
        "mcnemar": {row: mcnemar(right["student"], right[row]) for row in others},
        "differences": differences,
    }
    confusion = {row: objective.confusion(truth, predicted, classes) for row, predicted in answers.items()}
    if matrices := {row: counts.tolist() for row, counts in confusion.items() if counts is not None}:
        summary["confusion"] = matrices
    return summary


def unseen_words(
    texts: Sequence[tuple[str, ...]], learnt: Iterable[tuple[str, ...]], agree: NDArray[np.bool_]
) -> PartAgreement | None:
    """How student and teacher `agree` (texts,) on the `texts` with a word that no text of `learnt` holds, beside the
    others; None where either kind is missing. Words and not entries of the vocabulary: pieces make up any word, met or
    not."""
    known = distinct_words(learnt)
    unseen = np.array([not distinct_words([text]) <= known for text in texts], bool)
    return _part_agreement(agree, unseen)


def class_agreement(
    labels: Labels, names: Sequence[str], agree: NDArray[np.bool_], objective: Objective = SINGLE_LABEL
) -> list[ClassAgreement]:
    """How student and teacher `agree` (rows,) on the rows of each label, beside the other rows; without labels that no
    row or every row has."""
    members = objective.membership(np.asarray(labels), len(names))
    agreements = ((name, _part_agreement(agree, of)) for name, of in zip(names, members.T, strict=True))
    return [{"label": name, **agreement} for name, agreement in agreements if agreement]


def _part_agreement(agree: NDArray[np.bool_], chosen: NDArray[np.bool_]) -> PartAgreement | None:
    """Agreement on the chosen rows beside the others; None where either kind is missing."""
    first, others = agree[chosen], agree[~chosen]
    if not len(first) or not len(others):
        return None
    return {
        "rows": len(first),
        "agreement": float(first.mean()),
        "others": float(others.mean()),
        "p": significance.fisher(int(first.sum()), len(first), int(others.sum()), len(others)),
    }
