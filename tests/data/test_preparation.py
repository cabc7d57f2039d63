"""What passes the door, what is cut, dropped and counted, and the sentence for what may not pass."""

import csv
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from distill_core.config.schema import Config
from distill_core.data.dataset import Dataset, RawDataset, RawSplit
from distill_core.data.overlap import split_words
from distill_core.data.preparation import prepare_dataset
from distill_core.errors import DataError, KnobError


def rows(number: int, classes: int = 2, word: str = "row", **more: object) -> RawSplit:
    """Distinct texts that contain no one another, labels in turn."""
    texts = [(f"{word} {index} says thing {index}",) for index in range(number)]
    return RawSplit(texts, [f"class {index % classes}" for index in range(number)], **more)


def made(train: RawSplit, *, config: dict | None = None, **raw: object) -> Dataset:
    return prepare_dataset(RawDataset(train, **raw), Config.of(**(config or {})))


def said(found: Dataset, level: str | None = None) -> str:
    return "\n".join(text for kind, text in found.notes if level in (None, kind))


def everything(found: Dataset) -> list[set[tuple[str, ...]]]:
    return [set(found.train.texts), set(found.valid.texts), set(found.test.texts), set(found.unlabelled)]


def test_missing_splits_are_cut_seeded_stratified_and_reported() -> None:
    found = made(rows(200, 4))
    assert [len(split) for split in (found.train, found.valid, found.test)] == [140, 20, 40]
    assert Counter(found.test.labels) == {0: 10, 1: 10, 2: 10, 3: 10}
    assert sum(map(len, everything(found))) == 200 == len(set.union(*everything(found)))
    assert "no test split: 40 rows were cut from train" in said(found)
    assert "no validation split: 20 rows were cut" in said(found)
    assert made(rows(200, 4)).fingerprint() == found.fingerprint()
    assert set(made(rows(200, 4), config={"seed": 1}).test.texts) != set(found.test.texts)


def test_only_what_is_missing_is_cut() -> None:
    found = made(rows(100), test=rows(10, word="held"))
    assert [len(split) for split in (found.train, found.valid, found.test)] == [90, 10, 10]
    found = made(rows(100), valid=rows(10, word="held"))
    assert [len(split) for split in (found.train, found.valid, found.test)] == [80, 10, 20]
    assert found.scored_on == "test"
    assert made(rows(100), test=rows(10, word="held"), scored_on="validation").scored_on == "validation"


def test_cut_rows_share_no_phrase_with_training_or_transfer_text() -> None:
    texts, labels = [], []
    for index in range(120):
        sentence = f"number {index} is a long sentence about thing {index} indeed"
        for text in (sentence, " ".join(sentence.split()[4:]), f"about thing {index}"):
            texts.append((text,))
            labels.append("good" if index % 2 else "bad")
    pool = [(f"they talk about thing {index} a lot",) for index in range(120)]
    found = made(RawSplit(texts, labels), unlabelled=pool)
    assert len(found.test) > 30
    free = [f" {' '.join(split_words(text[0]))} " for text in [*found.train.texts, *found.unlabelled]]
    for text in [*found.valid.texts, *found.test.texts]:
        held = f" {' '.join(split_words(text[0]))} "
        assert not any(held in other or other in held for other in free)
    assert 0 < len(found.unlabelled) < 120 and "taken out of the transfer set" in said(found, "warning")


def test_pairs_are_cut_by_shared_sentences() -> None:
    texts = [(f"premise {index // 3}", f"hypothesis {index}") for index in range(150)]
    found = made(RawSplit(texts, ["a", "b", "c"] * 50))
    premises = [{text[0] for text in split.texts} for split in (found.train, found.valid, found.test)]
    assert found.pair and len(found.test) == 30
    assert sum(map(len, premises)) == len(set.union(*premises))


