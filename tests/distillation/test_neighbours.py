"""Near words: the nearest of the teacher's own table, whole words alone, in the case of the word they replace."""

import random
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
import torch
from scipy.stats import binomtest
from test_transfer_set import Part, Rows, finish, notes
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from torch import Tensor

from distill_core.config.schema import Config
from distill_core.config.transfer_size import FEW_ROWS, neighbour_passes
from distill_core.data.overlap import HeldOutIndex
from distill_core.distillation.neighbours import NEAREST, NeighbourWords
from distill_core.distillation.transfer_set import TransferSet, build_transfer_set
from distill_core.distillation.word_coverage import word_coverage
from distill_core.errors import Stopped, TeacherError
from distill_core.events import Progress

GROUPS = [["good", "great", "bad"], ["film", "movie", "book"], ["the", "a"]]
ALONE = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "!", "un", "##like", "##s", "x"]


class Specials:
    all_special_ids = list(range(5))


class Table:
    """A teacher's table in which the words of a group are near one another and far from all others. Continuations,
    signs and special tokens are as near to the first group."""

    tokenizer = Specials()

    def __init__(self, cased: bool = False) -> None:
        words = [word for group in GROUPS for word in group]
        names = [*ALONE, *words, *([word.capitalize() for word in words] if cased else [])]
        axes = torch.eye(len(GROUPS) + 1)
        noise = 0.05 * torch.randn(len(names), len(GROUPS) + 1, generator=torch.Generator().manual_seed(0))
        axis = {word: axes[number] for number, group in enumerate(GROUPS) for word in group}
        self.table = noise + torch.stack(
            [axis.get(name.lower(), axes[-1] if name in ("x", "un") else axes[0]) for name in names]
        )
        self.pieces = Tokenizer(models.WordPiece({name: i for i, name in enumerate(names)}, unk_token="[UNK]"))
        self.pieces.normalizer = normalizers.BertNormalizer(lowercase=not cased)
        self.pieces.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        self.pieces.decoder = decoders.WordPiece()
        self.asked = 0

    def subword_tokenizer(self) -> Tokenizer:
        return self.pieces

    def input_embeddings(self) -> Tensor:
        self.asked += 1
        return self.table


def near(word: str, cased: bool = False) -> set[str]:
    return set(NeighbourWords(Table(cased)).near(word)[:2])


def built(texts: list[tuple[str, ...]], stop: Callable[[], bool] | None = None, **knobs: object) -> TransferSet:
    data = knobs.pop("data", None) or Rows(Part(texts))
    config = Config.of(**{"n_iter": 0, "neighbours": 5} | knobs)
    return finish(build_transfer_set(data, config, None, stop, Table()))[0]


def test_the_nearest_words_are_those_of_the_group() -> None:
    assert near("good") == {"great", "bad"} and near("movie") == {"film", "book"}


def test_the_case_of_the_word_stays() -> None:
    assert near("Good") == {"Great", "Bad"} and near("FILM") == {"MOVIE", "BOOK"}
    assert near("film", cased=True) == {"movie", "book"} and near("Film", cased=True) == {"Movie", "Book"}


def test_words_that_the_table_writes_in_that_case_come_first() -> None:
    """A noun of a language that writes nouns with capitals isn't put in the place of a verb."""
    teacher, small, large = Table(), [*"abcdefgh"], ["Haus", "Baum"]
    names = ["[UNK]", "x", *small, *large]
    teacher.pieces = Tokenizer(models.WordLevel({name: i for i, name in enumerate(names)}, unk_token="[UNK]"))
    teacher.pieces.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    teacher.tokenizer = type("First", (), {"all_special_ids": [0]})()
    teacher.table = torch.ones(len(names), 2)
    assert set(NeighbourWords(teacher).near("a")) == {"x", *"bcdefgh"}
    assert set(NeighbourWords(teacher).near("Haus")) == {"Baum", *"XABCDEFGH"}  # too few of them: all, with a capital


def test_words_with_vowel_signs_are_words() -> None:
    teacher, names = Table(), ["[UNK]", "x", "हिन्दी", "किताब", "।"]
    teacher.pieces = Tokenizer(models.WordLevel({name: i for i, name in enumerate(names)}, unk_token="[UNK]"))
    teacher.pieces.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    teacher.tokenizer = type("First", (), {"all_special_ids": [0]})()
    teacher.table = torch.ones(len(names), 2)
    assert set(NeighbourWords(teacher).near("हिन्दी")) == {"x", "किताब"}


def test_continuations_signs_special_tokens_and_the_word_itself_are_never_near() -> None:
    for cased in (False, True):
        words = NeighbourWords(Table(cased))
        for word in [word for group in GROUPS for word in group]:
            found = words.near(word)
            assert found and not {word, word.capitalize(), "like", "s", ".", "!", "[CLS]", "##s"} & set(found)
            assert len(set(found)) == len(found) <= NEAREST


