"""A student as one HTML file that answers in a browser, from a disk, and asks nothing of anybody.

The page (`evaluation/html_page`) computes the student's own ONNX graph, whose operators `html/network.js` has, so that
a component that writes ONNX needs no third text for its network. Its weights are rounded to 16 bits and, where the page
would be heavy, those of the table to 8 with a scale for each row. Python can't ask the page; it asks the same rounded
network instead, on the rows that the run was scored on: the gate. A test asks pages of every kind of student in a
browser.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from distill_core.evaluation.export import describe_probabilities
from distill_core.evaluation.html_page import (
    NoHtml,
    PageText,
    Tensors,
    describe_loss,
    pack_model,
    refuse_loss,
    render_page,
    write_page,
)
from distill_core.evaluation.rounding import LEAST_ROWS, Loss, Row, measure_loss
from distill_core.student import model_card
from distill_core.student.html_tokenizer import alphabet_vocabulary, page_vocabulary
from distill_core.student.onnx_export import NoOnnx, check, write_onnx
from distill_core.student.persistence import load
from distill_core.student.predictor import Predictor
from distill_core.student.runtime import OnnxNetwork, Vocabulary
from distill_core.student.runtime import Predictor as AnyPredictor

FOLDER = Path(__file__).parent / "html"
SCRIPTS = ("network.js", "tokenizer.js", "student.js")
LIGHT, HEAVY = 1_000_000, 2_000_000  # bytes of a page without 8 bits, and of one with the whole tokenizer
FEW = 64  # numbers that are not worth rounding; among them are bounds that 16 bits can't hold
LARGEST = 65_504  # that 16 bits can hold
OPERATORS = {  # that `html/network.js` knows, with the attributes that it reads
    "Abs": "", "Add": "", "Cast": "to", "Concat": "axis", "Conv": "pads", "Cos": "", "Div": "",
    "GRU": "direction hidden_size linear_before_reset", "Gather": "", "Identity": "", "LSTM": "direction hidden_size",
    "LayerNormalization": "epsilon", "Less": "", "MatMul": "", "Max": "", "Mul": "", "Range": "",
    "ReduceL2": "keepdims", "ReduceMax": "keepdims", "ReduceSum": "keepdims", "Relu": "", "Reshape": "",
    "Shape": "start end", "Sin": "", "Softmax": "axis", "Squeeze": "", "Sub": "", "Tanh": "", "Transpose": "perm",
    "Unsqueeze": "", "Where": "",
}  # fmt: skip
FIXED = {"direction": (b"bidirectional",), "linear_before_reset": (1,), "to": (1, 6)}  # it knows these values alone


def write_html(student: Path, file: Path, report: dict[str, Any], scored: Sequence[tuple[Row, str]] = ()) -> Path:
    """Write a page that answers as the student or control in the folder `student` does, if its rounded weights cost
    little on the rows that were `scored`, with what the run's `report` says of it. Raises NoHtml where it can't be one,
    DataError where `file` can't be written."""
    predictor = load(student)
    try:
        onnx = write_onnx(predictor)
        check(predictor, onnx, [text for text, _ in scored])
    except NoOnnx as reason:
        raise NoHtml(str(reason)) from reason
    return write_page(Path(file), build_page(predictor, onnx, report, scored))


def build_page(
    student: Predictor, onnx: bytes, report: dict[str, Any], scored: Sequence[tuple[Row, str]] = ()
) -> bytes:
    """The page of a student whose network is this ONNX file. Raises NoHtml."""
    nodes = _nodes(onnx)
    vocabulary = student.vocabulary
    tensors, rounded = round_weights(onnx, small_table=False)
    loss = _loss(student, onnx, rounded, vocabulary, scored)
    small = False
    columns = report.get("columns", ())
    packed = pack(student, nodes, tensors, vocabulary, columns)
    if len(packed) > LIGHT and len(scored) >= LEAST_ROWS:  # else nobody knows what it would cost
        less, coarse = round_weights(onnx, small_table=True)
        cost = _loss(student, onnx, coarse, vocabulary, scored)
        if not cost.is_too_much:
            tensors, rounded, loss, small = less, coarse, cost, True
            packed = pack(student, nodes, tensors, vocabulary, columns)
    cut = len(packed) > HEAVY and alphabet_vocabulary(vocabulary)
    if cut and cut is not vocabulary and not (cost := _loss(student, onnx, rounded, cut, scored)).is_too_much:
        vocabulary, loss = cut, cost
        packed = pack(student, nodes, tensors, vocabulary, columns)
    refuse_loss(loss)
    return render(student, packed, report, describe_rounding(loss, small, vocabulary is not student.vocabulary))


