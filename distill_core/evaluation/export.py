"""What every exported model has: its folder, which is a package too, and the comparison on its model card.

Knows nothing of models: the comparison comes from a run's report.
"""

import json
import random
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from distill_core.errors import DataError, UserError
from distill_core.evaluation import diagnostics, exported_test
from distill_core.evaluation.columns import cells, columns, headings, metric_column, shown
from distill_core.faults import disk_code, is_out_of_memory
from distill_core.hub.client import is_id
from distill_core.messages import METRIC_NAMES, message, os_error_reason, unreadable_reason

OMITTED = ("temperature", "texts_per_s")  # in a sentence below the table; of this machine alone
SERVER = ("fastapi", "uvicorn")  # what server.py needs beside what predict.py does
BARE = ("macro_f1",)  # without its interval: the accuracy's is enough


@contextmanager
def export_folder(folder: Path, replaces: Callable[[], bool]) -> Iterator[Path]:
    """Folder to write an exported model to. Raises DataError where it can't be written, or holds other files than an
    export that this one `replaces`."""
    try:
        if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not replaces())):
            raise DataError(message("{folder} already holds something else. Name a new or an empty folder.",
                                   folder=str(folder)))  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
    except OSError as error:
        raise DataError(message("The model can't be written to {folder} ({why}). Name a folder you may write to.",
                               folder=str(folder), why=os_error_reason(error))) from error  # fmt: skip


def package_name(title: str, kind: str) -> str:
    """Name of the package that an exported model is: the `title` as Python's names are written, and its `kind` behind,
    so that it is no library's."""
    words = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")[:40].strip("_")
    return f"{words}_{kind}" if words[:1].isalpha() else f"my_{words}_{kind}".replace("__", "_")


def write_package(
    folder: Path, name: str, about: str, libraries: Sequence[str], extras: Mapping[str, Sequence[str]],
    answers: Sequence[tuple[str | tuple[str, ...], dict[str, float]]],
) -> None:  # fmt: skip
    """Write what makes an exported folder with its predict.py a package that pip installs as `name`: pyproject.toml,
    __init__.py, py.typed, requirements.txt, and a test that it gives these `answers`, texts and the probability of each
    label; and what makes it an image: server.py and Dockerfile."""
    about = re.sub(r"[^\w .,:()/-]", "", about)[:200]  # it stands in code, and a teacher may have any name
    optional = "".join(f"{extra} = {json.dumps(list(needs))}\n" for extra, needs in extras.items())
    contents = {
        "requirements.txt": "".join(f"{library}\n" for library in libraries),
        "py.typed": "",
        "__init__.py": f'"""{about}"""\n\n'
        "if __package__:  # pytest imports this file by itself where the folder's name is no package's\n"
        "    from .predict import Prediction, Predictor, load, predict, predict_proba\n\n"
        '__all__ = ["Prediction", "Predictor", "load", "predict", "predict_proba"]\n',
        "pyproject.toml": f"""[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "{name.replace("_", "-")}"
version = "1"
description = {json.dumps(about)}
readme = "README.md"
requires-python = ">=3.11"
dependencies = {json.dumps(list(libraries))}

[project.optional-dependencies]
{optional}
[tool.setuptools]
packages = ["{name}"]
package-dir = {{ "{name}" = "." }}

[tool.setuptools.package-data]
"{name}" = ["*.json", "*.npz", "*.onnx", "*.safetensors", "py.typed"]
""",
        "answers.json": json.dumps([{"text": text, "probabilities": shares} for text, shares in answers], indent=1)
        + "\n",
        "Dockerfile": _dockerfile(name, libraries),
    }
    for file, content in contents.items():
        (folder / file).write_text(content, encoding="utf-8")
    shutil.rmtree(folder / "build" / "lib", ignore_errors=True)  # pip would pack what this export has not
    shutil.copyfile(str(exported_test.__file__), folder / "test_answers.py")
    shutil.copyfile(Path(__file__).with_name("exported_server.py"), folder / "server.py")  # it imports a web framework


def _dockerfile(name: str, libraries: Sequence[str]) -> str:
    """Dockerfile of an image that answers with the model on port 8000."""
    image, install = name.replace("_", "-"), "pip install --no-cache-dir --no-compile"
    alone = [f"'{library}'" for library in libraries if library.startswith("tokenizers")]
    others = [f"'{library}'" for library in libraries if f"'{library}'" not in alone]
    commands = [
        f"{install} {' '.join([*others, *SERVER])}",
        *([f"{install} --no-deps {' '.join(alone)}"] if alone else []),
    ]
    return f"""# docker build -t {image} . && docker run -p 8000:8000 {image}
FROM python:3.12-slim
# Without bytecode, and without the libraries by which tokenizers would download one: the image is a quarter smaller.
RUN {" && ".join(commands)}
COPY . /model
WORKDIR /model
USER nobody
EXPOSE 8000
HEALTHCHECK CMD ["python", "-c", "from urllib.request import urlopen as ask; ask('http://127.0.0.1:8000/health')"]
CMD ["python", "server.py", "--host", "0.0.0.0"]
"""


