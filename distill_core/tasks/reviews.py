"""Short reviews, positive or negative (synthetic: a grammar in this repository writes them; its teacher is built in).

The teacher learned from far more labelled texts than a run has, as a teacher from the Hub usually did. No opinion of
the test texts occurs in any other text, the teacher's included.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from distill_core.config.schema import Config
from distill_core.data.dataset import RawDataset, RawSplit
from distill_core.messages import message
from distill_core.tasks.synthetic import grammar

TEACHER = "builtin"
LABELS = ("negative", "positive")
METRIC = "accuracy"
PAIR = False
LANGUAGE = "en"

LABELLED = 600
VALID = 400
TEST = 2_000
UNLABELLED = 6_000
TEST_SEED = 2019  # of the test rows, whatever a run's own seed

BUILTIN_CARD = Path(__file__).parent.parent / "builtin" / "MADE.json"


def load(config: Config) -> RawDataset:
    """The reviews: labelled, validation and unlabelled rows follow from `config.seed`, the test rows never change."""
    run = grammar.reviews("run", config.seed, LABELLED + VALID + UNLABELLED)
    seen = json.loads(BUILTIN_CARD.read_text(encoding="utf-8"))["texts_seen"]
    return RawDataset(
        train=_rows(run[:LABELLED]),
        valid=_rows(run[LABELLED : LABELLED + VALID]),
        test=_rows(grammar.reviews("test", TEST_SEED, TEST)),
        unlabelled=[(text,) for text, _ in run[LABELLED + VALID :]],
        labels=LABELS,
        notes=[
            message("The texts are synthetic: a grammar in this repository writes them."),
            message(
                "The built-in teacher learned from {seen:,} other labelled texts of the same grammar; a run is "
                "given {given:,}. None of the test rows' opinions occurs in either.",
                seen=seen,
                given=LABELLED,
            ),  # fmt: skip
        ],
    )


def teacher_rows(seed: int, count: int) -> list[tuple[str, str]]:
    """The training rows of the built-in teacher: texts with their labels, from a region that no run draws from."""
    return list(grammar.reviews("teacher", seed, count))


def _rows(rows: Sequence[tuple[str, str]]) -> RawSplit:
    return RawSplit([(text,) for text, _ in rows], [label for _, label in rows], name="reviews", lenient=True)
