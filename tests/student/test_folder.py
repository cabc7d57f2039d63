"""A student's folder: one student or the other, whatever happens between two of its files."""

import errno
import itertools
import json
import os
import shutil
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from broken import BREAKS, REFUSALS, break_file, failing_disk

from distill_core.config.schema import Config
from distill_core.errors import DataError
from distill_core.evaluation.export import intact
from distill_core.registry import STUDENTS
from distill_core.student import folder as student_folder
from distill_core.student import persistence, vocabulary
from distill_core.student.network import Student
from distill_core.student.predictor import Predictor

TEXTS = ["a warm and funny film", "the soup was cold"]


class Killed(BaseException):
    """The process dies here."""


def predictor(labels: list[str], words: str) -> Predictor:
    """A student whose every file differs from that of another vocabulary."""
    entries = vocabulary.build_vocabulary("words", [words])
    config = Config.of(student="bag", hidden=4, fc=4, max_tokens=12)
    torch.manual_seed(len(words))
    vectors = torch.randn(entries.size, 6)
    model = Student(vectors, STUDENTS.get("bag").Encoder, len(labels), False, 4, 4)
    return Predictor(model, entries, persistence.settings(config, labels, False, model))


@pytest.fixture
def two() -> tuple[Predictor, Predictor]:
    return predictor(["bad", "good"], "film soup"), predictor(["no", "yes", "maybe"], "cold warm soup was the funny")


def no_links(file: Path, copy: Path) -> None:
    raise OSError("this disk knows no links")


def die_at(patch: pytest.MonkeyPatch, moment: int) -> None:
    """From its change number `moment` on the disk stays as it is: no `finally` cleans up after a kill."""
    changes = itertools.count(1)
    acts = [(os, "rename"), (os, "replace"), (os, "link"), (shutil, "copyfile"), (shutil, "rmtree"), (Path, "unlink"),
            (Path, "mkdir"), (Path, "write_bytes"), (Path, "write_text")]  # fmt: skip

    def mortal(act):
        def call(*args, **kwargs):
            if next(changes) >= moment:
                raise Killed
            return act(*args, **kwargs)

        return call

    for owner, name in acts:
        patch.setattr(owner, name, mortal(getattr(owner, name)))


