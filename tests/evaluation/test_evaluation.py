import json
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import f1_score

from distill_core.data.dataset import Split
from distill_core.evaluation import baseline, comparison, latency, significance


def probabilities(answers, classes=2):
    return np.eye(classes)[np.asarray(answers)]


def score(found, truth, **more):
    names = [f"class {i}" for i in range(found.shape[1])]
    return comparison.score_predictions(found, truth, names, (found, truth), **more)


def test_a_score_tells_every_measure_with_its_interval():
    truth, said = [0] * 70 + [1] * 30, [0] * 65 + [1] * 25 + [0] * 10
    found = score(probabilities(said), truth, metric="f1")
    assert found["accuracy"] == pytest.approx(np.mean(np.array(truth) == said))
    assert found["macro_f1"] == pytest.approx(f1_score(truth, said, average="macro"))
    assert found["f1"] == pytest.approx(f1_score(truth, said))
    for name, low, high in (("accuracy", "low", "high"), ("macro_f1", "macro_f1_low", "macro_f1_high"),
                            ("f1", "metric_low", "metric_high")):  # fmt: skip
        assert found[low] < found[name] < found[high]
    assert [row["rows"] for row in found["per_class"]] == [70, 30]
    assert sum(bin["rows"] for bin in found["reliability"]) == 100
    json.dumps(found)


def test_mcnemar_counts_only_the_rows_on_which_one_is_right():
    a, b = np.arange(100) < 90, np.arange(100) < 75
    assert significance.mcnemar(a, b) == pytest.approx(2 * 0.5**15)
    assert significance.mcnemar(a, a) == 1.0


def test_shares_of_gap_and_teacher():
    truth = [0] * 10
    said = {"control": [0] * 6 + [1] * 4, "student": [0] * 8 + [1] * 2, "teacher": [0] * 9 + [1]}
    found = {row: probabilities(answers) for row, answers in said.items()}
    scores = {row: score(p, truth) for row, p in found.items()}
    summary = comparison.compare(scores, found, truth)
    assert summary["gap_recovered"] == pytest.approx(2 / 3)
    assert summary["kept"] == pytest.approx(8 / 9)
    assert summary["agreement"] == pytest.approx(0.9)
    assert summary["split"] == {"both": 8, "only_student": 0, "only_teacher": 1, "neither": 1}
    assert summary["confusion"]["control"] == [[6, 4], [0, 0]]
    assert summary["differences"]["student-control"]["difference"] == pytest.approx(0.2)
    assert summary["differences"]["student-teacher"]["difference"] == pytest.approx(-0.1)


def test_gap_and_kept_are_told_in_the_metric():
    truth = [0] * 8 + [1] * 2
    said = {"control": [0] * 10, "student": [0] * 9 + [1], "teacher": truth}
    found = {row: probabilities(answers) for row, answers in said.items()}
    scores = {row: score(p, truth, metric="mcc") for row, p in found.items()}
    summary = comparison.compare(scores, found, truth, "mcc")
    mcc = scores["student"]["mcc"]
    assert summary["metric"] == "mcc" and scores["control"]["mcc"] == 0 and 0 < mcc < 1
    assert summary["gap_recovered"] == summary["kept"] == pytest.approx(mcc)
    assert summary["differences"]["student-control"]["difference"] == pytest.approx(mcc)


@pytest.mark.parametrize("teacher", [0.5, 0.6])
def test_no_share_of_a_gap_that_is_not_there(teacher):
    right = round(teacher * 10)
    found = {
        "control": probabilities([0] * 6 + [1] * 4),
        "student": probabilities([0] * 7 + [1] * 3),
        "teacher": probabilities([0] * right + [1] * (10 - right)),
    }
    scores = {row: score(p, [0] * 10) for row, p in found.items()}
    assert comparison.compare(scores, found, [0] * 10)["gap_recovered"] is None
    del scores["control"], found["control"]
    assert comparison.compare(scores, found, [0] * 10)["gap_recovered"] is None


def test_the_floor_learns_words_and_knows_its_size():
    texts = [(f"good {i}",) for i in range(20)] + [(f"bad {i}",) for i in range(20)]
    floor = baseline.fit_baseline(Split(texts, [1] * 20 + [0] * 20), 3, pair=False)
    found = floor.probabilities([("a good one",), ("so bad",)])
    assert found.shape == (2, 3) and found.argmax(1).tolist() == [1, 0]
    assert found[:, 2].tolist() == [0, 0]  # a class that training never showed
    logits = floor.logits([("a good one",), ("so bad",)])
    assert np.isfinite(logits).all() and (logits.argmax(1) == found.argmax(1)).all()
    assert floor.parameters > 40 and floor.bytes > 1000


def test_the_floor_reads_scripts_without_spaces():
    texts = [("我喜欢这部电影",), ("这个故事很喜欢",), ("讨厌这部电影",), ("这个故事真讨厌",)]
    floor = baseline.fit_baseline(Split(texts * 5, [1, 1, 0, 0] * 5), 2, pair=False)
    assert floor.probabilities([("大家喜欢",), ("大家讨厌",)]).argmax(1).tolist() == [1, 0]


def test_the_floor_tells_a_pairs_sides_apart():
    texts = [("cats", "dogs"), ("dogs", "cats")] * 20
    floor = baseline.fit_baseline(Split(texts, [0, 1] * 20), 2, pair=True)
    assert floor.probabilities([("cats", "dogs"), ("dogs", "cats")]).argmax(1).tolist() == [0, 1]


def test_speed_is_measured_not_guessed(monkeypatch):
    import torch

    threads, clock = [], SimpleNamespace(now=0.0)

    def answer(seconds):
        def predict(texts):
            threads.append(torch.get_num_threads())
            slow = "slow" in texts[0]
            clock.now += seconds * len(texts) * (10 if slow and len(texts) == 1 else 1)

        return predict

    monkeypatch.setattr(latency, "SECONDS", 0.1)
    monkeypatch.setattr(latency, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    torch.set_num_threads(2)
    quick = latency.measure_speed(answer(0.001), [("a",)] * 64)
    assert torch.get_num_threads() == 2 and set(threads) == {1}
    torch.set_num_threads(1)
    slow = latency.measure_speed(answer(0.008), [("a",)] * 64)
    assert (quick["latency_ms"], slow["latency_ms"]) == pytest.approx((1, 8))
    assert (quick["texts_per_s"], slow["texts_per_s"]) == pytest.approx((1000, 125))
    now_and_then = latency.measure_speed(answer(0.001), [("a",)] * 9 + [("slow",)])
    assert (now_and_then["latency_p95_ms"], now_and_then["latency_ms"]) == pytest.approx((10, 1))
