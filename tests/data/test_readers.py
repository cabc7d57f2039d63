"""The strict readers: what is read, and the sentence for what is not."""

import csv
import datetime
import io
import json
import random
import re
import tracemalloc
import zipfile
from pathlib import Path

import pyarrow
import pytest
from effort import effort
from pyarrow import parquet

from distill_core.data import readers
from distill_core.data.columns import Columns, guess_columns
from distill_core.data.readers import read_table
from distill_core.data.table import MAX_BYTES, Table, max_rows
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


def bomb(folder: Path, kind: str) -> Path:
    """A small file that would become large."""
    texts = {
        "lines.csv": "text,label\n" + "\n" * 2_000, "wide.csv": "text,label\n" + "," * 2_000,
        "wide.tsv": "text\tlabel\n" + "a\t" * 2_000, "objects.json": "[" + "{}," * 2_000 + "{}]",
        "nested.jsonl": ('{"text":' * 5_000 + "\n") * 3, "odd.json": '{"columns": 1, "data": 2}',
    }  # fmt: skip
    if kind in texts:
        return write(folder, kind, texts[kind])
    entries = pyarrow.array(["x" * 1_000_000])
    columns = {
        "dictionary.parquet": pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 256, pyarrow.int32()), entries),
        "cell.parquet": pyarrow.array(["x" * 3_000_000]),
        "list.parquet": pyarrow.array([["a"] * 2_000], pyarrow.list_(pyarrow.string())),
    }
    labels = pyarrow.array(["a"] * len(columns[kind]))
    parquet.write_table(pyarrow.table({"text": columns[kind], "label": labels}), folder / kind, compression="zstd")
    return folder / kind


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("lines.csv", "2,001 lines"), ("wide.csv", "2,001 columns"), ("wide.tsv", "2,001 columns"),
        ("objects.json", "4,002 values"), ("nested.jsonl", "15,000 values"), ("odd.json", "can't be told"),
        ("dictionary.parquet", "more than 200 MB"), ("cell.parquet", "more than 200 MB"),
        ("list.parquet", "2,001 values"),
    ],
)  # fmt: skip
def test_what_would_become_huge_is_weighed_before_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, sentence: str
) -> None:
    for limit in ("MAX_LINES", "MAX_CELLS", "MAX_VALUES"):
        monkeypatch.setattr(readers, limit, 1_000)
    monkeypatch.setattr(readers, "MAX_UNPACKED", 2_000_000)
    file = bomb(tmp_path, kind)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=sentence):
            read_table(file)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_a_text_without_spaces_costs_no_square_of_time(tmp_path: Path) -> None:
    rows = "".join(f"{'x' * 15_000}{number},{number % 2}\n" for number in range(10))
    table = read_table(write(tmp_path, "x.csv", "first,label\n" + rows))
    found, work = effort(lambda: guess_columns(table))
    assert found == Columns("first", None, "label") and work < 1


def test_texts_that_share_an_entry_of_a_dictionary_are_read_once(tmp_path: Path) -> None:
    texts = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0, 1, None, 0]), pyarrow.array(["a b", "c d"]))
    parquet.write_table(pyarrow.table({"text": texts, "label": [1, 2, 3, 4]}), tmp_path / "x.parquet")
    rows = read_table(tmp_path / "x.parquet").rows
    assert rows == [("a b", "1"), ("c d", "2"), (None, "3"), ("a b", "4")] and rows[0][0] is rows[3][0]


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


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "La chambre était très propre et le café à côté était bon"),
        ("cp1252", "It cost £5 – “really”"),
        ("cp1250", "Pokój był czysty, a jedzenie było pyszne i się podobało"),
        ("cp1251", "Комната была чистая и тихая, еда очень вкусная"),
        ("koi8_r", "Комната была чистая и тихая, еда очень вкусная"),
        ("gb18030", "房间干净又安静，这家餐厅的菜很好吃"),
        ("big5", "房間乾淨又安靜，這家餐廳的菜很好吃"),
        ("cp932", "部屋は清潔で静かでした。料理もとても美味しい"),
        ("cp949", "방이 깨끗하고 조용했습니다. 음식도 맛있어요"),
        ("cp1255", "החדר היה נקי ושקט והאוכל היה טוב"),
    ],
)
def test_an_encoding_is_guessed_and_doubted(encoding: str, text: str, tmp_path: Path) -> None:
    content = "text;label\nplain;0\n" + f"{text};1\n" * 3
    found = read_table(write(tmp_path, "x.csv", content.encode(encoding)))
    assert found.rows == [("plain", "0"), *[(text, "1")] * 3]
    assert not found.notes and "x.csv is not UTF-8; it was read as" in found.doubts[0] and "Line 3" in found.doubts[0]


