import itertools
import json
import os

import pytest
from broken import BREAKS, REFUSALS, break_file, failing_disk

from distill_core.cache import CHECKSUMS, MARKER, Cache, digest, write_atomic, write_file
from distill_core.faults import explain_fault


def test_what_was_put_is_found_by_its_key(tmp_path):
    cache = Cache(tmp_path)
    assert cache.get("logits", {"a": 1, "b": 2}) is None
    with cache.put("logits", {"a": 1, "b": 2}) as place:
        (place / "x").write_text("hello")
    found = cache.get("logits", {"b": 2, "a": 1})
    assert (found / "x").read_text() == "hello"
    assert json.loads((found / MARKER).read_text()) == {"a": 1, "b": 2}
    assert cache.get("logits", {"a": 1, "b": 3}) is None
    assert cache.get("vectors", {"a": 1, "b": 2}) is None


def test_a_broken_block_leaves_nothing(tmp_path):
    cache = Cache(tmp_path)
    with pytest.raises(ZeroDivisionError), cache.put("logits", {"a": 1}) as place:
        (place / "x").write_text("half")
        raise ZeroDivisionError
    assert cache.get("logits", {"a": 1}) is None
    assert list((tmp_path / "logits").iterdir()) == []


def test_the_first_of_two_writers_stays(tmp_path):
    cache = Cache(tmp_path)
    with cache.put("logits", {"a": 1}) as slow:
        with cache.put("logits", {"a": 1}) as quick:
            (quick / "x").write_text("first")
        (slow / "x").write_text("second")
    assert (cache.get("logits", {"a": 1}) / "x").read_text() == "first"
    assert len(list((tmp_path / "logits").iterdir())) == 1


def test_an_entry_without_its_marker_is_no_entry(tmp_path):
    cache = Cache(tmp_path)
    with cache.put("logits", {"a": 1}):
        pass
    (cache.get("logits", {"a": 1}) / MARKER).unlink()
    assert cache.get("logits", {"a": 1}) is None


def put(cache, content="hello"):
    with cache.put("logits", {"a": 1}) as folder:
        (folder / "x").write_text(content)
    return cache.root / "logits" / digest({"a": 1})[:40]


@pytest.mark.parametrize("how", BREAKS)
@pytest.mark.parametrize("name", ["x", MARKER, CHECKSUMS])
def test_a_damaged_entry_is_set_aside_and_made_anew(tmp_path, name, how):
    cache = Cache(tmp_path)
    break_file(put(cache) / name, how)
    expected = ("hello", True) if (name, how) == (CHECKSUMS, "gone") else ("anew", False)
    for _ in range(2):
        found = cache.memo(
            "logits",
            {"a": 1},
            lambda folder: (folder / "x").write_text("anew"),
            lambda folder: (folder / "x").read_text(),
        )
        assert found == expected
        expected = (expected[0], True)
    assert cache.damaged == ([] if expected[0] == "hello" else ["logits"])
    assert len(list((tmp_path / "logits").glob(".*.damaged"))) == len(cache.damaged)


def test_an_entry_takes_the_place_of_a_damaged_one_that_nobody_read(tmp_path):
    cache = Cache(tmp_path)
    (put(cache) / MARKER).unlink()
    assert (put(cache, "anew") / "x").read_text() == "anew" and cache.get("logits", {"a": 1})


def test_an_entry_of_an_earlier_version_is_set_aside_where_it_cant_be_read(tmp_path):
    cache = Cache(tmp_path)
    (put(cache, "[1") / CHECKSUMS).unlink()
    assert cache.get("logits", {"a": 1}) and cache.read("logits", {"a": 1}, lambda folder: json.loads("[1")) is None
    assert not cache.has("logits", {"a": 1})


