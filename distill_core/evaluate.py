"""The comparison: floor, control, student and teacher on the same held-out rows.

Knows nothing of training. Every figure here is measured in the run that shows it.
"""

import pickle
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_core.data import Split

Texts = list[tuple[str, ...]]
RESAMPLES = 2000
# Thai, Lao, Tibetan, Burmese, Khmer, kana and Han, where a run of letters is no word but a clause: each sign by itself.
ALONE = "\u0e00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
WORD = rf"[{ALONE}]|[^\W{ALONE}]+|[^\w\s]"  # one-letter words and "!" carry meaning
PATIENCE = 0.7  # seconds for each of the two speed measurements of a row


@dataclass(frozen=True)
class Floor:
    """TF-IDF over words and word pairs, then logistic regression: what needs no network at all."""

    model: Any
    labels: int

    def probabilities(self, texts: Texts) -> NDArray[np.float64]:
        """Probabilities (rows, labels)."""
        found = np.zeros((len(texts), self.labels))
        found[:, self.model.classes_] = self.model.predict_proba(texts)
        return found

    @property
    def parameters(self) -> int:
        """Coefficients and document frequencies."""
        tables = sum(len(step.idf_) for _, step in self.model[0].transformer_list)
        return self.model[-1].coef_.size + self.model[-1].intercept_.size + tables

    @property
    def bytes(self) -> int:
        """Of the pickled model, vocabulary included."""
        return len(pickle.dumps(self.model))


class _Side:
    """Picks one side of each text. A class and not a lambda, so that a floor can be pickled and so measured."""

    def __init__(self, side: int):
        self.side = side

    def __call__(self, text: tuple[str, ...]) -> str:
        return text[self.side].lower()


def floor(train: Split, labels: int, pair: bool) -> Floor:
    """Fit the floor. A pair's two sides have their own columns."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import FeatureUnion, Pipeline

    def table(side: int) -> TfidfVectorizer:
        return TfidfVectorizer(
            ngram_range=(1, 2), sublinear_tf=True, preprocessor=_Side(side), token_pattern=WORD, dtype=np.float32
        )

    tables = FeatureUnion([(f"side{side}", table(side)) for side in range(2 if pair else 1)])
    model = Pipeline([("tfidf", tables), ("regression", LogisticRegression(C=10, max_iter=1000))])
    return Floor(model.fit(train.texts, train.labels), labels)


def score(probabilities: NDArray[Any], labels: Sequence[int], seed: int = 0) -> dict[str, float]:
    """Accuracy with its 95 % bootstrap interval (percentiles of 2,000 resamples of the rows) and macro-F1, as
    fractions. `probabilities` (rows, classes) may be logits."""
    from sklearn.metrics import f1_score

    truth = np.asarray(labels)
    right = probabilities.argmax(1) == truth
    # the mean of a resample of n rights and wrongs is a binomial draw: the same bootstrap, without drawing the rows
    draws = np.random.default_rng(seed).binomial(len(right), right.mean(), RESAMPLES) / len(right)
    low, high = np.percentile(draws, [2.5, 97.5])
    macro = f1_score(truth, probabilities.argmax(1), average="macro", zero_division=0)
    return {"accuracy": float(right.mean()), "macro_f1": float(macro), "low": float(low), "high": float(high)}


def speed(predict: Callable[[Texts], Any], texts: Texts) -> dict[str, float]:
    """Median milliseconds for one text alone and texts a second in one large call, raw text in, after warming up."""
    sample = texts[:: max(1, len(texts) // 512)][:512]
    predict(sample[:8])
    predict(sample[:1])
    alone, until = [], time.perf_counter() + PATIENCE
    while len(alone) < 3 or (time.perf_counter() < until and len(alone) < 200):
        start = time.perf_counter()
        predict([sample[len(alone) % len(sample)]])
        alone.append(time.perf_counter() - start)
    size = min(len(sample), max(16, int(PATIENCE / statistics.median(alone))))
    start = time.perf_counter()
    predict(sample[:size])
    return {
        "latency_ms": statistics.median(alone) * 1000,
        "texts_per_s": size / max(1e-9, time.perf_counter() - start),
    }


def mcnemar(first: NDArray[Any], second: NDArray[Any], labels: Sequence[int]) -> float:
    """The exact two-sided p-value that two models err equally often, from the rows on which only one is right
    (McNemar 1947). 1.0 where they never differ."""
    from scipy.stats import binomtest

    truth = np.asarray(labels)
    a, b = first.argmax(1) == truth, second.argmax(1) == truth
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    return float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0


def summary(
    scores: dict[str, dict[str, float]], probabilities: dict[str, NDArray[Any]], labels: Sequence[int]
) -> dict[str, Any]:
    """What the rows say of each other. `gap_recovered`: (student - control) / (teacher - control), None where the
    teacher is not above the control. `kept`: student / teacher. `agreement`: share of rows with the same answer.
    `split`: how student and teacher share the rights. `mcnemar`: p-values of student against control and teacher."""
    accuracy = {row: values["accuracy"] for row, values in scores.items()}
    student, teacher = probabilities["student"], probabilities["teacher"]
    gap = accuracy["teacher"] - accuracy["control"] if "control" in accuracy else 0.0
    truth = np.asarray(labels)
    s, t = student.argmax(1) == truth, teacher.argmax(1) == truth
    return {
        "scores": scores,
        "gap_recovered": (accuracy["student"] - accuracy["control"]) / gap if gap > 0 else None,
        "kept": accuracy["student"] / accuracy["teacher"] if accuracy["teacher"] else None,
        "agreement": float((student.argmax(1) == teacher.argmax(1)).mean()),
        "split": {
            "both": int((s & t).sum()),
            "only_student": int((s & ~t).sum()),
            "only_teacher": int((t & ~s).sum()),
            "neither": int((~s & ~t).sum()),
        },
        "mcnemar": {
            row: mcnemar(student, probabilities[row], labels) for row in ("control", "teacher") if row in probabilities
        },
        "confusion": {
            row: np.histogram2d(truth, p.argmax(1), bins=[np.arange(p.shape[1] + 1) - 0.5] * 2)[0].astype(int).tolist()
            for row, p in probabilities.items()
        },
    }