def round_weights(onnx: bytes, small_table: bool) -> tuple[Tensors, bytes]:
    """The constants of an ONNX file as the page has them, in 16 bits and, with a `small_table`, the rows that ids
    choose in 8, with a scale for each beside them; and the file as it is with these."""
    from onnx import load_model_from_string, numpy_helper

    model = load_model_from_string(onnx)
    tables = {node.input[0] for node in model.graph.node if node.op_type == "Gather"}
    tensors: Tensors = {}
    for one in model.graph.initializer:
        values = numpy_helper.to_array(one)
        if values.dtype != np.float32:
            tensors[one.name] = values.astype(np.int32)
            continue
        if values.size < FEW or np.abs(values).max() > LARGEST:
            tensors[one.name] = values.copy()
            continue
        if small_table and one.name in tables and values.ndim == 2:
            scales = np.maximum(np.abs(values).max(1, keepdims=True) / 127, np.float32(1e-12))
            whole = np.round(values / scales).astype(np.int8)
            tensors |= {one.name: whole, f"{one.name}.scale": scales}
            values = whole.astype(np.float32) * scales
        else:
            tensors[one.name] = values.astype(np.float16)
            values = tensors[one.name].astype(np.float32)
        one.CopyFrom(numpy_helper.from_array(values, one.name))
    content: bytes = model.SerializeToString()
    return tensors, content


def pack(
    student: Predictor, nodes: list[dict[str, Any]], tensors: Tensors, vocabulary: Vocabulary,
    columns: Sequence[str] = (),
) -> str:  # fmt: skip
    """All that the page computes with, as base64 of a gzipped file of the format safetensors; the `columns` of a table
    are those that hold its text, or the two of a pair."""
    words = page_vocabulary(vocabulary)
    most, cut = student.limit
    state = {
        "nodes": nodes,
        "vocabulary": {**words.specification, "max_tokens": most, "cut": cut},
        "settings": _page_settings(student.settings) | ({"columns": list(columns)} if columns else {}),
    }
    return pack_model({**tensors, **words.arrays}, state)


def render(student: Predictor, packed: str, report: dict[str, Any], rounding: str) -> bytes:
    """The page with what it says of the student."""
    settings = student.settings
    train = report.get("rows", {}).get("train", "?")
    control = settings.get("row") == "control"
    origin = f"A small network, {'trained' if control else 'distilled'} on the task {report.get('task', '?')} with " \
             f"{train} labelled rows. Its labels: {', '.join(student.labels)}."  # fmt: skip
    explained = (
        f"This is the row {'control' if control else 'student'}: "
        + ("the student's network, trained without a teacher. " if control else "the control is it without a teacher. ")
        + "The floor is a simple baseline (TF-IDF with logistic regression)."
    )
    text = PageText(
        title=str(report.get("title") or model_card.title(report, settings)), pair=settings["pair"], origin=origin,
        rounding=rounding, probabilities=describe_probabilities(settings.get("temperature")), explained=explained,
        limits=model_card.limits(settings) + " It is no ground for a decision about a person that nobody looks at.",
    )  # fmt: skip
    return render_page([FOLDER / name for name in SCRIPTS], packed, report, text)


def describe_rounding(loss: Loss, small_table: bool, cut: bool) -> str:
    """What the weights are rounded to, what that cost, and whether characters were left out."""
    bits = "16 bits, those of its table to 8" if small_table else "16 bits"
    left_out = " Characters that its texts never held are unknown to this page." if cut else ""
    return f"Its weights are rounded to {bits}. {describe_loss(loss)}{left_out}"


def _loss(
    student: Predictor, onnx: bytes, rounded: bytes, vocabulary: Vocabulary, scored: Sequence[tuple[Row, str]]
) -> Loss:
    return measure_loss(AnyPredictor(OnnxNetwork(onnx), student.vocabulary, student.settings),
                        AnyPredictor(OnnxNetwork(rounded), vocabulary, student.settings), scored)  # fmt: skip


def _nodes(onnx: bytes) -> list[dict[str, Any]]:
    """The nodes of an ONNX file as JSON. Raises NoHtml where the page knows one not."""
    from onnx import helper, load_model_from_string

    nodes = []
    for node in load_model_from_string(onnx).graph.node:
        attributes = {one.name: helper.get_attribute_value(one) for one in node.attribute}
        known = OPERATORS.get(node.op_type, "").split()
        if (
            node.op_type not in OPERATORS
            or not set(attributes) <= set(known)
            or any(attributes.get(name) not in values for name, values in FIXED.items() if name in known)
        ):
            raise NoHtml(f"Its network computes {node.op_type} in a way that the page does not know.")
        plain = {name: list(value) if name in ("pads", "perm") else value for name, value in attributes.items()
                 if name not in FIXED}  # fmt: skip
        nodes.append({"operator": node.op_type, "inputs": list(node.input), "outputs": list(node.output),
                      "attributes": plain})  # fmt: skip
    return nodes


def _page_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings that the page reads. Of the thresholds for deferring it has one: that of 95 %, or else the first."""
    if (objective := settings.get("objective", "single_label")) != "single_label":
        raise NoHtml(f"Its answers are of the kind {objective}, which the page does not know.")
    names = ("labels", "pair", "temperature", "familiarity")
    chosen = {name: settings[name] for name in names if name in settings}
    thresholds = {} if settings.get("row") == "control" else settings.get("defer", {})
    if thresholds:
        wanted = "0.95" if "0.95" in thresholds else next(iter(thresholds))
        chosen["defer"] = {"agreement": float(wanted), "threshold": thresholds[wanted]}
    return chosen
