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

SHAPE = (  # what weights don't show, of all that student.json holds
    "head_size", "eps", "activation", "squash", "teacher_layers", "encoder", "rotary", "windows", "pooling",
)  # fmt: skip


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

    The logits come of the first token, as in nearly all teachers it is cut from. Then the last layer is computed for
    that token alone: the other states of that layer nobody reads.
    """

    def __init__(self, weights: dict[str, Tensor], shape: dict[str, Any], dropout: float = 0.0):
        super().__init__()
        entries, width = weights["pieces.weight"].shape
        self.sizes = {"entries": entries, "width": width, **shape}
        depth = len({name.split(".")[1] for name in weights if name.startswith("layers.")})
        self.pieces = _table(weights, "pieces")
        self.places = _table(weights, "places") if "places.weight" in weights else None
        self.types = _table(weights, "types") if "types.weight" in weights else None
        self.widen = _linear(weights, "widen") if "widen.weight" in weights else None
        self.norm = _norm(weights, "norm", shape["eps"])
        self.project = _linear(weights, "project") if "project.weight" in weights else None
        self.layers = nn.ModuleList(Layer(weights, i, shape, dropout) for i in range(depth))
        self.last_norm, self.head_norm = (_norm(weights, name, shape["eps"]) for name in ("last_norm", "head_norm"))
        self.pooler, self.head = _linear(weights, "pooler"), _linear(weights, "head")
        self.reads_all = shape.get("pooling") == "mean"
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

        check(model, config.layers, bool(config.heads or config.feed_forward))

    @classmethod
    def load(cls, weights: dict[str, Tensor], settings: dict[str, Any]) -> "Student":
        """The student whose `weights` and settings were saved."""
        shape = {name: settings[name] for name in SHAPE if name in settings}
        return cls(weights, shape, settings["dropout"])

    def forward(self, sides: list[tuple[Tensor, Tensor]]) -> Tensor:
        """Logits (batch, labels) of one side: ids (batch, length), and lengths (batch,) on the CPU."""
        return self.classify([self.encode(*side) for side in sides])

    def classify(self, vectors: list[Tensor]) -> Tensor:
        """Logits (batch, labels) of the one vector (batch, hidden) of a text."""
        found = self.squash(self.pooler(vectors[0]))
        if self.head_norm is not None:
            found = self.head_norm(found)
        logits: Tensor = self.head(self.dropout(found))
        return logits

    @torch.no_grad()
    def shift(self, offsets: Tensor) -> None:
        """Add an offset (labels,) to the logits, for good."""
        output: Any = self.head
        output.bias += offsets.to(output.bias)

    def encode(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """The first token's last state (batch, hidden), or the mean of all tokens' where the teacher reads that."""
        states, own = self._embed(ids, lengths)
        for number, layer in enumerate(self.layers, 1):
            alone = number == len(self.layers) and not self.reads_all
            states = layer(states, own, states[:, :1] if alone else states)
        return self._pool(self._finish(states), lengths)

    def onnx(self, graph: Any, sides: list[tuple[str, str]]) -> str:
        """Logits of one side, as `forward` computes them, written into an ONNX `graph`."""
        ((ids, lengths),) = sides
        entries = torch.tensor(self.pieces.num_embeddings, dtype=torch.int32)
        states = graph.Gather(self.pieces.weight, graph.Mod(ids, entries))
        if self.widen is not None:
            states = graph.linear(states, self.widen)
        if self.places is not None:
            states = graph.Add(states, graph.Gather(self.places.weight, graph.places(ids)))
        if self.types is not None:
            states = graph.Add(states, graph.Gather(self.types.weight, graph.Div(ids, entries)))
        if self.norm is not None:
            states = graph.norm(states, self.norm)
        if self.project is not None:
            states = graph.linear(states, self.project)
        own = graph.inside(ids, lengths)
        for number, layer in enumerate(self.layers, 1):
            alone = number == len(self.layers) and not self.reads_all
            states = layer.onnx(graph, states, own, alone)  # type: ignore[operator]
        if self.last_norm is not None:
            states = graph.norm(states, self.last_norm)
        vector = graph.mean(states, lengths) if self.reads_all else graph.Squeeze(_first(graph, states), [1])
        pooled = ONNX[self.squash](graph, graph.linear(vector, self.pooler))
        if self.head_norm is not None:
            pooled = graph.norm(pooled, self.head_norm)
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
        every[-1] = self._finish(states)
        return self.classify([self._pool(every[-1], sides[0][1])]), every, scores

    def states(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Every token's last state (batch, length, hidden)."""
        states, own = self._embed(ids, lengths)
        for layer in self.layers:
            states = layer(states, own, states)
        return self._finish(states)

    def table(self) -> Tensor:
        """The pieces' vectors (entries, width) as the first layer's input is made of them."""
        table: Tensor = self.pieces.weight if self.widen is None else self.widen(self.pieces.weight)
        return table

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
        if self.places is not None:
            states = states + self.places(place)
        if self.types is not None:
            states = states + self.types(kinds)
        if self.norm is not None:
            states = self.norm(states)
        if self.project is not None:
            states = self.project(states)
        return self.dropout(states), own

    def _finish(self, states: Tensor) -> Tensor:
        """The last layer's states, normed where its own norms stand before what they norm."""
        finished: Tensor = states if self.last_norm is None else self.last_norm(states)
        return finished

    def _pool(self, states: Tensor, lengths: Tensor) -> Tensor:
        if not self.reads_all:
            return states[:, 0]
        counts = lengths.to(states.device)[:, None]
        own = torch.arange(states.shape[1], device=states.device)[None] < counts
        return (states * own[:, :, None]).sum(1) / counts


