"""The facade over a fake pipeline: runs, their following, and what it refuses."""

import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from fake_pipeline import SUMMARY
from filelock import FileLock
from tiny_writer import trained_writer

import distill_core
from distill_core.api import catalog, estimates, inference, preview, runs
from distill_core.api.session import HANDED_OUT, session
from distill_core.cache import Cache
from distill_core.config.schema import Config
from distill_core.distillation import masked_head
from distill_core.distillation.sources import frame
from distill_core.errors import DataError, KnobError, TeacherError, UnknownPart, UnknownRun, UserError
from distill_core.estimation import cost, profiling
from distill_core.events import Compared, Ended, Fact, Note, Point, StageEnded
from distill_core.messages import message_data


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(session, "pipeline", "fake_pipeline:distill")
    yield
    session.close()


def test_what_a_survey_can_not_read_is_told_in_any_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimates, "PROFILE_TARGET", "fake_pipeline:distill")
    with pytest.raises(UserError, match="Row 3 of toy.csv has no text") as caught:
        estimates.profile(Config.of(dataset="user error"))
    assert message_data(caught.value)["with"]["which"] == {"say": "text", "with": {}}


def test_a_run_is_followed_from_its_start_to_its_end() -> None:
    run = distill_core.start(epochs=30, seed=7)
    said = list(run.follow())
    assert [event.step for event in said if isinstance(event, Point)] == list(range(1, 31))
    assert isinstance(said[-1], Ended) and any(isinstance(event, Compared) for event in said)
    assert run.status == run.wait() == "finished" and run.config == Config.of(epochs=30, seed=7)
    assert list(run.follow())[-1] == said[-1], "a late listener hears it all"
    assert run.summary == SUMMARY and run.place is None


def test_the_report_has_the_same_fields_whatever_became_of_the_run() -> None:
    fields = ["run", "status", "task", "seed", "stages", "rows", "scored_on", "scores", "gap_recovered", "kept",
              "agreement", "metric", "differences", "class_agreement", "doubling", "tests_read", "provenance",
              "verdict", "next_steps"]  # fmt: skip
    done, failed = runs.start(epochs=2, seed=5), runs.start(dataset="user error")
    done.wait(), failed.wait()
    report = done.report()
    assert list(report) == fields == list(failed.report())
    assert report["rows"] == {"train": 4, "valid": 2, "test": 3, "transfer": 40} and report["seed"] == 5
    assert report["stages"] == {"data": 0.5, "student": 1.5} and report["scored_on"] == "test"
    assert list(report["scores"]) == ["floor", "control", "student", "teacher"]
    assert (
        set(report["scores"]["student"]) == set(runs.SCORE_KEYS) > {"accuracy", "metric_low", "ece", "latency_p95_ms"}
    )
    assert report["metric"] == "accuracy"  # of a run from before it was named
    assert failed.report() | {"stages": 0} == {
        "run": failed.id, "status": "failed", "task": "reviews", "seed": 0, "stages": 0,
        "rows": dict.fromkeys(("train", "valid", "test", "transfer")), "scored_on": None, "scores": {},
        "gap_recovered": None, "kept": None, "agreement": None, "metric": None, "differences": None,
        "class_agreement": None, "doubling": None, "tests_read": None, "provenance": None, "verdict": None,
        "next_steps": None,
    }  # fmt: skip


def test_a_stage_found_in_the_cache_does_not_forget_what_it_took() -> None:
    run = runs.start(epochs=1)
    run.wait()
    session.store().append(run.id, [StageEnded("student", 0.01, cached=True), StageEnded("label", 0.2, cached=True)])
    assert run.stages() == {"data": 0.5, "student": 1.5, "label": 0.2}


def test_bad_knobs_make_no_run() -> None:
    with pytest.raises(KnobError, match="epochs"):
        runs.start(epochs=0)
    with pytest.raises(UnknownPart, match="Did you mean"):
        runs.start(Config.of(seed=1), student="bilstn")
    assert runs.list_runs() == [] and runs.count() == 0


