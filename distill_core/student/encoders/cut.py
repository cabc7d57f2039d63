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

    def outputs(self, sides: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """Logits (batch, labels), the states (batch, length, hidden) before the first layer and after each, and each
        layer's attention scores (batch, heads, length, length) before the softmax: what a loss may compare."""
        states, own = self._embed(*sides[0])
        every, scores = [states], list[Tensor]()
        for layer in self.layers:
            states = layer(states, own, states, scores)
            every.append(states)
        return self.classify([states[:, 0]]), every, scores

    def states(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Every token's last state (batch, length, hidden)."""
        states, own = self._embed(ids, lengths)
        for layer in self.layers:
            states = layer(states, own, states)
        return states

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


def _linear(weights: dict[str, Tensor], name: str) -> nn.Linear:
    outputs, inputs = weights[f"{name}.weight"].shape
    return nn.Linear(inputs, outputs)


def _table(weights: dict[str, Tensor], name: str) -> nn.Embedding:
    return nn.Embedding(*weights[f"{name}.weight"].shape)
