"""Guessing masked pieces: DistilBERT's third loss, by the head of the teacher's base."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from running import run
from safetensors.torch import load_file, save_file
from scipy.stats import binomtest
from toy import TOY

from distill_core.cache import Cache
from distill_core.config.schema import Config
from distill_core.distillation import masked_head, student_trainer
from distill_core.distillation.losses import distilbert, distilbert_mlm
from distill_core.errors import TeacherError
from distill_core.estimation import cost, profiling
from distill_core.evaluation import latency
from distill_core.evaluation.objective import SINGLE_LABEL
from distill_core.events import Compared, Note, Point
from distill_core.outputs import ModelOutput
from distill_core.student import masked_pieces, persistence
from distill_core.student.encoders import cut
from distill_core.student.network import encode_rows, pad
from distill_core.student.outputs import student_outputs
from distill_core.student.vocabularies import teacher_tokens
from distill_core.teacher.fine_tuning import load_untuned
from distill_core.teacher.model import Teacher

TEXTS = [text for texts in TOY.values() for text in texts]
SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
         "max_position_embeddings": 64, "initializer_range": 0.2}  # fmt: skip
DISTILBERT = {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64, "max_position_embeddings": 64,
              "initializer_range": 0.2}  # fmt: skip


def make_base(kind: str, folder: Path, tokenizer: Path) -> Path:
    """A random masked language model as its owners ship it, with biases that tell the pieces apart."""
    from tokenizers import ByteLevelBPETokenizer
    from transformers import CONFIG_MAPPING, AutoModelForMaskedLM, AutoTokenizer

    if kind == "roberta":
        folder.mkdir()
        pairs = ByteLevelBPETokenizer()
        marks = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
        pairs.train_from_iterator(TEXTS, vocab_size=400, min_frequency=1, special_tokens=marks)
        pairs.save_model(str(folder))
        (folder / "tokenizer_config.json").write_text(json.dumps({}))
        size, options = pairs.get_vocab_size(), {**SMALL, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2,
                                                 "type_vocab_size": 1, "layer_norm_eps": 1e-5}  # fmt: skip
    else:
        shutil.copytree(tokenizer, folder, ignore=shutil.ignore_patterns("*.safetensors", "config.json"))
        size, options = len(AutoTokenizer.from_pretrained(folder)), DISTILBERT if kind == "distilbert" else SMALL
        if kind == "modernbert":
            special = {"pad_token_id": 0, "cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3}
            options = {**SMALL, **special, "local_attention": 6, "num_hidden_layers": 3}
    with torch.random.fork_rng():
        torch.manual_seed(5)
        model = AutoModelForMaskedLM.from_config(CONFIG_MAPPING[kind](vocab_size=size, **options))
        with torch.no_grad():
            for name, value in model.named_parameters():
                if value.ndim == 1 and "norm" not in name.lower():
                    value.normal_(std=0.5)
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def base(tiny_teacher: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base("bert", tmp_path_factory.mktemp("base") / "bert", tiny_teacher)


def config_of(base: Path, **knobs: Any) -> Config:
    shared = {"teacher": str(base), "fine_tune": True, "student": "cut", "loss": "distilbert_mlm", "layers": "all",
              "vocabulary_limit": 10_000, "dropout": 0.0, "max_tokens": 24}  # fmt: skip
    return Config.of(**shared | knobs)


def trained_parts(config: Config) -> tuple[Teacher, cut.Student, teacher_tokens.Vocabulary, masked_pieces.MaskedPieces]:
    teacher = load_untuned(config, ("bad", "good"))
    words = teacher_tokens.Vocabulary.of(teacher, None, config)
    student = cut.Student.of(teacher, 2, config, words)
    head = masked_head.find_head(config, teacher)
    guesser = student_trainer.masked_pieces(head, config, words, teacher, "cpu")
    assert guesser is not None
    return teacher, student, words, guesser


@pytest.mark.parametrize("kind", ["bert", "distilbert", "roberta", "modernbert"])
def test_an_uncut_student_guesses_as_the_teachers_base_does(kind: str, tiny_teacher: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForMaskedLM

    folder = make_base(kind, tmp_path / kind, tiny_teacher)
    teacher, student, words, guesser = trained_parts(config_of(folder))
    ids, lengths = encode_rows(words, [(text,) for text in TEXTS], 24, "head")[0]
    guesses, truth = guesser(student.eval(), [(ids, lengths)], 7)
    read, places = guesser.mask(ids, lengths, 7)
    inputs = {"input_ids": read.long() % len(words.tokens),
              "attention_mask": (torch.arange(ids.shape[1])[None] < lengths[:, None]).long()}  # fmt: skip
    with torch.inference_mode():
        theirs = AutoModelForMaskedLM.from_pretrained(folder).eval()(**inputs).logits[places]
    assert len(guesses) > 10 and torch.allclose(guesses, theirs, atol=1e-4)
    assert torch.equal(truth, ids[places] % len(words.tokens)) and float(theirs.std()) > 0.1


def test_one_piece_of_seven_is_guessed_four_of_five_of_them_masked(base: Path) -> None:
    """Devlin et al. 2019: 15 %; of these 80 % are the mask, 10 % another piece, 10 % as they were."""
    _, _, words, guesser = trained_parts(config_of(base))
    special = {words._rows[token] for token in range(5)}
    usual = torch.tensor([row for row in range(len(words.tokens)) if row not in special])
    ids = usual[torch.randint(len(usual), (200, 60), generator=torch.Generator().manual_seed(1))]
    ids[:, 0], ids[:, 20] = words._rows[2], words._rows[3]  # as [CLS] and [SEP] stand in a text
    ids[:, 21:] += len(words.tokens)  # the second sentence of a pair
    lengths = torch.randint(22, 61, (200,), generator=torch.Generator().manual_seed(2))
    read, places = guesser.mask(ids, lengths, 3)
    own = torch.arange(60)[None] < lengths[:, None]
    assert not places[~own].any() and not places[:, 0].any() and not places[:, 20].any()
    assert torch.equal(read[~places], ids[~places])
    assert torch.equal(read // len(words.tokens), ids // len(words.tokens)), "its sentence stays"
    rows, before = read[places] % len(words.tokens), ids[places] % len(words.tokens)
    count, masked, same = len(rows), int((rows == guesser.mask_row).sum()), int((rows == before).sum())
    assert binomtest(count, int(own.sum()) - 400, 0.15).pvalue > 1e-4
    assert binomtest(masked, count, 0.8).pvalue > 1e-4 and binomtest(same, count, 0.1).pvalue > 1e-4
    exchanged = set(rows.tolist()) - {guesser.mask_row}
    assert not exchanged & special and len(exchanged) > 20
    assert torch.equal(guesser.mask(ids, lengths, 3)[0], read) and not torch.equal(
        guesser.mask(ids, lengths, 4)[0], read
    )


def test_the_loss_is_distilberts_and_twice_the_guesses(base: Path) -> None:
    student = ModelOutput(
        torch.randn(2, 2), (torch.randn(2, 3, 4),), (), torch.tensor([3, 2]),
        guesses=torch.tensor([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]]), masked=torch.tensor([1, 0]),
    )  # fmt: skip
    teacher, config = ModelOutput(torch.randn(2, 2), (torch.randn(2, 3, 4),)), config_of(base, temperature=2.0)
    given = (teacher, torch.tensor([0, 1]), config, SINGLE_LABEL)
    guessing = -(torch.tensor(1 / 3).log() + (torch.tensor(2.0).exp() / (torch.tensor(2.0).exp() + 2)).log()) / 2
    found = distilbert_mlm.loss(student, *given) - distilbert.loss(student, *given)
    assert float(found) == pytest.approx(2 * float(guessing), rel=1e-5)
    sure = student._replace(guesses=torch.tensor([[-50.0, 50.0, -50.0], [50.0, -50.0, -50.0]]))
    assert float(distilbert_mlm.guessing_loss(sure)) == pytest.approx(0, abs=1e-6), "of one that knows"
    for none in (student._replace(guesses=(), masked=()), student._replace(guesses=torch.empty(0, 3), masked=())):
        assert float(distilbert_mlm.loss(none, *given)) == pytest.approx(float(distilbert.loss(student, *given)))


def test_it_teaches_layers_table_and_head(base: Path) -> None:
    _, student, words, guesser = trained_parts(config_of(base, layers="last:1", table_width=12))
    sides = encode_rows(words, [(text,) for text in TEXTS], 24, "head")

    def loss() -> torch.Tensor:
        guesses, masked = guesser(student, sides, 0)
        return distilbert_mlm.guessing_loss(ModelOutput(torch.zeros(1, 2), guesses=guesses, masked=masked))

    loss().backward()
    untouched = {"pooler.weight", "pooler.bias", "head.weight", "head.bias"}
    assert {name for name, one in student.named_parameters() if one.grad is None} == untouched
    assert all(one.grad is not None and one.grad.abs().sum() > 0 for one in guesser.parameters())
    learner = torch.optim.AdamW([*student.parameters(), *guesser.parameters()], lr=0.01)
    before = float(loss())
    for _ in range(60):
        learner.zero_grad()
        (value := loss()).backward()
        learner.step()
    assert float(value) < 0.1 * before, "it can learn what stands behind the masks"


def test_other_rows_of_the_batch_and_padding_change_no_guess(base: Path) -> None:
    _, student, _, guesser = trained_parts(config_of(base))
    rows = [[2, *range(40, 40 + size), 3] for size in (5, 9, 14)]
    ids, lengths = pad(rows)
    wider = torch.cat([ids, torch.full((3, 4), 9, dtype=ids.dtype)], 1)
    student.eval()
    alone = student.states(ids[:1, :7], lengths[:1])
    assert torch.allclose(student.states(wider, lengths)[:1, :7], alone, atol=1e-5)
    assert torch.allclose(student.states(ids, lengths)[:, 0], student.encode(ids, lengths), atol=1e-5)
    outputs = student_outputs(student, [(ids, lengths)], ("hidden_states",))
    assert torch.allclose(outputs.hidden_states[-1], student.states(ids, lengths), atol=1e-5)


def test_bert_s_first_files_name_its_norm_otherwise(base: Path, tmp_path: Path) -> None:
    old = tmp_path / "old"
    shutil.copytree(base, old)
    state = load_file(old / "model.safetensors")
    ways = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    for name in list(state):
        for new, earlier in ways.items():
            if name.endswith(new):
                state[name.replace(new, earlier)] = state.pop(name)
    save_file(state, old / "model.safetensors", metadata={"format": "pt"})
    found = [masked_head.find_head(config, load_untuned(config, ("bad", "good")))
             for config in (config_of(base), config_of(old))]  # fmt: skip
    assert torch.equal(found[0].norm[0], found[1].norm[0]) and torch.equal(found[0].norm[1], found[1].norm[1])


def test_a_base_without_a_head_says_so_before_start_and_another_model_may_lend_one(
    base: Path, tiny_teacher: Path, tmp_path: Path
) -> None:
    without = config_of(tiny_teacher)
    teacher = load_untuned(without, ("bad", "good"))
    with pytest.raises(TeacherError, match="has no head that guesses masked words. Name a masked language model with"):
        masked_head.find_head(without, teacher)
    assert "does not learn to guess masked words" in str(masked_head.missing_head(without))
    assert masked_head.missing_head(config_of(tiny_teacher, loss="distilbert")) is None
    assert masked_head.missing_head(config_of(base)) is None
    assert masked_head.missing_head(without.model_copy(update={"teacher": "nobody/there"})) is None, "not known yet"
    lent = without.model_copy(update={"filler": str(base)})
    assert masked_head.find_head(lent, teacher).source == str(base)
    other = tmp_path / "other"
    shutil.copytree(base, other)
    tokenizer = json.loads((other / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    vocabulary["film"], vocabulary["soup"] = vocabulary["soup"], vocabulary["film"]
    (other / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(TeacherError, match="reads other word pieces than the teacher"):
        masked_head.find_head(lent.model_copy(update={"filler": str(other)}), teacher)
    wider = make_base("distilbert", tmp_path / "wider", tiny_teacher)
    with pytest.raises(TeacherError, match="reads other word pieces than the teacher"):
        masked_head.find_head(lent.model_copy(update={"filler": str(wider)}), teacher)


@pytest.fixture
def rows(tmp_path: Path) -> dict[str, Any]:
    file = tmp_path / "rows.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows([("text", "label"), *((text, label) for label in TOY for text in TOY[label])])
    return {"task": "file", "train": str(file), "text": "text", "label": "label", "batch": 8, "epochs": 3,
            "evaluations": 3, "n_iter": 1, "neighbours": 0, "control": False, "teach_anyway": True,
            "teacher_epochs": 1}  # fmt: skip


def test_a_run_of_the_preset_guesses_saves_no_head_and_resumes_bit_for_bit(
    base: Path, rows: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latency, "SECONDS", 0.01)
    monkeypatch.setattr("distill_core.training.loop.CHECKPOINT_EVERY", 0.0)
    monkeypatch.setattr("distill_core.training.loop.CHECKPOINT_SHARE", 0)
    config = Config.of(preset="distilbert", teacher=str(base), fine_tune=True, max_tokens=24, **rows)
    assert config.loss == "distilbert_mlm"
    cache = Cache(tmp_path / "cache")
    events = run(config, tmp_path / "run", cache)
    assert any(isinstance(one, Compared) for one in events)
    notes = [one.text for one in events if isinstance(one, Note)]
    assert f"The student also learns to guess masked words, by the head of {base}." in notes
    student = persistence.load(tmp_path / "run" / "student").model
    assert not any("mask" in name or "dense" in name for name in student.state_dict())
    asked: list[int] = []

    def stop() -> bool:
        asked.append(1)
        return sum(map(bool, asked)) > limit

    limit = 10**9
    run(config, tmp_path / "count", cache, stop)
    limit, asked[:] = len(asked) - 4, []
    run(config, tmp_path / "resumed", cache, stop)
    assert list((tmp_path / "resumed").glob("student*.ckpt")), "it was stopped in the middle"
    again = run(config, tmp_path / "resumed", cache)
    resumed = persistence.load(tmp_path / "resumed" / "student").model.state_dict()
    assert all(torch.equal(value, resumed[name]) for name, value in student.state_dict().items())
    assert any(isinstance(one, Compared) for one in again)
    plain = run(config.model_copy(update={"loss": "distilbert"}), tmp_path / "plain", cache)
    other = persistence.load(tmp_path / "plain" / "student").model.state_dict()
    assert not all(torch.equal(value, other[name]) for name, value in student.state_dict().items())
    curves = [[one.value for one in of if isinstance(one, Point) and one.series == "student/valid_loss"]
              for of in (events, plain)]  # fmt: skip
    assert len(curves[0]) == 3 and all(mine > theirs for mine, theirs in zip(*curves, strict=True)), (
        "the validation loss counts the guesses"
    )


def test_a_run_without_a_head_says_so_and_learns_the_rest(
    tiny_teacher: Path, rows: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latency, "SECONDS", 0.01)
    config = Config.of(preset="distilbert", teacher=str(tiny_teacher), max_tokens=24, **rows)
    events, plain = (run(config.model_copy(update={"loss": name}), tmp_path / name, Cache(tmp_path / "cache"))
                     for name in ("distilbert_mlm", "distilbert"))  # fmt: skip
    notes = [one.text for one in events if isinstance(one, Note) and one.level == "warning"]
    assert any("does not learn to guess masked words: " in one for one in notes)
    assert not any(isinstance(one, Note) and "masked words" in one.text for one in plain)
    first, second = (persistence.load(tmp_path / name / "student").model.state_dict()
                     for name in ("distilbert_mlm", "distilbert"))  # fmt: skip
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_a_step_that_guesses_too_takes_longer_and_is_timed(base: Path, rows: dict[str, Any], tmp_path: Path) -> None:
    config = Config.of(**{"teacher": str(base), "fine_tune": True, "student": "cut", "loss": "distilbert_mlm"} | rows)
    cache, plain = Cache(tmp_path / "cache"), config.model_copy(update={"loss": "distilbert"})
    for one in (config, plain):
        list(profiling.profile(one, tmp_path, cache))
    paces = [cost.known_measurements(one, cache).student for one in (config, plain)]
    assert all(pace and pace["live"] > pace["step"] for pace in paces) and paces[0]["live"] > paces[1]["live"]
    assert cost.student_key(config) != cost.student_key(config.model_copy(update={"filler": "owner/name"}))