def draw_texts(words: Sequence[str], sides: int, number: int = 8) -> list[str | tuple[str, ...]]:
    """As many texts, or pairs where the `sides` are two, of words in any order: nobody's own."""
    draw = random.Random(0)
    words = sorted(word for word in words if word.isalpha()) or ["text"]
    rows = [tuple(" ".join(draw.choices(words, k=draw.randint(1, 12))) for _ in range(sides)) for _ in range(number)]
    return [row if sides > 1 else row[0] for row in rows]


@contextmanager
def intact(folder: Path) -> Iterator[None]:
    """Context that reads the model in `folder`. Raises DataError for whatever comes of a damaged file."""
    try:
        yield
    except BaseException as error:  # the tokenizer's own panic is no Exception
        if isinstance(error, UserError | KeyboardInterrupt | SystemExit):
            raise
        if is_out_of_memory(error) or disk_code(error):  # no fault of the file
            raise
        damaged = getattr(error, "file", None)
        why = message("{file} is not as it was written", file=damaged) if damaged else unreadable_reason(error)
        raise DataError(message(
            "The model in {folder} is damaged ({why}). Copy or export it again; that of a run is made anew by a run "
            "with the same settings.", folder=str(folder), why=why)) from error  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """A run's models side by side: `heads` of the columns, the cells of each row by its name, and a sentence on the
    rows that it was made on."""

    heads: list[str]
    rows: dict[str, list[str]]
    scored: str


def comparison(report: dict[str, Any]) -> Comparison:
    """Comparison of the run's models, as a card shows it."""
    chosen = tuple(
        replace(column, interval=None) if column.key in BARE else column
        for column in (*shown(report.get("metric") or "accuracy"), *columns("cost"))
        if column.key not in OMITTED
    )
    rows = {row: cells(chosen, score, units=False) for row, score in report.get("scores", {}).items()}
    number = report.get("rows", {}).get("test")
    scored = (
        f"Scored on {'?' if number is None else number} {report.get('scored_on') or 'test'} rows that no training saw."
        if rows
        else "Not scored yet: the run had not come to its comparison."
    )
    if report.get("tests_read"):
        scored += " " + diagnostics.describe_uses(report["tests_read"])
    return Comparison(headings(chosen, units=True), rows, scored)


def front_matter(report: dict[str, Any], labels: Sequence[str], tags: Sequence[str], own: str) -> str:
    """Head of a model card as the Hub reads it: what the model is for, its language, teacher and data where these are
    on the Hub, and the comparison's rows with their intervals, its `own` first (Hugging Face's "model-index")."""
    settings, metric = report.get("config") or {}, report.get("metric") or "accuracy"
    teacher, data = str(report.get("summary", {}).get("teacher") or ""), str(settings.get("dataset") or "")
    language = str(settings.get("language") or "")
    column, named = metric_column(metric), METRIC_NAMES[metric]
    metrics = [
        {"type": metric, "value": round(score[column.key], 4),
         "name": f"{named} of the {row}, 95 % interval {column.interval_cell(score)}"}
        for row, score in sorted(report.get("scores", {}).items(), key=lambda one: one[0] != own)
        if score.get(column.key) is not None
    ]  # fmt: skip
    name = str(report.get("title") or report.get("task") or "?")
    head: dict[str, object] = {
        "library_name": "stillroom", "pipeline_tag": "text-classification", "tags": ["text-classification", *tags],
    }  # fmt: skip
    if len(language) == 2:
        head["language"] = [language]
    if "/" in teacher and is_id(teacher):
        head["base_model"] = teacher
    if data and is_id(data):
        head["datasets"] = [data]
    if metrics:
        task = {"type": "text-classification", "name": f"One of {len(labels)} labels"}
        source = {"type": data or "own", "name": name, "split": str(report.get("scored_on") or "test")}
        head["model-index"] = [{"name": name, "results": [{"task": task, "dataset": source, "metrics": metrics}]}]
    return f"---\n{yaml.safe_dump(head, allow_unicode=True, sort_keys=False)}---\n"


def comparison_table(report: dict[str, Any]) -> str:
    """Comparison of the run's models as a Markdown table, and a sentence on the rows that it was made on."""
    found = comparison(report)
    rows = "\n".join(f"| {row} | {' | '.join(cells)} |" for row, cells in found.rows.items())
    heads = ["", *found.heads]
    return f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}\n{rows}\n\n{found.scored}"


def describe_package(name: str) -> str:
    """How an exported folder is used once pip has installed it as `name`."""
    return f"""Or installed, by `pip install .` in this folder, from any Python:

    from {name} import predict, predict_proba
    predict(["a text", "another"])

Behind an HTTP server, by `pip install {" ".join(SERVER)} && python server.py`, or as the image that the Dockerfile
makes:

    docker build -t {name.replace("_", "-")} . && docker run -p 8000:8000 {name.replace("_", "-")}
    curl localhost:8000/predict -H "content-type: application/json" -d '{{"texts": ["a text"]}}'"""


def describe_probabilities(temperature: float | None) -> str:
    """Sentence on a model's probabilities, which the `temperature` calibrates where it has one."""
    if temperature is None:
        return "Its probabilities are not calibrated."
    return (
        f"Its logits are divided by the temperature {temperature:.2f}, fitted on validation rows,\n"
        "before they become probabilities (Guo et al. 2017); the labels are the same without it."
    )
