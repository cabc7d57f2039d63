"""Questions on a public host: answered by a process of its own, as in place, and one that hangs harms nobody else."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import distill_core as core
from distill_core.api import inference, questions
from distill_core.api.session import session
from distill_core.bounded import MB, Budget

PACKED = Path(__file__).parents[1] / "fixtures" / "506be2f" / "packed.zip"
TEXT = "a warm and funny film"


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[core.Run]:
    yield core.import_run(PACKED)
    core.close()


def settled(value: Any) -> Any:
    """The value without the times in it, and its numbers rounded."""
    if isinstance(value, dict):
        return {key: settled(one) for key, one in value.items() if key != "ms"}
    if isinstance(value, list | tuple):
        return [settled(one) for one in value]
    return round(value, 4) if isinstance(value, float) else value


def test_a_public_host_answers_as_ones_own_machine_does(run: core.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = (
        lambda: core.ask(run.id, TEXT), lambda: core.activations(run.id, TEXT), lambda: core.alignment(run.id, TEXT),
        lambda: core.ask_teacher(core.Config(), TEXT),
    )  # fmt: skip
    here = [settled(one()) for one in asked]
    assert session.helper() is None
    monkeypatch.setenv("STILLROOM_AUDIENCE", "room")
    assert session.helper() is None, "a script's own"
    session.open_app()
    helper = session.helper()
    assert helper is not None and [settled(one()) for one in asked] == here
    child = helper.call(os.getpid, budget=questions.QUESTION)
    with pytest.raises(core.UserError, match="There is no run 'nothing'"):
        core.ask("nothing", TEXT)
    begin = time.monotonic()
    core.ask(run.id, TEXT)
    assert time.monotonic() - begin < 5, "what it has loaded stays"
    with pytest.raises(core.UserError, match="The answer took more than 20 seconds, so it was stopped"):
        helper.call(time.sleep, 60, budget=Budget(seconds=20, memory=20_000 * MB, wall=0.2))
    assert settled(core.ask(run.id, TEXT)) == here[0] and helper.call(os.getpid, budget=questions.QUESTION) != child


def test_a_whole_file_has_a_process_for_itself(run: core.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "own.csv"
    table.write_text("text,id\n" + "".join(f"{TEXT} {i},{i}\n" for i in range(30)) + ",30\n")

    def ask() -> list[Any]:
        core.save_predictions(run.id, table, tmp_path / "out.csv")
        exported = core.export(run.id, tmp_path / f"student-{session.isolates_questions()}")
        first = list(core.predict_file(run.id, table, most=3))
        shown = core.preview(core.Config(), TEXT, n=2)
        return [
            (tmp_path / "out.csv").read_text(), sorted(file.name for file in exported.iterdir()), len(first),
            settled([(text, answer.probabilities) for text, answer in first if answer]), settled(shown),
        ]  # fmt: skip

    here = ask()
    assert here[2] == 3
    monkeypatch.setenv("STILLROOM_AUDIENCE", "room")
    session.open_app()
    assert ask() == here
    helper = session.helper()
    assert helper is not None
    child = helper.call(os.getpid, budget=questions.QUESTION)
    with monkeypatch.context() as hasty:
        hasty.setattr(questions, "FILE", Budget(seconds=20, memory=20_000 * MB, wall=0.01))
        with pytest.raises(core.UserError, match="The answer took more than 20 seconds, so it was stopped"):
            core.save_predictions(run.id, table, tmp_path / "late.csv")
    assert not (tmp_path / "late.csv").exists()
    assert helper.call(os.getpid, budget=questions.QUESTION) == child, "another's question goes on"
    with pytest.raises(core.UserError, match="no column"):
        list(core.predict_file(run.id, table, text="nothing"))


def test_what_is_asked_can_be_sent(run: core.Run) -> None:
    import pickle

    asked = (inference.ask, inference.activations, inference.alignment, core.ask_teacher, core.layers, core.preview)
    for function in (*asked, core.export, core.save_predictions):
        assert pickle.loads(pickle.dumps(function)) is function
