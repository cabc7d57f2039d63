"""The comparison in sentences: how much smaller, how much faster, how much is kept, and whether distilling paid."""

from collections.abc import Mapping
from typing import Any

from ui.comparison.metric_values import metric_of, value
from ui.components.formatting import chance, count, percent, points, times
from ui.components.html import esc, note
from ui.i18n.names import translate_message
from ui.i18n.translate import translate, translate_or

ROUGH = 100  # fewer scored rows than this are called few
CHANCE = 0.05  # a p-value below this is called more than chance


def headline(summary: Mapping[str, Any]) -> str:
    """The comparison in words, made from the four rows alone."""
    scores = summary["scores"]
    student, teacher, metric = scores["student"], scores["teacher"], metric_of(summary)
    tested = (summary.get("rows") or {}).get("test")
    scored = translate("compare.scored", n=count(tested), split=summary.get("scored_on", "test")) if tested else ""
    bytes_, speed = teacher["bytes"] / student["bytes"], teacher["latency_ms"] / student["latency_ms"]
    words = {
        "kept": f"<b>{percent(summary['kept'])}</b>",
        "scored": esc(scored),
        "metric": esc(translate_or(metric, f"metric.{metric}.of")),
    }
    if bytes_ >= 1 and speed >= 1:
        told = translate("compare.smaller", size=f"<b>{times(bytes_)}</b>", speed=f"<b>{times(speed)}</b>", **words)
    else:
        told = translate("compare.bigger", size=times(1 / bytes_), speed=times(1 / speed), **words)
    if "control" in scores:
        if 0 < value(scores["control"], metric) <= value(teacher, metric):
            kept = value(scores["control"], metric) / value(teacher, metric)
            told += " " + translate("compare.control", kept=percent(kept))
        gap = summary.get("gap_recovered")
        key = "compare.gap.none" if gap is None else "compare.gap" if gap > 0 else "compare.gap.negative"
        told += " " + translate(key, gap=percent(gap, 0))
    if "floor" in scores and value(scores["floor"], metric) >= value(student, metric):
        told += " " + translate("compare.floor")
    rough = note(translate("compare.rough", n=tested), "warning") if tested and tested < ROUGH else ""
    return f'<p class="headline">{told}</p>{rough}{verdict(summary)}'


def verdict(summary: Mapping[str, Any]) -> str:
    """When and why distilling paid, or not, as the engine tells it, and how often these very rows were looked at."""
    # [level, sentence, what it was made of]; runs from before that was kept have the sentence alone
    told = "".join(note(translate_message(said[-1] or said[1]), str(said[0])) for said in summary.get("verdict") or ())
    return f'<div class="verdict">{told}</div>' if told else ""


def differences(summary: Mapping[str, Any]) -> str:
    """Student against control and teacher: the paired difference with its interval, drawn and in numbers."""
    found = {name: one for name, one in (summary.get("differences") or {}).items() if one}
    if not found:
        return ""
    reach = max(abs(one[side]) for one in found.values() for side in ("low", "high", "difference")) or 1.0
    rows = ""
    for name, one in found.items():
        other = name.removeprefix("student-")
        at, low, high = (0.5 + one[side] / reach / 2 for side in ("difference", "low", "high"))
        bar = (
            f'<span class="interval zero {esc(other)}" aria-hidden="true" '
            f'style="--at:{at:.4f};--low:{low:.4f};--high:{high:.4f}"><i></i><b></b></span>'
        )
        text = translate(
            "compare.difference",
            other=translate_or(other, f"row.{other}"),
            difference=_signed(one["difference"]),
            low=_signed(one["low"]),
            high=_signed(one["high"]),
        )
        rows += f"<li>{bar}<span>{esc(text)}</span></li>"
    return f'<ul class="differences">{rows}</ul>'


def _signed(share: float) -> str:
    return ("+" if share > 0 else "−" if share < 0 else "±") + points(abs(share))


def chances(p: Mapping[str, float]) -> str:
    """What McNemar's test says of the student against the control and the teacher, in words."""
    told, known = [], {row: found < CHANCE for row, found in p.items()}
    if "control" in known:
        told.append(
            translate("compare.apart.control" if known["control"] else "compare.alike.control", p=chance(p["control"]))
        )
    if "teacher" in known:
        far = "compare.apart.teacher" if known.get("control") else "compare.apart.only"
        told.append(translate(far if known["teacher"] else "compare.alike.teacher", p=chance(p["teacher"])))
    return " ".join(told)