def test_test_texts_never_reach_training() -> None:
    """The mistake of training on what is scored, in every way in which a test text could come back."""
    held = RawSplit([("The Same Text",), ("another held text",), ("third",)], ["class 0", "class 1", "class 0"])
    train = rows(30)
    train = RawSplit([*train.texts, ("the  same text",), ("fine and new",)], [*train.labels, "class 1", None])
    found = made(train, test=held, valid=RawSplit([("third",), ("choosing",)], ["class 0", "class 1"]),
                 unlabelled=[("ANOTHER held text",), ("a free text",), ("choosing",)])  # fmt: skip
    free = {tuple(side.casefold() for side in text) for text in [*found.train.texts, *found.unlabelled]}
    assert not free & {tuple(" ".join(side.casefold().split()) for side in text) for text in found.test.texts}
    assert found.valid.texts == [("choosing",)]
    assert found.unlabelled == [("fine and new",), ("a free text",)]
    assert len(found.test) == 3
    assert "1 row of train also occurs in test and was left out of train (row 31)" in said(found, "warning")
    assert "1 row of validation also occurs in test" in said(found, "warning")
    assert "2 unlabelled texts also occur in validation or test" in said(found, "warning")


def test_a_pair_is_the_same_either_way_round() -> None:
    train = RawSplit([(f"a {n}", f"b {n}") for n in range(20)], ["x", "y"] * 10)
    found = made(train, test=RawSplit([("b 3", "a 3"), ("c", "d")], ["x", "y"]), valid=RawSplit([("e", "f")], ["x"]))
    assert ("a 3", "b 3") not in found.train.texts and len(found.train) == 19


def test_duplicates_are_merged_and_contradictions_left_to_the_teacher() -> None:
    train = rows(20)
    train = RawSplit(
        [*train.texts, ("twice",), ("twice",), ("both",), ("both",)], [*train.labels, *["class 0"] * 3, "class 1"]
    )
    found = made(train, test=rows(2, word="t"), valid=rows(2, word="v"))
    assert found.train.texts.count(("twice",)) == 1 and ("both",) not in found.train.texts
    assert found.unlabelled == [("both",)]
    assert "1 row of train repeated another" in said(found, "info")
    assert "1 text of train with two different labels (rows 23 (class 0) + 24 (class 1))" in said(found, "warning")


def test_contradictions_in_what_is_scored_are_told_and_kept() -> None:
    held = RawSplit([("odd",), ("Odd",), ("even",)], ["class 0", "class 1", "class 0"])
    found = made(rows(20), test=held, valid=rows(2, word="v"))
    assert len(found.test) == 3
    assert "2 rows of test have a text that another row gives a different label (rows 1, 2)" in said(found, "warning")


def test_rows_without_a_label_become_transfer_text() -> None:
    train = rows(40)
    train = RawSplit([*train.texts, ("no label here",), ("nor here",)], [*train.labels, None, " "])
    found = made(train, test=rows(2, word="t"), valid=rows(2, word="v"))
    assert found.unlabelled == [("no label here",), ("nor here",)]
    assert "2 rows of train without a label became transfer text" in said(found)


def test_the_limit_keeps_each_class_its_share_and_touches_nothing_else() -> None:
    train = RawSplit([(f"text {n} here {n}",) for n in range(1000)], ["a"] * 900 + ["b"] * 95 + ["c"] * 5)
    whole, some = made(train), made(train, config={"limit": 50})
    assert (some.test, some.valid) == (whole.test, whole.valid)
    assert len(some.train) == 50 and set(some.train.texts) < set(whole.train.texts)
    assert Counter(some.train.labels) == {0: 45, 1: 4, 2: 1}
    assert some.unlabelled == []
    count = len(whole.train)
    dropped = (
        f"50 of {count} labelled training rows kept; the other {count - 50} are dropped, not used as transfer text"
    )
    assert dropped in said(some)
    assert made(train, config={"limit": 50, "seed": 3}).train != some.train
    assert made(train, config={"limit": 3}).train.labels == [0, 1, 2]
    assert len(made(train, config={"limit": 5000}).train) == count
    with pytest.raises(KnobError, match="limit can't be 2: the task has 3 classes.*Set it to 3"):
        made(train, config={"limit": 2})


