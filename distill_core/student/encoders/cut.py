"""The teacher, shortened: its table, some of its layers and its head. It starts with what they know (Sanh et al. 2019).

It reads as the teacher reads: with the special tokens, and both sentences of a pair as one text. The knob `layers` says
which layers it takes. Sanh et al. took every other one (DistilBERT, section 3).
"""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F

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


class Vocabulary:
    """The teacher's tokenizer, special tokens and all. `tokens` holds the piece of each row of the table, `aliases` are
    (piece, row) of pieces that are read as another; any other is read as the row `unknown`. A piece of a pair's second
    sentence is numbered higher by the rows, where the teacher tells the two sentences apart by `types`."""

    def __init__(
        self, tokenizer: Tokenizer, tokens: list[int], aliases: Sequence[tuple[int, int]], unknown: int, mask: str,
        longest: int, types: bool,
    ):  # fmt: skip
        self.tokenizer, self.tokens, self.unknown = tokenizer, tokens, unknown
        self.aliases = [(token, row) for token, row in aliases]
        self.mask, self.longest, self.types = mask, longest, types
        self._rows = dict(self.aliases) | {token: row for row, token in enumerate(tokens)}

    @classmethod
    def of(cls, source: Any, vocabulary: Any, config: Any) -> "Vocabulary":
        """The vocabulary of the teacher `source`: its special tokens, the pieces in `vocabulary`, which is that of the
        transfer set, and more of the teacher's where `config` leaves room."""
        from distill_core.student.cutting import choose_rows, has_sentence_types

        tokens, aliases, unknown = choose_rows(source, vocabulary, config.vocabulary_limit)
        types = has_sentence_types(source.model)
        tokenizer, mask = source.subword_tokenizer(), source.mask_token
        return cls(tokenizer, tokens, aliases, unknown, mask, source.max_tokens, types)

    def sides(self, rows: Sequence[Sequence[str]], max_tokens: int, cut: str = "head") -> list[list[list[int]]]:
        """The ids of the rows of one or two sentences, which are one text each. Of a longer one the beginning is read
        or, as `cut` says, of a single sentence also the end."""
        most, pair = min(max_tokens, self.longest), len(rows[0]) > 1
        self._cut_at(most if pair or cut == "head" else None)
        valid = [tuple(self._valid(side) for side in row) for row in rows]
        encoded = self.tokenizer.encode_batch_fast([row if pair else row[0] for row in valid])
        row, above = self._rows.get, len(self.tokens) if self.types else 0
        return [[
            _without_middle(
                [row(token, self.unknown) + above * kind for token, kind in zip(one.ids, one.type_ids, strict=True)],
                most,
            )
            for one in encoded
        ]]  # fmt: skip

    def save(self, folder: "str | Path") -> None:
        """Write tokenizer.json and vocabulary.json into `folder`, which exists."""
        self.tokenizer.save(str(Path(folder) / "tokenizer.json"))
        state = {name: getattr(self, name) for name in ("tokens", "aliases", "unknown", "mask", "longest", "types")}
        (Path(folder) / "vocabulary.json").write_text(json.dumps(state), encoding="utf-8")

    @classmethod
    def load(cls, folder: "str | Path") -> "Vocabulary":
        """The vocabulary that `save` wrote into `folder`."""
        state = json.loads((Path(folder) / "vocabulary.json").read_text(encoding="utf-8"))
        tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
        tokenizer.no_padding()  # a file from elsewhere could ask for any amount of it
        return cls(tokenizer, **state)

    def _valid(self, text: str) -> str:
        return text.encode("utf-8", "replace").decode("utf-8").replace("[MASK]", self.mask)

    def _cut_at(self, tokens: int | None) -> None:
        if (self.tokenizer.truncation or {}).get("max_length") == tokens:
            return  # a tokenizer is never set anew while another thread reads with it
        if tokens is None:
            self.tokenizer.no_truncation()
        else:
            self.tokenizer.enable_truncation(tokens, strategy="longest_first")


def _without_middle(ids: list[int], most: int) -> list[int]:
    """At most so many of the ids: the special token at each end, and between them a quarter from the beginning and the
    rest from the end, as the teacher reads a long text."""
    room = most - 2
    head = math.ceil(room / 4)
    return ids if len(ids) <= most else [*ids[: 1 + head], *ids[len(ids) - 1 - room + head :]]


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
        cls, source: Any, outputs: int, config: Any, vocabulary: Vocabulary, texts: Sequence[tuple[str, ...]] = ()
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
