"""Safe loading of a model of unknown origin: checks of its config and weights, then the model itself.

A model is a folder with config.json, weights and a tokenizer. Its config is rebuilt from keys that are known here, its
weights' shapes are read from their header and compared, and only then is memory allocated. No code of the folder runs.
Knows nothing of labels' meaning, of texts or of the Hub.
"""

import dataclasses
import difflib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from distill_core.errors import TeacherError
from distill_core.json_types import JsonObject
from distill_core.messages import message, unreadable_reason
from distill_core.teacher.weights import Weights

# Encoders that read a whole text at once. Others (GPT, T5, …) classify too, but need other inputs; and ConvBERT's
# answer to a text changes with the padding beside it.
FAMILIES = (
    "albert", "bert", "camembert", "data2vec-text", "deberta", "deberta-v2", "distilbert", "electra",
    "ernie", "flaubert", "megatron-bert", "mobilebert", "modernbert", "mpnet", "rembert", "roberta",
    "roberta-prelayernorm", "squeezebert", "xlm", "xlm-roberta", "xlm-roberta-xl",
)  # fmt: skip
HEAD = re.compile(r"(^|\.)(classifier|pre_classifier|sequence_summary|score|pooler|head)(\.|$)")
LAYER = re.compile(r"(?:^|\.)(?:layer|layers|attentions)\.(\d+)\.")
WORDS = re.compile(r"(^|\.)(word_embeddings|tok_embeddings|embeddings)\.weight$")
# Read by models through getattr, hence not among their config's declared fields.
UNDECLARED = (
    "attention_head_size", "cls_dropout", "conv_act", "conv_groups", "conv_kernel_size", "embedding_size",
    "norm_rel_ebd", "pooler_hidden_size", "position_buckets", "share_att_key", "talking_head",
)  # fmt: skip
IGNORED_KEYS = (
    "add_cross_attention", "architectures", "chunk_size_feed_forward", "dtype", "id2label", "is_decoder",
    "is_encoder_decoder", "label2id", "output_hidden_states", "return_dict", "transformers_version", "use_cache",
)  # fmt: skip
BOUNDS = {
    "vocab_size": (1, 2_000_000), "hidden_size": (1, 16_384), "num_hidden_layers": (1, 200),
    "num_attention_heads": (1, 512), "intermediate_size": (1, 131_072), "max_position_embeddings": (4, 131_072),
    "type_vocab_size": (0, 64), "embedding_size": (1, 16_384),
}  # fmt: skip
LARGEST_NUMBER = 10_000_000
JSON_LIMIT = 1_000_000  # bytes of a config.json


def read_config(folder: Path, name: str, labels: Sequence[str] | None = None) -> Any:
    """Config of transformers from the folder's config.json, with known keys alone and values within bounds.

    `labels` replace its own (for fine-tuning). Raises TeacherError."""
    from transformers import CONFIG_MAPPING

    document = read_json(folder / "config.json", name)
    family = _family(document, name)
    kind = CONFIG_MAPPING[family]
    known = {field.name for field in dataclasses.fields(kind)} | set(kind.attribute_map) | set(UNDECLARED)
    clean = {
        key: value for key, value in document.items() if key in known and key not in IGNORED_KEYS and _plain(value)
    }
    own = _labels(document, name) if labels is None else list(labels)
    clean["id2label"] = dict(enumerate(own))
    clean["label2id"] = {label: i for i, label in enumerate(own)}
    if labels is not None:
        clean.pop("problem_type", None)  # the old head's; the new one picks one label of several
    try:
        config = kind(**clean)
    except Exception as error:  # strict dataclasses name the field and the type wanted
        reason = " ".join(str(error).split())[:200]
        raise TeacherError(message("config.json of {name} can't be used ({why}).", name=name, why=reason)) from error
    for key, (low, high) in BOUNDS.items():
        value = getattr(config, key, None)
        if value is not None and not (isinstance(value, int) and low <= value <= high):
            raise TeacherError(message(
                "config.json of {name} says {key} = {value}; it must lie between {low:,} and {high:,}.", name=name,
                key=key, value=repr(value), low=low, high=high))  # fmt: skip
    for key, value in clean.items():
        if isinstance(value, (int, float)) and abs(value) > LARGEST_NUMBER:
            raise TeacherError(message(
                "config.json of {name} says {key} = {value}, which no model needs.", name=name, key=key,
                value=repr(value)))  # fmt: skip
    if config.hidden_size % config.num_attention_heads:
        raise TeacherError(message(
            "config.json of {name} has {units:,} hidden units, which {heads:,} attention heads can't share.", name=name,
            units=config.hidden_size, heads=config.num_attention_heads))  # fmt: skip
    return config


