"""Texts that contain one another stay together; a held-out text never stands inside a training text."""

import random

import pytest
from effort import effort

from distill_core.data import overlap
from distill_core.data.overlap import HeldOutIndex, containments, find_overlaps, fragments, split_words
from distill_core.data.splitting import choose_held_out, connected_components, linked_texts


def inside(one: str, other: str) -> bool:
    return f" {' '.join(split_words(one))} " in f" {' '.join(split_words(other))} "


def phrases(number: int, generator: random.Random) -> list[str]:
    """Sentences of made-up words and phrases cut out of them, as SST-2 is made."""
    sentences = [
        " ".join(f"w{generator.randrange(300)}" for _ in range(generator.randint(4, 14))) for _ in range(number)
    ]
    cut = []
    for sentence in sentences:
        parts = sentence.split()
        for _ in range(3):
            first = generator.randrange(len(parts))
            cut.append(" ".join(parts[first : first + generator.randint(1, len(parts))]))
    return [*sentences, *cut]


def test_links_are_those_that_comparing_everything_finds() -> None:
    texts = phrases(40, random.Random(1))
    found = {frozenset(group) for group in connected_components(len(texts), linked_texts([(text,) for text in texts]))}
    brute = [
        (i, j)
        for i, one in enumerate(texts)
        for j, other in enumerate(texts)
        if i < j
        and (
            (len(split_words(one)) >= 3 and inside(one, other))
            or (len(split_words(other)) >= 3 and inside(other, one))
            or split_words(one) == split_words(other)
        )
    ]
    assert found == {frozenset(group) for group in connected_components(len(texts), brute)}
    assert max(map(len, found)) > 2


def test_no_held_out_phrase_stands_inside_training() -> None:
    """Mistake 6 of FACTS: a random split of phrases leaks; this is the test that fails on it."""
    texts = phrases(150, random.Random(2))
    labels = [number % 2 for number in range(len(texts))]
    group = connected_components(len(texts), linked_texts([(text,) for text in texts]))
    held = set(choose_held_out(group, labels, fragments(texts), 100, random.Random(0)))
    assert 80 <= len(held) <= 100
    train = [text for number, text in enumerate(texts) if number not in held]
    assert not [number for number in held if any(inside(texts[number], text) for text in train)]
    randomly = random.Random(0).sample(range(len(texts)), 100)
    rest = [text for number, text in enumerate(texts) if number not in set(randomly)]
    assert sum(any(inside(texts[number], text) for text in rest) for number in randomly) > 30


def test_pairs_that_share_a_sentence_stay_together() -> None:
    pairs = [("a b", "c"), ("d", "A  b!"), ("e", "f"), ("g", "d"), ("h", "i")]
    assert sorted(connected_components(5, linked_texts(pairs))) == [[0, 1, 3], [2], [4]]


def test_short_phrases_stay_only_where_they_are_part_of_something() -> None:
    assert fragments(["so good", "it was so good today", "fine", "so", "fine !"]) == [True, False, False, True, False]


def test_an_apostrophe_does_not_make_words() -> None:
    assert split_words("It does n't, I don't.") == ["it", "does", "n't", "i", "don't"]
    assert split_words(" :-) ") == [":-)"]


def test_classes_keep_their_share_and_no_class_is_emptied() -> None:
    labels = [0] * 80 + [1] * 18 + [2] * 2
    held = choose_held_out([[place] for place in range(100)], labels, [False] * 100, 20, random.Random(0))
    assert [sum(labels[place] == label for place in held) for label in (0, 1, 2)] == [16, 4, 1]
    greedy = choose_held_out([[place] for place in range(4)], [0, 0, 1, 1], [False] * 4, 4, random.Random(0))
    assert len(greedy) == 2


def by_merging(size: int, edges: list[tuple[int, int]]) -> list[list[int]]:
    """The groups by merging lists, in the order of their first places: the order that a seed's splits rest on."""
    groups = {place: [place] for place in range(size)}
    for one, other in edges:
        if one < size and other < size and groups[one] is not groups[other]:
            merged = groups[one] + groups[other]
            groups.update(dict.fromkeys(merged, merged))
    return [sorted(group) for place, group in groups.items() if place == min(group)]


def test_groups_come_in_the_order_of_their_first_places() -> None:
    generator = random.Random(4)
    for size in (0, 1, 2, *(generator.randint(3, 60) for _ in range(300))):
        edges = [
            (generator.randrange(size + 3), generator.randrange(size + 3)) for _ in range(generator.randint(0, size))
        ]
        assert connected_components(size, edges) == by_merging(size, edges)
        assert connected_components(size, edges * 2) == by_merging(size, edges)


def test_large_groups_are_taken_whole_when_nothing_else_is_there() -> None:
    members = [list(range(start, start + 10)) for start in range(0, 40, 10)]
    held = choose_held_out(members, [0, 1] * 20, [False] * 40, 4, random.Random(0))
    assert len(held) == 10 and held[-1] - held[0] == 9


def test_linking_sixty_thousand_phrases_takes_seconds() -> None:
    texts = [(text,) for text in phrases(15_000, random.Random(3))]
    found, work = effort(lambda: connected_components(len(texts), linked_texts(texts)))
    assert work < 25
    assert len(found) > 1000


