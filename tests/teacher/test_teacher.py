"""The teacher: labels in the data's order, logits that belong to their texts, guards, fine-tuning, what is kept."""

import dataclasses
import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from broken import break_file
from safetensors.torch import load_file, save_file

from distill_core import registry
from distill_core.config import training_length
from distill_core.config.schema import Config
from distill_core.errors import Stopped, TeacherError
from distill_core.evaluation import prior
from distill_core.evaluation.objective import SINGLE_LABEL
from distill_core.events import Note, Point, Progress
from distill_core.teacher import catalog, fine_tuning, label_mapping, loading, safe_loading
from distill_core.teacher import model as teacher_model
from distill_core.teacher import weights as teacher_weights
from distill_core.tokenization import MASK
from distill_core.training import device
from distill_core.training.checkpoints import OTHER_CONTENT

LABELS = ("bad", "good")


@pytest.fixture(scope="session")
def tiny_teacher(lively_teacher) -> Path:
    return lively_teacher


@pytest.fixture
def texts(toy_rows):
    return [(text,) for text, _ in toy_rows]


@pytest.fixture(autouse=True)
def exact(monkeypatch):
    """float32 throughout: what follows is about meaning, to the last digits."""
    monkeypatch.setattr("distill_core.teacher.model.fast_dtype", lambda where: torch.float32)


@pytest.fixture
def asked(tiny_teacher):
    return loading.load_teacher(str(tiny_teacher), LABELS, False, Config.of())


@pytest.fixture
def model(tiny_teacher, tmp_path) -> Path:
    """A copy of the tiny teacher, to be spoilt."""
    return Path(shutil.copytree(tiny_teacher, tmp_path / "model"))


def rewrite(folder: Path, **values) -> None:
    """Change keys of config.json; None takes one out."""
    file = folder / "config.json"
    config = {**json.loads(file.read_text()), **values}
    file.write_text(json.dumps({key: value for key, value in config.items() if value is not None}))


def spoil(folder: Path, change) -> None:
    """Change the tensors of model.safetensors."""
    state = load_file(folder / "model.safetensors")
    save_file(change(state), folder / "model.safetensors")


def refused(folder: Path | str, *words: str, labels=LABELS, **knobs) -> str:
    with pytest.raises(TeacherError) as error:
        loading.load_teacher(str(folder), labels, False, Config.of(**knobs))
    for word in words:
        assert word in str(error.value)
    return str(error.value)


# asking


def test_logits_follow_their_text_through_shuffling(asked, texts, monkeypatch):
    many = [(" ".join(text[0] for text in texts[:n]),) for n in (7, 1, 4)] + texts
    alone = torch.cat([asked.logits([text]) for text in many])
    turned = torch.randperm(len(many), generator=torch.Generator().manual_seed(1)).tolist()
    monkeypatch.setitem(teacher_model.TEXTS, "cpu", 4)
    together = asked.logits([many[i] for i in turned])
    assert torch.allclose(together, alone[turned], atol=1e-5)
    assert alone.std(0).min() > 0.1  # else any order would pass


def test_padding_changes_nothing(asked):
    short, long = ("a quiet room",), ("a quiet room " * 8,)
    assert torch.allclose(asked.logits([short, long])[0], asked.logits([short])[0], atol=1e-6)


def test_no_texts_no_logits(asked):
    assert asked.logits([]).shape == (0, 2)


def test_special_tokens_stand_around_every_text(asked):
    ids = asked.encode([("she sings",), ("",)])
    start, end = asked.tokenizer.cls_token_id, asked.tokenizer.sep_token_id
    assert [one["input_ids"][0] for one in ids] == [start, start]
    assert [one["input_ids"][-1] for one in ids] == [end, end]


def test_a_masked_word_reaches_it_as_its_own_mask(asked):
    ids = asked.encode([(f"a {MASK} film",)])[0]["input_ids"]
    assert ids.count(asked.tokenizer.mask_token_id) == 1
    cut = asked.tokenizer.convert_tokens_to_ids(["[", "mask", "]"])
    assert not set(cut).difference([asked.tokenizer.unk_token_id]).intersection(ids)
    assert len(ids) == 5


def test_without_a_mask_token_a_masked_word_is_unknown(model):
    for file in ("tokenizer_config.json", "special_tokens_map.json"):
        if (model / file).is_file():
            known = json.loads((model / file).read_text())
            (model / file).write_text(json.dumps({**known, "mask_token": None}))
    asked = loading.load_teacher(str(model), LABELS, False, Config.of())
    asked.tokenizer.mask_token = None
    asked = teacher_model.Teacher(asked.model, asked.tokenizer, LABELS, [0, 1])
    ids = asked.encode([(f"a {MASK} film",)])[0]["input_ids"]
    assert asked.mask_token == "" and ids[2] == asked.tokenizer.unk_token_id and len(ids) == 5


