"""Students that a server answers with: of runs, and of exported folders."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from distill_core.api import runs
from distill_core.api.cascade import cascade
from distill_core.api.session import session
from distill_core.errors import UserError
from distill_core.messages import message
from distill_core.serving.batching import Row
from distill_core.student.runtime import SETTINGS, OnnxNetwork, Prediction, Predictor, load

if TYPE_CHECKING:
    from distill_core.api.cascade import Cascade


@dataclass(frozen=True)
class Model:
    """A student by its name, what runs its network ("onnx", "int8" or "torch"), and where it hands on what it is not
    sure of, the probability below which it does, and the cascade with its teacher, which an exported folder has not."""

    name: str
    student: Predictor
    network: str
    threshold: float | None = None
    cascade: "Cascade | None" = None

    @property
    def sides(self) -> int:
        """Texts of a row: one, or the two of a pair."""
        return 2 if self.student.settings["pair"] else 1

    def answer(self, rows: list[Row]) -> list[tuple[Prediction, bool | None]]:
        """Prediction of each row, and whether it is unlike what the student learned from, None where that is not
        known."""
        known = "familiarity" in self.student.settings
        answers = self.student(rows)
        unlike = [self.student.unfamiliar(row) if known else None for row in rows]
        return list(zip(answers, unlike, strict=True))


def find_models(names: Sequence[str], network: str | None = None, defer: float | None = None) -> list[Model]:
    """Students to serve.

    Args:
        names: Of each the id of a run, its beginning or "last", or the folder of an exported student.
        network: "onnx", "int8" or "torch"; None is "onnx", or "torch" where there is no such network. Runs have no
            "int8", which is made by an export.
        defer: An agreement; below its threshold a run's teacher answers, and a folder's student marks its answer.

    Raises:
        UserError: There is no such run, student, network or threshold.
    """
    found: list[Model] = []
    for name in names:
        folder = Path(name)
        model = (_exported if (folder / SETTINGS).is_file() else _of_run)(name, network, defer)
        taken = {one.name for one in found}
        if model.name in taken:
            raise UserError(message(
                "{name} was given twice, or two students have that name. Rename one of the folders.", name=model.name,
            ))  # fmt: skip
        found.append(model)
    return found


def _exported(name: str, network: str | None, defer: float | None) -> Model:
    folder = Path(name).resolve()
    try:
        student = load(folder, network)
        threshold = None if defer is None else student.threshold(defer)
    except (ValueError, ImportError, OSError) as error:
        raise UserError(
            message("The student in {folder} can't be served. {why}", folder=name, why=str(error))
        ) from error
    used = network or ("onnx" if isinstance(student.network, OnnxNetwork) else "torch")
    return Model(_slug(folder.name), student, used, threshold)


def _of_run(name: str, network: str | None, defer: float | None) -> Model:
    from distill_core.student import onnx_export

    if network == "int8":
        raise UserError(message("Weights of 8 bits are made by an export. Export run {run}, and serve that folder.",
                               run=name))  # fmt: skip
    run = runs.find(name)
    student = session.predictor(run.id)
    both = None if defer is None else cascade(run.id, defer)
    model, used = student, "torch"
    if network != "torch":
        try:
            content = onnx_export.write_onnx(student)
            onnx_export.check(student, content, [text for text, _ in run.labelled_texts()])
            model, used = Predictor(OnnxNetwork(content), student.vocabulary, student.settings), "onnx"  # type: ignore[assignment]
        except onnx_export.NoOnnx as reason:
            if network:
                why = message("The student of run {run} has no ONNX network. {why}", run=name, why=str(reason))
                raise UserError(why) from reason
    return Model(f"{_slug(run.data_name)}-{run.id[:6]}", model, used, both.threshold if both else None, both)


def _slug(title: str) -> str:
    """A name for an address."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", title).strip("-.")[:60] or "student"
