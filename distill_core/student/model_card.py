"""The model card of an exported student or control: its origin, scores and limits.

Knows nothing of networks: its source is a run's report.
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill_core.evaluation.columns import gap_share, teacher_share
from distill_core.evaluation.deferral import thresholds
from distill_core.evaluation.doubling import describe_doublings
from distill_core.evaluation.export import comparison_table, describe_package, describe_probabilities, front_matter
from distill_core.messages import METRIC_NAMES, percent
from distill_core.student.runtime import LEFT_OUT

if TYPE_CHECKING:
    from distill_core.evaluation.rounding import Loss
    from distill_core.evaluation.summary import Deferral, Metric, TransferTexts
    from distill_core.events import Provenance
    from distill_core.student.onnx_export import Parity

CONTROL = """
It is the control of a distillation: the network of the student from the same start, trained on the labelled rows and
their labels, without the teacher's answers.
"""


def render(
    report: dict[str, Any], labels: Sequence[str], settings: dict[str, Any], package: str,
    parity: "Parity | None" = None, loss: "Loss | None" = None,
) -> str:  # fmt: skip
    """The model card as Markdown, from the run's `report`, the `settings` of student.json, whose "row" is "control"
    where it is one, the `package` that pip makes of the folder, the `parity` of its ONNX network and the `loss` by
    weights of 8 bits, each None where it has no such network."""
    summary = report.get("summary", {})
    metric: Metric = report.get("metric") or "accuracy"
    name = METRIC_NAMES[metric]
    counts = {name: "?" if count is None else count for name, count in report.get("rows", {}).items()}
    found = [sentence for _, sentence in report.get("verdict") or ()]
    found += describe_doublings(summary.get("doubling", {}), metric).values()
    comes_to = "".join(f"\n- {sentence}" for sentence in found)
    train, transfer = counts.get("train", "?"), counts.get("transfer", "?")
    if settings.get("row") == "control":
        how = "Trained"
        origin, row, figures, deferral = CONTROL, "This is the row control", "", ""
        source = f"{train} labelled rows, without a teacher"
    else:
        how, origin = "Distilled", ""
        row = "The control is this same student without a teacher"
        figures = f"""Share of the gap between control and teacher recovered: {
            _or_not_defined(gap_share, report.get("gap_recovered"))
        }.
Kept of the teacher's {name}: {_or_not_defined(teacher_share, report.get("kept"))}.
Same answer as the teacher: {_or_not_defined(percent, report.get("agreement"))}.
"""
        deferral = _deferral(summary.get("deferral"))
        source = f"{train} labelled rows;\n{transfer} texts labelled by the teacher{_sources(summary.get('transfer'))}"
    own = str(settings.get("row", "student"))
    head = front_matter(report, labels, ("knowledge-distillation",) if own == "student" else (), own)
    return f"""{head}# {title(report, settings)}

{how} with Stillroom on the task `{report.get("task", "?")}`. Labels: {", ".join(labels)}.
{origin}{_cut(settings)}
{comparison_table(report)}
{row}; the floor is a simple baseline (TF-IDF with logistic regression).
{figures}{comes_to}

## Use

    pip install -r requirements.txt
    python predict.py "a text"

{describe_package(package)}

{_files(settings, parity, loss)}

{describe_probabilities(settings.get("temperature"))}
{deferral}
## Limits

{limits(settings)}
Seed {report.get("seed", "?")}; {source}.
{_provenance(report.get("provenance"))}"""


def title(report: dict[str, Any], settings: dict[str, Any]) -> str:
    """Title of a student's or a control's card, from the run's `report` and the `settings` of student.json."""
    if settings.get("row") == "control":
        return f"A {settings['student']} control"
    summary = report.get("summary", {})
    teacher = str(summary.get("teacher_title") or summary.get("teacher", "its teacher"))
    teacher = Path(teacher).name if Path(teacher).is_absolute() else teacher  # without the folder on this machine
    return f"A {settings['student']} student of {teacher}"


def limits(settings: dict[str, Any]) -> str:
    """What it is not to be trusted with."""
    leanings = "the mistakes and leanings of its labels"
    if settings.get("row") != "control":
        leanings = "its teacher's mistakes and leanings"
    return f"It knows the kind of text it was trained on, and repeats {leanings}."