def test_long_texts_are_cut_and_keep_their_last_special_token(tiny_teacher):
    asked = loading.load_teacher(str(tiny_teacher), LABELS, False, Config.of(max_tokens=16))
    ids = asked.encode([("a film " * 50,)])[0]["input_ids"]
    assert len(ids) == 16 and ids[-1] == asked.tokenizer.sep_token_id


def test_it_never_reads_more_than_its_positions(tiny_teacher):
    asked = loading.load_teacher(str(tiny_teacher), LABELS, False, Config.of(max_tokens=512))
    assert asked.max_tokens == 64 and "64 tokens" in asked.notes[-1]
    assert asked.logits([("a film " * 300,)]).isfinite().all()


def test_the_sides_of_a_pair_are_not_exchangeable(asked):
    one = asked.encode([("a film", "the soup")])[0]
    assert one["token_type_ids"] == [0, 0, 0, 0, 1, 1, 1]
    there, back = asked.logits([("a film", "the soup"), ("the soup", "a film")])
    assert not torch.allclose(there, back, atol=1e-4)


def test_half_a_surrogate_is_no_reason_to_fall_over(asked):
    assert asked.logits([("bad \ud800 text",)]).isfinite().all()


def test_bfloat16_is_taken_only_where_every_answer_stays(asked, texts, monkeypatch):
    monkeypatch.setattr("distill_core.teacher.model.fast_dtype", lambda where: torch.bfloat16)
    exact = asked.forward
    asked.choose_dtype(texts)
    assert asked.dtype in (torch.bfloat16, torch.float32)
    monkeypatch.setattr(
        asked, "forward", lambda rows, dtype: exact(rows, dtype) * (-1 if dtype != torch.float32 else 1)
    )
    asked.choose_dtype(texts)
    assert asked.dtype == torch.float32

    def overflows(rows, dtype):
        if dtype != torch.float32:
            raise RuntimeError("value cannot be converted to type c10::BFloat16 without overflow")
        return exact(rows, dtype)

    monkeypatch.setattr(asked, "forward", overflows)
    asked.choose_dtype(texts)
    assert asked.dtype == torch.float32


def test_static_vectors_are_the_piece_between_its_special_tokens(asked):
    ids = asked.tokenizer.convert_tokens_to_ids(["film", "soup", "##s"])
    found = asked.static_vectors([[ids[0]], [ids[1]], ids[1:], []], batch=2)
    rows = torch.tensor([[asked.tokenizer.cls_token_id, ids[1], asked.tokenizer.sep_token_id]])
    with torch.no_grad():
        wanted = asked.model.bert(input_ids=rows).last_hidden_state[0, 1]
    assert torch.allclose(found[1], wanted, atol=1e-5)
    assert (found[3] == 0).all() and not torch.allclose(found[2], wanted, atol=1e-2)
    word, of_two = asked.static_vectors(["soup", "filmsoup"])
    assert torch.allclose(word, wanted, atol=1e-5) and not torch.allclose(of_two, wanted, atol=1e-2)


def test_pieces_neither_cut_nor_pad_and_number_the_table(asked):
    asked.encode([("a film " * 100,)])  # leaves truncation switched on in the tokenizer that is copied
    pieces = asked.subword_tokenizer()
    assert len(pieces.encode("a film " * 100, add_special_tokens=False).ids) == 200
    assert pieces.token_to_id("film") == asked.tokenizer.convert_tokens_to_ids("film")
    assert asked.input_embeddings().shape == (asked.tokenizer.vocab_size, 32)


# labels


def test_logits_come_in_the_datas_label_order(tiny_teacher, asked, texts):
    turned = loading.load_teacher(str(tiny_teacher), ("good", "bad"), False, Config.of())
    assert torch.equal(turned.logits(texts), asked.logits(texts)[:, [1, 0]])
    assert turned.fingerprint != asked.fingerprint


