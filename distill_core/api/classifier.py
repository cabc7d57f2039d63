"""A distilled student as a classifier of scikit-learn, for pipelines and searches."""

import csv
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from distill_core.api import estimates, inference, runs
from distill_core.config.schema import Config
from distill_core.data.table import Cell, as_cell
from distill_core.errors import DataError, StillroomError
from distill_core.messages import message
from distill_core.student import runtime

if TYPE_CHECKING:
    from sklearn.utils import Tags

Text = str | Sequence[str]  # a text, or the two of a pair


class DistilledClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Classifier whose `fit` starts a run and waits for it: a teacher, its answers, a student, a comparison.

    Args:
        teacher: The teacher, as everywhere: a folder, an id of the Hub, a kept one; None for the default.
        student: The student's component, or "auto".
        minutes: How long the run may take; teacher, passes and texts are chosen for it. None: as long as it takes.
        seed: Of everything that is drawn.
        knobs: Further knobs by name, such as {"fine_tune": True, "epochs": 2}.

    Attributes:
        classes_ (labels,): Labels as `fit` was given them, sorted.
        run_: Id of the run, which History shows and `distill_core.find` finds.

    A fitted one can be pickled; it has the student within it and needs the run no more.

    Example:
        >>> knobs = {"max_tokens": 16, "epochs": 1, "n_iter": 1, "neighbours": 0}
        >>> model = core.DistilledClassifier(config.teacher, knobs=knobs)
        >>> texts = [f"a {word} film {number}" for number in range(10) for word in ("good", "bad")]
        >>> model.fit(texts, ["good", "bad"] * 10).classes_.tolist()
        ['bad', 'good']
        >>> model.predict_proba(["a warm film", "a cold soup"]).shape, len(model.predict(["a film"]))
        ((2, 2), 1)
    """

    def __init__(
        self, teacher: str | None = None, student: str = "auto", minutes: float | None = None, seed: int = 0,
        knobs: Mapping[str, object] | None = None,
    ):  # fmt: skip
        self.teacher, self.student, self.minutes, self.seed, self.knobs = teacher, student, minutes, seed, knobs

    def fit(self, X: Sequence[Text], y: Sequence[Any], unlabelled: Sequence[Text] | None = None) -> Self:
        """Distil a student from labelled texts.

        Args:
            X (rows,) or (rows, 2): Texts, or pairs of them.
            y (rows,): A label of each: words, numbers or truth values.
            unlabelled: Further texts, for the teacher to label.

        Returns:
            The classifier itself.

        Raises:
            UserError: The rows or a knob can't be used, with the sentence that the page would say.
            StillroomError: The run failed; the sentence says why. An interrupt (Ctrl-C) stops the run.
        """
        rows, labels = _rows(X), np.asarray(y)
        if labels.ndim != 1 or len(labels) != len(rows):
            raise DataError(message("There are {n:text|texts}, but labels of the shape {shape}. Give one label a text.",
                                   n=len(rows), shape=repr(labels.shape)))  # fmt: skip
        classes = np.unique(labels)
        names = {as_cell(label): place for place, label in enumerate(classes.tolist())}
        with tempfile.TemporaryDirectory() as place:
            train = _write(Path(place) / "train.csv", rows, list(map(as_cell, labels.tolist())))
            knobs = {"text": "text", "label": "label", **({"text2": "text2"} if len(rows[0]) > 1 else {})}
            if unlabelled is not None:
                knobs["unlabelled"] = str(_write(Path(place) / "unlabelled.csv", _rows(unlabelled)))
            given = {"teacher": self.teacher, "student": self.student, "seed": self.seed, **(self.knobs or {})}
            config = Config.of(task="file", train=str(train), **knobs | given)
            if self.minutes is not None:
                chosen = estimates.settings_for(config, self.minutes, typed=[*knobs, *config.changed()])
                config = chosen.config if chosen else config
            run = runs.start(config)
            try:
                run.wait()
            except BaseException:
                run.stop()
                raise
            if run.status != "finished":
                raise StillroomError(run.row.message or message("The run ended as {status:status}.", status=run.status))
            folder = inference.export(run.id, Path(place) / "student")
            self._files = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}
        self._open()
        self.run_, self.classes_ = run.id, classes
        try:
            self._order = [names[label] for label in self._predictor.labels]
        except KeyError as error:
            raise DataError(message("The label {label} came back otherwise than it was given. Give labels as words.",
                                   label=str(error))) from None  # fmt: skip
        return self

    def predict(self, X: Sequence[Text]) -> NDArray[Any]:
        """Labels (rows,) of texts or pairs, as `fit` was given them. Raises ValueError where a text is of another
        kind."""
        likeliest = self.predict_proba(X).argmax(1)
        found: NDArray[Any] = self.classes_[likeliest]
        return found

    def predict_proba(self, X: Sequence[Text]) -> NDArray[np.float64]:
        """Probabilities (rows, labels) of texts or pairs, in the order of `classes_`; 0 of a label that the run left
        out. Raises ValueError where a text is of another kind."""
        check_is_fitted(self)
        shares = np.zeros((len(X), len(self.classes_)))
        shares[:, self._order] = self._predictor.predict_proba([row if len(row) > 1 else row[0] for row in _rows(X)])
        return shares

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in super().__getstate__().items() if name != "_predictor"}

    def __setstate__(self, state: dict[str, object]) -> None:
        super().__setstate__(state)
        if "_files" in state:
            self._open()

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "classes_")

    def __sklearn_tags__(self) -> "Tags":
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.two_d_array, tags.no_validation = True, False, True
        return tags

    def _open(self) -> None:
        """Load the student from the files within."""
        with tempfile.TemporaryDirectory() as place:
            for name, content in self._files.items():
                (Path(place) / name).write_bytes(content)
            self._predictor = runtime.load(place)


def _rows(texts: Sequence[Text]) -> list[tuple[str, ...]]:
    """The texts as rows of one or two. Raises DataError where they are none, or not all of one kind."""
    if isinstance(texts, str) or not len(texts):
        raise DataError(message("Give a list of texts, not {what}.", what=repr(texts)[:60]))
    values = texts.to_numpy().tolist() if hasattr(texts, "to_numpy") else list(texts)
    rows = [(row,) if isinstance(row, str) else tuple(row) for row in values if not isinstance(row, float)]
    sides = {len(row) for row in rows}
    if (
        len(rows) != len(values)
        or len(sides) != 1
        or max(sides) > 2
        or not all(isinstance(side, str) for row in rows for side in row)
    ):
        raise DataError(message("Give texts, or pairs of texts: a row is neither, or they are mixed."))
    return [row if len(row) > 1 else (row[0],) for row in rows]


def _write(file: Path, rows: Sequence[tuple[str, ...]], labels: Sequence[Cell] | None = None) -> Path:
    """A CSV of the rows, with their labels where they have some."""
    with file.open("w", encoding="utf-8", newline="", errors="surrogatepass") as stream:
        table = csv.writer(stream)
        head = ["text", "text2"][: len(rows[0])]
        table.writerow([*head, *(["label"] if labels is not None else [])])
        table.writerows([*row, *([labels[place]] if labels is not None else [])] for place, row in enumerate(rows))
    return file