def check_shapes(config: Any, weights: Weights, name: str) -> None:
    """Refuse a config that contradicts its weights, before any memory is allocated. Raises TeacherError."""
    tables = [shape for key, shape in weights.shapes.items() if WORDS.search(key) and len(shape) == 2]
    if not tables:
        raise TeacherError(message(
            "The weights of {name} hold no table of word pieces, so it is not an encoder of text.",
            name=name))  # fmt: skip
    rows, width = max(tables)
    if rows != config.vocab_size:
        raise _mismatch(name, "vocab_size", config.vocab_size, rows)
    sizes = ("embedding_size", "input_embedding_size", "hidden_size")
    if width not in [getattr(config, size, None) for size in sizes]:
        raise _mismatch(name, "hidden_size", config.hidden_size, width)
    numbers = [int(match.group(1)) for key in weights.shapes if (match := LAYER.search(key))]
    if numbers and config.model_type != "albert" and max(numbers) + 1 != config.num_hidden_layers:
        raise _mismatch(name, "num_hidden_layers", config.num_hidden_layers, max(numbers) + 1)
    hidden, inner = config.hidden_size, getattr(config, "intermediate_size", None) or 4 * config.hidden_size
    layers = 1 if config.model_type == "albert" else config.num_hidden_layers
    positions = (getattr(config, "max_position_embeddings", None) or 0) * hidden
    promised = layers * (hidden * hidden + hidden * inner) + rows * width + positions
    stored = sum(_product(shape) for shape in weights.shapes.values())
    if promised > 4 * stored + 10_000_000:
        raise TeacherError(message(
            "config.json of {name} describes about {promised:,} weights, but its files hold {held:,}. The files "
            "don't belong together.", name=name, promised=promised, held=stored))  # fmt: skip


def _mismatch(name: str, key: str, stated: int, actual: int) -> TeacherError:
    return TeacherError(message(
        "config.json of {name} says {key} = {said}, but its weights hold {found}. The files don't belong together.",
        name=name, key=key, said=stated, found=actual))  # fmt: skip


def build_model(folder: Path, config: Any, weights: Weights, name: str, new_head: bool) -> Any:
    """Model with a classification head, in float32, in eval mode.

    `new_head` allows the head to be missing or of another size, for fine-tuning. Raises TeacherError: an untrained
    head, weights missing elsewhere, or numbers that are not finite."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING

    silence_transformers()
    options = {
        "config": config, "output_loading_info": True, "ignore_mismatched_sizes": new_head, "local_files_only": True,
        # Stated here, for a model in a half-precision file would otherwise compute in half precision.
        "dtype": torch.float32, "trust_remote_code": False,
    }  # fmt: skip
    try:
        architecture: Any = MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING[type(config)]
        if weights.state is None:
            model, info = architecture.from_pretrained(str(folder), use_safetensors=True, **options)
        else:
            model, info = architecture.from_pretrained(None, state_dict=weights.state, **options)
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # whatever transformers makes of a broken file
        reason = " ".join(str(error).split())[:200]
        raise TeacherError(message("{name} can't be loaded ({why}).", name=name, why=reason)) from error
    absent = sorted({*info["missing_keys"], *(key for key, *_ in info["mismatched_keys"])})
    body = [key for key in absent if not HEAD.search(key)]
    if body:
        raise TeacherError(message(
            "Of the weights that config.json of {name} calls for, {n:,} are not in its files, {one} among them. The "
            "files don't belong together.", name=name, n=len(body), one=body[0]))  # fmt: skip
    if absent and not new_head:
        raise TeacherError(message(
            "{name} was never trained to classify: its head ({one}) is not in the file. Fine-tune it on your labels "
            "({knob:knob}), or choose a model that is.", name=name, one=absent[0], knob="fine_tune"))  # fmt: skip
    for key, value in model.named_parameters():
        if not torch.isfinite(value).all():
            raise TeacherError(message(
                "The weights of {name} hold numbers that are not finite, in {key}. Choose another.", name=name,
                key=key))  # fmt: skip
    return model.eval()


def silence_transformers() -> None:
    """Keep transformers' own log and bars off the terminal: Notes report what matters of them."""
    from transformers.utils import logging

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # transformers has no types for it
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # nor for this one


