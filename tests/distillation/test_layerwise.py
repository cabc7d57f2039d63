"""Losses that compare a student's layers with its teacher's, and TinyBERT's two stages, by what they mean."""

import csv
from pathlib import Path
from typing import Any

import pytest
import torch
from running import run
from torch import Tensor
from torch.nn.functional import cosine_similarity, softmax
from toy import TOY

from distill_core.cache import Cache
from distill_core.config.automatic import automatic_values
from distill_core.config.schema import Config
from distill_core.config.training_length import first_steps
from distill_core.distillation.layerwise import cosine_distance, layer_distance, map_layers, squared_distance
from distill_core.distillation.student_trainer import StudentTrainer
from distill_core.errors import KnobError
from distill_core.evaluation import latency
from distill_core.evaluation.objective import SINGLE_LABEL
from distill_core.events import Compared, Note
from distill_core.outputs import ModelOutput
from distill_core.registry import LOSSES
from distill_core.student import persistence
from distill_core.student.encoders import cut
from distill_core.student.network import encode_rows, take_rows
from distill_core.student.outputs import student_outputs
from distill_core.student.vocabularies import teacher_tokens
from distill_core.teacher.loading import load_teacher
from distill_core.teacher.model import Teacher
from distill_core.teacher.outputs import teacher_outputs

TEXTS = [(text, text[::-1]) for texts in TOY.values() for text in texts]
NEEDS = ("hidden_states", "attention_scores")


@pytest.fixture(scope="module")
def teacher(lively_teacher: Path) -> Teacher:
    teacher = load_teacher(str(lively_teacher), ("good", "bad"), True, Config.of())
    teacher.dtype = torch.float32
    return teacher


def outputs_of(teacher: Teacher, texts: list[Any], **knobs: Any) -> tuple[ModelOutput, cut.Student]:
    config = Config.of(student="cut", vocabulary_limit=10_000, dropout=0.0, **knobs)
    words = teacher_tokens.Vocabulary.of(teacher, None, config)
    student = cut.Student.of(teacher, 2, config, words)
    return student_outputs(student, encode_rows(words, texts, 128, teacher.cut), NEEDS), student


def test_a_student_with_all_layers_has_the_teachers_states_and_scores(teacher: Teacher) -> None:
    """Word for word the same network: each state and each score before the softmax equals the teacher's."""
    theirs = teacher_outputs(teacher, TEXTS, NEEDS)
    mine, _ = outputs_of(teacher, TEXTS, layers="all")
    assert torch.equal(mine.lengths, theirs.lengths) and int(mine.lengths.min()) < mine.hidden_states[0].shape[1]
    assert torch.allclose(mine.logits, theirs.logits, atol=1e-4)
    own = torch.arange(mine.hidden_states[0].shape[1])[None] < mine.lengths[:, None]
    for one, other in zip(mine.hidden_states, theirs.hidden_states, strict=True):
        assert torch.allclose(one[own], other[own], atol=1e-4)
    both = (own[:, :, None] & own[:, None])[:, None].expand_as(mine.attention_scores[0])
    for one, other in zip(mine.attention_scores, theirs.attention_scores, strict=True):
        assert torch.allclose(one[both], other[both], atol=1e-4) and float(one[both].std()) > 0.01
    assert float(layer_distance(mine, theirs)) == pytest.approx(0, abs=1e-6)
    assert float(layer_distance(outputs_of(teacher, TEXTS, layers="last:1")[0], theirs)) > 0.01


def test_scores_are_those_that_the_attention_was_made_of(teacher: Teacher, monkeypatch: pytest.MonkeyPatch) -> None:
    before = teacher.model.config._attn_implementation
    scores = teacher_outputs(teacher, TEXTS[:1], NEEDS).attention_scores
    assert teacher.model.config._attn_implementation == before, "the teacher computes as before"
    teacher.model.set_attn_implementation("eager")
    try:
        inputs = teacher.pad(teacher.encode(TEXTS[:1]))
        with torch.inference_mode():
            weights = teacher.model(**inputs, output_attentions=True).attentions
    finally:
        teacher.model.set_attn_implementation(before)
    for one, other in zip(scores, weights, strict=True):
        assert torch.allclose(softmax(one, -1), other, atol=1e-5)


def test_padding_counts_nowhere(teacher: Teacher) -> None:
    short, long = TEXTS[:1], max(TEXTS, key=lambda text: len(text[0]))
    student, _ = outputs_of(teacher, short, layers="last:1")
    alone = layer_distance(student, teacher_outputs(teacher, short, NEEDS))
    padded, _ = outputs_of(teacher, [*short, long], layers="last:1")
    theirs = teacher_outputs(teacher, [*short, long], NEEDS)
    first = [
        ModelOutput(of.logits[:1], tuple(one[:1] for one in of.hidden_states),
                    tuple(one[:1] for one in of.attention_scores), of.lengths[:1])
        for of in (padded, theirs)
    ]  # fmt: skip
    assert first[0].hidden_states[0].shape[1] > student.hidden_states[0].shape[1]
    assert float(layer_distance(*first)) == pytest.approx(float(alone), rel=1e-4)
    angles = [
        float(cosine_distance(mine.hidden_states[-1], of.hidden_states[-1], mine.lengths))
        for mine, of in (first, (student, teacher_outputs(teacher, short, NEEDS)))
    ]
    assert angles[0] == pytest.approx(angles[1], rel=1e-4) and angles[0] > 1e-3


