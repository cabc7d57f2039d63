"""Single words: the whole words of the teacher's vocabulary, once each, and no others."""

from dataclasses import dataclass

from test_neighbours import GROUPS, Table
from test_transfer_set import Part, Rows, finish, notes

from distill_core.config.schema import Config
from distill_core.distillation.sources.lexicon import vocabulary_words
from distill_core.distillation.transfer_set import TransferSet, build_transfer_set
from distill_core.errors import TeacherError
from distill_core.events import Event

WORDS = [word for group in GROUPS for word in group if len(word) > 1]


@dataclass
class Single(Rows):
    pair: bool = False


def built(data: Single | None = None, teacher: Table | None = None, **knobs: object) -> tuple[TransferSet, list[Event]]:
    config = Config.of(**{"n_iter": 0, "neighbours": 0, "lexicon": 100} | knobs)
    data = data or Single(Part([("the good film",)]))
    return finish(build_transfer_set(data, config, None, None, teacher or Table()))


def taken(result: TransferSet) -> list[str]:
    return [text[0] for text, source in zip(result.texts, result.source, strict=True) if source == "lexicon"]


def test_they_are_whole_words_in_the_vocabularys_order() -> None:
    words = vocabulary_words(Table())
    assert [word for word in words if word in WORDS] == WORDS
    assert set(words) - set(WORDS) == {"un"}, "no signs, special tokens, single letters, ends of words"
    result, events = built()
    assert taken(result) == words and "has 8 of the 100 single words" in notes(events)
    assert f"{len(words)} texts of a single word bring" in notes(events)


def test_as_many_as_were_asked_for_up_to_the_limit_and_none_that_is_a_held_out_text() -> None:
    words = vocabulary_words(Table())
    result, events = built(lexicon=3)
    assert taken(result) == words[:3] and "single words that" not in notes(events)
    assert taken(built(lexicon=0)[0]) == []
    assert taken(built(transfer_limit=3)[0]) == words[:2]
    result, events = built(transfer_limit=1)
    assert not taken(result) and "is reached" in notes(events)
    held = Single(Part([("the good film",)]), test=Part([(words[1],)]))
    assert taken(built(held)[0]) == [word for word in words if word != words[1]]


class Closed(Table):
    """A teacher whose tokenizer can't be read."""

    def subword_tokenizer(self) -> object:
        raise TeacherError("its tokenizer is closed")


def test_pairs_and_a_closed_tokenizer_are_named() -> None:
    result, events = built(Single(Part([("good film", "bad book")]), pair=True))
    assert not taken(result) and "your rows are pairs" in notes(events)

    result, events = built(teacher=Closed())
    assert not taken(result) and "its tokenizer is closed" in notes(events)
