"""The comparison in sentences: how much smaller, how much faster, how much is kept, and whether distilling paid."""

from collections.abc import Mapping, Sequence
from typing import Literal
from urllib.parse import urlencode

from markupsafe import Markup

import distill_core as core
from distill_core import BASELINE_OUTCOMES, Difference, Summary

from ..components.formatting import chance, count, percent, points
from ..components.html import MOST_FINDINGS
from ..components.templates import render
from ..i18n.names import metric_name, translate_message
from ..i18n.translate import translate, translate_or
from .metric_values import metric_of, value

# Next steps that are taken on this very page, and where: a button that is pressed, or a part that is opened.
PLACES = {"take_floor": "#download-floor", "take_control": "#download-control", "check_labels": "#doubtful"}
PLACES_JS = """
element.addEventListener('click', (event) => {
  const link = event.target.closest('a[data-place]')
  const place = link && document.querySelector(link.dataset.place)
  if (!place) return
  event.preventDefault()
  place.scrollIntoView({ block: 'center' })
  if (place.tagName === 'DETAILS') place.open = true
  else place.click()
})
"""
SIDES: tuple[Literal["difference", "low", "high"], ...] = ("difference", "low", "high")
ROUGH = 100  # fewer scored rows than this are called few
CHANCE = 0.05  # a p-value below this is called more than chance


def headline(summary: Summary, run: str = "") -> Markup:
    """The comparison in words, made from the four rows alone. Where the baseline or the control is as good as the
    student, that comes first, and the size is no praise. `run` is the id that the next steps start from."""
    scores = summary["scores"]
    student, teacher, metric = scores["student"], scores["teacher"], metric_of(summary)
    tested = (summary.get("rows") or {}).get("test")
    reached = {row: value(score, metric) for row, score in scores.items()}
    return render(
        "comparison/headline.html",
        faults=_faults(summary, reached),
        smaller=teacher["bytes"] / student["bytes"],
        faster=teacher["latency_ms"] / student["latency_ms"],
        kept=summary["kept"],
        reached=reached,
        metric=metric_name(metric),
        of=translate_or(metric, f"metric.{metric}.of"),
        scored=translate("compare.scored", n=count(tested), split=summary.get("scored_on", "test")) if tested else "",
        more=_more(summary, reached),
        rough=tested if tested and tested < ROUGH else None,
        verdict=verdict(summary),
        steps=next_steps(summary, run),
    )


def _faults(summary: Summary, reached: Mapping[str, float]) -> list[str]:
    """What speaks against the student: a baseline or a control that is as good."""
    faults, student = [], reached["student"]
    if "floor" in reached and reached["floor"] >= student:
        figures = {"floor": percent(reached["floor"]), "student": percent(student)}
        apart = (summary.get("differences") or {}).get("student-floor")
        certain = apart is None or apart["high"] < 0
        if figures["floor"] == figures["student"]:
            faults.append(translate("compare.floor.level", **figures))
        else:
            faults.append(translate("compare.floor" if certain else "compare.floor.chance", **figures))
    if "control" in reached:
        gap = summary.get("gap_recovered")
        if reached["control"] > student or (gap is not None and gap < 0):
            difference = (summary.get("differences") or {}).get("student-control")
            certain = difference is None or difference["high"] < 0
            faults.append(translate("compare.gap.negative" if certain else "compare.gap.chance"))
        elif reached["control"] == student:
            faults.append(translate("compare.gap.level"))
    return faults


def _more(summary: Summary, reached: Mapping[str, float]) -> list[str]:
    """What the control adds: how good it is, and how much of its gap to the teacher is closed."""
    if "control" not in reached:
        return []
    more, (control, student, teacher) = [], (reached[row] for row in ("control", "student", "teacher"))
    if student > teacher:
        more.append(translate("compare.control.better", control=percent(control)))
    elif 0 < control <= teacher:
        more.append(translate("compare.control", kept=percent(control / teacher)))
    gap = summary.get("gap_recovered")
    if gap is None:
        more.append(translate("compare.gap.none"))
    elif gap > 0:
        more.append(translate("compare.gap.all" if gap > 1 else "compare.gap", gap=percent(gap, 0)))
    return more


