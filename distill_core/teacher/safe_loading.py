"""Safe loading of a model of unknown origin: checks of its config and weights, then the model itself.

A model is a folder with config.json, weights and a tokenizer. Its config is rebuilt from keys that are known here, its
weights' shapes are read from their header and compared, and only then is memory allocated. No code of the folder runs.
Knows nothing of labels' meaning, of texts or of the Hub.
"""

import dataclasses
import difflib
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from distill_core.environment import memory_limit
from distill_core.errors import TeacherError
from distill_core.faults import disk_code, is_out_of_memory
from distill_core.json_types import JsonObject
from distill_core.messages import Message, message, unreadable_reason
from distill_core.teacher.label_mapping import GENERIC
from distill_core.teacher.weights import Weights
from distill_core.training.plan import FLOAT

# Encoders that read a whole text at once. Others (GPT, T5, …) classify too, but need other inputs; and ConvBERT's
# answer to a text changes with the padding beside it.
FAMILIES = (
    "albert", "bert", "camembert", "data2vec-text", "deberta", "deberta-v2", "distilbert", "electra",
    "ernie", "flaubert", "megatron-bert", "mobilebert", "modernbert", "mpnet", "rembert", "roberta",
    "roberta-prelayernorm", "squeezebert", "xlm", "xlm-roberta", "xlm-roberta-xl",
)  # fmt: skip
# Models that write texts: decoders that keep their whole past, so that one prompt can be repeated for a batch.
LANGUAGE_MODELS = (
    "gemma", "gpt2", "gpt_neox", "granite", "llama", "mistral", "olmo", "olmo2", "opt", "phi", "phi3", "qwen2", "qwen3",
    "smollm3", "stablelm",
)  # fmt: skip
HEAD = re.compile(r"(^|\.)(classifier|pre_classifier|sequence_summary|score|pooler|head)(\.|$)")
BUFFERS = re.compile(
    r"(^|\.)(position_ids|token_type_ids|inv_freq|position_embeddings\.weight)$"
)  # computed, not learned
LAYER = re.compile(r"(?:^|\.)(?:layer|layers|attentions)\.(\d+)\.")
WORDS = re.compile(r"(^|\.)(word_embeddings|tok_embeddings|embeddings|embed_tokens|embed_in|wte)\.weight$")
# Read by transformers though no config class declares them: by its models through getattr, and by the conversions of
# what older versions wrote. tests/teacher/test_config_keys.py records what is read and compares.
UNDECLARED = (
    "attention_chunk_size", "attention_head_size", "cls_dropout", "conv_act", "conv_groups", "conv_kernel_size",
    "embedding_size", "global_attn_every_n_layers", "global_rope_theta", "head_dim", "is_causal", "layer_types",
    "local_rope_theta", "norm_rel_ebd", "original_max_position_embeddings", "partial_rotary_factor",
    "pooler_hidden_size", "position_buckets", "rope_parameters", "rope_scaling", "rope_theta", "share_att_key",
    "sliding_window", "talking_head", "true_hidden_size",
)  # fmt: skip
# They choose what is returned beside the logits, how memory is saved, which kernel computes, or who wrote the file.
# A kernel is never taken from a file: its name can be that of code on the Hub.
IGNORED_KEYS = frozenset((
    "architectures", "attn_implementation", "auto_map", "chunk_size_feed_forward", "custom_pipelines",
    "deterministic_flash_attn", "directionality", "down_scale_factor", "dtype", "experts_implementation",
    "finetuning_task", "gap_size", "gradient_checkpointing", "id2label", "label2id", "language", "model_type",
    "name_or_path", "net_structure_type", "num_labels", "num_memory_blocks", "output_attentions",
    "output_cross_attentions", "output_hidden_states", "output_past", "pooler_fc_size",
    "pooler_num_attention_heads", "pooler_num_fc_layers", "pooler_size_per_head", "pooler_type",
    "reference_compile", "repad_logits_with_grad", "return_dict", "sentence_transformers", "task_specific_params",
    "tokenizer_class", "torch_dtype", "torchscript", "transformers_version", "use_bfloat16", "use_cache",
    "xla_device",
))  # fmt: skip
# They change a model's answers, and are not followed here: transformers no longer reads them, or reads other files or
# runs other code for them. Beside each the values that change nothing; None, {} and [] never do.
REFUSED_KEYS: dict[str, tuple[Any, ...]] = {
    "compression_config": (), "configuration_files": (), "decoder": (), "fusion_config": (), "generator": (),
    "per_layer_config": (), "position_embedding_type": ("absolute",), "pruned_heads": (), "quantization_config": (),
    "text_config": (), "text_encoder": (), "transformers_weights": ("model.safetensors",),
}  # fmt: skip
OTHER_PROBLEMS = ("multi_label_classification", "regression")
BOUNDS = {
    "vocab_size": (1, 2_000_000), "hidden_size": (1, 16_384), "num_hidden_layers": (1, 200),
    "num_attention_heads": (1, 512), "intermediate_size": (1, 131_072), "max_position_embeddings": (4, 131_072),
    "type_vocab_size": (0, 64), "embedding_size": (1, 16_384),
}  # fmt: skip
LARGEST_NUMBER = 10_000_000
COUNT, MOST_COUNTED = re.compile(r"(^|_)n(um)?_(?!words)|_num$|layers"), 1_000  # of layers, groups, heads, languages
LONGEST_LABEL = 200  # letters
JSON_LIMIT = 1_000_000  # bytes of a config.json