@pytest.mark.parametrize(
    ("theirs", "ours", "order"),
    [
        (["NEGATIVE", "POSITIVE"], ["positive", "negative"], [1, 0]),
        (["neg", " Pos "], ["negative", "positive"], [0, 1]),
        (["contradiction", "neutral", "entailment"], ["entailment", "neutral", "contradiction"], [2, 1, 0]),
        (["not_entailment", "entailment"], ["entailment", "not-entailment"], [1, 0]),
        (["LABEL_0", "LABEL_1"], ["ham", "spam"], [0, 1]),
        (["LABEL_1", "LABEL_0"], ["ham", "spam"], [1, 0]),
        (["negative", "positive"], ["1", "0"], [1, 0]),
        (["LABEL_0", "LABEL_1"], ["1", "0"], [1, 0]),
        (["Billing", "billing", "Other"], ["Other", "billing", "Billing"], [2, 1, 0]),  # data split by case
    ],
)
def test_labels_are_matched(theirs, ours, order):
    found, notes = label_mapping.match_labels(theirs, ours, "it")
    assert found == order
    guessed = theirs[0].startswith("LABEL") or ours[0] in "01"
    assert bool(notes) == guessed  # a guess is told


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (["joy", "anger"], ["bad", "good"]),
        (["a", "b", "c"], ["bad", "good"]),
        (["score"], ["bad", "good"]),
        (["joy", "Joy", "anger"], ["joy", "anger", "fear"]),
    ],
)
def test_a_mismatch_names_both_lists(theirs, ours):
    with pytest.raises(TeacherError) as error:
        label_mapping.match_labels(theirs, ours, "joe/model")
    assert all(f"'{label}'" in str(error.value) for label in [*ours, *(theirs if len(theirs) > 1 else [])])
    assert "fine_tune" in str(error.value) and "joe/model" in str(error.value)


def says(truth, share_right):
    """Logits that are right on the first `share_right` of the rows, wrong on the others."""
    wanted = torch.tensor([label if i < share_right * len(truth) else 1 - label for i, label in enumerate(truth)])
    return torch.nn.functional.one_hot(wanted, 2).float()


def test_check_finds_exchanged_labels_and_chance():
    truth = [0, 1] * 50
    assert label_mapping.check_agreement(says(truth, 0.9), truth, LABELS, SINGLE_LABEL) == []
    assert (
        "'bad' would be on 50 %"
        in label_mapping.check_agreement(says(truth, 0.54), truth, LABELS, SINGLE_LABEL)[0].text
    )
    with pytest.raises(TeacherError, match="its bad is your good; its good is your bad"):
        label_mapping.check_agreement(says(truth, 0.1), truth, LABELS, SINGLE_LABEL)
    assert (
        label_mapping.check_agreement(says(truth[:10], 0.1), truth[:10], LABELS, SINGLE_LABEL)[0].level == "warning"
    )  # ten rows prove no exchange


# guards


def test_an_untrained_head_is_told(model):
    spoil(model, lambda state: {key: value for key, value in state.items() if not key.startswith("classifier")})
    refused(model, "never trained to classify", "fine_tune")


def test_missing_layers_and_a_config_that_promises_others_are_refused(model):
    spoil(model, lambda state: {key: value for key, value in state.items() if "layer.1.output.dense" not in key})
    refused(model, "weights that config.json", "don't belong together")
    rewrite(model, num_hidden_layers=3)
    refused(model, "num_hidden_layers = 3", "hold 2")


def test_nan_weights_are_refused(model):
    def change(state):
        state["bert.encoder.layer.0.output.dense.bias"][3] = float("nan")
        return state

    spoil(model, change)
    refused(model, "not finite", "layer.0.output.dense.bias")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"vocab_size": 1_900_000}, ["vocab_size = 1900000", "don't belong together"]),
        ({"vocab_size": 50_000_000}, ["vocab_size", "between"]),
        ({"num_hidden_layers": -1}, ["num_hidden_layers", "between"]),
        ({"hidden_size": 48, "num_attention_heads": 2}, ["hidden_size = 48"]),
        ({"num_attention_heads": 5}, ["attention heads"]),
        ({"intermediate_size": 131_000, "max_position_embeddings": 131_000}, ["describes about"]),
        ({"hidden_size": "32"}, ["hidden_size"]),
        ({"model_type": "robert"}, ["'robert'", "Did you mean 'roberta'?"]),
        ({"model_type": "gpt2"}, ["'gpt2'"]),
        ({"model_type": ["bert"]}, ["can't be a teacher"]),
        ({"id2label": {"0": "bad", "7": "good"}}, ["id2label"]),
        ({"id2label": [1, 2]}, ["id2label"]),
    ],
)
def test_a_config_out_of_bounds_is_refused_before_anything_is_built(model, values, words, monkeypatch):
    monkeypatch.setattr("distill_core.teacher.safe_loading.build_model", lambda *a, **k: pytest.fail("it was built"))
    rewrite(model, **values)
    refused(model, *words)


@pytest.mark.parametrize("content", ["{", "[]", "[" * 200_000, '{"vocab_size": 1e999, "model_type": "bert"}'])
def test_a_config_that_is_no_config_is_refused(model, content):
    (model / "config.json").write_text(content)
    refused(model, "config.json")


