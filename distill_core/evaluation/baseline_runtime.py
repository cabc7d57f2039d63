"""Predict with the simple baseline (TF-IDF and logistic regression) from raw text.

    python predict.py "a text" "another text"        one JSON line a text
    python predict.py --pair "one" "other"           for a baseline of sentence pairs
    python predict.py < texts.txt                    one text a line (pairs: tab-separated)

From Python: `load()(["a text"])`, or as scikit-learn's classifiers are asked: `predict`, `predict_proba`, `classes_`.

An exported baseline has a copy of this file, as predict.py. So this file needs numpy alone.
"""

import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

SETTINGS = "baseline.json"
WEIGHTS = "weights.npz"
CHECKSUM = "sha256"  # the setting that is of the others; older baselines lack it
MIN_PROBABILITY = 1e-9  # a class without training rows is very unlikely, not impossible


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities (rows, labels) of logits."""
    shares = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(shares / shares.sum(1, keepdims=True))


def class_probabilities(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities (rows, classes) of a regression's scores (rows, outputs)."""
    return softmax(np.hstack([np.zeros_like(scores), scores]) if scores.shape[1] == 1 else scores)


class Reading(NamedTuple):
    """How a regression's scores become probabilities of the classes that training has shown, the probabilities of all
    labels (rows, labels) logits, logits probabilities, and the probability of each label an answer."""

    known: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    logits: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    probabilities: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    answer: Callable[[dict[str, float]], str]


READINGS = {  # by the setting "objective", which the first baselines lack
    "single_label": Reading(
        class_probabilities,
        lambda shares: np.asarray(np.log(np.maximum(shares, MIN_PROBABILITY))),
        softmax,
        lambda shares: max(shares, key=shares.__getitem__),
    ),
}


def split_terms(text: str, words: re.Pattern[str]) -> list[str]:
    """The terms of a text: its words in small letters, and each pair of neighbours among them."""
    tokens = words.findall(text.lower())
    return [*tokens, *map(" ".join, zip(tokens, tokens[1:], strict=False))]


@dataclass(frozen=True)
class Prediction:
    """The likeliest label, and the probability of each label."""

    label: str
    probabilities: dict[str, float]

    @property
    def probability(self) -> float:
        """Probability of the label."""
        return self.probabilities[self.label]


def _rows(texts: "Iterable[str | Sequence[str]]", sides: int) -> list[tuple[str, ...]]:
    """The texts as rows of so many sides each. Raises ValueError."""
    if isinstance(texts, str):
        raise ValueError(f"Give a list of texts, [{texts!r}], instead of one text by itself.")
    rows: list[tuple[str, ...]] = []
    for text in texts:
        row: tuple[Any, ...] = (text,) if isinstance(text, str) or not hasattr(text, "__iter__") else tuple(text)
        if len(row) != sides or not all(isinstance(side, str) for side in row):
            kind = "two sentences" if sides == 2 else "one text"
            raise ValueError(f"Text {len(rows) + 1} should be {kind}, but it is {text!r}.")
        rows.append(row)
    return rows