def next_steps(summary: Summary, run: str) -> Markup:
    """What may help now: each cause with one button that does something about it."""
    if not run:
        return Markup()
    shown = core.run(run)
    ways = [
        {
            "cause": translate_message(step["message"] or step["cause"]),
            "do": translate(f"next_step.{step['action']}"),
            "address": _address(run, step["action"]),
            "place": PLACES.get(step["action"], ""),
        }
        for step in summary.get("next_steps") or ()
        if shown.offers(step["action"])
    ]
    return render("comparison/next_steps.html", ways=ways) if ways else Markup()


def _address(run: str, action: str) -> str:
    """Where the action is taken: the download below, or the form filled in from the run."""
    if place := PLACES.get(action):
        return f"./?{urlencode({'run': run})}{place}"
    return f"./?{urlencode({'from': run, 'next': action})}"


def verdict(summary: Summary) -> Markup:
    """The verdict: when and why distilling paid, or not, as the engine tells it, and how often these very rows were
    looked at. That a baseline is as good as the student stands in the headline already."""
    # [level, sentence, message]; older runs have no message
    findings = [(str(one[0]), one[-1] or one[1]) for one in summary.get("verdict") or ()]
    notes = [
        (level, translate_message(words))
        for level, words in findings
        if isinstance(words, str) or words["say"] not in BASELINE_OUTCOMES
    ]
    return (
        render("comparison/verdict.html", notes=notes[:MOST_FINDINGS], more=notes[MOST_FINDINGS:])
        if notes
        else Markup()
    )


def differences(summary: Summary) -> Markup:
    """The differences of student to control and teacher, paired, each with its interval, drawn and in numbers."""
    intervals = {name: one for name, one in (summary.get("differences") or {}).items() if one}
    lines = []
    for name, one in intervals.items():
        other = name.removeprefix("student-")
        named = translate_or(other, f"row.{other}")
        lines.append((other, one, translate("compare.difference", other=named, **_interval(one))))
    return _drawn(lines)


def doublings(summary: Summary) -> Markup:
    """What twice as many rows and texts brought the baseline, drawn and in numbers; nothing of an earlier version."""
    found = summary.get("doubling") or {}
    lines = []
    for part, one in (("rows", found.get("rows")), ("texts", found.get("texts"))):
        if one:
            figures = {
                "few": count(one["few"]), "many": count(one["many"]), "before": percent(one["before"]),
                "after": percent(one["after"]), "metric": metric_name(metric_of(summary)),
            }  # fmt: skip
            lines.append(("", one, translate(f"compare.doubling.{part}", **figures, **_interval(one))))
    return _drawn(lines)


def _drawn(lines: Sequence[tuple[str, Difference, str]]) -> Markup:
    """Differences around zero on one scale, each with the row that lends its colour and a sentence."""
    if not lines:
        return Markup()
    reach = max(abs(one[side]) for _, one, _ in lines for side in SIDES) or 1.0
    rows = [
        {"other": other, "places": [0.5 + one[side] / reach / 2 for side in SIDES], "sentence": sentence}
        for other, one, sentence in lines
    ]
    return render("comparison/differences.html", rows=rows)


def _interval(one: Difference) -> dict[str, str]:
    return {side: _signed(one[side]) for side in SIDES}


def _signed(share: float) -> str:
    return ("+" if share > 0 else "−" if share < 0 else "±") + points(abs(share))


def chances(p: Mapping[str, float]) -> str:
    """McNemar's test in words: what it says of the student against the control and the teacher."""
    sentences, significant = [], {row: p_value < CHANCE for row, p_value in p.items()}
    if "control" in significant:
        key = "compare.apart.control" if significant["control"] else "compare.alike.control"
        sentences.append(translate(key, p=chance(p["control"])))
    if "teacher" in significant:
        far = "compare.apart.teacher" if significant.get("control") else "compare.apart.only"
        sentences.append(translate(far if significant["teacher"] else "compare.alike.teacher", p=chance(p["teacher"])))
    return " ".join(sentences)