def test_no_code_of_the_folder_runs(model):
    (model / "evil.py").write_text(f"open({str(model / 'ran')!r}, 'w')")
    rewrite(
        model,
        auto_map={"AutoModelForSequenceClassification": "evil.Evil", "AutoTokenizer": ["evil.Evil", None]},
        trust_remote_code=True,
        attn_implementation="evil/kernel",
        _attn_implementation_internal="evil/kernel",
    )
    loading.load_teacher(str(model), LABELS, False, Config.of())
    rewrite(model, model_type="evil")
    refused(model, "'evil'")
    assert not (model / "ran").exists()


@pytest.mark.parametrize("cut", [4, 1000, -100])
def test_a_damaged_weight_file_is_refused(model, cut):
    file = model / "model.safetensors"
    file.write_bytes(file.read_bytes()[:cut])
    refused(model, "damaged")


def test_half_precision_is_computed_in_full(model):
    spoil(model, lambda state: {key: value.half() for key, value in state.items()})
    asked = loading.load_teacher(str(model), LABELS, False, Config.of())
    assert {value.dtype for value in asked.model.parameters()} == {torch.float32}
    assert asked.bytes < 4 * asked.parameters


def test_bin_weights_need_consent_and_never_load_on_a_public_host(model, asked, texts, monkeypatch):
    torch.save(load_file(model / "model.safetensors"), model / "pytorch_model.bin")
    (model / "model.safetensors").unlink()
    refused(model, "allow_pickle")
    same = loading.load_teacher(str(model), LABELS, False, Config.of(allow_pickle=True))
    assert torch.equal(same.logits(texts), asked.logits(texts))
    monkeypatch.setattr("distill_core.teacher.loading.locate", lambda name, config: Path(name))
    monkeypatch.setenv("SPACE_ID", "someone/space")
    refused(model, "public host", allow_pickle=True)


def test_a_pickle_with_code_in_it_is_refused_unread(model):
    class Evil:
        def __reduce__(self):
            return (Path.touch, (model / "ran",))

    torch.save({"x": Evil()}, model / "pytorch_model.bin")
    (model / "model.safetensors").unlink()
    refused(model, "can't be read safely", allow_pickle=True)
    assert not (model / "ran").exists()


def test_on_a_public_host_nothing_typed_is_a_path(model, monkeypatch):
    monkeypatch.setenv("SPACE_ID", "someone/space")
    refused(model, "no folder")


def test_no_such_folder_or_id(tmp_path):
    refused(tmp_path / "nothing here", "no folder")
    refused("kept:0123456789ab", "kept:0123456789ab", "None is kept")
    refused("kept:../../etc", "No single kept teacher")


def test_on_a_public_host_only_who_knows_a_kept_teachers_whole_key_has_it(home, monkeypatch):
    place = home / "teachers" / ("0123456789ab" + 28 * "c")
    place.mkdir(parents=True)
    facts = {"base": "a/b", "task": "file", "labels": ["bad", "good"], "rows": 20, "accuracy": 0.9, "pair": False,
             "date": "2026-11-30T10:00:00", "file": "layoffs.csv"}  # fmt: skip
    (place / catalog.FACTS).write_text(json.dumps(facts))
    (place / catalog.MARKER).touch()
    assert catalog.find_saved("kept:0123").folder == place
    with pytest.raises(TeacherError, match="Kept are: .*layoffs"):
        catalog.find_saved("kept:ffff")
    monkeypatch.setenv("STILLROOM_AUDIENCE", "room")
    for name in ("kept:0123", "kept:ffffffffffff", "kept:"):
        with pytest.raises(
            TeacherError, match=f"^No kept teacher is called '{name}'. Choose one that the page offers.$"
        ):
            catalog.find_saved(name)
    assert catalog.find_saved("kept:0123456789ab").folder == place


def test_no_tokenizer_or_a_broken_one(model):
    (model / "tokenizer.json").write_text("[" * 200_000)
    refused(model, "tokenizer of", "can't be read")
    for file in model.glob("*token*"):
        file.unlink()
    refused(model, "without a tokenizer")


def test_a_tokenizer_larger_than_the_model_is_refused(model):
    raw = json.loads((model / "tokenizer.json").read_text())
    raw["model"]["vocab"] = {**raw["model"]["vocab"], "zebra": 5000}
    (model / "tokenizer.json").write_text(json.dumps(raw))
    refused(model, "5,000", "don't belong together")


