"""What every exported model has: its folder, and the comparison on its model card.

Knows nothing of models: the comparison comes from a run's report.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from distill_core.errors import DataError, UserError
from distill_core.evaluation import diagnostics
from distill_core.evaluation.columns import cells, columns, headings, shown
from distill_core.faults import disk_code, is_out_of_memory
from distill_core.messages import message, os_error_reason, unreadable_reason

OMITTED = ("temperature", "texts_per_s")  # in a sentence below the table; of this machine alone
BARE = ("macro_f1",)  # without its interval: the accuracy's is enough


@contextmanager
def export_folder(folder: Path, replaces: Callable[[], bool]) -> Iterator[Path]:
    """Folder to write an exported model to. Raises DataError where it can't be written, or holds other files than an
    export that this one `replaces`."""
    try:
        if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not replaces())):
            raise DataError(message("{folder} already holds something else. Name a new or an empty folder.",
                                   folder=str(folder)))  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
    except OSError as error:
        raise DataError(message("The model can't be written to {folder} ({why}). Name a folder you may write to.",
                               folder=str(folder), why=os_error_reason(error))) from error  # fmt: skip


@contextmanager
def intact(folder: Path) -> Iterator[None]:
    """Context that reads the model in `folder`. Raises DataError for whatever comes of a damaged file."""
    try:
        yield
    except BaseException as error:  # the tokenizer's own panic is no Exception
        if isinstance(error, UserError | KeyboardInterrupt | SystemExit):
            raise
        if is_out_of_memory(error) or disk_code(error):  # no fault of the file
            raise
        damaged = getattr(error, "file", None)
        why = message("{file} is not as it was written", file=damaged) if damaged else unreadable_reason(error)
        raise DataError(message(
            "The model in {folder} is damaged ({why}). Copy or export it again; that of a run is made anew by a run "
            "with the same settings.", folder=str(folder), why=why)) from error  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """A run's models side by side: `heads` of the columns, the cells of each row by its name, and a sentence on the
    rows that it was made on."""

    heads: list[str]
    rows: dict[str, list[str]]
    scored: str


def comparison(report: dict[str, Any]) -> Comparison:
    """Comparison of the run's models, as a card shows it."""
    chosen = tuple(
        replace(column, interval=None) if column.key in BARE else column
        for column in (*shown(report.get("metric") or "accuracy"), *columns("cost"))
        if column.key not in OMITTED
    )
    rows = {row: cells(chosen, score, units=False) for row, score in report.get("scores", {}).items()}
    number = report.get("rows", {}).get("test")
    scored = (
        f"Scored on {'?' if number is None else number} {report.get('scored_on') or 'test'} rows that no training saw."
        if rows
        else "Not scored yet: the run had not come to its comparison."
    )
    if report.get("tests_read"):
        scored += " " + diagnostics.describe_uses(report["tests_read"])
    return Comparison(headings(chosen, units=True), rows, scored)


def comparison_table(report: dict[str, Any]) -> str:
    """Comparison of the run's models as a Markdown table, and a sentence on the rows that it was made on."""
    found = comparison(report)
    rows = "\n".join(f"| {row} | {' | '.join(cells)} |" for row, cells in found.rows.items())
    heads = ["", *found.heads]
    return f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}\n{rows}\n\n{found.scored}"


def describe_probabilities(temperature: float | None) -> str:
    """Sentence on a model's probabilities, which the `temperature` calibrates where it has one."""
    if temperature is None:
        return "Its probabilities are not calibrated."
    return (
        f"Its logits are divided by the temperature {temperature:.2f}, fitted on validation rows,\n"
        "before they become probabilities (Guo et al. 2017); the labels are the same without it."
    )