def test_a_damaged_character_does_not_change_the_encoding(tmp_path: Path) -> None:
    content = "text,label\n" + "房间干净又安静,好\n" * 5
    found = read_table(write(tmp_path, "x.csv", content.encode() + b"\xe5\xa5,\xe5\xa5\xbd\n"))
    assert found.rows[0] == ("房间干净又安静", "好") and found.rows[5] == ("\ufffd", "好")
    assert "x.csv is UTF-8 but for 1 character, the first in line 7" in found.doubts[0]


def test_utf16_without_a_mark_is_read(tmp_path: Path) -> None:
    for encoding in ("utf-16-le", "utf-16-be"):
        assert read_table(write(tmp_path, "x.csv", "text,label\nhello,1\n".encode(encoding))).rows == [("hello", "1")]


def test_one_broken_row_is_left_out_and_counted(tmp_path: Path) -> None:
    found = read_table(write(tmp_path, "x.csv", 'text,label\na,1\n"b,1\nc,2\nd,e,1\n"f"f,1\ng,2\nh,1\n'))
    assert found.rows == [("a", "1"), ("c", "2"), ("g", "2"), ("h", "1")] and found.numbers == [2, 4, 7, 8]
    assert list(found.unreadable) == [3, 5, 6]
    assert "3 rows of x.csv can't be read and were left out (rows 3, 5, 6). The first: Row 3" in found.doubts[0]
    found = read_table(write(tmp_path, "x.jsonl", '{"text": "a"}\n{"text": \n[1]\n{"text": "b"}\n{"text": "c"}\n'))
    assert found.rows == [("a",), ("b",), ("c",)] and found.numbers == [1, 4, 5]
    assert "2 rows of x.jsonl can't be read and were left out (rows 2, 3)" in found.doubts[0]


@pytest.mark.parametrize(
    ("name", "content", "rows", "words"),
    [
        ("x.csv", "sep=;\r\ntext;label\r\na, b;1\r\n", [("a, b", "1")], "Excel's line “sep=;”"),
        ("x.csv", "\ufeffsep=,\ntext,label\na;b,1\n", [("a;b", "1")], "Excel's line “sep=,”"),
        ("x.csv", "id,text,label\n0,a,1\n1,b,0\n,,\n,,\n", [("0", "a", "1"), ("1", "b", "0")], "2 empty rows"),
        ("x.csv", "text,label,\na,1,\nb,0,\n", [("a", "1"), ("b", "0")], ""),
        ("x.csv", "text,label\na,1,,\nb,0\n", [("a", "1"), ("b", "0")], ""),
        ("x.csv", "text|label\na, b; c|1\nd|0\n", [("a, b; c", "1"), ("d", "0")], "separated by '|'"),
        ("x.csv", "text;label\na, b, c;1\nd, e, f;0\n", [("a, b, c", "1"), ("d, e, f", "0")], ""),
        ("x.tsv", "text,label\na,1\n", [("a", "1")], ""),
        ("x.csv", 'text,label\n"said \\"a, b\\"",1\n"c",0\n', [('said "a, b"', "1"), ("c", "0")], "have a backslash"),
        ("x.csv", 'text,label\n"C:\\",1\n"c",0\n', [("C:\\", "1"), ("c", "0")], ""),
        ("x.csv", "text\ngood, really\nbad\n", [("good, really",), ("bad",)], ""),
        ("x.json", '{"text": {"0": "a", "1": "b"}, "label": {"0": 1, "1": 0}}', [("a", "1"), ("b", "0")], ""),
        ("x.json", '{"text": ["a", "b"], "label": [1, 0]}', [("a", "1"), ("b", "0")], ""),
        ("x.json", '{"7": {"text": "a", "label": 1}, "8": {"text": "b", "label": 0}}', [("a", "1"), ("b", "0")], ""),
        ("x.json", '{"columns": ["text"], "index": [0, 1], "data": [["a"], ["b"]]}', [("a",), ("b",)], ""),
        ("x.json", '{"version": 1, "data": [{"text": "a"}, {"text": "b"}]}', [("a",), ("b",)], "read from 'data'"),
        ("x.json", '{"result": {"total": 2, "items": [{"text": "a"}]}}', [("a",)], "read from 'items'"),
        ("x.json", '{"text": "a", "label": 1}', [("a", "1")], ""),
        ("x.json", '{\n "text": "a",\n "label": 1\n}\n{\n "text": "b",\n "label": 0\n}', [("a", "1"), ("b", "0")], ""),
        ("x.csv", '"sep=;"\r\ntext;label\r\na;1\r\n', [("a", "1")], "Excel's line"),
    ],
)  # fmt: skip
def test_what_programs_write_is_read(name: str, content: str, rows: list, words: str, tmp_path: Path) -> None:
    found = read_table(write(tmp_path, name, content))
    assert found.rows == rows
    assert words in " ".join(found.notes) and bool(words) == bool(found.notes) and not found.doubts


