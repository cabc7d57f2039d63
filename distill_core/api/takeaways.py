"""What can be taken home of a run, each with its size, what using it needs, and the command that writes it."""

import re
from dataclasses import dataclass
from typing import Literal

from distill_core.api import runs
from distill_core.api.session import ExportedRow, session
from distill_core.errors import UserError

Kind = Literal["student", "student_html", "control", "floor", "floor_html", "rows", "run"]
PROGRAMS = 60_000  # bytes of an exported student's code, card and test
FRAME = 45_000  # bytes of a page without its model
WEIGHTS = "model.safetensors"
NEEDS = ("numpy", "onnxruntime", "tokenizers")


@dataclass(frozen=True)
class Takeaway:
    """One thing to take home of a run: a `file`, or a folder, named after the run's data; about how many `bytes` it
    will have, by what was measured of the built-in example's; the libraries that using it `needs`; and the `command`
    that writes it."""

    kind: Kind
    file: str
    bytes: int
    needs: tuple[str, ...]
    command: str


def takeaways(run: str) -> list[Takeaway]:
    """What can be taken home of a run, the student first.

    Args:
        run: The run's id.

    Returns:
        What there is; an empty list for an example, and for a run that has not come to its comparison.

    Raises:
        UnknownRun: There is no such run.

    Example:
        >>> [(one.kind, one.file) for one in core.takeaways(run.id)]
        [('student', 'rows-student'), ('student_html', 'rows-student.html'), ('rows', 'rows-answers.csv'), ('run', 'rows-run.zip')]
    """  # noqa: E501
    source = runs.run(run)
    if source.row.example or source.summary is None:
        return []
    name = re.sub(r"[^\w.-]+", "-", source.data_name).strip("-.")[:60] or "run"
    found: list[Takeaway] = []

    def add(kind: Kind, file: str, size: float, needs: tuple[str, ...], command: str) -> None:
        file = f"{name}-{file}"
        found.append(Takeaway(kind, file, round(size), needs, f"python -m distill_core {command.format(file=file)}"))

    weights, rest = _model_bytes(run, "student")
    if rest:
        # beside the weights there are those of the networks in ONNX, of 32 and of 8 bits
        add("student", "student", rest + 2.25 * weights + PROGRAMS, NEEDS, f"export {run} {{file}}")
        # weights of 16 bits, as base64
        add("student_html", "student.html", FRAME + 0.62 * weights + rest / 3, (), f"export {run} {{file}} --html")
    of_control, others = _model_bytes(run, "control")
    if others:
        size = others + 2.25 * of_control + PROGRAMS
        add("control", "control", size, NEEDS, f"export {run} {{file}} --row control")
    if baseline := sum(_model_bytes(run, "floor")):
        add("floor", "baseline", baseline + PROGRAMS / 3, ("numpy",), f"export {run} {{file}} --row floor")
        add("floor_html", "baseline.html", FRAME + baseline / 4, (), f"export {run} {{file}} --html --row floor")
    texts = source.folder / "texts.jsonl"
    scored = texts.stat().st_size if texts.is_file() else 0
    if scored:
        add("rows", "answers.csv", scored, (), f"answers {run} {{file}}")
    add("run", "run.zip", 0.92 * weights + (rest + scored) / 5, (), f"pack {run} {{file}}")
    return found


def _model_bytes(run: str, row: ExportedRow) -> tuple[int, int]:
    """Bytes of the weights of a run's model in safetensors, and of its other files; (0, 0) where it has no such
    model."""
    try:
        files = [file for file in session.model_folder(run, row).iterdir() if file.is_file()]
    except UserError:
        return 0, 0
    weights = sum(file.stat().st_size for file in files if file.name == WEIGHTS)
    return weights, sum(file.stat().st_size for file in files) - weights
