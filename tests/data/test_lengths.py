"""The limit of a text's length: what the rows need, and where the person or the data leave no choice."""

from collections.abc import Sequence

import pytest

from distill_core.config.schema import Config
from distill_core.data.automatic import resolve_auto
from distill_core.data.dataset import Dataset, Split
from distill_core.data.lengths import auto_limit, estimate_pieces


def rows(train: list[int], unlabelled: Sequence[int] = (), test: Sequence[int] = (5,), pair: bool = False) -> Dataset:
    """Texts of so many words of three letters, which are as many pieces."""

    def text(words: int) -> tuple[str, ...]:
        return tuple(["cat " * words] * (1 + pair))

    def split(lengths: Sequence[int]) -> Split:
        return Split([text(words) for words in lengths], [0] * len(lengths))

    loose = [text(words) for words in unlabelled]
    return Dataset(split(train), split([5]), split(test), loose, ("a",), pair, "en", "test", [], {})


@pytest.mark.parametrize(
    ("data", "limit"),
    [
        (rows([5] * 100), 64),  # short texts are cheap however long the limit is
        (rows([62] * 100), 64),  # with two special tokens
        (rows([63] * 100), 80),
        (rows([10] * 95 + [2000] * 5), 64),  # five in a hundred may be cut
        (rows([10] * 94 + [100] * 6), 112),
        (rows([1000] * 100), 256),
        (rows([10] * 10, unlabelled=[100] * 90), 112),  # the teacher and the student read those too
        (rows([10] * 100, test=[1000] * 100), 64),  # what only scores has no say
        (rows([31] * 100, pair=True), 80),  # both sentences and three special tokens: 65
        (rows([10] * 20_000 + [120] * 2_000), 128),  # of a sample
    ],
)
def test_the_limit_is_what_95_of_100_texts_need(data: Dataset, limit: int) -> None:
    assert auto_limit(data) == limit
    resolved = resolve_auto(Config(), data)
    assert resolved.max_tokens == resolved.token_limit == limit
    assert resolve_auto(resolved, data) == resolved
    assert resolve_auto(Config.of(max_tokens=40), data).max_tokens == 40


def test_a_pair_is_read_from_its_beginning() -> None:
    assert resolve_auto(Config(), rows([5], pair=True)).cut == "head"
    assert resolve_auto(Config(), rows([5])).cut == "head_tail"
    assert resolve_auto(Config.of(cut="head"), rows([5])).cut == "head"


def test_pieces_are_words_or_characters_and_each_sign_of_a_script_without_blanks() -> None:
    assert estimate_pieces(("a b c d",)) == 2 + 4
    assert estimate_pieces(("unbelievably",)) == 2 + 3
    assert estimate_pieces(("这部电影很好",)) == 2 + 6
    assert estimate_pieces(("a b", "")) == 3 + 2


def test_the_student_that_suits_the_texts_is_chosen_by_the_data() -> None:
    assert resolve_auto(Config(), rows([5])).student == "bilstm_max"
    assert resolve_auto(Config(), rows([5], pair=True)).student == "compare_aggregate"
    assert resolve_auto(Config.of(student="bag"), rows([5], pair=True)).student == "bag"