def test_classes_stand_in_a_lasting_order() -> None:
    def order(*labels: str, **raw: object) -> tuple[str, ...]:
        train = RawSplit([(f"text {n} it is {n}",) for n in range(60)], list(labels) * (60 // len(labels)))
        return made(train, **raw).labels

    assert order("10", "9", "-1") == ("-1", "9", "10")
    assert order("b", "a", "10") == ("10", "a", "b")
    assert order("2", "--1") == ("--1", "2"), "no number"
    assert order("b", "a", labels=("b", "never", "a")) == ("b", "a")


def test_texts_are_stripped_and_half_characters_replaced() -> None:
    train = rows(30)
    found = made(RawSplit([*train.texts, (" \ud800x  ",)], [*train.labels, " class 1\n"]), test=rows(2, word="t"),
                 valid=rows(2, word="v"))  # fmt: skip
    assert found.train.texts[-1] == ("?x",) and found.train.labels[-1] == 1


def test_the_fingerprint_follows_what_training_on_labelled_rows_depends_on() -> None:
    fixed = {"valid": rows(4, word="v"), "test": rows(4, word="t")}
    base = made(rows(50), **fixed)
    others = [made(rows(50), config={"limit": 10}, **fixed), made(rows(50, word="line"), **fixed),
              made(rows(50), config={"language": "de"}, **fixed), made(rows(50, 3), **fixed),
              made(rows(50), **{**fixed, "valid": rows(5, word="v")})]  # fmt: skip
    assert len({base.fingerprint(), *(other.fingerprint() for other in others)}) == 6
    same = made(rows(50), **{**fixed, "test": rows(6, word="t")}, unlabelled=[("more",)], notes=["hello"])
    assert same.fingerprint() == base.fingerprint() and ("info", "hello") in same.notes


BAD = [
    (
        RawSplit([("a",), ("",)], ["x", "y"], "f.csv", [2, 9]),
        "All 1 labelled rows of f.csv have the label 'x'.* 1 row of f.csv left out: no text \\(row 9\\).",
    ),
    (RawSplit([("a", "b"), ("a", " ")], ["x", "y"], "f.csv", [2, 3]), "1 row of f.csv left out: no text \\(row 3\\)."),
    (
        RawSplit([("a",), ("b" * 20_001,)], ["x", "y"], "f.csv"),
        "1 row of f.csv left out: more than 20,000 characters \\(row 2\\).",
    ),
    (
        RawSplit([("a",), ("b",)], ["x", "y" * 65], "f.csv"),
        "Row 2 of f.csv has the label 'y*'…, which looks like a text",
    ),
    (RawSplit([("a",), ("b",)], ["x", "x"], "f.csv"), "All 2 labelled rows of f.csv have the label 'x'.*two classes"),
    (
        RawSplit([("a",), ("b",), ("c",)], ["x", "x", "y"], "f.csv", [2, 3, 4]),
        "Fewer than two labels of f.csv",
    ),
    (RawSplit([("a",), ("b",)], [None, None], "f.csv"), "No row of train has a label. Choose the column"),
    (RawSplit([], [], "f.csv"), "f.csv holds no rows"),
    (RawSplit([("a",), ("b", "c")], ["x", "y"]), "Some rows hold one text and some two"),
    (RawSplit([(f"t {n}",) for n in range(250)], [str(n) for n in range(250)], "f.csv"), "250 different values"),
    (RawSplit([(f"t {n}",) for n in range(4)], ["x", "y"] * 2), None),
]


@pytest.mark.parametrize(("train", "words"), BAD)
def test_bad_rows_are_one_sentence_with_row_and_way_out(train: RawSplit, words: str | None) -> None:
    if words is None:  # four rows are enough for each split to have one, or the sentence says what to do
        with pytest.raises(DataError, match="too few .* Give more rows, or a file of validation rows"):
            made(train)
        return
    with pytest.raises(DataError, match=words) as caught:
        made(train)
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (
            {"test": RawSplit([("new",)], ["class 9"], "t.csv")},
            "Row 1 of t.csv has the label 'class 9', which no training row has",
        ),
        ({"test": RawSplit([("new",)], [None], "t.csv")}, "No row of t.csv has a label, so it can't be the test split"),
        ({"labels": ("class 0", "other")}, "Row 2 of train has the label 'class 1'; this task knows class 0, other"),
        ({"test": rows(20)}, "Every row of train also occurs in test"),
    ],
)
def test_splits_that_do_not_fit_are_one_sentence(raw: dict, words: str) -> None:
    with pytest.raises(DataError, match=words):
        made(rows(20), **raw)