def test_a_phrase_that_everything_holds_costs_no_square_of_time() -> None:
    texts = [(f"turn on the light number {number} now please",) for number in range(20_000)]
    found, work = effort(lambda: connected_components(len(texts), linked_texts(texts)))
    assert len(found) == len(texts) and work < 12
    found, work = effort(lambda: connected_components(len(texts) + 1, linked_texts([*texts, ("turn on the",)])))
    assert len(found) == 1 and work < 12


def test_repeated_words_are_linked_as_comparing_everything_links_them(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = random.Random(5)
    for few in (0, 2):
        monkeypatch.setattr(overlap, "FEW", few)
        for letters in ("a", "ab", "abc"):
            texts = [" ".join(generator.choices(letters, k=generator.randint(1, 20))) for _ in range(40)]
            held, others = [(text,) for text in texts[:10]], [(text,) for text in texts[10:]]
            brute = [(i, j) for i, one in enumerate(texts) for j, other in enumerate(texts)
                     if one == other or (len(split_words(one)) >= 3 and inside(one, other))]  # fmt: skip
            found = list(containments(texts))
            assert set(found) <= set(brute)
            assert connected_components(len(texts), found) == connected_components(len(texts), brute)
            crossing = {max(i, j) - 10 for i, j in brute if min(i, j) < 10 <= max(i, j)}
            assert {number for _, number in find_overlaps(held, others)} == crossing


def test_repeated_words_cost_no_square_of_time() -> None:
    texts = ["ha " * (10 + number) for number in range(400)] + ["ab cd " * number + str(number) for number in range(99)]
    found, work = effort(lambda: connected_components(len(texts), linked_texts([(text,) for text in texts])))
    assert len(found) < 250 and work < 12


def test_the_limit_of_three_words_is_the_published_one() -> None:
    assert overlap.NGRAM == 3
    assert len(connected_components(2, linked_texts([("b c",), ("a b c",)]))) == 2
    assert len(connected_components(2, linked_texts([("a b c",), ("x a b c",)]))) == 1


def test_crossings_are_those_that_comparing_everything_finds() -> None:
    texts = [(text,) for text in phrases(40, random.Random(4))]
    held, others = [*texts[::3], ("so short",), ("So  good!",)], [*texts[1::3], ("it is so short",), ("so good",)]
    brute = {
        (i, j) for i, (one,) in enumerate(held) for j, (other,) in enumerate(others)
        if (len(split_words(one)) >= 3 and inside(one, other)) or (len(split_words(other)) >= 3 and inside(other, one))
        or split_words(one) == split_words(other)
    }  # fmt: skip
    found = set(find_overlaps(held, others))
    assert found <= brute and {j for _, j in found} == {j for _, j in brute}
    assert (len(held) - 1, len(others) - 1) in brute and (len(held) - 2, len(others) - 2) not in brute
    assert {j for _, j in brute} >= {j for j, text in enumerate(others) if HeldOutIndex(held).inside(text)} > set()


def test_pairs_cross_where_they_share_a_sentence_of_three_words() -> None:
    held = [("a man is outside", "someone is out"), ("yes", "no")]
    others = [("someone is out!", "x"), ("yes", "y"), ("z", "A man is  outside.")]
    assert list(find_overlaps(held, others)) == [(0, 0), (0, 2)]
    assert [HeldOutIndex(held).inside(pair) for pair in others] == [True, False, True]


def test_a_short_text_that_stands_in_a_held_out_one_is_seen() -> None:
    held = [("The film is a warm and funny tale of love.",), ("今日は天気がとても良いですね",)]
    index = HeldOutIndex(held, [("an other tale of love",)])
    inside = ["a WARM and funny tale of love", "and funny tale", "天気がとても良い"]
    outside = ["funny tale", "a warm tale of love", "tale of love", "and funny tales", held[0][0], "天気"]
    assert [index.stands_within((text,)) for text in inside] == [True] * 3
    assert [index.stands_within((text,)) for text in outside] == [False] * 6, "the third stands in a labelled row too"
    assert not index.stands_within(("and funny tale", "of love")), "of pairs other rules hold"
    assert not HeldOutIndex([]).stands_within(("and funny tale",))


def test_a_text_gives_a_held_out_text_away_where_it_holds_it_whole() -> None:
    held = HeldOutIndex([("the long ending was awful",), ("so bad",)])
    assert held.inside(("i said: The long ending was AWFUL, and left",))
    assert held.inside(("So bad!",))
    assert not held.inside(("it was so bad again",))  # two words are anybody's
    assert not held.inside(("long ending was awful",))


def test_scripts_without_spaces_are_read_sign_by_sign() -> None:
    assert split_words("我喜欢ABC电影") == ["我", "喜", "欢", "abc", "电", "影"]
    assert split_words("หนังดี") == [*"หนังดี"]
    held, others = [("这部电影很好看",)], [("他说这部电影很好看",), ("电影很好",), ("这是另一部电影",)]
    assert list(find_overlaps(held, others)) == [(0, 0)]  # four signs are no three words
    assert [HeldOutIndex(held).inside(text) for text in others] == [True, False, False]
    assert fragments(["电影", "这部电影很好看"]) == [True, False]
