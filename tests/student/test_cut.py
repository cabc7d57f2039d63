"""A student cut from its teacher: which layers, which pieces, how narrow, and what it needs."""

import csv
import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from running import run
from safetensors.torch import load_file, save_file
from test_predictor import REPORT, assert_answers_alone
from torch import Tensor
from toy import TOY

from distill_core.cache import Cache
from distill_core.config.automatic import learning_rate
from distill_core.config.layers import choose_layers
from distill_core.config.schema import Config
from distill_core.errors import KnobError
from distill_core.estimation import cost, profiling
from distill_core.evaluation import latency
from distill_core.events import Compared, StageEnded
from distill_core.runs import archive_validation
from distill_core.student import cutting, export, persistence
from distill_core.student.encoders import cut
from distill_core.student.nearest import nearest
from distill_core.student.network import encode_rows, pad, predict_logits
from distill_core.student.runtime import Vocabulary
from distill_core.student.vocabularies import teacher_tokens
from distill_core.student.vocabulary import build_vocabulary
from distill_core.teacher.fine_tuning import load_untuned
from distill_core.teacher.loading import load_teacher
from distill_core.teacher.model import Teacher

TEXTS = [text for texts in TOY.values() for text in texts]


@pytest.fixture(scope="module")
def teacher(lively_teacher: Path) -> Teacher:
    teacher = load_teacher(str(lively_teacher), ("good", "bad"), True, Config.of())  # not in its own order
    teacher.dtype = torch.float32
    return teacher


def vocabulary_of(teacher: Teacher, data: Vocabulary | None = None, limit: int = 10_000) -> teacher_tokens.Vocabulary:
    return teacher_tokens.Vocabulary.of(teacher, data, Config.of(student="cut", vocabulary_limit=limit))


def answers(
    teacher: Teacher, texts: list[tuple[str, ...]], words: teacher_tokens.Vocabulary | None = None, **knobs: object
) -> Tensor:
    words = words or vocabulary_of(teacher)
    student = cut.Student.of(teacher, 2, Config.of(student="cut", **knobs), words).eval()
    return predict_logits(student, encode_rows(words, texts, 128, teacher.cut))


@pytest.mark.parametrize(
    ("choice", "depth", "numbers"),
    [("first_last", 6, [0, 5]), ("first_last", 1, [0]), ("even:3", 6, [0, 2, 5]), ("even:1", 6, [5]),
     ("last:2", 6, [4, 5]), ("first:2", 6, [0, 1]), ("all", 3, [0, 1, 2]), ("5,0", 6, [0, 5]),
     ("even:6", 6, [*range(6)]), ("every:2", 6, [0, 2, 4]), ("every:3", 12, [0, 3, 6, 9]), ("every:9", 6, [0])],
)  # fmt: skip
def test_layers_are_chosen_by_a_word_or_by_number(choice: str, depth: int, numbers: list[int]) -> None:
    assert choose_layers(Config.of(layers=choice).layers, depth) == numbers


@pytest.mark.parametrize("choice", ["even:7", "last:7", "first:7", "0,6"])
def test_layers_that_the_teacher_lacks_are_refused_with_their_number(choice: str) -> None:
    with pytest.raises(KnobError, match="The teacher has 6 layers, numbered from 0 to 5") as refusal:
        choose_layers(choice, 6)
    assert refusal.value.knob == "layers"


@pytest.mark.parametrize("choice", ["", "odd:3", "even:", "even:0", "0;5", "-1"])
def test_what_means_no_layers_is_refused(choice: str) -> None:
    with pytest.raises(KnobError, match="it must be first_last, all"):
        Config.of(layers=choice)


def test_one_layer_is_the_teacher_without_the_other(teacher: Teacher) -> None:
    import copy

    short = copy.copy(teacher)
    short.model = copy.deepcopy(teacher.model)
    del short.model.base_model.encoder.layer[0]
    texts = [(text, text[::-1]) for text in TEXTS]
    assert torch.allclose(answers(teacher, texts, layers="last:1"), short.logits(texts), atol=1e-4)
    assert not torch.allclose(answers(teacher, texts, layers="first:1"), short.logits(texts), atol=1e-2)


