"""What a held-out text may not share with training: found, named, counted and taken out."""

import pytest
from effort import effort

from distill_core.config.schema import Config
from distill_core.data.dataset import RawDataset, RawSplit
from distill_core.data.examples import SHOWN_CHARACTERS, shorten
from distill_core.data.preparation import prepare_dataset

TEST = ["a long and truly boring film", "superb", "the soup was cold and salty"]
TRAIN = [
    "they call it a long and truly boring film with songs",  # row 1 holds a test text
    "long and truly boring",  # row 2 stands in one
    "truly boring",  # row 3 too, but two words are anybody's
    "Superb !",  # row 4 is one, but for case and signs
    *(f"number {i} of many rows" for i in range(40)),
]


def split(texts, name="", **more):
    rows = [text if isinstance(text, tuple) else (text,) for text in texts]
    return RawSplit(rows, ["yn"[i % 2] for i in range(len(rows))], name, **more)


def made(train=TRAIN, test=TEST, **more):
    knobs = more.pop("config", {})
    valid = split([f"valid words {i} here" for i in range(6)])
    return prepare_dataset(
        RawDataset(split(train, "t.csv"), valid, split(test, "u.csv"), **more), Config.of(task="file", **knobs)
    )


def warnings(data):
    return [text for level, text in data.notes if level == "warning"]


def texts(data):
    return {text[0] for text in data.train.texts}


def test_texts_that_contain_one_another_leave_training_and_are_named():
    data = made()
    assert set(TRAIN) - texts(data) == {TRAIN[0], TRAIN[1], TRAIN[3]}
    assert [text[0] for text in data.test.texts] == TEST  # what is scored is never cut
    [said] = warnings(data)
    assert said.startswith("3 training rows overlap with test rows (rows 1, 2, 4; row 1 “they call it")
    assert "row 1 there “a long and truly boring film”" in said and "They were left out" in said


def test_they_stay_where_that_is_asked_but_equal_texts_never_do():
    data = made([*TRAIN, "A  long and TRULY boring film"], config={"leaks": "keep"})
    assert set(TRAIN) <= texts(data) and "A  long and TRULY boring film" not in texts(data)
    assert [said for said in warnings(data) if "3 training rows overlap" in said and "leaks=keep" in said]


def test_validation_is_held_out_too():
    data = made([*TRAIN, "these are valid words 3 here and there"])
    assert "these are valid words 3 here and there" not in texts(data)
    assert any("1 training row overlaps with validation rows (row 45;" in said for said in warnings(data))


def test_unlabelled_texts_that_hold_a_test_text_leave_the_transfer_set():
    pool = [("he said the soup was cold and salty today",), ("soup is good",), ("THE  SOUP was cold and salty",)]
    data = made(unlabelled=pool)
    assert data.unlabelled == [("soup is good",)]
    told = " ".join(warnings(data))
    assert "1 unlabelled text overlaps with" in told and "1 unlabelled text also occurs in validation or test" in told
    assert len(made(unlabelled=pool, config={"leaks": "keep"}).unlabelled) == 2


def test_pairs_that_share_a_sentence_with_a_test_pair_leave_training():
    test = [("a man is outside", "he sleeps"), ("two dogs run fast", "yes")]
    train = [("x y z", "A man is outside!"), ("cats", "yes"), ("two dogs run fast", "no way"),
             *((f"first {i} of all", f"second {i} of all") for i in range(20))]  # fmt: skip
    valid = split([(f"v {i}", f"w {i}") for i in range(6)])
    data = prepare_dataset(RawDataset(split(train), valid, split(test)), Config.of(task="file"))
    assert set(train) - set(data.train.texts) == {train[0], train[2]}
    assert any("2 training rows share a sentence with test rows (rows 1, 3;" in said for said in warnings(data))


def test_a_sentence_that_every_pair_holds_empties_no_training_set():
    prompt = "is this review positive"
    valid, test = (split([(prompt, f"{name} {i}") for i in range(6)]) for name in "vt")
    data = prepare_dataset(
        RawDataset(split([(prompt, f"row {i}") for i in range(20)]), valid, test), Config.of(task="file")
    )
    assert len(data.train) == 20
    assert any("That is 100 % of them, too many to leave out" in said for said in warnings(data))


def test_a_class_is_not_taken_out_whole():
    rows = split([f"number {i} of many rows" for i in range(40)])
    rows.texts[0], rows.texts[2] = ("i saw a long and truly boring film",), ("what a long and truly boring film",)
    rows.labels[:] = ["rare" if i in (0, 2, 4) else "y" for i in range(40)]
    valid, test = split(["valid words 1 here", "valid words 2 here"]), split(TEST)
    valid.labels[:], test.labels[:] = ["rare", "y"], ["rare", "y", "y"]
    data = prepare_dataset(RawDataset(rows, valid, test), Config.of(task="file"))
    assert len(data.train) == 40 and any("67 % of those with the label 'rare'" in said for said in warnings(data))


def test_a_text_with_two_labels_is_one_whatever_its_case():
    train = split([*TRAIN, "Odd text here", "odd  TEXT here"], "t.csv")
    valid = split([f"valid words {i} here" for i in range(6)])
    data = prepare_dataset(RawDataset(train, valid, split(TEST)), Config.of(task="file"))
    assert not {"Odd text here", "odd  TEXT here"} & texts(data)
    assert any("1 text of train with two different labels (rows 45 (y) + 46 (n))" in said for said in warnings(data))


def test_signs_of_other_scripts_are_no_words_of_three():
    data = made([*TRAIN, "他说这部电影很好看", "电影很好"], [*TEST, "这部电影很好看"])
    assert "他说这部电影很好看" not in texts(data) and "电影很好" in texts(data)


def test_hundreds_of_held_out_texts_and_thousands_of_phrases_take_seconds():
    train = [f"phrase {i % 7} of {i} words and {i % 11} more {i * 7 % 1013}" for i in range(20_000)]
    test = [f"a whole {i} sentence with phrase {i % 7} of {i} words inside" for i in range(1000)]
    _, work = effort(lambda: made(train, test))
    assert work < 12


@pytest.mark.parametrize("length", [10, 400])
def test_an_example_is_short(length):
    assert len(shorten(("x" * length,))) <= SHOWN_CHARACTERS