def test_json_without_rows_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="one JSON object \\('version', 'meta'\\), and which part of it holds"):
        read_table(write(tmp_path, "x.json", '{"version": 1, "meta": {"a": 3}}'))


def test_an_empty_text_in_a_file_of_one_column_is_a_row(tmp_path: Path) -> None:
    found = read_table(write(tmp_path, "x.csv", 'text\ngood band\n""\n\nbad sound\n'))
    assert found.rows == [("good band",), (None,), (None,), ("bad sound",)]


def test_a_workbook_is_read(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["Reviews of 2026"], ["text", "label", None, "when"], ["fine, really", 1.0], [],
                ["poor", 0, None, datetime.date(2026, 1, 2)], ["so so", True]):  # fmt: skip
        sheet.append(row)
    book.create_sheet("Codes").append(["code", "word"])
    book.save(tmp_path / "x.xlsx")
    found = read_table(tmp_path / "x.xlsx")
    assert found.columns == ("text", "label", "when") and found.numbers == [3, 4, 5, 6]
    assert found.rows[0] == ("fine, really", "1", None) and found.rows[1] == (None, None, None)
    assert found.rows[2][1] == "0" and str(found.rows[2][2]).startswith("2026-01-02") and found.rows[3][1] == "true"
    assert "'Sheet' was read, not 'Codes'" in found.notes[0] and "header of x.xlsx is row 2" in found.notes[1]
    (tmp_path / "y.csv").write_bytes((tmp_path / "x.xlsx").read_bytes())
    assert read_table(tmp_path / "y.csv").rows == found.rows