class Layer(nn.Module):
    """One layer of BERT (Devlin et al. 2019): attention, then a wider linear layer and back, each with its norm behind
    it. Its weights and the student's shape may say otherwise, as ModernBERT does (Warner et al. 2024): norms before
    attention and linear layers, half of the wider layer as gates of the other half, places by rotation of queries and
    keys (Su et al. 2021), tokens that look no further than a window."""

    def __init__(self, weights: dict[str, Tensor], number: int, shape: dict[str, Any], dropout: float):
        super().__init__()
        name = f"layers.{number}."
        self.query, self.key_value = _linear(weights, f"{name}query"), _linear(weights, f"{name}key_value")
        self.mix, self.mix_norm = _linear(weights, f"{name}mix"), _norm(weights, f"{name}mix_norm", shape["eps"])
        self.up, self.down = _linear(weights, f"{name}up"), _linear(weights, f"{name}down")
        self.norm = _norm(weights, f"{name}norm", shape["eps"])
        self.norms_first = "last_norm.weight" in weights
        self.gated = self.up.out_features == 2 * self.down.in_features
        self.base = shape["rotary"][number] if "rotary" in shape else None
        self.window: int | None = shape["windows"][number] if "windows" in shape else None
        self.heads = self.query.out_features // shape["head_size"]
        self.activation = ACTIVATIONS[shape["activation"]]
        self.dropout = nn.Dropout(dropout)

    def forward(self, states: Tensor, own: Tensor | None, asking: Tensor, shown: list[Tensor] | None = None) -> Tensor:
        """States (batch, asking, width) of the tokens in `asking`, the first ones or all, which look at all `states`
        (batch, length, width); `own` (batch, 1, 1, length) is false for padding. The attention's scores are appended to
        `shown`, which costs the fused kernel."""
        read = states if self.mix_norm is None or not self.norms_first else self.mix_norm(states)
        key, value = self.key_value(read).chunk(2, dim=2)
        query, key, value = (
            part.unflatten(2, (self.heads, -1)).transpose(1, 2)
            for part in (self.query(read[:, : asking.shape[1]]), key, value)
        )
        if self.base is not None:
            query, key = rotate(query, self.base), rotate(key, self.base)
        if self.window is not None and self.window < states.shape[1] - 1:
            own = look_near(own, asking.shape[1], states.shape[1], self.window, states.device)
        dropped = self.dropout.p if self.training else 0.0
        if shown is None:
            found = F.scaled_dot_product_attention(query, key, value, own, dropped)
        else:
            scores = query @ key.transpose(2, 3) / math.sqrt(query.shape[-1])
            shown.append(scores)
            weights = torch.softmax(scores if own is None else scores.masked_fill(~own, -torch.inf), -1)
            found = F.dropout(weights.to(value.dtype), dropped) @ value
        mixed: Tensor = asking + self.dropout(self.mix(found.transpose(1, 2).flatten(2)))
        assert self.norm is not None
        if self.norms_first:
            result: Tensor = mixed + self.dropout(self._wider(self.norm(mixed)))
            return result
        assert self.mix_norm is not None
        mixed = self.mix_norm(mixed)
        result = self.norm(mixed + self.dropout(self._wider(mixed)))
        return result

    def onnx(self, graph: Any, states: str, own: str, alone: bool) -> str:
        """What `forward` computes for all tokens or for the first one `alone`, written into an ONNX `graph`; `own`
        (batch, length) is false for padding."""
        size = self.query.out_features // self.heads

        def split(values: str) -> str:
            values = graph.Transpose(graph.Reshape(values, [0, 0, self.heads, size]), perm=[0, 2, 1, 3])
            return values

        read = graph.norm(states, self.mix_norm) if self.norms_first and self.mix_norm is not None else states
        asking, asked = (_first(graph, states), _first(graph, read)) if alone else (states, read)
        key, value = map(split, graph.Split(graph.linear(read, self.key_value), outputs=2, axis=2, num_outputs=2))
        query = split(graph.linear(asked, self.query))
        if self.base is not None:
            query, key = (_rotate(graph, values, size, self.base) for values in (query, key))
        seen = graph.Unsqueeze(own, [1, 2])
        if self.window is not None:
            seen = _look_near(graph, own, graph.places(asking), graph.places(states), self.window)
        scores = graph.Mul(graph.MatMul(query, graph.Transpose(key, perm=[0, 1, 3, 2])), 1 / math.sqrt(size))
        found = graph.Transpose(graph.MatMul(graph.softmax(scores, seen), value), perm=[0, 2, 1, 3])
        found = graph.linear(graph.Reshape(found, [0, 0, self.heads * size]), self.mix)
        mixed: str = graph.Add(asking, found)
        if self.norms_first:
            mixed = graph.Add(mixed, self._onnx_wider(graph, graph.norm(mixed, self.norm)))
            return mixed
        mixed = graph.norm(mixed, self.mix_norm)
        mixed = graph.norm(graph.Add(mixed, self._onnx_wider(graph, mixed)), self.norm)
        return mixed

    def _onnx_wider(self, graph: Any, states: str) -> str:
        wide = graph.linear(states, self.up)
        if self.gated:
            inner, gates = graph.Split(wide, outputs=2, axis=2, num_outputs=2)
            wide = graph.Mul(ONNX[self.activation](graph, inner), gates)
        else:
            wide = ONNX[self.activation](graph, wide)
        narrow: str = graph.linear(wide, self.down)
        return narrow

    def _wider(self, states: Tensor) -> Tensor:
        wide = self.up(states)
        if self.gated:
            inner, gates = wide.chunk(2, dim=-1)
            narrow: Tensor = self.down(self.activation(inner) * gates)
        else:
            narrow = self.down(self.activation(wide))
        return narrow


