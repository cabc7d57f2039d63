"""The teacher, shortened: its table, some of its layers and its head. It starts with what they know (Sanh et al. 2019).

It reads as the teacher reads: with the special tokens, and both sentences of a pair as one text. The knob `layers` says
which layers it takes. Sanh et al. took every other one (DistilBERT, section 3).
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

VOCABULARY = "teacher_tokens"
LR = 2e-4  # of layers that know something already; 0.004, as for new ones, makes them forget it
LAYERS = True  # that a loss may compare with the teacher's, token by token
MIXED = True  # trains in bfloat16 where that is faster: 1.7 times, on an EPYC with avx512_bf16
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu, "gelu_tanh": lambda values: F.gelu(values, approximate="tanh"), "relu": F.relu, "silu": F.silu,
    "tanh": torch.tanh,
}  # fmt: skip


def _gelu(graph: Any, values: str) -> str:
    grown = graph.Add(graph.Erf(graph.Mul(values, math.sqrt(0.5))), 1.0)
    result: str = graph.Mul(graph.Mul(values, grown), 0.5)
    return result


def _gelu_tanh(graph: Any, values: str) -> str:
    cubes = graph.Mul(graph.Mul(graph.Mul(values, values), values), 0.044715)
    grown = graph.Add(graph.Tanh(graph.Mul(graph.Add(values, cubes), math.sqrt(2 / math.pi))), 1.0)
    result: str = graph.Mul(graph.Mul(values, grown), 0.5)
    return result


ONNX: dict[Callable[[Tensor], Tensor], Callable[[Any, str], str]] = {  # the same activations in ONNX's operators
    ACTIVATIONS["gelu"]: _gelu, ACTIVATIONS["gelu_tanh"]: _gelu_tanh,
    ACTIVATIONS["relu"]: lambda graph, values: graph.Relu(values),
    ACTIVATIONS["silu"]: lambda graph, values: graph.Mul(values, graph.Sigmoid(values)),
    ACTIVATIONS["tanh"]: lambda graph, values: graph.Tanh(values),
}  # fmt: skip


class Student(nn.Module):
    """A transformer encoder whose shape its `weights` show; `shape` holds what they don't.

    The logits come of the first token, as in all teachers it is cut from, so the last layer is computed for that token
    alone: the other states of that layer nobody reads.
    """

    def __init__(self, weights: dict[str, Tensor], shape: dict[str, Any], dropout: float = 0.0):
        super().__init__()
        entries, width = weights["pieces.weight"].shape
        self.sizes = {"entries": entries, "width": width, **shape}
        depth = len({name.split(".")[1] for name in weights if name.startswith("layers.")})
        self.pieces = _table(weights, "pieces")
        self.places = _table(weights, "places")
        self.types = _table(weights, "types") if "types.weight" in weights else None
        self.widen = _linear(weights, "widen") if "widen.weight" in weights else None
        self.norm = nn.LayerNorm(len(weights["norm.weight"]), shape["eps"])
        self.project = _linear(weights, "project") if "project.weight" in weights else None
        self.layers = nn.ModuleList(Layer(weights, f"layers.{i}.", shape, dropout) for i in range(depth))
        self.pooler, self.head = _linear(weights, "pooler"), _linear(weights, "head")
        self.load_state_dict(weights)
        self.dropout, self.squash = nn.Dropout(dropout), ACTIVATIONS[shape["squash"]]

    @classmethod
    def of(
        cls, source: Any, outputs: int, config: Any, vocabulary: Any, texts: Sequence[tuple[str, ...]] = ()
    ) -> "Student":
        """The student cut from the teacher `source` as `config` says, for that vocabulary; on the `texts` is weighed
        what of a layer is taken."""
        from distill_core.student.cutting import cut

        weights, shape = cut(
            source, vocabulary.tokens, config.layers, config.table_width, config.heads, config.feed_forward, texts
        )
        if config.student_model:
            shape["encoder"] = Path(config.student_model).name
        return cls(weights, shape, config.dropout)

    @staticmethod
    def check(model: Any, config: Any) -> None:
        """Raise KnobError where no student can be cut from a teacher's `model` as `config` says."""
        from distill_core.student.cutting import check

        check(model, config.layers)

    @classmethod
    def load(cls, weights: dict[str, Tensor], settings: dict[str, Any]) -> "Student":
        """The student whose `weights` and settings were saved."""
        names = ("head_size", "eps", "activation", "squash", "teacher_layers", "encoder")
        shape = {name: settings[name] for name in names if name in settings}
        return cls(weights, shape, settings["dropout"])

    def forward(self, sides: list[tuple[Tensor, Tensor]]) -> Tensor:
        """Logits (batch, labels) of one side: ids (batch, length), and lengths (batch,) on the CPU."""
        return self.classify([self.encode(*side) for side in sides])

    def classify(self, vectors: list[Tensor]) -> Tensor:
        """Logits (batch, labels) of the one vector (batch, hidden) of a text."""
        logits: Tensor = self.head(self.dropout(self.squash(self.pooler(vectors[0]))))
        return logits

    @torch.no_grad()
    def shift(self, offsets: Tensor) -> None:
        """Add an offset (labels,) to the logits, for good."""
        output: Any = self.head
        output.bias += offsets.to(output.bias)

    def encode(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """The first token's last state (batch, hidden)."""
        states, own = self._embed(ids, lengths)
        for number, layer in enumerate(self.layers, 1):
            states = layer(states, own, states[:, :1] if number == len(self.layers) else states)
        first: Tensor = states[:, 0]
        return first

    def onnx(self, graph: Any, sides: list[tuple[str, str]]) -> str:
        """Logits of one side, as `forward` computes them, written into an ONNX `graph`."""
        ((ids, lengths),) = sides
        entries, place = torch.tensor(self.pieces.num_embeddings, dtype=torch.int32), graph.places(ids)
        states = graph.Gather(self.pieces.weight, graph.Mod(ids, entries))
        if self.widen is not None:
            states = graph.linear(states, self.widen)
        states = graph.Add(states, graph.Gather(self.places.weight, place))
        if self.types is not None:
            states = graph.Add(states, graph.Gather(self.types.weight, graph.Div(ids, entries)))
        states = graph.norm(states, self.norm)
        if self.project is not None:
            states = graph.linear(states, self.project)
        own = graph.Unsqueeze(graph.inside(ids, lengths), [1, 2])
        for number, layer in enumerate(self.layers, 1):
            asking = graph.Slice(states, [0], [1], [1]) if number == len(self.layers) else states
            states = layer.onnx(graph, states, own, asking)  # type: ignore[operator]
        pooled = ONNX[self.squash](graph, graph.linear(graph.Squeeze(states, [1]), self.pooler))
        logits: str = graph.linear(pooled, self.head)
        return logits

    def outputs(self, sides: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """Logits (batch, labels), the states (batch, length, hidden) before the first layer and after each, and each
        layer's attention scores (batch, heads, length, length) before the softmax: what a loss may compare."""
        states, own = self._embed(*sides[0])
        every, scores = [states], list[Tensor]()
        for layer in self.layers:
            states = layer(states, own, states, scores)
            every.append(states)
        return self.classify([states[:, 0]]), every, scores

    def _embed(self, ids: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor | None]:
        """The states (batch, length, width) before the first layer, and which tokens are no padding (batch, 1, 1,
        length), None where all are."""
        kinds, rows = ids // self.pieces.num_embeddings, ids % self.pieces.num_embeddings
        place, own = torch.arange(ids.shape[1], device=ids.device), None
        if int(lengths.min()) < ids.shape[1]:
            own = (place[None] < lengths.to(ids.device)[:, None])[:, None, None]
        states = self.pieces(rows)
        if self.widen is not None:
            states = self.widen(states)
        states = states + self.places(place)
        if self.types is not None:
            states = states + self.types(kinds)
        states = self.norm(states)
        if self.project is not None:
            states = self.project(states)
        return self.dropout(states), own


class Layer(nn.Module):
    """One layer of BERT (Devlin et al. 2019): attention, then a wider linear layer and back, each with its norm."""

    def __init__(self, weights: dict[str, Tensor], name: str, shape: dict[str, Any], dropout: float):
        super().__init__()
        width = len(weights[f"{name}norm.bias"])
        self.query, self.key_value = _linear(weights, f"{name}query"), _linear(weights, f"{name}key_value")
        self.mix, self.mix_norm = _linear(weights, f"{name}mix"), nn.LayerNorm(width, shape["eps"])
        self.up, self.down = _linear(weights, f"{name}up"), _linear(weights, f"{name}down")
        self.norm = nn.LayerNorm(width, shape["eps"])
        self.heads = self.query.out_features // shape["head_size"]
        self.activation = ACTIVATIONS[shape["activation"]]
        self.dropout = nn.Dropout(dropout)

    def forward(self, states: Tensor, own: Tensor | None, asking: Tensor, shown: list[Tensor] | None = None) -> Tensor:
        """States (batch, asking, width) of the tokens in `asking`, which look at all `states` (batch, length, width);
        `own` (batch, 1, 1, length) is false for padding. The attention's scores are appended to `shown`, which costs
        the fused kernel."""
        key, value = self.key_value(states).chunk(2, dim=2)
        query, key, value = (
            part.unflatten(2, (self.heads, -1)).transpose(1, 2) for part in (self.query(asking), key, value)
        )
        dropped = self.dropout.p if self.training else 0.0
        if shown is None:
            found = F.scaled_dot_product_attention(query, key, value, own, dropped)
        else:
            scores = query @ key.transpose(2, 3) / math.sqrt(query.shape[-1])
            shown.append(scores)
            weights = torch.softmax(scores if own is None else scores.masked_fill(~own, -torch.inf), -1)
            found = F.dropout(weights.to(value.dtype), dropped) @ value
        mixed = self.mix_norm(asking + self.dropout(self.mix(found.transpose(1, 2).flatten(2))))
        result: Tensor = self.norm(mixed + self.dropout(self.down(self.activation(self.up(mixed)))))
        return result

    def onnx(self, graph: Any, states: str, own: str, asking: str) -> str:
        size = self.query.out_features // self.heads

        def split(values: str, perm: list[int]) -> str:
            parts: str = graph.Transpose(graph.Reshape(values, [0, 0, self.heads, size]), perm=perm)
            return parts

        key, value = graph.Split(graph.linear(states, self.key_value), outputs=2, axis=2, num_outputs=2)
        query, value = split(graph.linear(asking, self.query), [0, 2, 1, 3]), split(value, [0, 2, 1, 3])
        scores = graph.Mul(graph.MatMul(query, split(key, [0, 2, 3, 1])), 1 / math.sqrt(size))
        found = graph.Transpose(graph.MatMul(graph.softmax(scores, own), value), perm=[0, 2, 1, 3])
        found = graph.linear(graph.Reshape(found, [0, 0, self.heads * size]), self.mix)
        mixed = graph.norm(graph.Add(asking, found), self.mix_norm)
        inner = ONNX[self.activation](graph, graph.linear(mixed, self.up))
        result: str = graph.norm(graph.Add(mixed, graph.linear(inner, self.down)), self.norm)
        return result


def _linear(weights: dict[str, Tensor], name: str) -> nn.Linear:
    outputs, inputs = weights[f"{name}.weight"].shape
    return nn.Linear(inputs, outputs)


def _table(weights: dict[str, Tensor], name: str) -> nn.Embedding:
    return nn.Embedding(*weights[f"{name}.weight"].shape)
