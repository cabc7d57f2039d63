"""Answers of the models: to one typed text by both, and to the texts of a file by the student."""

from collections.abc import Iterable, Mapping
from typing import Any

from ui.comparison.disagreements import SIDES
from ui.components.formatting import count, latency, percent
from ui.components.html import bars, esc, table
from ui.i18n.translate import translate

PREVIEW = 8  # rows of a file shown


def answers(said: Mapping[str, Any]) -> str:
    """Both models' answers side by side, each with its latency."""
    cards = "".join(_answer(who, said[who], said["ms"][who]) for who in ("student", "teacher") if who in said)
    return f'<div class="card both" role="status">{cards}</div>'


def _answer(who: str, said: Mapping[str, float], milliseconds: float) -> str:
    chip = f'<span class="chip">{latency(milliseconds)}</span>'
    return f"<section><h2>{esc(translate(f'row.{who}'))} {chip}</h2>{bars(said, who)}</section>"


def preview_answers(found: Iterable[tuple[Any, Any]]) -> str:
    """The first answers as a table, and how many of each label there are in all."""
    body, counts, total = [], {}, 0
    for text, said in found:
        total += 1
        counts[said.label] = counts.get(said.label, 0) + 1
        if len(body) < PREVIEW:
            shown = text if isinstance(text, str) else SIDES.join(text)
            share = f"{esc(said.label)} {percent(said.probabilities[said.label])}"
            body.append([esc(shown), share, bars(said.probabilities, "student")])
    told = ", ".join(f"{label} {count(number)}" for label, number in sorted(counts.items()))
    head = [translate("task.text"), translate("compare.file.answer"), translate("compare.file.shares")]
    made = table(head, body, translate("compare.file"), kind="texts cards")
    return f'<p role="status">{esc(translate("compare.file.told", n=count(total), labels=told))}</p>{made}'
