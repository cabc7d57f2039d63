"""A student as a classifier of scikit-learn: fitted by a run, asked without it, at home in pipelines and searches."""

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks
from toy import TOY

import distill_core as core
from distill_core import DistilledClassifier
from distill_core.errors import DataError, KnobError, StillroomError, UserError

QUICK = {"max_tokens": 16, "epochs": 8, "n_iter": 1, "neighbours": 0, "control": False, "width": 8, "hidden": 8,
         "teach_anyway": True}  # fmt: skip
TUNED = {**QUICK, "fine_tune": True, "teacher_epochs": 30, "teacher_lr": 2e-3, "teacher_batch": 8, "epochs": 40}
TEXTS = [f"{text} {number}" for texts in TOY.values() for text in texts for number in (1, 2)]
LABELS = [label for label, texts in TOY.items() for text in texts for _ in (1, 2)]


@pytest.fixture
def made(home: Path, tiny_teacher: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DistilledClassifier]:
    """An unfitted one whose run takes seconds, in a thread."""
    monkeypatch.setenv("STILLROOM_WORKER", "thread")
    yield DistilledClassifier(str(tiny_teacher), knobs=QUICK)
    core.close()


def test_it_answers_with_the_labels_that_it_was_given_and_outlives_its_run(
    made: DistilledClassifier, home: Path
) -> None:
    codes = pd.Series([7 if label == "good" else 3 for label in LABELS])
    made.set_params(knobs=TUNED)
    assert made.fit(pd.Series(TEXTS), codes, unlabelled=["a warm and dull film", "a funny soup"]) is made
    assert made.classes_.tolist() == [3, 7] and core.run(made.run_).report()["rows"]["transfer"] > len(TEXTS)
    answers, shares = made.predict(np.array(TEXTS)), made.predict_proba(TEXTS)
    assert answers.dtype.kind == "i" and shares.sum(1) == pytest.approx(1)
    assert answers.tolist() == made.classes_[shares.argmax(1)].tolist() and made.score(TEXTS, codes) > 0.6
    student = core.run(made.run_).student()
    assert dict(zip(("3", "7"), shares[0], strict=True)) == pytest.approx(
        student([TEXTS[0]])[0].probabilities, abs=1e-4
    )
    content = pickle.dumps(made)
    core.close()
    again = pickle.loads(content)
    assert again.predict_proba(TEXTS).tolist() == shares.tolist()
    with pytest.raises(NotFittedError):
        clone(again).predict(TEXTS)


def test_it_is_at_home_in_a_pipeline_and_a_search(made: DistilledClassifier) -> None:
    lower = FunctionTransformer(lambda texts: [text.lower() for text in texts])
    search = GridSearchCV(make_pipeline(lower, made), {"distilledclassifier__seed": [0, 1]}, cv=2)
    search.fit([text.upper() for text in TEXTS], LABELS)
    assert set(search.predict([text.upper() for text in TEXTS])) <= {"bad", "good"}
    assert core.count(status="finished") == 5 and not np.isnan(search.cv_results_["mean_test_score"]).any()


def test_pairs_are_texts_too(made: DistilledClassifier) -> None:
    pairs = pd.DataFrame({"one": TEXTS, "other": TEXTS[::-1]})
    model = made.set_params(knobs=TUNED).fit(pairs, [label == "good" for label in LABELS])
    assert model.classes_.tolist() == [False, True] and model.predict(list(pairs.itertuples(index=False))).dtype == bool


@pytest.mark.parametrize(
    ("texts", "labels", "knobs", "error", "words"),
    [
        ("one text", ["a"], {}, DataError, "Give a list of texts, not 'one text'"),
        ([], [], {}, DataError, r"Give a list of texts, not \[\]"),
        (["a", float("nan")], ["a", "b"], {}, DataError, "Give texts, or pairs"),
        ([("a", "b"), "c"], ["a", "b"], {}, DataError, "or they are mixed"),
        (["a", "b"], ["a"], {}, DataError, r"There are 2 texts, but labels of the shape \(1,\)"),
        (TEXTS, LABELS, {"nonsense": 1}, KnobError, "nonsense"),
        (TEXTS, ["same"] * len(TEXTS), {}, UserError, "label"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_with_a_sentence(
    texts: Any, labels: Any, knobs: dict[str, Any], error: type[Exception], words: str, made: DistilledClassifier
) -> None:
    with pytest.raises(error, match=words):
        made.set_params(knobs=QUICK | knobs).fit(texts, labels)


def test_a_run_that_fails_or_is_interrupted_says_so(made: DistilledClassifier, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StillroomError, match="no model"):
        made.set_params(teacher="/no model").fit(TEXTS, LABELS)
    wait = core.Run.wait

    def interrupt(run: core.Run, seconds: float | None = None) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(core.Run, "wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        made.set_params(teacher=None).fit(TEXTS, LABELS)
    assert wait(core.list_runs(1)[0], 60) == "stopped"


@pytest.mark.parametrize("check", [
    "estimator_cloneable", "estimator_tags_renamed", "valid_tag_types", "estimator_repr", "no_attributes_set_in_init",
    "parameters_default_constructible", "get_params_invariance", "set_params", "mixin_order", "estimators_unfitted",
    "do_not_raise_errors_in_init_or_set_params", "estimator_get_tags_default_keys",
])  # fmt: skip
def test_it_keeps_scikit_learns_rules_as_far_as_they_need_no_table_of_numbers(check: str) -> None:
    if asked := getattr(estimator_checks, f"check_{check}", None):
        asked("DistilledClassifier", DistilledClassifier())