@pytest.mark.parametrize("links", [True, False])
def test_a_kill_at_any_moment_leaves_one_student_whole(
    two: tuple[Predictor, Predictor], tmp_path: Path, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    before, after = two
    found = set()
    for moment in itertools.count(1):
        folder = tmp_path / f"{moment}"
        persistence.save(before, folder)
        alive = True
        with pytest.MonkeyPatch.context() as patch:
            die_at(patch, moment)
            try:
                persistence.save(after, folder)
            except Killed:
                alive = False
        loaded = persistence.load(folder)
        wanted = before if loaded.labels == before.labels else after
        assert loaded(TEXTS) == wanted(TEXTS) and loaded.vocabulary.entries == wanted.vocabulary.entries, moment
        found.add((alive, tuple(loaded.labels)))
        persistence.save(before, folder)  # the next try finds its way
        assert persistence.load(folder)(TEXTS) == before(TEXTS)
        assert {file.name for file in folder.iterdir()} == {
            "model.safetensors", "student.json", "tokenizer.json", "vocabulary.json"}  # fmt: skip
        if alive:
            break
    assert moment > 8 and found == {(False, ("bad", "good")), (False, ("no", "yes", "maybe")),
                                    (True, ("no", "yes", "maybe"))}  # fmt: skip


@pytest.mark.parametrize("code", REFUSALS)
def test_a_disk_that_refuses_at_any_moment_leaves_one_student_whole(
    two: tuple[Predictor, Predictor], tmp_path: Path, code: int
) -> None:
    before, after = two
    answers = {tuple(one.labels): one(TEXTS) for one in two}
    for moment in itertools.count(1):
        folder = tmp_path / f"{moment}"
        persistence.save(before, folder)
        with failing_disk(moment, code) as acts, suppress(OSError):
            persistence.save(after, folder)
        loaded = persistence.load(folder)
        assert loaded(TEXTS) == answers[tuple(loaded.labels)]
        persistence.save(after, folder)
        assert persistence.load(folder).labels == after.labels
        if acts() < moment:
            break
    assert moment > 5


def test_a_kill_at_the_first_student_leaves_none_or_all_of_it(two: tuple[Predictor, Predictor], tmp_path: Path) -> None:
    for moment in range(1, 12):
        folder = tmp_path / f"{moment}"
        with pytest.MonkeyPatch.context() as patch:
            die_at(patch, moment)
            with pytest.raises(Killed):
                persistence.save(two[0], folder)
        assert student_folder.current(folder) is None or persistence.load(folder)(TEXTS) == two[0](TEXTS)


def test_a_calibration_after_a_kill_is_of_the_student_that_is_read(
    two: tuple[Predictor, Predictor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = two
    persistence.save(before, tmp_path / "student")
    with monkeypatch.context() as patch:
        patch.setattr(student_folder, "settle", lambda folder: None)
        persistence.save(after, tmp_path / "student")  # complete, and not yet copied out
    assert persistence.load(tmp_path / "student").labels == after.labels
    persistence.calibrate(tmp_path / "student", 2.5)
    loaded = persistence.load(tmp_path / "student")
    assert (loaded.labels, loaded.settings["temperature"]) == (after.labels, 2.5)


def test_a_disk_that_fails_is_no_damage_of_the_student(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Input/output"), intact(tmp_path):
        raise OSError(errno.EIO, "Input/output error")
    with pytest.raises(DataError, match="is damaged"), intact(tmp_path):
        raise ValueError("no JSON")


@pytest.mark.parametrize("how", BREAKS)
@pytest.mark.parametrize("name", ["student.json", "vocabulary.json", "tokenizer.json", "model.safetensors"])
def test_a_damaged_student_is_refused_with_one_sentence(
    two: tuple[Predictor, Predictor], tmp_path: Path, name: str, how: str
) -> None:
    persistence.save(two[0], tmp_path)
    persistence.calibrate(tmp_path, 2.5)
    assert persistence.load(tmp_path)(TEXTS)
    break_file(tmp_path / name, how)
    for read in (persistence.load, persistence.load_labels):
        if (name, how, read) == ("model.safetensors", "gone", persistence.load_labels):
            continue  # it reads no weights, but says no less where they differ
        with pytest.raises(DataError, match="damaged|holds no student|There is no student"):
            read(tmp_path)


def test_a_student_of_an_earlier_version_opens_without_checksums(
    two: tuple[Predictor, Predictor], tmp_path: Path
) -> None:
    persistence.save(two[0], tmp_path)
    settings = json.loads((tmp_path / "student.json").read_text())
    assert set(settings.pop("sha256")) == {"student.json", "vocabulary.json", "tokenizer.json", "model.safetensors"}
    (tmp_path / "student.json").write_text(json.dumps(settings))
    persistence.calibrate(tmp_path, 2.5)
    assert persistence.load(tmp_path).settings["temperature"] == 2.5


def test_other_files_of_a_folder_stay(two: tuple[Predictor, Predictor], tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "notes.txt").write_text("mine")
    persistence.save(two[0], tmp_path)
    persistence.save(two[1], tmp_path)
    assert (tmp_path / "mine").is_dir() and (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.skipif(sys.platform == "win32", reason="a file that is being read can't be replaced")
def test_who_reads_while_it_is_replaced_gets_one_student(two: tuple[Predictor, Predictor], tmp_path: Path) -> None:
    persistence.save(two[0], tmp_path)
    answers = {tuple(one.labels): one(TEXTS) for one in two}
    over, seen, wrong = threading.Event(), set(), []

    def read() -> None:
        while not over.is_set():
            try:
                loaded = persistence.load(tmp_path)
                seen.add(tuple(loaded.labels))
                if loaded(TEXTS) != answers[tuple(loaded.labels)]:
                    wrong.append(loaded.labels)
            except Exception as error:
                wrong.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(60):
        persistence.save(two[turn % 2], tmp_path)
    over.set()
    reader.join()
    assert not wrong and seen
