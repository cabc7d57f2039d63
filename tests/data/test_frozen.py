"""Frozen data: what comes back is what went in, and a damaged file is no data."""

import gzip
import hashlib
import json
from pathlib import Path

import pytest

from distill_core.config.schema import Config
from distill_core.data import frozen
from distill_core.data.dataset import Dataset, Split
from distill_core.data.frozen import FrozenDataset
from distill_core.errors import DataError
from distill_core.messages import message, message_data
from distill_core.tasks import load_dataset

PAIRS = Dataset(
    Split([("naïve ☕", "line\nbreak"), ("", "\ud800 half"), ('"quoted"', "\x00")], [2, 0, 1],
          "own.csv", [2, 3, 7]),
    Split([("a", "b")], [1]), Split([("c", "d")], [0]), [("free", "text"), ("日本", "語")], ("None", "1", "1.0"), True,
    "de", "validation", [("warning", message("{n:row|rows} left out", n=2)), ("info", "a plain sentence")],
    {"text": "a", "text2": "b"},
)  # fmt: skip


def test_the_very_rows_labels_order_and_notes_come_back(tmp_path: Path) -> None:
    frozen.save(FrozenDataset(PAIRS, {"train": "0a"}), tmp_path)
    found = frozen.load(tmp_path)
    assert found == FrozenDataset(PAIRS, {"train": "0a"}) and found.dataset.fingerprint() == PAIRS.fingerprint()
    assert found.dataset.train.texts == PAIRS.train.texts and isinstance(found.dataset.train.texts[0], tuple)
    notes = zip(found.dataset.notes, PAIRS.notes, strict=True)
    assert all(message_data(one) == message_data(other) for (_, one), (_, other) in notes), "a page translates them"


def test_a_tasks_rows_come_back(tmp_path: Path, toy_config: Config) -> None:
    data = load_dataset(toy_config)
    frozen.save(FrozenDataset(data, {}), tmp_path)
    assert frozen.load(tmp_path) == FrozenDataset(data, {})


def test_rows_that_an_earlier_version_froze_have_no_numbers(tmp_path: Path) -> None:
    frozen.save(FrozenDataset(PAIRS, {}), tmp_path)
    head, body = map(json.loads, gzip.decompress((tmp_path / frozen.FILE).read_bytes()).splitlines())
    for split in ("train", "valid", "test"):
        del body[split]["numbers"], body[split]["source"]
    lines = json.dumps(body).encode()
    head["sha256"] = hashlib.sha256(lines).hexdigest()
    (tmp_path / frozen.FILE).write_bytes(gzip.compress(json.dumps(head).encode() + b"\n" + lines))
    train = frozen.load(tmp_path).dataset.train
    assert train.texts == PAIRS.train.texts and train.source_row(2) == {}
    assert PAIRS.train.source_row(2) == {"source": "own.csv", "row": 7}


def test_where_nothing_was_frozen_there_is_nothing(tmp_path: Path) -> None:
    assert frozen.load(tmp_path) is None
    frozen.delete(tmp_path)
    frozen.delete(tmp_path / "nowhere")


def test_a_damaged_file_is_refused_with_a_sentence(tmp_path: Path) -> None:
    frozen.save(FrozenDataset(PAIRS, {}), tmp_path)
    file = tmp_path / frozen.FILE
    whole = file.read_bytes()
    swapped = gzip.compress(gzip.decompress(whole).replace(b"[2,0,1]", b"[0,2,1]"))
    older = gzip.compress(gzip.decompress(whole).replace(b'"format":1', b'"format":0'))
    assert len({whole, swapped, older}) == 3
    for content in (b"", whole[:-9], b"not gzip", swapped, older, gzip.compress(b"{}\n{}"), gzip.compress(b"[]\n")):
        file.write_bytes(content)
        with pytest.raises(DataError, match=r"rows that this run began with can't be read.*Start a new run"):
            frozen.load(tmp_path)


def test_a_sources_digest_is_that_of_its_content(tmp_path: Path) -> None:
    train, test = tmp_path / "train.csv", tmp_path / "test.csv"
    config = Config.of(task="file", train=str(train), test=str(test))
    train.write_text("text,label\na,b\n")
    first = frozen.source_digests(config)
    assert set(first) == {"train", "test"} and first["test"] == ""
    train.write_text("text,label\na,c\n")
    assert frozen.source_digests(config)["train"] != first["train"]
    train.write_text("text,label\na,b\n")
    assert frozen.source_digests(config) == first, "a newer file of the same content has not changed"
