"""Words in frames: the frames are those of the labelled rows in which many words stand, and words stand in them."""

from dataclasses import dataclass

import pytest
from test_lexicon import Closed
from test_neighbours import Table
from test_transfer_set import Part, Rows, finish, notes

from distill_core.config.schema import Config
from distill_core.distillation.sources import frame
from distill_core.distillation.sources.lexicon import vocabulary_words
from distill_core.distillation.transfer_set import TransferSet, build_transfer_set
from distill_core.errors import Stopped
from distill_core.events import Event

NOUNS = ("plot", "cast", "score", "pace", "end", "set")


@dataclass
class Single(Rows):
    pair: bool = False


def rows(*texts: str) -> Part:
    return Part([(text,) for text in texts])


LABELLED = rows(*(f"The {noun} is dull , and long" for noun in NOUNS), *["a very good film"] * 7)


def built(data: Single | None = None, teacher: Table | None = None, **knobs: object) -> tuple[TransferSet, list[Event]]:
    config = Config.of(**{"n_iter": 0, "neighbours": 0, "framed": 12} | knobs)
    return finish(build_transfer_set(data or Single(LABELLED), config, None, None, teacher or Table()))


def taken(result: TransferSet) -> list[str]:
    return [text[0] for text, source in zip(result.texts, result.source, strict=True) if source == frame.NAME]


def test_a_frame_is_open_where_many_different_words_stand_and_holds_no_sign() -> None:
    found = {one.text("___") for one in frame.frequent_frames(LABELLED.texts, "en")}
    assert found == {"The ___ is", "___ is dull", "The ___ is dull"}, "seven times the same word is no open place"
    fewer = frame.frequent_frames(LABELLED.texts[: frame.LEAST - 1], "en")
    assert fewer == [], "four different words are too few"
    both = rows(*(f"not {noun} enough" for noun in NOUNS[:5]), *(f"so {noun} indeed" for noun in NOUNS))
    assert [one.text("x") for one in frame.frequent_frames(both.texts, "en")] == ["so x indeed", "not x enough"]


def test_capitals_make_no_other_frame_and_words_keep_their_spacing() -> None:
    texts = rows(*(f"{'THE' if turn % 2 else 'the'} {noun} wasn't" for turn, noun in enumerate(NOUNS)))
    found = {one.text("x") for one in frame.frequent_frames(texts.texts, "en")}
    assert found == {"the x was", "x wasn't", "the x wasn't"}
    chinese = rows(*(f"这{sign}好" for sign in "书片店菜人"))
    assert [one.text("剧") for one in frame.frequent_frames(chinese.texts, "zh")] == ["这剧好"]


def test_masks_of_the_rows_are_no_words() -> None:
    assert frame.frequent_frames(rows(*(f"{noun} [MASK] is" for noun in NOUNS)).texts, "en") == []


def test_each_word_stands_in_one_frame_before_any_stands_in_two() -> None:
    words = vocabulary_words(Table())
    result, events = built(framed=2 * len(words))
    texts = taken(result)
    assert len(set(texts)) == len(texts) == 2 * len(words)
    for half in (texts[: len(words)], texts[len(words) :]):
        assert sorted(next(word for word in text.split() if word in words) for text in half) == sorted(words)
    assert f"{len(texts)} texts of a word in a frame bring" in notes(events)
    result, events = built(framed=100)
    assert len(taken(result)) == 3 * len(words) and "3 frames make 24 of the 100" in notes(events)


def test_the_seed_draws_the_frames() -> None:
    assert taken(built()[0]) == taken(built()[0]) != taken(built(seed=1)[0])


def test_none_is_a_held_out_text_and_frames_come_of_labelled_rows_alone() -> None:
    labelled = rows(*(f"so {noun} indeed" for noun in NOUNS))
    every = taken(built(Single(labelled), framed=100)[0])
    held = Single(labelled, valid=rows(*every[:2]), test=rows(f"He says it is {every[2]}, he says"))
    result, _ = built(held, framed=100)
    assert set(taken(result)) == set(every[3:]) and result.dropped["held_out"] == 3
    theirs = Single(rows("a good film"), valid=LABELLED, test=LABELLED)
    result, events = built(theirs)
    assert taken(result) == [] and "different words stand in the same place" in notes(events)


def test_the_limit_pairs_and_a_closed_tokenizer_are_named() -> None:
    start = len(LABELLED.texts) - 6  # a film that stands there seven times is one text
    assert len(taken(built(transfer_limit=start + 2)[0])) == 2
    result, events = built(transfer_limit=start)
    assert not taken(result) and "is reached" in notes(events)
    assert taken(built(framed=0)[0]) == []
    result, events = built(Single(Part([("good film", "bad book")]), pair=True))
    assert not taken(result) and "your rows are pairs" in notes(events)

    result, events = built(teacher=Closed())
    assert not taken(result) and "its tokenizer is closed" in notes(events)


def test_a_stop_is_honoured() -> None:
    config = Config.of(n_iter=0, neighbours=0, framed=5)
    with pytest.raises(Stopped):
        finish(build_transfer_set(Single(LABELLED), config, None, lambda: True, Table()))


def test_rows_beyond_the_most_words_are_read_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame, "WORDS", 60)
    texts = rows(*(f"the {noun} is" for noun in NOUNS for _ in range(100)))
    assert {one.text("x") for one in frame.frequent_frames(texts.texts, "en")} == {"the x is"}
