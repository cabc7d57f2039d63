"""The list of what can be taken home: what there is, about as large as it becomes, by commands that parse."""

import shlex
from pathlib import Path

import pytest

import distill_core as core
from distill_core.cli import run_command
from distill_core.cli.parser import parse

PACKED = Path(__file__).parents[1] / "fixtures" / "506be2f" / "packed.zip"
CLOSE = 0.6  # of the size; of a tiny model's folder most is what goes with every model


def test_each_thing_is_about_as_large_as_told_and_its_command_writes_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run = core.import_run(PACKED)
    found = {one.kind: one for one in core.takeaways(run.id)}
    assert set(found) == {"student", "student_html", "rows", "run"}
    monkeypatch.chdir(tmp_path)
    for one in found.values():
        words = shlex.split(one.command)
        assert words[:3] == ["python", "-m", "distill_core"] and words[4] == run.id
        parse(words[3:])
        assert run_command(words[3:]) == 0
        written = tmp_path / one.file
        files = [written] if written.is_file() else [file for file in written.rglob("*") if file.is_file()]
        size = sum(file.stat().st_size for file in files)
        assert files and abs(size - one.bytes) < CLOSE * size + 20_000, (one.kind, size, one.bytes)
    capsys.readouterr()
    assert run_command(["show", run.id]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert f"python -m distill_core export {run.id} {found['student'].file}" in told and "one HTML page" in told


def test_an_example_and_a_run_without_a_comparison_have_nothing(home: Path) -> None:
    assert core.takeaways(core.list_runs(1, examples=True)[0].id) == []