def read_config(folder: Path, name: str, labels: Sequence[str] | None = None) -> Any:
    """Config of transformers from the folder's config.json: every key that transformers reads, with values within
    bounds.

    `labels` replace its own (for fine-tuning). Raises TeacherError, which names the key that can't be followed."""
    from transformers import CONFIG_MAPPING

    document = read_json(folder / "config.json", name)
    kind = CONFIG_MAPPING[_family(document, name)]
    clean = _followed(document, kind, name)
    own = _labels(document, name) if labels is None else list(labels)
    clean["id2label"] = dict(enumerate(own))
    clean["label2id"] = {label: i for i, label in enumerate(own)}
    if labels is not None:
        clean.pop("problem_type", None)  # the old head's; the new one picks one label of several
    elif clean.get("problem_type") in OTHER_PROBLEMS:
        raise TeacherError(message(
            "config.json of {name} says {key} = {value}: its outputs are not answers of which one is right. Fine-tune "
            "it on your labels ({knob:knob}) or choose another teacher.", name=name, key="problem_type",
            value=clean["problem_type"], knob="fine_tune"))  # fmt: skip
    elif len(own) == 1:
        raise TeacherError(message(
            "config.json of {name} names one label alone ({key}): it answers with one number, not with one of several "
            "labels. Fine-tune it on your labels ({knob:knob}) or choose another teacher.", name=name,
            key="id2label" if document.get("id2label") else "num_labels", knob="fine_tune"))  # fmt: skip
    return _bounded(kind, clean, name)


def read_language_model_config(folder: Path, name: str) -> Any:
    """Config of a language model, as `read_config` has it for an encoder. Raises TeacherError."""
    from transformers import CONFIG_MAPPING

    document = read_json(folder / "config.json", name)
    family = str(document.get("model_type"))
    if family not in LANGUAGE_MODELS:
        raise TeacherError(message(
            "{name} is a model of type {family}, which can't write texts here. The types that can: {families}.",
            name=name, family=repr(family[:64]), families=", ".join(LANGUAGE_MODELS)))  # fmt: skip
    kind = CONFIG_MAPPING[family]
    return _bounded(kind, _followed(document, kind, name), name)


