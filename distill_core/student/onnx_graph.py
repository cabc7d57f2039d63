"""An ONNX graph, written node by node: what a student's network says in torch, said once more for other runtimes.

Written by hand, because torch's exporters each refuse some of the students or freeze the batch or the length of the
example in others, and take seconds to half a minute where this takes milliseconds (CONTRIBUTING.md, "Decided
otherwise"). That both say the same is checked at each export (`student/onnx_export.py`).

Knows nothing of students: a component's `onnx` method calls it.
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

OPSET = 18  # read by onnxruntime 1.14 and later
IR_VERSION = 8  # the file format of that opset's time
GATES = {nn.LSTM: ("LSTM", (0, 3, 1, 2)), nn.GRU: ("GRU", (1, 0, 2))}  # ONNX's name, and its order of torch's gates
SIDES = [("ids", "lengths"), ("ids_2", "lengths_2")]  # inputs for each sentence


class Graph:
    """A graph in the making. A value is a name; where a node takes one, a tensor or a number becomes a constant.

    `graph.Mul(a, b)` writes a node of that operator and gives the name of its output; `outputs=2` gives two. Keywords
    are the operator's attributes, None an input that is left out.
    """

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def __getattr__(self, operator: str) -> Callable[..., Any]:
        if not operator[0].isupper():
            raise AttributeError(operator)
        return partial(self._node, operator)

    def _node(self, operator: str, *inputs: Any, outputs: int = 1, **attributes: Any) -> Any:
        names = [f"{operator}_{len(self._nodes)}_{number}" for number in range(outputs)]
        values = ["" if value is None else self._name(value) for value in inputs]
        self._nodes.append(helper.make_node(operator, values, names, **attributes))
        return names[0] if outputs == 1 else tuple(names)

    def _name(self, value: Any) -> str:
        """Name of a value; equal constants have one, so that weights that are read twice are stored once."""
        if isinstance(value, str):
            return value
        if isinstance(value, Tensor):
            array: NDArray[Any] = value.detach().cpu().numpy()
        elif isinstance(value, float):
            array = np.array(value, np.float32)
        else:
            array = np.asarray(value)
        array = np.ascontiguousarray(array).reshape(array.shape)
        digest = hashlib.sha256(array.tobytes()).hexdigest()[:16]
        name = f"constant_{array.dtype}_{'x'.join(map(str, array.shape))}_{digest}"
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(array, name)
        return name

    def linear(self, values: str, layer: Any) -> str:
        """Values (…, inputs) through an nn.Linear: (…, outputs)."""
        product: str = self.MatMul(values, layer.weight.t())
        return product if layer.bias is None else self.Add(product, layer.bias)

    def norm(self, values: str, layer: Any) -> str:
        """Values (…, width) through an nn.LayerNorm over the last axis."""
        bias = torch.zeros_like(layer.weight) if layer.bias is None else layer.bias  # onnxruntime crashed without one
        normed: str = self.LayerNormalization(values, layer.weight, bias, epsilon=layer.eps)
        return normed

    def softmax(self, values: str, own: str, axis: int = -1) -> str:
        """Shares along an axis, where `own` is true; 0 elsewhere."""
        shares: str = self.Softmax(self.Where(own, values, -np.float32(np.inf)), axis=axis)
        return shares

    def floats(self, values: str) -> str:
        """Whole numbers as float32."""
        floats: str = self.Cast(values, to=TensorProto.FLOAT)
        return floats

    def places(self, values: str) -> str:
        """Numbers (length,) int32 of the places of ids or vectors (batch, length, …)."""
        length = self.Cast(self.Squeeze(self.Shape(values, start=1, end=2), [0]), to=TensorProto.INT32)
        places: str = self.Range(np.int32(0), length, np.int32(1))
        return places

    def inside(self, values: str, lengths: str) -> str:
        """Whether each place of ids or vectors (batch, length, …) is one of the text's own (batch, length)."""
        own: str = self.Less(self.places(values), self.Unsqueeze(lengths, [1]))
        return own

    def mean(self, values: str, lengths: str) -> str:
        """Mean (batch, width) of the vectors (batch, length, width) of each text's own places."""
        own = self.Unsqueeze(self.inside(values, lengths), [2])
        total = self.ReduceSum(self.Where(own, values, 0.0), [1], keepdims=0)
        mean: str = self.Div(total, self.floats(self.Unsqueeze(lengths, [1])))
        return mean

    def maximum(self, values: str, lengths: str) -> str:
        """Maximum (batch, width) of the vectors (batch, length, width) of each text's own places."""
        own = self.Unsqueeze(self.inside(values, lengths), [2])
        highest: str = self.ReduceMax(self.Where(own, values, -np.float32(np.inf)), [1], keepdims=0)
        return highest

    def read_both_ways(self, vectors: str, lengths: str, readers: Sequence[tuple[Any, str]]) -> tuple[str, str]:
        """Vectors (batch, length, inputs) read forward and backward, each text to its own end: the states after each
        word (batch, length, 2 * hidden), in the order of the text, and those where the readings ended (batch,
        2 * hidden). `readers` are the two as (nn.LSTM or nn.GRU, suffix of its weights' names)."""
        operator, order = GATES[type(readers[0][0])]
        hidden = readers[0][0].hidden_size

        def weights(name: str) -> Tensor:
            found = [torch.cat([getattr(layer, f"{name}_{end}").chunk(len(order))[gate] for gate in order])
                     for layer, end in readers]  # fmt: skip
            return torch.stack(found)

        biases = torch.cat([weights("bias_ih"), weights("bias_hh")], dim=1)
        like_torch = {"linear_before_reset": 1} if operator == "GRU" else {}
        states, ends = self._node(
            operator, self.Transpose(vectors, perm=[1, 0, 2]), weights("weight_ih"), weights("weight_hh"), biases,
            lengths, outputs=2, hidden_size=hidden, direction="bidirectional", **like_torch,
        )  # fmt: skip
        states = self.Reshape(self.Transpose(states, perm=[2, 0, 1, 3]), [0, 0, 2 * hidden])
        ends = self.Reshape(self.Transpose(ends, perm=[1, 0, 2]), [0, 2 * hidden])
        return states, ends

    def model(self, logits: str, sides: Sequence[tuple[str, str]], labels: int) -> bytes:
        """The file of the graph that reads these of `SIDES` and ends in these `logits`, checked."""
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.INT32, shape)
            for ids, lengths in sides
            for name, shape in ((ids, ["batch", f"{ids}_length"]), (lengths, ["batch"]))
        ]
        outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", labels])]
        self._nodes.append(helper.make_node("Identity", [logits], ["logits"]))
        graph = helper.make_graph(self._nodes, "student", inputs, outputs, list(self._constants.values()))
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION,
                                 producer_name="Stillroom")  # fmt: skip
        onnx.checker.check_model(made, full_check=True)
        content: bytes = made.SerializeToString()
        return content
