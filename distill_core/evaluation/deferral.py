"""Deferral: the student answers the texts that it is sure of, and hands the others on to its teacher.

How sure is sure enough is a threshold on the student's probability of its own answer, found on validation rows: among
the texts above it the student gives the teacher's answer to at least the share that is wanted. In at most 5 of 100 runs
is a threshold named that does not keep this. Thresholds are tested one after the other, from a high one down, each by
the exact binomial bound (Clopper and Pearson 1934), and the last before the first that fails is taken: a fixed
sequence, which costs nothing for trying several (Angelopoulos et al. 2021, "Learn then Test", section 3). Few rows
promise nothing: `rows_needed` says how many it takes. The validation rows also choose the student's step and its
temperature, so that they flatter it a little, and the 5 of 100 hold only about. So what comes of a threshold on the
test rows stands beside it.
"""

from functools import cache
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_core.evaluation.objective import Labels, Objective
from distill_core.evaluation.summary import Deferral, DeferralPoint

WANTED = (0.9, 0.95, 0.98)  # shares of the student's own answers that are to be the teacher's
RISK = 0.05  # probability that a promise is broken
ROUNDING = 1e-6  # a student answers in float32: what is as sure as the threshold must not fall below it
POINTS = 40  # of the curve
TESTS = 20  # thresholds tried, one after the other
FIRST = 0.25  # share of the rows above the first of them: fewer say too little to go on from
Array = NDArray[Any]


def fit_threshold(confidence: Array, agree: NDArray[np.bool_], wanted: float) -> float | None:
    """Lowest threshold found on the `confidence` (rows,) of the student in its answers from which on these `agree`
    (rows,) with the teacher's in the share `wanted` at least, None where so few rows can't promise it. It is for other
    texts, drawn alike.

    >>> sure = np.linspace(0.5, 1, 400)
    >>> round(fit_threshold(sure, sure > 0.7, 0.95), 2)
    0.69
    >>> fit_threshold(sure[-30:], sure[-30:] > 0.7, 0.95)
    """
    rows, found = len(confidence), None
    if rows < rows_needed(wanted):
        return None
    first = min(rows, max(rows_needed(wanted, 1), ceil(FIRST * rows)))
    descending = np.sort(confidence)[::-1]
    for count in np.unique(np.linspace(first, rows, TESTS).round().astype(int)).tolist():
        threshold = float(descending[count - 1])
        above = agree[confidence >= threshold - ROUNDING]
        if _lower_bound(int(above.sum()), len(above)) < wanted:
            break
        found = max(0.0, threshold - ROUNDING)
    return found


@cache
def rows_needed(wanted: float, differing: int = 0) -> int:
    """Fewest rows that can promise the share `wanted` where student and teacher differ on so many of them.

    >>> rows_needed(0.9), rows_needed(0.95), rows_needed(0.98), rows_needed(0.9, differing=1)
    (29, 59, 149, 46)
    """
    rows = differing + 1
    while _lower_bound(rows - differing, rows) < wanted:
        rows += 1
    return rows


def _lower_bound(hits: int, of: int) -> float:
    """Exact lower bound of a share of which `hits` of so many were seen, wrong with the probability RISK."""
    from scipy.stats import beta

    return float(beta.ppf(RISK, hits, of - hits + 1)) if hits else 0.0


def deferral_report(
    valid: tuple[Array, Array], test: tuple[Array, Array], labels: Labels, temperature: float, objective: Objective
) -> Deferral:
    """Thresholds by the share of agreement that is wanted, and what each and any other would do on the test rows.

    Args:
        valid: Logits (rows, classes) of the student and of the teacher on the validation rows, which the thresholds are
            fitted on.
        test: The same on the test rows, which show what comes of them.
        labels: Labels of the test rows.
        temperature: Divides the student's logits, so that its confidence is the one it tells.
        objective: How answers are read.
    """
    confidence, own, theirs = _answers(*test, temperature, objective)
    agree, truth = objective.agree(own, theirs), np.asarray(labels)
    right, taught = objective.agree(own, truth), objective.agree(theirs, truth)

    def point(chosen: NDArray[np.bool_]) -> DeferralPoint:
        return {
            "answered": float(chosen.mean()),
            "agreement": float(agree[chosen].mean()) if chosen.any() else 1.0,
            "accuracy": float(np.where(chosen, right, taught).mean()),
        }

    surest = np.argsort(-confidence, kind="stable")
    numbers = np.unique(np.linspace(1, len(surest), min(POINTS, len(surest))).round().astype(int)).tolist()
    places = np.arange(len(surest))
    sure, own_valid, theirs_valid = _answers(*valid, temperature, objective)
    report: Deferral = {
        "rows": len(sure), "levels": [], "curve": [point(np.isin(places, surest[:number])) for number in numbers]
    }  # fmt: skip
    for wanted in WANTED:
        threshold = fit_threshold(sure, objective.agree(own_valid, theirs_valid), wanted)
        report["levels"].append({
            "wanted": wanted, "threshold": threshold, "needed": rows_needed(wanted),
            "at": None if threshold is None else point(confidence >= threshold),
        })  # fmt: skip
    return report


def _answers(student: Array, teacher: Array, temperature: float, objective: Objective) -> tuple[Array, Array, Array]:
    """The student's confidence in its answers, these, and the teacher's answers."""
    answers = objective.decide(student)
    shares = objective.probabilities(student, temperature)
    return objective.confidence(shares, answers), answers, objective.decide(teacher)


def thresholds(report: Deferral) -> dict[str, float]:
    """Thresholds by the share that each promises, as a student's settings hold them; without those that few rows can't
    promise."""
    return {f"{level['wanted']:g}": level["threshold"] for level in report["levels"] if level["threshold"] is not None}