def test_padding_changes_nothing_in_training_either(teacher: Teacher) -> None:
    student = cut.Student.of(teacher, 2, Config.of(dropout=0.0), vocabulary_of(teacher))
    ids, lengths = pad([[5, 6, 7], [8, 9, 3, 4, 5, 6]])
    wider = torch.cat([ids, torch.full((2, 4), 9, dtype=ids.dtype)], dim=1)
    assert torch.allclose(student([(wider, lengths)]), student([(ids, lengths)]), atol=1e-5)
    alone = student([(ids[:1, :3], lengths[:1])])
    alone.sum().backward()
    assert torch.allclose(student([(ids, lengths)])[:1], alone, atol=1e-5)
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in student.parameters())


def test_a_short_vocabulary_reads_its_own_pieces_as_before_and_others_as_their_nearest(teacher: Teacher) -> None:
    own = TEXTS[:4]
    data = build_vocabulary("pieces", own, teacher.subword_tokenizer(), teacher.mask_token)
    data = data.aliased(nearest(data, teacher))
    words = vocabulary_of(teacher, data, limit=4)
    assert len(words.tokens) < len(teacher.input_embeddings())
    seen = [(text, f"[MASK] {text}") for text in own]
    assert torch.allclose(answers(teacher, seen, words, layers="all"), teacher.logits(seen), atol=1e-4)
    (token, row), *_ = [pair for pair in data.aliases if data.tokenizer.id_to_token(pair[0]).isalpha()]
    new, near = (data.tokenizer.id_to_token(one) for one in (token, data.token_ids[row]))
    assert words.sides([(new,)], 9) == words.sides([(near,)], 9) or near.startswith("##")
    unaliased = vocabulary_of(teacher, data.aliased(()), limit=4)
    assert unaliased.sides([(new,)], 9)[0][0][1] == words.tokens.index(teacher.tokenizer.unk_token_id)


def test_room_in_its_table_is_filled_with_the_teachers_other_pieces(teacher: Teacher) -> None:
    data = build_vocabulary("pieces", TEXTS[:4], teacher.subword_tokenizer(), teacher.mask_token)
    data = data.aliased(nearest(data, teacher))
    least, pieces = vocabulary_of(teacher, data, limit=4), len(teacher.input_embeddings())
    more = vocabulary_of(teacher, data, limit=len(least.tokens) + 5)
    first = [token for token in range(pieces) if token not in least.tokens][:5]
    assert set(more.tokens) == {*least.tokens, *first} and not {token for token, _ in more.aliases} & set(more.tokens)
    assert vocabulary_of(teacher, data).tokens == [*range(pieces)]
    whole = vocabulary_of(teacher, build_vocabulary("words", TEXTS), limit=4)
    assert whole.tokens == [*range(pieces)], "whole words say nothing of pieces"


def test_a_narrow_table_is_the_nearest_of_its_rank(teacher: Teacher) -> None:
    texts = [(text,) for text in TEXTS]
    exact, few = answers(teacher, texts, layers="all"), answers(teacher, texts, layers="all", table_width=31)
    assert torch.allclose(few, exact, atol=0.2) and not torch.equal(few, exact)
    words = vocabulary_of(teacher)
    for width in (4, 12):
        weights, _ = cutting.cut(teacher, words.tokens, "all", width)
        table = weights["pieces.weight"] @ weights["widen.weight"].T + weights["widen.bias"]
        full = teacher.input_embeddings()
        _, values, _ = torch.linalg.svd(full - full.mean(0))
        assert weights["pieces.weight"].shape[1] == width
        assert float((table - full).square().sum()) == pytest.approx(float(values[width:].square().sum()), rel=1e-3)


