"""Quick versions of the benchmarks that torture: each of their modes works, finds nothing, and finds what is there.

The counts that the README tells are of the long ones.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import torture_door, torture_files
from benchmarks.torture_files import Bench
from distill_core.evaluation import latency


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STILLROOM_HOME", os.environ["STILLROOM_HOME"])
        patch.setattr(latency, "SECONDS", latency.SECONDS)  # which a bench shortens
        yield Bench(tmp_path_factory.mktemp("torture"))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("only", ["runs/plain*/teacher.json", "cache/nearest/*/nearest.safetensors", "runs.db"])
def test_broken_files(bench: Bench, monkeypatch: pytest.MonkeyPatch, only: str) -> None:
    monkeypatch.setattr(torture_files, "WAYS", ("cut", "bit in its middle"))
    assert torture_files.break_files(bench, only) == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("torture", "count"),
    [(torture_files.inject_faults, 5), (torture_files.kill_processes, 2), (torture_files.stop_runs, 2)],
)
def test_faults_kills_and_stops(bench: Bench, torture, count: int, capsys: pytest.CaptureFixture) -> None:
    assert torture(bench, count) == []
    assert f"{count} " in capsys.readouterr().out


@pytest.mark.timeout(300)
def test_what_is_lost_is_found(bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(torture_files, "WAYS", ("cut",))
    monkeypatch.setattr(bench, "expected", {torture_files.PLAIN: b"other weights", "tuned": b""})
    monkeypatch.setattr(torture_files, "Bench", lambda folder: bench)
    monkeypatch.setattr(sys, "argv", ["torture_files", "--only", "cache/logits/*/key.json", "--check"])
    assert torture_files.main() == 1
    assert "LOST  cache/logits" in capsys.readouterr().out


@pytest.mark.timeout(300)
def test_odd_input_at_the_door(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = {"tables": 60, "configs": 200, "packed": 6, "models": 6, "ids": 500}
    options = [part for kind, count in counts.items() for part in (f"--{kind}", str(count))]
    assert torture_door.main([*options, "--check"]) == 0
    assert len(capsys.readouterr().out.splitlines()) >= len(counts)
    monkeypatch.setattr(torture_door, "MOST_CHARACTERS", 3)
    assert torture_door.main(["--tables", "20", "--configs", "0", "--packed", "0", "--models", "0", "--ids",
                              "0", "--check"]) == 1  # fmt: skip


@pytest.mark.timeout(300)
def test_bombs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = {name: torture_door.BOMBS[name] for name in ("dictionary.parquet", "wide-1mb.csv", "nested.json")}
    monkeypatch.setattr(torture_door, "BOMBS", few)
    assert torture_door.drop_bombs(tmp_path).faults == []
