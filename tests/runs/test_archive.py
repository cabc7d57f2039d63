"""A run as one file: it comes back as it was, says nothing of the sender's machine, and no made-up file gets in."""

import csv
import json
import math
import shutil
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from archives import changed, patched, put
from broken import BREAKS, break_file
from toy import TOY

import distill_core as core
from distill_core.api.session import session
from distill_core.cli import run_command
from distill_core.config.schema import Config
from distill_core.errors import DataError, UserError
from distill_core.events import Compared, Ended, Note, Point
from distill_core.runs import archive, archive_validation, job
from distill_core.runs.store import Store

TEXTS = ["a warm and funny film", "the soup was cold", "", "unheard-of wörds"]


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    session.close()


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory, tiny_teacher: Path) -> tuple[Path, Path, str]:
    """The home of a sender, a real run of theirs, packed, and its id."""
    home = tmp_path_factory.mktemp("sender") / "secret-home"
    train = home.parent / "my folder" / "rows.csv"
    train.parent.mkdir()
    with train.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *((text, label) for label in TOY for text in TOY[label])])
    config = Config.of(task="file", train=str(train), text="text", label="label", n_iter=1, neighbours=0, width=8,
                       hidden=8, fc=8, batch=8, epochs=2, evaluations=2, max_tokens=16, teacher=str(tiny_teacher),
                       vectors="random", allow_pickle=True, bank=[str(train.parent / "bank.txt")])  # fmt: skip
    (train.parent / "bank.txt").write_text("the film was warm and funny\nthe soup was cold and dull\n")
    store = Store(home)
    run = store.create(config.model_dump(), name="<b>Mine</b>")
    store.update(run, note="a note")
    store.transition(run, ["queued"], "running")
    said: list[Any] = [Note(f"Read {train} and {home}/cache/x/y.bin, not https://example.org/a/b.", "info", "data")]
    job.run_job(job.Job(run, config.model_dump(), store.folder(run), home / "cache"), said.append, bool)
    assert said[-1] == Ended("finished"), said[-1]
    store.append(run, [*said[:-1], Point("student/loss", 10**6, math.nan), said[-1]])
    file = archive.export_run(store, run, home.parent / "run.zip")
    store.close()
    return home, file, run


def plain(store: Store, run: str) -> list[Any]:
    """What a run said, less what names a path there; the summary is compared by itself."""
    told = [event for _, event in store.events(run) if not isinstance(event, Note | Compared)]
    return [event for event in told if getattr(event, "name", "") != "teacher"]


@pytest.mark.parametrize("how", BREAKS)
def test_a_run_whose_teachers_facts_were_damaged_is_packed_without_them(
    sent: tuple[Path, Path, str], tmp_path: Path, how: str
) -> None:
    home = shutil.copytree(sent[0], tmp_path / "copy")
    facts = home / "runs" / sent[2] / "teacher.json"
    facts.write_text('{"name": "builtin", "fingerprint": "0"}')
    break_file(facts, how)
    store = Store(home)
    run = core.import_run(archive.export_run(store, sent[2], tmp_path / "run.zip"))
    store.close()
    assert run.status == "finished" and not (run.folder / "teacher.json").exists()


def test_a_run_comes_back_as_it_was_and_its_student_says_the_same(sent: tuple[Path, Path, str]) -> None:
    home, file, old = sent
    sender = Store(home)
    run = core.import_run(file)
    here, there = run.row, sender.run(old)
    assert run.id == old and here.origin == "imported" and not there.origin and here.name == "<b>Mine</b>"
    same = ("name", "note", "task", "status", "stage", "message", "created", "started", "ended", "hidden")
    assert [getattr(here, name) for name in same] == [getattr(there, name) for name in same]
    summary = {**there.summary, "teacher": here.summary["teacher"]}  # there a folder of the sender's
    assert here.summary == summary and here.summary["scores"]["student"]["accuracy"] is not None
    assert repr(session.store().points(run.id)[0]) == repr(sender.points(old)[0])  # repr: NaN is NaN
    assert plain(session.store(), run.id) == plain(sender, old)
    texts = [json.loads(line) for line in (home / "runs" / old / "texts.jsonl").read_text("utf-8").splitlines()]
    assert [row["text"] for row in run.texts()] == [row["text"] for row in texts] != []
    from distill_core.student import persistence

    rows = [(text,) for text in TEXTS]
    mine, theirs = run.student(), persistence.load(home / "runs" / old / "student")
    assert mine.logits(rows).tobytes() == theirs.logits(rows).tobytes()
    assert set(core.ask(run.id, TEXTS[0])) == {
        "student",
        "ms",
        "unknown_words",
        "unfamiliar",
    }  # the teacher was a folder of the sender's
    sender.close()


