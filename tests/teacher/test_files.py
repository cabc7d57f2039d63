"""What a teacher's folder may hold beside the usual: names in label2id, old or foreign keys, weights that nothing uses,
parts of a .bin, adapters, other modules. Each is read as it was meant, named in a note, or refused by its name."""

import json
import re
import shutil
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from distill_core.config.schema import Config
from distill_core.errors import HubError, TeacherError
from distill_core.hub import models
from distill_core.teacher import fine_tuning, loading

LABELS = ("bad", "good")
TEXTS = [("a quiet room",), ("she sings a film",), ("soup",)]


@pytest.fixture
def model(lively_teacher, tmp_path) -> Path:
    return Path(shutil.copytree(lively_teacher, tmp_path / "model"))


def load(folder: Path, **knobs):
    return loading.load_teacher(str(folder), LABELS, False, Config.of(**knobs))


def refused(folder: Path, *words: str, **knobs) -> None:
    with pytest.raises(TeacherError) as error:
        load(folder, **knobs)
    for word in words:
        assert word in str(error.value)


def rewrite(folder: Path, **values) -> None:
    """Change keys of config.json; ... takes one out."""
    file = folder / "config.json"
    config = {**json.loads(file.read_text()), **values}
    file.write_text(json.dumps({key: value for key, value in config.items() if value is not ...}))


def spoil(folder: Path, change) -> None:
    save_file(change(load_file(folder / "model.safetensors")), folder / "model.safetensors")


# labels


@pytest.mark.parametrize("generic", [..., None, {"0": "LABEL_0", "1": "LABEL_1"}])
def test_label2id_alone_names_the_outputs(model, generic):
    straight = load(model).logits(TEXTS)
    rewrite(model, id2label=generic, label2id={"good": 0, "bad": 1})
    turned = load(model)
    assert torch.equal(turned.logits(TEXTS), straight[:, [1, 0]])
    assert not any("no names" in note for note in turned.notes)


@pytest.mark.parametrize(
    ("read", "values"),
    [
        (False, {}),
        (True, {"id2label": {"0": "LABEL_0", "1": "LABEL_1"}, "label2id": {"good": 0, "bad": 1}}),
        (True, {"is_decoder": True}),
    ],
)
def test_what_was_cached_while_a_key_was_not_read_is_not_used_again(model, monkeypatch, read, values):
    rewrite(model, **values)
    now = load(model).fingerprint
    monkeypatch.setattr("distill_core.teacher.fingerprint.UNREAD_BEFORE", ())
    monkeypatch.setattr("distill_core.teacher.fingerprint.GENERIC", re.compile("(?!)"))
    assert (load(model).fingerprint != now) == read


def test_id2label_alone_names_them_too(model):
    straight = load(model).logits(TEXTS)
    rewrite(model, id2label={"0": "Good", "1": "Bad"}, label2id={"LABEL_0": 0, "LABEL_1": 1})
    assert torch.equal(load(model).logits(TEXTS), straight[:, [1, 0]])


def test_two_lists_that_contradict_each_other_are_refused_with_both(model):
    rewrite(model, label2id={"good": 0, "bad": 1})
    refused(model, "output 0 is 'bad' by id2label and 'good' by label2id")
    assert fine_tuning.load_untuned(Config.of(teacher=str(model)), LABELS).labels == LABELS  # its new head has new ones


def test_two_outputs_of_one_name_are_refused(model):
    rewrite(model, id2label={"0": "good", "1": "good"}, label2id=...)
    refused(model, "two outputs 'good'")


@pytest.mark.parametrize("number", [{"num_labels": 1, "id2label": ...}, {"id2label": {"0": "score"}}])
def test_one_output_is_refused_by_the_key_that_says_so(model, number):
    rewrite(model, **{"label2id": ..., **number})
    refused(model, next(iter(number)), "fine_tune")


# keys and weights


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("position_embedding_type", "relative_key_query"), ("pruned_heads", {"0": [1]}),
        ("quantization_config", {"quant_method": "awq"}), ("problem_type", "multi_label_classification"),
        ("problem_type", "regression"), ("transformers_weights", "other.safetensors"), ("layer_types", [[[["x"]]]]),
    ],
)  # fmt: skip
def test_a_key_that_cannot_be_followed_is_named(model, key, value):
    rewrite(model, **{key: value})
    refused(model, f"{key} = ")


def test_a_key_that_nobody_reads_is_named_once_and_bookkeeping_is_not(model):
    rewrite(model, mystery=3, _private=1, torch_dtype="float32", gradient_checkpointing=False, max_length=20,
            position_embedding_type="absolute", pruned_heads={}, finetuning_task="sst2")  # fmt: skip
    (note,) = [note for note in load(model).notes if "config.json" in note]
    assert note.endswith("left out: mystery.")


def test_weights_that_no_classifier_uses_are_named(model):
    more = {"cls.predictions.bias": torch.zeros(3), "bert.embeddings.position_ids": torch.arange(64)[None]}
    plain = load(model)
    spoil(model, lambda state: {**state, **more})
    with_more = load(model)
    assert [note for note in with_more.notes if note not in plain.notes][0].endswith("left out: cls.predictions.")
    assert torch.equal(with_more.logits(TEXTS), plain.logits(TEXTS))


def test_weights_of_layers_that_would_not_be_used_are_refused(model):
    key = "bert.encoder.layer.0.attention.self.distance_embedding.weight"
    spoil(model, lambda state: {**state, key: torch.zeros(127, 16)})
    refused(model, key)