def test_a_source_nobody_can_mend_loses_its_bad_rows_and_says_so() -> None:
    train = rows(40)
    train = RawSplit(
        [*train.texts, ("",), ("x" * 30_000,)], [*train.labels, "class 0", "class 1"], "owner/set", None, True
    )
    found = made(train)
    assert sum(len(split) for split in (found.train, found.valid, found.test)) == 40
    assert "1 row of owner/set left out: no text (row 41)." in said(found, "warning")
    assert "1 row of owner/set left out: more than 20,000 characters" in said(found, "warning")


def test_labels_that_differ_by_case_alone_are_pointed_out_and_merged_where_asked() -> None:
    texts = [(f"text {n} is {n}",) for n in range(80)]
    train = RawSplit(texts, ["Good", "good", "bad", "good "] * 20)
    found = made(train)
    assert found.labels == ("Good", "bad", "good") and "'good', 'Good' differ by case alone" in said(found, "warning")
    assert "merge_labels counts them as one" in said(found, "warning")
    held = RawSplit([("new one",), ("new two",), ("new three",)], ["GOOD", "bad", "good"])
    found = made(train, config={"merge_labels": True}, test=held)
    assert found.labels == ("bad", "good") and found.test.labels == [1, 0, 1]
    assert "count as one class, 'good', as merge_labels asks" in said(found, "info")
    with pytest.raises(DataError, match="'Bad', which differs .* by case. Correct it, or count .* with merge_labels"):
        made(train, test=RawSplit([("new one",), ("new two",)], ["Bad", "Bad"]))


def test_rows_that_no_run_can_use_are_left_out_and_counted_once_a_kind() -> None:
    good = rows(60)
    train = RawSplit(
        [*good.texts, ("",), ("alone in its class",), (" ",), ("x" * 20_001,), ("a label that is long",)],
        [*good.labels, "class 0", "weird", "class 1", "class 0", "y" * 65],
        "f.csv",
    )
    test = RawSplit(
        [(f"held {n}",) for n in range(9)], ["class 0", "class 1", "odd", "class 0"] * 2 + ["weird"], "t.csv"
    )
    found = made(train, test=test)
    assert sum(map(len, (found.train, found.valid))) == 60 and len(found.test) == 6
    assert found.labels == ("class 0", "class 1")
    for words in (
        "2 rows of f.csv left out: no text (rows 61, 63).", "1 row of f.csv left out: more than 20,000 characters (row",
        "1 row of f.csv left out: a label that is a text (row 65).",
        "1 label of f.csv has fewer than two usable rows and is left out: 'weird' (row 62).",
        "2 rows of t.csv left out of test: their labels 'odd' are not among those that are learned (rows 3, 7).",
        "1 row of t.csv left out of test: its label 'weird'",
    ):  # fmt: skip
        assert said(found, "warning").count(words) == 1, words


def test_one_number_is_one_label_in_every_split() -> None:
    texts = [(f"text {n} is {n}",) for n in range(60)]
    train = RawSplit(texts, ["1.0", "0", "01", "0.0", " 1 ", "-0"] * 10)
    found = made(train, test=RawSplit([("new",), ("newer",)], ["1", "00"]))
    assert found.labels == ("0", "1") and found.test.labels == [1, 0]
    assert "Labels are read alike in every file: '1.0' as '1'; '01' as '1'; '0.0' as '0'" in said(found, "info")
    assert made(RawSplit(texts, ["2.5", "10.0", "True", "true"] * 15)).labels == ("10", "2.5", "true")
    assert made(RawSplit(texts, ["2.5", "10", "-1"] * 20)).labels == ("-1", "2.5", "10")
    assert made(RawSplit(texts, ["1,0", "2,5", "1,000"] * 20)).labels == ("1", "1,000", "2.5")


