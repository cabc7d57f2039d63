"""The baseline as a folder that predicts from raw text without Stillroom, and its model card."""

import shutil
from pathlib import Path
from typing import Any

from distill_core.evaluation import baseline_runtime
from distill_core.evaluation.columns import metric_column
from distill_core.evaluation.export import (
    comparison_table,
    describe_package,
    describe_probabilities,
    draw_texts,
    export_folder,
    front_matter,
    intact,
    package_name,
    write_package,
)  # fmt: skip
from distill_core.messages import METRIC_NAMES

EXPLAINED = (
    "The teacher is a large model, the student the small one distilled from it, the control the same small model\n"
    "without a teacher."
)


def load(folder: Path) -> baseline_runtime.Predictor:
    """The baseline in `folder`. Raises DataError where it is damaged."""
    with intact(folder):
        return baseline_runtime.load(folder)


def export(baseline: Path, folder: Path, report: dict[str, Any]) -> Path:
    """Copy the baseline's folder to `folder`, with a model card of the run's `report` and a predict.py that needs numpy
    alone. Raises DataError where `folder` holds other files or can't be written."""
    predictor = load(baseline)
    with export_folder(folder, (folder / baseline_runtime.SETTINGS).is_file):
        for name in (baseline_runtime.WEIGHTS, baseline_runtime.SETTINGS):
            shutil.copyfile(baseline / name, folder / name)
        shutil.copyfile(str(baseline_runtime.__file__), folder / "predict.py")
        name = package_name(str(report.get("title") or report.get("task", "")), "baseline")
        texts = draw_texts(predictor.settings["vocabulary"][0], 1 + predictor.settings["pair"])
        answers = [(text, answer.probabilities) for text, answer in zip(texts, predictor(texts), strict=True)]
        write_package(folder, name, title(report.get("task", "?")), ["numpy>=2"], {}, answers)
        (folder / "README.md").write_text(model_card(report, predictor, name), encoding="utf-8")
    return folder


def limits(rows: object) -> str:
    """What a baseline that was fitted to so many rows is not to be trusted with."""
    return (
        f"It knows no meanings: a word that its {rows} rows did not hold counts for nothing, and of the order of words "
        "it\nsees two neighbours at most. It is not for texts of another kind, or in another language, than those rows."
    )


def title(task: str) -> str:
    """Title of a baseline's card."""
    return f"The simple baseline (TF-IDF) of the task {task}"


def model_card(report: dict[str, Any], predictor: baseline_runtime.Predictor, package: str) -> str:
    """The model card as Markdown, from the run's `report`. The `package` is what pip makes of the folder."""
    metric = report.get("metric") or "accuracy"
    score, column = report.get("scores", {}).get("floor", {}), metric_column(metric)
    rows = {name: "?" if count is None else f"{count:,}" for name, count in report.get("rows", {}).items()}
    kind = "pairs of texts" if predictor.settings["pair"] else "texts"
    head = front_matter(report, predictor.labels, ("tf-idf", "logistic-regression"), "floor")
    return f"""{head}# {title(report.get("task", "?"))}

It weighs words and pairs of neighbouring words (TF-IDF) by logistic regression, and is no network. Stillroom fitted it
to {rows.get("train", "?")} labelled {kind}, as the model that a distilled one has to beat.
Labels: {", ".join(predictor.labels)}.

Its {METRIC_NAMES[metric]}: {column.cell(score)} (95 % interval {column.interval_cell(score)}) on
{rows.get("test", "?")} rows that it was not fitted to. In the table it is the row floor.

{comparison_table(report)}
{EXPLAINED}

## Use

    pip install -r requirements.txt
    python predict.py "a text"

{describe_package(package)}

{describe_probabilities(predictor.settings.get("temperature"))}

## Limits

{limits(rows.get("train", "?"))}
{baseline_runtime.SETTINGS} lists the words and the pairs of neighbours in these rows: whoever has this folder can read
them.
"""
