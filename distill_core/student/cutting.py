"""A teacher's weights as those of a student cut from it: which layers, which rows of its table, which attention heads
and feed-forward units of a layer, and by which names.

Knows nothing of how such a student computes (`encoders/cut.py`), nor of teachers: transformers' modules will do.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from distill_core.config.layers import choose_layers
from distill_core.errors import KnobError
from distill_core.messages import message
from distill_core.student.projection import principal_axes
from distill_core.student.runtime import Vocabulary
from distill_core.student.source import EmbeddingSource

ACTIVATIONS = {  # transformers' names by those of `encoders/cut.py`
    "gelu": "gelu", "gelu_python": "gelu", "gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_fast": "gelu_tanh", "relu": "relu", "silu": "silu", "swish": "silu",
}  # fmt: skip


_BERT = (
    "attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense",
    "attention.output.LayerNorm", "intermediate.dense", "output.dense", "output.LayerNorm",
)  # fmt: skip


@dataclass(frozen=True)
class Family:
    """How a family of teachers names what a student takes: `layer` is the list of layers, `parts` what is in each
    ("name:1" the second of three that are one matrix), `pooler` and `head` the two layers of its head, with `squash`
    (None where the config names it) and `head_norm` between them. One with a `last_norm` behind its last layer has the
    norms of a layer before what they norm. `tables` are those of pieces, places, types and tasks, and their norm."""

    pooler: str
    head: str
    squash: str | None
    layer: str = "encoder.layer"
    parts: tuple[str, ...] = _BERT
    last_norm: str = ""
    head_norm: str = ""
    project: str = "embeddings_project"
    tables: tuple[str, ...] = (
        "word_embeddings", "position_embeddings", "token_type_embeddings", "task_type_embeddings", "LayerNorm",
    )  # fmt: skip

    def layer_name(self, number: int, settings: Any) -> str:
        """Name of a layer below the base model. ALBERT's groups of layers share their weights."""
        if "{}" not in self.layer:
            return f"{self.layer}.{number}"
        return self.layer.format(number * settings.num_hidden_groups // settings.num_hidden_layers)


_ROBERTA = Family("classifier.dense", "classifier.out_proj", "tanh")
FAMILIES = {
    "bert": Family("bert.pooler.dense", "classifier", "tanh"),
    "distilbert": Family(
        "pre_classifier", "classifier", "relu", "transformer.layer",
        ("attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin", "sa_layer_norm", "ffn.lin1",
         "ffn.lin2", "output_layer_norm"),
    ),
    "roberta": _ROBERTA, "xlm-roberta": _ROBERTA, "camembert": _ROBERTA, "data2vec-text": _ROBERTA,
    "electra": Family("classifier.dense", "classifier.out_proj", "gelu"),
    "ernie": Family("ernie.pooler.dense", "classifier", "tanh"),
    "rembert": Family(
        "rembert.pooler.dense", "classifier", "tanh", project="encoder.embedding_hidden_mapping_in"
    ),
    "albert": Family(
        "albert.pooler", "classifier", "tanh", "encoder.albert_layer_groups.{}.albert_layers.0",
        ("attention.query", "attention.key", "attention.value", "attention.dense", "attention.LayerNorm", "ffn",
         "ffn_output", "full_layer_layer_norm"),
        project="encoder.embedding_hidden_mapping_in",
    ),
    "megatron-bert": Family(
        "bert.pooler.dense", "classifier", "tanh", parts=(*_BERT[:4], "attention.ln", *_BERT[5:7], "ln"),
        last_norm="encoder.ln",
    ),
    "roberta-prelayernorm": Family(
        "classifier.dense", "classifier.out_proj", "tanh",
        parts=(*_BERT[:4], "attention.LayerNorm", *_BERT[5:7], "intermediate.LayerNorm"), last_norm="LayerNorm",
    ),
    "xlm-roberta-xl": Family(
        "classifier.dense", "classifier.out_proj", "tanh",
        parts=(*_BERT[:4], "attention.self_attn_layer_norm", *_BERT[5:7], "LayerNorm"), last_norm="encoder.LayerNorm",
    ),
    "modernbert": Family(
        "head.dense", "classifier", None, "layers",
        ("attn.Wqkv:0", "attn.Wqkv:1", "attn.Wqkv:2", "attn.Wo", "attn_norm", "mlp.Wi", "mlp.Wo", "mlp_norm"),
        last_norm="final_norm", head_norm="head.norm",
        tables=("tok_embeddings", "", "", "", "norm"),
    ),
}  # fmt: skip
# Families whose places are numbered from behind the padding's id.
OFFSET = ("roberta", "xlm-roberta", "camembert", "data2vec-text", "roberta-prelayernorm", "xlm-roberta-xl")
BATCH = 16  # texts on which heads and units are weighed at once
PARTS = ("query", "key", "value", "mix", "mix_norm", "up", "down", "norm")  # in the order of Family.parts


def check(model: Any, layers: str, narrower: bool = False) -> None:
    """Raise KnobError where no student can be cut from the teacher's `model`, none with these `layers`, or none whose
    layers are `narrower`."""
    settings = model.config
    if settings.model_type not in FAMILIES or not hasattr(model, "classifier") or not _is_readable(settings):
        raise KnobError(message(
            "No student can be cut from a teacher of the family {family}, only from one of these: {families}. Choose "
            "such a teacher, or another student ({knob:knob}).", family=settings.model_type,
            families=", ".join(FAMILIES), knob="student=bilstm_max"), "student")  # fmt: skip
    choose_layers(layers, settings.num_hidden_layers)
    if narrower and settings.model_type == "albert":
        raise KnobError(message(
            "The layers of a teacher of the family {family} share their weights, so none of them has parts of its own "
            "to leave out. Leave out {heads:knob} and {units:knob}, or choose another teacher.",
            family=settings.model_type, heads="heads", units="feed_forward"), "heads")  # fmt: skip


def choose_rows(
    source: EmbeddingSource, vocabulary: Vocabulary | None = None, limit: int | None = None
) -> tuple[list[int], list[tuple[int, int]], int]:
    """The piece of each row of the student's table, (piece, row) of those that are read as another, and the row of the
    rest. The special tokens and the pieces in `vocabulary` come first; then the teacher's others in the order of its
    table, which tokenizers fill with the frequent ones first, up to `limit` rows: the teacher knows them, though no
    text of the transfer set holds them. A vocabulary of whole words says nothing of pieces: then all have a row."""
    pieces, special = len(source.input_embeddings()), source.tokenizer.all_special_ids
    unknown = source.tokenizer.unk_token_id or 0
    if vocabulary is None or vocabulary.kind != "pieces":
        return list(range(pieces)), [], unknown
    theirs = vocabulary.teacher_ids
    chosen = {token for token in (*theirs, *special, unknown) if 0 <= token < pieces}
    others = (token for token in range(pieces) if token not in chosen)
    room = pieces if limit is None else max(0, limit - len(chosen))
    tokens = sorted(chosen | set(islice(others, room)))
    row_of = {token: row for row, token in enumerate(tokens)}
    read_as = [(token, row_of[theirs[row]]) for token, row in vocabulary.aliases if token not in row_of]
    return tokens, read_as, row_of[unknown]


def has_sentence_types(model: Any) -> bool:
    """Whether the teacher marks the two sentences of a pair by a table of types, not by separators alone."""
    return (getattr(model.config, "type_vocab_size", 0) or 0) > 1


def weigh_parts(
    source: EmbeddingSource, layers: Sequence[int], texts: Sequence[tuple[str, ...]]
) -> list[tuple[Tensor, Tensor]]:
    """Importance of each attention head (heads,) and each feed-forward unit (units,) of these layers of the source: how
    much its logits on the texts would change if the part's output were a little larger, in the mean of the texts.

    The gates on heads are those of Michel et al. 2019 (Are Sixteen Heads Really Better than One?, section 4.1), those
    on units of McCarley et al. 2019 (Structured Pruning of a BERT-based Question Answering Model). They differentiate
    the loss; we the length of the centred logits, which moves also where the teacher is sure of its answer.
    """
    model, settings = source.model, source.model.config
    family, where = FAMILIES[settings.model_type], next(model.parameters()).device
    mix, down = (family.parts[PARTS.index(part)] for part in ("mix", "down"))
    groups = {  # whose outputs each linear layer reads side by side; None: single units
        f"{model.base_model_prefix}.{family.layer_name(layer, settings)}.{part}": count
        for layer in layers
        for part, count in ((mix, settings.num_attention_heads), (down, None))
    }
    gates: dict[str, Tensor] = {}

    def gate(name: str, count: int | None, _: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        batch, length, width = inputs[0].shape
        gates[name] = torch.ones(batch, 1, count or width, 1, device=where, requires_grad=True)
        gated = inputs[0].view(batch, length, count or width, -1) * gates[name]
        return (gated.view(batch, length, width), *inputs[1:])

    totals: list[Tensor | float] = [0.0] * len(groups)
    with ExitStack() as hooks, torch.enable_grad():
        for name, count in groups.items():
            hook = model.get_submodule(name).register_forward_pre_hook(partial(gate, name, count))
            hooks.callback(hook.remove)
        for start in range(0, len(texts), BATCH):
            logits = model(**source.pad(source.encode(texts[start : start + BATCH]), where)).logits.float()
            if logits.shape[1] > 1:
                logits = logits - logits.mean(1, keepdim=True)
            slopes = torch.autograd.grad(logits.norm(dim=1).sum(), [gates[name] for name in groups])
            totals = [before + slope.abs().sum((0, 1, 3)).cpu() for before, slope in zip(totals, slopes, strict=True)]
    means = [torch.as_tensor(total) / len(texts) for total in totals]
    return list(zip(means[::2], means[1::2], strict=True))


@torch.no_grad()
def cut(
    source: EmbeddingSource, tokens: list[int], layers: str, table_width: int | None, heads: int | None = None,
    units: int | None = None, texts: Sequence[tuple[str, ...]] = (),
) -> tuple[dict[str, Tensor], dict[str, Any]]:  # fmt: skip
    """Weights of the student by `encoders/cut.py`'s names, and what they do not show of its shape. `tokens` are
    the pieces in its table, which has `table_width` numbers a row, or the teacher's where that is None. Of each layer
    the `heads` and feed-forward `units` are taken that weigh most on the `texts`, or the first ones without texts; all
    of them where None. Raises KnobError."""
    model = source.model
    check(model, layers, bool(heads or units))
    settings, family = model.config, FAMILIES[model.config.model_type]
    state = {name: value.detach().float().cpu() for name, value in model.state_dict().items()}
    base, chosen = model.base_model_prefix, choose_layers(layers, settings.num_hidden_layers)

    def take(name: str) -> dict[str, Tensor]:
        name, _, third = name.partition(":")
        found = {part: state[f"{name}.{part}"].clone() for part in ("weight", "bias") if f"{name}.{part}" in state}
        return {part: value.chunk(3)[int(third)] for part, value in found.items()} if third else found

    weights = _tables(state, f"{base}.embeddings.", family, settings, source.max_tokens, has_sentence_types(model))
    weights["pieces.weight"] = weights["pieces.weight"][tokens].clone()
    if table_width is not None and table_width < weights["pieces.weight"].shape[1]:
        weights |= _narrow(weights["pieces.weight"], table_width)
    for name, theirs in (
        ("project", f"{base}.{family.project}"), ("last_norm", f"{base}.{family.last_norm}"),
        ("head_norm", family.head_norm),
    ):  # fmt: skip
        weights |= _named(name, take(theirs))
    size = settings.hidden_size // settings.num_attention_heads
    narrower = (heads or settings.num_attention_heads) < settings.num_attention_heads or units is not None
    weighed = weigh_parts(source, chosen, texts) if narrower and texts else None
    for place, number in enumerate(chosen):
        parts = {
            part: take(f"{base}.{family.layer_name(number, settings)}.{theirs}")
            for part, theirs in zip(PARTS, family.parts, strict=True)
        }
        if narrower:
            _choose_parts(parts, size, heads, units, weighed[place] if weighed else None)
        key, value = parts.pop("key"), parts.pop("value")
        parts["key_value"] = {part: torch.cat([key[part], value[part]]) for part in key}
        for part, values in parts.items():
            weights |= _named(f"layers.{place}.{part}", values)
    head = {part: value[source.order] for part, value in take(family.head).items()}
    weights |= _named("pooler", take(family.pooler)) | _named("head", head)
    return weights, {
        "head_size": size,
        "eps": norm_eps(settings),
        "activation": ACTIVATIONS[_activation(settings)],
        "squash": family.squash or ACTIVATIONS[settings.classifier_activation],
        "teacher_layers": [chosen, settings.num_hidden_layers], **_places_shape(settings, chosen),
    }  # fmt: skip


def norm_eps(settings: Any) -> float:
    """What a teacher of these settings adds to a variance before it divides by it; DistilBERT's don't say it."""
    own = getattr(settings, "layer_norm_eps", None) or getattr(settings, "norm_eps", None)
    return float(own or 1e-12)


def _is_readable(settings: Any) -> bool:
    """Whether a student computes as a teacher of these settings does."""
    if settings.model_type == "modernbert":
        kinds = {parameters.get("rope_type", "default") for parameters in settings.rope_parameters.values()}
        if kinds != {"default"} or settings.classifier_activation not in ACTIVATIONS:
            return False
    return _activation(settings) in ACTIVATIONS and getattr(settings, "inner_group_num", 1) == 1


def _places_shape(settings: Any, chosen: Sequence[int]) -> dict[str, object]:
    """Shape of a student whose places are rotations: each layer's base, how far its tokens look to either side, and
    whether the logits come of the mean of all tokens; {} of one with a table of places."""
    if settings.model_type != "modernbert":
        return {}
    kinds = [settings.layer_types[number] for number in chosen]
    return {
        "rotary": [settings.rope_parameters[kind]["rope_theta"] for kind in kinds],
        "windows": [settings.sliding_window if kind == "sliding_attention" else None for kind in kinds],
        "pooling": settings.classifier_pooling,
    }


def _choose_parts(
    parts: dict[str, dict[str, Tensor]], size: int, heads: int | None, units: int | None,
    weighed: tuple[Tensor, Tensor] | None,
) -> None:  # fmt: skip
    """Leave in a layer's `parts` the heads, of `size` numbers each, and the units that are `weighed` most, with their
    gates where they have some."""
    all_heads, all_units = len(parts["query"]["weight"]) // size, parts["down"]["weight"].shape[1]
    heads_, units_ = weighed or (-torch.arange(all_heads), -torch.arange(all_units))

    def best(values: Tensor, most: int | None) -> Tensor:
        return values.argsort(descending=True, stable=True)[:most].sort().values

    rows, chosen = (best(heads_, heads)[:, None] * size + torch.arange(size)).flatten(), best(units_, units)
    gated = len(parts["up"]["weight"]) == 2 * all_units
    inner = torch.cat([chosen, chosen + all_units]) if gated else chosen
    for group, part in ((rows, "query"), (rows, "key"), (rows, "value"), (inner, "up")):
        parts[part] = {name: values[group] for name, values in parts[part].items()}
    for group, part in ((rows, "mix"), (chosen, "down")):
        parts[part]["weight"] = parts[part]["weight"][:, group]


def _activation(settings: Any) -> str:
    names = ("hidden_act", "hidden_activation", "activation")
    found = next((value for name in names if (value := getattr(settings, name, None))), "")
    return found if isinstance(found, str) else ""


def _tables(
    state: dict[str, Tensor], name: str, family: Family, settings: Any, longest: int, types: bool
) -> dict[str, Tensor]:
    """The tables of pieces, of places and, where there are several, of types, and their norm, as far as there are
    any."""
    words, positions, kinds_name, tasks, norm = (f"{name}{table}" for table in family.tables)
    tables = {"pieces.weight": state[f"{words}.weight"]}
    places = state.get(f"{positions}.weight")
    if places is not None:
        first = (settings.pad_token_id or 0) + 1 if settings.model_type in OFFSET else 0
        tables["places.weight"] = places = places[first : first + longest].clone()
        kinds, task = state.get(f"{kinds_name}.weight"), state.get(f"{tasks}.weight")
        if types and kinds is not None:
            tables["types.weight"] = kinds.clone()
        elif kinds is not None:
            places += kinds[0]  # every token has it
        if task is not None:
            places += task[0]
    parts = {part: state[f"{norm}.{part}"].clone() for part in ("weight", "bias") if f"{norm}.{part}" in state}
    return tables | _named("norm", parts)


def _narrow(table: Tensor, width: int) -> dict[str, Tensor]:
    """The table in `width` numbers a row, and the layer that makes the teacher's of them: the nearest such product."""
    mean = table.mean(0)
    centred = (table - mean).double()
    axes = principal_axes(centred, width)
    return {
        "pieces.weight": (centred @ axes).float(), "widen.weight": axes.float().contiguous(),
        "widen.bias": mean.clone(),
    }  # fmt: skip


def _named(name: str, values: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{name}.{part}": value for part, value in values.items()}
