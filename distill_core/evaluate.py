"""The comparison: floor, control, student and teacher on the same held-out rows.

Knows nothing of training. Every figure here is measured in the run that shows it.
"""

import pickle
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_core import calibration, measures
from distill_core.cache import Cache, digest
from distill_core.data import Split
from distill_core.groups import ALONE

Texts = list[tuple[str, ...]]
SAMPLE = 512  # texts on which speed is measured
COST = ("parameters", "bytes", "latency_ms", "latency_p95_ms", "texts_per_s")  # what a network is the same in
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

    def logits(self, texts: Texts) -> NDArray[np.float64]:
        """Log-probabilities (rows, labels); a class that training never showed is merely very unlikely."""
        return np.log(np.maximum(self.probabilities(texts), 1e-9))

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


def score(
    logits: NDArray[Any],
    labels: Sequence[int],
    names: Sequence[str],
    valid: tuple[NDArray[Any], Sequence[int]],
    metric: str = "accuracy",
    seed: int = 0,
) -> dict[str, Any]:
    """All that the `logits` (rows, classes) of one row of the comparison say about it, as fractions; log-probabilities
    are logits too. "low" and "high" are the 95 % interval of the accuracy, "metric_low" and "metric_high" that of
    `metric`. The temperature is fitted on `valid`, logits and labels of the validation rows, never on these."""
    answers = logits.argmax(1)
    spread = measures.intervals(answers, labels, len(names), seed)
    return {
        **measures.values(answers, labels, len(names)),
        "low": spread["accuracy"][0], "high": spread["accuracy"][1],
        "macro_f1_low": spread["macro_f1"][0], "macro_f1_high": spread["macro_f1"][1],
        "metric_low": spread[metric][0], "metric_high": spread[metric][1],
        "per_class": measures.per_class(answers, labels, names),
        **calibration.described(logits, labels, valid),
    }  # fmt: skip


def tests_read(cache: Cache, test: Split, labels: Sequence[str], run: str) -> int:
    """How many runs have scored on these very test rows, in whatever order, `run` (its id) included. A resumed run
    counts once."""
    rows = sorted((*text, labels[label]) for text, label in zip(test.texts, test.labels, strict=True))
    return cache.visits("tests", {"rows": digest(rows)}, run)


def speed(predict: Callable[[Texts], Any], texts: Texts) -> dict[str, float]:
    """Median and 95th-percentile milliseconds for one text alone, and texts a second in large calls: raw text in, one
    thread, after warming up. Every row of the comparison is timed by this, each batching as it does in a run: sorted
    by length, the teacher in the precision in which it labels."""
    sample = texts[:: max(1, len(texts) // SAMPLE)][:SAMPLE]
    with _one_thread():
        predict(sample[:8])
        predict(sample[:1])
        alone, until = [], time.perf_counter() + PATIENCE
        while len(alone) < 20 or (time.perf_counter() < until and len(alone) < 400):
            alone.append(_seconds(predict, [sample[len(alone) % len(sample)]]))
        # so many that a slow teacher is not asked for minutes, and a quick student not about a handful
        some = sample[: max(16, int(2 * PATIENCE / statistics.median(alone)))]
        passes, until = [], time.perf_counter() + PATIENCE
        while not passes or (time.perf_counter() < until and len(passes) < 20):
            passes.append(_seconds(predict, some))
    return {
        "latency_ms": 1000 * statistics.median(alone),
        "latency_p95_ms": 1000 * float(np.percentile(alone, 95)),
        "texts_per_s": len(some) / max(1e-9, statistics.median(passes)),
    }


def _seconds(predict: Callable[[Texts], Any], texts: Texts) -> float:
    start = time.perf_counter()
    predict(texts)
    return time.perf_counter() - start


@contextmanager
def _one_thread() -> Iterator[None]:
    """torch computes with one thread, whatever the machine offers: figures of two machines can be compared."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def mcnemar(first: NDArray[Any], second: NDArray[Any], labels: Sequence[int]) -> float:
    """The exact two-sided p-value that two models err equally often, from the rows on which only one is right
    (McNemar 1947). 1.0 where they never differ."""
    from scipy.stats import binomtest

    truth = np.asarray(labels)
    a, b = first.argmax(1) == truth, second.argmax(1) == truth
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    return float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0


def summary(
    scores: dict[str, dict[str, Any]],
    logits: dict[str, NDArray[Any]],
    labels: Sequence[int],
    metric: str = "accuracy",
    seed: int = 0,
) -> dict[str, Any]:
    """What the rows say of each other. `gap_recovered`: (student - control) / (teacher - control) of `metric`, None
    where the teacher is not above the control. `kept`: student / teacher, of `metric`. `agreement`: share of rows with
    the same answer. `split`: how student and teacher share the rights. `mcnemar`: p-values of student against control
    and teacher. `differences`: of `metric`, paired, with intervals."""
    value = {row: found[metric] for row, found in scores.items()}
    answers = {row: found.argmax(1) for row, found in logits.items()}
    student, teacher = answers["student"], answers["teacher"]
    gap = value["teacher"] - value["control"] if "control" in value else 0.0
    truth = np.asarray(labels)
    classes = logits["student"].shape[1]
    s, t = student == truth, teacher == truth
    others = [row for row in ("control", "teacher") if row in logits]
    return {
        "metric": metric,
        "scores": scores,
        "gap_recovered": (value["student"] - value["control"]) / gap if gap > 0 else None,
        "kept": value["student"] / value["teacher"] if value["teacher"] > 0 else None,
        "agreement": float((student == teacher).mean()),
        "split": {
            "both": int((s & t).sum()),
            "only_student": int((s & ~t).sum()),
            "only_teacher": int((t & ~s).sum()),
            "neither": int((~s & ~t).sum()),
        },
        "mcnemar": {row: mcnemar(logits["student"], logits[row], labels) for row in others},
        "differences": {
            f"student-{row}": measures.difference(student, answers[row], labels, classes, metric, seed)
            for row in others
        },
        "confusion": {
            row: np.histogram2d(truth, found, bins=[np.arange(classes + 1) - 0.5] * 2)[0].astype(int).tolist()
            for row, found in answers.items()
        },
    }
