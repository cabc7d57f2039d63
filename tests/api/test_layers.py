"""Layers of a student that is cut from its teacher, beside the teacher's own, on one text."""

import csv
from pathlib import Path
from typing import Any

import pytest

import distill_core as core
from distill_core import UserError
from distill_core.evaluation import latency

TEXT = "The soup was anything but bland."


def test_all_layers_are_the_teacher_and_fewer_are_further_from_it() -> None:
    whole = core.layers(None, TEXT, "all")
    assert (whole["layers"], whole["depth"], whole["own"], whole["trained"]) == ([1, 2, 3], 3, False, False)
    assert max(whole["losses"].values()) == pytest.approx(0, abs=1e-6) and whole["embeddings"] == 0
    assert whole["logits"]["student"] == pytest.approx(whole["logits"]["teacher"], abs=1e-4)
    for pair in whole["pairs"]:
        assert pair["cosine"] == pytest.approx(1, abs=1e-5) and pair["hidden"] == pytest.approx(0, abs=1e-6)
        assert pair["looks"]["student"] == pair["looks"]["teacher"]
    short = core.layers(None, TEXT, "first:1")
    (pair,) = short["pairs"]
    assert (pair["student"], pair["teacher"], short["layers"]) == (1, 3, [1])
    assert short["losses"]["layers"] == pytest.approx(pair["hidden"] + pair["attention"], rel=1e-5)
    assert pair["cosine"] < 0.99 and min(short["losses"].values()) > 1e-3
    assert short["pieces"][0] == "[CLS]" and len(short["pieces"]) == len(pair["looks"]["student"])
    assert all(sum(row) == pytest.approx(1, abs=0.01) for row in pair["looks"]["teacher"]), "shares of where it looks"


def test_a_runs_own_student_is_read_where_it_is_cut_from_its_teacher(
    lively_teacher: Path, tmp_path: Path, toy_rows: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STILLROOM_WORKER", "thread")
    monkeypatch.setattr(latency, "SECONDS", 0.01)
    file = tmp_path / "pairs.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows([("a", "b", "label"), *((text, text[::-1], label) for text, label in toy_rows)])
    shared: dict[str, Any] = {"task": "file", "train": str(file), "text": "a", "text2": "b", "label": "label",
                              "teacher": str(lively_teacher), "batch": 8, "epochs": 1, "evaluations": 1, "n_iter": 0,
                              "max_tokens": 24, "teach_anyway": True, "control": False}  # fmt: skip
    try:
        cut, other = (core.start(student=name, **shared) for name in ("cut", "bag"))
        assert [run.wait(120) for run in (cut, other)] == ["finished"] * 2
        pair = ("a warm film", "it was cold")
        own = core.layers(cut.id, pair, "own")
        assert own["trained"] and own["own"] and own["layers"] == [1, 2]
        assert own["losses"]["layers"] > 0, "training moved it"
        fresh = core.layers(cut.id, pair, "all")
        assert not fresh["trained"] and fresh["losses"]["layers"] == pytest.approx(0, abs=1e-5)
        assert not core.layers(other.id, pair)["own"]
        with pytest.raises(UserError, match="no student that is cut from its teacher"):
            core.layers(other.id, pair, "own")
        with pytest.raises(UserError):
            core.layers(cut.id, "one text alone")
    finally:
        core.close()
