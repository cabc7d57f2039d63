"""Inference with a run's student: on a typed text, on a file, and as an export that needs no Stillroom."""

import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from distill_core.api import runs
from distill_core.api.answers import (
    Alignment,
    Answers,
    ModelReading,
    Reading,
    StudentReading,
    TeacherAnswer,
)
from distill_core.api.questions import file_question, question
from distill_core.api.session import ExportedRow, session
from distill_core.api.teacher_answers import teacher_temperature
from distill_core.config.schema import Config
from distill_core.errors import DataError, UserError
from distill_core.events import ROWS
from distill_core.messages import message

if TYPE_CHECKING:
    from distill_core.api import predictions
    from distill_core.api.cascade import Cascade
    from distill_core.evaluation.objective import Objective
    from distill_core.evaluation.summary import DoubtfulRow
    from distill_core.student.predictor import Predictor
    from distill_core.student.runtime import Prediction
    from distill_core.teacher.model import Teacher


Text = tuple[str, ...]  # the sides of a text: one, or a pair
T = TypeVar("T")
REPEATS = 5  # times a typed text is answered, to time it


@question
def ask(run: str, text: str | Text) -> Answers:
    """Answers of a finished run's teacher and student to one text.

    Args:
        run: The run's id.
        text: A string, or a tuple of two for a task of pairs.

    Returns:
        {"teacher": {label: probability}, "student": {label: probability}, "ms": {"teacher": median milliseconds,
        "student": the same}, "unknown_words": words of the text that the student does not know, "unfamiliar": whether
        the text is unlike what the student learned from}. The teacher's part is missing where it can't be loaded any
        more.

    Raises:
        UserError: The run has no student, or the text is empty or of the wrong number of sides.

    Example:
        >>> answers = core.ask(run.id, "a warm and funny film")
        >>> sorted(answers["student"]), answers["ms"]["student"] > 0
        (['bad', 'good'], True)
    """
    from distill_core.evaluation.objective import stored_objective

    student = session.predictor(run)
    row = session.store().run(run)
    pair = bool(student.settings["pair"])
    chosen = check_text(text, pair)
    text_or_pair = chosen if pair else chosen[0]
    prediction, spent = time_call(lambda: student([text_or_pair])[0])
    probabilities = dict(prediction.probabilities)
    teacher = session.load_teacher_of_run(row)
    answers: Answers = {
        "student": probabilities, "ms": {"student": spent}, "unknown_words": student.unknown_words(chosen),
        "unfamiliar": student.unfamiliar(chosen),
    }  # fmt: skip
    if teacher is None:
        return answers
    temperature = teacher_temperature(row.summary)  # the student's are calibrated too
    answer = teacher_answer(teacher, chosen, stored_objective(student.settings), temperature)
    return {
        **answers, "teacher": answer["probabilities"], "ms": {"student": spent, "teacher": answer["ms"]},
    }  # fmt: skip


@question
def activations(run: str | None, text: str | Text) -> Reading:
    """Activations of a run's student on one text, beside its teacher's logits.

    Args:
        run: The run's id; None for the built-in teacher and an untrained student of the default config (for two texts
            a siamese one, and no teacher).
        text: A string, or a tuple of two for a task of pairs.

    Returns:
        {"labels", "run", "teacher": {"name", "logits", "temperature", "ms", "parameters", "bytes"} or None, "student":
        {"name", "trained", "temperature", "ms", "parameters", "bytes", and the keys of `student.activations.to_dict`}}.
        Logits divided by "temperature" give the probabilities that `ask` returns.

    Raises:
        UserError: The run has no student, or the text is empty or of the wrong number of sides.

    Example:
        >>> reading = core.activations(run.id, "a warm and funny film")
        >>> reading["labels"], reading["student"]["name"], len(reading["student"]["logits"])
        (['bad', 'good'], 'bilstm_max', 2)
    """
    from distill_core.evaluation.objective import stored_objective
    from distill_core.student import activations

    if run is None:
        pair = not isinstance(text, str)
        student, teacher = _untrained(pair), None if pair else session.load_teacher(Config())
        weights = 4 * sum(value.numel() for value in student.model.state_dict().values())
    else:
        student, teacher = session.predictor(run), session.load_teacher_of_run(session.store().run(run))
        weights = sum(file.stat().st_size for file in session.student_folder(run).glob("*.safetensors"))
    chosen = check_text(text, bool(student.settings["pair"]))
    reading, (_, ms) = activations.read_activations(student, chosen), time_call(lambda: student.logits([chosen]))
    teaching: ModelReading | None = None
    if teacher is not None:
        answer = teacher_answer(teacher, chosen, stored_objective(student.settings))
        temperature = teacher_temperature(session.store().run(run).summary if run else None)
        teaching = {
            "name": teacher.name, "parameters": teacher.parameters, "bytes": teacher.bytes, "logits": answer["logits"],
            "temperature": temperature, "ms": answer["ms"],
        }  # fmt: skip
    temperature = float(student.settings.get("temperature", 1.0))
    layers = activations.to_dict(student, reading)
    network: StudentReading = {
        "name": student.settings["student"], "trained": run is not None, "temperature": temperature, "ms": ms,
        "bytes": weights, "parameters": sum(value.numel() for value in student.model.parameters()),
        "sides": layers["sides"], "so_far": layers["so_far"], "alignment": layers["alignment"],
        "joined": layers["joined"], "fc": layers["fc"], "logits": layers["logits"],
    }  # fmt: skip
    return {"labels": student.labels, "run": run, "teacher": teaching, "student": network}