def test_the_distances_by_hand() -> None:
    states, other = torch.tensor([[[1.0, 0.0], [0.0, 2.0]]]), torch.tensor([[[1.0, 1.0], [5.0, 5.0]]])
    lengths = torch.tensor([1])
    assert float(squared_distance(states, other, lengths)) == pytest.approx(0.5)  # of the first token's two numbers
    assert float(cosine_distance(states, other, lengths)) == pytest.approx(1 - 2**-0.5)
    assert float(squared_distance(states, other, torch.tensor([2]))) == pytest.approx((0 + 1 + 25 + 9) / 4)
    scores = torch.arange(8.0).reshape(1, 2, 2, 2)
    assert float(squared_distance(scores, torch.zeros_like(scores), lengths)) == pytest.approx((0 + 16) / 2)


@pytest.mark.parametrize(
    ("depth", "teacher_depth", "numbers"),
    [(4, 12, [3, 6, 9, 12]), (6, 12, [2, 4, 6, 8, 10, 12]), (2, 6, [3, 6]), (1, 6, [6]), (6, 6, [*range(1, 7)])],
)  # fmt: skip
def test_each_layer_learns_from_one_in_even_steps_the_last_from_the_last(
    depth: int, teacher_depth: int, numbers: list[int]
) -> None:
    """Jiao et al. 2020, section 4.3: the m-th of four layers from the 3m-th of twelve."""
    assert map_layers(depth, teacher_depth) == numbers


def test_distilberts_loss_by_its_parts(teacher: Teacher) -> None:
    theirs, (mine, _) = teacher_outputs(teacher, TEXTS, NEEDS), outputs_of(teacher, TEXTS, layers="last:1")
    config, hard = Config.of(loss="distilbert", temperature=2.0), theirs.logits.argmax(1)
    found = LOSSES.get("distilbert").loss(mine, theirs, hard, config, SINGLE_LABEL)
    soft = LOSSES.get("soft_kl").loss(mine, theirs, hard, config, SINGLE_LABEL)
    cosines = [
        cosine_similarity(one[:length], other[:length], dim=1)
        for one, other, length in zip(
            mine.hidden_states[-1], theirs.hidden_states[-1], mine.lengths.tolist(), strict=True
        )
    ]
    assert float(found) == pytest.approx(float(5 * soft + 1 - torch.cat(cosines).mean()), rel=1e-5)


@pytest.mark.parametrize("name", ["layers", "distilbert"])
def test_descending_brings_the_layers_nearer(teacher: Teacher, name: str) -> None:
    config = Config.of(student="cut", vocabulary_limit=10_000, dropout=0.0, layers="first:1")
    words = teacher_tokens.Vocabulary.of(teacher, None, config)
    student = cut.Student.of(teacher, 2, config, words)
    sides = take_rows(encode_rows(words, TEXTS, 128, teacher.cut), torch.arange(8))
    theirs = teacher_outputs(teacher, TEXTS[:8], NEEDS)
    optimiser = torch.optim.SGD(student.parameters(), lr=0.02)

    def loss() -> Tensor:
        outputs = student_outputs(student, sides, NEEDS)
        return LOSSES.get(name).loss(outputs, theirs, theirs.logits.argmax(1), config, SINGLE_LABEL)

    before = loss()
    for _ in range(5):
        optimiser.zero_grad()
        loss().backward()
        optimiser.step()
    assert float(loss()) < 0.98 * float(before)


def test_a_student_without_layers_is_refused_and_auto_is_cut() -> None:
    for knobs in ({"loss": "distilbert"}, {"first_loss": "layers"}):
        with pytest.raises(KnobError, match="compares a student's layers with its teacher's, and bilstm has none"):
            Config.of(student="bilstm", **knobs)
        with pytest.raises(KnobError, match="and textcnn has none"):
            Config.of(student="cut", students="textcnn", **knobs)
        config = Config.of(**knobs)
        assert automatic_values(config.model_dump(), False, None)["student"] == "cut"
    assert automatic_values(Config.of().model_dump(), False, None)["student"] == "bilstm_max"


def config_of(file: Path, teacher: Path, **knobs: Any) -> Config:
    rows = [(text, label) for label, texts in TOY.items() for text in texts]
    with file.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows([("text", "label"), *rows])
    shared = {"task": "file", "train": str(file), "text": "text", "label": "label", "teacher": str(teacher), "batch": 8,
              "epochs": 2, "evaluations": 2, "max_tokens": 24, "teach_anyway": True, "control": False}  # fmt: skip
    return Config.of(**shared | knobs)


@pytest.mark.parametrize("preset", ["distilbert", "tinybert"])
def test_a_run_by_each_preset(
    preset: str, tmp_path: Path, lively_teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latency, "SECONDS", 0.01)
    config = config_of(tmp_path / "rows.csv", lively_teacher, preset=preset, neighbours=1, filled=1)
    used: list[str] = []
    of = StudentTrainer._loss_of
    monkeypatch.setattr(StudentTrainer, "_loss_of", lambda self, step: used.append(of(self, step)) or used[-1])
    events = run(config, tmp_path / "run", Cache(tmp_path / "cache"))
    (compared,) = (event for event in events if isinstance(event, Compared))
    layers = {"distilbert": [[0], 2], "tinybert": [[0], 2]}[preset]
    assert persistence.load(tmp_path / "run" / "student").settings["teacher_layers"] == layers
    assert compared.summary["scores"]["student"]["accuracy"] >= 0.5
    half = first_steps(config, len(used))
    two = [event.text for event in events if isinstance(event, Note) and "are made with the loss" in event.text]
    if preset == "tinybert":
        assert half == round(len(used) / 2) > 1 and used == ["layers"] * half + ["soft_kl"] * (len(used) - half)
        assert two == [f"The student's first {half} steps are made with the loss layers, the others with soft_kl."]
    else:
        assert not half and not two and set(used) == {"distilbert_mlm"}