def _followed(document: JsonObject, kind: Any, name: str) -> JsonObject:
    """The keys of a config.json that transformers reads for this kind of config. Raises TeacherError."""
    for key, neutral in REFUSED_KEYS.items():
        if document.get(key) and document[key] not in neutral:
            raise TeacherError(message(
                "config.json of {name} says {key} = {value}. Its answers depend on that, and this app can't compute "
                "them so. Choose another model.", name=name, key=key, value=_shown(document[key])))  # fmt: skip
    known = _known_keys(kind)
    clean = {key: value for key, value in document.items() if key in known}
    for key, value in clean.items():
        if not _plain(value):
            raise TeacherError(message(
                "config.json of {name} says {key} = {value}, which can't be read.", name=name, key=key,
                value=_shown(value)))  # fmt: skip
    return clean


def _bounded(kind: Any, clean: JsonObject, name: str) -> Any:
    """The config of these keys. Raises TeacherError where it can't be one, or has a size that no model needs."""
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
        too_large = isinstance(value, (int, float)) and abs(value) > LARGEST_NUMBER
        if too_large or (COUNT.search(key) and isinstance(value, int) and value > MOST_COUNTED):
            raise _needless(name, key, value)
    padding = getattr(config, "pad_token_id", None)
    if padding is not None and not (isinstance(padding, int) and 0 <= padding < config.vocab_size):
        raise _needless(name, "pad_token_id", padding)
    if config.hidden_size % config.num_attention_heads:
        raise TeacherError(message(
            "config.json of {name} has {units:,} hidden units, which {heads:,} attention heads can't share.", name=name,
            units=config.hidden_size, heads=config.num_attention_heads))  # fmt: skip
    return config


def _needless(name: str, key: str, value: Any) -> TeacherError:
    return TeacherError(message(
        "config.json of {name} says {key} = {value}, which no model needs.", name=name, key=key,
        value=repr(value)))  # fmt: skip


def unknown_keys(folder: Path, name: str) -> list[str]:
    """Keys of the folder's config.json that neither transformers nor this app reads. Raises TeacherError."""
    from transformers import CONFIG_MAPPING, GenerationConfig

    document = read_json(folder / "config.json", name)
    known = _known_keys(CONFIG_MAPPING[_family(document, name)]) | IGNORED_KEYS | REFUSED_KEYS.keys()
    # older versions wrote those of generating into each config
    known |= GenerationConfig().to_dict().keys()  # type: ignore[no-untyped-call]  # transformers has no types for it
    return sorted(key for key in document if key not in known and not key.startswith("_"))


def _known_keys(kind: Any) -> set[str]:
    declared = {field.name for field in dataclasses.fields(kind)} | set(kind.attribute_map)
    return (declared | set(UNDECLARED)) - IGNORED_KEYS - REFUSED_KEYS.keys()


