"""Your own file, from its path to the run's data."""

import json
from pathlib import Path

import pytest

from distill_core.config.schema import Config
from distill_core.errors import DataError, KnobError
from distill_core.tasks import load_dataset


def lines(folder: Path, name: str, *rows: str) -> str:
    path = folder / name
    path.write_text("\n".join([*rows, ""]), encoding="utf-8")
    return str(path)


def test_the_toy_file_becomes_a_task_with_words_for_labels(toy_config: Config, toy_rows: list[tuple[str, str]]) -> None:
    found = load_dataset(toy_config)
    assert found.labels == ("bad", "good") and not found.pair and found.language == "en"
    assert found.columns == {"text": "text", "label": "label"}
    truth = dict(toy_rows)
    for split in (found.train, found.valid, found.test):
        told = [found.labels[label] for label in split.labels]
        assert told and told == [truth[text[0]] for text in split.texts]
    assert sum(map(len, (found.train, found.valid, found.test))) == 20


def test_guessed_columns_are_shown(tmp_path: Path) -> None:
    path = lines(tmp_path, "x.csv", "id,Review,Stars", *(f"{n},this is review number {n},{n % 5}" for n in range(60)))
    found = load_dataset(Config.of(task="file", train=path))
    assert found.columns == {"text": "Review", "label": "Stars"} and found.labels == ("0", "1", "2", "3", "4")
    assert (
        "info",
        "Columns of x.csv: text = 'Review' (guessed); label = 'Stars' (guessed). Choose others with text and label.",
    ) in found.notes
    found = load_dataset(Config.of(task="file", train=path, text="Review"))
    assert (
        "info",
        "Columns of x.csv: text = 'Review'; label = 'Stars' (guessed). Choose another with label.",
    ) in found.notes


def test_pairs_valid_test_and_unlabelled_files_in_four_formats(tmp_path: Path) -> None:
    rows = [f"what is {n}\thow about {n}\t{'yes' if n % 2 else 'no'}" for n in range(20)]
    train = lines(tmp_path, "train.tsv", "question1\tquestion2\tsame", *rows, "what\tnow\t")
    valid = lines(tmp_path, "valid.jsonl", json.dumps({"question1": "a", "question2": "b", "same": "yes"}))
    test = lines(tmp_path, "test.csv", "same,question2,question1", "no,second,first", ",x,y")
    more = lines(tmp_path, "more.csv", "question1,question2", "u,v")
    found = load_dataset(Config.of(task="file", train=train, valid=valid, test=test, unlabelled=more, label="same"))
    assert found.pair and found.test.texts == [("first", "second")] and found.valid.texts == [("a", "b")]
    assert found.labels[found.test.labels[0]] == "no" and len(found.train) == 20
    assert found.unlabelled == [("what", "now"), ("u", "v")]
    told = [text for _, text in found.notes]
    assert "1 row of train without a label became transfer text (row 22)." in told
    assert "1 row of test.csv without a label left out of test (row 3)." in told


def test_a_pair_may_be_read_as_one_text(tmp_path: Path) -> None:
    rows = [f"the premise is {n},the rest is {n},{n % 2}" for n in range(40)]
    found = load_dataset(
        Config.of(task="file", train=lines(tmp_path, "x.csv", "premise,hypothesis,label", *rows), text="premise")
    )
    assert not found.pair and found.columns == {"text": "premise", "label": "label"}


@pytest.mark.parametrize(
    ("knobs", "kind", "words"),
    [
        ({}, KnobError, "needs a training file. Name one with train"),
        ({"train": "gone.csv"}, DataError, "There is no file .*gone.csv"),
        (
            {"train": "good.csv", "text": "txet"},
            DataError,
            r"no column 'txet' \(asked for by text\). Did you mean 'text'",
        ),
        ({"train": "good.csv", "label": "labels"}, DataError, "Did you mean 'label'"),
        ({"train": "good.csv", "test": "other.csv"}, DataError, "other.csv has no column 'label'"),
        ({"train": "other.csv"}, DataError, "No column of other.csv looks like a label. Name it with label"),
        ({"train": "one.csv"}, DataError, "All 3 labelled rows of one.csv have the label 'x'"),
        (
            {"train": "single.csv"},
            DataError,
            "Fewer than two labels of single.csv .* 1 label has fewer: 'y'",
        ),
        (
            {"train": "empty.csv"},
            DataError,
            "All 1 labelled rows.* 1 row of empty.csv left out: no text",
        ),
        ({"train": "ragged.csv"}, DataError, "Row 3 of ragged.csv has 3 columns where the header has 2"),
        ({"train": "good.csv", "unlabelled": "gone.txt"}, DataError, "There is no file .*gone.txt"),
    ],
)
def test_bad_input_is_one_sentence(knobs: dict, kind: type, words: str, tmp_path: Path) -> None:
    lines(tmp_path, "good.csv", "text,label", *(f"text number {n},{n % 2}" for n in range(20)))
    lines(tmp_path, "other.csv", "text", *(f"just text {n}" for n in range(20)))
    lines(tmp_path, "one.csv", "text,label", "a,x", "b,x", "c,x")
    lines(tmp_path, "single.csv", "text,label", "a,x", "b,x", "c,y")
    lines(tmp_path, "empty.csv", "text,label", "a,x", ",y")
    lines(tmp_path, "ragged.csv", "text,label", "a,x", "b, c,y")
    config = Config.of(
        task="file", **{knob: str(tmp_path / name) if "." in name else name for knob, name in knobs.items()}
    )
    with pytest.raises(kind, match=words) as caught:
        load_dataset(config)
    assert "\n" not in str(caught.value)


def test_a_file_without_names_of_columns_is_told(tmp_path: Path) -> None:
    rows = ["A fine book about trains,pos", "A poor book about ships,neg"] * 5
    path = lines(tmp_path, "bare.csv", "The book was long and dull,neg", *rows)
    with pytest.raises(DataError, match="first line of bare.csv looks like a row.*'neg'"):
        load_dataset(Config.of(task="file", train=path))
