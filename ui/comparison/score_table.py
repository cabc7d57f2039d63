"""The four rows as a table with their intervals drawn, and the rows of further members of the run."""

from collections.abc import Iterable

from markupsafe import Markup

from distill_core import COLUMNS, ROWS, Column, Metric, Score, Summary, VariantScores

from ..components.formatting import count, latency, millions, percent, size
from ..components.templates import render
from ..i18n.names import metric_title
from ..i18n.translate import translate
from .metric_values import interval, metric_of, value

COSTS = [column for column in COLUMNS if column.group == "cost"]
UNITS = {"count": millions, "bytes": size, "milliseconds": latency, "per_second": count}
EXTRA_METRICS: dict[Metric, Metric] = {
    "accuracy": "macro_f1"
}  # the second metric of the table, by the first; accuracy beside any other


def score_table(summary: Summary) -> Markup:
    """The table of the four rows' scores."""
    scores, metric = summary["scores"], metric_of(summary)
    second, shown_rows = EXTRA_METRICS.get(metric, "accuracy"), [row for row in ROWS if row in summary["scores"]]
    head = [
        translate("compare.model"),
        metric_title(metric),
        translate("compare.interval"),
        metric_title(second),
        *(translate(f"compare.{column.key}") for column in COSTS),
    ]
    low, high = span(interval(scores[row], metric) for row in shown_rows)
    rows = []
    for row in shown_rows:
        score = scores[row]
        at, ends = value(score, metric), interval(score, metric)
        rows.append(
            {
                "who": row,
                "value": at,
                "low": ends[0],
                "high": ends[1],
                "places": [(one - low) / (high - low or 1) for one in (at, *ends)],
                "second": score.get(second),
                "costs": [cost_cell(column, score) for column in COSTS],
            }
        )
    return render("comparison/score_table.html", head=head, rows=rows, reads=summary.get("tests_read"))


def cost_cell(column: Column, score: Score) -> tuple[str, str]:
    """The text of a cost, and what stands beside it in small print, "" for nothing."""
    write = UNITS[column.unit]
    beside = [translate(f"compare.{key}", value=write(score[key])) for key in column.within if score.get(key)]
    return write(score.get(column.key)), ", ".join(beside)


def span(interval_ends: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """The stretch that all the intervals are drawn on, with a little air."""
    intervals = list(interval_ends)
    low, high = min(one for one, _ in intervals), max(one for _, one in intervals)
    air = max(0.01, (high - low) * 0.06)
    return max(-1.0, low - air), min(1.0, high + air)


def several(summary: Summary) -> Markup:
    """Means over the seeds with their intervals, and a row for each member; empty where the run has one."""
    members, metric = summary.get("members") or [], metric_of(summary)
    if len(members) < 2:
        return Markup()
    rows = [
        {
            "name": member_name(one),
            "main": not index,
            "texts": one.get("texts"),
            "control": value(control, metric) if (control := one.get("control")) else None,
            "student": value(one["student_score"], metric),
            **{key: one.get(key) for key in ("gap_recovered", "kept", "agreement")},
            "bytes": one["student_score"].get("bytes"),
            "latency": one["student_score"].get("latency_ms"),
        }
        for index, one in enumerate(members)
    ]
    groups = [
        {
            "name": group.get("student") or members[0]["student"],
            "n": group["n"],
            **{row: group["rows"].get(row) for row in ("control", "student")},
            **{key: group.get(key) for key in ("gap_recovered", "kept")},
        }
        for group in summary.get("students") or filter(None, [summary.get("seeds")])
    ]
    return render("comparison/members.html", groups=groups, members=rows)


def member_name(member: VariantScores) -> str:
    """A member in words."""
    name = translate("compare.member.is", student=member["student"], seed=member["seed"])
    share = member.get("share") or 1.0
    return name + (translate("compare.member.share", share=percent(share, 0)) if share < 1 else "")
