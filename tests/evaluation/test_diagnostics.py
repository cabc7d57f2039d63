"""When distilling will not pay, and whether it did: each sentence where its reason is there, and not elsewhere."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

from distill_core.cache import Cache
from distill_core.config.schema import Config
from distill_core.data.dataset import Dataset, Split
from distill_core.evaluation import comparison, diagnostics, significance
from distill_core.evaluation.objective import SINGLE_LABEL


def data(train=6000, test=2000, unlabelled=0, pair=False):
    def split(count, word):
        return Split(
            [((f"{word} {i}", "other") if pair else (f"{word} {i}",)) for i in range(count)], [0, 1] * (count // 2)
        )

    extra = [(f"more {i}",) for i in range(unlabelled)]
    return Dataset(
        split(train, "a"), split(20, "b"), split(test, "c"), extra, ("bad", "good"), pair, "en", "test", [], {}
    )


def warnings(said):
    return " ".join(text for level, text in said if level == "warning")


def test_enough_texts_and_test_rows_give_no_warning():
    [(level, said)] = diagnostics.check_data(data())
    assert level == "info" and "With 2,000 test rows, gains below about 2.2 points" in said


def test_few_texts_and_a_small_test_are_told_before():
    assert "With 2,000 texts the teacher can pass on little" in warnings(diagnostics.check_data(data(train=2000)))
    assert "pass on little" not in warnings(diagnostics.check_data(data(train=600, unlabelled=6000)))
    assert "With 100 test rows" in warnings(diagnostics.check_data(data(test=100)))
    assert "With 4,000 pairs the teacher" in warnings(diagnostics.check_data(data(train=4000, pair=True)))
    assert "pairs" not in warnings(diagnostics.check_data(data(train=40_000, pair=True)))


# What runs on real text counted: test rows, rows that only the student and only the control had right, the difference
# in accuracy, its interval, and whether they are pairs [benchmarks/RESULTS.md, "How far apart"]
MEASURED = {
    "SST-2, small": (1821, 134, 65, 0.0379, (0.0225, 0.0527), False),
    "SST-2, tiny": (1821, 139, 52, 0.0478, (0.0329, 0.0626), False),
    "SST-2, quick": (1821, 78, 54, 0.0132, (0.0011, 0.0258), False),
    "MRPC": (1725, 133, 107, 0.0151, (-0.0024, 0.0325), True),
}


@pytest.mark.parametrize("name", MEASURED)
def test_the_size_that_is_told_before_shows_four_times_in_five_on_rows_as_far_apart_as_were_measured(name):
    rows, ours, theirs, found, _, pair = MEASURED[name]
    assert found == pytest.approx((ours - theirs) / rows, abs=1e-3)
    told, apart = significance.detectable_difference(rows, significance.DISAGREEMENT_RATE[pair]), (ours + theirs) / rows
    rng, seen = np.random.default_rng(0), 0
    for _ in range(300):
        better, worse = rng.multinomial(rows, [(apart + told) / 2, (apart - told) / 2, 1 - apart])[:2]
        seen += binomtest(int(better), int(better + worse)).pvalue < 0.05
    assert seen / 300 > 0.7
    assert told < 1.5 * significance.detectable_difference(rows, apart)  # and is not told much larger than it must be


@pytest.mark.parametrize(
    ("name", "outcome", "doubt"),
    [
        ("SST-2, small", "Distilling paid", None),
        ("SST-2, tiny", "Distilling paid", None),
        ("SST-2, quick", "Distilling paid", "less than the 1.8 points that these 1,821 rows show reliably"),
        ("MRPC", "does not show on these 1,725 test rows", None),  # by accuracy; by F1 see below
    ],
)
def test_what_is_said_of_measured_differences(name, outcome, doubt):
    rows, ours, theirs, found, interval, pair = MEASURED[name]
    p = binomtest(ours, ours + theirs).pvalue
    summary = compared(0.84, 0.85, 0.85 + found, 0.91, rows, interval, mcnemar={"control": p})
    said = " ".join(text for _, text in diagnostics.conclude(summary, 60_000, pair))
    assert outcome in said and (doubt in said if doubt else "reliably" not in said)


def test_an_f1_is_set_beside_what_always_answering_the_class_has():
    """MRPC's run: +2.1 points of F1 with an interval above zero, while McNemar's p is 0.11 and "equivalent" alone has
    0.799."""
    summary = compared(rows=1725, apart=(0.0089, 0.0330), mcnemar={"control": 0.1064}, metric="f1")
    values = {"floor": 0.795, "control": 0.799, "student": 0.820, "teacher": 0.833}
    own = [{"label": "not_equivalent", "rows": 578}, {"label": "equivalent", "rows": 1147}]
    summary["scores"] = {row: {"f1": value, "per_class": own} for row, value in values.items()}
    summary["differences"]["student-control"]["difference"] = 0.0207
    said = warnings(diagnostics.conclude(summary, 60_000, True))
    assert "Always answering “equivalent” has an F1 of 0.799" in said
    assert "can't be told apart (McNemar p = 0.11): what was gained is a matter of F1" in said
    summary["mcnemar"] = {"control": 0.001}
    summary["scores"]["student"]["f1"] = 0.95
    assert warnings(diagnostics.conclude(summary, 60_000, True)) == ""  # far above both, there is nothing to warn of


def test_a_difference_of_the_detectable_size_is_found_four_times_in_five():
    rows, apart, rng = 1000, significance.DISAGREEMENT_RATE[False], np.random.default_rng(0)
    least = significance.detectable_difference(rows, apart)
    found = 0
    for _ in range(400):
        better, worse = rng.multinomial(rows, [(apart + least) / 2, (apart - least) / 2, 1 - apart])[:2]
        found += binomtest(int(better), int(better + worse)).pvalue < 0.05
    assert 0.7 < found / 400 < 0.9


def test_a_teacher_near_the_floor_and_a_control_at_the_teacher_are_told():
    assert "hardly pay" in warnings(diagnostics.check_teacher(0.805, 0.80, "accuracy"))
    assert diagnostics.check_teacher(0.9, 0.8, "accuracy") == []
    assert "macro-F1 0.805" in warnings(diagnostics.check_teacher(0.805, 0.80, "macro_f1"))
    assert "hardly a gap" in warnings(diagnostics.check_control(0.9, 0.905, "accuracy"))
    assert diagnostics.check_control(0.8, 0.9, "accuracy") == []


def test_labels_that_the_teacher_contradicts_are_counted_and_named():
    rows = data(train=40)
    given = rows.train.texts, (truth := np.array(rows.train.labels))
    logits = np.where(np.arange(2) == truth[:, None], 2.0, -2.0)
    logits[7] = [9.0, -9.0]  # labelled good, the teacher is sure of bad
    logits[8] = [-0.1, 0.1]  # labelled bad, the teacher leans to good
    found = diagnostics.label_disagreements(*given, logits, rows.labels, SINGLE_LABEL)
    assert (found["rows"], found["of"], found["confident"]) == (2, 40, 1)
    assert found["examples"][0]["text"] == ["a 7"] and found["examples"][0]["label"] == "good"
    [(level, said)] = diagnostics.describe_disagreements(found)
    assert level == "info" and "2 of 40 training labels (5.0 %)" in said and "“a 7” is labelled good" in said
    logits[:6, :] *= -1
    [(level, said)] = diagnostics.describe_disagreements(
        diagnostics.label_disagreements(*given, logits, rows.labels, SINGLE_LABEL)
    )
    assert level == "warning" and "8 of 40" in said
    assert diagnostics.describe_disagreements({"rows": 0, "of": 40, "confident": 0, "examples": []}) == []


def compared(
    floor=0.6, control=0.7, student=0.8, teacher=0.9, rows=2000, apart=(0.05, 0.15), behind=-0.05, baseline=None, **more
):
    value = {"floor": floor, "control": control, "student": student, "teacher": teacher}
    return {
        "metric": "accuracy", "rows": {"test": rows}, "gap_recovered": 0.5,
        "scores": {row: {"accuracy": accuracy} for row, accuracy in value.items()},
        "differences": {
            "student-control": {"difference": student - control, "low": apart[0], "high": apart[1]},
            "student-teacher": {"difference": student - teacher, "low": -0.1, "high": behind},
            **({"student-floor": {"low": baseline[0], "high": baseline[1]}} if baseline else {}),
        }, **more,
    }  # fmt: skip


def test_a_gain_beyond_chance_is_told_and_nothing_else():
    [(level, plain), (_, said)] = diagnostics.conclude(compared(), 9000, False)
    assert level == "info" and plain.startswith("Distilling paid: the teacher taught the student more")
    assert "10.0 points of accuracy above its control" in said and "50 % of the gap" in said


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"student": 0.71, "apart": (-0.01, 0.03)}, "does not show on these 2,000 test rows"),
        ({"student": 0.62, "apart": (-0.15, -0.05)}, "did harm"),
        (
            {"student": 0.58},
            "baseline (TF-IDF) is better here than the student: 60.0 % accuracy against 58.0 % accuracy",
        ),
        (
            {"student": 0.58, "baseline": (-0.05, 0.01)},
            "baseline (TF-IDF) is ahead of the student here, 60.0 % accuracy against 58.0 % accuracy, by no more than",
        ),
        ({"student": 0.6}, "baseline (TF-IDF) is as good here as the student"),
        ({"teacher": 0.605}, "is no better than the simple baseline (60.0 % accuracy)"),
        ({"teacher": 0.595}, "is no better than the simple baseline (60.0 % accuracy)"),
        ({"teacher": 0.5}, "The teacher (50.0 % accuracy) is below the simple baseline (60.0 % accuracy)"),
        ({"control": 0.895, "apart": (-0.1, -0.09)}, "labels alone were enough"),
        ({"control": 0.95, "apart": (-0.2, -0.1)}, "The control (95.0 % accuracy) is better than the teacher (90.0 %"),
        (
            {"labels": ["bad", "good"], "confusion": {"student": [[0, 9], [0, 20]]}},
            "answers 'good' to all 2,000 test rows",
        ),
        ({"disagreement": {"rows": 20, "of": 100}}, "contradicts 20 % of the training labels"),
        ({"tests_read": 30}, "This test has been read 30 times."),
    ],
)
def test_each_reason_not_to_trust_a_gain_is_told(changed, sentence):
    assert sentence in warnings(diagnostics.conclude(compared(**changed), 9000, False))
    assert sentence not in warnings(diagnostics.conclude(compared(), 9000, False))


def test_few_texts_are_told_after():
    assert "learnt from 2,000 texts that were not made by rules" in warnings(
        diagnostics.conclude(compared(), 2000, False)
    )
    assert "learnt from 9,000 pairs" in warnings(diagnostics.conclude(compared(), 9000, True))


def test_without_a_control_nobody_knows():
    summary = compared()
    del summary["scores"]["control"], summary["differences"]["student-control"]
    assert "nobody knows" in warnings(diagnostics.conclude(summary, 9000, False))


def test_a_test_that_several_runs_read_is_counted_once_a_run(tmp_path):
    cache, test = Cache(tmp_path), Split([("a",), ("b",)], [0, 1])
    turned = Split([("b",), ("a",)], [1, 0])

    def read(split, run, labels=("x", "y")):
        return comparison.test_set_uses(cache, split, labels, run)

    assert [read(test, "one"), read(test, "two"), read(turned, "three"), read(test, "two")] == [1, 2, 3, 3]
    assert read(Split([("a",), ("b",)], [1, 0]), "one") == 1
    assert diagnostics.describe_uses(1) == "This test has been read once."
    assert diagnostics.describe_uses(1400) == "This test has been read 1,400 times."


def test_a_teacher_that_is_worse_than_the_trivial_answer_or_the_baseline_is_refused() -> None:
    labels, truth = ["bill", "ship"], [0] * 12 + [1] * 28
    answers = np.array(truth)
    wrong, half = 1 - answers, np.where(np.arange(40) % 2, answers, 1 - answers)

    def refused(teacher: Any, baseline: Any, metric: str = "accuracy", rows: int = 40) -> str:
        return diagnostics.refuse_teacher(teacher[:rows], baseline[:rows], truth[:rows], labels, metric) or ""

    assert refused(answers, answers) == ""
    assert "answers 'ship' to all 40 validation rows" in refused(np.ones(40, dtype=int), wrong)
    assert "the teacher reaches 0.0 % accuracy, always answering 'ship' 70.0 %" in refused(wrong, wrong)
    assert "the simple baseline (TF-IDF) macro-F1 1.000" in refused(half, answers, "macro_f1")
    a_little = answers.copy()
    a_little[[0, 20]] = 1 - a_little[[0, 20]]
    assert refused(a_little, answers) == ""  # two rows of 40 are chance
    few = answers[8:16].copy()
    few[:3] = 1 - few[:3]
    assert diagnostics.refuse_teacher(few, answers[8:16], truth[8:16], labels, "accuracy") is None, "three of 8 as well"
    assert diagnostics.refuse_teacher(np.ones(4, int), np.ones(4, int), [0, 1, 1, 1], labels, "accuracy") is None


@pytest.mark.parametrize(
    ("changed", "behind", "said"),
    [
        ({"behind": 0.02, "student": 0.895}, None, "no difference between student and teacher shows"),
        ({}, None, None),
        ({}, (0.01, 0.05), "the student is better than its teacher"),
    ],
)
def test_student_and_teacher_are_compared_in_words(changed: Any, behind: Any, said: str | None) -> None:
    summary = compared(**changed)
    if behind:
        summary["differences"]["student-teacher"] |= {"low": behind[0], "high": behind[1]}
    text = " ".join(one for _, one in diagnostics.conclude(summary, 9000, False))
    assert said in text if said else "teacher are equally" not in text and "better than its teacher" not in text


def cut(rows: int) -> dict[str, Any]:
    return {"cut_texts": {"rows": rows, "of": 200, "share": 0.4, "limit": 128, "longest": 512}}


def test_test_texts_that_were_cut_are_told_where_they_are_many() -> None:
    sentence = (
        "20 of 200 test texts are longer than the 128 tokens that the teacher reads: it has seen about 40 % of those"
    )
    assert sentence in warnings(diagnostics.conclude(compared(**cut(20)), 9000, False))
    for summary in (compared(), compared(**cut(19)), compared(**cut(0))):
        assert "longer than" not in str(diagnostics.conclude(summary, 9000, False))
    fine = compared(student=0.895, **cut(20))
    assert ("info", sentence) in [
        (level, text[: len(sentence)]) for level, text in diagnostics.conclude(fine, 9, False)
    ]


def test_what_is_read_of_a_text_is_told_before() -> None:
    def texts(*words: int) -> Dataset:
        split = Split([("cat " * count,) for count in words], [0, 1] * (len(words) // 2))
        return Dataset(split, split, split, [], ("bad", "good"), False, "en", "test", [], {})

    def told(data: Dataset, **knobs: Any) -> list[tuple[str, str]]:
        return [(level, str(text)) for level, text in diagnostics.check_lengths(data, Config.of(**knobs))]

    short, long = texts(10, 20), texts(*[10] * 16, *[498] * 4)
    assert told(short) == [("info", "Texts are read up to 64 tokens: none of the 6 is longer.")]
    assert told(short, max_tokens=64) == []
    [(level, said)] = told(long, max_tokens=100)
    assert level == "warning" and said == (
        "Texts are read up to 100 tokens (max_tokens): about 12 of 60 are longer, and about 20 % of those is read. Up "
        "to 200 tokens would take about 1.7 times as long.")  # fmt: skip
    few = texts(*[10] * 19, 498)
    assert told(few)[0][0] == "info" and "about 3 of 60 are longer" in told(few)[0][1]
    assert "would take" not in told(texts(10, 3000), max_tokens=512)[0][1], "no limit is higher"
