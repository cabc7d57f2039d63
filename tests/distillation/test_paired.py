"""New pairs from the sentences at hand: each of the kind it is called, none held out, the same again from a seed."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from test_transfer_set import Part, Rows

from distill_core.config.schema import Config
from distill_core.distillation.sources import paired
from distill_core.distillation.transfer_set import TransferSet, build_transfer_set
from distill_core.errors import Stopped
from distill_core.events import CapturedGenerator, Note

PREMISES = ["a man plays an old guitar", "two dogs run on the beach", "a woman reads a long book"]
CLAIMS = {
    0: ["a man makes music", "a man sleeps at home", "a man plays loud music"],
    1: ["dogs are outdoors today", "cats run on the beach", "dogs run very fast"],
    2: ["a woman reads at home", "a woman is outdoors", "a woman reads the news"],
}
PAIRS = [(PREMISES[place], claim) for place, claims in CLAIMS.items() for claim in claims]


def built(rows: Rows, stop: Callable[[], bool] | None = None, **knobs: Any) -> tuple[TransferSet, list[Note]]:
    config = Config.of(**{"n_iter": 0, "pairing": 3} | knobs)
    events = list(building := CapturedGenerator(build_transfer_set(rows, config, stop=stop)))
    return building.value, [event for event in events if isinstance(event, Note)]


def new_pairs(found: TransferSet) -> list[tuple[str, ...]]:
    return [text for text, source in zip(found.texts, found.source, strict=True) if source == "paired"]


def test_a_pair_is_of_the_kind_it_is_called() -> None:
    pairs = list(paired.pairs(PAIRS, 3, 0))
    seconds = {claim: place for place, claims in CLAIMS.items() for claim in claims}
    for kind, (one, other), row in pairs:
        first, second = PAIRS[row]
        if kind == paired.SHARED:
            assert one == second and other != second and seconds[other] == seconds[second]
            continue
        assert one == first and other in seconds and (one, other) not in PAIRS
        if kind == paired.NEAR:
            assert set(other.split()) & set(second.split()), "a neighbour has a word in common"
    assert len({pair for _, pair, _ in pairs}) == len(pairs) and {kind for kind, *_ in pairs} == set(paired.KINDS)


def test_the_nearest_partner_comes_first() -> None:
    texts = [
        ("a b c", "red green blue"),
        ("d e f", "red green grey"),
        ("g h i", "red pink brown"),
        ("j k l", "one two six"),
    ]
    near = [(pair, row) for kind, pair, row in paired.pairs(texts, 3, 0) if kind == paired.NEAR and row == 0]
    assert near[0] == (("a b c", "red green grey"), 0)
    assert ("a b c", "one two six") not in [pair for pair, _ in near]


def test_kinds_are_balanced_and_a_row_without_one_gets_the_next() -> None:
    many = [(f"first {row} here now", f"second {row % 7} {row} of them") for row in range(60)]
    kinds = Counter(kind for kind, *_ in paired.pairs(many, 3, 0))
    assert kinds.keys() == {paired.NEAR, paired.RANDOM} and kinds.total() == 180, "no first sentence stands twice"
    twice = [*many, *((first, f"another {second}") for first, second in many)]
    kinds = Counter(kind for kind, *_ in paired.pairs(twice, 3, 0))
    assert max(kinds.values()) - min(kinds.values()) <= 0.1 * kinds.total()


def test_the_same_seed_gives_the_same_pairs_and_none_is_the_default_of_a_single_text() -> None:
    rows = Rows(Part(PAIRS))
    assert new_pairs(built(rows)[0]) == new_pairs(built(rows)[0]) != new_pairs(built(rows, seed=1)[0])
    assert not new_pairs(built(rows, pairing=0)[0])
    assert not new_pairs(built(Rows(Part([(text,) for text in PREMISES])))[0])


def test_no_new_pair_shares_a_sentence_with_a_held_out_one() -> None:
    # one row does, as a validation file may have it with what the checks let through: it is not asked for more of it
    held_out = [(PREMISES[0], "something else entirely"), ("nobody knows this one", "a woman is outdoors")]
    rows = Rows(Part([pair for pair in PAIRS if pair[0] != PREMISES[0]]), test=Part(held_out))
    found, _ = built(rows, pairing=6)
    assert new_pairs(found) and not any(
        PREMISES[0] in pair or "a woman is outdoors" in pair for pair in new_pairs(found)
    )
    assert found.dropped["held_out"] > 0
    left_alone, _ = built(rows, pairing=6, leaks="keep")
    assert any("a woman is outdoors" in pair for pair in new_pairs(left_alone)), "which is what was asked for"


def test_the_note_counts_them_by_kind_and_the_limit_ends_them() -> None:
    found, notes = built(Rows(Part(PAIRS)))
    [note] = [note for note in notes if "new pairs" in str(note.text)]
    assert f"{len(new_pairs(found))} new pairs of sentences: near in" in str(note.text)
    assert found.source == ["labelled"] * 9 + ["paired"] * len(new_pairs(found))
    assert len(built(Rows(Part(PAIRS)), transfer_limit=12)[0].texts) == 12


def test_it_stops_when_asked() -> None:
    with pytest.raises(Stopped):
        built(Rows(Part(PAIRS)), stop=lambda: True)


def test_a_typed_pair_gets_the_pairs_that_it_would_get_as_a_row() -> None:
    typed = ("a man plays a drum", "a man makes music now")
    found = paired.first_pairs(typed, PAIRS, 3, 0)
    assert len(found) == 3 and not {typed, *PAIRS} & {*found}
    assert all(typed[0] == one or typed[1] == one for one, _ in found)