def test_a_tokenizer_for_another_language_is_refused(asked, texts):
    asked.check_texts(texts)
    assert asked.unknown_share([(f"a {MASK} film",)]) == 0
    with pytest.raises(TeacherError, match="doesn't know"):
        asked.check_texts([("十分に良い映画",), ("фильм",), ("кино",)])


def test_a_cased_vocabulary_without_settings_keeps_capitals(model):
    """As BioBERT and SpanBERT are shipped: vocab.txt and nothing else."""
    vocabulary = json.loads((model / "tokenizer.json").read_text())["model"]["vocab"]
    for file in model.glob("*token*"):
        file.unlink()
    pieces = sorted(vocabulary, key=vocabulary.__getitem__)
    taken = [i for i, piece in enumerate(pieces) if piece.isalpha() and len(piece) > 3][:20]
    for i in taken:
        pieces[i] = pieces[i].capitalize()
    (model / "vocab.txt").write_text("\n".join(pieces) + "\n")
    asked = loading.load_teacher(str(model), LABELS, False, Config.of())
    assert taken[0] in asked.encode([(pieces[taken[0]],)])[0]["input_ids"]
    assert "capital" in asked.notes[0]


def test_a_config_without_a_family_is_read_as_bert(model, asked, texts):
    rewrite(model, model_type=None, architectures=["BertForPreTraining"])
    assert torch.equal(loading.load_teacher(str(model), LABELS, False, Config.of()).logits(texts), asked.logits(texts))


def test_the_fingerprint_follows_weights_and_tokenizer(model, asked):
    def load():
        return loading.load_teacher(str(model), LABELS, False, Config.of()).fingerprint

    assert load() == asked.fingerprint
    spoil(model, lambda state: {**state, "classifier.bias": state["classifier.bias"] + 1})
    changed = load()
    assert changed != asked.fingerprint
    (model / "tokenizer_config.json").write_text((model / "tokenizer_config.json").read_text() + " ")
    assert load() not in (changed, asked.fingerprint)


def test_the_device_can_be_chosen(monkeypatch):
    monkeypatch.setenv("STILLROOM_DEVICE", "cpu")
    device.device.cache_clear()
    assert device.device() == "cpu"
    device.device.cache_clear()


# fine-tuning


@pytest.fixture
def toy(toy_rows):
    def split(rows):
        return SimpleNamespace(texts=[(text,) for text, _ in rows], labels=[LABELS.index(label) for _, label in rows])

    return SimpleNamespace(
        train=split(toy_rows),
        valid=split(toy_rows[:8]),
        unlabelled=[],
        labels=LABELS,
        pair=False,
        fingerprint=lambda: "toy",
    )


def tuning(model, **knobs) -> Config:
    return Config.of(**{"teacher": str(model), "fine_tune": True, "teacher_epochs": 12, "teacher_lr": 1e-3,
                        "teacher_batch": 5, "max_tokens": 16, **knobs})  # fmt: skip


def run(generator):
    """(its events, what it returns)"""
    events = []
    while True:
        try:
            events.append(next(generator))
        except StopIteration as end:
            return events, end.value


@pytest.fixture
def bare(model) -> Path:
    """A pretrained encoder without a head."""
    spoil(model, lambda state: {key: value for key, value in state.items() if not key.startswith("classifier")})
    rewrite(model, id2label=None, label2id=None)
    return model


def test_fine_tuning_learns_is_kept_and_is_offered(bare, toy, home):
    events, tuned = run(fine_tuning.fine_tune(tuning(bare), toy))
    said = tuned.logits(toy.train.texts).argmax(1)
    assert (said == torch.tensor(toy.train.labels)).float().mean() >= 0.9
    series = {event.series for event in events if isinstance(event, Point)}
    assert {"teacher/loss", "teacher/valid_accuracy", "teacher/valid_loss"} <= series
    progress = [event for event in events if isinstance(event, Progress)]
    assert (progress[-1].done, progress[-1].total, progress[-1].stage) == (48, 48, "teacher")
    (one,) = catalog.saved_teachers()
    assert (one.base, one.labels, one.pair, one.rows) == (str(bare), LABELS, False, 20)
    scores = [e.value for e in events if isinstance(e, Point) and e.series == "teacher/valid_accuracy"]
    assert one.accuracy == scores[-1] < max(scores), "of eight rows no step is the best one"
    assert any("8 validation rows are too few" in e.text for e in events if isinstance(e, Note))
    again = loading.load_teacher(one.name, LABELS, False, Config.of(max_tokens=16))
    assert torch.equal(again.logits(toy.train.texts), tuned.logits(toy.train.texts))
    assert again.fingerprint == tuned.fingerprint and one.folder.is_relative_to(home)


