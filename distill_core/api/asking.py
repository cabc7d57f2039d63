"""A teacher asked a text, with the time that the answer takes."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from distill_core.api import held
from distill_core.errors import DataError
from distill_core.sentences import worded

if TYPE_CHECKING:
    from distill_core.teacher import Teacher

Text = tuple[str, ...]  # the sides of a text: one, or a pair
ASKED = 5  # times a typed text is answered, to time it


def checked(text: str | Text, pair: bool) -> Text:
    """The sides of what was given. Raises DataError where they are too many, too few or empty."""
    sides = (text,) if isinstance(text, str) else tuple(text)
    if len(sides) != 1 + pair or not all(side.strip() for side in sides):
        raise DataError(
            worded("Give two texts: this task is about a pair.") if pair else worded("Give one text that isn't empty.")
        )
    return sides


def timed(answer: Callable[[], Any]) -> tuple[Any, float]:
    """The answer, and the median milliseconds of a few: one alone says more of what else the machine was doing. The
    first is not counted, for it pays for warming up."""
    answer()
    found, spent = None, []
    while len(spent) < ASKED:
        began = time.perf_counter()
        found = answer()
        spent.append(1000 * (time.perf_counter() - began))
    return found, statistics.median(spent)


def told(teacher: "Teacher", text: Text, temperature: float = 1.0) -> dict[str, Any]:
    """What `ask_teacher` answers."""
    import torch

    with held.loading:
        logits, ms = timed(lambda: teacher.logits([text])[0])
    found = torch.softmax(logits.double() / temperature, -1).tolist()
    labels = list(teacher.labels)
    return {
        "labels": labels,
        "logits": logits.tolist(),
        "probabilities": dict(zip(labels, found, strict=True)),
        "ms": ms,
    }


def shares(teacher: "Teacher", texts: Sequence[Text]) -> list[dict[str, float]]:
    """The teacher's probabilities of each label, for each text."""
    import torch

    with held.loading:
        found = torch.softmax(teacher.logits(list(texts)).double(), -1).tolist()
    return [dict(zip(teacher.labels, row, strict=True)) for row in found]