def test_what_the_teacher_reads_in_pieces_stays() -> None:
    for word in ("films", "unlike", ".", "[MASK]", "[CLS]", "never"):
        assert NeighbourWords(Table()).near(word) == ()


def test_byte_level_pieces_are_words_where_a_blank_stands_before_them() -> None:
    names = ["x", "Ġx", "film", "Ġfilm", "movie", "Ġmovie", "Ġbook"]
    pieces = Tokenizer(models.WordLevel({name: i for i, name in enumerate(names)}, unk_token="x"))
    pieces.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pieces.decoder = decoders.ByteLevel()
    teacher = Table()
    teacher.pieces, teacher.tokenizer = pieces, type("None_", (), {"all_special_ids": []})()
    # at the text's start "film" is nearest to "movie"; inside a text, where words stand, to "book"
    teacher.table = torch.tensor([[0, 0, 1.0], [0, 0, 1], [1, 0, 0], [0, 1, 0], [1, 0, 0], [0.3, 0, 1], [0, 1, 0]])
    assert NeighbourWords(teacher).near("film")[0] == "book"


def test_all_at_once_and_one_by_one_are_the_same() -> None:
    words = [word for group in GROUPS for word in group]
    one, many = NeighbourWords(Table()), NeighbourWords(Table())
    many.prepare(words)
    assert {word: one.near(word) for word in words} == {word: many.near(word) for word in words}


def test_so_many_texts_of_each_row_and_two_words_of_five() -> None:
    text = (" ".join(["good", "film"] * 20),)
    result = built([text], neighbours=100)
    new = [one[0].split() for one in result.texts[1:]]
    assert result.source == ["labelled"] + ["neighbour"] * 100 and set(result.origin) == {0}
    changed = sum(after != before for one in new for after, before in zip(one, text[0].split(), strict=True))
    assert binomtest(changed, 40 * len(new), 0.4).pvalue > 1e-3
    assert Counter(word for one in new for word in one).keys() >= {"great", "bad", "movie", "book"}


def test_pairs_rotate() -> None:
    pair = ("good film good film good film", "bad book bad book bad book")
    for place, (first, second) in enumerate(built([pair], neighbours=6).texts[1:]):
        assert (first != pair[0], second != pair[1]) == [(True, False), (False, True), (True, True)][place % 3]


def test_the_same_seed_gives_the_same_and_another_does_not() -> None:
    texts = [("the good film",), ("a bad book !",), ("great movie",)]
    assert built(texts).texts == built(texts).texts != built(texts, seed=1).texts


def test_no_held_out_text_enters_and_none_with_eight_of_its_words() -> None:
    text = ("x good x film x book x a x",)
    free = built([text], neighbours=60).texts[1:]
    held, shared = free[0], (free[1][0].removesuffix(" x") + " never",)
    data = Rows(Part([text]), test=Part([held, shared]))
    result, events = finish(build_transfer_set(data, Config.of(n_iter=0, neighbours=60), None, None, Table()))
    assert held not in result.texts and free[1] not in result.texts and len(result.texts) > 10
    assert result.dropped["held_out"] >= 1 and result.dropped["shared"] >= 1
    assert "8 words in a row with a validation or test text" in notes(events)
    kept = built([text], data=data, neighbours=60, leaks="keep").texts
    assert free[1] in kept and held not in kept


def test_eight_words_that_a_labelled_text_has_too_are_usual_ones() -> None:
    held = [("one two three four five six seven eight nine",)]
    text = ("so one two three four five six seven eight !",)
    assert HeldOutIndex(held).shares(text)
    assert not HeldOutIndex(held, [("and one two three four five six seven eight",)]).shares(text)
    assert not HeldOutIndex(held).shares(("two three four five six seven eight",))
    assert not HeldOutIndex([]).shares(text)


def test_shared_signs_of_a_script_without_spaces_count_half() -> None:
    held = HeldOutIndex([("一二三四五六七八九十百千万亿兆京垓",)])
    assert held.shares(("零一二三四五六七八九十百千万亿兆京零",)) and not held.shares(("零一二三四五六七八九十零",))


def test_an_unlabelled_text_with_such_words_stays_and_is_counted() -> None:
    words = "one two three four five six seven eight"
    data = Rows(Part([("good film",)]), test=Part([(f"{words} nine",)]), unlabelled=[(f"so {words} so",)])
    result, events = finish(build_transfer_set(data, Config.of(n_iter=0), None, None, None))
    assert result.texts[-1] == data.unlabelled[0] and "1 unlabelled text shares 8 words" in notes(events)


