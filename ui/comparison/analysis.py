"""A closer look at the same rows: who is right where, what is mistaken for what, each label, and how far a
probability can be believed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from distill_core import ROWS
from ui.comparison.headline import chances, differences
from ui.comparison.score_table import several
from ui.components.formatting import count, percent
from ui.components.html import confusion, esc, split, table
from ui.i18n.translate import format_number, translate

SPLIT = ("both", "only_teacher", "only_student", "neither")
SIDE = 220  # of a reliability picture, in its own units


def analysis(summary: Mapping[str, Any]) -> str:
    """Whether the differences are more than chance, who is right where, what is mistaken for what, and the rest. A run
    from before these were kept shows those it has."""
    html = differences(summary)
    html += f"<p>{esc(told)}</p>" if (told := chances(summary.get("mcnemar") or {})) else ""
    if html:
        html = f"<h2>{esc(translate('compare.sure'))}</h2>{html}"
    if found := summary.get("split"):
        names = {key: translate(f"compare.split.{key}") for key in SPLIT}
        agreed = summary.get("agreement")
        told = (
            f'<p class="hint">{esc(translate("compare.agree", share=percent(agreed)))}</p>'
            if agreed is not None
            else ""
        )
        html += f"<h2>{esc(translate('compare.split'))}</h2>{split({key: found[key] for key in SPLIT}, names)}{told}"
    html += _more(translate("compare.confusion"), confusions(summary))
    html += _more(translate("compare.per_class"), per_class(summary))
    html += _more(translate("compare.calibration"), calibration(summary))
    html += _more(translate("compare.several"), several(summary))
    return f'<div class="apart">{html}</div>' if html else ""


def _more(title: str, html: str) -> str:
    return f'<details class="more"><summary>{esc(title)}</summary>{html}</details>' if html else ""


def confusions(summary: Mapping[str, Any]) -> str:
    """Student and teacher: true labels down, answers across."""
    counts, labels = summary.get("confusion") or {}, summary.get("labels")
    there = [row for row in ("student", "teacher") if row in counts]
    if not labels or not there:
        return ""
    what = translate("compare.confusion")
    tables = "".join(
        f"<section><h3>{esc(name)}</h3>{confusion(counts[row], labels, row, f'{what}: {name}')}</section>"
        for row in there
        for name in [translate(f"row.{row}")]
    )
    return f'<p class="hint">{esc(translate("compare.confusion.caption"))}</p><div class="sides">{tables}</div>'


def per_class(summary: Mapping[str, Any]) -> str:
    """Precision, recall and F1 of each label, of every row that has them."""
    scores = summary.get("scores") or {}
    there = [row for row in ("student", "teacher") if (scores.get(row) or {}).get("per_class")]
    if not there:
        return ""
    head = [
        translate("task.label"),
        translate("compare.rows"),
        *(
            f"{translate(f'row.{row}')} · {translate(f'compare.{part}')}"
            for row in there
            for part in ("precision", "recall", "f1")
        ),
    ]
    body = [
        [
            esc(one["label"]),
            count(one.get("rows")),
            *(
                percent(scores[row]["per_class"][index].get(part))
                for row in there
                for part in ("precision", "recall", "f1")
            ),
        ]
        for index, one in enumerate(scores[there[0]]["per_class"])
    ]
    return table(head, body, translate("compare.per_class"), kind="cards")


def calibration(summary: Mapping[str, Any]) -> str:
    """How far the probabilities can be believed, before and after temperature scaling: pictures and their table."""
    scores = summary.get("scores") or {}
    there = [row for row in ROWS if (scores.get(row) or {}).get("ece") is not None]
    if not there:
        return ""
    pictures = "".join(
        f"<figure><figcaption>{esc(translate(f'row.{row}'))}</figcaption>{reliability(scores[row], row)}</figure>"
        for row in ("control", "student", "teacher")
        if row in there and scores[row].get("reliability")
    )
    head = [translate("compare.model"), *(translate(f"compare.{key}") for key in ("ece", "temperature", "ece_scaled"))]
    body = [
        [
            esc(translate(f"row.{row}")),
            percent(scores[row]["ece"]),
            format_number(scores[row].get("temperature") or 1.0, ".2f"),
            percent(scores[row].get("ece_scaled")),
        ]
        for row in there
    ]
    made = table(head, body, translate("compare.calibration"), there, kind="cards")
    hint = f'<p class="hint">{esc(translate("compare.calibration.caption"))}</p>'
    return f'{hint}<div class="reliabilities">{pictures}</div>{made}'


def reliability(score: Mapping[str, Any], who: str) -> str:
    """Confidence across, share of rights up: on the diagonal a probability means what it says. The dots are as large
    as their bins; the dashed line is before temperature scaling, the full one after."""
    before, after = score["reliability"], score.get("reliability_scaled") or []
    total = sum(one["rows"] for one in before) or 1
    dots = "".join(
        f'<circle cx="{_x(one["confidence"]):.1f}" cy="{_y(one["accuracy"]):.1f}" '
        f'r="{2 + 7 * (one["rows"] / total) ** 0.5:.1f}"><title>{_calibration_words(one)}</title></circle>'
        for one in (after or before)
    )
    grid = "".join(
        f'<path d="M{_x(0):.0f} {_y(at):.1f}H{_x(1):.0f}M{_x(at):.1f} {_y(0):.0f}V{_y(1):.0f}"/>'
        f'<text x="{_x(0) - 5:.0f}" y="{_y(at) + 4:.1f}" text-anchor="end">{format_number(at, ".1f")}</text>'
        f'<text x="{_x(at):.1f}" y="{SIDE - 4}" text-anchor="middle">{format_number(at, ".1f")}</text>'
        for at in (0.0, 0.5, 1.0)
    )
    label = translate(
        "compare.reliability",
        row=translate(f"row.{who}"),
        before=percent(score["ece"]),
        after=percent(score.get("ece_scaled")),
    )
    return (
        f'<svg class="reliability {esc(who)}" viewBox="0 0 {SIDE} {SIDE}" role="img" aria-label="{esc(label)}">'
        f'<g class="grid">{grid}</g><path class="ideal" d="M{_x(0)} {_y(0)}L{_x(1)} {_y(1)}"/>'
        f'<path class="before" d="{_line(before)}"/><path class="after" d="{_line(after)}"/>{dots}</svg>'
    )


def _calibration_words(one: Mapping[str, Any]) -> str:
    said, right = percent(one["confidence"], 0), percent(one["accuracy"], 0)
    return esc(translate("compare.bin", said=said, right=right, rows=count(one["rows"])))


def _line(bins: Sequence[Mapping[str, Any]]) -> str:
    return "M" + "L".join(f"{_x(one['confidence']):.1f} {_y(one['accuracy']):.1f}" for one in bins) if bins else ""


def _x(share: float) -> float:
    return 30 + share * (SIDE - 40)


def _y(share: float) -> float:
    return SIDE - 20 - share * (SIDE - 30)