def check_shapes(config: Any, weights: Weights, name: str) -> None:
    """Refuse a config that contradicts its weights, before any memory is allocated. Raises TeacherError."""
    tables = [shape for key, shape in weights.shapes.items() if WORDS.search(key) and len(shape) == 2]
    if not tables:
        raise TeacherError(message(
            "The weights of {name} hold no table of word pieces, so it is not a model of text.",
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


def check_memory(weights: Weights, name: str, floats: int = 1) -> None:
    """Raise TeacherError where the machine can't hold so many `floats` for each weight of the model, whatever else it
    does: more than one where the model is to be fine-tuned."""
    needed, limit = FLOAT * floats * weights.parameters, memory_limit()
    if limit is None or needed <= limit:
        return
    values = {"name": name, "needed": needed / 1e9, "limit": limit / 1e9, "weights": weights.parameters / 1e6}
    if floats > 1:
        raise TeacherError(message(
            "Fine-tuning {name}, which has {weights:,.0f} million weights, needs {needed:,.1f} GB of memory at least, "
            "and this machine has {limit:,.1f} GB. Choose a smaller teacher, or a machine with more memory.",
            **values))  # fmt: skip
    raise TeacherError(message(
        "{name}, which has {weights:,.0f} million weights, needs {needed:,.1f} GB of memory at least, and this machine "
        "has {limit:,.1f} GB. Choose a smaller teacher, or a machine with more memory.", **values))  # fmt: skip


@contextmanager
def weights_read(name: str) -> Iterator[None]:
    """Context that reads the weights of model `name`. Raises TeacherError for whatever transformers makes of a broken
    file; too little memory, or a disk that fails, is no fault of the file."""
    try:
        yield
    except Exception as error:
        if is_out_of_memory(error) or disk_code(error):
            raise
        reason = " ".join(str(error).split())[:200]
        raise TeacherError(message("{name} can't be loaded ({why}).", name=name, why=reason)) from error


def build_model(
    folder: Path, config: Any, weights: Weights, name: str, new_head: bool, notes: list[Message]
) -> Any:  # fmt: skip
    """Model with a classification head, in float32, in eval mode. Appends to `notes` which keys and weights of the
    files it doesn't use.

    `new_head` allows the head to be missing or of another size, for fine-tuning. Raises TeacherError: an untrained
    head, weights missing elsewhere, weights of its layers that it would not use, or numbers that are not finite."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING

    check_memory(weights, name)
    silence_transformers()
    options = {
        "config": config, "output_loading_info": True, "ignore_mismatched_sizes": new_head, "local_files_only": True,
        # Stated here, for a model in a half-precision file would otherwise compute in half precision.
        "dtype": torch.float32, "trust_remote_code": False,
    }  # fmt: skip
    with weights_read(name):
        architecture: Any = MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING[type(config)]
        if weights.state is None:
            model, info = architecture.from_pretrained(str(folder), use_safetensors=True, **options)
        else:
            model, info = architecture.from_pretrained(None, state_dict=weights.state, **options)
    absent = sorted({*info["missing_keys"], *(key for key, *_ in info["mismatched_keys"])})
    check_missing([key for key in absent if not HEAD.search(key)], name)
    if absent and not new_head:
        raise TeacherError(message(
            "{name} was never trained to classify: its head ({one}) is not in the file. Fine-tune it on your labels "
            "({knob:knob}), or choose a model that is.", name=name, one=absent[0], knob="fine_tune"))  # fmt: skip
    unused = sorted(key for key in info["unexpected_keys"] if not BUFFERS.search(key))
    if inner := [key for key in unused if _of_the_body(key, model.base_model_prefix)]:
        raise TeacherError(message(
            "The files of {name} hold {n:weight|weights} for its layers that a model of type {family} does not have, "
            "{one} among them. Without them its answers would differ. Choose another teacher.", name=name,
            n=len(inner), family=repr(config.model_type), one=inner[0]))  # fmt: skip
    if unused:
        parts = sorted({".".join(key.split(".")[:2]) for key in unused})
        notes.append(message("Weights in the files of {name} that a classifier does not use were left out: {parts}.",
                             name=name, parts=_listed(parts)))  # fmt: skip
    if unknown := unknown_keys(folder, name):
        notes.append(message("config.json of {name} has keys that transformers does not read, so they were left out: "
                             "{keys}.", name=name, keys=_listed(unknown)))  # fmt: skip
    check_finite(model, name)
    return model.eval()


def check_missing(keys: Sequence[str], name: str) -> None:
    """Raise TeacherError where weights are missing."""
    if keys:
        raise TeacherError(message(
            "Of the weights that config.json of {name} calls for, {n:,} are not in its files, {one} among them. The "
            "files don't belong together.", name=name, n=len(keys), one=keys[0]))  # fmt: skip


def check_finite(model: torch.nn.Module, name: str) -> None:
    """Raise TeacherError where a weight is no finite number."""
    for key, value in model.named_parameters():
        if not torch.isfinite(value).all():
            raise TeacherError(message(
                "The weights of {name} hold numbers that are not finite, in {key}. Choose another.", name=name,
                key=key))  # fmt: skip


def _of_the_body(key: str, prefix: str) -> bool:
    """True for a weight of the encoder itself, false for one of a head."""
    inside = key.startswith((f"{prefix}.", "embeddings.", "encoder.", "transformer."))
    return not HEAD.search(key) and (inside or LAYER.search(key) is not None)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:6])
    return message("{names} and {n:,} more", names=shown, n=len(names) - 6) if len(names) > 6 else shown


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


def _plain(value: Any, depth: int = 3) -> bool:
    if isinstance(value, list):
        return depth > 0 and len(value) <= 256 and all(_plain(one, depth - 1) for one in value)
    if isinstance(value, dict):
        return depth > 0 and len(value) <= 32 and all(_plain(one, depth - 1) for one in value.values())
    return not isinstance(value, str) or len(value) <= 256


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 64 else f"{text[:64]} …"


def _labels(document: JsonObject, name: str) -> list[str]:
    """Labels of the head in the order of its outputs: of id2label, else of label2id; LABEL_0, … where the file names
    none."""
    stated, inverse = document.get("id2label"), _numbered(document.get("label2id"))  # of unknown origin: any JSON
    if stated is None:
        count = document.get("num_labels", len(inverse or ()) or 2)
        if not (isinstance(count, int) and 0 < count <= 1000):
            raise _unnumbered(name)
        labels = [f"LABEL_{i}" for i in range(count)]
    else:
        try:
            keys = sorted(stated, key=int)
            labels = [str(stated[key]) for key in keys]
            if [int(key) for key in keys] != list(range(len(keys))) or not 0 < len(keys) <= 1000:
                raise ValueError
        except (TypeError, ValueError, LookupError, AttributeError):
            raise _unnumbered(name) from None
    if inverse and not all(map(GENERIC.match, inverse)):
        if all(map(GENERIC.match, labels)) and len(inverse) == len(labels):
            labels = inverse
        elif differing := [
            i
            for i, (one, other) in enumerate(zip(labels, inverse, strict=False))
            if one.strip().casefold() != other.strip().casefold()
        ]:
            i = differing[0]
            raise TeacherError(message(
                "config.json of {name} contradicts itself: output {n} is {one} by id2label and {other} by label2id. "
                "Correct it, fine-tune the model on your labels ({knob:knob}) or choose another.", name=name, n=i,
                one=repr(labels[i][:64]), other=repr(inverse[i][:64]), knob="fine_tune"))  # fmt: skip
    cleaned = ["".join(letter for letter in one if letter.isprintable())[:LONGEST_LABEL] for one in labels]
    if twice := [one for i, one in enumerate(cleaned) if one in cleaned[:i]]:
        raise TeacherError(message(
            "config.json of {name} names two outputs {label} (id2label). Name them apart, fine-tune the model on your "
            "labels ({knob:knob}) or choose another.", name=name, label=repr(twice[0]), knob="fine_tune"))  # fmt: skip
    return cleaned


def _numbered(label2id: Any) -> list[str] | None:
    """Labels in the order of their numbers; None where they are not numbered 0, 1, 2, …, each once."""
    try:
        numbers = {int(number): str(label) for label, number in label2id.items()}
    except (TypeError, ValueError, AttributeError):
        return None
    if len(numbers) != len(label2id) or sorted(numbers) != list(range(len(numbers))):
        return None
    return [numbers[i] for i in range(len(numbers))]


def _unnumbered(name: str) -> TeacherError:
    return TeacherError(message("config.json of {name} has labels (id2label) that are not numbered 0, 1, 2, …",
                                name=name))  # fmt: skip


def _product(shape: Sequence[int]) -> int:
    total = 1
    for size in shape:
        total *= size
    return total
