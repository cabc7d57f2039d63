"""The strict readers: what is read, and the sentence for what is not."""

import csv
import io
import json
import random
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from distill_core.data import readers
from distill_core.data.columns import Columns, guess_columns
from distill_core.data.readers import read_table
from distill_core.data.table import Table
from distill_core.errors import DataError, UserError


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_every_format_reads_the_same_rows(tmp_path: Path) -> None:
    rows = [("a, \"quoted\" 'text'", "1"), ("two\nlines", "2"), ("ünï😀 \u2028 x", None)]
    buffer = io.StringIO()
    csv.writer(buffer).writerows([("text", "label"), *rows])
    tabbed = io.StringIO()
    csv.writer(tabbed, delimiter="\t").writerows([("text", "label"), *rows])
    lines = "\n".join(json.dumps({"text": text, "label": label and int(label)}) for text, label in rows)
    array = json.dumps([{"text": text, "label": label} for text, label in rows])
    parquet.write_table(
        pyarrow.table({"text": [row[0] for row in rows], "label": pyarrow.array([1.0, 2.0, None])}),
        tmp_path / "x.parquet",
    )
    paths = [
        write(tmp_path, "x.csv", buffer.getvalue()),
        write(tmp_path, "bom.csv", buffer.getvalue().encode("utf-8-sig")),
        write(tmp_path, "utf16.csv", buffer.getvalue().encode("utf-16")), write(tmp_path, "x.tsv", tabbed.getvalue()),
        write(tmp_path, "x.jsonl", lines), write(tmp_path, "x.json", array), tmp_path / "x.parquet",
    ]  # fmt: skip
    for path in paths:
        found = read_table(path)
        assert found.columns == ("text", "label"), path
        assert [(text.replace("\r\n", "\n"), label) for text, label in found.rows] == rows, path


def test_row_numbers_are_those_of_a_spreadsheet(tmp_path: Path) -> None:
    found = read_table(write(tmp_path, "x.csv", 'text,label\na,1\n\n"b\nc",2\nd,1\n'))
    assert found.numbers == [2, 4, 5]


def test_semicolons_and_tabs_under_csv_are_seen(tmp_path: Path) -> None:
    assert read_table(write(tmp_path, "x.csv", "text;label\na, b;1\n")).rows == [("a, b", "1")]
    assert read_table(write(tmp_path, "y.csv", "text\tlabel\na, b\t1\n")).rows == [("a, b", "1")]


def test_quotes_in_a_tsv_may_be_plain_characters(tmp_path: Path) -> None:
    rows = read_table(write(tmp_path, "x.tsv", 'text\tlabel\n"never closed\t1\nfine"\t0\nsaid "hm" twice\t1\n')).rows
    assert rows == [('"never closed', "1"), ('fine"', "0"), ('said "hm" twice', "1")]


def test_plain_text_is_one_text_a_line(tmp_path: Path) -> None:
    found = read_table(write(tmp_path, "x.txt", "one, two\n\n  three  \n"))
    assert (found.columns, found.rows, found.numbers) == (("text",), [("one, two",), ("three",)], [1, 3])