def _files(settings: dict[str, Any], parity: "Parity | None", loss: "Loss | None") -> str:
    """What each file of the folder is, and what the ONNX network was held against."""
    reasons = settings.get(LEFT_OUT, {})
    known = "student.json, tokenizer.json, vocabulary.json"
    rows = [
        ("predict.py, requirements.txt", "predicts, from the shell or by `from predict import load`; what it needs"),
        ("pyproject.toml, `__init__.py`, py.typed", "make a package of the folder"),
        ("test_answers.py, answers.json", "a test that it answers as where it was exported"),
        ("server.py, Dockerfile", "an HTTP server that answers with it, and an image of that"),
        (known, "its settings, and how texts become ids"),
    ]
    torch = "model.safetensors, network.py, encoder.py", "the network in torch"
    if parity:
        inputs = "`ids` (batch, length), padded with 0, and `lengths` (batch)"
        inputs += ", `ids_2` and `lengths_2` of the second text" if parity.sides > 1 else ""
        onnx = f"the network in onnxruntime. int32 {inputs}; out come `logits` (batch, labels), float32"
        rows.append(("model.onnx", onnx))
        if loss:
            rows.append(("model-int8.onnx", "the same with weights of 8 bits, for `predict.py --int8`"))
        rows.append((torch[0], f"{torch[1]}, for `predict.py --torch`"))
        *sizes, last = parity.batches
        found = f"""model.onnx (opset 18) was held against torch on {parity.texts} texts of {parity.shortest} to
{parity.longest} pieces, in batches of {", ".join(map(str, sizes))} and {last}: no answer differs, and no logit by more
than {parity.difference:.1g}. {_int8(loss, reasons.get("int8", ""))}"""
    else:
        rows.append(torch)
        found = f"It runs in torch alone. {reasons.get('onnx', '')}"
    table = "\n".join(f"| {files} | {what} |" for files, what in rows)
    return f"| file | what it is |\n|---|---|\n{table}\n\n{found}"


def _int8(loss: "Loss | None", why: str) -> str:
    """What weights of 8 bits cost, or why there are none."""
    if not loss:
        return f"There is no model-int8.onnx. {why}"
    before, after = percent(loss.before), percent(loss.after)
    return f"""With weights of 8 bits its accuracy
on {loss.rows:,} test rows is {after} instead of {before}, and {loss.flips:,} answers are others. Processors differ a
little in that."""


SOURCES = {  # of the transfer set's texts, as the card calls them
    "labelled": "labelled rows", "unlabelled": "given without a label", "bank": "of a text bank",
    "generator": "written by a language model", "paired": "new pairs of the rows' sentences",
    "augmented": "made by augmentation rules", "neighbour": "with near words of the teacher's table",
    "mask_fill": "with masks filled by a language model", "lexicon": "single words of the teacher's vocabulary",
    "frame": "words of the teacher's vocabulary in frequent frames of the rows",
}  # fmt: skip


def _provenance(found: "Provenance | None") -> str:
    """What computed it, "" of an earlier run."""
    if not found:
        return ""
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    return f"""Training and validation rows: sha256 `{found["rows"]}`.
Computed on {found["device"]} ({found["machine"]}) with {versions}.
"""


def _sources(texts: "TransferTexts | None") -> str:
    """Where the texts come from and what was left out of them, "" of an earlier run."""
    if not texts:
        return ""
    shares = ",\n".join(f"{count:,} {SOURCES.get(name, name)}" for name, count in texts["sources"].items())
    left_out = f"""; {texts["left_out"]:,} more
were left out, for they equal or contain a validation or test text or share eight words in a row with one"""
    return f" ({shares}{left_out if texts['left_out'] else ''})"


def _deferral(deferral: "Deferral | None") -> str:
    """A paragraph on the answers that are better left to the teacher, "" where nothing was promised."""
    promised = thresholds(deferral) if deferral else {}
    if not deferral or not promised:
        return ""
    reached = (level["at"] for level in deferral["levels"] if level["at"])
    lines = "".join(
        f"""
- `--defer {wanted}`: where it is sure to {threshold:.4f} or more, {percent(at["answered"])} of the test rows. There
  {percent(at["agreement"])} of its answers are the teacher's; the accuracy of both is {percent(at["accuracy"])}."""
        for (wanted, threshold), at in zip(promised.items(), reached, strict=True)
    )
    return f"""
`python predict.py --defer {next(iter(promised))} "a text"` marks a text that is better asked of the teacher, or of a
person. The thresholds come from {deferral["rows"]} validation rows, by a test that promises in vain in at most 5 of 100
runs (Angelopoulos et al. 2021, "Learn then Test"). That holds for texts like those rows, and only about: the same rows
chose the student's weights.
{lines}
"""


def _cut(settings: dict[str, Any]) -> str:
    """A paragraph on a model that was cut from the teacher, "" of any other."""
    if "teacher_layers" not in settings:
        return ""
    layers, depth = settings["teacher_layers"]
    numbers = ", ".join(str(number + 1) for number in layers)
    narrower = _narrower(settings.get("heads"), settings.get("feed_forward"))
    if "encoder" in settings:
        return f"""
It is the encoder {settings["encoder"]}: layers {numbers} of {depth}{narrower}, {settings["entries"]:,} of its word
pieces, and a new head, all trained further. It reads both sentences of a pair as one text.
"""
    return f"""
It is the teacher, shortened: layers {numbers} of {depth}{narrower}, {settings["entries"]:,} of its word
pieces, and its head, all trained further. It reads both sentences of a pair as one text.
"""


def _narrower(heads: int | None, units: int | None) -> str:
    """What of each layer was taken, "" where that is all of it."""
    taken = ((heads, "attention head"), (units, "feed-forward unit"))
    parts = [f"{count:,} {what}{'s' * (count > 1)}" for count, what in taken if count]
    return f" with at most {' and '.join(parts)} each" if parts else ""


def _or_not_defined(write: Callable[[float], str], value: float | None) -> str:
    return "not defined" if value is None or math.isnan(value) else write(value)
