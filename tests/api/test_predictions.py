"""Texts from a file to answers in a CSV: the same for the page, the command line and scripts."""

import csv
from pathlib import Path
from typing import Any

import pytest

from distill_core.api import predictions
from distill_core.errors import DataError
from distill_core.student.runtime import Prediction


def long_or_short(batch: list[Any]) -> list[Prediction]:
    """Says "long" of a text in proportion to its letters."""
    shares = [min(1.0, len("".join(text)) / 20) for text in batch]
    return [Prediction("long" if p > 0.5 else "short", {"long": p, "short": 1 - p}) for p in shares]


def read(file: Path) -> list[list[str]]:
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))


def test_a_table_a_list_of_lines_and_pairs_are_read(tmp_path: Path) -> None:
    table, plain = tmp_path / "own.csv", tmp_path / "own.txt"
    table.write_text('id,review,stars\n1,"a, b",5\n2,plain,1\n', encoding="utf-8")
    assert predictions.read_texts(table, False) == ["a, b", "plain"]
    assert predictions.read_texts(table, False, "stars") == ["5", "1"]
    assert predictions.read_texts(table, True, "review", "stars") == [("a, b", "5"), ("plain", "1")]
    plain.write_text("one\ntwo\tthree\n", encoding="utf-8")
    assert predictions.read_texts(plain, False) == ["one", "two\tthree"]
    with pytest.raises(DataError, match=r"Line 1 of own.txt holds 1 text"):
        predictions.read_texts(plain, True)
    assert predictions.guess_text_columns(table, False) == (["id", "review", "stars"], ["review"])
    assert predictions.guess_text_columns(plain, False) == ([], [])


def test_what_holds_no_text_is_told_with_its_row(tmp_path: Path) -> None:
    table = tmp_path / "own.csv"
    table.write_text("text,id\nfine,1\n ,2\n", encoding="utf-8")
    with pytest.raises(DataError, match="Row 3 of own.csv holds no text"):
        predictions.read_texts(table, False)
    with pytest.raises(DataError, match="no file"):
        predictions.read_texts(tmp_path / "gone.txt", False)
    with pytest.raises(DataError, match="holds no text"):
        predictions.read_lines("", "stdin", False)


def test_answers_become_a_csv_that_reads_back(tmp_path: Path) -> None:
    asked = ['quoted "text", with a comma', "line\nbreak", "=1+1"] * 200
    out = tmp_path / "out.csv"
    assert (
        predictions.write_predictions(out, predictions.predict_batches(asked, long_or_short), ["long", "short"], False)
        == 600
    )
    head, *rows = read(out)
    assert head == ["text", "label", "p long", "p short"] and [row[0] for row in rows] == asked
    assert rows[0][1:] == ["long", "1.0000", "0.0000"] and rows[2][1] == "short"
    predictions.write_predictions(
        out, predictions.predict_batches([("a", "b")], long_or_short), ["long", "short"], True
    )
    assert read(out) == [["text", "text2", "label", "p long", "p short"], ["a", "b", "short", "0.1000", "0.9000"]]


def test_scored_rows_become_a_csv_with_every_models_answer(tmp_path: Path) -> None:
    rows = [{"text": ["a", "b"], "label": "no", "student": {"no": 0.3, "yes": 0.7}, "teacher": {"no": 0.9, "yes": 0.1}}]
    out = tmp_path / "out.csv"
    assert predictions.write_scored(out, rows, ["no", "yes"], ("floor", "student", "teacher")) == 1
    assert read(out) == [
        ["text", "text2", "label", "student", "student p no", "student p yes", "teacher", "teacher p no",
         "teacher p yes"],
        ["a", "b", "no", "yes", "0.3000", "0.7000", "no", "0.9000", "0.1000"],
    ]  # fmt: skip
    assert predictions.write_scored(out, [], ["no", "yes"], ("student",)) == 0
