"""Doubling: a gain is called one where there is one, by how much, and nothing that was left out ever teaches."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from distill_core.config.schema import Config
from distill_core.data.dataset import Split
from distill_core.evaluation import doubling as module
from distill_core.evaluation.baseline import NgramCounts, fit_baseline
from distill_core.evaluation.doubling import (
    FLAT,
    ROWS_CURVE,
    TEXTS_CURVE,
    describe_doublings,
    doubling,
    rising,
)
from distill_core.evaluation.objective import SINGLE_LABEL
from distill_core.messages import message_data
from distill_core.pipeline.stages import compare


def words(rows: int, kinds: int, seed: int = 0) -> tuple[list[tuple[str, ...]], list[int]]:
    """Texts of one telling word of so many kinds, which is the rarer the more kinds there are, and a hollow one."""
    generator = np.random.default_rng(seed)
    drawn = generator.integers(0, kinds, rows)
    return [(f"word{kind} the{generator.integers(3)}",) for kind in drawn], [int(kind % 2) for kind in drawn]


def measured(texts: Any, labels: Any, **more: Any) -> Any:
    values = {"own": range(len(texts)), "scored": [True] * len(texts), "classes": 2, "pair": False,
              "metric": "accuracy", "objective": SINGLE_LABEL} | more  # fmt: skip
    return doubling(texts, labels, **values)


def test_twice_as_many_rows_help_where_words_are_rare_and_not_where_all_are_known() -> None:
    rare = measured(*words(300, 150))
    assert rising(rare) and (rare["few"], rare["many"], rare["rows"]) == (100, 200, 300)
    assert rare["after"] - rare["before"] == pytest.approx(rare["difference"]) and rare["low"] < rare["difference"]
    flat = measured(*words(300, 6))
    assert not rising(flat) and flat["after"] > 0.95
    assert measured(*words(300, 150)) == rare, "the same rows, the same figures"


def test_what_was_made_of_a_row_is_left_out_with_it_and_texts_from_elsewhere_always_teach() -> None:
    texts, labels = words(90, 10_000)  # every word stands in one row alone: only a copy of that could tell its label
    copies = [(f"{text[0]} again",) for text in texts]
    own, scored = [*range(90)] * 2, [True] * 90 + [False] * 90
    assert measured(texts + copies, labels * 2, own=own, scored=scored)["after"] < 0.7
    elsewhere = [*range(90), *[-1] * 90]
    known = measured(texts + copies, labels * 2, own=elsewhere, scored=scored)
    assert known["after"] > 0.9 and known["rows"] == 90 and (known["few"], known["many"]) == (30, 60)


def test_new_pairs_of_two_rows_sentences_teach_nothing_that_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new pair is named after one row, and holds a sentence of another, which may be among those asked about."""
    rows = [(f"first {n}", f"second {n}") for n in range(4)]
    texts = [*rows, ("first 0", "second 3"), ("free 0", "free 1")]
    transfer = SimpleNamespace(
        texts=texts, source=[*["labelled"] * 4, "paired", "unlabelled"], origin=[*range(4), 0, 0]
    )
    train, valid = Split(rows, [0, 1, 0, 1]), Split([], [])
    data = SimpleNamespace(
        dataset=SimpleNamespace(train=train, valid=valid, labels=("no", "yes"), pair=True),
        objective=SINGLE_LABEL, metric="accuracy",
    )  # fmt: skip
    label = SimpleNamespace(soft_labels=torch.tensor([[1.0, 0.0], [0.0, 1.0]] * 3))
    inputs: Any = SimpleNamespace(data=data, transfer=SimpleNamespace(transfer_set=transfer), label=label)
    asked: list[Any] = []
    monkeypatch.setattr(compare, "doubling", lambda *given: asked.append(given))
    compare._doublings(SimpleNamespace(config=Config()), inputs)
    assert asked[1][0] == [*rows, ("free 0", "free 1")] and asked[1][1] == [0, 1, 0, 1, 1]
    assert asked[1][2] == [0, 1, 2, 3, 4] and all(asked[1][3])


@pytest.mark.parametrize("pair", [False, True])
def test_texts_that_are_counted_once_teach_the_same_baseline_as_when_they_are_read_anew(pair: bool) -> None:
    singles, labels = words(90, 40)
    texts = [
        (text[0], f"{label} {text[0][::-1]}") if pair else text for text, label in zip(singles, labels, strict=True)
    ]
    labels = [2 * label for label in labels]  # and none of them 1
    learnt, asked = [*range(0, 90, 2)], [*range(1, 90, 4)]
    given = [labels[place] for place in learnt]
    found = NgramCounts(texts, pair).logits(learnt, given, asked, 3, SINGLE_LABEL)
    anew = fit_baseline(Split([texts[place] for place in learnt], given), 3, pair)
    assert len(np.unique(found.argmax(1))) == 2
    np.testing.assert_allclose(found, anew.logits([texts[place] for place in asked]), atol=1e-4)


def test_few_rows_one_answer_and_too_much_work_show_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    texts, labels = words(120, 10)
    assert measured(texts[:59], labels[:59]) is None and measured(texts, [0] * 120) is None
    characters = sum(len(text[0]) for text in texts)
    monkeypatch.setattr(module, "WORK", 2 * characters)
    part = measured(texts, labels)
    assert part["rows"] == 80 and part["many"] == 80, "two of the three folds"
    assert measured(texts, labels, classes=3) is None
    monkeypatch.setattr(module, "WORK", characters - 1)
    assert measured(texts, labels) is None


def one(low: float) -> Any:
    return {"few": 500, "many": 1000, "rows": 900, "before": 0.712, "after": 0.75, "difference": 0.038, "low": low,
            "high": 0.059}  # fmt: skip


def test_a_curve_is_told_in_figures_and_where_it_is_flat_that_no_gain_shows() -> None:
    found = describe_doublings({"rows": one(0.017), "texts": one(-0.001)}, "accuracy")
    assert found["rows"] == (
        "From 500 labelled rows the simple baseline (TF-IDF) learns to reach 71.2 % accuracy, from 1,000 rows 75.0 % "
        "accuracy (+3.8 points, 95 % interval +1.7 to +5.9)."
    )
    says = {part: (message_data(sentence) or {})["say"] for part, sentence in found.items()}
    assert says == {"rows": ROWS_CURVE, "texts": FLAT}
    texts = describe_doublings({"texts": one(0.001)}, "macro_f1")["texts"]
    assert (message_data(texts) or {})["say"] == TEXTS_CURVE and "macro" not in texts
    assert describe_doublings({}, "accuracy") == {}