@question
def alignment(run: str, text: str | Text) -> Alignment | None:
    """Alignment of a pair by a run's student.

    Args:
        run: The run's id.
        text: A string, or a tuple of two for a task of pairs.

    Returns:
        {"pieces": [those of the first sentence, of the second], "weights": [how much each piece of the first looks at
        each of the second, the other way round]}; the weights of a piece sum to 1. None for a student that reads its
        sentences one by one.

    Raises:
        UserError: The run has no student, or the text is empty or of the wrong number of sides.

    Example:
        >>> core.alignment(run.id, "a warm and funny film")  # no pair
    """
    from distill_core.student import activations

    student = session.predictor(run)
    chosen = check_text(text, bool(student.settings["pair"]))
    if activations.alignment_of(student) is None:
        return None
    read = activations.to_dict(student, activations.read_activations(student, chosen))
    pieces = [[piece["text"] for piece in side["pieces"]] for side in read["sides"]]
    return {"pieces": pieces, "weights": read["alignment"]}


@file_question
def export(run: str, folder: Path | str, row: ExportedRow = "student") -> Path:
    """Export the run's student, its control or its baseline to `folder`, which then predicts from raw text without
    Stillroom.

    Args:
        run: The run's id.
        folder: A new or an empty folder, or one that holds an export of the same row.
        row: "student", "control" for the same model trained without the teacher, or "floor" for the simple baseline
            (TF-IDF).

    Returns:
        The folder. `python predict.py "a text"` in it needs numpy, onnxruntime and tokenizers alone, or torch where
        the folder's README.md says that its network could not be written as ONNX; the baseline's needs numpy.

    Raises:
        UserError: The run has no such model, or the folder can't be written.

    Example:
        >>> exported = core.export(run.id, folder / "student")
        >>> sorted(file.name for file in exported.glob("*.py"))
        ['__init__.py', 'encoder.py', 'network.py', 'predict.py', 'server.py', 'test_answers.py']
    """
    from distill_core.evaluation import baseline_export
    from distill_core.student import export as student_export

    _check_row(row)
    source = runs.run(run)
    report, model = _report_for_card(source), session.model_folder(run, row)
    if row == "floor":
        return baseline_export.export(model, Path(folder), report)
    return student_export.export(model, Path(folder), report, source.labelled_texts())


@file_question
def export_html(run: str, file: Path | str, row: ExportedRow = "student") -> Path:
    """Export the run's student, its control or its baseline as one HTML file, which answers while one types: in any
    browser since 2023, from a disk, without a request to anybody.

    Args:
        run: The run's id.
        file: The HTML file to write; an earlier one is replaced.
        row: "student", "control", or "floor" for the simple baseline (TF-IDF).

    Returns:
        The file.

    Raises:
        UserError: The run has no such model, the file can't be written, or the model can't be a page: its rounded
            weights cost more than half a point on the run's test rows, or its tokenizer or network does what the page
            can't.

    Example:
        >>> page = core.export_html(run.id, folder / "student.html")
        >>> page.read_text("utf-8").startswith("<!doctype html>"), page.stat().st_size < 2_000_000
        (True, True)
    """
    from distill_core.evaluation import baseline_html, html_page
    from distill_core.student import html_export

    _check_row(row)
    source = runs.run(run)
    report, model = _report_for_card(source), session.model_folder(run, row)
    write = baseline_html.write_html if row == "floor" else html_export.write_html
    try:
        return write(model, Path(file), report, source.labelled_texts())
    except html_page.NoHtml as reason:
        raise UserError(message("It can't be one HTML file. {why} Export it as a folder instead.", why=str(reason))
                        ) from reason  # fmt: skip


