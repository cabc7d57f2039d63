"""Numbers as people read them, in the language that is spoken."""

from ..i18n.translate import NO_BREAK_SPACE, format_number, translate

DASH = "–"


def percent(share: float | None, digits: int = 1) -> str:
    """A share in percent: 0.913 -> "91.3 %"; None -> a dash."""
    return DASH if share is None else f"{format_number(100 * share, f'.{digits}f')}{NO_BREAK_SPACE}%"


def gap_share(share: float | None, digits: int = 0) -> str:
    """A share of the gap between control and teacher: in percent, in words where the student is below the control."""
    return translate("recovered.below") if share is not None and share < 0 else percent(share, digits)


def teacher_share(share: float | None) -> str:
    """A share of the teacher's score: in percent, with a word where the student is better than the teacher."""
    text = percent(share)
    return translate("kept.better", share=text) if share is not None and share > 1 else text


def points(share: float | None) -> str:
    """A difference of shares in percentage points: 0.037 -> "3.7 points"."""
    return (
        DASH
        if share is None
        else translate("points", n=format_number(100 * share, ".1f")).replace(" ", NO_BREAK_SPACE, 1)
    )


def count(number: float | None) -> str:
    """A count: 12345 -> "12,345"."""
    return DASH if number is None else format_number(number, ",.0f")


def size(number: float | None) -> str:
    """Bytes with a unit of at most three digits before the point."""
    if number is None:
        return DASH
    for unit in ("B", "KB", "MB"):
        if number < 1000:
            return f"{format_number(number, '.1f' if unit != 'B' and number < 100 else '.0f')}{NO_BREAK_SPACE}{unit}"
        number /= 1000
    return f"{format_number(number, '.1f')}{NO_BREAK_SPACE}GB"


def millions(number: float | None) -> str:
    """A count of parameters: 4,385 · 0.38 M · 109 M."""
    if number is None:
        return DASH
    if number < 10_000:
        return count(number)
    value = number / 1e6
    return f"{format_number(value, '.2f' if value < 10 else '.0f')}{NO_BREAK_SPACE}M"


def latency(milliseconds: float | None) -> str:
    """A latency: 0.31 ms · 12 ms · 1.2 s."""
    if milliseconds is None:
        return DASH
    if milliseconds >= 1000:
        return f"{format_number(milliseconds / 1000, '.1f')}{NO_BREAK_SPACE}s"
    return f"{format_number(milliseconds, '.2f' if milliseconds < 10 else '.0f')}{NO_BREAK_SPACE}ms"


def duration(seconds: float | None) -> str:
    """A duration: 7 s · 2 min 5 s · 3 min · 1 h 12 min."""
    if seconds is None:
        return DASH
    total = max(0, round(seconds))
    hours, minutes, rest = total // 3600, total % 3600 // 60, 0 if total >= 3600 else total % 60
    parts = [f"{n}{NO_BREAK_SPACE}{unit}" for n, unit in ((hours, "h"), (minutes, "min"), (rest, "s")) if n]
    return " ".join(parts) or f"0{NO_BREAK_SPACE}s"


def rounded(seconds: float) -> float:
    """Estimated seconds in as few figures as they deserve: 7, 25, 140 (2 min 20 s), 1,500 (25 min)."""
    step = next((step for step, most in ((1, 15), (5, 90), (10, 300), (60, 3600)) if seconds < most), 600)
    return max(1.0, step * round(seconds / step))


def times(ratio: float) -> str:
    """A ratio: 17.6 -> "18×", 2.34 -> "2.3×"."""
    return f"{format_number(ratio, '.0f' if ratio >= 10 else '.1f')}×"


def chance(p: float) -> str:
    """A p-value as papers write it: "p < 0.001", "p = 0.014", "p = 0.34"."""
    return f"p < {format_number(0.001, '.3f')}" if p < 0.001 else f"p = {format_number(p, '.3f' if p < 0.1 else '.2f')}"