def test_windows_1252_is_read_and_said(tmp_path: Path) -> None:
    found = read_table(write(tmp_path, "x.csv", "text,label\ncafé,1\n".encode("cp1252")))
    assert found.rows == [("café", "1")]
    assert "line 2" in found.notes[0] and "Windows-1252" in found.notes[0]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("x.csv", "text,label\na,1\nb,1,2,3\n", r"Row 3 of x.csv has 4 columns where the header has 2\. Put quotes"),
        ("x.csv", 'text,label\n"a\nb",1\nc\n', r"Row 3 of x.csv \(line 4\) has 1 column where the header has 2"),
        ("x.csv", 'text,label\na,1\n"b,1\nc,2\n', r"Row 3 of x.csv opens a quote that is never closed"),
        ("x.csv", 'text,label\n"a"b,1\n', r"Row 2 of x.csv has a quote in the wrong place"),
        ("x.csv", "text,label\n" + '"' + "a" * 140_000 + '",1\n', "more than 131,072 characters"),
        ("x.csv", "text,text,label\na,b,1\n", r"the column 'text' twice. Give each column its own name"),
        ("x.csv", ",".join(f"c{n}" for n in range(60)) + "\n", "has 60 columns; at most 50"),
        ("x.csv", "0,1\na,1\n", "looks like data, not like a header. Put the columns' names in the first row"),
        ("x.csv", "a long first text " * 8 + ",1\nb,2\n", "looks like data"),
        ("x.csv", "text,label\n", "has a header and no rows"),
        ("x.csv", "\n\n", "x.csv is blank"),
        ("x.csv", "", "x.csv is empty"),
        ("x.csv", b"text,label\na\0b,1\n", "Line 2 of x.csv holds a NUL byte"),
        ("x.csv", b"\x1f\x8b\x08\0rest", "x.csv is gzip inside, not text. Unpack"),
        ("x.csv", b"PK\x03\x04rest", "a zip or Excel file inside"),
        ("x.csv", b"PAR1rest", "Parquet inside"),
        ("x.csv", b"text,label\na,1\n\x81\x8d,1\n", "Line 3 of x.csv is not UTF-8"),
        ("x.csv", b"\xff\xfea", "begins like UTF-16 but isn't"),
        ("x.xlsx", b"PK", r"x.xlsx \(.xlsx\) is not a CSV, TSV, JSONL, Parquet or TXT file"),
        ("x", "text,label\n", "no ending"),
        ("x.jsonl", '{"text": "a"}\n["b"]\n', "Row 2 of x.jsonl is not an object like"),
        ("x.jsonl", '{"text": "a"}\n\n{"text": \n', "Line 3 of x.jsonl is not JSON"),
        ("x.jsonl", "[" * 100_000, "begins like one JSON array, but it is nested too deep"),
        ("x.jsonl", '{"text": "a", "label": ' + "1" * 5000 + "}", "too large a number"),
        ("x.json", '[{"text": "a"}, null]', "Row 2 of x.json is not an object"),
        ("x.parquet", b"PAR1 nonsense PAR1", "x.parquet is not a Parquet file that can be read"),
    ],
)
def test_a_broken_file_is_one_sentence_with_its_place(name: str, content, words: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=words) as caught:
        read_table(write(tmp_path, name, content))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "words"),
    [("no/such/file.csv", "There is no file 'no/such/file.csv'. Check"), (".", "is not a file"),
     ("a\0b.csv", "can't be read|no file"), ("~nobody-here/x.csv", "can't be read"),
     ("x" * 5000 + ".csv", "can't be read")],
)  # fmt: skip
def test_a_path_that_leads_nowhere(path: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_table(path)


def test_caps_are_checked_before_memory_is_spent(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(readers, "MAX_BYTES", 1_000_000)
    with pytest.raises(DataError, match="at most 1 are read"):
        read_table(write(tmp_path, "x.csv", b"x" * 1_000_001))
    for name, content in (("x.csv", "text\na\nb\nc\n"), ("x.jsonl", '{"t": "a"}\n' * 3), ("x.txt", "a\nb\nc\n")):
        monkeypatch.setattr(readers, "MAX_ROWS", 3)
        assert len(read_table(write(tmp_path, name, content)).rows) == 3
        monkeypatch.setattr(readers, "MAX_ROWS", 2)
        with pytest.raises(DataError, match="has more than 2 (rows|lines). Take a sample"):
            read_table(write(tmp_path, name, content))
    few = pyarrow.table({"text": pyarrow.array(["x" * 1000] * 100_000).dictionary_encode()})
    parquet.write_table(few, tmp_path / "x.parquet")
    monkeypatch.setattr(readers, "MAX_ROWS", 99)
    with pytest.raises(DataError, match="has more than 99 rows"):
        read_table(tmp_path / "x.parquet")
    monkeypatch.setattr(readers, "MAX_ROWS", 100_000)
    seen, as_cell = [], readers.as_cell
    monkeypatch.setattr(readers, "as_cell", lambda value: seen.append(value) or as_cell(value))
    with pytest.raises(DataError, match="more than 1 MB of text"):
        read_table(tmp_path / "x.parquet")
    assert len(seen) < 2000


def test_nested_columns_are_left_out_and_said_when_asked_for(tmp_path: Path) -> None:
    found = read_table(write(tmp_path, "x.jsonl", '{"text": "a", "tags": ["x"], "label": true}\n'))
    assert (found.columns, found.rows) == (("text", "label"), [("a", "true")])
    with pytest.raises(DataError, match="'tags' of x.jsonl holds lists or objects"):
        found.check("tags")


def make(*columns: str, rows: list[tuple[str, ...]] | None = None) -> Table:
    cells = rows or [tuple(f"{name} {number % 2}" for name in columns) for number in range(10)]
    return Table("x.csv", columns, cells, list(range(2, len(cells) + 2)))


@pytest.mark.parametrize(
    ("columns", "text", "text2", "label"),
    [
        (("sentence", "label", "idx"), "sentence", None, "label"),
        (("idx", "premise", "hypothesis", "label"), "premise", "hypothesis", "label"),
        (("id", "qid1", "qid2", "question1", "question2", "is_duplicate"), "question1", "question2", "is_duplicate"),
        (("Review", "Sentiment"), "Review", None, "Sentiment"),
        (("label", "text"), "text", None, "label"),
        (("text",), "text", None, None),
    ],
)
def test_columns_are_guessed_by_name(columns, text, text2, label) -> None:
    assert guess_columns(make(*columns, rows=[tuple("same" for _ in columns)] * 3)) == Columns(text, text2, label)


def test_columns_are_guessed_by_what_they_hold() -> None:
    rows = [(str(n), "some longer words here", "ab"[n % 2], f"2026-01-{n:02}") for n in range(1, 9)]
    assert guess_columns(make("id", "was", "hm", "when", rows=rows)) == Columns("was", None, "hm")


def test_given_columns_are_kept_and_a_second_text_is_then_not_guessed() -> None:
    found = make("premise", "hypothesis", "label")
    assert guess_columns(found, text="premise") == Columns("premise", None, "label")
    assert guess_columns(found, "hypothesis", "premise").text2 == "premise"


def test_a_wrong_column_gets_the_nearest_name() -> None:
    with pytest.raises(
        DataError, match=r"x.csv has no column 'txt' \(asked for by text\). Did you mean 'text'\? Its columns"
    ):
        guess_columns(make("text", "label"), text="txt")
    with pytest.raises(DataError, match="Did you mean 'Label'"):
        guess_columns(make("text", "Label"), label="label")
    with pytest.raises(DataError, match="must differ"):
        guess_columns(make("text", "label"), text="text", label="text")


SEEDS = {
    "x.csv": b'text,label\n"a, b",good\nc,bad\n"d ""e""",good\n',
    "x.tsv": b'text\tlabel\na\tgood\n"b"\tbad\n',
    "x.jsonl": b'{"text": "a", "label": 1}\n{"text": "\\u00fc", "label": null, "x": [1]}\n',
    "x.json": b'[{"text": "a", "label": 1.5}, {"text": "b", "label": "x"}]',
    "x.txt": "one\ntwo\nzwölf\n".encode(),
}
SPICE = (b'"', b",", b"\n", b"\r", b"\0", b"\xff", b"\xed\xa0\x80", b"\t", b"{", b"[", b"}", b"\\ud800", b"1e999",
         b"NaN", b"\xef\xbb\xbf", b"\x1f\x8b", b"PK\x03\x04", b"\xff\xfe", b"PAR1", b"-", b"label", b"9" * 400,
         b"a" * 200)  # fmt: skip


def mutate(data: bytes, generator: random.Random) -> bytes:
    for _ in range(generator.randint(1, 6)):
        first, last = sorted((generator.randint(0, len(data)), generator.randint(0, len(data))))
        piece = generator.choice((generator.choice(SPICE), data[first:last], generator.randbytes(2)))
        data = data[:first] + piece + data[min(len(data), generator.choice((first, last, first + 1))) :]
    return data


def test_two_thousand_mutated_files_end_in_a_table_or_a_sentence(tmp_path: Path) -> None:
    source = pyarrow.table({"text": ["a", "b", "c"], "label": [1, 0, 1]})
    parquet.write_table(source, tmp_path / "seed.parquet")
    seeds = {**SEEDS, "x.parquet": (tmp_path / "seed.parquet").read_bytes()}
    generator = random.Random(20261123)
    read = refused = 0
    for number in range(2000):
        name = sorted(seeds)[number % len(seeds)]
        path = write(tmp_path, name, mutate(seeds[name], generator))
        try:
            found = read_table(path)
            guess_columns(found)
        except UserError as error:
            refused += 1
            assert "\n" not in str(error) and len(str(error)) < 1000
        else:
            read += 1
            assert all(len(row) == len(found.columns) for row in found.rows) and len(found.numbers) == len(found.rows)
            for row in found.rows:
                for cell in row:
                    assert cell is None or cell.encode("utf-8").strip()
    assert read > 200 and refused > 200
