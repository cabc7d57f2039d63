"""What it costs a model to have its weights rounded, told on the rows that a run was scored on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

MOST_LOST = 0.005  # of the accuracy
LEAST_ROWS = 200  # of which one is that much
Row = tuple[str, ...]


class Answer(Protocol):
    """Answer of a model to a text."""

    @property
    def label(self) -> str: ...


@dataclass(frozen=True)
class Loss:
    """What rounded weights cost on so many test rows: answers that became others, and accuracy before and after."""

    rows: int
    flips: int
    before: float
    after: float

    @property
    def is_too_much(self) -> bool:
        """Whether it is more than half a point."""
        return round((self.before - self.after) * self.rows) > MOST_LOST * self.rows


def measure_loss(
    before: Callable[[list[str | Row]], Sequence[Answer]], after: Callable[[list[str | Row]], Sequence[Answer]],
    scored: Sequence[tuple[Row, str]],
) -> Loss:  # fmt: skip
    """What it costs on test rows with their labels to ask another model instead; nothing where there are no rows."""
    texts: list[str | Row] = [text if len(text) > 1 else text[0] for text, _ in scored]
    labels = [label for _, label in scored]
    first, second = ([answer.label for answer in model(texts)] for model in (before, after))
    right = [sum(map(str.__eq__, answers, labels)) for answers in (first, second)]
    flips = sum(map(str.__ne__, first, second))
    return Loss(len(labels), flips, *(count / max(1, len(labels)) for count in right))