def spoilt(lively_teacher: Path, folder: Path, change: Callable[[dict[str, Tensor]], None]) -> Teacher:
    """The teacher with other weights."""
    state = load_file(lively_teacher / "model.safetensors")
    change(state)
    shutil.copytree(lively_teacher, folder)
    save_file(state, folder / "model.safetensors")
    teacher = load_teacher(str(folder), ("good", "bad"), True, Config.of())
    teacher.dtype = torch.float32
    return teacher


def test_heads_and_units_that_change_no_answer_are_the_first_to_go(lively_teacher: Path, tmp_path: Path) -> None:
    texts, name = [(text,) for text in TEXTS], "bert.encoder.layer.{}.{}.dense.weight"
    idle_units = torch.arange(0, 64, 2)

    def idle(state: dict[str, Tensor]) -> None:  # what the second and the first head give, and every other unit
        state[name.format(0, "attention.output")][:, 16:] = 0
        state[name.format(1, "attention.output")][:, :16] = 0
        for layer in (0, 1):
            state[name.format(layer, "output")][:, idle_units] = 0

    teacher = spoilt(lively_teacher, tmp_path / "idle", idle)
    whole = answers(teacher, texts, layers="all")
    words, config = vocabulary_of(teacher), Config.of(student="cut", layers="all", heads=1, feed_forward=32)
    student = cut.Student.of(teacher, 2, config, words, texts).eval()
    assert [layer.heads for layer in student.layers] == [1, 1]
    assert [layer.up.out_features for layer in student.layers] == [32, 32]
    read = encode_rows(words, texts, 128, teacher.cut)
    assert torch.allclose(predict_logits(student, read), whole, atol=1e-5)
    blind = cut.Student.of(teacher, 2, config, words).eval()  # without texts, as where speed alone is asked for
    assert blind.state_dict().keys() == student.state_dict().keys()
    assert not torch.allclose(predict_logits(blind, read), whole, atol=1e-2)
    every = Config.of(student="cut", layers="all", heads=128, feed_forward=9999)
    assert torch.equal(predict_logits(cut.Student.of(teacher, 2, every, words, texts).eval(), read), whole)


def test_a_loss_on_each_head_and_a_student_that_lacks_some_do_not_go_together() -> None:
    with pytest.raises(KnobError, match="compares each attention head of a student with its teacher's, and with heads"):
        Config.of(student="cut", heads=2, loss="layers")
    with pytest.raises(KnobError, match="compares each attention head"):
        Config.of(student="cut", heads=2, first_loss="layers")
    assert Config.of(student="cut", heads=2, feed_forward=8, loss="distilbert").heads == 2
    assert Config.of(student="cut", feed_forward=8, loss="layers").feed_forward == 8


def scale(state: dict[str, Tensor], name: str, columns: slice, by: float) -> None:
    state[name][:, columns] *= by


def test_a_part_weighs_as_much_as_the_answers_change_with_its_output(lively_teacher: Path, tmp_path: Path) -> None:
    texts, step = [(text,) for text in TEXTS], 1e-3
    name = "bert.encoder.layer.1.{}.dense.weight"

    def lengths(teacher: Teacher) -> Tensor:
        logits = teacher.logits(texts).double()
        return (logits - logits.mean(1, keepdim=True)).norm(dim=1)

    teacher = spoilt(lively_teacher, tmp_path / "as it is", lambda state: None)
    heads, units = cutting.weigh_parts(teacher, [1], texts)[0]
    assert heads.shape == (2,) and units.shape == (64,)
    for part, columns, weight in (("attention.output", slice(0, 16), heads[0]), ("output", slice(5, 6), units[5])):
        moved = []
        for sign in (1, -1):
            larger = partial(scale, name=name.format(part), columns=columns, by=1 + sign * step)
            moved.append(lengths(spoilt(lively_teacher, tmp_path / f"{part} {sign}", larger)))
        slope = ((moved[0] - moved[1]) / (2 * step)).abs().mean()
        assert float(weight) == pytest.approx(float(slope), rel=0.05, abs=1e-3)


