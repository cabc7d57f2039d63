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
    assert predictions.read_rows(table, False).texts == ["a, b", "plain"]
    assert predictions.read_rows(table, False, "stars").texts == ["5", "1"]
    assert predictions.read_rows(table, True, "review", "stars").texts == [("a, b", "5"), ("plain", "1")]
    plain.write_bytes("one\r\ntwo\tthr\u2028ee\n".encode())
    assert predictions.read_rows(plain, False).texts == ["one", "two\tthr\u2028ee"]
    with pytest.raises(DataError, match=r"Line 1 of own.txt holds 1 text"):
        predictions.read_rows(plain, True)
    assert predictions.text_columns(table, False) == (["id", "review", "stars"], ["review"])
    assert predictions.text_columns(plain, False) == ([], [])
    plain.write_bytes("café\n".encode("cp1252"))
    read = predictions.read_rows(plain, False)
    assert read.texts == ["café"] and "Windows-1252" in read.notes[0]


def test_the_columns_are_those_that_the_run_was_trained_on(tmp_path: Path) -> None:
    table = tmp_path / "own.csv"
    table.write_text(
        "title,text,label\nshort,a much longer text,good\nbrief,another longer text,bad\n", encoding="utf-8"
    )
    assert predictions.read_rows(table, False).texts == ["a much longer text", "another longer text"]
    trained = {"text": "title", "label": "label"}
    assert predictions.read_rows(table, False, trained=trained).texts == ["short", "brief"]
    assert predictions.read_rows(table, False, "text", trained=trained).texts[0] == "a much longer text"
    assert predictions.text_columns(table, False, trained) == (["title", "text", "label"], ["title"])
    pair = predictions.read_rows(table, True, trained={"text": "Text", "text2": "Title"})
    assert pair.texts == [("a much longer text", "short"), ("another longer text", "brief")] and not pair.notes
    other = predictions.read_rows(table, False, trained={"text": "headline"})
    assert other.texts[0] == "a much longer text"
    assert "no column 'headline', which the run was trained on; 'text' was read instead (guessed)" in other.notes[0]


def test_a_file_has_as_many_answers_as_rows_in_its_order_with_all_its_columns(tmp_path: Path) -> None:
    table, out = tmp_path / "own.csv", tmp_path / "out.csv"
    table.write_text('id,text,label\n1,fine and long enough,x\n2, ,y\n3,"a"b,z\n4,short,x\n,,\n6,shorter,\n')
    rows = predictions.read_rows(table, False)
    answers = list(predictions.predict_batches(rows, long_or_short))
    assert [answer and answer.label for _, answer in answers] == ["long", None, None, "short", None, "short"]
    assert predictions.write_predictions(out, rows, answers, ["long", "short"]) == 6
    head, *lines = read(out)
    assert head == ["id", "text", "label", "predicted label", "p long", "p short", "note"]
    assert [line[0] for line in lines] == ["1", "2", "", "4", "", "6"]
    assert lines[0][2:] == ["x", "long", "1.0000", "0.0000", ""]
    assert lines[1][2:] == ["y", "", "", "", "no text"] and lines[2][3:] == ["", "", "", "can't be read"]
    table.write_text('text\ngood band\n""\nbad sound\n')
    answers = list(predictions.predict_batches(predictions.read_rows(table, False), long_or_short))
    assert [text for text, _ in answers] == ["good band", "", "bad sound"] and answers[1][1] is None


@pytest.mark.parametrize(
    ("delimiter", "begins"), [(";", b"\xef\xbb\xbfid;"), ("\t", b"id\t"), ("|", b"id|"), (",", b"id,")]
)
def test_answers_come_back_with_the_delimiter_that_the_file_had(tmp_path: Path, delimiter: str, begins: bytes) -> None:
    """A German Excel shows a file with commas as one column, and umlauts only after UTF-8's mark."""
    file, out = tmp_path / "own.csv", tmp_path / "out.csv"
    lines = [delimiter.join(row) for row in (("id", "text"), ("1", "schön! wirklich schön"), ("2", "nö"))]
    file.write_text("\n".join(lines), encoding="utf-8")
    rows = predictions.read_rows(file, False, text="text")
    predictions.write_predictions(out, rows, predictions.predict_batches(rows, long_or_short), ["long", "short"])
    assert out.read_bytes().startswith(begins)
    with out.open(encoding="utf-8-sig", newline="") as stream:
        assert [row[:2] for row in csv.reader(stream, delimiter=delimiter)][1:] == [
            ["1", "schön! wirklich schön"], ["2", "nö"],
        ]  # fmt: skip


