"""The four rows as a table with their intervals drawn, and the rows of further members of the run."""

from collections.abc import Iterable, Mapping
from typing import Any

from distill_core import ROWS
from ui.comparison.metric_values import interval, metric_of, value
from ui.components.formatting import DASH, count, latency, millions, percent, size
from ui.components.html import esc, table
from ui.i18n.names import metric_title
from ui.i18n.translate import translate

EXTRA_METRICS = {"accuracy": "macro_f1"}  # the second metric of the table, by the first; accuracy beside any other


def score_table(summary: Mapping[str, Any]) -> str:
    """The four rows."""
    scores, metric = summary["scores"], metric_of(summary)
    second, there = EXTRA_METRICS.get(metric, "accuracy"), [row for row in ROWS if row in summary["scores"]]
    head = [
        translate("compare.model"),
        metric_title(metric),
        translate("compare.interval"),
        metric_title(second),
        *(translate(f"compare.{key}") for key in ("parameters", "bytes", "latency", "throughput")),
    ]
    low, high = span(interval(scores[row], metric) for row in there)
    body = []
    for row in there:
        score = scores[row]
        ends = interval(score, metric)
        slow = score.get("latency_p95_ms")
        body.append(
            [
                f"{esc(translate(f'row.{row}'))}<small>{esc(translate(f'row.{row}.help'))}</small>",
                f"<b>{percent(value(score, metric))}</b>",
                drawn(value(score, metric), ends, low, high, row),
                percent(score.get(second)),
                millions(score.get("parameters")),
                size(score.get("bytes")),
                latency(score.get("latency_ms"))
                + (f"<small>{esc(translate('compare.p95', ms=latency(slow)))}</small>" if slow else ""),
                count(score.get("texts_per_s")),
            ]
        )
    made = table(head, body, translate("step.compare"), there, kind="cards scores")
    reads = summary.get("tests_read")
    told = " " + translate("compare.tests_read", n=reads) if reads and reads > 1 else ""
    return f'{made}<p class="hint">{esc(translate("compare.caption") + told)}</p>'


def span(ends: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """The stretch that all the intervals are drawn on, with a little air."""
    found = list(ends)
    low, high = min(one for one, _ in found), max(one for _, one in found)
    air = max(0.01, (high - low) * 0.06)
    return max(-1.0, low - air), min(1.0, high + air)


def drawn(at: float, ends: tuple[float, float], low: float, high: float, who: str) -> str:
    """An interval as a bar with a mark at the value, and in numbers."""
    here, left, right = ((one - low) / (high - low or 1) for one in (at, *ends))
    return (
        f'<span class="interval {esc(who)}" aria-hidden="true" '
        f'style="--at:{here:.4f};--low:{left:.4f};--high:{right:.4f}"><i></i><b></b></span>'
        f'<small class="ends">{percent(ends[0])} – {percent(ends[1])}</small>'
    )


def several(summary: Mapping[str, Any]) -> str:
    """Means over the seeds with their intervals, and a row for each member; empty where the run has one."""
    members = summary.get("members") or []
    if len(members) < 2:
        return ""
    metric, html = metric_of(summary), ""
    groups = summary.get("students") or ([summary["seeds"]] if summary.get("seeds") else [])
    if groups:
        head = [
            translate("compare.member"),
            translate("compare.seeds"),
            *(translate(f"row.{row}") for row in ("control", "student")),
            translate("compare.gap_recovered"),
            translate("compare.kept"),
        ]
        body = [
            [
                esc(group.get("student") or members[0]["student"]),
                count(group["n"]),
                *(_mean(group["rows"].get(row)) for row in ("control", "student")),
                _mean(group.get("gap_recovered"), 0),
                _mean(group.get("kept")),
            ]
            for group in groups
        ]
        title = translate("compare.means")
        html += f"<h3>{esc(title)}</h3>{table(head, body, title, kind='cards')}"
        html += f'<p class="hint">{esc(translate("compare.means.caption"))}</p>'
    head = [
        translate("compare.member"),
        translate("compare.texts"),
        translate("row.control"),
        translate("row.student"),
        translate("compare.gap_recovered"),
        translate("compare.kept"),
        translate("compare.agreement"),
        translate("compare.bytes"),
        translate("compare.latency"),
    ]
    body = [
        [
            esc(member_name(one)) + ("" if index else f"<small>{esc(translate('compare.member.main'))}</small>"),
            count(one.get("texts")),
            percent(value(one["control"], metric)) if one.get("control") else DASH,
            percent(value(one["student_score"], metric)),
            percent(one.get("gap_recovered"), 0),
            percent(one.get("kept")),
            percent(one.get("agreement")),
            size(one["student_score"].get("bytes")),
            latency(one["student_score"].get("latency_ms")),
        ]
        for index, one in enumerate(members)
    ]
    title = translate("compare.members")
    return html + f"<h3>{esc(title)}</h3>{table(head, body, title, kind='cards')}"


def member_name(member: Mapping[str, Any]) -> str:
    """A member in words."""
    told = translate("compare.member.is", student=member["student"], seed=member["seed"])
    share = member.get("share") or 1.0
    return told + (translate("compare.member.share", share=percent(share, 0)) if share < 1 else "")


def _mean(found: Mapping[str, Any] | None, digits: int = 1) -> str:
    if not found:
        return DASH
    ends = f"<small>{percent(found['low'], digits)} – {percent(found['high'], digits)}</small>"
    return percent(found["mean"], digits) + (ends if found.get("n", 2) > 1 else "")