def read_json(file: Path, name: str) -> JsonObject:
    """JSON object in `file`, which belongs to the model `name`. Raises TeacherError."""
    if not file.is_file():
        raise TeacherError(message(
            "{name} has no {file}, so it is not a model for this app.", name=name, file=file.name))  # fmt: skip
    try:
        if file.stat().st_size > JSON_LIMIT:
            raise ValueError(message("it is too large"))
        value = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(value, dict):
            raise ValueError(message("it holds no object"))
    except (ValueError, OSError, RecursionError) as error:
        raise TeacherError(message("{file} of {name} can't be read: {why}.", file=file.name, name=name,
                                  why=unreadable_reason(error))) from error  # fmt: skip
    return value


def _family(document: JsonObject, name: str) -> str:
    family = document.get("model_type")
    if family is None:
        # Older files (SpanBERT, BioBERT) name none. Theirs is BERT, recognised by its keys or its architecture.
        classes = [str(one).lower() for one in document.get("architectures") or [] if isinstance(one, str)]
        bert = {"hidden_size", "num_hidden_layers", "type_vocab_size", "vocab_size"} <= document.keys()
        family = "bert" if bert and (not classes or any(one.startswith("bert") for one in classes)) else ""
    if isinstance(family, str) and family in FAMILIES:
        return family
    near = difflib.get_close_matches(str(family), FAMILIES, n=1)
    hint = message(" Did you mean {name}?", name=repr(near[0])) if near else ""
    raise TeacherError(message(
        "{name} is a model of type {family}, which can't be a teacher here.{hint} The types that can: {families}.",
        name=name, family=repr(str(family)[:64]), hint=hint, families=", ".join(FAMILIES)))  # fmt: skip


def _plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return len(value) <= 256 and all(isinstance(one, (int, float, str)) for one in value)
    if isinstance(value, dict):
        return len(value) <= 16 and all(isinstance(one, (int, float, str, dict)) for one in value.values())
    return value is None or isinstance(value, (bool, int, float, str))


def _labels(document: JsonObject, name: str) -> list[str]:
    """Labels of the head in the order of its outputs; LABEL_0, … where the file names none."""
    names: Any = document.get("id2label")  # of unknown origin: any JSON
    if names is None:
        count = document.get("num_labels", 2)
        names = {i: f"LABEL_{i}" for i in range(count)} if isinstance(count, int) and 0 < count <= 1000 else None
    try:
        ordered = [names[key] for key in sorted(names, key=int)]
        if [int(key) for key in sorted(names, key=int)] != list(range(len(names))) or not 0 < len(names) <= 1000:
            raise ValueError
    except (TypeError, ValueError, LookupError, AttributeError):
        raise TeacherError(message("config.json of {name} has labels (id2label) that are not numbered 0, 1, 2, …",
                                  name=name)) from None  # fmt: skip
    cleaned = ["".join(letter for letter in str(one) if letter.isprintable())[:64] for one in ordered]
    return cleaned if len(set(cleaned)) == len(cleaned) else [f"LABEL_{i}" for i in range(len(cleaned))]


def _product(shape: Sequence[int]) -> int:
    total = 1
    for size in shape:
        total *= size
    return total