def test_what_holds_no_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file"):
        predictions.read_rows(tmp_path / "gone.txt", False)
    with pytest.raises(DataError, match="holds no text"):
        predictions.read_lines("", "stdin", False)
    lines = predictions.read_lines("a\n\nb\n\n", "stdin", False)
    assert lines.texts == ["a", "", "b", ""] and list(lines.faults) == [1, 3]
    assert list(predictions.read_lines("a\tb\n\nc\t\n", "stdin", True).faults) == [1, 2]


def test_answers_become_a_csv_that_reads_back(tmp_path: Path) -> None:
    asked = ['quoted "text", with a comma', "line\nbreak", "=1+1"] * 200
    out = tmp_path / "out.csv"
    rows = predictions.FileRows(("text",), [(text,) for text in asked], asked)
    answers = predictions.predict_batches(rows, long_or_short)
    assert predictions.write_predictions(out, rows, answers, ["long", "short"]) == 600
    head, *lines = read(out)
    assert head == ["text", "label", "p long", "p short"] and [row[0] for row in lines] == asked
    assert lines[0][1:] == ["long", "1.0000", "0.0000"] and lines[2][1] == "short"
    pairs = predictions.FileRows(("text", "text2"), [("a", "b")], [("a", "b")])
    predictions.write_predictions(out, pairs, predictions.predict_batches(pairs, long_or_short), ["long", "short"])
    assert read(out) == [["text", "text2", "label", "p long", "p short"], ["a", "b", "short", "0.1000", "0.9000"]]


def test_scored_rows_become_a_csv_with_every_models_answer(tmp_path: Path) -> None:
    shares = {"student": {"no": 0.3, "yes": 0.7}, "teacher": {"no": 0.9, "yes": 0.1}}
    rows = [{"text": ["a", "b"], "label": "no", "answers": {"student": "yes", "teacher": "no"}, **shares}]
    out = tmp_path / "out.csv"
    assert predictions.write_scored(out, rows, ["no", "yes"], ("floor", "student", "teacher")) == 1
    assert read(out) == [
        ["text", "text2", "label", "student", "student p no", "student p yes", "teacher", "teacher p no",
         "teacher p yes"],
        ["a", "b", "no", "yes", "0.3000", "0.7000", "no", "0.9000", "0.1000"],
    ]  # fmt: skip
    assert predictions.write_scored(out, [], ["no", "yes"], ("student",)) == 0


def test_rows_to_look_at_open_safely_in_a_spreadsheet(tmp_path: Path) -> None:
    texts = ["=1+1", "+49 30 1234", "-", "@SUM(A1)", "\t=1", "＝1", "-1", "+2.5", "a = b", ""]
    rows = [
        {
            "source": "=x.csv",
            "row": number,
            "text": [text, "second"],
            "label": text,
            "teacher": "-é",
            "probability": 0.9,
        }
        for number, text in enumerate(texts, 2)
    ]
    out = tmp_path / "out.csv"
    assert predictions.write_doubtful(out, rows) == len(texts)
    assert out.read_bytes().startswith(b"\xef\xbb\xbf"), "by which Excel knows UTF-8"
    (_, *head), *lines = read(out)
    assert head == ["row", "text", "text2", "label", "teacher", "p teacher"]
    quoted = ["'=1+1", "'+49 30 1234", "'-", "'@SUM(A1)", "'\t=1", "'＝1", "-1", "+2.5", "a = b", ""]
    assert lines == [
        ["'=x.csv", str(number), text, "second", text, "'-é", "0.9000"] for number, text in enumerate(quoted, 2)
    ]
    early = {"text": ["one"], "label": "no", "teacher": "yes", "probability": 0.75}
    predictions.write_doubtful(out, [early])
    assert read(out)[1] == ["", "", "one", "no", "yes", "0.7500"], "of a run that did not note where its rows come from"
    shares = {"student": {"=a": 0.3, "b": 0.7}, "answers": {"student": "=a"}}
    predictions.write_scored(out, [{"text": ["=1"], "label": "=a", **shares}], ["=a", "b"], ("student",))
    assert read(out)[1] == ["'=1", "'=a", "'=a", "0.3000", "0.7000"]