def test_a_kept_teacher_has_a_title_that_a_person_can_change(bare, toy, tmp_path):
    config = tuning(bare, teacher_epochs=1, task="file", train=str(tmp_path / "support.csv"), metric="macro_f1")
    events, tuned = run(fine_tuning.fine_tune(config, toy))
    (one,) = catalog.saved_teachers()
    scores = [event.value for event in events if isinstance(event, Point) and event.series == "teacher/valid_macro_f1"]
    assert (one.metric, one.score, one.file) == ("macro_f1", max(scores), "support.csv")
    assert re.fullmatch(rf"{bare.name}, support\.csv, \d+ [A-Z][a-z]+, macro-F1 {one.score:.2f}", one.title)
    assert tuned.title == one.title and any(one.title in event.text for event in events if isinstance(event, Note))
    key = one.name
    assert (
        catalog.rename(key[:9], "  Support,\n second try ").title == catalog.teacher_title(key) == "Support, second try"
    )
    again = loading.load_teacher(key, LABELS, False, Config.of(max_tokens=16))
    assert (again.name, again.title, again.fingerprint) == (key, "Support, second try", tuned.fingerprint)
    refused(key, "Support, second try", labels=("joy", "anger"))
    assert catalog.rename(key, "").title == one.title
    assert catalog.teacher_title("a/b") == "a/b" and catalog.teacher_title("kept:ffff") == "kept:ffff"


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_damaged_saved_teacher_is_refused_by_name_and_fine_tuned_anew(bare, toy, home, name):
    _, tuned = run(fine_tuning.fine_tune(tuning(bare, teacher_epochs=1), toy))
    (one,) = catalog.saved_teachers()
    break_file(one.folder / name, "bit in its middle")
    refused(one.name, "is damaged", name, "Run the same fine-tuning again", labels=toy.labels)
    events, again = run(fine_tuning.fine_tune(tuning(bare, teacher_epochs=1), toy))
    assert any("set aside and is fine-tuned anew" in str(getattr(event, "text", "")) for event in events)
    assert again.fingerprint == tuned.fingerprint and len(catalog.saved_teachers()) == 1
    assert loading.load_teacher(one.name, toy.labels, False, Config.of(max_tokens=16)).fingerprint == tuned.fingerprint


def test_what_the_machine_cant_hold_is_refused_before_it_is_loaded(bare, toy, home, monkeypatch):
    parameters = safe_loading.Weights((), {"a": (10, 3), "b": (4,)}).parameters
    assert parameters == 34
    weights = teacher_weights.find_weights(bare, "tiny", allow_pickle=False)
    monkeypatch.setattr(safe_loading, "memory_limit", lambda: 4 * 4 * weights.parameters)
    with pytest.raises(TeacherError, match="Fine-tuning .* needs .* GB of memory at least, and this machine has"):
        run(fine_tuning.fine_tune(tuning(bare), toy))
    fine_tuning.load_untuned(tuning(bare), toy.labels)
    monkeypatch.setattr(safe_loading, "memory_limit", lambda: 4 * weights.parameters - 1)
    with pytest.raises(TeacherError, match="million weights, needs .* GB of memory at least"):
        fine_tuning.load_untuned(tuning(bare), toy.labels)


def test_a_teacher_of_an_earlier_version_has_a_title_of_what_it_has(home):
    folder = home / "teachers" / "0123abcd"
    folder.mkdir(parents=True)
    (folder / "key.json").write_text("{}")
    facts = {"base": "C:\\models\\tiny", "task": "sst2", "labels": ["bad", "good"], "pair": False, "accuracy": 0.931,
             "rows": 9, "date": "2025-03-05T12:00:00+00:00"}  # fmt: skip
    (folder / "teacher.json").write_text(json.dumps({**facts, "of_a_later_version": 1}))
    (one,) = catalog.saved_teachers()
    assert one.title == "tiny, sst2, 5 Mar, accuracy 93 %"
    assert one.fits(["Good ", "BAD"]) and not one.fits(["good"]) and not one.fits(["good", "bad"], pair=True)
    by_case = dataclasses.replace(one, labels=("bad", "Bad", "good"))
    assert by_case.fits(["Bad", "good", "bad"]) and not by_case.fits(["bad", "good"])  # three outputs teach no two
    (folder / "teacher.json").write_text(json.dumps({**facts, "date": "yesterday"}))
    assert catalog.saved_teachers() == []


