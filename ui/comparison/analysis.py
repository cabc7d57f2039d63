"""The analysis of the compared rows: who is right where, what is mistaken for what, each label, and how far a
probability can be believed.
"""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from distill_core import ROWS
from ui.comparison.headline import chances, differences
from ui.comparison.score_table import several
from ui.components.formatting import count, percent
from ui.components.templates import render
from ui.i18n.translate import format_number, translate

SPLIT = ("both", "only_teacher", "only_student", "neither")
PICTURED = ("control", "student", "teacher")  # whose reliability is drawn
SIDE = 220  # of a reliability picture, in its own units


def analysis(summary: Mapping[str, Any]) -> Markup:
    """The analysis: whether the differences are more than chance, who is right where, what is mistaken for what, and
    the rest. A run from before these were kept shows those it has."""
    split = summary.get("split")
    parts = {
        "differences": differences(summary),
        "chances": chances(summary.get("mcnemar") or {}),
        "split": {key: split[key] for key in SPLIT} if split else {},
        "confusions": confusions(summary),
        "per_class": per_class(summary),
        "calibration": calibration(summary),
        "several": several(summary),
    }
    if not any(parts.values()):
        return Markup()
    return render(
        "comparison/analysis.html",
        **parts,
        names={key: translate(f"compare.split.{key}") for key in SPLIT},
        agreement=summary.get("agreement"),
        labels=summary.get("labels"),
    )


def confusions(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Confusion counts of student and teacher: how many rows of each true label got each answer; nothing where the
    labels aren't known."""
    counts = summary.get("confusion") or {}
    return {row: counts[row] for row in ("student", "teacher") if row in counts and summary.get("labels")}


def per_class(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Precision, recall and F1 of each label, of every row that has them, as the head and the rows of a table."""
    scores = summary.get("scores") or {}
    scored_rows = [row for row in ("student", "teacher") if (scores.get(row) or {}).get("per_class")]
    if not scored_rows:
        return {}
    parts = [(row, part) for row in scored_rows for part in ("precision", "recall", "f1")]
    head = [
        translate("task.label"),
        translate("compare.rows"),
        *(f"{translate(f'row.{row}')} · {translate(f'compare.{part}')}" for row, part in parts),
    ]
    rows = [
        [
            one["label"],
            count(one.get("rows")),
            *(percent(scores[row]["per_class"][index].get(part)) for row, part in parts),
        ]
        for index, one in enumerate(scores[scored_rows[0]]["per_class"])
    ]
    return {"head": head, "rows": rows}


def calibration(summary: Mapping[str, Any]) -> Markup:
    """The calibration: how far the probabilities can be believed, before and after temperature scaling: pictures and
    their table."""
    scores = summary.get("scores") or {}
    calibrated_rows = [row for row in ROWS if (scores.get(row) or {}).get("ece") is not None]
    if not calibrated_rows:
        return Markup()
    head = [translate("compare.model"), *(translate(f"compare.{key}") for key in ("ece", "temperature", "ece_scaled"))]
    rows = [
        [
            translate(f"row.{row}"),
            percent(scores[row]["ece"]),
            format_number(scores[row].get("temperature") or 1.0, ".2f"),
            percent(scores[row].get("ece_scaled")),
        ]
        for row in calibrated_rows
    ]
    return render(
        "comparison/calibration.html",
        scores=scores,
        pictured=[row for row in PICTURED if row in calibrated_rows and scores[row].get("reliability")],
        head=head,
        rows=rows,
        classes=calibrated_rows,
        side=SIDE,
        x=_x,
        y=_y,
    )


def _x(share: float) -> float:
    return 30 + share * (SIDE - 40)


def _y(share: float) -> float:
    return SIDE - 20 - share * (SIDE - 30)
