"""A run's student at work: on a typed text, on a file, and taken away."""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from distill_core.api import runs
from distill_core.api.session import session
from distill_core.config.schema import Config
from distill_core.errors import DataError, UserError
from distill_core.events import ROWS
from distill_core.messages import message

if TYPE_CHECKING:
    from distill_core.student.predictor import Prediction, Predictor
    from distill_core.teacher.model import Teacher


Text = tuple[str, ...]  # the sides of a text: one, or a pair
T = TypeVar("T")
REPEATS = 5  # times a typed text is answered, to time it


def ask(run: str, text: str | Text) -> dict[str, Any]:
    """A finished run's teacher and student on one text: {"teacher": {label: p}, "student": {label: p},
    "ms": {"teacher": float, "student": float}}. The teacher's part is missing where it can't be loaded any more.
    Raises UserError."""
    student = session.predictor(run)
    row = session.store().run(run)
    pair = bool(student.settings["pair"])
    chosen = check_text(text, pair)
    asked = chosen if pair else chosen[0]
    prediction, spent = time_call(lambda: student([asked])[0])
    answers: dict[str, Any] = {"student": dict(prediction.probabilities)}
    ms = {"student": spent}
    teacher = session.load_teacher_of_run(row)
    if teacher is not None:
        score = (row.summary or {}).get("scores", {}).get("teacher", {})
        said = teacher_answer(teacher, chosen, score.get("temperature") or 1.0)  # the student's are calibrated too
        answers["teacher"], ms["teacher"] = said["probabilities"], said["ms"]
    return answers | {"ms": ms}


def activations(run: str | None, text: str | Text) -> dict[str, Any]:
    """How a run's student reads a text, beside its teacher's answer; where `run` is None the built-in teacher, and a
    student of the default shape before any training (for two texts a siamese one, and no teacher).

    {"labels", "run", "teacher": {"name", "logits", "temperature", "ms", "parameters", "bytes"} or None, "student":
    {"name", "trained", "temperature", "ms", "parameters", "bytes", and what `student.activations.to_dict` says}}.
    "temperature" is what the logits are divided by before they become the probabilities that `ask` tells. Raises
    UserError."""
    from distill_core.student import activations

    if run is None:
        pair = not isinstance(text, str)
        student, teacher = _untrained(pair), None if pair else session.load_teacher(Config())
        weights = 4 * sum(value.numel() for value in student.model.state_dict().values())
    else:
        student, teacher = session.predictor(run), session.load_teacher_of_run(session.store().run(run))
        weights = sum(file.stat().st_size for file in session.student_folder(run).glob("*.safetensors"))
    chosen = check_text(text, bool(student.settings["pair"]))
    read, (_, ms) = activations.read_activations(student, chosen), time_call(lambda: student.logits([chosen]))
    said = None
    if teacher is not None:
        asked = teacher_answer(teacher, chosen)
        said = {name: getattr(teacher, name) for name in ("name", "parameters", "bytes")}
        scored = ((session.store().run(run).summary or {}).get("scores") or {}) if run else {}
        heat = (scored.get("teacher") or {}).get("temperature") or 1.0
        said |= {"logits": asked["logits"], "temperature": heat, "ms": asked["ms"]}
    heat = float(student.settings.get("temperature", 1.0))
    about = {"name": student.settings["student"], "trained": run is not None, "temperature": heat, "ms": ms,
             "bytes": weights, "parameters": sum(value.numel() for value in student.model.parameters())}  # fmt: skip
    return {"labels": student.labels, "run": run, "teacher": said, "student": about | activations.to_dict(read, heat)}


def export(run: str, folder: Path | str) -> Path:
    """Writes the run's student to `folder`, which then predicts from raw text without Stillroom. Raises UserError."""
    from distill_core.student import export as student_export

    found = runs.run(run)
    report = found.report() | {"summary": found.summary or {}}
    return student_export.export(session.student_folder(run), Path(folder), report)


