"""The analysis of the compared rows: who is right where, what is mistaken for what, each label, and how far a
probability can be believed.
"""

from collections.abc import Sequence
from typing import Any, Literal

from markupsafe import Markup

from distill_core import ROWS, DoubtfulRow, RowName, Summary

from ..components.formatting import count, percent
from ..components.templates import render
from ..i18n.translate import format_number, translate
from .deferral import deferral
from .disagreements import SIDES, source_row
from .drawing import SIDE, x, y
from .headline import chances, differences, doublings
from .score_table import several

CorrectnessKey = Literal["both", "only_teacher", "only_student", "neither"]
SPLIT: tuple[CorrectnessKey, ...] = ("both", "only_teacher", "only_student", "neither")
PARTS: tuple[Literal["precision", "recall", "f1"], ...] = ("precision", "recall", "f1")
FEW_ROWS = 10  # of a bin of the reliability: with fewer its share of right answers says next to nothing
LONGEST = 300  # letters of a text in a list
PICTURED: tuple[RowName, ...] = ("control", "student", "teacher")  # whose reliability is drawn


def analysis(summary: Summary, doubtful: Sequence[DoubtfulRow] = ()) -> Markup:
    """The analysis: whether the differences are more than chance, who is right where, what is mistaken for what, the
    labelled rows whose label is `doubtful`, and the rest. A run from before these were kept shows those it has."""
    split = summary.get("split")
    parts = {
        "differences": differences(summary),
        "chances": chances(summary.get("mcnemar") or {}),
        "doublings": doublings(summary),
        "split": {key: split[key] for key in SPLIT} if split else {},
        "confusions": confusions(summary),
        "per_class": per_class(summary),
        "calibration": calibration(summary),
        "deferral": deferral(summary),
        "several": several(summary),
        "doubtful": [
            {
                "text": _beginning(SIDES.join(row["text"])),
                "source": source_row(row),
                "label": row["label"],
                "answer": f"{row['teacher']} {percent(row['probability'])}",
            }
            for row in doubtful
        ],
    }
    if not any(parts.values()):
        return Markup()
    return render(
        "comparison/analysis.html",
        **parts,
        names={key: translate(f"compare.split.{key}") for key in SPLIT},
        agreement=summary.get("agreement"),
        labels=summary.get("labels"),
        advised=any(step["action"] == "check_labels" for step in summary.get("next_steps") or ()),
    )


def _beginning(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"


def confusions(summary: Summary) -> dict[str, list[list[int]]]:
    """Confusion counts of student and teacher: how many rows of each true label got each answer; nothing where the
    labels aren't known."""
    counts = summary.get("confusion") or {}
    return {row: counts[row] for row in ("student", "teacher") if row in counts and summary.get("labels")}


def per_class(summary: Summary) -> dict[str, Any]:
    """Agreement of student and teacher on the rows of each label, and precision, recall and F1 of every row that has
    them, as the head and the rows of a table."""
    scores = summary.get("scores") or {}
    tables = {row: scores[row].get("per_class") or [] for row in ("student", "teacher") if row in scores}
    classes = {row: table for row, table in tables.items() if table}
    if not classes:
        return {}
    parts = [(row, part) for row in classes for part in PARTS]
    agreement = {one["label"]: one["agreement"] for one in summary.get("class_agreement") or ()}
    head = [
        translate("task.label"),
        translate("compare.rows"),
        *([translate("compare.agreement")] if agreement else []),
        *(f"{translate(f'row.{row}')} · {translate(f'compare.{part}')}" for row, part in parts),
    ]
    rows = [
        [
            one["label"],
            count(one.get("rows")),
            *([percent(agreement.get(one["label"]))] if agreement else []),
            *(percent(classes[row][index].get(part)) for row, part in parts),
        ]
        for index, one in enumerate(next(iter(classes.values())))
    ]
    return {"head": head, "rows": rows}


def calibration(summary: Summary) -> Markup:
    """The calibration: how far the probabilities can be believed, before and after temperature scaling: pictures and
    their table."""
    scores = summary.get("scores") or {}
    calibrated_rows = [row for row in ROWS if row in scores and scores[row].get("ece") is not None]
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
        few=FEW_ROWS,
        side=SIDE,
        x=x,
        y=y,
    )