def _check_row(row: str) -> None:
    if row not in get_args(ExportedRow):
        raise UserError(message("{row} is no model that can be exported. Choose one of these: {rows}.", row=repr(row),
                               rows=", ".join(get_args(ExportedRow))))  # fmt: skip


def _report_for_card(run: runs.Run) -> dict[str, object]:
    """Report of a run with what a model card or page needs beside it: its summary and config, the name of its task or
    file, and the columns of the text."""
    columns = trained_columns(run.id)
    texts = [columns[role] for role in ("text", "text2") if columns.get(role)]
    about = {"summary": run.summary or {}, "config": run.row.config, "title": run.data_name, "columns": texts}
    return {**run.report(), **about}


def left_out(folder: Path) -> dict[str, str]:
    """Why an exported folder lacks a network, as a sentence, by where that would run; nothing of a baseline."""
    from distill_core.student import export as student_export

    return student_export.left_out(folder)


def predict_file(
    run: str,
    file: Path | str,
    text: str | None = None,
    text2: str | None = None,
    defer: float | None = None,
    most: int | None = None,
) -> "Iterator[tuple[str | Text, Prediction | None]]":
    """Predict the texts of a file with the run's student, batch by batch; on a public host's page all at once.

    Args:
        run: The run's id.
        file: A CSV, TSV, JSONL, Excel or Parquet file, or a .txt with one text a line (a pair's two separated by a
            tab).
        text: The column that holds the text; None for the one that the run was trained on, guessed where the file
            lacks it.
        text2: The column of a pair's second text, likewise.
        defer: An agreement; given, the teacher answers what the student is not sure of: see `cascade`.
        most: Rows to predict, the first ones of the file; None for all.

    Returns:
        An iterator of (text, Prediction) for each row, in the file's order; the text of a pair is a tuple of two. The
        prediction is None where the row holds no text.

    Raises:
        UserError: Before the first text: the run has no student, or the file can't be read.

    Example:
        >>> text, prediction = next(core.predict_file(run.id, table, text="text"))
        >>> prediction.label in ("bad", "good"), round(sum(prediction.probabilities.values()), 3)
        (True, 1.0)
    """
    if session.isolates_questions():
        return iter(_all_at_once(run, file, text, text2, defer, most))
    from distill_core.api import predictions

    rows = read_rows(run, file, text, text2)
    return islice(predictions.predict_batches(rows, _answering(run, defer)), most)


@file_question
def _all_at_once(*values: Any) -> "list[tuple[str | Text, Prediction | None]]":
    """What `predict_file` gives of these values."""
    return list(predict_file(*values))


def _answering(run: str, defer: float | None) -> "Predictor | Cascade":
    """The run's student, with its teacher behind it where an agreement is given."""
    from distill_core.api.cascade import cascade

    return session.predictor(run) if defer is None else cascade(run, defer)


def read_rows(
    run: str, file: Path | str | None, text: str | None = None, text2: str | None = None
) -> "predictions.FileRows":
    """Rows of a file as `predict_file` reads them."""
    from distill_core.api import predictions

    pair = bool(session.predictor(run).settings["pair"])
    return predictions.read_rows(file or "", pair, text, text2, trained_columns(run))


def trained_columns(run: str) -> dict[str, str]:
    """Columns that the run was trained on, by role; empty where its rows come from no table."""
    return dict(runs.newest_fact((event for _, event in session.store().events(run)), "columns") or {})


@file_question
def save_predictions(
    run: str,
    file: Path | str,
    out: Path | str,
    text: str | None = None,
    text2: str | None = None,
    defer: float | None = None,
) -> int:
    """Save the predictions of `predict_file` as CSV: every column and row of the file, and behind them the label and
    the probability of each label. A row without a text has none, and says so in a last column "note". A name that the
    file has already begins with "predicted": "predicted label".

    Args:
        run: The run's id.
        file: As for `predict_file`, and so `text` and `text2`.
        out: The CSV to write.
        text: A column.
        text2: A column.
        defer: As for `predict_file`; a column "answered by" says who answered.

    Returns:
        The number of rows.

    Raises:
        UserError: As `predict_file`.

    Example:
        >>> core.save_predictions(run.id, table, folder / "answers.csv")
        20
    """
    from distill_core.api import predictions

    model, rows = _answering(run, defer), read_rows(run, file, text, text2)
    answers = predictions.predict_batches(rows, model)
    return predictions.write_predictions(Path(out), rows, answers, model.labels, defer is not None)


