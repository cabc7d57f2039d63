"""Small pieces of HTML that Python asks for one by one; `macros.html` lays them out, and templates ask it directly."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from ..i18n.names import split_details
from .templates import environment

MOST_FINDINGS = 5  # at a time: who reads more of them reads none

_macros: Any = environment.get_template("components/macros.html").module


def bars(probabilities: Mapping[str, float], who: str) -> Markup:
    """One bar a label, the likeliest first in bold. `who` is "teacher" or "student" and gives the colour."""
    return _macros.bars(probabilities, who)


def balance(counts: Mapping[str, int]) -> Markup:
    """One stacked bar with its legend: how many rows each label has."""
    return _macros.balance(counts)


def note(text: str, level: str = "info") -> Markup:
    """A sentence set off from the text; `level` is info, warning or error."""
    return _macros.note(text, level)


def notes(items: Iterable[tuple[str, str]]) -> Markup:
    """Several (level, sentence) notes."""
    return Markup().join(note(text, level) for level, text in items)


def findings(items: Iterable[tuple[str, str]], head: str) -> Markup:
    """Findings in rows, the warnings first: a mark and a sentence each, row numbers and examples folded away.
    `head` stands above them. More than MOST_FINDINGS are folded away."""
    lines = []
    for level, text in sorted(items, key=lambda item: item[0] != "warning"):
        sentence, rows = split_rows(text)
        lines.append({"level": level, "sentence": sentence, "rows": rows})
    return _macros.findings(lines[:MOST_FINDINGS], head, lines[MOST_FINDINGS:]) if lines else Markup()


def split_rows(finding: Any) -> tuple[str, str]:
    """A finding in words, and its rows and examples as a sentence of their own."""
    sentence, rows = split_details(finding)
    return sentence, rows[0].upper() + rows[1:] + "." if rows else ""


def why(text: str, step: str = "") -> Markup:
    """The one sentence with which a step begins; a `step` has a lesson about it."""
    return _macros.why(text, step)


def diff(before: str, after: str) -> Markup:
    """The text `after` with what changed against `before` marked word by word, as <del> and <ins>."""
    return _macros.diff(_stretches(before, after))


def _stretches(before: str, after: str) -> Iterator[tuple[str, str]]:
    """The two texts as (tag, stretch), the tag "" for what both have."""
    old, new = re.findall(r"\s+|\w+|[^\w\s]", before), re.findall(r"\s+|\w+|[^\w\s]", after)
    for kind, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        gone, come = "".join(old[a:b]), "".join(new[c:d])
        if kind == "equal":
            yield "", come
            continue
        if gone.strip():
            yield "del", gone
            if come and gone[-1:].strip() and come[:1].strip():
                yield "", " "
        if come:
            yield "ins" if come.strip() else "", come


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], name: str, classes: Sequence[str] = (), kind: str = ""
) -> Markup:
    """A table. A cell that is Markup stays HTML; the first of a row is its header; `kind` is a class of the table."""
    return _macros.table(head, list(rows), name, classes, kind)