def test_labels_are_read_as_people_write_them() -> None:
    persian, spanish = "بی\u200cطرف", "trés bien"
    labels = [persian, "\ufeffmal", "tre\u0301s\xa0 bien ", f"{persian}\u200f", "mal\u200b", spanish] * 10
    found = made(RawSplit([(f"text {n} is {n}",) for n in range(60)], labels))
    assert found.labels == ("mal", spanish, persian)


def test_several_labels_in_one_are_refused_where_they_are_many() -> None:
    texts = [(f"text {n} is {n}",) for n in range(60)]
    for labels in (["a; b", "a", "b"], ["a|b|c", "a", "b", "c"], ["['a', 'b']", "['a']", "[]"]):
        with pytest.raises(DataError, match="have several labels, such as .* A student gives one label a text"):
            made(RawSplit(texts, (labels * 60)[:60], "f.csv"))
    slip = made(RawSplit(texts, ["a;b", *["a", "b"] * 29, "a"], "f.csv"))
    assert slip.labels == ("a", "b") and "1 row of f.csv left out: several labels (row 1)" in said(slip, "warning")
    assert made(RawSplit(texts, ["['a']", '["b"]'] * 30)).labels == ("a", "b")
    assert made(RawSplit(texts, ["['a']", '["caf\\u00e9"]'] * 30)).labels == ("a", "café"), "as JSON writes it"
    plain = ["food; drinks", "arts, crafts", "a"]
    assert made(RawSplit(texts, plain * 20)).labels == ("a", "arts, crafts", "food; drinks")


def test_a_validation_split_without_a_class_is_cut_anew() -> None:
    one_class = RawSplit([(f"held {n}",) for n in range(20)], ["class 0"] * 20)
    found = made(rows(200), valid=one_class, test=rows(20, word="t"))
    assert set(found.valid.labels) == {0, 1} and not set(found.valid.texts) & set(one_class.texts)
    words = "No row of validation has the label 'class 1', so it can't choose between models: its 20 rows are not used"
    assert words in said(found, "warning")
    found = made(rows(200), test=one_class)
    assert "No row of test has the label 'class 1': how well it is answered is not measured" in said(found, "warning")
    rare = RawSplit([(f"text {n} here {n}",) for n in range(200)], ["a", "b"] * 99 + ["c", "c"])
    two = RawSplit([(f"held {n}",) for n in range(20)], ["a", "b"] * 10)
    assert made(rare, valid=two).valid.texts == two.texts, "a rare class may be missing by chance"


@pytest.mark.parametrize("seed", range(8))
def test_no_split_that_is_cut_lacks_a_class(seed: int) -> None:
    rare = [(f"rare thing {n} it is",) for n in range(9)]
    common = [(f"text {n} here {n}",) for n in range(400)]
    labels = ["a", "b"] * 200 + ["c"] * 3 + ["d"] * 4 + ["e"] * 2
    found = made(RawSplit(common + rare, labels), config={"seed": seed})
    for split in (found.train, found.test):
        assert set(split.labels) == {0, 1, 2, 3, 4}
    assert set(found.valid.labels) == {0, 1, 2, 3}, "two rows can't be in three splits"
    assert "No row of validation has the label 'e'" in said(found, "warning")
    inside = [(f"{text[0]} and more words {n}",) for n in range(3) for text in rare[:1]]  # one group of four
    grouped = made(RawSplit([*common, *rare[:1], *inside, ("one apart from them",)], ["a", "b"] * 200 + ["c"] * 5),
                   config={"seed": seed}, valid=RawSplit([("v a",), ("v b",), ("v c",)], ["a", "b", "c"]))  # fmt: skip
    assert set(grouped.test.labels) == set(grouped.train.labels) == {0, 1, 2}


