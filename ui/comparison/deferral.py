"""Deferral in Compare: how much the student may answer alone, how well it then follows its teacher, at what cost."""

from typing import Any

from markupsafe import Markup

from distill_core import Deferral, DeferralLevel, Summary

from ..components.formatting import duration, latency, percent
from ..components.templates import render
from ..i18n.translate import translate
from .drawing import SIDE, x, y

COLUMNS = ("wanted", "threshold", "answered", "agreement", "both", "cost")
TEXTS = 1000  # that a cost is told for
GRID = 0.1  # the picture begins at the tenth below the lowest agreement


def promises(report: Deferral) -> list[DeferralLevel]:
    """The levels that are promised; of those with one threshold the highest, for they are one choice."""
    levels = [level for level in report["levels"] if level["at"] is not None]
    return list({level["threshold"]: level for level in levels}.values())


def deferral(summary: Summary) -> Markup:
    """Curve and thresholds of a run's student; nothing for a run of an earlier version."""
    report = summary.get("deferral")
    if not report or not report["curve"]:
        return Markup()
    promised = promises(report)
    lowest = min(one["agreement"] for one in [*report["curve"], *(level["at"] for level in promised if level["at"])])
    student, teacher = (summary["scores"][row] for row in ("student", "teacher"))
    head = [translate(f"compare.defer.{key}") for key in COLUMNS]

    def line(name: str, threshold: str, at: Any) -> list[str]:
        milliseconds = TEXTS * (student["latency_ms"] + (1 - at["answered"]) * teacher["latency_ms"])
        return [name, threshold, percent(at["answered"]), percent(at["agreement"]), percent(at["accuracy"]),
                latency(milliseconds) if milliseconds < 60_000 else duration(milliseconds / 1000)]  # fmt: skip

    rows = [line(percent(level["wanted"], 0), percent(level["threshold"], 2), level["at"]) for level in promised]
    rows.append(line(translate("compare.defer.never"), "–", report["curve"][-1]))
    return render(
        "comparison/deferral.html", curve=report["curve"], promised=promised, head=head, rows=rows,
        refused=[level for level in report["levels"] if level["at"] is None], valid=report["rows"],
        lowest=max(0.0, int(lowest / GRID) * GRID - (GRID if lowest == 1 else 0)), side=SIDE, x=x, y=y,
    )  # fmt: skip
