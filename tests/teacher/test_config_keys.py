"""Every family with every key of its config: the logits that transformers computes from the same folder, or a refusal
that names the key. The keys are found, not listed: those that a config declares, and those that are read undeclared."""

import dataclasses
import functools
import inspect
import json
import re
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import save_file
from transformers import CONFIG_MAPPING, AutoModelForSequenceClassification, PreTrainedConfig, modeling_rope_utils
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING

from distill_core.errors import TeacherError
from distill_core.teacher import safe_loading, weights

SMALL = {
    "vocab_size": 60, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24,
    "max_position_embeddings": 24, "initializer_range": 0.3, "pad_token_id": 0, "cls_token_id": 2, "sep_token_id": 3,
    "bos_token_id": 2, "eos_token_id": 3,
}  # fmt: skip
XLM = {"emb_dim": 16, "n_layers": 2, "n_heads": 2, "embed_init_std": 0.3, "init_std": 0.3}
RELATIVE = {"relative_attention": True, "pos_att_type": ["c2p", "p2c"], "position_biased_input": False}
OWN = {
    "albert": {"embedding_size": 8}, "distilbert": {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 24},
    "electra": {"embedding_size": 8}, "flaubert": XLM, "xlm": XLM,
    "deberta": RELATIVE, "deberta-v2": {**RELATIVE, "position_buckets": 4, "share_att_key": True},
    "mobilebert": {"embedding_size": 16, "intra_bottleneck_size": 16}, "modernbert": {"num_hidden_layers": 6},
    "rembert": {"input_embedding_size": 8, "output_embedding_size": 8}, "squeezebert": {"embedding_size": 16},
}  # fmt: skip
WORDS = {
    "conv_act": ["tanh"], "hidden_act": ["relu", "nonsense"], "hidden_activation": ["relu"], "activation": ["relu"],
    "classifier_activation": ["relu"], "pooler_hidden_act": ["relu"], "summary_type": ["mean", "last"],
    "summary_activation": ["tanh"], "classifier_pooling": ["mean"], "normalization_type": ["layer_norm"],
    "norm_rel_ebd": ["layer_norm"], "pos_att_type": ["p2c", "c2p|p2c", ["c2p"], []],
    "position_embedding_type": ["absolute", "relative_key", "relative_key_query"],
}  # fmt: skip
VALUES = {
    **WORDS,
    "layer_types": [["full_attention"] * 6, ["sliding_attention"] * 6], "local_attention": [4],
    "rope_parameters": [{"full_attention": {"rope_theta": 50.0}, "sliding_attention": {"rope_theta": 20.0}}],
    "rope_scaling": [{"rope_type": "linear", "factor": 4.0}, {"type": "linear", "factor": 4.0}],
    "rope_theta": [50.0], "global_rope_theta": [50.0], "local_rope_theta": [20.0], "partial_rotary_factor": [0.5],
    "global_attn_every_n_layers": [2, 1], "sliding_window": [2], "attention_chunk_size": [4], "position_buckets": [2],
    "conv_kernel_size": [3], "is_causal": [False, True], "pruned_heads": [{}, {"0": [1]}], "num_hidden_groups": [2],
    "torch_dtype": ["float16"], "dtype": ["float16"], "max_relative_positions": [3], "type_vocab_size": [3],
    "quantization_config": [{"quant_method": "bitsandbytes", "load_in_8bit": True}], "inner_group_num": [2],
    "per_layer_config": [{"0": {"hidden_act": "relu"}}], "transformers_weights": ["other.safetensors"],
    "configuration_files": [["config.4.0.0.json"]], "text_config": [{"hidden_size": 8}],
    "id2label": [{"0": "no", "1": "yes"}], "problem_type": ["regression", "multi_label_classification"],
    "mystery": [3, {"a": [1]}], "rms_norm_eps": [1.0],
}  # fmt: skip
ALWAYS = {"dtype", "id2label", "is_causal", "mystery", "problem_type", "rope_scaling", "torch_dtype"}
SIZES = {
    "architectures",
    "label2id",
    "transformers_version",
    "hidden_size",
    "dim",
    "emb_dim",
    "vocab_size",
    "num_hidden_layers",
    "n_layers",
}  # of each tensor
# Read by transformers, and yet they change no answer of a classifier that is read from its files.
ANSWERLESS = {
    "initializer_range", "kv_sharing_modes", "mlp_layer_types", "mtp_layer_types", "summary_last_dropout",
    "vision_aspect_ratio", "vision_feature_layer", "vision_feature_select_strategy",
}  # fmt: skip
IDS = torch.randint(5, 60, (6, 20), generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    safe_loading.silence_transformers()
    monkeypatch.setenv("HF_DEACTIVATE_ASYNC_LOAD", "1")  # threads cost more than weights this small


@functools.cache
def base(family: str) -> dict:
    """The content of a small config.json of the family."""
    kind = CONFIG_MAPPING[family]
    plain = kind()
    sizes = {key: value for key, value in SMALL.items() if hasattr(plain, key) and key not in kind.attribute_map}
    document = kind(**{**sizes, **OWN.get(family, {})}).to_dict()
    return {key: value for key, value in document.items() if value is not None or key in ("id2label",)}


def write(folder: Path, document: dict):
    """Random weights that transformers makes for the document, beside it. Returns the model that has them."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(document))
    config = CONFIG_MAPPING[document["model_type"]].from_pretrained(folder)
    torch.manual_seed(1)
    model = MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING[type(config)](config).float()
    with torch.no_grad():
        for value in model.parameters():
            value.add_(torch.randn_like(value) * 0.1)  # biases begin as zeros, norms as ones
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, folder / "model.safetensors",
              metadata={"format": "pt"})  # fmt: skip
    return model


def answers(model) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(input_ids=IDS, attention_mask=torch.ones_like(IDS)).logits


def theirs(folder: Path) -> torch.Tensor:
    return answers(AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32))


def ours(folder: Path) -> torch.Tensor:
    config = safe_loading.read_config(folder, "it")
    found = weights.find_weights(folder, "it", allow_pickle=True)
    safe_loading.check_shapes(config, found, "it")
    return answers(safe_loading.build_model(folder, config, found, "it", new_head=False, notes=[]))


def variants(family: str) -> list[dict]:
    """Other values for each key that the family's config declares or its code names, one by one; those that only
    training reads together, and those of other families together."""
    kind, document = CONFIG_MAPPING[family], base(family)
    plain = kind()
    declared = {field.name for field in dataclasses.fields(kind)}
    model = MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING[kind]
    code = "".join(inspect.getsource(inspect.getmodule(one)) for one in (kind, model))
    alone, training, foreign = [], {}, {}
    for key in sorted(declared | {*safe_loading.UNDECLARED, *VALUES}):
        value = document.get(key, getattr(plain, key, None))
        other = value * 2 + 0.1 if isinstance(value, float) else value * 2 or 1 if isinstance(value, int) else 8
        values = VALUES.get(key) or [not value if isinstance(value, bool) else other]
        if key in SIZES or isinstance(value, str) and key not in VALUES:
            continue
        if "dropout" in key or "init" in key:
            training[key] = values[0]
        elif key in declared or key in safe_loading.REFUSED_KEYS or key in code or key in ALWAYS:
            alone += [{key: value} for value in values]
        else:
            foreign[key] = values[0]
    return [*alone, training, foreign]


@pytest.mark.parametrize("family", safe_loading.FAMILIES)
def test_each_key_counts_as_in_transformers_or_is_refused_by_name(family, tmp_path):
    compared, wrong = 0, []
    for number, changes in enumerate(variants(family)):
        folder = tmp_path / str(number)
        try:
            wanted = answers(write(folder, {**base(family), **changes}))
        except Exception:
            wanted = None  # transformers refuses it too
        try:
            got = ours(folder)
        except TeacherError as error:
            if wanted is not None and not any(key in str(error) for key in changes):
                wrong.append((changes, f"refused without its name: {error}"))
            continue
        except Exception as error:
            if wanted is not None:
                wrong.append((changes, repr(error)))
            continue
        compared += wanted is not None
        if wanted is not None and not torch.allclose(got, wanted, atol=1e-5):
            wrong.append((changes, f"off by {(got - wanted).abs().max():.2g}"))
    assert not wrong and compared > 12


@pytest.mark.parametrize("family", safe_loading.FAMILIES)
def test_no_key_is_read_that_is_not_known(family, tmp_path, monkeypatch):
    kind, read = CONFIG_MAPPING[family], set()
    original = PreTrainedConfig.__getattribute__

    def recorded(self, key):
        read.add(key)
        return original(self, key)

    for flags in ({}, {"is_decoder": True, "add_cross_attention": True}):
        folder = tmp_path / str(len(flags))
        write(folder, {**base(family), **{key: value for key, value in flags.items() if hasattr(kind(), key)}})
        with monkeypatch.context() as patch:
            patch.setattr(PreTrainedConfig, "__getattribute__", recorded)
            theirs(folder)
    sources = [inspect.getsource(one) for one in kind.__mro__ if issubclass(one, PreTrainedConfig)]
    sources = [*sources[:-1], inspect.getsource(PreTrainedConfig.__post_init__), inspect.getsource(modeling_rope_utils)]
    for source in sources:
        read |= {*re.findall(r'kwargs\.(?:get|pop)\(\s*"(\w+)"', source)}
    known = {field.name for field in dataclasses.fields(kind)} | {*kind.attribute_map, *safe_loading.UNDECLARED}
    known |= safe_loading.IGNORED_KEYS | safe_loading.REFUSED_KEYS.keys() | ANSWERLESS
    assert len(read) > 40
    assert {key for key in read - known if not key.startswith("_") and not hasattr(kind, key)} == set()


OLD_MODERNBERT = {"global_attn_every_n_layers": 2, "global_rope_theta": 50.0, "local_rope_theta": 20.0}
OLDER = {  # family, keys to take out, keys that older versions wrote in their place
    "positions of ModernBERT": ("modernbert", ("layer_types", "rope_parameters"), OLD_MODERNBERT),
    "one theta of ModernBERT": ("modernbert", ("layer_types", "rope_parameters"), {"global_rope_theta": 50.0}),
    "names of DistilBERT": ("distilbert", ("dim", "n_layers"), {"hidden_size": 16, "num_hidden_layers": 2}),
    "names of XLM": ("xlm", ("vocab_size", "pad_token_id"), {"n_words": 60, "pad_index": 0}),
    "names of FlauBERT": ("flaubert", ("vocab_size", "emb_dim"), {"n_words": 60, "hidden_size": 16}),
    "attention of DeBERTa": ("deberta", ("pos_att_type",), {"pos_att_type": "C2P|p2c"}),
    "width of MobileBERT": ("mobilebert", (), {"true_hidden_size": 16}),
    "a decoder": ("bert", (), {"is_decoder": True, "add_cross_attention": True}),
}  # fmt: skip


@pytest.mark.parametrize("case", OLDER)
def test_what_older_versions_wrote_is_read_as_transformers_reads_it(case, tmp_path):
    family, gone, old = OLDER[case]
    document = {key: value for key, value in base(family).items() if key not in gone} | old
    write(tmp_path / "it", document)
    assert torch.allclose(ours(tmp_path / "it"), theirs(tmp_path / "it"), atol=1e-5)
    assert safe_loading.unknown_keys(tmp_path / "it", "it") == []


def test_the_positions_of_an_older_modernbert_change_its_answers(tmp_path):
    """Else the comparison above could not fail."""
    document = {
        key: value for key, value in base("modernbert").items() if key not in ("layer_types", "rope_parameters")
    }
    write(tmp_path / "it", document | OLD_MODERNBERT)
    old = ours(tmp_path / "it")
    (tmp_path / "it" / "config.json").write_text(json.dumps(document))
    assert not torch.allclose(old, ours(tmp_path / "it"), atol=1e-2)


def test_the_keys_were_recorded_with_this_generation_of_transformers():
    assert transformers.__version__.startswith("5.")
