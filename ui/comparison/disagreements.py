"""The disagreements of student and teacher: the scored rows, filtered by who is right and searched; and those on which
the two agree against the label, which may be wrong."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import distill_core as core
from distill_core import DoubtfulRow, RowName, Run, ScoredText, UserError

from ..components.html import note
from ..components.templates import render
from ..i18n.names import translate_message
from ..i18n.translate import translate

SIDES = " | "  # between the two sentences of a pair
PAGE = 50  # rows that come at once
MOST = 1000  # rows on one page at most
COMPARED: tuple[RowName, ...] = ("student", "teacher")
WHO = ("any", "only_teacher", "only_student", "neither", "against")
# which row was clicked, and whether to save the rows: they are HTML made on the server
PICK_JS = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-row]')
  if (button) trigger('pick', { row: Number(button.dataset.row) })
})
"""
SAVE_JS = """
element.addEventListener('click', (event) => {
  if (event.target.closest('button[data-save]')) trigger('save')
})
"""


def differing(run: str, who: str, words: str = "", shown: float = PAGE) -> tuple[str, bool]:
    """The table of disagreements, and whether there are more than `shown`."""
    size = max(PAGE, min(MOST, int(shown or PAGE)))
    try:
        differing_rows = list(islice(_differing(core.run(run), who, words), size + 1))
    except UserError as error:
        return note(translate_message(error), "error"), False
    if not differing_rows:
        return note(translate("compare.differ.none")), False
    rows = [
        {
            "number": number,
            "text": SIDES.join(row["text"]),
            "source": source_row(row),
            "label": row["label"],
            "answers": [_answer(row, name) for name in COMPARED],
        }
        for number, row in differing_rows[:size]
    ]
    more = len(differing_rows) > size
    return render("comparison/disagreements.html", rows=rows, more=more, savable=who == "against"), more


def picked(run: str, number: Any) -> list[str]:
    """The text of the scored row with that number, [""] where there is none."""
    try:
        rows = core.run(run).texts() if type(number) is int and number >= 0 else ()
    except UserError:
        rows = ()
    return next((list(row["text"]) for at, row in enumerate(rows) if at == number), [""])


def doubtful(run: str, words: str = "") -> list[DoubtfulRow]:
    """The rows on which the two agree against the label, with these words in them. Raises UserError."""
    found = _has(words)
    return [row for row in core.run(run).doubtful_rows(scored=True) if found(row["text"])]


def source_row(row: DoubtfulRow | ScoredText) -> str:
    """Where a row comes from, as the list names it; "" where that isn't known."""
    return translate("compare.source_row", row=row["row"], source=row["source"]) if "row" in row else ""


def _differing(run: Run, who: str, words: str) -> Iterator[tuple[int, ScoredText]]:
    found = _has(words)
    for number, row in enumerate(run.texts()):
        if (who == _right(row) or (who == "any" and _differ(row))) and found(row["text"]):
            yield number, row


def _has(words: str) -> Callable[[list[str]], bool]:
    """The question whether a text has all these words in it."""
    wanted = str(words or "").casefold().split()[:20]
    return lambda text: all(word in SIDES.join(text).casefold() for word in wanted)


def _answer(row: ScoredText, name: RowName) -> dict[str, Any]:
    label = row["answers"][name]
    return {"label": label, "right": label == row["label"], "share": max(row[name].values())}


def _differ(row: ScoredText) -> bool:
    return row["answers"]["student"] != row["answers"]["teacher"]


def _right(row: ScoredText) -> str:
    """The one of the two answers that is right, as one of WHO; "" where both are."""
    right = [name for name in COMPARED if row["answers"][name] == row["label"]]
    if _differ(row):
        return f"only_{right[0]}" if right else "neither"
    return "" if right else "against"
