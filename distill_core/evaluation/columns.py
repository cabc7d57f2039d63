"""Columns of the comparison, each declared once: its key in a score, its heading, the format of its values, and the
keys of its interval. The report, the command line's tables, the model card and the page derive from them; the page has
its own words, `compare.` and the key.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from distill_core.evaluation.summary import Score, ScoreKey
from distill_core.messages import METRIC_NAMES, percent

DASH = "–"
INTERVAL = "95 % interval"
Unit = Literal["share", "number", "count", "bytes", "milliseconds", "per_second"]
FORMATS = {"number": "{:.3f}", "count": "{:,}", "bytes": "{:,}", "milliseconds": "{:.2f}", "per_second": "{:,.0f}"}
SUFFIXES = {"milliseconds": " ms"}
ReportedScore = Mapping[ScoreKey, float | None]  # a Score as a report has it, None where it lacks a key


@dataclass(frozen=True)
class Column:
    """A column of the comparison. `key` in a Score; `heading` in English; `interval` the keys of its 95 % interval;
    `group` "quality" (the metrics), "calibration" or "cost"; a cell also shows the keys `beside` after a comma and
    those `within` parentheses."""

    key: ScoreKey
    heading: str
    unit: Unit
    group: Literal["quality", "calibration", "cost"]
    interval: tuple[ScoreKey, ScoreKey] | None = None
    beside: tuple[ScoreKey, ...] = ()
    within: tuple[ScoreKey, ...] = ()

    def cell(self, score: Score | ReportedScore, units: bool = True) -> str:
        """Cell of this column: the value in a score as text, a dash where it is missing."""
        if score.get(self.key) is None:
            return DASH
        text = ", ".join(write(score.get(key), self.unit, units) for key in (self.key, *self.beside))
        more = [write(score[key], self.unit, units) for key in self.within if score.get(key) is not None]
        return f"{text} ({', '.join(more)})" if more else text

    def interval_cell(self, score: Score | ReportedScore) -> str:
        """Cell of the interval as "low to high", a dash where it is missing or the column has none."""
        low, high = (score.get(key) for key in self.interval) if self.interval else (None, None)
        return DASH if low is None or high is None else f"{write(low, self.unit)} to {write(high, self.unit)}"


def write(value: float | None, unit: Unit, units: bool = True) -> str:
    """Value as text in its unit: 0.974 -> "97.4 %", 0.5 -> "0.50 ms", or "0.50" without `units`; None -> a dash."""
    if value is None:
        return DASH
    return percent(value) if unit == "share" else FORMATS[unit].format(value) + SUFFIXES.get(unit, "") * units


def gap_share(share: float | None) -> str:
    """Share of the gap between control and teacher as text, in words where the student is below the control."""
    return "below the control" if share is not None and share < 0 else write(share, "share")


def teacher_share(share: float | None) -> str:
    """Share of the teacher's score as text, with a word where the student is better than the teacher."""
    text = write(share, "share")
    return f"better than the teacher ({text})" if share is not None and share > 1 else text


COLUMNS = (
    Column("accuracy", "accuracy", "share", "quality", ("low", "high")),
    Column("macro_f1", "macro-F1", "number", "quality", ("macro_f1_low", "macro_f1_high")),
    Column("mcc", METRIC_NAMES["mcc"], "number", "quality"),
    Column("f1", METRIC_NAMES["f1"], "number", "quality"),
    Column("ece", "calibration error, scaled", "number", "calibration", beside=("ece_scaled",)),
    Column("temperature", "temperature", "number", "calibration"),
    Column("parameters", "weights, embeddings included", "count", "cost"),
    Column("bytes", "bytes", "bytes", "cost"),
    Column("latency_ms", "one text (p95)", "milliseconds", "cost", within=("latency_p95_ms",)),
    Column("texts_per_s", "texts/s", "per_second", "cost"),
)
BY_KEY: dict[str, Column] = {column.key: column for column in COLUMNS}
METRIC_INTERVAL: tuple[ScoreKey, ScoreKey] = ("metric_low", "metric_high")


def columns(*groups: str) -> tuple[Column, ...]:
    """Columns of these groups, in their order."""
    return tuple(column for column in COLUMNS if column.group in groups)


def metric_column(metric: str) -> Column:
    """Column of a run's metric, with that metric's own interval."""
    own = BY_KEY[metric]
    return own if own.interval else Column(own.key, own.heading, own.unit, own.group, METRIC_INTERVAL)


def shown(metric: str) -> tuple[Column, ...]:
    """Columns of quality and calibration that a table shows: the run's own metric first, then those with an interval
    in every run, then calibration."""
    usual = tuple(column for column in columns("quality") if column.interval)
    own = () if metric in {column.key for column in usual} else (metric_column(metric),)
    return (*own, *usual, *columns("calibration"))


def headings(chosen: tuple[Column, ...], units: bool = False) -> list[str]:
    """Headings of these columns, an interval's after its column's; with `units` for cells without them."""
    return [
        heading
        for column in chosen
        for heading in (
            column.heading + (f",{SUFFIXES[column.unit]}" if units and column.unit in SUFFIXES else ""),
            *([INTERVAL] if column.interval else []),
        )
    ]


def cells(chosen: tuple[Column, ...], score: Score | ReportedScore, units: bool = True) -> list[str]:
    """Cells of a score under `headings`."""
    return [
        cell
        for column in chosen
        for cell in (column.cell(score, units), *([column.interval_cell(score)] if column.interval else []))
    ]


def report_keys() -> tuple[ScoreKey, ...]:
    """Keys of a score in a report."""
    keys: list[ScoreKey] = []
    for column in COLUMNS:
        if column.group == "calibration" and "metric_low" not in keys:
            keys += METRIC_INTERVAL
        keys += [column.key, *(column.interval or ()), *column.beside, *column.within]
    return tuple(keys)