def predict_file(
    run: str, file: Path | str, text: str | None = None, text2: str | None = None
) -> "Iterator[tuple[str | Text, Prediction]]":
    """Each text of a file (see `predictions.read_texts`: the columns are guessed where they aren't named) with the
    answer of the run's student. Raises UserError before the first."""
    from distill_core.api import predictions

    student = session.predictor(run)
    return predictions.predict_batches(
        predictions.read_texts(file, bool(student.settings["pair"]), text, text2), student
    )


def save_predictions(
    run: str, file: Path | str, out: Path | str, text: str | None = None, text2: str | None = None
) -> int:
    """`predict_file` to a CSV; how many rows. Raises UserError."""
    from distill_core.api import predictions

    student = session.predictor(run)
    found = predict_file(run, file, text, text2)
    return predictions.write_predictions(Path(out), found, student.labels, bool(student.settings["pair"]))


def text_columns(run: str, file: Path | str) -> tuple[list[str], list[str]]:
    """The columns of a table file, and those guessed to hold what the run's student reads. Raises UserError."""
    from distill_core.api import predictions

    return predictions.guess_text_columns(file, bool(session.predictor(run).settings["pair"]))


def save_scored(run: str, out: Path | str) -> int:
    """The scored rows with every row's answers as a CSV; how many. Raises UserError where the run has none."""
    from distill_core.api import predictions

    found = runs.run(run)
    labels = (found.summary or {}).get("labels")
    if not labels or not (written := predictions.write_scored(Path(out), found.texts(), labels, ROWS)):
        raise UserError(
            message("Run {run} has no scored rows on this machine. They come with its comparison.", run=run)
        )
    return written


def _untrained(pair: bool) -> "Predictor":
    """A student of the default config before training, made once."""
    from distill_core.student import activations

    config = Config()

    def make() -> "Predictor":
        texts = [*session.load_data(config).train.texts, *session.load_data(config).unlabelled]
        return activations.untrained_predictor(session.load_teacher(config), texts, pair, config)

    return session.cached(session.predictors, ("untrained", pair), make)


def check_text(text: str | Text, pair: bool) -> Text:
    """The sides of what was given. Raises DataError where they are too many, too few or empty."""
    sides = (text,) if isinstance(text, str) else tuple(text)
    if len(sides) != 1 + pair or not all(side.strip() for side in sides):
        raise DataError(
            message("Give two texts: this task is about a pair.")
            if pair
            else message("Give one text that isn't empty.")
        )
    return sides


def time_call(answer: Callable[[], T]) -> tuple[T, float]:
    """The answer, and the median milliseconds of a few: one alone says more of what else the machine was doing. The
    first is not counted, for it pays for warming up."""
    value = answer()
    spent: list[float] = []
    while len(spent) < REPEATS:
        began = time.perf_counter()
        value = answer()
        spent.append(1000 * (time.perf_counter() - began))
    return value, statistics.median(spent)


def teacher_answer(teacher: "Teacher", text: Text, temperature: float = 1.0) -> dict[str, Any]:
    """What `ask_teacher` answers."""
    import torch

    with session.load_lock:
        logits, ms = time_call(lambda: teacher.logits([text])[0])
    found = torch.softmax(logits.double() / temperature, -1).tolist()
    labels = list(teacher.labels)
    return {
        "labels": labels,
        "logits": logits.tolist(),
        "probabilities": dict(zip(labels, found, strict=True)),
        "ms": ms,
    }


def teacher_probabilities(teacher: "Teacher", texts: Sequence[Text]) -> list[dict[str, float]]:
    """The teacher's probabilities of each label, for each text."""
    import torch

    with session.load_lock:
        found = torch.softmax(teacher.logits(list(texts)).double(), -1).tolist()
    return [dict(zip(teacher.labels, row, strict=True)) for row in found]
