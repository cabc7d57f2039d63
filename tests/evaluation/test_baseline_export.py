"""The baseline on disk: it answers as scikit-learn's does, and the exported folder needs numpy alone."""

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from broken import BREAKS, break_file
from fastapi.testclient import TestClient

from distill_core.data.dataset import Split
from distill_core.errors import DataError
from distill_core.evaluation import baseline_export, baseline_runtime, calibration, exported_server
from distill_core.evaluation.baseline import Baseline, fit_baseline

WORDS = [
    "not", "good", "bad", "film", "ok", "it's", "3.5", "Wörter", "ÉTÉ", "i", "!", "…", "don't", "a-b", "我", "喜欢",
    "这部电影", "ภาษา", "カナ", "İstanbul", "\ud800", "half_word",
]  # fmt: skip
UNSEEN = ["", "   ", "nothing of this was ever read", "新しい", "!!!", "GOOD good Good bad", "good\tgood\n", "\udfff"]


def some_text(draw: random.Random) -> str:
    return draw.choice((" ", "  ", "")).join(draw.choices(WORDS, k=draw.randint(1, 25)))


def fitted(classes: int = 2, pair: bool = False, shown: int | None = None) -> tuple[Baseline, list[tuple[str, ...]]]:
    """A baseline of random texts, of which training shows the classes below `shown`; and texts to ask it."""
    draw = random.Random(classes + pair)
    rows = [tuple(some_text(draw) for _ in range(1 + pair)) for _ in range(300)]
    labels = [*range(shown or classes), *(draw.randrange(shown or classes) for _ in rows)][: len(rows)]
    others = [*UNSEEN, *(some_text(draw) for _ in range(200))]
    asked = [(*row[:-1], text) for row, text in zip(rows, others, strict=False)] + rows
    return fit_baseline(Split(rows, labels), classes, pair), asked


def saved(baseline: Baseline, folder: Path, temperature: float = 1.0) -> Path:
    baseline.save(folder, [f"class {n}" for n in range(baseline.labels)], temperature)
    return folder


@pytest.mark.parametrize("pair", [False, True])
@pytest.mark.parametrize(("classes", "shown"), [(2, 2), (5, 5), (4, 3), (3, 2)])
def test_it_answers_as_scikit_learn_does(classes: int, shown: int, pair: bool, tmp_path: Path) -> None:
    baseline, asked = fitted(classes, pair, shown)
    predictor = baseline_runtime.load(saved(baseline, tmp_path / "floor"))
    expected = baseline.probabilities(asked)
    found = [list(one.probabilities.values()) for one in predictor(asked)]
    assert np.abs(np.array(found) - expected).max() < 1e-6
    assert np.abs(predictor.logits(asked) - baseline.logits(asked)).max() < 1e-4
    likely = expected.max(1) - np.sort(expected)[:, -2] > 1e-6
    answers = np.array([predictor.labels.index(one.label) for one in predictor(asked)])
    assert (answers == expected.argmax(1))[likely].all() and likely.sum() > 200


@pytest.mark.parametrize("how", BREAKS)
@pytest.mark.parametrize("name", ["baseline.json", "weights.npz"])
def test_a_damaged_one_is_refused_with_one_sentence(tmp_path: Path, name: str, how: str) -> None:
    folder = saved(fit_baseline(Split([("good film",), ("bad film",)] * 4, [0, 1] * 4), 2, False), tmp_path / "floor")
    assert baseline_export.load(folder)(["good film"])
    break_file(folder / name, how)
    if (name, how) != ("weights.npz", "bit in its tail"):  # which counts a comment that there is not
        with pytest.raises(DataError, match="damaged"):
            baseline_export.load(folder)


def test_its_temperature_calibrates_its_probabilities(tmp_path: Path) -> None:
    baseline, asked = fitted(3)
    plain = baseline_runtime.load(saved(baseline, tmp_path / "plain"))(asked)
    soft = baseline_runtime.load(saved(baseline, tmp_path / "soft", 2.5))(asked)
    expected = calibration.probabilities(baseline.logits(asked), 2.5)
    assert np.abs(np.array([list(one.probabilities.values()) for one in soft]) - expected).max() < 1e-6
    assert [one.label for one in soft] == [one.label for one in plain]


def test_it_refuses_a_text_of_the_wrong_kind(tmp_path: Path) -> None:
    single = baseline_runtime.load(saved(fitted()[0], tmp_path / "single"))
    pairs = baseline_runtime.load(saved(fitted(pair=True)[0], tmp_path / "pairs"))
    assert single([]) == pairs([]) == []
    with pytest.raises(ValueError, match="Text 2 should be one text"):
        single(["fine", ("a", "pair")])
    with pytest.raises(ValueError, match="Text 1 should be two sentences"):
        pairs(["alone"])