def look_near(own: Tensor | None, asking: int, length: int, window: int, where: Any = None) -> Tensor:
    """Which of `length` tokens the first `asking` ones look at (batch or 1, 1, asking, length): those that are no
    padding by `own`, and no further away than the window."""
    place = torch.arange(length, device=where)
    near = ((place[:asking, None] - place[None]).abs() <= window)[None, None]
    if own is None:
        return near
    # padding looks at padding: what looks at nothing gives no numbers, which those that look at it would take over
    return near & (own | ~own.transpose(2, 3)[:, :, :asking])


def rotate(vectors: Tensor, base: float) -> Tensor:
    """Rotate queries or keys (batch, heads, length, units) by their places (Su et al. 2021, RoFormer, section 3.2): the
    i-th pair of units, i and i plus half of them, by place / base^(2i/units)."""
    length, units = vectors.shape[-2:]
    pairs = torch.arange(0, units, 2, device=vectors.device) / units
    angles = torch.arange(length, device=vectors.device)[:, None] * base**-pairs
    cosine, sine = (torch.cat([part, part], -1) for part in (angles.cos(), angles.sin()))
    exact = vectors.float()
    first, second = exact.chunk(2, dim=-1)
    return (exact * cosine + torch.cat([-second, first], -1) * sine).to(vectors.dtype)


def _first(graph: Any, states: str) -> str:
    """States (batch, 1, width) of the first token of each text."""
    first: str = graph.Slice(states, [0], [1], [1])
    return first


def _look_near(graph: Any, own: str, asking: str, looked_at: str, window: int) -> str:
    """What `look_near` computes, of the places (tokens,) that ask and that are looked at."""
    away = graph.Abs(graph.Sub(graph.Unsqueeze(asking, [1]), graph.Unsqueeze(looked_at, [0])))
    near = graph.LessOrEqual(away, torch.tensor(window, dtype=torch.int32))
    padding = graph.Unsqueeze(graph.Not(graph.Gather(own, asking, axis=1)), [1, 3])
    seen: str = graph.And(near, graph.Or(graph.Unsqueeze(own, [1, 2]), padding))
    return seen


def _rotate(graph: Any, vectors: str, units: int, base: float) -> str:
    """What `rotate` computes."""
    turns = base ** -(torch.arange(0, units, 2) / units)
    places = graph.places(graph.Squeeze(graph.Slice(vectors, [0], [1], [1]), [1]))
    angles = graph.Mul(graph.Unsqueeze(graph.floats(places), [1]), turns)
    cosine, sine = (graph.Concat(part, part, axis=1) for part in (graph.Cos(angles), graph.Sin(angles)))
    first, second = graph.Split(vectors, outputs=2, axis=3, num_outputs=2)
    turned = graph.Concat(graph.Neg(second), first, axis=3)
    rotated: str = graph.Add(graph.Mul(vectors, cosine), graph.Mul(turned, sine))
    return rotated


def _linear(weights: dict[str, Tensor], name: str) -> nn.Linear:
    outputs, inputs = weights[f"{name}.weight"].shape
    return nn.Linear(inputs, outputs, bias=f"{name}.bias" in weights)


def _norm(weights: dict[str, Tensor], name: str, eps: float) -> nn.LayerNorm | None:
    """The norm of that name, None where there is none."""
    if f"{name}.weight" not in weights:
        return None
    return nn.LayerNorm(len(weights[f"{name}.weight"]), eps, bias=f"{name}.bias" in weights)


def _table(weights: dict[str, Tensor], name: str) -> nn.Embedding:
    return nn.Embedding(*weights[f"{name}.weight"].shape)