def test_neither_a_bug_nor_too_little_memory_costs_an_entry(tmp_path):
    cache, failures = Cache(tmp_path), [ZeroDivisionError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
    folder = put(cache)
    for failure in failures:

        def load(folder, failure=failure):
            raise failure

        with pytest.raises(type(failure)):
            cache.read("logits", {"a": 1}, load)
        (folder / CHECKSUMS).unlink(missing_ok=True)  # as in earlier versions, for the second
    assert cache.has("logits", {"a": 1}) and not cache.damaged


def test_what_is_set_aside_is_swept_a_day_later(tmp_path):
    cache = Cache(tmp_path)
    os.utime(put(cache), (0, 0))
    break_file(put(cache) / "x", "cut")
    assert cache.get("logits", {"a": 1}) is None
    cache.sweep()
    (aside,) = (tmp_path / "logits").iterdir()
    os.utime(aside, (0, 0))
    cache.sweep()
    assert not list((tmp_path / "logits").iterdir())


def test_what_is_remembered_is_made_once(tmp_path):
    cache, made = Cache(tmp_path), []

    def make(folder):
        made.append(folder)
        (folder / "x").write_text("hello")

    def load(folder):
        return (folder / "x").read_text()

    assert cache.memo("logits", {"a": 1}, make, load) == ("hello", False)
    assert cache.memo("logits", {"a": 1}, make, load) == ("hello", True) and len(made) == 1
    with pytest.raises(ZeroDivisionError):
        cache.memo("logits", {"a": 2}, lambda folder: 1 / 0, load)
    assert cache.get("logits", {"a": 2}) is None


def test_of_two_who_make_at_once_both_read_the_first(tmp_path):
    cache = Cache(tmp_path)

    def slow(folder):
        (folder / "x").write_text("second")
        cache.memo("logits", {"a": 1}, lambda place: (place / "x").write_text("first"), str)

    assert cache.memo("logits", {"a": 1}, slow, lambda place: (place / "x").read_text()) == ("first", False)


@pytest.mark.parametrize("code", REFUSALS)
def test_a_disk_that_refuses_at_any_moment_leaves_no_half_entry(tmp_path, code):
    for moment in itertools.count(1):
        cache, value = Cache(tmp_path / str(moment)), ("hello", False)
        make, load = (lambda folder: write_file(folder / "x", b"hello")), (lambda folder: (folder / "x").read_text())
        with failing_disk(moment, code) as acts:
            try:
                cache.memo("logits", {"a": 1}, make, load)
            except OSError as error:
                assert "The disk that holds" in explain_fault(error, tmp_path)
        if acts() < moment:
            break
        entries = list(cache.root.glob("logits/*"))
        assert all((entry / MARKER).is_file() for entry in entries)
        assert cache.memo("logits", {"a": 1}, make, load) == (value if not entries else ("hello", True))
    assert moment > 5


def test_an_app_that_is_alone_sweeps_what_was_half_filled_at_once(tmp_path):
    cache = Cache(tmp_path)
    (tmp_path / "logits" / ".0123.abcd").mkdir(parents=True)
    put(cache)
    cache.sweep()
    assert len(list((tmp_path / "logits").iterdir())) == 2
    cache.sweep(alone=True)
    assert [cache.root / "logits" / digest({"a": 1})[:40]] == list((tmp_path / "logits").iterdir())


def test_digest_tells_values_apart():
    values = [1, "1", [1], {"1": 1}, None, "", "é", [1, 2], [[1], 2]]
    assert len({digest(value) for value in values}) == len(values)


def test_a_failed_write_leaves_the_old_content(tmp_path, monkeypatch):
    file = tmp_path / "folder" / "x"
    file.parent.mkdir()
    write_atomic(file, b"old")

    def broken(*_):
        raise OSError(28, "No space left on device")

    for name in ("fsync", "replace"):
        with monkeypatch.context() as patch, pytest.raises(OSError):
            patch.setattr(f"distill_core.cache.os.{name}", broken)
            write_atomic(file, b"new")
        assert file.read_bytes() == b"old"
        assert list(file.parent.iterdir()) == [file]