def test_the_limit_ends_it() -> None:
    texts = [(f"good film {number}",) for number in range(20)]
    result = built(texts, transfer_limit=50)
    assert len(result.texts) == 50
    assert max(Counter(result.origin[20:]).values()) <= 3  # all rows alike


def test_stop_is_honoured_and_progress_reaches_its_total() -> None:
    texts = [("the good film",)] * 2
    with pytest.raises(Stopped):
        built(texts, stop=lambda: True)
    data = Rows(Part(texts))
    _, events = finish(build_transfer_set(data, Config.of(n_iter=0, neighbours=4), None, None, Table()))
    progress = [event for event in events if isinstance(event, Progress)]
    assert progress[0].done == 0 and progress[-1].done == progress[-1].total == 8


def test_none_asks_for_no_table() -> None:
    teacher = Table()
    data = Rows(Part([("the good film",)]))
    result, _ = finish(build_transfer_set(data, Config.of(n_iter=0, neighbours=0), None, None, teacher))
    assert result.texts == data.train.texts and not teacher.asked


def test_a_table_without_near_words_is_named() -> None:
    data = Rows(Part([("nothing known here",)]))
    result, events = finish(build_transfer_set(data, Config.of(n_iter=0, neighbours=3), None, None, Table()))
    assert result.texts == data.train.texts and "no near words" in notes(events)


def test_a_tokenizer_that_gives_no_pieces_ends_no_run() -> None:
    """A student that reads whole words needs no pieces of its teacher, and has learnt from such ones before."""

    class Closed(Table):
        def subword_tokenizer(self) -> Tokenizer:
            raise TeacherError("its tokenizer is closed")

    data = Rows(Part([("the good film",)]))
    result, events = finish(build_transfer_set(data, Config.of(n_iter=0, neighbours=3), None, None, Closed()))
    assert result.texts == data.train.texts and "its tokenizer is closed" in notes(events)


def test_words_brought_are_those_no_labelled_text_has() -> None:
    labelled, new, valid = [("The good film",)], [("the bad film",), ("a bad book",)], [("the bad old book",)]
    assert word_coverage(labelled, new, valid) == (3, 1 / 4, 3 / 4)
    assert word_coverage(labelled, [], []) == (0, None, None)
    data = Rows(Part(labelled), valid=Part(valid))
    _, events = finish(build_transfer_set(data, Config.of(n_iter=0, neighbours=50), None, None, Table()))
    data.unlabelled = [("the old inn",)]
    _, more = finish(build_transfer_set(data, Config.of(n_iter=0, neighbours=0), None, None, Table()))
    assert "1 text without a label brings 2 words that no labelled text has." in notes(more)
    told = " ".join(notes(events).split()).replace(" %", "%")
    assert "Of the validation rows' words the labelled texts have 25%; with these texts it is 75%." in told
    known = Rows(Part(labelled), valid=Part([("the film",)]))
    _, events = finish(build_transfer_set(known, Config.of(n_iter=0, neighbours=50), None, None, Table()))
    assert "with near words" in notes(events) and "validation rows' words" not in notes(events), "they lack none"


def test_automatic_is_for_few_rows_of_one_short_sentence_without_texts_of_the_person() -> None:
    def passes(rows: int, unlabelled: int = 0, pair: bool = False, size: float = 60, **knobs: object) -> int:
        return neighbour_passes(Config.of(**knobs), rows, unlabelled, pair, size)

    assert passes(400) == 10 == passes(FEW_ROWS)
    assert (passes(300), passes(100), passes(20)) == (14, 40, 40), "the fewer rows, the more of each"
    assert passes(FEW_ROWS + 1) == 0 == passes(300, 300)
    assert passes(300, pair=True) == 0, "pairs hang on the words that both sentences share"
    assert passes(300, size=1200) == 0, "the texts of abstracts"
    assert passes(100_000, 100_000, True, 5000, neighbours=3) == 3
    pairs = Rows(Part([("the good film", "a bad book")]))
    result, _ = finish(build_transfer_set(pairs, Config.of(n_iter=0), None, None, Table()))
    assert result.texts == pairs.train.texts
    long = Rows(Part([("the good film " * 60,)]))
    assert finish(build_transfer_set(long, Config.of(n_iter=0), None, None, Table()))[0].texts == long.train.texts


def test_a_word_is_drawn_among_the_near_ones() -> None:
    rule, rng = NeighbourWords(Table()), random.Random(0)
    drawn: Iterator[str] = (rule(("good", "films"), 0, rng) for _ in range(300))
    assert set(drawn) == set(rule.near("good")) and rule(("good", "films"), 1, rng) == "films"
