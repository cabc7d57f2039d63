"""Each family of encoders once: a tiny random model with its own tokenizer class, in the files of its real ones."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from toy import TOY

from distill_core.config.schema import Config
from distill_core.errors import KnobError, TeacherError
from distill_core.student import cutting, onnx_export, persistence
from distill_core.student.encoders import cut
from distill_core.student.network import encode_rows, predict_logits
from distill_core.student.predictor import Predictor
from distill_core.student.vocabularies import teacher_tokens
from distill_core.student.vocabulary import build_vocabulary
from distill_core.teacher import fine_tuning, loading, model, safe_loading
from distill_core.teacher.outputs import teacher_outputs
from distill_core.tokenization import MASK

TEXTS = [text for texts in TOY.values() for text in texts]
LABELS = ("bad", "good")
LETTERS = sorted(set("".join(TEXTS)) - {" "} | set("0123456789"))
WORDS = sorted({word for text in TEXTS for word in text.split() if len(word) > 1})
SMALL = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
    "max_position_embeddings": 40, "initializer_range": 0.2,
}  # fmt: skip
BERT_PAIR, ROBERTA_PAIR = "[CLS] A [SEP] B [SEP]", "<s> A </s></s> B </s>"


@dataclass(frozen=True)
class Family:
    """`config` and `model` are names in transformers; `pair` is how it wants two sentences; `files` writes its
    tokenizer into a folder and returns the size of its vocabulary; `reads` is how many tokens 40 positions hold."""

    model_type: str
    files: object
    pair: str = BERT_PAIR
    options: dict = field(default_factory=dict)
    mask: str = "[MASK]"
    reads: int = 40
    bin_only: bool = False
    drop: tuple[str, ...] = ()  # keys that old config files lack


def word_pieces(folder: Path, specials=("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"), cased: bool = False) -> int:
    words = [word.capitalize() if cased and i % 2 else word for i, word in enumerate(WORDS)]
    pieces = [*specials, *LETTERS, *(f"##{letter}" for letter in LETTERS), *words]
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    return len(pieces)


def with_settings(folder: Path, **settings) -> int:
    size = word_pieces(folder, settings.pop("specials", ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")))
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return size


def byte_pairs(folder: Path, specials: list[str], **settings) -> int:
    from tokenizers import ByteLevelBPETokenizer

    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(TEXTS, vocab_size=400, min_frequency=1, special_tokens=specials)
    trained.save_model(str(folder))
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return trained.get_vocab_size()


def sentence_pieces(folder: Path, file: str, ids: dict, extra: list[str], size: int = 0, **settings) -> int:
    import sentencepiece

    sentencepiece.SentencePieceTrainer.Train(
        sentence_iterator=iter(TEXTS), model_prefix=str(folder / "spm"), vocab_size=120, hard_vocab_limit=False,
        minloglevel=3, user_defined_symbols=extra, **ids,
    )  # fmt: skip
    (folder / "spm.vocab").unlink()
    (folder / "spm.model").rename(folder / file)
    if settings:
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / file))
    return processor.get_piece_size() + size


def xlm_pairs(folder: Path) -> int:
    specials = ["<s>", "</s>", "<pad>", "<unk>", *(f"<special{i}>" for i in range(10))]
    merges = ["f i", "fi l", "fil m</w>", "s o", "so u", "sou p</w>"]
    merged = [merge.replace(" ", "") for merge in merges]
    entries = [*specials, *LETTERS, *(f"{letter}</w>" for letter in LETTERS), *merged]
    (folder / "vocab.json").write_text(json.dumps({entry: i for i, entry in enumerate(dict.fromkeys(entries))}))
    (folder / "merges.txt").write_text("\n".join(merges) + "\n")
    return len(dict.fromkeys(entries))


XLM = {"emb_dim": 32, "n_layers": 2, "n_heads": 2, "embed_init_std": 0.2, "init_std": 0.2}
MARKS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
ALBERT = {"unk_id": 1, "pad_id": 0, "bos_id": -1, "eos_id": -1}
FAMILIES = {
    "BERT": Family("bert", with_settings),
    "mBERT": Family("bert", lambda folder: with_settings(folder, do_lower_case=False)),
    "MiniLM": Family("bert", lambda folder: with_settings(folder, do_lower_case=True, model_max_length=512)),
    "SpanBERT": Family(
        "bert", lambda folder: word_pieces(folder, cased=True), bin_only=True, drop=("model_type", "architectures")
    ),
    "BioBERT": Family("bert", lambda folder: word_pieces(folder, cased=True), bin_only=True),
    "ClinicalBERT": Family(
        "bert", lambda folder: word_pieces(folder, cased=True), bin_only=True, drop=("model_type", "id2label")
    ),
    "ELECTRA": Family("electra", with_settings, options={"embedding_size": 16}),
    "DistilBERT": Family(
        "distilbert", with_settings,
        options={"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64, "seq_classif_dropout": 0.2},
    ),  # fmt: skip
    "RoBERTa": Family(
        "roberta", lambda folder: byte_pairs(folder, MARKS), ROBERTA_PAIR, mask="<mask>", reads=38,
        options={"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "type_vocab_size": 1},
    ),  # fmt: skip
    "XLM-R": Family(
        "xlm-roberta",
        lambda folder: sentence_pieces(
            folder, "sentencepiece.bpe.model", {"unk_id": 0, "bos_id": 1, "eos_id": 2, "pad_id": -1}, [], 2
        ),
        ROBERTA_PAIR, mask="<mask>", reads=38,
        options={"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "type_vocab_size": 1},
    ),  # fmt: skip
    "XLM": Family("xlm", xlm_pairs, "<s> A </s> B </s>", {**XLM, "n_langs": 1, "pad_index": 2}, "<special1>"),
    "ALBERT": Family(
        "albert",
        lambda folder: sentence_pieces(folder, "spiece.model", ALBERT, ["[CLS]", "[SEP]", "[MASK]"]),
        options={"embedding_size": 16},
    ),
    "DeBERTa": Family(
        "deberta",
        lambda folder: byte_pairs(folder, ["[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]"]),
        options={"pad_token_id": 1, "type_vocab_size": 0, "relative_attention": True, "position_biased_input": False,
                 "pos_att_type": ["c2p", "p2c"], "max_relative_positions": -1},
    ),  # fmt: skip
    "DeBERTa v3": Family(
        "deberta-v2",
        lambda folder: sentence_pieces(
            folder, "spm.model", {"pad_id": 0, "bos_id": 1, "eos_id": 2, "unk_id": 3, "bos_piece": "[CLS]",
                                  "eos_piece": "[SEP]", "pad_piece": "[PAD]", "unk_piece": "[UNK]"},
            ["[MASK]"], do_lower_case=False, vocab_type="spm",
        ),
        options={"type_vocab_size": 0, "relative_attention": True, "position_biased_input": False,
                 "position_buckets": 8, "pos_att_type": "p2c|c2p", "share_att_key": True, "norm_rel_ebd": "layer_norm",
                 "max_relative_positions": -1},
    ),  # fmt: skip
    "MPNet": Family(
        "mpnet", lambda folder: with_settings(folder, specials=("<s>", "<pad>", "</s>", "[UNK]", "<mask>")),
        ROBERTA_PAIR, {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}, "<mask>", 38,
    ),  # fmt: skip
}  # fmt: skip


@pytest.fixture(scope="module", params=list(FAMILIES))
def family(request) -> Family:
    if request.param == "XLM":
        pytest.importorskip("sacremoses", reason="XLM's tokenizer class needs sacremoses")
    return FAMILIES[request.param]


@pytest.fixture(scope="module")
def folder(family, tmp_path_factory) -> Path:
    """The model as its owners ship it: pretrained, without a head."""
    from transformers import CONFIG_MAPPING
    from transformers.models.auto.modeling_auto import MODEL_MAPPING

    place = tmp_path_factory.mktemp(family.model_type)
    size = family.files(place)
    kind = CONFIG_MAPPING[family.model_type]
    own = {key: value for key, value in SMALL.items() if hasattr(kind(), key) and key not in kind.attribute_map}
    config = kind(vocab_size=size, **{**own, **family.options})
    torch.manual_seed(3)
    body = MODEL_MAPPING[type(config)](config)
    raw = {**config.to_dict(), "architectures": [type(body).__name__], "auto_map": {"AutoModel": "evil.Evil"}}
    (place / "config.json").write_text(json.dumps({k: v for k, v in raw.items() if k not in family.drop}))
    state = {key: value.contiguous() for key, value in body.state_dict().items()}
    if family.bin_only:
        old = {re.sub(r"LayerNorm\.(weight|bias)", _old_name, f"bert.{key}"): value for key, value in state.items()}
        torch.save(old, place / "pytorch_model.bin")
    else:
        save_file(state, place / "model.safetensors", metadata={"format": "pt"})
    return place


def _old_name(found: re.Match) -> str:
    return {"weight": "LayerNorm.gamma", "bias": "LayerNorm.beta"}[found.group(1)]


@pytest.fixture(autouse=True)
def exact(monkeypatch):
    monkeypatch.setattr("distill_core.teacher.model.fast_dtype", lambda where: torch.float32)


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """Of this module rather than of each test: a fine-tuning for every question would take long."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def asked(folder, home) -> model.Teacher:
    """Fine-tuned from its pretrained weights, one epoch."""
    config = Config.of(teacher=str(folder), fine_tune=True, teacher_epochs=1, teacher_batch=10, allow_pickle=True)
    rows = SimpleNamespace(texts=[(text,) for text in TEXTS], labels=[i // 10 for i in range(20)])
    data = SimpleNamespace(train=rows, valid=rows, unlabelled=[], labels=LABELS, pair=False)
    training = fine_tuning.fine_tune(config, data, home=home)
    while True:
        try:
            next(training)
        except StopIteration as end:
            return end.value


def test_without_its_head_it_is_refused(folder):
    with pytest.raises(TeacherError, match="never trained to classify"):
        loading.load_teacher(str(folder), LABELS, False, Config.of(allow_pickle=True))


def test_a_pair_stands_between_its_own_separators(family, asked):
    a, b = (asked._words([side])[0] for side in ("the film", "a soup"))
    ids = asked.encode([("the film", "a soup")])[0]["input_ids"]
    wanted = []
    for part in re.findall(r"<[^>]+>|\[[A-Z]+\]|A|B", family.pair):
        wanted += {"A": a, "B": b}.get(part) or [asked.tokenizer.convert_tokens_to_ids(part)]
    assert ids == wanted and asked.tokenizer.unk_token_id not in ids[1:-1]


def test_a_masked_word_is_its_mask(family, asked):
    one = asked.encode([(f"a {MASK} film",)])[0]["input_ids"]
    mask = asked.tokenizer.convert_tokens_to_ids(family.mask)
    assert asked.mask_token == family.mask and one.count(mask) == 1
    assert [i for i in one if i != mask] == asked.encode([("a film",)])[0]["input_ids"]


def test_it_knows_the_words_it_was_made_for(asked):
    asked.check_texts([(text,) for text in TEXTS])
    assert asked.unknown_share([(text,) for text in TEXTS]) < 0.05


def test_padding_and_neighbours_change_nothing(asked):
    texts = [("film",), ("the battery lasts for days " * 3,), ("a soup",), ("good", "the film is not bad")]
    together = torch.cat([asked.logits(texts[:3]), asked.logits(texts[3:])])
    assert torch.allclose(together, torch.cat([asked.logits([text]) for text in texts]), atol=1e-4)
    assert together.std(0).min() > 1e-3


def test_it_reads_as_much_as_its_positions_hold(family, asked):
    assert asked.max_tokens == family.reads
    assert asked.logits([("film soup " * 100,), ("film soup " * 100, "soup film " * 100)][:1]).isfinite().all()
    assert asked.logits([("film soup " * 100, "soup film " * 100)]).isfinite().all()


def test_its_pieces_make_a_students_vocabulary(asked):
    vocabulary = build_vocabulary("pieces", [*TEXTS, f"the {MASK} film"], asked.subword_tokenizer(), asked.mask_token)
    rows = vocabulary.ids(["the film", f"the {MASK} film"], 20)
    assert vocabulary.unk not in rows[0] and rows[1].count(vocabulary.mask) == 1
    assert [row for row in rows[1] if row != vocabulary.mask] == rows[0]
    own = asked.encode([("the film",)])[0]["input_ids"][len(asked._frame[0]) : -1]
    assert [vocabulary.teacher_ids[row] for row in rows[0]] == own


def test_static_vectors_and_table(asked):
    ids = asked._words(["film", "soup"])
    by_id, by_word = asked.static_vectors(ids), asked.static_vectors(["film", "soup"])
    assert torch.allclose(by_id, by_word, atol=1e-5) and by_id.shape == (2, 32) and by_id.isfinite().all()
    assert not torch.allclose(by_id[0], by_id[1], atol=1e-2)
    assert asked.input_embeddings().shape[0] == asked.model.config.vocab_size


def test_fine_tuned_and_kept_it_loads_by_itself(asked, home, monkeypatch):
    monkeypatch.setenv("STILLROOM_HOME", str(home))
    again = loading.load_teacher(asked.name, ("good", "bad"), False, Config.of())
    texts = [(text,) for text in TEXTS]
    assert torch.allclose(again.logits(texts), asked.logits(texts)[:, [1, 0]], atol=1e-5)


def test_a_student_cut_from_it_with_all_its_layers_answers_as_it_does(family, asked):
    if family.model_type in ("xlm", "deberta", "deberta-v2", "mpnet"):
        with pytest.raises(KnobError, match=f"of the family {family.model_type}, only from"):
            cut.Student.check(asked.model, Config.of(student="cut"))
        return
    config = Config.of(student="cut", layers="all")
    words = teacher_tokens.Vocabulary.of(asked, None, config)
    student = cut.Student.of(asked, 2, config, words).eval()
    for texts in ([("film",), (f"the {MASK} lasts for days " * 9,)], [("a soup", "the film " * 30), ("", "not bad")]):
        assert words.sides(texts, 128, asked.cut) == [[one["input_ids"] for one in asked.encode(texts)]] or words.types
        logits = predict_logits(student, encode_rows(words, texts, 128, asked.cut))
        assert torch.allclose(logits, asked.logits(texts), atol=1e-4), family.model_type
    for pair in (False, True):
        settings = persistence.settings(config, ["bad", "good"], pair, student) | {"max_tokens": 40}
        mine: Any = Predictor(student, words, settings)
        parity = onnx_export.check(mine, onnx_export.write_onnx(mine), [(text,) * (1 + pair) for text in TEXTS])
        assert parity.difference < 1e-4 and parity.longest == min(40, words.longest) and parity.sides == 1


OTHERS = {
    "camembert": {"pad_token_id": 1, "type_vocab_size": 1},
    "data2vec-text": {"pad_token_id": 1, "type_vocab_size": 1},
    "ernie": {},
    "flaubert": {**XLM, "n_langs": 1, "pad_index": 0},
    "megatron-bert": {},
    "mobilebert": {"embedding_size": 16, "true_hidden_size": 16, "intra_bottleneck_size": 16},
    "modernbert": {"pad_token_id": 0, "cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3},
    "rembert": {"input_embedding_size": 16, "output_embedding_size": 16},
    "roberta-prelayernorm": {"pad_token_id": 1, "type_vocab_size": 1},
    "squeezebert": {"embedding_size": 32, "q_groups": 1, "k_groups": 1, "v_groups": 1, "post_attention_groups": 1,
                    "intermediate_groups": 1, "output_groups": 1},
    "xlm-roberta-xl": {"pad_token_id": 1, "type_vocab_size": 1},
}  # fmt: skip


def test_a_student_cut_narrower_from_it_has_parts_of_every_layer(asked):
    if asked.model.config.model_type not in cutting.FAMILIES:
        return  # refused, as above
    if asked.model.config.model_type == "albert":
        with pytest.raises(KnobError, match="share their weights"):
            cut.Student.check(asked.model, Config.of(student="cut", heads=1))
        return
    texts = [(text,) for text in TEXTS[:8]]
    for heads, units in cutting.weigh_parts(asked, [0], texts):
        assert len(heads) == asked.model.config.num_attention_heads and len(units) > 8
        assert (heads > 0).all() and (units >= 0).all() and units.any()
    config = Config.of(student="cut", layers="all", heads=1, feed_forward=8)
    words = teacher_tokens.Vocabulary.of(asked, None, config)
    student = cut.Student.of(asked, 2, config, words, texts).eval()
    assert {(layer.heads, layer.up.out_features) for layer in student.layers} == {(1, 8)}
    assert predict_logits(student, encode_rows(words, texts, 16, "head")).isfinite().all()


def random_classifier(model_type: str, folder: Path, **options: object) -> model.Teacher:
    """A random model of that family with a borrowed tokenizer: here it is the model that is asked about."""
    from transformers import CONFIG_MAPPING, BertTokenizer
    from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING

    size = with_settings(folder)
    BertTokenizer.from_pretrained(folder).save_pretrained(folder)
    kind = CONFIG_MAPPING[model_type]
    own = {key: value for key, value in SMALL.items() if hasattr(kind(), key) and key not in kind.attribute_map}
    config = kind(vocab_size=size, **{**own, **OTHERS[model_type], **options})
    config.id2label = dict(enumerate(LABELS))
    torch.manual_seed(3)
    random = MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING[type(config)](config)
    with torch.no_grad():  # what begins with zeros or ones alike would hide a mistake
        for value in random.parameters():
            if value.ndim == 1:
                value.add_(0.3 * torch.randn_like(value))
    random.save_pretrained(folder)
    return loading.load_teacher(str(folder), LABELS, False, Config.of())


@pytest.mark.parametrize("model_type", OTHERS)
def test_the_other_families_load_and_answer(model_type, tmp_path):
    asked = random_classifier(model_type, tmp_path)
    texts = [("film",), ("the battery lasts for days " * 2,)]
    together = asked.logits(texts)
    assert torch.allclose(together, torch.cat([asked.logits([text]) for text in texts]), atol=1e-4)
    assert asked.logits([("film soup " * 100, "soup film " * 100)]).isfinite().all()
    assert asked.static_vectors(["film", "battery soup"]).isfinite().all()


MODERN = {"num_hidden_layers": 4, "local_attention": 8}
VARIANTS = [
    *(pytest.param(name, {}, id=name) for name in OTHERS if name in cutting.FAMILIES),
    pytest.param("ernie", {"use_task_id": True}, id="ernie with tasks"),
    pytest.param("modernbert", MODERN, id="modernbert with windows"),
    pytest.param("modernbert", {**MODERN, "classifier_pooling": "mean"}, id="modernbert by the mean"),
    pytest.param(
        "modernbert",
        {**MODERN, "norm_bias": True, "attention_bias": True, "mlp_bias": True, "classifier_bias": True,
         "hidden_activation": "silu", "classifier_activation": "relu", "global_attn_every_n_layers": 2},
        id="modernbert with biases",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("model_type", "options"), VARIANTS)
def test_a_student_cut_from_them_answers_as_they_do(model_type, options, tmp_path):
    asked = random_classifier(model_type, tmp_path, **options)
    config = Config.of(student="cut", layers="all")
    words = teacher_tokens.Vocabulary.of(asked, None, config)
    student = cut.Student.of(asked, 2, config, words).eval()
    for texts in ([("film",), (f"the {MASK} lasts for days " * 9,)], [("a soup", "the film " * 30), ("", "not bad")]):
        read = encode_rows(words, texts, 128, asked.cut)
        logits, theirs = predict_logits(student, read), asked.logits(texts)
        assert torch.allclose(logits, theirs, atol=1e-5) and theirs.std(0).min() > 1e-3
        scored = model_type not in ("megatron-bert", "rembert")
        needs = ("hidden_states", "attention_scores")[: 1 + scored]
        if not scored:
            with pytest.raises(KnobError, match="does not show its attention scores"):
                teacher_outputs(asked, texts, ("attention_scores",), torch.float32)
        seen = teacher_outputs(asked, texts, needs, torch.float32)
        own = torch.arange(read[0][0].shape[1])[None] < read[0][1][:, None]
        mine = student.outputs(read)
        assert torch.allclose(mine[0], theirs, atol=1e-5)
        for one, other in zip(mine[1], seen.hidden_states, strict=True):
            assert torch.allclose(one[own], other[own], atol=1e-5)
        both = (own[:, :, None] & own[:, None])[:, None].expand_as(mine[2][0])
        for one, other in zip(mine[2] if scored else (), seen.attention_scores, strict=True):
            assert torch.allclose(one[both], other[both], atol=1e-4)
    settings = persistence.settings(config, LABELS, False, student) | {"max_tokens": 128}
    mine: Any = Predictor(student, words, settings)
    parity = onnx_export.check(mine, onnx_export.write_onnx(mine), [(text,) for text in TEXTS])
    assert parity.difference < 1e-4 and parity.longest == min(128, words.longest)
    again = cut.Student.load(student.state_dict(), persistence.settings(config, LABELS, False, student)).eval()
    assert torch.equal(predict_logits(again, read), logits)
    shorter = cut.Student.of(asked, 2, Config.of(student="cut", layers="last:1", heads=1, feed_forward=8), words, texts)
    assert {(layer.heads, layer.down.in_features) for layer in shorter.layers} == {(1, 8)}
    before = {name: value.clone() for name, value in shorter.state_dict().items()}
    learner = torch.optim.AdamW(shorter.parameters(), lr=0.01)
    shorter(read).square().sum().backward()
    learner.step()
    unmoved = {name for name, value in shorter.state_dict().items() if torch.equal(value, before[name])}
    assert not unmoved, "training changes every weight"


def test_a_modernbert_of_other_rotations_is_refused(tmp_path):
    scaled = {"rope_type": "linear", "factor": 2.0, "rope_theta": 10_000.0}
    rope = {"full_attention": scaled, "sliding_attention": {"rope_type": "default", "rope_theta": 10_000.0}}
    asked = random_classifier("modernbert", tmp_path, rope_parameters=rope)
    with pytest.raises(KnobError, match="of the family modernbert"):
        cut.Student.check(asked.model, Config.of(student="cut"))


def test_every_allowed_family_is_tested():
    assert {*OTHERS, *(family.model_type for family in FAMILIES.values())} == set(safe_loading.FAMILIES)