def test_nothing_of_the_senders_machine_is_in_the_file(sent: tuple[Path, Path, str], tiny_teacher: Path) -> None:
    home, file, run = sent
    with zipfile.ZipFile(file) as given:
        names = set(given.namelist())
        told = "".join(given.read(name).decode() for name in names if not name.endswith(".safetensors"))
    assert {"run.json", "student/model.safetensors", "texts.jsonl"} <= names and "teacher.json" not in names
    assert (home / "runs" / run / "rows.json.gz").is_file() and not any("rows" in name for name in names)
    assert str(home) not in told and str(home.parent) not in told and str(tiny_teacher) not in told
    assert '"rows.csv"' in told and "Read rows.csv and y.bin, not https://example.org/a/b." in told
    config = core.import_run(file).config
    assert config.train == "rows.csv" and config.allow_pickle is False  # a consent is nobody else's
    assert config.bank == ["bank.txt"]


def test_of_a_text_bank_the_id_stays_and_of_a_path_the_name() -> None:
    named = ["owner/name", "owner/name:subset", "/home/me/bank.txt", r"C:\me\bank.txt", "../me/bank.txt"]
    assert archive_validation._config({"bank": named}, "a file")["bank"] == [*named[:2], *["bank.txt"] * 3]


def test_an_imported_run_is_read_not_resumed_and_never_claimed(
    sent: tuple[Path, Path, str], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, file, old = sent
    monkeypatch.setenv("STILLROOM_WORKER", "thread")  # an app of processes would start some

    def interrupted(members: dict[str, bytes]) -> None:
        members["run.json"] = members["run.json"].replace(b'"finished"', b'"interrupted"')

    run = core.import_run(changed(file, home / "again.zip", interrupted))
    core.open_app()
    assert run.status == "interrupted"
    with pytest.raises(UserError, match="imported"):
        run.resume()
    second = core.import_run(file)
    assert {run.id, second.id} > {old} and core.count() == 2
    run.delete()
    assert core.import_run(file).id not in (run.id, second.id)  # a deleted one can still come back


def test_on_a_public_host_the_id_stays_a_secret(sent: tuple[Path, Path, str], home: Path, monkeypatch) -> None:
    _, file, old = sent
    run = core.import_run(file)
    monkeypatch.setenv("SPACE_ID", "owner/space")
    assert core.import_run(file).id != old
    with zipfile.ZipFile(core.export_run(run.id, home / "public.zip")) as given:
        assert old not in given.read("run.json").decode()


def test_the_command_line_packs_and_unpacks(sent: tuple[Path, Path, str], home: Path, capsys) -> None:
    run = core.import_run(sent[1])
    assert run_command(["pack", "last", str(home / "out.zip")]) == 0
    assert run_command(["unpack", str(home / "out.zip")]) == 0
    new = capsys.readouterr().out.split()[-1]
    assert new != run.id and core.run(new).summary == run.summary
    assert run_command(["pack", "last", str(home / "out.zip")]) == 2  # never over a file
    assert run_command(["unpack", str(home / "none.zip")]) == 2 and "no file" in capsys.readouterr().err


def test_a_teacher_answers_only_where_it_is_the_one_that_taught(
    sent: tuple[Path, Path, str], home: Path, monkeypatch
) -> None:
    def named(members: dict[str, bytes]) -> None:
        members["teacher.json"] = json.dumps({"name": "owner/bert", "fingerprint": "f00"}).encode()

    run = core.import_run(changed(sent[1], home / "named.zip", named))

    class Loaded:
        labels, fingerprint = ("bad", "good"), "f00"

    monkeypatch.setattr(session, "_loaded", lambda *_: Loaded)
    assert session.load_teacher_of_run(run.row) is Loaded
    Loaded.fingerprint = "another"
    assert session.load_teacher_of_run(run.row) is None


# ---- hostile files


def tensors(header: bytes) -> bytes:
    return struct.pack("<Q", len(header)) + header


FAMILIAR = {"surprisals": "AAA=", "mean": 1.0, "deviation": 1.0, "threshold": 2.0}


def reworked(name: str, change: Callable[[Any], Any]) -> Callable[[dict[str, bytes]], None]:
    """A member whose JSON, or whose first line's, is changed."""

    def act(members: dict[str, bytes]) -> None:
        first, *rest = members[name].split(b"\n") if name.endswith("l") else [members[name]]
        value = json.loads(first)
        change(value)
        members[name] = b"\n".join([json.dumps(value).encode(), *rest])

    return act


def bursting(pattern: str) -> dict[str, Any]:
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


DOUBLING = {"type": "Sequence", "normalizers": [
    {"type": "Replace", "pattern": {"String": "e"}, "content": "ee"} for _ in range(30)]}  # fmt: skip


HOSTILE: dict[str, Callable[[dict[str, bytes]], None]] = {
    "a path out": put("../evil.json", {}),
    "an absolute path": put("/tmp/evil.json", {}),
    "a path out of the student": put("student/../../evil.json", {}),
    "a backslash": put("student\\evil.json", {}),
    "a hidden file": put("student/.evil.json", {}),
    "a pickle": put("student/model.bin", b"\x80\x04."),
    "a program": put("student/predict.py", b"print()"),
    "many members": lambda members: members.update({f"student/{n}.json": b"{}" for n in range(50)}),
    "no events": lambda members: members.pop("events.jsonl"),
    "a running run": patched("run.json", status="running"),
    "a stage of its own": patched("run.json", stage="<b>"),
    "another id": patched("run.json", id="../../../etc/passwd.."),
    "a time without end": patched("run.json", created=1e300),
    "not a number": put("summary.json", b'{"scores": {"student": {"accuracy": NaN}}}'),
    "a score of words": put("summary.json", {"scores": {"student": {"accuracy": "<script>"}}}),
    "scores that are none": put("summary.json", {"scores": [1, 2]}),
    "a row of its own": put("summary.json", {"scores": {"<b>": {"accuracy": 1.0}}}),
    "a crooked matrix": put("summary.json", {"scores": {}, "labels": ["a"], "confusion": {"student": [[1, 2]]}}),
    "a deep summary": put("summary.json", b'{"x":' * 5000 + b"1" + b"}" * 5000),
    "half a character": put("config.json", b'{"task": "\\ud800"}'),
    "a number of many digits": put("config.json", b'{"seed": ' + b"9" * 5000 + b"}"),
    "a config that is a list": put("config.json", []),
    "an event of words": put("events.jsonl", [1, "progress", {"stage": "data", "done": "x", "total": 1, "unit": "t"}]),
    "an event without a body": put("events.jsonl", [1, "note"]),
    "a summary in an event": put("events.jsonl", [1, "compared", {"summary": {"scores": "all"}}]),
    "a point of words": put("points.jsonl", ["student/loss", "one", 1.0]),
    "a point beyond counting": put("points.jsonl", ["student/loss", 2**62, 1.0]),
    "texts of other labels": put("texts.jsonl", {"text": ["a"], "label": "<b>", "student": [0.5, 0.5]}),
    "a row number of words": put("texts.jsonl", {"text": ["a"], "label": "bad", "row": "<b>"}),
    "a source that is a list": put("texts.jsonl", {"text": ["a"], "label": "bad", "source": ["b"]}),
    "texts of three sides": put("texts.jsonl", {"text": ["a", "b", "c"], "label": "bad"}),
    "shares of words": put("texts.jsonl", {"text": ["a"], "label": "bad", "student": ["1", "0"], "teacher": [1, 0]}),
    "a tokenizer that is none": put("student/tokenizer.json", {"model": "none"}),
    "a vocabulary that is none": put("student/vocabulary.json", {}),
    "weights that are none": put("student/model.safetensors", b"\x80\x04K\x01."),
    "weights that lie": put("student/model.safetensors", tensors(b'{"x":{"dtype":"F32","shape":[9],"data_offsets":[0,9]}}')),  # noqa: E501
    "other weights": put("student/model.safetensors", tensors(b"{}")),
    "a giant table": patched("student/student.json", entries=2_000_000, width=1024),
    "a giant network": patched("student/student.json", hidden=10**9),
    "a temperature of nothing": patched("student/student.json", temperature=0),
    "a threshold that is none": patched("student/student.json", defer={"0.9": "high"}),
    "a table of no pieces": patched("student/student.json", familiarity=FAMILIAR | {"surprisals": ""}),
    "a table that is none": patched("student/student.json", familiarity=FAMILIAR | {"surprisals": "AAA"}),
    "a deviation of nothing": patched("student/student.json", familiarity=FAMILIAR | {"deviation": 0.0}),
    "a threshold above one": patched("student/student.json", defer={"0.9": 2}),
    "an objective of its own": patched("student/student.json", objective="<b>"),
    "a summary's own objective": patched("summary.json", objective=["single_label"]),
    "a metric of its own": put("events.jsonl", [1, "fact", {"name": "metric", "value": "per_class"}]),
    "an end of its own": put("events.jsonl", [1, "ended", {"status": "<b>"}]),
    "seconds without end": put("events.jsonl", [1, "stage_ended", {"stage": "data", "seconds": 1e308}]),
    "texts without answers": put("texts.jsonl", {"text": ["a"], "label": "bad"}),
    "texts of which one lacks the control": reworked("texts.jsonl", lambda row: row.pop("control")),
    "texts of which one is a pair": reworked("texts.jsonl", lambda row: row["text"].append("b")),
    "no limit of tokens": reworked("student/student.json", lambda value: value.pop("max_tokens")),
    "a limit of words": patched("student/student.json", max_tokens="many"),
    "a cut of its own": patched("student/student.json", cut="<b>"),
    "pieces that are words": reworked("student/vocabulary.json", lambda value: value.update(token_ids=["a"] * 9)),
    "a mask that is a number": patched("student/vocabulary.json", mask_token=7),
    "aliases that are numbers": patched("student/vocabulary.json", aliases=[1]),
    "rows beyond the table": reworked(
        "student/vocabulary.json", lambda value: value.update(token_ids=[*value["token_ids"], *range(9_999)])),
    "a tokenizer that doubles texts": patched("student/tokenizer.json", normalizer=DOUBLING),
    "a pattern that takes for ever": patched("student/tokenizer.json", pre_tokenizer=bursting("(a+)+$")),
    "no weights": lambda members: members.pop("student/model.safetensors"),
    "a newer format": put("manifest.json", {"format": 2, "members": {}}),
    "a manifest of its own": put("manifest.json", {"format": 1, "members": {"run.json": {"bytes": -1, "sha256": ""}}}),
    "a manifest that is none": put("manifest.json", b"[" * 100_000),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_file_is_refused_in_a_sentence_and_leaves_nothing(
    what: str, sent: tuple[Path, Path, str], home: Path, tmp_path: Path
) -> None:
    file = changed(sent[1], tmp_path / "hostile.zip", HOSTILE[what])
    with pytest.raises(DataError) as told:
        core.import_run(file)
    assert len(str(told.value)) < 500 and "hostile.zip" in str(told.value), told.value
    assert core.count() == 0 and list((home / "runs").iterdir()) == []
    assert not list(tmp_path.glob("**/evil*"))


def test_a_file_that_is_not_what_its_manifest_says_is_refused(sent: tuple[Path, Path, str], tmp_path: Path) -> None:
    def other(members: dict[str, bytes]) -> None:
        members["config.json"] = members["config.json"].replace(b'"epochs": 2', b'"epochs": 3')

    with pytest.raises(DataError, match="damaged"):
        core.import_run(changed(sent[1], tmp_path / "a.zip", other, honest=False))
    with pytest.raises(DataError, match="damaged"):  # a bomb is read no further than it said it was long
        core.import_run(changed(sent[1], tmp_path / "b.zip", put("config.json", b" " * (64 << 20)), honest=False))
    (tmp_path / "c.zip").write_bytes(sent[1].read_bytes()[:2000])
    (tmp_path / "d.zip").write_bytes(b"no zip at all")
    for name in "cd":
        with pytest.raises(DataError, match="can't be read as a run"):
            core.import_run(tmp_path / f"{name}.zip")
    with zipfile.ZipFile(tmp_path / "e.zip", "w") as made:
        made.writestr("student/predict.py", "")  # the student's own download
    with pytest.raises(DataError, match="not a run"):
        core.import_run(tmp_path / "e.zip")


def test_a_student_that_would_pad_without_end_pads_nothing(sent: tuple[Path, Path, str], tmp_path: Path) -> None:
    padding = {"strategy": {"Fixed": 2_000_000_000}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0,
               "pad_type_id": 0, "pad_token": "[PAD]"}  # fmt: skip
    given = changed(sent[1], tmp_path / "padded.zip", patched("student/tokenizer.json", padding=padding))
    run = core.import_run(given)
    assert run.student()(TEXTS[:1]) == core.import_run(sent[1]).student()(TEXTS[:1])


def test_flipped_bytes_never_get_past(sent: tuple[Path, Path, str], tmp_path: Path, home: Path) -> None:
    whole, flipped = bytearray(sent[1].read_bytes()), tmp_path / "flipped.zip"
    for at in range(0, len(whole), max(1, len(whole) // 150)):
        one = whole.copy()
        one[at] ^= 0xFF
        flipped.write_bytes(one)
        try:
            core.run(core.import_run(flipped).id)  # a byte that no reader looks at
        except DataError:
            continue
    assert not list((home / "runs").glob(".*"))


def test_what_is_not_ended_or_not_ones_own_is_not_packed(home: Path, tmp_path: Path) -> None:
    run = Store(home).create({})
    with pytest.raises(UserError, match=r"has not ended \(queued\)"):
        core.export_run(run, tmp_path / "x.zip")
    [example, *_] = core.list_runs(1, examples=True)
    with pytest.raises(UserError, match="example"):
        core.export_run(example.id, tmp_path / "x.zip")
    assert not list(tmp_path.glob("*.zip")) and not list(tmp_path.glob(".*part"))


def test_a_run_from_before_todays_knobs_and_parts_is_still_read(sent: tuple[Path, Path, str], tmp_path: Path) -> None:
    def old(members: dict[str, bytes]) -> None:
        patched("config.json", warp=9, student="of_yore")(members)
        patched("student/student.json", student="of_yore")(members)

    run = core.import_run(changed(sent[1], tmp_path / "old.zip", old))
    assert run.summary and run.row.config["warp"] == 9
    with pytest.raises(UserError, match="of_yore"):
        run.student()


def test_the_names_of_teachers_that_mean_the_same_elsewhere() -> None:
    assert all(
        map(archive_validation.is_teacher, ("builtin", "kept:0123abcd", "bert-base-uncased", "google-bert/bert-base"))
    )
    assert not any(
        map(archive_validation.is_teacher, ("/home/me/bert", "../bert", "a/b/c", "~/bert", "", None, ["a"], "tests"))
    )