def test_knobs_go_over_a_config() -> None:
    run = runs.start(Config.of(seed=1, epochs=2), epochs=3, name="  two ")
    assert (run.config.seed, run.config.epochs, run.name) == (1, 3, "  two ")
    run.rename(" three ")
    run.annotate("why")
    assert (run.name, run.row.note) == ("three", "why")
    run.rename("")
    assert run.name.startswith("reviews ")


def test_a_run_keeps_its_files_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Resumed from another working directory it must still find them."""
    monkeypatch.chdir(tmp_path)
    Path("rows.csv").write_text("text,label\n" + "".join(f"text {i},{'ab'[i % 2]}\n" for i in range(40)))
    Path("mine").mkdir()
    config = runs.start(task="file", train="rows.csv", teacher="mine", epochs=1).config
    assert (config.train, config.teacher) == (str(tmp_path / "rows.csv"), str(tmp_path / "mine"))
    assert config.test is config.valid is None
    with pytest.raises(UserError, match="'lost.csv'"):  # what isn't there is told as it was typed
        runs.start(task="file", train="rows.csv", test="lost.csv")
    Path("builtin").mkdir()
    assert runs.start(teacher="builtin", epochs=1).config.teacher == "builtin"
    monkeypatch.setenv("SPACE_ID", "a/b")
    assert runs.start(teacher="mine", epochs=1).config.teacher == "mine"


def test_stop_keeps_and_resume_goes_on(home: Path) -> None:
    run = runs.start(epochs=20, dataset="wait")
    next(event for event in run.follow() if isinstance(event, Point))
    assert run.stop() == "stopping" and run.wait() == "stopped"
    seen = [step for _, step, _ in run.points()[0]]
    assert 0 < len(seen) < 20 and run.summary
    (home / "go").touch()
    assert run.resume().wait() == "finished"
    assert [step for _, step, _ in run.points()[0]] == list(range(1, 21))
    assert any(isinstance(event, Note) and event.text == "Resumed." for _, event in run.events())


def test_a_deleted_run_is_stopped_hidden_and_restored() -> None:
    run = runs.start(epochs=1000)
    rows = run.folder / "rows.json.gz"
    rows.touch()
    run.delete()
    assert not rows.exists(), "the rows it began with are the person's own"
    assert run.wait() == "stopped" and runs.list_runs() == [] and runs.list_runs(hidden=True)[0].id == run.id
    run.restore()
    assert runs.list_runs()[0].id == run.id


def test_points_are_json() -> None:
    run = runs.start(epochs=1)
    run.wait()
    session.store().append(run.id, [Point("a/b", 1, math.nan), Point("a/b", 2, math.inf), Point("a/b", 3, 1.0)])
    assert [value for series, _, value in run.points()[0] if series == "a/b"] == [None, None, 1.0]


def test_a_run_whose_owner_died_is_not_waited_for() -> None:
    store = session.store()
    run = store.create(Config().model_dump(), owner="1-dead")
    store.transition(run, {"queued"}, "running")
    assert runs.run(run).wait(10) == "interrupted"
    other = store.create(Config().model_dump(), owner="1-dead")
    store.transition(other, {"queued"}, "running")
    assert runs.run(other).stop() == "stopped"
    assert runs.run(run).resume().wait() == "finished"


def test_a_run_that_would_not_fit_is_refused_with_the_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "estimate", lambda *_: SimpleNamespace(memory=5_000_000_000))
    monkeypatch.setattr(runs, "memory_limit", lambda: 4_500_000_000)
    assert runs.start(epochs=1).wait() == "finished", "an estimate may be a little too high"
    monkeypatch.setattr(runs, "memory_limit", lambda: 3_900_000_000)
    with pytest.raises(UserError, match="needs about 5.0 GB of memory, its teacher included, .* has 3.9 GB"):
        runs.start(epochs=1)


def test_opening_the_app_takes_over_what_was_left() -> None:
    store = session.store()
    left = [store.create(Config.of(epochs=1).model_dump(), owner="1-dead") for _ in range(2)]
    store.transition(left[0], {"queued"}, "running")
    runs.start(epochs=1).wait()
    assert [runs.run(run).status for run in left] == ["interrupted", "queued"]
    distill_core.open_app()
    assert [runs.run(run).wait() for run in left] == ["finished"] * 2


@pytest.mark.parametrize(
    ("text", "told"),
    [("text,label\na,b\n", "needs at least two classes"), (None, "There is no file")], ids=["one row", "no file"],
)  # fmt: skip
def test_a_file_that_no_run_could_use_begins_none(tmp_path: Path, text: str | None, told: str) -> None:
    file, before = tmp_path / "rows.csv", runs.count()
    if text is not None:
        file.write_text(text)
    with pytest.raises(UserError, match=told):
        runs.start(task="file", train=str(file))
    assert runs.count() == before


def test_more_texts_are_for_the_teacher_that_was_fine_tuned(monkeypatch: pytest.MonkeyPatch) -> None:
    run = runs.start()
    run.wait()
    assert run.same_teacher() == {}
    (run.folder / "teacher.json").write_text('{"name": "kept:ab"}')
    assert run.same_teacher() == {}, "it is gone"
    monkeypatch.setattr(runs, "saved_teachers", lambda home: [SimpleNamespace(name="kept:ab")])
    assert run.same_teacher() == {"teacher": "kept:ab", "fine_tune": False}


def test_what_is_not_there_is_told() -> None:
    with pytest.raises(UnknownRun):
        runs.run("nothing")
    run = runs.start(dataset="user error")
    run.wait()
    for ask in (run.student, lambda: inference.ask(run.id, "text"), lambda: inference.export(run.id, "somewhere")):
        with pytest.raises(UserError, match=r"has no student yet \(failed\)"):
            ask()
    with pytest.raises(UserError, match=r"has no simple baseline \(TF-IDF\) yet \(failed\)"):
        inference.export(run.id, "somewhere", "floor")
    with pytest.raises(UserError, match=r"has no control yet \(failed\)"):
        inference.export(run.id, "somewhere", "control")
    with pytest.raises(UserError, match="'teacher' is no model that can be exported.* student, control, floor"):
        inference.export(run.id, "somewhere", "teacher")
    [example, *_] = runs.list_runs(examples=True)
    with pytest.raises(UserError, match="its models are not here"):
        inference.export(example.id, "somewhere", "floor")
    assert not run.has_model("floor") and not example.has_model("student")


def test_parts_tell_their_help() -> None:
    assert {part.name for part in catalog.components("tasks")} >= {
        "reviews",
        "file",
        "hub",
        "sst2",
        "mnli",
        "qqp",
        "mrpc",
    }
    for name in ("tasks", "students", "augment", "vectors", "losses"):
        assert all(part.help for part in catalog.components(name))
    with pytest.raises(UnknownPart):
        catalog.components("errors")
    assert catalog.teachers()[0].name == "builtin" and any(one.kind == "suggestion" for one in catalog.teachers())


def test_inspect_shows_the_file(toy_config: Config) -> None:
    seen = preview.inspect(toy_config)
    assert seen.labels == ("bad", "good") and sum(seen.rows.values()) == 20 and not seen.pair
    assert set(seen.sample[0]) == {"text", "label"} and seen.sample[0]["label"] in seen.labels
    assert sum(seen.balance.values()) == seen.rows["train"]
    assert seen.columns["text"] == "text" and all(level in ("info", "warning") for level, _ in seen.notes)
    Path(toy_config.train).write_text("text,label\n" + "".join(f"text number {n},{n % 3}\n" for n in range(60)))
    assert preview.inspect(toy_config).labels == ("0", "1", "2"), "a changed file is read again"


def test_a_preview_of_a_pair_begins_with_new_pairs(tmp_path: Path) -> None:
    file = tmp_path / "pairs.csv"
    kinds = [
        f"{kind} {animal}" for kind in ("red", "old", "young", "wild", "tame") for animal in ("dog", "fox", "bear")
    ]
    lines = [f"the {one} sings a song,a {one} makes loud music,{place % 2}" for place, one in enumerate(kinds * 2)]
    lines[15:] = [line.replace("song", "hymn").replace("loud", "soft") for line in lines[15:]]
    file.write_text("\n".join(["text,other,label", *lines]), encoding="utf-8")
    config = Config.of(task="file", train=str(file), text2="other", text="text", label="label", pairing=2)
    shown = preview.preview(config, n=3, ask=False)
    new = [child for child in shown["offspring"] if child["rules"] == ["paired"]]
    assert len(new) == 2 and all(child["text"][0] == shown["text"][0] for child in new)
    assert all(child["text"][1].endswith(" music") and child["text"] != shown["text"] for child in new)
    assert shown["offspring"][:2] == new and len(shown["offspring"]) > 2
    off = preview.preview(Config.of(**config.model_dump() | {"pairing": 0}), n=3, ask=False)
    assert all(child["rules"] != ["paired"] for child in off["offspring"])


def test_a_teacher_answers_and_a_preview_shows_its_answers(toy_config: Config, tiny_teacher: Path) -> None:
    config = Config.of(**toy_config.model_dump() | {"teacher": str(tiny_teacher)})
    said = preview.ask_teacher(config, "a warm and funny film")
    assert set(said["probabilities"]) == {"bad", "good"} and sum(said["probabilities"].values()) == pytest.approx(1)
    assert len(said["logits"]) == 2 and said["ms"] > 0 and said["objective"] == "single_label"
    shown = preview.preview(config, "a warm and funny film with a charming story", n=3)
    assert shown["text"] == ["a warm and funny film with a charming story"] and len(shown["offspring"]) == 3
    for child in shown["offspring"]:
        assert child["text"] != shown["text"] and child["rules"]
        assert sum(child["probabilities"].values()) == pytest.approx(1)
    assert len(session.teachers) == 1, "loaded once"
    without = preview.preview(Config.of(**config.model_dump() | {"fine_tune": True}), n=2)
    assert "probabilities" not in without and len(without["offspring"]) == 2
    with pytest.raises(DataError, match="Type a text first"):
        preview.ask_teacher(config, " ")
    with pytest.raises(DataError, match="one text"):
        preview.ask_teacher(config, ("a", "b"))
    with pytest.raises(UserError, match="after the run"):
        preview.ask_teacher(Config.of(**config.model_dump() | {"fine_tune": True}), "a text")


def test_a_preview_shows_near_words_and_how_many_words_they_bring(toy_config: Config, tiny_teacher: Path) -> None:
    config = Config.of(**toy_config.model_dump() | {"teacher": str(tiny_teacher), "neighbours": 3})
    shown = preview.preview(config, "a warm and funny film", n=2)
    assert shown["near"] and all(child["rules"] == ["neighbour"] and child["answer"] for child in shown["near"])
    for child in shown["near"]:
        assert [change[2] for change in child["changed"]] != [change[3] for change in child["changed"]]
    assert shown["words"]["brought"] > 0 and 0 <= shown["words"]["before"] <= shown["words"]["after"] <= 1
    tuned = Config.of(**config.model_dump() | {"fine_tune": True})  # by the table before fine-tuning, without answers
    assert preview.preview(tuned, "a warm and funny film", n=2)["near"][0]["text"] == shown["near"][0]["text"]
    assert "answer" not in preview.preview(tuned, "a warm and funny film", n=2)["near"][0]
    for off in ({"neighbours": 0}, {"teacher": "nobody/nowhere", "fine_tune": True}):
        assert "near" not in preview.preview(Config.of(**config.model_dump() | off), "a warm and funny film", n=2)
    assert "near" not in preview.preview(config, "a warm and funny film", n=2, ask=False)


def test_a_preview_shows_the_nearest_texts_of_a_bank(toy_config: Config, tiny_teacher: Path, tmp_path: Path) -> None:
    file = tmp_path / "bank.txt"
    file.write_text("\n".join(f"the {word} film was {word} number {n}" for word in ("good", "bad") for n in range(9)))
    config = Config.of(**toy_config.model_dump() | {"teacher": str(tiny_teacher), "bank": [str(file)]})
    found = preview.preview(config, n=2)["sources"]["bank"]
    assert len(found["texts"]) == 2 and found["looked"] == 18 and found["words"]["brought"] > 0
    assert all(one["rules"] == ["bank"] and one["answer"] in ("good", "bad") for one in found["texts"])
    file.write_text("the dull film was dull number one\n")
    assert preview.preview(config, n=2)["sources"]["bank"]["looked"] == 1, "the file is another one now"
    gone = Config.of(**config.model_dump() | {"bank": ["/nowhere/bank.txt"]})
    assert "There is no file" in preview.preview(gone, n=2)["sources"]["bank"]["problem"]
    assert "sources" not in preview.preview(config, n=2, ask=False)
    assert "sources" not in preview.preview(Config.of(**config.model_dump() | {"bank": []}), n=2)
    with pytest.raises(DataError, match="There is no file"):
        preview.check_data(gone)


def test_a_preview_shows_texts_of_a_language_model_that_is_here(
    toy_config: Config, tiny_teacher: Path, tmp_path: Path
) -> None:
    trained_writer(tmp_path)
    config = Config.of(**toy_config.model_dump() | {"teacher": str(tiny_teacher), "generator": str(tmp_path)})
    found = preview.preview(config, n=2)["sources"]["generator"]
    assert 1 <= len(found["texts"]) <= 2 and found["looked"] <= preview.GENERATED
    assert all(one["rules"] == ["generator"] and one["answer"] in ("good", "bad") for one in found["texts"])
    away = Config.of(**config.model_dump() | {"generator": "owner/name"})
    assert "is not on this machine yet" in preview.preview(away, n=2)["sources"]["generator"]["problem"]
    gone = Config.of(**config.model_dump() | {"generator": str(tmp_path / "gone")})
    with pytest.raises(TeacherError, match="There is no language model"):
        preview.check_data(gone)


def test_a_preview_shows_filled_masks_of_the_text_or_why_there_are_none(toy_config: Config, tiny_teacher: Path) -> None:
    config = Config.of(**toy_config.model_dump() | {"teacher": str(tiny_teacher), "filled": 2})
    assert "no head that guesses masked words" in preview.preview(config, n=2)["sources"]["mask_fill"]["problem"]
    away = Config.of(**config.model_dump() | {"filler": "owner/name"})
    assert "not on this machine yet" in preview.preview(away, n=2)["sources"]["mask_fill"]["problem"]


def test_a_preview_shows_filled_masks_of_the_text(toy_config: Config, tiny_teacher: Path, tmp_path: Path) -> None:
    from transformers import BertConfig, BertForMaskedLM

    shutil.copytree(tiny_teacher, tmp_path / "filler", ignore=shutil.ignore_patterns("*.safetensors", "config.json"))
    settings = BertConfig.from_pretrained(tiny_teacher)
    BertForMaskedLM(settings).save_pretrained(tmp_path / "filler")
    knobs = {"teacher": str(tiny_teacher), "filled": 2, "filler": str(tmp_path / "filler")}
    config = Config.of(**toy_config.model_dump() | knobs)
    text = "a warm and funny film with a good plot"
    found = preview.preview(config, text, n=2)["sources"]["mask_fill"]
    assert len(found["texts"]) == 2 and found["varied"] and found["looked"] > 0 and "words" in found
    assert all(len(one["text"][0].split()) == len(text.split()) and one["text"] != [text] for one in found["texts"])


def test_a_preview_shows_single_words_that_no_row_has(toy_config: Config, lively_teacher: Path) -> None:
    config = Config.of(**toy_config.model_dump() | {"teacher": str(lively_teacher), "lexicon": 1000})
    found = preview.preview(config, n=3)["sources"]["lexicon"]
    rows = " ".join(row["text"] for row in preview.inspect(config, 100).sample).split()
    assert found["texts"] and found["words"]["brought"] >= len(found["texts"])
    assert all(one["text"][0] not in rows and one["answer"] for one in found["texts"])


def test_choices_are_known_once_the_data_were_measured(
    toy_config: Config, lively_teacher: Path, tmp_path: Path
) -> None:
    config = Config.of(**toy_config.model_dump() | {"teacher": str(lively_teacher), "neighbours": "auto"})
    assert estimates.choices(config) == []
    list(profiling.profile(config, tmp_path, Cache(session.store().home / "cache")))
    found = {choice.knob: choice for choice in estimates.choices(config)}
    assert found["student"].value == "bilstm_max" and found["neighbours"].value == 40
    assert found["metric"].value == "accuracy" and not {"epochs", "max_tokens"} & set(found), "these were typed"
    shorter = config.model_copy(update={"loss": "distilbert_mlm"})
    left_out = {choice.knob: choice for choice in estimates.choices(shorter)}["loss"]
    assert message_data(left_out.reason)["say"] == masked_head.LEFT_OUT and left_out.value == "distilbert_mlm"


def test_a_preview_shows_words_in_frames_of_the_rows(
    toy_config: Config, lively_teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Config.of(**toy_config.model_dump() | {"teacher": str(lively_teacher), "framed": 1000})
    problem = preview.preview(config, n=3)["sources"]["frame"]["problem"]
    assert message_data(problem)["say"] == frame.NO_FRAMES, "twenty rows have none"
    monkeypatch.setattr(frame, "LEAST", 2)
    found = preview.preview(config, n=3)["sources"]["frame"]
    rows = " ".join(row["text"] for row in preview.inspect(config, 100).sample).split()
    assert found["texts"] and found["looked"] > 0 and found["words"]["brought"] > 0
    for one in found["texts"]:
        words = one["text"][0].split()
        assert len(words) in (3, 4) and one["answer"] and sum(word not in rows for word in words) == 1


def test_a_language_models_path_is_absolute(
    toy_config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("writer.gguf").write_bytes(b"GGUF")
    Path("writer").mkdir()
    for name, wanted in (("writer.gguf", True), ("writer", True), ("owner/name", False)):
        found = runs.with_absolute_paths(Config.of(**toy_config.model_dump() | {"generator": name}))
        assert found.get("generator") == (str(tmp_path / name) if wanted else None)


def test_paths_of_banks_are_absolute_and_ids_stay(
    toy_config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bank.txt").write_text("a text\n")
    config = Config.of(**toy_config.model_dump() | {"bank": "bank.txt,owner/name"})
    assert runs.with_absolute_paths(config)["bank"] == [str(tmp_path / "bank.txt"), "owner/name"]


def test_opening_clears_away_what_was_half_written(home: Path) -> None:
    old, young = (home / "cache" / "logits" / name for name in (".old", ".young"))
    teacher, whole = home / "teachers" / ".old", home / "cache" / "logits" / "whole"
    for folder in (old, young, teacher, whole):
        folder.mkdir(parents=True)
    for folder in (old, teacher, whole):
        os.utime(folder, (0, 0))
    places = ("", "runs/one", "runs/one/floor", "uploads/0123", "visitors/0123", "teachers/one")
    half = [home / place / f".{'0' * 32}.part" for place in places]
    for file in [*half, home / "runs" / "one" / "student" / ".part" / "model.safetensors"]:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    half.append(home / "runs" / "one" / "student" / ".part")
    own, ready = home / "uploads" / "0123" / ".hidden.csv", home / "runs" / "one" / "student" / ".next"
    own.touch(), ready.mkdir()
    salvage, handed = home / ".salvage-0123", Path(tempfile.mkdtemp(prefix=HANDED_OUT))
    salvage.mkdir()
    os.utime(handed, (0, 0))
    (home / "locks").mkdir(exist_ok=True)
    with distill_core.temporary_folder() as new:
        with FileLock(home / "locks" / "owner-other"):  # another process lives, and may be filling the young one
            distill_core.open_app()
            assert [one.exists() for one in (old, young, teacher, whole)] == [False, True, False, True]
            assert all(one.exists() for one in half)
        assert not salvage.exists() and not handed.exists() and new.exists()
    distill_core.close()
    distill_core.open_app()
    assert [one.exists() for one in (old, young, teacher, whole, own, ready)] == [False] * 3 + [True] * 3
    assert not new.exists() and not any(one.exists() for one in half)


def test_runs_of_before_some_knobs_and_facts_still_tell_what_they_know(home: Path) -> None:
    store = session.store()

    def finished(*said: object) -> str:
        config = Config().model_dump()
        del config["students"], config["seeds"]  # knobs that came later
        run = store.create(config)
        store.transition(run, ["queued"], "running")
        store.append(run, [*said, StageEnded("student", 7.0), Ended("finished")])
        return run

    finished()  # says nothing of its teacher
    finished(Fact("teacher", {"name": "builtin", "parameters": 5}), Fact("validation", {"teacher": 0.75}))
    imported = finished(Fact("teacher", {"name": "builtin", "parameters": 9}))
    with store.connection.transaction() as db:
        db["runs"].update(imported, {"origin": "imported"})
    found = estimates.past_runs()
    assert len(found) == 2  # another machine's seconds are not this one's
    assert all(run.config["students"] == [] and run.config["seeds"] == 1 for run in found)
    builtin = next(one for one in catalog.teachers() if one.name == "builtin")
    assert builtin.accuracy == (0.75, "reviews", "measured")


def test_two_teachers_are_kept_and_the_oldest_goes() -> None:
    made = []
    for key in ("a", "b", "a", "c", "a", "b"):
        session.cached(session.predictors, key, lambda key=key: made.append(key) or key)
    assert made == ["a", "b", "c", "b"]


def test_a_notebook_or_script_needs_no_guard(tmp_path: Path) -> None:
    """Ten lines, straight down, the worker a process."""
    script = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parents[1])!r})\n"
        "from distill_core import start\nfrom distill_core.api.session import session\n"
        "from distill_core.runs import process_worker\n"
        "process_worker.PRELOAD = 'distill_core.cache'; session.pipeline = 'fake_pipeline:distill'\n"
        "run = start(task='reviews', seed=1, epochs=3)\n"
        "print('started')\n"
        "for event in run.follow():\n"
        "    last = event\n"
        "print(run.status, last)\n"
    )
    (tmp_path / "script.py").write_text(script)
    done = subprocess.run([sys.executable, tmp_path / "script.py"], capture_output=True, text=True, timeout=120,
                          cwd=Path(__file__).parents[2], env={**os.environ, "PYTHONPATH": "."})  # fmt: skip
    assert done.stdout == "started\nfinished Ended(status='finished', message='', trace='')\n", done.stderr


def test_a_run_whose_process_was_killed_is_not_told_as_running(home):
    from distill_core.runs.store import Store

    store = Store(home)
    run = store.create({"task": "reviews"}, owner="nobody-who-lives")
    assert store.transition(run, {"queued"}, "running")
    assert [one.status for one in runs.list_runs()] == ["interrupted"]
    assert runs.find(run[:6]).status == "interrupted"


def test_what_the_first_question_needs_is_loaded_when_it_is_calm(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[bool] = []

    def calm() -> bool:
        looks.append(bool(session.augmenters or session.teachers))
        return len(looks) > 3

    for shelf in (session.teachers, session.augmenters):
        shelf.clear()
    monkeypatch.setattr(preview, "CALM_PAUSE", 0.01)
    preview.warm_up(calm)
    until = time.monotonic() + 60
    while not session.augmenters:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert session.teachers and looks[: 4 + len(preview.HEAVY_MODULES)] == [False] * (4 + len(preview.HEAVY_MODULES))
