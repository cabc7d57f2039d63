"""What right answers are worth, against sklearn, by hand, and by the coverage of the intervals."""

import time

import numpy as np
import pytest
from sklearn.metrics import f1_score, matthews_corrcoef

from distill_core.evaluation import metrics, significance


def answers(rows: int, classes: int, right: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, rows)
    return truth, np.where(rng.random(rows) < right, truth, rng.integers(0, classes, rows))


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_every_metric_is_sklearns(classes: int) -> None:
    truth, said = answers(500, classes, 0.6, classes)
    found = metrics.compute_metrics(said, truth, classes)
    assert found["accuracy"] == pytest.approx((truth == said).mean())
    assert found["macro_f1"] == pytest.approx(f1_score(truth, said, average="macro"))
    assert found["mcc"] == pytest.approx(matthews_corrcoef(truth, said))
    if classes == 2:
        assert found["f1"] == pytest.approx(f1_score(truth, said))
    else:
        assert "f1" not in found


def test_matthews_by_hand_and_where_it_is_not_defined() -> None:
    # 6 true positives, 3 true negatives, 1 false positive, 2 false negatives
    truth, said = [1] * 6 + [0] * 3 + [0] + [1] * 2, np.array([1] * 6 + [0] * 3 + [1] + [0] * 2)
    assert metrics.compute_metrics(said, truth, 2)["mcc"] == pytest.approx((6 * 3 - 1 * 2) / (7 * 8 * 4 * 5) ** 0.5)
    same = metrics.compute_metrics(np.zeros(4, int), [0, 0, 1, 1], 2)
    assert same["mcc"] == 0.0 and same["f1"] == 0.0 and same["accuracy"] == 0.5


def test_a_class_that_is_nowhere_takes_no_part_in_macro_f1() -> None:
    truth, said = [0, 0, 1, 1], np.array([0, 0, 1, 0])
    assert metrics.compute_metrics(said, truth, 5)["macro_f1"] == pytest.approx(f1_score(truth, said, average="macro"))


def test_the_bootstrap_of_counts_is_the_bootstrap_of_rows() -> None:
    truth, said = answers(300, 3, 0.5, 1)
    rng, drawn = np.random.default_rng(0), []
    for _ in range(1500):
        rows = rng.integers(0, 300, 300)
        drawn.append(matthews_corrcoef(truth[rows], said[rows]))
    assert significance.intervals(said, truth, 3)["mcc"] == pytest.approx(np.percentile(drawn, [2.5, 97.5]), abs=0.01)


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_the_interval_covers_the_truth_as_often_as_it_says(metric: str) -> None:
    held = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        truth = rng.integers(0, 2, 400)
        said = np.where(rng.random(400) < 0.85, truth, 1 - truth)
        low, high = significance.intervals(said, truth, 2, seed)[metric]
        held += low <= 0.85 <= high
    assert 0.9 <= held / 200 <= 0.985


@pytest.mark.parametrize(("differing", "shows"), [(3, False), (5, False), (6, True)])
def test_on_few_rows_a_difference_shows_only_where_chance_does_not_explain_it(differing: int, shows: bool) -> None:
    """Of eight rows the bootstrap draws three that are all for one model in 98 of 100 samples; a coin does so once in
    four."""
    truth, other = np.array([0, 1] * 4), np.array([0, 1] * 4)
    other[:differing] = 1 - other[:differing]
    found = significance.paired_difference(truth, other, truth.tolist(), 2, "accuracy")
    assert found["difference"] == differing / 8 and (found["low"] > 0) == shows


def test_a_paired_difference_is_narrower_than_two_intervals() -> None:
    truth, said = answers(1000, 2, 0.6, 3)
    better = said.copy()
    better[np.flatnonzero(said != truth)[:20]] = truth[np.flatnonzero(said != truth)[:20]]  # 20 rows mended, none lost
    found = significance.paired_difference(better, said, truth, 2, "accuracy")
    assert found["difference"] == pytest.approx(0.02)
    assert 0 < found["low"] < 0.02 < found["high"] < 0.035
    low, high = significance.intervals(said, truth, 2)["accuracy"]
    assert found["high"] - found["low"] < (high - low) / 2
    back = significance.paired_difference(said, better, truth, 2, "accuracy")
    assert back["difference"] == pytest.approx(-0.02) and back["high"] < 0


def test_two_thousand_resamples_of_ten_thousand_rows_take_no_second() -> None:
    truth, said = answers(10_000, 5, 0.8, 4)
    start = time.process_time()
    significance.intervals(said, truth, 5)
    significance.paired_difference(said, truth, truth, 5, "macro_f1")
    assert time.process_time() - start < 1


def test_per_class_by_hand() -> None:
    found = metrics.per_class(np.array([0, 0, 1, 1, 1]), [0, 1, 1, 1, 0], ("bad", "good", "none"))
    assert found[0] == {"label": "bad", "precision": 0.5, "recall": 0.5, "f1": 0.5, "rows": 2}
    assert found[1]["precision"] == pytest.approx(2 / 3) and found[1]["recall"] == pytest.approx(2 / 3)
    assert found[2] == {"label": "none", "precision": 0.0, "recall": 0.0, "f1": 0.0, "rows": 0}


def test_the_metric_is_the_knobs_then_the_tasks_then_the_rows() -> None:
    even, uneven = [0] * 60 + [1] * 40, [0] * 70 + [1] * 30
    assert metrics.resolve_metric("auto", "mcc", even, 2) == "mcc"
    assert metrics.resolve_metric("accuracy", "f1", uneven, 2) == "accuracy"
    assert metrics.resolve_metric("auto", "auto", even, 2) == "accuracy"
    assert metrics.resolve_metric("auto", "auto", uneven, 2) == "macro_f1"
    assert metrics.resolve_metric("f1", "accuracy", even, 3) == "macro_f1"


def test_cells_are_counted_where_a_row_has_several_labels_too():
    truth, said = np.array([[1, 0], [1, 1], [1, 0]]), np.array([[1, 0], [0, 1], [1, 0]])
    one, other, counts = metrics.count_cells(truth, said)
    assert (one.tolist(), other.tolist(), counts.tolist()) == ([[1, 0], [1, 1]], [[1, 0], [0, 1]], [2, 1])
    one, other, counts = metrics.count_cells(truth[:, 0], said[:, 0])
    assert (one.tolist(), other.tolist(), counts.tolist()) == ([1, 1], [0, 1], [1, 2])


def test_a_constant_answer_is_seen_where_a_row_has_several_labels_too():
    assert metrics.is_constant(np.array([1, 1, 1]), [0, 1, 1]) and not metrics.is_constant(np.array([1, 1]), [1, 1])
    same, other = np.array([[1, 0], [1, 0]]), np.array([[1, 0], [1, 1]])
    assert metrics.is_constant(same, other.tolist())
    assert not metrics.is_constant(other, other.tolist()) and not metrics.is_constant(same, same.tolist())
