"""A model on the Hub: private, new, asked about first, with the person's own token; and read back without its code."""

from pathlib import Path
from typing import Any

import pytest
from fake_hub import FakeHub
from huggingface_hub import ModelCard

import distill_core as core
from distill_core.cli import run_command
from distill_core.errors import DataError, HubError, UserError

PACKED = Path(__file__).parents[1] / "fixtures" / "506be2f" / "packed.zip"
ID = "ana/tickets"


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch) -> core.Run:
    monkeypatch.setenv("HF_TOKEN", "may-write")
    return core.import_run(PACKED)


def test_a_pushed_student_is_private_complete_and_answers_the_same_when_loaded(
    run: core.Run, fake_hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    address = core.push(run.id, ID, confirm=lambda files: asked.append(files) is None)
    files = fake_hub.repos["models", ID]
    assert address.endswith(f"/{ID}") and fake_hub.info[ID]["private"] is True
    assert {name: len(content) for name, content in files.items()} == dict(asked[0])
    card = ModelCard(files["README.md"].decode()).data
    assert card.pipeline_tag == "text-classification" and card.eval_results[0].metric_value is not None
    files["vocabulary.py"] = files["network.py"] = b"raise SystemExit('a program of the Hub ran')"
    student = core.load_pushed(ID)
    texts = ["a warm and funny film", "the soup was cold"]
    assert student.predict_proba(texts) == pytest.approx(core.predictor(run.id).predict_proba(texts), abs=1e-6)
    assert not [path for path, _ in map(reversed, fake_hub.requests) if path.endswith(".py")]
    fake_hub.add("models", "ana/damaged", {**files, "student.json": b"{}"})
    with pytest.raises(DataError):
        core.load_pushed("https://huggingface.co/ana/damaged")


def test_what_the_hub_refuses_is_a_sentence_and_nothing_is_sent_unasked(
    run: core.Run, fake_hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert core.push(run.id, ID, confirm=lambda files: False) == "" and not fake_hub.repos
    with pytest.raises(HubError, match="does not say whose it shall be"):
        core.push(run.id, "tickets")
    fake_hub.add("models", ID, {"mine.txt": b"x"})
    with pytest.raises(HubError, match="There is a model ana/tickets on the Hub already"):
        core.push(run.id, ID)
    assert fake_hub.repos["models", ID] == {"mine.txt": b"x"}
    with pytest.raises(UserError, match="lacks its simple baseline"):
        core.push(run.id, "ana/other", row="floor")
    monkeypatch.setenv("HF_TOKEN", "may-read")
    with pytest.raises(HubError, match=r"does not let you write to ana/other \(403\)"):
        core.push(run.id, "ana/other")
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(HubError, match="Nobody is logged in to the Hub here"):
        core.push(run.id, "ana/other")
    monkeypatch.setenv("STILLROOM_AUDIENCE", "space")
    for act in (lambda: core.push(run.id, "ana/other"), lambda: core.load_pushed(ID)):
        with pytest.raises(UserError, match="On a public host"):
            act()


def test_the_command_names_the_files_and_asks(
    run: core.Run, fake_hub: FakeHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("builtins.input", lambda words: "n")
    assert run_command(["push", run.id, ID]) == 130 and not fake_hub.repos
    told = capsys.readouterr().err
    assert "model.safetensors" in told and "(private)" in told and "Nothing was sent." in told
    assert run_command(["push", run.id, ID, "--public", "--yes"]) == 0
    assert capsys.readouterr().out.strip().endswith(ID) and fake_hub.info[ID]["private"] is False


def test_a_model_that_is_too_large_or_none_of_ours_is_not_loaded(
    run: core.Run, fake_hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_hub.add("models", "ana/bert", {"config.json": b"{}", "model.safetensors": b"0" * 10})
    with pytest.raises(DataError):
        core.load_pushed("ana/bert")
    monkeypatch.setattr("distill_core.api.publish.MOST_BYTES", 5)
    with pytest.raises(HubError, match="are the most"):
        core.load_pushed("ana/bert")
    with pytest.raises(HubError, match="There is no model ana/none"):
        core.load_pushed("ana/none")