def test_where_there_are_rows_to_select_on_the_best_step_is_taken(bare, toy, monkeypatch):
    with monkeypatch.context() as few:
        few.setattr(training_length, "LEAST_SELECTING", len(toy.valid.texts))
        events, _ = run(fine_tuning.fine_tune(tuning(bare, patience=0), toy))
    (one,) = catalog.saved_teachers()
    assert one.accuracy == max(e.value for e in events if isinstance(e, Point) and e.series == "teacher/valid_accuracy")
    events, _ = run(fine_tuning.fine_tune(tuning(bare, patience=0), toy))
    assert [type(event) for event in events] == [Note] and len(catalog.saved_teachers()) == 1, "no second training"


def test_for_macro_f1_the_head_is_shifted_by_what_the_validation_rows_say(bare, toy, monkeypatch):
    _, plain = run(fine_tuning.fine_tune(tuning(bare, metric="macro_f1"), toy))
    monkeypatch.setattr(prior, "LEAST_ROWS", 1)
    monkeypatch.setattr(prior, "fit_offsets", lambda logits, shares: np.array([-500.0, 500.0]))
    _, shifted = run(fine_tuning.fine_tune(tuning(bare, metric="macro_f1", seed=1), toy))
    assert (shifted.logits(toy.valid.texts).argmax(1) == 1).all()
    assert plain.logits(toy.valid.texts).abs().max() < 100
    _, other = run(fine_tuning.fine_tune(tuning(bare, metric="accuracy", seed=1), toy))
    assert other.logits(toy.valid.texts).abs().max() < 100


def test_the_same_fine_tuning_is_not_done_twice(bare, toy):
    _, first = run(fine_tuning.fine_tune(tuning(bare, teacher_epochs=1), toy))
    events, second = run(fine_tuning.fine_tune(tuning(bare, teacher_epochs=1, n_iter=3), toy))
    assert [type(event) for event in events] == [Note] and second.fingerprint == first.fingerprint
    run(fine_tuning.fine_tune(tuning(bare, teacher_epochs=1, seed=1), toy))
    assert len(catalog.saved_teachers()) == 2


def test_a_head_for_other_labels_is_replaced(model, toy):
    toy.labels = ("a", "b", "c")
    toy.train.labels = [i % 3 for i in range(20)]
    _, tuned = run(fine_tuning.fine_tune(tuning(model, teacher_epochs=1), toy))
    assert tuned.logits([("x",)]).shape == (1, 3)


def test_a_killed_fine_tuning_goes_on_bit_for_bit(bare, toy, tmp_path, monkeypatch):
    monkeypatch.setattr("distill_core.training.loop.CHECKPOINT_EVERY", 0)
    _, whole = run(fine_tuning.fine_tune(tuning(bare), toy, tmp_path / "whole.ckpt", home=tmp_path / "one"))
    steps = iter(range(1000))
    with pytest.raises(Stopped):
        run(
            fine_tuning.fine_tune(
                tuning(bare), toy, tmp_path / "a.ckpt", lambda: next(steps) >= 17, home=tmp_path / "two"
            )
        )
    assert (tmp_path / "a.ckpt").is_file() and not catalog.saved_teachers(tmp_path / "two")
    torch.manual_seed(99)
    events, resumed = run(fine_tuning.fine_tune(tuning(bare), toy, tmp_path / "a.ckpt", home=tmp_path / "two"))
    assert min(event.done for event in events if isinstance(event, Progress)) > 17
    assert resumed.fingerprint == whole.fingerprint
    assert not (tmp_path / "a.ckpt").exists()


def test_a_checkpoint_of_other_labels_teaches_nobody(bare, toy, tmp_path):
    """The same texts, two labels exchanged: what was learnt of the old ones is neither used nor saved as the new."""
    steps = iter(range(1000))
    with pytest.raises(Stopped):
        run(fine_tuning.fine_tune(tuning(bare), toy, tmp_path / "a.ckpt", lambda: next(steps) >= 17))
    toy.train.labels, toy.valid.labels = ([1 - label for label in part.labels] for part in (toy.train, toy.valid))
    events, tuned = run(fine_tuning.fine_tune(tuning(bare), toy, tmp_path / "a.ckpt"))
    assert [event.text for event in events if isinstance(event, Note)][0] == OTHER_CONTENT
    _, fresh = run(fine_tuning.fine_tune(tuning(bare), toy, home=tmp_path / "other"))
    assert tuned.fingerprint == fresh.fingerprint and len(catalog.saved_teachers()) == 1


def test_a_checkpoint_of_more_labels_is_another_trainings(bare, toy, tmp_path):
    steps = iter(range(1000))
    with pytest.raises(Stopped):
        run(fine_tuning.fine_tune(tuning(bare), toy, tmp_path / "a.ckpt", lambda: next(steps) >= 17))
    toy.labels, toy.train.labels = ("a", "b", "c"), [i % 3 for i in range(20)]
    _, tuned = run(fine_tuning.fine_tune(tuning(bare), toy, tmp_path / "a.ckpt"))
    assert tuned.logits([("x",)]).shape == (1, 3)