def text_columns(run: str, file: Path | str) -> tuple[list[str], list[str]]:
    """Text columns of a table file for the run's student.

    Args:
        run: The run's id.
        file: A CSV, TSV, JSONL, Excel or Parquet file; a .txt has no columns.

    Returns:
        All columns, and those that hold the text: the ones that the run was trained on, guessed where the file lacks
        them. One, or two for a task of pairs.

    Raises:
        UserError: The run has no student, or the file can't be read.

    Example:
        >>> core.text_columns(run.id, table)
        (['text', 'label'], ['text'])
    """
    from distill_core.api import predictions

    return predictions.text_columns(file, bool(session.predictor(run).settings["pair"]), trained_columns(run))


def save_scored(run: str, out: Path | str) -> int:
    """Save the rows that a run was scored on as CSV, with every model's answer and probabilities.

    Args:
        run: The run's id.
        out: The CSV to write.

    Returns:
        The number of rows.

    Raises:
        UserError: The run has no scored rows on this machine.

    Example:
        >>> core.save_scored(run.id, folder / "scored.csv")
        4
    """
    from distill_core.api import predictions

    scored = runs.run(run)
    labels = scored.summary.get("labels") if scored.summary else None
    if not labels or not (written := predictions.write_scored(Path(out), scored.texts(), labels, ROWS)):
        raise UserError(
            message("Run {run} has no scored rows on this machine. They come with its comparison.", run=run)
        )
    return written


def save_doubtful(rows: "Iterable[DoubtfulRow]", out: Path | str) -> int:
    """Save rows to look at as a CSV that a spreadsheet opens safely: a text that it would take for a formula is quoted.

    Args:
        rows: Those of `Run.doubtful_rows`.
        out: The CSV to write.

    Returns:
        The number of rows.

    Example:
        >>> core.save_doubtful(run.doubtful_rows(), folder / "doubtful.csv")  # it was imported
        0
    """
    from distill_core.api import predictions

    return predictions.write_doubtful(Path(out), rows)


def _untrained(pair: bool) -> "Predictor":
    """Untrained student of the default config, built once."""
    from distill_core.student import activations

    def make() -> "Predictor":
        config = session.resolve_auto(Config())
        texts = [*session.load_data(config).train.texts, *session.load_data(config).unlabelled]
        return activations.untrained_predictor(session.load_teacher(config), texts, pair, config)

    return session.cached(session.predictors, ("untrained", pair), make)


def check_text(text: str | Text, pair: bool) -> Text:
    """Sides of a text: one, or the two of a pair. Raises DataError where they are too many, too few or empty."""
    sides = (text,) if isinstance(text, str) else tuple(text)
    if len(sides) != 1 + pair or not all(side.strip() for side in sides):
        raise DataError(
            message("Give two texts: this task is about a pair.")
            if pair
            else message("Give one text: this task is not about pairs.")
            if len(sides) > 1
            else message("Type a text first.")
        )
    return sides


def time_call(answer: Callable[[], T]) -> tuple[T, float]:
    """Answer of a call, and the median milliseconds of REPEATS calls: one alone says more of what else the machine was
    doing. A first one warms up and is not counted."""
    value = answer()
    spent: list[float] = []
    while len(spent) < REPEATS:
        began = time.perf_counter()
        value = answer()
        spent.append(1000 * (time.perf_counter() - began))
    return value, statistics.median(spent)


def teacher_answer(teacher: "Teacher", text: Text, objective: "Objective", temperature: float = 1.0) -> TeacherAnswer:
    """Answer of a teacher to one text, as `ask_teacher` returns it."""
    with session.load_lock:
        logits, ms = time_call(lambda: teacher.logits([text]))
    probabilities = objective.probabilities(logits.numpy(), temperature)[0].tolist()
    labels = list(teacher.labels)
    return {
        "labels": labels,
        "objective": objective.name,
        "logits": logits[0].tolist(),
        "probabilities": dict(zip(labels, probabilities, strict=True)),
        "ms": ms,
    }
