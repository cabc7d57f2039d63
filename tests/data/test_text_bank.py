"""Text banks: whatever they are, their texts come one after another, and only those that are asked for are read."""

import gzip
import tracemalloc
from itertools import islice
from pathlib import Path
from uuid import uuid4

import pytest
from fake_hub import FakeHub

from distill_core.data.text_bank import check_bank, count_texts, file_version, is_hub_bank, open_bank
from distill_core.errors import DataError, HubError, UserError
from distill_core.hub import datasets


@pytest.fixture
def id() -> str:
    return f"someone/bank-{uuid4().hex}"


def texts(name: str | Path) -> list[str]:
    return list(open_bank(str(name)).texts)


def test_a_text_file_has_one_text_a_line(tmp_path: Path) -> None:
    file = tmp_path / "bank.txt"
    file.write_text("  a fine film \n\n" + "x" * 25_000 + "\na dull one\r\nthe end", encoding="utf-8")
    assert texts(file) == ["a fine film", "a dull one", "the end"], "no blank lines, and none without an end"
    assert open_bank(str(file)).name == "bank.txt"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_other_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "bank.txt"
    lines = ["ein schöner Film für große Kinder", "das Ende wäre überall früher möglich"]
    file.write_bytes("\n".join(lines).encode(encoding))
    assert texts(file) == lines


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "bank.txt"
    file.write_bytes(gzip.compress(b"a fine film"))
    with pytest.raises(DataError, match="gzip inside"):
        open_bank(str(file))
    file.write_bytes(b"")
    with pytest.raises(DataError, match="is empty"):
        open_bank(str(file))


def test_of_a_table_the_column_of_the_texts_is_read(tmp_path: Path) -> None:
    file = tmp_path / "bank.csv"
    file.write_text("id,review,stars\n7,a fine film,5\n8,,4\n9,a dull one,1\n")
    assert texts(file) == ["a fine film", "a dull one"]
    assert count_texts(str(file), 100) == 3


def test_a_data_set_is_a_stream(fake_hub: FakeHub, id: str) -> None:
    rows = "".join(f"{number},a text with the number {number}\n" for number in range(1000))
    fake_hub.add("datasets", id, {"train.csv": f"id,sentence\n{rows}".encode()})
    bank = open_bank(id)
    assert list(islice(bank.texts, 2)) == ["a text with the number 0", "a text with the number 1"]
    assert len(texts(id)) == 1000 and bank.version[0] == id
    from datasets import config

    assert not list(config.HF_DATASETS_CACHE.rglob(f"*{id[-20:]}*/**/*.arrow")), "no row is stored"


def test_a_stream_without_end_is_ended(fake_hub: FakeHub, id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = "".join(f"{number},a text with the number {number}\n" for number in range(1000))
    fake_hub.add("datasets", id, {"train.csv": f"id,sentence\n{rows}".encode()})
    monkeypatch.setattr(datasets, "DATASET_BYTES", 20_000)
    with pytest.raises(HubError, match="has more than 0 GB of text to read. Choose a smaller text bank"):
        texts(id)
    assert len(list(islice(open_bank(id).texts, 500))) == 500, "as far as they go"


def test_a_subset_stands_behind_a_colon(fake_hub: FakeHub, id: str) -> None:
    configs = "".join(f"- config_name: {name}\n  data_files: {name}.csv\n" for name in ("red", "blue"))
    card = f"---\nconfigs:\n{configs}---\n".encode()
    files = {f"{name}.csv": f"text\na {name} text\nanother {name} text\n".encode() for name in ("red", "blue")}
    fake_hub.add("datasets", id, {"README.md": card, **files})
    assert texts(f"{id}:blue") == ["a blue text", "another blue text"]
    with pytest.raises(HubError, match="several subsets. Name one with bank: red, blue"):
        open_bank(id)


def test_a_data_set_that_breaks_off_or_points_elsewhere_is_one_sentence(fake_hub: FakeHub, id: str) -> None:
    fake_hub.add("datasets", id, {"train.parquet": b"PAR1 but not really PAR1"})
    with pytest.raises(HubError):
        texts(id)
    card = b"---\nconfigs:\n- config_name: default\n  data_files: http://127.0.0.1:1/x.csv\n---\n"
    fake_hub.add("datasets", id, {"README.md": card, "x.csv": b"text\na\n"})
    with pytest.raises(HubError, match="points to files outside itself"):
        open_bank(id)
    with pytest.raises(HubError, match="no data set"):
        open_bank("nobody/nothing-of-the-kind")


def test_what_can_be_no_bank_is_refused_before_anything_is_read() -> None:
    check_bank("owner/name:subset")
    for name in ("/nowhere/texts.txt", "a folder/texts.txt", "what is this?", "nul\0"):
        with pytest.raises(UserError, match="There is no file"):
            check_bank(name)
        assert not is_hub_bank(name)


def test_a_public_host_reads_no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "bank.txt"
    file.write_text("a secret\n")
    monkeypatch.setenv("SPACE_ID", "someone/space")
    for use in (open_bank, check_bank, lambda name: count_texts(name, 9)):
        with pytest.raises(DataError, match="There is no file"):
            use(str(file))
    assert file_version(str(file)) == str(file)


def test_texts_are_counted_by_the_first_of_them(tmp_path: Path) -> None:
    file = tmp_path / "bank.txt"
    file.write_text("a text of thirty characters ..\n" * 100_000)
    assert count_texts(str(file), 10**9) == pytest.approx(100_000, rel=0.01)
    assert count_texts(str(file), 500) == 500 == count_texts("owner/name", 500)


def test_a_changed_file_has_another_version(tmp_path: Path) -> None:
    file = tmp_path / "bank.txt"
    file.write_text("a text\n")
    before = open_bank(str(file)).version
    file.write_text("another text\n")
    assert before != open_bank(str(file)).version == file_version(str(file))


def test_memory_is_flat(tmp_path: Path) -> None:
    file = tmp_path / "bank.txt"
    file.write_text("a text of thirty characters ..\n" * 500_000)  # 15 MB
    tracemalloc.start()
    try:
        assert sum(1 for _ in open_bank(str(file)).texts) == 500_000
        assert tracemalloc.get_traced_memory()[1] < 6_000_000
    finally:
        tracemalloc.stop()