def test_name_for_takes_the_tasks_own_teacher_then_bert(monkeypatch):
    assert catalog.teacher_name(Config.of(teacher="a/b")) == "a/b"
    monkeypatch.setattr(registry.TASKS, "constant", lambda *a: None)
    assert catalog.teacher_name(Config.of()) == "google-bert/bert-base-uncased"


def test_what_cannot_be_read_is_not_offered(home):
    broken = home / "teachers" / "0123abcd"
    broken.mkdir(parents=True)
    (broken / "key.json").write_text("{}")
    (broken / "teacher.json").write_text("{")
    assert catalog.saved_teachers() == []


# texts that are too long

LONG = "a film she sings the soup was cold and quiet in a room"


@pytest.mark.parametrize("most", [8, 9, 12])
def test_of_a_long_text_its_beginning_and_its_end_are_read(tiny_teacher, most):
    whole = loading.load_teacher(str(tiny_teacher), LABELS, False, Config.of(max_tokens=64)).encode([(LONG,)])[0]
    asked = loading.load_teacher(str(tiny_teacher), LABELS, False, Config.of(max_tokens=most))
    (cut,) = asked.encode([(LONG,)])
    first, *inner, last = whole["input_ids"]
    head = {8: 2, 9: 2, 12: 3}[most]  # a quarter of the room between the special tokens
    tail = most - 2 - head
    assert cut["input_ids"] == [first, *inner[:head], *inner[-tail:], last]
    assert cut["token_type_ids"] == [0] * most
    assert asked.lengths([(LONG,), ("a film",)]) == [len(whole["input_ids"]), 4]
    assert asked.encode([("a film",)])[0]["input_ids"] == [first, *inner[:2], last]


def test_where_the_beginning_alone_is_read_and_of_pairs_nothing_has_changed(tiny_teacher):
    asked = loading.load_teacher(str(tiny_teacher), LABELS, False, Config.of(max_tokens=10, cut="head"))
    both = loading.load_teacher(str(tiny_teacher), LABELS, False, Config.of(max_tokens=10))
    for text in [(LONG, "a film"), ("a film", LONG)]:
        one = both.tokenizer(*text, truncation="longest_first", max_length=10)["input_ids"]
        assert asked.encode([text])[0]["input_ids"] == both.encode([text])[0]["input_ids"] == one
    whole = asked.tokenizer(LONG)["input_ids"]
    assert asked.encode([(LONG,)])[0]["input_ids"] == [*whole[:9], whole[-1]]


def test_teachers_that_were_fine_tuned_on_beginnings_are_found_again(bare, toy, home):
    def key(**knobs) -> dict[str, object]:
        before = set((home / "teachers").glob("*/key.json"))
        run(fine_tuning.fine_tune(tuning(bare, teacher_epochs=1, **knobs), toy))
        (made,) = set((home / "teachers").glob("*/key.json")) - before
        return json.loads(made.read_text())

    both, head = key(), key(cut="head")
    assert both["cut"] == "head_tail" and head == {name: both[name] for name in both if name != "cut"}
    assert key(max_tokens="auto")["max_tokens"] == 64


def test_answers_that_are_not_finite_are_an_error_and_a_quick_precision_that_makes_them_so_is_not_used(
    asked, texts, monkeypatch
):
    right, forward = asked.logits(texts), asked.forward
    asked.dtype = torch.bfloat16

    def overflowing(inputs, dtype):
        logits = forward(inputs, torch.float32)
        return logits * float("inf") if dtype == torch.bfloat16 else logits

    monkeypatch.setattr(asked, "forward", overflowing)
    assert torch.equal(asked.logits(texts), right)
    for wrong in ("nan", "inf", "-inf"):
        monkeypatch.setattr(asked, "forward", lambda inputs, dtype, wrong=wrong: forward(inputs, dtype) * float(wrong))
        with pytest.raises(TeacherError, match="answers with numbers that are not finite"):
            asked.logits(texts)


def test_a_teacher_of_huge_weights_is_refused_where_it_answers(model, texts):
    state = load_file(model / "model.safetensors")
    save_file(
        {key: value * (1e30 if value.ndim > 1 else 1) for key, value in state.items()}, model / "model.safetensors"
    )
    with pytest.raises(TeacherError, match="not finite"):
        loading.load_teacher(str(model), LABELS, False, Config.of()).logits(texts)
