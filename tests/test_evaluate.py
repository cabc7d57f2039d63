import numpy as np
import pytest
from sklearn.metrics import f1_score

from distill_core import evaluate
from distill_core.data import Split


def probabilities(answers, classes=2):
    return np.eye(classes)[np.asarray(answers)]


def test_accuracy_macro_f1_and_an_interval_that_holds_it():
    truth, said = [0] * 70 + [1] * 30, [0] * 65 + [1] * 25 + [0] * 10
    found = evaluate.score(probabilities(said), truth)
    assert found["accuracy"] == pytest.approx(np.mean(np.array(truth) == said))
    assert found["macro_f1"] == pytest.approx(f1_score(truth, said, average="macro"))
    assert found["low"] < found["accuracy"] < found["high"]


def test_the_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    held = 0
    for i in range(300):
        right = rng.random(400) < 0.85
        found = evaluate.score(probabilities(np.where(right, 0, 1)), [0] * 400, seed=i)
        held += found["low"] <= 0.85 <= found["high"]
    assert 0.91 <= held / 300 <= 0.98


def test_mcnemar_counts_only_the_rows_on_which_one_is_right():
    truth = [0] * 100
    a = probabilities([0] * 90 + [1] * 10)
    b = probabilities([0] * 75 + [1] * 25)
    assert evaluate.mcnemar(a, b, truth) == pytest.approx(2 * 0.5**15)
    assert evaluate.mcnemar(a, a, truth) == 1.0


def score_of(accuracy):
    return {"accuracy": accuracy, "macro_f1": accuracy, "low": accuracy, "high": accuracy}


def test_shares_of_gap_and_teacher():
    truth = [0] * 10
    said = {"control": [0] * 6 + [1] * 4, "student": [0] * 8 + [1] * 2, "teacher": [0] * 9 + [1]}
    found = {row: probabilities(answers) for row, answers in said.items()}
    scores = {row: evaluate.score(p, truth) for row, p in found.items()}
    summary = evaluate.summary(scores, found, truth)
    assert summary["gap_recovered"] == pytest.approx(2 / 3)
    assert summary["kept"] == pytest.approx(8 / 9)
    assert summary["agreement"] == pytest.approx(0.9)
    assert summary["split"] == {"both": 8, "only_student": 0, "only_teacher": 1, "neither": 1}
    assert summary["confusion"]["control"] == [[6, 4], [0, 0]]


@pytest.mark.parametrize("teacher", [0.5, 0.6])
def test_no_share_of_a_gap_that_is_not_there(teacher):
    right = round(teacher * 10)
    found = {
        "control": probabilities([0] * 6 + [1] * 4),
        "student": probabilities([0] * 7 + [1] * 3),
        "teacher": probabilities([0] * right + [1] * (10 - right)),
    }
    scores = {row: evaluate.score(p, [0] * 10) for row, p in found.items()}
    assert evaluate.summary(scores, found, [0] * 10)["gap_recovered"] is None
    del scores["control"], found["control"]
    assert evaluate.summary(scores, found, [0] * 10)["gap_recovered"] is None


def test_the_floor_learns_words_and_knows_its_size():
    texts = [(f"good {i}",) for i in range(20)] + [(f"bad {i}",) for i in range(20)]
    floor = evaluate.floor(Split(texts, [1] * 20 + [0] * 20), 3, pair=False)
    found = floor.probabilities([("a good one",), ("so bad",)])
    assert found.shape == (2, 3) and found.argmax(1).tolist() == [1, 0]
    assert found[:, 2].tolist() == [0, 0]  # a class that training never showed
    assert floor.parameters > 40 and floor.bytes > 1000


def test_the_floor_reads_scripts_without_spaces():
    texts = [("我喜欢这部电影",), ("这个故事很喜欢",), ("讨厌这部电影",), ("这个故事真讨厌",)]
    floor = evaluate.floor(Split(texts * 5, [1, 1, 0, 0] * 5), 2, pair=False)
    assert floor.probabilities([("大家喜欢",), ("大家讨厌",)]).argmax(1).tolist() == [1, 0]


def test_the_floor_tells_a_pairs_sides_apart():
    texts = [("cats", "dogs"), ("dogs", "cats")] * 20
    floor = evaluate.floor(Split(texts, [0, 1] * 20), 2, pair=True)
    assert floor.probabilities([("cats", "dogs"), ("dogs", "cats")]).argmax(1).tolist() == [0, 1]


def test_speed_is_measured_not_guessed(monkeypatch):
    import time

    monkeypatch.setattr(evaluate, "PATIENCE", 0.1)
    quick = evaluate.speed(lambda texts: time.sleep(0.002 * len(texts)), [("a",)] * 64)
    slow = evaluate.speed(lambda texts: time.sleep(0.02 * len(texts)), [("a",)] * 64)
    assert 2 <= quick["latency_ms"] < slow["latency_ms"] >= 20
    assert quick["texts_per_s"] > slow["texts_per_s"]
