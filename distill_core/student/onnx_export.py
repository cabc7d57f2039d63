"""A student's network as ONNX, if it says the same as in torch: the gate that each export passes or fails.

An example of one shape would pass a graph that froze its batch or its length: so the gate asks at several of both. The
network with weights of 8 bits can't say the same; it passes by what it costs on the test rows.
"""

import math
import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from distill_core.evaluation.objective import stored_objective
from distill_core.evaluation.rounding import LEAST_ROWS, Loss, Row, measure_loss
from distill_core.messages import percent
from distill_core.registry import STUDENTS
from distill_core.student.network import compute_logits
from distill_core.student.predictor import Predictor
from distill_core.student.runtime import OnnxNetwork, Sides
from distill_core.student.runtime import Predictor as AnyPredictor

BATCHES = (1, 7, 64, 256)
TEXTS = 500  # that the gate asks at most; more would tell no more
ALONE = 100  # of them one by one
TOLERANCE = 1e-4  # of the largest logit, and at least of 1: float32 sums in another order differ by a hundredth of that


class NoOnnx(Exception):
    """Why a student has no such ONNX file, as a sentence for its card."""


@dataclass(frozen=True)
class Parity:
    """What the gate found: on so many texts, the shortest and the longest of so many pieces, in batches of these sizes,
    no answer differed, and no logit by more than the `difference`. A row is as many `sides` to the network."""

    texts: int
    shortest: int
    longest: int
    difference: float
    batches: tuple[int, ...]
    sides: int


def write_onnx(student: Predictor) -> bytes:
    """The student's network as an ONNX file, not yet compared. Raises NoOnnx where its component can't write one."""
    try:
        from distill_core.student.onnx_graph import SIDES, Graph
    except ModuleNotFoundError as error:  # Stillroom was updated without what it needs by now
        raise NoOnnx(f"{error.name} was not installed where it was exported.") from error
    model: Any = student.model
    if not hasattr(getattr(model, "encoder", model), "onnx"):
        raise NoOnnx(f"Its component ({student.settings['student']}) does not write ONNX.")
    graph, sides = Graph(), SIDES[: len(student.vocabulary.sides([_row(student, "")], *student.limit))]
    return graph.model(model.onnx(graph, sides), sides, len(student.labels))


def _row(student: Predictor, *texts: str) -> Row:
    """A row of as many texts as the student reads, the first ones of these."""
    return (texts * 2)[: 2 if student.settings["pair"] else 1]


def check(student: Predictor, onnx: bytes, texts: Sequence[Row]) -> Parity:
    """Compare the file with the student on its test `texts`, and on shorter and longer ones made of their words: where
    there are none, of its vocabulary's. Raises NoOnnx where they differ."""
    network, decide = OnnxNetwork(onnx), stored_objective(student.settings).decide
    sides = student.vocabulary.sides(_rows(student, texts), *student.limit)
    expected = compute_logits(student.model, sides)
    sizes = [sum(map(len, row)) for row in zip(*sides, strict=True)]
    allowed, worst, flips = TOLERANCE * max(1.0, float(np.abs(expected).max())), 0.0, 0
    for batch in BATCHES:
        rows = len(sizes) if batch > 1 else min(len(sizes), ALONE)
        found = np.concatenate([network.run(_slice(sides, start, batch)) for start in range(0, rows, batch)])[:rows]
        difference = float(np.abs(found - expected[:rows]).max())
        worst = max(worst, difference if math.isfinite(difference) else math.inf)
        flips = max(flips, int((decide(found) != decide(expected[:rows])).sum()))
    if worst > allowed or flips:
        raise NoOnnx(f"In ONNX its logits were up to {worst:.1g} from those in torch, and {flips} of {len(sizes)} "
                     "answers were others.")  # fmt: skip
    return Parity(len(sizes), min(sizes), max(sizes), worst, BATCHES, len(sides))


def write_int8(student: Predictor, onnx: bytes, scored: Sequence[tuple[Row, str]]) -> tuple[bytes, Loss]:
    """The ONNX file with weights of 8 bits, and what these cost on test rows with their labels. Raises NoOnnx where
    that is too much, or where such a network is no faster."""
    kind = student.settings["student"]
    if not getattr(STUDENTS.get(kind), "INT8", True):
        raise NoOnnx(f"A network of the kind {kind} is slower with weights of 8 bits.")
    if len(scored) < LEAST_ROWS:
        raise NoOnnx(f"What weights of 8 bits cost can't be told from {len(scored)} test rows.")
    content = quantize(onnx)
    before, after = (AnyPredictor(OnnxNetwork(file), student.vocabulary, student.settings) for file in (onnx, content))
    loss = measure_loss(before, after, scored)
    if loss.is_too_much:
        raise NoOnnx(f"With weights of 8 bits its accuracy on {loss.rows:,} test rows is {percent(loss.after)} instead "
                     f"of {percent(loss.before)}, and {loss.flips:,} answers are others.")  # fmt: skip
    return content, loss


def quantize(onnx: bytes) -> bytes:
    """The file with its weights as integers of 8 bits; what flows between them is made such integers as it comes."""
    from onnx import load_model_from_string
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.quant_utils import add_pre_process_metadata

    model = load_model_from_string(onnx)
    add_pre_process_metadata(model)  # there is nothing to fuse; unmarked, a warning says that it should be
    with tempfile.TemporaryDirectory(prefix="stillroom-") as place:
        file = Path(place) / "model.onnx"
        # reduce_range: 7 of the 8 bits, for on processors without VNNI a sum of two products of 8 bits overflows
        quantize_dynamic(model, file, weight_type=QuantType.QInt8, reduce_range=True)
        return file.read_bytes()


def _slice(sides: Sides, start: int, batch: int) -> Sides:
    return [side[start : start + batch] for side in sides]


def _rows(student: Predictor, texts: Sequence[Row]) -> list[Row]:
    """Rows for the gate: no word, one word, twice as many each time to more than the student reads, then the texts."""
    draw = random.Random(0)
    texts = draw.sample(list(texts), min(TEXTS, len(texts)))
    words = sorted({word for text in texts for side in text for word in side.split()})
    words = words or sorted(student.vocabulary.tokenizer.get_vocab())

    def some(count: int) -> str:
        return " ".join(draw.choices(words, k=count))

    counts = [0, *(2**power for power in range(student.limit[0].bit_length() + 2))]
    rows = [_row(student, some(count), some(other)) for count in counts for other in {count, draw.choice(counts)}]
    texts = texts or [_row(student, some(draw.randint(1, 20)), some(draw.randint(1, 20))) for _ in range(TEXTS)]
    return rows + texts
