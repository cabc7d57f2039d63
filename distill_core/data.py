"""Labelled rows and texts: what a task gives, checked at the door, split, and turned into what a run uses.

Knows nothing of models. Files are read by `table`, the Hub by `hub`; here it is decided what their rows mean.
"""

from dataclasses import dataclass, field

Text = tuple[str, ...]  # 1 = one sentence, 2 = a pair


@dataclass(frozen=True)
class Rows:
    """Texts with their labels, as many of each; None where a row has no label. `name` is what messages call the
    source ("reviews.csv"), `numbers` its row numbers there; without them rows are counted from 1."""

    texts: list[Text]
    labels: list[str | None]
    name: str = ""
    numbers: list[int] | None = None


@dataclass(frozen=True)
class Raw:
    """What a task's `load(config)` returns. `valid` and `test` are None where they are to be cut from `train`;
    `labels` is the order of the classes, None where the rows decide; `scored_on` names the split that `test` is."""

    train: Rows
    valid: Rows | None = None
    test: Rows | None = None
    unlabelled: list[Text] = field(default_factory=list)
    labels: tuple[str, ...] | None = None
    notes: list[str] = field(default_factory=list)
    scored_on: str = "test"
    columns: dict[str, str] = field(default_factory=dict)