# files


def test_a_bin_in_parts_is_read_as_one(model):
    whole = load(model)
    state = load_file(model / "model.safetensors")
    (model / "model.safetensors").unlink()
    places = {key: f"pytorch_model-0000{1 + i % 2}-of-00002.bin" for i, key in enumerate(state)}
    for part in set(places.values()):
        torch.save({key: value for key, value in state.items() if places[key] == part}, model / part)
    (model / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": places}))
    refused(model, "allow_pickle")
    again = load(model, allow_pickle=True)
    assert torch.equal(again.logits(TEXTS), whole.logits(TEXTS))
    (model / part).unlink()
    refused(model, "pytorch_model.bin.index.json", part, allow_pickle=True)


def test_an_adapter_is_refused_with_what_to_do(model):
    (model / "adapter_config.json").write_text("{}")
    refused(model, "adapter_config.json", "merge_and_unload")
    for file in model.iterdir():
        if file.name != "adapter_config.json":
            file.unlink()
    refused(model, "adapter_config.json", "merge_and_unload")


def test_an_adapter_on_the_hub_is_refused_before_it_is_fetched(fake_hub):
    fake_hub.add("models", "joe/lora", {"adapter_config.json": b"{}", "adapter_model.safetensors": b"x"})
    with pytest.raises(HubError, match="merge_and_unload"):
        models.model_folder("joe/lora")


@pytest.mark.parametrize("path", ["", "0_Transformer"])
def test_a_sentence_transformers_folder_is_read_as_a_base(model, tmp_path, path):
    root = tmp_path / "sentences"
    shutil.copytree(model, root / path)
    spoil(root / path, lambda state: {key.removeprefix("bert."): value for key, value in state.items()
                                      if key.startswith("bert.") and "pooler" not in key})  # fmt: skip
    modules = [
        ("", path, "sentence_transformers.models.Transformer"),
        ("", "1_Pooling", "x.Pooling"),
        ("", "2", "Dense"),
    ]
    (root / "modules.json").write_text(json.dumps([{"name": n, "path": p, "type": kind} for n, p, kind in modules]))
    refused(root, "never trained to classify")
    untuned = fine_tuning.load_untuned(Config.of(teacher=str(root)), LABELS)
    wanted = load(model)
    ids = [[wanted.tokenizer.convert_tokens_to_ids("film")]]
    assert torch.allclose(untuned.static_vectors(ids), wanted.static_vectors(ids), atol=1e-6)
    assert "Pooling, Dense" in untuned.notes[0]


@pytest.mark.parametrize(
    "content",
    ['[{"path": "", "type": "models.StaticEmbedding"}]', '[{"path": "0", "type": "models.Transformer"}]',
     '[{"path": "../model", "type": "models.Transformer"}]', "[]", "{", '{"a": 1}'],
)  # fmt: skip
def test_other_modules_are_refused(model, content):
    (model / "modules.json").write_text(content)
    refused(model, "modules.json")


# what would take for ever, or all memory


@pytest.mark.parametrize(
    ("key", "value"),
    [("num_hidden_groups", 9_999_999), ("inner_group_num", 9_999), ("num_feedforward_networks", 9_999_999),
     ("pad_token_id", -1), ("pad_token_id", 9_999), ("pad_token_id", "x")],
)  # fmt: skip
def test_a_size_that_no_model_needs_is_refused_before_anything_is_built(model, key, value):
    family = {"num_hidden_groups": "albert", "inner_group_num": "albert", "num_feedforward_networks": "mobilebert"}
    rewrite(model, **{key: value}, model_type=family.get(key, "bert"))
    refused(model, "config.json", "can't be used" if value == "x" else key)


@pytest.mark.parametrize("header", [
    b'{"a": {"dtype": "F32", "shape": [Infinity], "data_offsets": [0, 4]}}',
    b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, Infinity]}}',
    b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0]}}', b'{"a": 1}', b"[]", b"[" * 100_000,
    b" " * 10_000_001,
])  # fmt: skip
def test_a_header_that_is_none_or_too_long_is_refused(model, header):
    (model / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    refused(model, "model.safetensors", "damaged")


def tokenizer(folder: Path, **parts) -> None:
    file = folder / "tokenizer.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **parts}))


def test_a_tokenizer_that_would_take_for_ever_or_all_memory_is_refused(model):
    double = {"type": "Replace", "pattern": {"String": "e"}, "content": "ee"}
    tokenizer(model, normalizer={"type": "Sequence", "normalizers": [double] * 30})
    refused(model, "tokenizer", "many times longer")
    tokenizer(model, normalizer={**double, "content": "x" * 1_000_000})
    refused(model, "tokenizer", "many times longer")
    split = {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": False}
    tokenizer(model, normalizer=None, pre_tokenizer=split)
    refused(model, "tokenizer", "PanicException")


def test_a_tokenizer_without_its_unknown_token_is_refused(model):
    content = json.loads((model / "tokenizer.json").read_text())
    tokenizer(model, model={**content["model"], "unk_token": "[NONE]"})
    refused(model, "tokenizer", "Missing [UNK]")
    tokenizer(model, model=content["model"])
    file = model / "tokenizer_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "unk_token": "[NONE]"}))
    refused(model, "tokenizer", "Missing [UNK]")


@pytest.mark.parametrize("length", ["many", 0.5, True, -1, None])
def test_a_length_that_is_none_is_not_heeded(model, length):
    file = model / "tokenizer_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "model_max_length": length}))
    assert load(model).longest == 64
