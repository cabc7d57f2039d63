"""The baseline without a network: TF-IDF and logistic regression."""

import io
import json
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_core.cache import write_atomic
from distill_core.data.dataset import Split
from distill_core.data.overlap import UNSPACED_SCRIPTS
from distill_core.evaluation.baseline_runtime import CHECKSUM, SETTINGS, WEIGHTS, checksum
from distill_core.evaluation.objective import SINGLE_LABEL, Labels, Objective

Texts = Sequence[tuple[str, ...]]
WORD_PATTERN = rf"[{UNSPACED_SCRIPTS}]|[^\W{UNSPACED_SCRIPTS}]+|[^\w\s]"  # one-letter words and "!" carry meaning


@dataclass(frozen=True)
class Baseline:
    """TF-IDF over words and word pairs, then logistic regression. `model` is scikit-learn's fitted Pipeline."""

    model: Any
    labels: int
    objective: Objective = SINGLE_LABEL

    def probabilities(self, texts: Texts) -> NDArray[np.float64]:
        """Probabilities (rows, labels)."""
        return _shares(self.model, texts, self.labels)

    def logits(self, texts: Texts) -> NDArray[np.float64]:
        """Logits (rows, labels)."""
        return self.objective.logits(self.probabilities(texts))

    @property
    def parameters(self) -> int:
        """Number of coefficients and document frequencies."""
        tables = sum(len(table.idf_) for table in self._tables)
        return int(self.model[-1].coef_.size + self.model[-1].intercept_.size) + tables

    @property
    def bytes(self) -> int:
        """Bytes of the pickled model, vocabulary included; where our own code stands makes no difference."""
        pickled = io.BytesIO()
        _Pickler(pickled).dump(self.model)
        return pickled.tell()

    def shift(self, offsets: NDArray[np.float64]) -> None:
        """Add an offset (labels,) to the logits, for good."""
        regression = self.model[-1]
        own = offsets[regression.classes_]  # two labels share one intercept
        regression.intercept_ = regression.intercept_ + (own if len(regression.intercept_) > 1 else own[1:] - own[:1])

    def save(self, folder: Path, labels: Sequence[str], temperature: float) -> None:
        """Write the baseline into `folder`, for `baseline_runtime.load`; the settings last: with them the folder is
        complete. The `temperature` divides its logits before they become probabilities."""
        regression, weights = self.model[-1], io.BytesIO()
        np.savez(
            weights,
            idf=np.concatenate([table.idf_ for table in self._tables]),
            coefficients=np.ascontiguousarray(regression.coef_.T),
            intercepts=regression.intercept_,
        )
        settings = {
            "labels": list(labels),
            "objective": self.objective.name,
            "pair": len(self._tables) == 2,
            "temperature": temperature,
            "pattern": WORD_PATTERN,
            "classes": regression.classes_.tolist(),  # places in `labels`
            "vocabulary": [table.get_feature_names_out().tolist() for table in self._tables],
        }
        settings[CHECKSUM] = checksum(settings)
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / WEIGHTS, weights.getvalue())
        write_atomic(folder / SETTINGS, json.dumps(settings, ensure_ascii=False).encode("utf-8", "surrogatepass"))

    @property
    def _tables(self) -> list[Any]:
        return [table for _, table in self.model[0].transformer_list]


class _Side:
    """Picks one side of each text. A class and not a lambda, so that `Baseline.bytes` can pickle the model."""

    def __init__(self, side: int):
        self.side = side

    def __call__(self, text: tuple[str, ...]) -> str:
        return text[self.side].lower()


class _Pickler(pickle.Pickler):
    """Pickler that writes a _Side as its number: a module's name is no part of the model's size."""

    def reducer_override(self, part: Any) -> Any:
        return (int, (part.side,)) if isinstance(part, _Side) else NotImplemented


class NgramCounts:
    """Counts of the n-grams of texts, which are read once however many parts of them a baseline is fitted on."""

    def __init__(self, texts: Texts, pair: bool):
        """Count the words and word pairs of the texts, those of a pair's two sides apart."""
        self._sides = [_count_ngrams(texts, side) for side in range(2 if pair else 1)]

    def logits(
        self, learnt: Sequence[int], answers: Labels, asked: Sequence[int], labels: int, objective: Objective
    ) -> NDArray[np.float64]:
        """Logits (asked, labels) of the baseline that learns from the texts `learnt`, places among all, and their
        `answers`: those of `fit_baseline` on these texts."""
        from scipy.sparse import hstack
        from sklearn.feature_extraction.text import TfidfTransformer

        weighed = []
        for counts in self._sides:
            own, table = counts[learnt], TfidfTransformer(sublinear_tf=True)
            known = np.flatnonzero(own.getnnz(axis=0))  # n-grams of other texts are new to it
            weighed.append([table.fit_transform(own[:, known]), table.transform(counts[asked][:, known])])
        inputs, questions = (hstack(part, "csr") for part in zip(*weighed, strict=True))
        regression = objective.classifier().fit(inputs, answers)
        return objective.logits(_shares(regression, questions, labels))


def _count_ngrams(texts: Texts, side: int) -> Any:
    from sklearn.feature_extraction.text import CountVectorizer

    return _vectorizer(CountVectorizer, side).fit_transform(texts)


def _vectorizer(kind: Any, side: int, **options: Any) -> Any:
    """One of scikit-learn's vectorizers for words and pairs of words of one side of a text."""
    return kind(
        ngram_range=(1, 2), preprocessor=_Side(side), token_pattern=WORD_PATTERN, dtype=np.float32, **options
    )  # fmt: skip


def _shares(model: Any, inputs: Any, labels: int) -> NDArray[np.float64]:
    """Probabilities (rows, labels) of a fitted model, 0 for labels that it never saw."""
    known = model.predict_proba(inputs)
    shares = np.zeros((len(known), labels))
    shares[:, model.classes_] = known
    return shares


def fit_baseline(train: Split, labels: int, pair: bool, objective: Objective = SINGLE_LABEL) -> Baseline:
    """Fit the baseline. A pair's two sides have their own columns."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import FeatureUnion, Pipeline

    tables = FeatureUnion(
        [(f"side{side}", _vectorizer(TfidfVectorizer, side, sublinear_tf=True)) for side in range(2 if pair else 1)]
    )
    model = Pipeline([("tfidf", tables), ("regression", objective.classifier())])
    return Baseline(model.fit(train.texts, train.labels), labels, objective)