REPORT: dict[str, Any] = {
    "task": "toy",
    "rows": {"train": 1300, "valid": 5, "test": 400, "transfer": 60},
    "scored_on": "test",
    "metric": "mcc",
    "scores": {
        row: {"accuracy": 0.9, "low": 0.8, "high": 0.95, "macro_f1": 0.89, "mcc": 0.7, "metric_low": 0.6,
              "metric_high": 0.8, "parameters": 1234, "bytes": 5678}
        for row in ("floor", "control", "student", "teacher")
    },
    "tests_read": 14,
}  # fmt: skip
GUARD = """
import runpy, sys
class Guard:
    def find_spec(self, name, *rest):
        assert name.split('.')[0] not in ('distill_core', 'sklearn', 'scipy', 'torch', 'pandas', 'joblib'), name
sys.meta_path.insert(0, Guard())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
"""


def answers(folder: Path, *arguments: str, text: str = "") -> list[dict[str, Any]]:
    """What the folder's own program prints, with an import hook that refuses all but numpy."""
    call = [sys.executable, "-c", GUARD, str(folder / "predict.py"), *arguments]
    done = subprocess.run(call, capture_output=True, text=True, input=text, cwd=folder.parent, timeout=60)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_an_exported_baseline_predicts_with_numpy_alone(tmp_path: Path) -> None:
    single, pairs = fitted(3)[0], fitted(2, pair=True)[0]
    out = baseline_export.export(saved(single, tmp_path / "floor", 1.5), tmp_path / "out", REPORT)
    files = {file.name for file in out.iterdir()}
    assert files == {
        "predict.py", "requirements.txt", "README.md", "baseline.json", "weights.npz", "pyproject.toml", "__init__.py",
        "py.typed", "test_answers.py", "answers.json", "server.py",
        "Dockerfile",
    }  # fmt: skip
    assert (out / "requirements.txt").read_text() == "numpy>=2\n"
    expected = baseline_runtime.load(tmp_path / "floor")(["good 我 film", "bad"])
    found = answers(out, "good 我 film", "bad")
    assert [one["label"] for one in found] == [one.label for one in expected]
    assert [one["probabilities"] for one in found] == [pytest.approx(one.probabilities) for one in expected]
    assert answers(out, text="good 我 film\nbad\n") == found
    out = baseline_export.export(saved(pairs, tmp_path / "pairs"), tmp_path / "out of pairs", REPORT)
    assert answers(out, "--pair", "good", "bad") == answers(out, text="good\tbad\n")


def test_its_card_names_its_score_and_its_limits(tmp_path: Path) -> None:
    saved(fitted()[0], tmp_path / "floor", 1.5)
    card = (baseline_export.export(tmp_path / "floor", tmp_path / "out", REPORT) / "README.md").read_text("utf-8")
    assert "Matthews correlation: 0.700 (95 % interval 0.600 to 0.800) on\n400 rows" in card
    assert "1,300 labelled texts" in card and "| student | 0.700 |" in card and "temperature 1.50" in card
    assert "pip install -r requirements.txt" in card and "It knows no meanings" in card and "read 14 times" in card
    assert "can read\nthem" in card


def test_the_folder_of_another_model_is_left_alone(tmp_path: Path) -> None:
    saved(fitted()[0], tmp_path / "floor")
    out = baseline_export.export(tmp_path / "floor", tmp_path / "out", REPORT)
    assert baseline_export.export(tmp_path / "floor", out, REPORT) == out  # again, over itself
    (tmp_path / "student").mkdir()
    (tmp_path / "student" / "student.json").write_text("{}")
    with pytest.raises(DataError, match="already holds something else"):
        baseline_export.export(tmp_path / "floor", tmp_path / "student", REPORT)
    with pytest.raises(DataError, match=r"can't be written to .*student\.json"):
        baseline_export.export(tmp_path / "floor", tmp_path / "student" / "student.json" / "out", REPORT)


def test_its_server_answers_with_it(tmp_path: Path) -> None:
    saved(fitted(2, pair=True)[0], tmp_path / "floor")
    model = baseline_export.load(baseline_export.export(tmp_path / "floor", tmp_path / "out", REPORT))
    with TestClient(exported_server.make_app(model, ["testserver"])) as asked:
        found = asked.post("/predict", json={"texts": [["good", "bad"]]}).json()["predictions"]
        assert found == [{"label": model([("good", "bad")])[0].label, "unfamiliar": None,
                          "probabilities": pytest.approx(model([("good", "bad")])[0].probabilities)}]  # fmt: skip
        assert asked.get("/health").json() == {"status": "ok", "labels": model.labels, "pair": True}