@pytest.fixture(params=[False, True], ids=["single", "pair"])
def config(
    request: pytest.FixtureRequest, tmp_path: Path, lively_teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> Config:
    monkeypatch.setattr(latency, "SECONDS", 0.01)
    rows = [(text, text[::-1], label) for label, texts in TOY.items() for text in texts]
    file = tmp_path / "rows.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows([("text", "other", "label"), *rows])
    pair = {"text2": "other"} if request.param else {}
    return Config.of(task="file", train=str(file), text="text", label="label", **pair, student="cut",
                     teacher=str(lively_teacher), n_iter=1, batch=8, epochs=2, evaluations=2, max_tokens=24,
                     table_width=8, heads=1, feed_forward=40, teach_anyway=True)  # fmt: skip


def test_a_run_its_export_and_its_control(config: Config, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    events = run(config, tmp_path / "run", cache)
    (compared,) = (event for event in events if isinstance(event, Compared))
    assert set(compared.summary["scores"]) == {"floor", "control", "student", "teacher"}
    student = persistence.load(tmp_path / "run" / "student")
    row = ("a warm and funny film", "[MASK] soup")[: 1 + student.settings["pair"]]
    assert len(student.vocabulary.sides([row], 24)) == 1  # both sentences of a pair as one text
    assert student.settings["teacher_layers"] == [[0, 1], 2]
    assert [(layer.heads, layer.up.out_features) for layer in student.model.layers] == [(1, 40), (1, 40)]
    out = export.export(tmp_path / "run" / "student", tmp_path / "out", REPORT)
    card = (out / "README.md").read_text(encoding="utf-8")
    assert "layers 1, 2 of 2 with at most 1 attention head and 40 feed-forward units each," in card
    assert_answers_alone(out, student, row, tmp_path)
    archive_validation._student(tmp_path / "run" / "student", "a run of another machine")

    def control_cached(folder: str, **knobs: object) -> bool:
        events = run(config.model_copy(update=knobs), tmp_path / folder, cache)
        return next(event.cached for event in events if isinstance(event, StageEnded) and event.stage == "control")

    assert control_cached("again") and not control_cached("other", layers="last:1")
    assert not control_cached("shorter", vocabulary_limit=student.settings["entries"] - 2)


def test_its_control_starts_from_the_same_cut(config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    starts: list[dict[str, Tensor]] = []
    of = cut.Student.of

    def remember(*given: object) -> cut.Student:
        model = of(*given)
        starts.append({name: value.detach().clone() for name, value in model.state_dict().items()})
        return model

    monkeypatch.setattr(cut.Student, "of", remember)
    run(config, tmp_path / "run", Cache(tmp_path / "cache"))
    control, student = starts
    assert all(torch.equal(control[name], student[name]) for name in control)


@pytest.fixture(params=["electra", "modernbert"])
def encoder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A small encoder without a head, of another family, width and vocabulary than the teacher."""
    from transformers import BertTokenizer, ElectraConfig, ElectraModel, ModernBertConfig, ModernBertModel

    words = sorted({word for text in TEXTS for word in text.split()} - set("ai,"))
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words[::-1], *"abcdefghijklmnopqrstuvwxyz,"]
    tokenizer = BertTokenizer(vocab={piece: number for number, piece in enumerate(pieces)}, model_max_length=48)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        sizes = {"vocab_size": len(pieces), "hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 3,
                 "max_position_embeddings": 48}  # fmt: skip
        if request.param == "electra":
            model: Any = ElectraModel(ElectraConfig(**sizes, embedding_size=12, intermediate_size=40))
        else:
            special = {"pad_token_id": 0, "cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3}
            model = ModernBertModel(ModernBertConfig(**sizes, **special, intermediate_size=60, local_attention=6))
    model.save_pretrained(tmp_path / f"tiny-{request.param}")
    tokenizer.save_pretrained(tmp_path / f"tiny-{request.param}")
    return tmp_path / f"tiny-{request.param}"


def test_another_encoder_may_be_the_student(config: Config, encoder: Path, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    own = Config.of(**config.model_dump() | {"student_model": str(encoder), "student": "auto", "layers": "auto"})
    events = run(own, tmp_path / "run", cache)
    student = persistence.load(tmp_path / "run" / "student")
    assert student.settings["teacher_layers"] == [[0, 1, 2], 3], "all of its layers"
    assert student.settings["encoder"] == encoder.name and str(tmp_path) not in json.dumps(student.settings)
    texts = load_untuned(own, ("bad", "good"), str(encoder))
    assert student.vocabulary.sides([("a warm film",)], 24)[0][0] == [
        student.vocabulary.tokens.index(token) for token in texts.encode([("a warm film",)])[0]["input_ids"]
    ], "its own pieces"
    (compared,) = (event for event in events if isinstance(event, Compared))
    assert set(compared.summary["scores"]) == {"floor", "control", "student", "teacher"}
    out = export.export(tmp_path / "run" / "student", tmp_path / "out", REPORT)
    card = (out / "README.md").read_text(encoding="utf-8")
    assert (
        f"It is the encoder {encoder.name}: layers 1, 2, 3 of 3 with at most 1 attention head" in card
        and "and its head" not in card
    )
    row = ("a warm and funny film", "[MASK] soup and more of it")[: 1 + student.settings["pair"]]
    assert_answers_alone(out, student, row, tmp_path, within=1e-5)
    archive_validation._student(tmp_path / "run" / "student", "a run of another machine")

    def control_cached(folder: str, **knobs: object) -> bool:
        events = run(own.model_copy(update=knobs), tmp_path / folder, cache)
        return next(event.cached for event in events if isinstance(event, StageEnded) and event.stage == "control")

    assert control_cached("again") and not control_cached("of-the-teacher", student_model=None)


def test_another_encoder_is_timed_and_checked_itself(
    config: Config, encoder: Path, tiny_teacher: Path, tmp_path: Path
) -> None:
    own = config.model_copy(update={"student_model": str(encoder), "layers": "all"})
    cache = Cache(tmp_path / "cache")
    list(profiling.profile(own, tmp_path, cache))
    assert cost.known_measurements(own, cache).student
    assert not cost.known_measurements(config, cache).student, "that of the teacher is another"
    with pytest.raises(KnobError, match="has 3 layers, numbered from 0 to 2"):
        run(own.model_copy(update={"layers": "0,3", "fine_tune": True}), tmp_path / "deep", Cache(tmp_path / "c"))


def test_an_encoder_that_no_student_would_use_is_refused() -> None:
    with pytest.raises(KnobError, match="only a student that is cut has an encoder of its own"):
        Config.of(student="bilstm", student_model="a/b")
    assert Config.of(student="bilstm", students="cut", student_model="a/b").student_model == "a/b"
    with pytest.raises(KnobError, match="reads other tokens: choose another loss"):
        Config.of(student_model="a/b", loss="distilbert")
    assert Config.of(student_model="").student_model is None


def test_a_teacher_that_none_can_be_cut_from_is_refused_before_it_is_fine_tuned(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = config.model_copy(update={"layers": "0,7", "fine_tune": True, "teacher_epochs": 1})
    monkeypatch.setattr("distill_core.teacher.fine_tuning._train", lambda *a, **k: pytest.fail("it was trained"))
    with pytest.raises(KnobError, match="The teacher has 2 layers"):
        run(asked, tmp_path / "run", Cache(tmp_path / "cache"))
    with pytest.raises(KnobError, match="The teacher has 2 layers"):
        list(profiling.profile(asked, tmp_path, Cache(tmp_path / "cache")))


def test_auto_is_the_learning_rate_of_the_students_own_kind() -> None:
    rate = learning_rate
    assert rate(Config.of(student="bag")) == 4e-3 and rate(Config.of(student="cut")) == cut.LR
    assert rate(Config.of(student="cut", lr=0.01)) == 0.01