@pytest.mark.parametrize(
    ("text", "language"),
    [("Das Zimmer {} war sehr schön und die Küche war nicht teuer", "de"),
     ("房间{}干净又安静，这家餐厅的菜很好吃", "zh"), ("The room {} was clean and the food was not bad", "en"),
     ("La chambre {} était propre et le café n'est pas cher", "fr"), ("row {} says thing {}", "en"),
     ("Комната {} была чистая, и мы не спали", "ru")],
)  # fmt: skip
def test_the_language_is_that_of_the_texts(text: str, language: str) -> None:
    train = RawSplit([(text.format(n, n),) for n in range(60)], ["a", "b"] * 30)
    found = made(train)
    assert found.language == language
    assert (f"look like the language '{language}'" in said(found, "info")) == (language != "en")
    forced = made(train, config={"language": "it"})
    assert forced.language == "it" and (f"look like the language '{language}'" in said(forced, "warning")) == (
        "row" not in text
    )
    assert made(train, config={"language": language}).language == language


@pytest.mark.parametrize("name", ["more.txt", "more.csv", "more.jsonl"])
def test_unlabelled_texts_come_from_any_file(name: str, tmp_path: Path) -> None:
    texts = ["a new text", "row 3 says thing 3", "a new text", "t 0 says thing 0"]
    path = tmp_path / name
    if name == "more.txt":
        path.write_text("\n".join([*texts, ""]))
    elif name == "more.csv":
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([("id", "text"), *enumerate(texts)])
    else:
        path.write_text("\n".join(json.dumps({"text": text, "n": 1}) for text in texts))
    found = made(rows(20), test=rows(2, word="t"), valid=rows(2, word="v"), config={"unlabelled": str(path)})
    assert found.unlabelled == [("a new text",)]
    assert f"4 unlabelled texts read from {name}, column 'text'" in said(found)
    assert "1 unlabelled text also occurs in validation or test and was left out" in said(found, "warning")


def test_unlabelled_pairs_need_two_columns(tmp_path: Path) -> None:
    train = RawSplit([(f"a {n}", f"b {n}") for n in range(30)], ["x", "y"] * 15)
    path = tmp_path / "more.csv"
    path.write_text("left,right\nu,v\n")
    found = made(train, columns={"text": "left", "text2": "right"}, config={"unlabelled": str(path)})
    assert found.unlabelled == [("u", "v")]
    (tmp_path / "more.txt").write_text("just one\n")
    with pytest.raises(DataError, match="more.txt has one text column, but this task needs pairs"):
        made(train, config={"unlabelled": str(tmp_path / "more.txt")})


def test_the_data_room_loads_without_the_heavy_libraries() -> None:
    heavy = "{'torch', 'transformers', 'datasets', 'huggingface_hub', 'pandas', 'pyarrow'}"
    rooms = "distill_core.data.preparation, distill_core.hub.models, distill_core.hub.datasets"
    code = f"import sys, {rooms}; print({heavy} & {{*sys.modules}})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_every_task_names_its_constants() -> None:
    from distill_core.registry import TASKS

    for name in ("file", "hub", "sst2", "cola", "mnli", "qqp", "mrpc"):
        assert TASKS.help(name).endswith(".")
        module = TASKS.get(name)
        assert module.METRIC and all(
            hasattr(module, constant) for constant in ("TEACHER", "LABELS", "PAIR", "LANGUAGE")
        )


def test_a_row_that_the_limit_drops_may_come_back_as_an_unlabelled_text() -> None:
    given = rows(200)
    pool = [*given.texts, ("one text more",)]
    fixed = {"valid": rows(10, word="v"), "test": rows(10, word="t")}
    found = made(given, config={"limit": 20}, unlabelled=pool, **fixed)
    assert len(found.train) == 20 and len(found.unlabelled) == 181
    assert not set(found.train.texts) & set(found.unlabelled)
    assert made(given, unlabelled=pool, **fixed).unlabelled == [("one text more",)]
    cut = made(given, config={"limit": 20}, unlabelled=pool)
    held = set(cut.valid.texts) | set(cut.test.texts)
    assert not held & set(cut.unlabelled) and len(cut.unlabelled) == 201 - 20 - len(held)