def test_cells_that_hold_their_own_text_are_read_without_formatting(tmp_path: Path) -> None:
    """As programs write them that keep no table of texts: plain, in formatted runs, with a phonetic guide, empty."""
    import openpyxl

    inside = [
        "<t>text</t>",
        "<t>label</t>",
        "<r><t>one </t></r><r><rPr><b/></rPr><t>two</t></r>",
        "<t>a</t>",
        '<t xml:space="preserve">東京</t><rPh sb="0" eb="2"><t>トウキョウ</t></rPh>',
        "<t>b</t>",
        "",
        "<t>a</t>",
    ]
    cells = [f'<c t="inlineStr"><is>{text}</is></c>' for text in inside]
    rows = "".join(f"<row>{left}{right}</row>" for left, right in zip(cells[::2], cells[1::2], strict=True))
    book = openpyxl.Workbook()
    book.save(tmp_path / "x.xlsx")
    with zipfile.ZipFile(tmp_path / "x.xlsx") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    members[sheet] = re.sub(rb"<sheetData.*?/(sheetData)?>", f"<sheetData>{rows}</sheetData>".encode(), members[sheet])
    with zipfile.ZipFile(tmp_path / "x.xlsx", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    assert read_table(tmp_path / "x.xlsx").rows == [("one two", "a"), ("東京", "b"), (None, "a")]


def test_class_names_in_a_parquet_file_are_read(tmp_path: Path) -> None:
    features = {"label": {"names": ["positive", "negative"], "_type": "ClassLabel"}, "text": {"dtype": "string"}}
    table = pyarrow.table({"text": ["a", "b", "c"], "label": [0, 1, -1]})
    for metadata, labels in (
        ({b"huggingface": json.dumps({"info": {"features": features}}).encode()}, ["positive", "negative", None]),
        ({b"huggingface": b'{"info": 3}'}, ["0", "1", "-1"]),
    ):
        parquet.write_table(table.replace_schema_metadata(metadata), tmp_path / "x.parquet")
        assert read_table(tmp_path / "x.parquet").column("label") == labels


def test_lists_of_one_label_are_read_and_longer_ones_are_several_labels(tmp_path: Path) -> None:
    one = write(tmp_path, "x.jsonl", '{"text": "a", "labels": ["x"]}\n{"text": "b", "labels": []}\n')
    assert read_table(one).rows == [("a", "x"), ("b", None)] and "each row has one at most" in read_table(one).notes[0]
    parquet.write_table(pyarrow.table({"text": ["a", "b"], "labels": [["x"], ["y"]]}), tmp_path / "x.parquet")
    assert read_table(tmp_path / "x.parquet").rows == [("a", "x"), ("b", "y")]
    parquet.write_table(
        pyarrow.table({"text": ["a", "b"], "labels": [["x", "y"], []], "lang": ["de", "en"]}), tmp_path / "y.parquet"
    )
    lines = '{"text": "a", "labels": ["x", "y"], "lang": "de"}\n{"text": "b", "labels": ["x"], "lang": "en"}\n'
    for path in (tmp_path / "y.parquet", write(tmp_path, "y.jsonl", lines)):
        with pytest.raises(DataError, match="'labels' of y.* holds several labels a row \\(x, y\\). A student"):
            guess_columns(read_table(path))
        with pytest.raises(DataError, match="holds several labels a row"):
            guess_columns(read_table(path), label="labels")
        assert guess_columns(read_table(path), label="lang").label == "lang"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("x.csv", "text,label\na,1\nb,1,2,3\n", r"Row 3 of x.csv has 4 columns where the header has 2\. Put quotes"),
        ("x.csv", 'text,label\n"a\nb",1\nc\n', r"Row 3 of x.csv \(line 4\) has 1 column where the header has 2"),
        ("x.csv", 'text,label\na,1\n"b,1\n', r"Row 3 of x.csv opens a quote that is never closed"),
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
        ("x.csv", b"\xff\xfea", "begins like UTF-16 but isn't"),
        ("x.xlsx", b"PK", "x.xlsx is not an Excel workbook that can be read"),
        ("x.xls", b"\xd0\xcf\x11\xe0", r"x.xls \(.xls\) is not a CSV, TSV, JSONL, Excel \(.xlsx\), Parquet or TXT"),
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
        monkeypatch.setenv("STILLROOM_MAX_ROWS", "3")
        assert len(read_table(write(tmp_path, name, content)).rows) == 3
        monkeypatch.setenv("STILLROOM_MAX_ROWS", "2")
        with pytest.raises(DataError, match="has more than 2 (rows|lines). Take a sample"):
            read_table(write(tmp_path, name, content))
    few = pyarrow.table({"text": pyarrow.array(["x" * 1000] * 100_000).dictionary_encode()})
    parquet.write_table(few, tmp_path / "x.parquet")
    monkeypatch.setenv("STILLROOM_MAX_ROWS", "99")
    with pytest.raises(DataError, match="has more than 99 rows"):
        read_table(tmp_path / "x.parquet")
    monkeypatch.setenv("STILLROOM_MAX_ROWS", "100000")
    seen, as_cell = [], readers.as_cell
    monkeypatch.setattr(readers, "as_cell", lambda value: seen.append(value) or as_cell(value))
    with pytest.raises(DataError, match="more than 1 MB of text"):
        read_table(tmp_path / "x.parquet")
    assert len(seen) < 2000


def test_a_file_may_have_as_many_rows_as_its_audience_is_given(tmp_path: Path, monkeypatch) -> None:
    assert (max_rows(), MAX_BYTES) == (1_000_000, 200_000_000)
    file = write(tmp_path, "x.csv", "text\n" + "a\n" * 5_001)
    assert len(read_table(file).rows) == 5_001
    for audience in ("room", "space"):
        monkeypatch.setenv("STILLROOM_AUDIENCE", audience)
        with pytest.raises(DataError, match=r"^x.csv has more than 5,000 rows. Take a sample of it.$"):
            read_table(file)
    for chosen, most in (("5001", 5_001), ("many", 5_000), ("", 5_000), ("-1", 5_000)):
        monkeypatch.setenv("STILLROOM_MAX_ROWS", chosen)
        assert max_rows() == most


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
    rows = [(str(n), f"some {n} longer words here", "ab"[n % 2], f"2026-01-{n:02}") for n in range(1, 9)]
    assert guess_columns(make("id", "was", "hm", "when", rows=rows)) == Columns("was", None, "hm")


def test_a_column_that_is_nearly_empty_or_constant_or_counts_is_no_text() -> None:
    def cells(number: int) -> tuple[str | None, ...]:
        remark = "a single remark that is far longer than any of the texts in this file, and says a lot" * 2
        address, source = "https://x.org/a-b-c-d-e", "the same words in every row of the file"
        return (str(number), ["spam", "ham"][number % 2], f"text number {number} of all",
                remark if number == 7 else None, source, address)  # fmt: skip

    rows = [cells(number) for number in range(40)]
    guess = guess_columns(make("column 1", "v1", "v2", "column 4", "source", "url", rows=rows))
    assert guess == Columns("v2", None, "v1")
    guess = guess_columns(make("nr", "class", "review", "text", "about", "title", rows=rows))
    assert guess == Columns("review", None, "class"), "by its name a column is the text only where it is filled"


@pytest.mark.parametrize(
    ("first", "second"),
    [("question_1", "question_2"), ("sentence_a", "sentence_b"), ("Sentence1", "Sentence2"),
     ("text_left", "text_right"),
     ("premise", "hypothesis"), ("textA", "textB"), ("first sentence", "second sentence"), ("q1", "q2")],
)  # fmt: skip
def test_pairs_are_known_by_their_names(first: str, second: str) -> None:
    rows = [(str(n), f"one thing {n}", f"another thing {n}", str(n % 2)) for n in range(20)]
    assert guess_columns(make("id", first, second, "same", rows=rows)) == Columns(first, second, "same")
    rows = [(f"some longer words {n}", str(n), str(n + 1), str(n % 2)) for n in range(20)]
    assert guess_columns(make("text", "qid1", "qid2", "label", rows=rows)) == Columns("text", None, "label")


def test_a_label_is_not_where_a_row_is_from() -> None:
    rows = [(f"text number {n}", "ab"[n % 2], f"kind {n % 5}") for n in range(40)]
    assert guess_columns(make("body", "split", "intent_name", rows=rows)).label == "intent_name"
    assert guess_columns(make("body", "lang", "kind", rows=rows)).label == "kind"
    assert guess_columns(make("body", "lang", "label", rows=rows)).label == "label"


def test_labels_as_an_object_are_several(tmp_path: Path) -> None:
    lines = '{"text": "a", "labels": {"toxic": 1, "insult": 0}, "lang": "de"}\n' * 3
    with pytest.raises(DataError, match=r"'labels' of x.jsonl holds several labels a row \(toxic, insult\)"):
        guess_columns(read_table(write(tmp_path, "x.jsonl", lines)))
    lines = '{"text": "a", "label": [{"name": "x"}], "lang": "de"}\n{"text": "b", "label": [], "lang": "en"}\n'
    with pytest.raises(DataError, match="'label' of y.jsonl holds lists or objects"):
        guess_columns(read_table(write(tmp_path, "y.jsonl", lines)))


def test_several_columns_of_yes_and_no_are_a_question() -> None:
    rows = [(f"text number {n}", str(n % 2), str(n % 3 // 2), "01"[n % 5 > 2]) for n in range(30)]
    table = make("comment", "toxic", "insult", "threat", rows=rows)
    with pytest.raises(DataError, match=r"x.csv has 3 columns of yes or no \('toxic', 'insult', 'threat'\)"):
        guess_columns(table)
    assert guess_columns(table, label="insult") == Columns("comment", None, "insult")
    assert guess_columns(make("comment", "label", "insult", "threat", rows=rows)).label == "label"


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
