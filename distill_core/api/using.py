"""A run's student at work: on a typed text, on a file, and taken away."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill_core.api import asking, held, running
from distill_core.config import Config
from distill_core.errors import UserError
from distill_core.events import ROWS
from distill_core.sentences import worded

if TYPE_CHECKING:
    from distill_core.artifact import Prediction, Predictor


def ask(run: str, text: str | asking.Text) -> dict[str, Any]:
    """A finished run's teacher and student on one text: {"teacher": {label: p}, "student": {label: p},
    "ms": {"teacher": float, "student": float}}. The teacher's part is missing where it can't be loaded any more.
    Raises UserError."""
    student = held.predictor(run)
    row = held.store().run(run)
    pair = bool(student.settings["pair"])
    chosen = asking.checked(text, pair)
    asked = chosen if pair else chosen[0]
    prediction, spent = asking.timed(lambda: student([asked])[0])
    answers: dict[str, Any] = {"student": dict(prediction.probabilities)}
    ms = {"student": spent}
    teacher = held.teacher_of_run(row)
    if teacher is not None:
        score = (row.summary or {}).get("scores", {}).get("teacher", {})
        said = asking.told(teacher, chosen, score.get("temperature") or 1.0)  # the student's are calibrated too
        answers["teacher"], ms["teacher"] = said["probabilities"], said["ms"]
    return answers | {"ms": ms}


def reading(run: str | None, text: str | asking.Text) -> dict[str, Any]:
    """How a run's student reads a text, beside its teacher's answer; where `run` is None the built-in teacher, and a
    student of the default shape before any training (for two texts a siamese one, and no teacher).

    {"labels", "run", "teacher": {"name", "logits", "temperature", "ms", "parameters", "bytes"} or None, "student":
    {"name", "trained", "temperature", "ms", "parameters", "bytes", and what `states.told` says}}. "temperature" is what
    the logits are divided by before they become the probabilities that `ask` tells. Raises UserError."""
    from distill_core import states

    if run is None:
        pair = not isinstance(text, str)
        student, teacher = _untrained(pair), None if pair else held.teacher_of(Config())
        weights = 4 * sum(value.numel() for value in student.model.state_dict().values())
    else:
        student, teacher = held.predictor(run), held.teacher_of_run(held.store().run(run))
        weights = sum(file.stat().st_size for file in held.student_folder(run).glob("*.safetensors"))
    chosen = asking.checked(text, bool(student.settings["pair"]))
    read, (_, ms) = states.read(student, chosen), asking.timed(lambda: student.logits([chosen]))
    said = None
    if teacher is not None:
        asked = asking.told(teacher, chosen)
        said = {name: getattr(teacher, name) for name in ("name", "parameters", "bytes")}
        scored = ((held.store().run(run).summary or {}).get("scores") or {}) if run else {}
        heat = (scored.get("teacher") or {}).get("temperature") or 1.0
        said |= {"logits": asked["logits"], "temperature": heat, "ms": asked["ms"]}
    heat = float(student.settings.get("temperature", 1.0))
    about = {"name": student.settings["student"], "trained": run is not None, "temperature": heat, "ms": ms,
             "bytes": weights, "parameters": sum(value.numel() for value in student.model.parameters())}  # fmt: skip
    return {"labels": student.labels, "run": run, "teacher": said, "student": about | states.told(read, heat)}


def export(run: str, folder: Path | str) -> Path:
    """Writes the run's student to `folder`, which then predicts from raw text without Stillroom. Raises UserError."""
    from distill_core import artifact

    found = running.run(run)
    report = found.report() | {"summary": found.summary or {}}
    return artifact.export(held.student_folder(run), Path(folder), report)


def predict_file(
    run: str, file: Path | str, text: str | None = None, text2: str | None = None
) -> "Iterator[tuple[str | asking.Text, Prediction]]":
    """Each text of a file (see `answers.texts`: the columns are guessed where they aren't named) with the answer of the
    run's student. Raises UserError before the first."""
    from distill_core import answers

    student = held.predictor(run)
    return answers.answered(answers.texts(file, bool(student.settings["pair"]), text, text2), student)


def save_predictions(
    run: str, file: Path | str, out: Path | str, text: str | None = None, text2: str | None = None
) -> int:
    """`predict_file` to a CSV; how many rows. Raises UserError."""
    from distill_core import answers

    student = held.predictor(run)
    found = predict_file(run, file, text, text2)
    return answers.write(Path(out), found, student.labels, bool(student.settings["pair"]))


def text_columns(run: str, file: Path | str) -> tuple[list[str], list[str]]:
    """The columns of a table file, and those guessed to hold what the run's student reads. Raises UserError."""
    from distill_core import answers

    return answers.columns(file, bool(held.predictor(run).settings["pair"]))


def save_scored(run: str, out: Path | str) -> int:
    """The scored rows with every row's answers as a CSV; how many. Raises UserError where the run has none."""
    from distill_core import answers

    found = running.run(run)
    labels = (found.summary or {}).get("labels")
    if not labels or not (written := answers.write_scored(Path(out), found.texts(), labels, ROWS)):
        raise UserError(worded("Run {run} has no scored rows on this machine. They come with its comparison.", run=run))
    return written


def _untrained(pair: bool) -> "Predictor":
    """A student of the default config before training, made once."""
    from distill_core import states

    config = Config()

    def make() -> "Predictor":
        texts = [*held.data_of(config).train.texts, *held.data_of(config).unlabelled]
        return states.untrained(held.teacher_of(config), texts, pair, config)

    return held.kept(held.predictors, ("untrained", pair), make)