class Predictor:
    """A baseline that takes raw texts: strings, or pairs of strings where it was fitted on pairs.

    `settings` is the content of baseline.json. A column stands for a term of one side; the second side's columns follow
    the first's. `idf` (columns,), `coefficients` (columns, outputs) and `intercepts` (outputs,) are the fitted weights,
    an output being a class that training has shown; of two classes only the second has one.
    """

    def __init__(
        self,
        settings: dict[str, Any],
        idf: NDArray[np.floating[Any]],
        coefficients: NDArray[np.floating[Any]],
        intercepts: NDArray[np.floating[Any]],
    ):
        self.settings = settings
        self.labels: list[str] = settings["labels"]
        self.reading = READINGS[settings.get("objective", "single_label")]
        self._words = re.compile(settings["pattern"])
        self._columns: list[dict[str, int]] = []
        first = 0
        for terms in settings["vocabulary"]:
            self._columns.append({term: column for column, term in enumerate(terms, first)})
            first += len(terms)
        self.idf, self.coefficients, self.intercepts = idf, coefficients, intercepts

    def __call__(self, texts: "Iterable[str | Sequence[str]]") -> list[Prediction]:
        """One prediction a text. Raises ValueError where a text is not of the kind the baseline was fitted on."""
        answers = [dict(zip(self.labels, shares, strict=True)) for shares in self.predict_proba(texts).tolist()]
        return [Prediction(self.reading.answer(shares), shares) for shares in answers]

    @property
    def classes_(self) -> NDArray[np.str_]:
        """Labels (labels,) in the order of the columns of `predict_proba`."""
        return np.array(self.labels, np.str_)

    def predict(self, texts: "Iterable[str | Sequence[str]]") -> NDArray[np.str_]:
        """Labels (rows,) of texts, or of pairs. Raises ValueError as a call does."""
        return np.array([answer.label for answer in self(texts)], np.str_)

    def predict_proba(self, texts: "Iterable[str | Sequence[str]]") -> NDArray[np.float64]:
        """Probabilities (rows, labels) of texts, or of pairs. Raises ValueError as a call does."""
        rows = _rows(texts, len(self._columns))
        if not rows:
            return np.zeros((0, len(self.labels)))
        # the temperature, fitted on validation rows, calibrates the probabilities; the answers stay the same
        temperature = self.settings.get("temperature", 1.0)
        return self.reading.probabilities(self.logits(rows) / temperature)

    def logits(self, rows: Sequence[Sequence[str]]) -> NDArray[np.float64]:
        """Logits (rows, labels) of rows of one or two sentences, before the temperature."""
        scores = np.array([self._scores(row) for row in rows])
        shares = np.zeros((len(rows), len(self.labels)))
        shares[:, self.settings["classes"]] = self.reading.known(scores)
        return self.reading.logits(shares)

    def _scores(self, row: Sequence[str]) -> NDArray[np.float64]:
        """Scores (outputs,) of a row. Each side's TF-IDF vector has the length 1, or 0 where no term is known."""
        scores = self.intercepts.astype(np.float64)
        for text, columns in zip(row, self._columns, strict=True):
            counts = Counter(columns[term] for term in split_terms(text, self._words) if term in columns)
            if counts:
                known = list(counts)
                values = (1 + np.log(list(counts.values()))) * self.idf[known]
                scores = scores + values / np.linalg.norm(values) @ self.coefficients[known]
        return scores


def checksum(settings: Mapping[str, object]) -> str:
    """The sha256 of a baseline's settings."""
    others = {name: value for name, value in settings.items() if name != CHECKSUM}
    return hashlib.sha256(json.dumps(others, sort_keys=True).encode()).hexdigest()


def load(folder: "str | Path" = Path(__file__).parent) -> Predictor:
    """The baseline that was exported to `folder`."""
    # a text may hold half a character, and so may a term
    settings = json.loads((Path(folder) / SETTINGS).read_bytes().decode("utf-8", "surrogatepass"))
    if CHECKSUM in settings and settings[CHECKSUM] != checksum(settings):
        raise ValueError(f"{SETTINGS} is damaged: it is not as it was written. Export the baseline again.")
    with np.load(Path(folder) / WEIGHTS) as weights:
        return Predictor(settings, weights["idf"], weights["coefficients"], weights["intercepts"])


@cache
def _own() -> Predictor:
    """The baseline of the folder that this file was exported to."""
    return load()


def predict(texts: "Iterable[str | Sequence[str]]") -> NDArray[np.str_]:
    """Labels (rows,) of texts, or of pairs, by the baseline of this folder. Raises ValueError where a text is not of
    its kind."""
    return _own().predict(texts)


def predict_proba(texts: "Iterable[str | Sequence[str]]") -> NDArray[np.float64]:
    """Probabilities (rows, labels) of texts, or of pairs, by the baseline of this folder; `load().classes_` are the
    labels. Raises ValueError where a text is not of its kind."""
    return _own().predict_proba(texts)


def main(arguments: list[str]) -> None:
    """Print one JSON line for each text of the command line or of standard input."""
    baseline = load()
    rows: list[Any]
    if arguments[:1] == ["--pair"]:
        rows = [tuple(arguments[1:3])]
    else:
        rows = arguments or [line.rstrip("\n") for line in sys.stdin]
        if baseline.settings["pair"]:
            rows = [tuple(row.split("\t")) for row in rows]
    for row, prediction in zip(rows, baseline(rows), strict=True):
        print(json.dumps({"text": row, "label": prediction.label, "probabilities": prediction.probabilities}))


if __name__ == "__main__":
    main(sys.argv[1:])
