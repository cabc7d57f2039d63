"""What the lessons show of a student is what its prediction used."""

import threading

import numpy as np
import pytest
import torch
from torch import nn

from distill_core import Config, DataError, activations
from distill_core.api import inference
from distill_core.api.session import session
from distill_core.registry import STUDENTS
from distill_core.student.activations import read_activations, to_dict
from distill_core.student.network import Student, pad
from distill_core.student.persistence import has_own_network
from distill_core.student.predictor import Predictor
from distill_core.student.vocabulary import build_vocabulary

ENCODERS = [name for name in STUDENTS.names if not has_own_network(name)]
TEXTS = ("The soup was anything but bland.", "A tedious film, though the ending is lovely.")
KNOWN = "the soup was anything but bland . a tedious film though ending is lovely"


def student(kind: str, pair: bool = False, hidden: int = 6) -> Predictor:
    """A small random student whose vocabulary lacks the comma."""
    torch.manual_seed(3)
    words = build_vocabulary("words", [KNOWN])
    encoder = STUDENTS.get(kind).Encoder
    model = Student(torch.randn(words.size, 8), encoder, 3, pair, hidden, 5)
    return Predictor(model, words, {"labels": ["a", "b", "c"], "pair": pair, "max_tokens": 32})


def encoded(predictor: Predictor, text: str) -> torch.Tensor:
    with torch.inference_mode():
        return predictor.model.encode(*pad(predictor.vocabulary.ids([text], 32)))[0]


@pytest.mark.parametrize("kind", ENCODERS)
def test_what_is_shown_is_what_was_computed(kind: str) -> None:
    predictor = student(kind)
    found = read_activations(predictor, TEXTS[:1])
    (side,) = found.sides
    assert torch.equal(side.vector, encoded(predictor, TEXTS[0])) and torch.equal(found.joined, side.vector)
    assert np.array_equal(found.logits, predictor.logits([TEXTS[:1]])[0])
    with torch.inference_mode():
        assert torch.allclose(predictor.model.head[-1](found.fc), found.logits)
    assert len(side.pieces) == len(found.prefix_logits) == 7
    assert torch.allclose(found.prefix_logits[-1], found.logits, atol=1e-6)
    if side.ahead is not None:
        assert len(side.ahead) == len(side.back) == 7


@pytest.mark.parametrize("kind", ["bilstm", "bilstm2", "bilstm_max"])
def test_the_last_states_of_both_directions_are_what_the_encoder_hands_on(kind: str) -> None:
    predictor = student(kind)
    (side,) = read_activations(predictor, TEXTS[:1]).sides
    more = [side.ahead.amax(0), side.back.amax(0)] if kind == "bilstm_max" else []
    assert side.poolings == ("ahead", "back", "ahead_max", "back_max")[: 2 + len(more)]
    assert torch.equal(torch.cat([side.ahead[-1], side.back[0], *more]), encoded(predictor, TEXTS[0]))


def test_a_state_knows_only_what_its_direction_has_read() -> None:
    predictor = student("bilstm")
    (one,), (other,) = (
        read_activations(predictor, (text,)).sides for text in ("the soup was bland", "the soup was lovely")
    )
    assert torch.equal(one.ahead[:3], other.ahead[:3]) and not torch.allclose(one.ahead[3], other.ahead[3])
    assert not torch.allclose(one.back[:3], other.back[:3])


def test_a_text_that_ends_early_is_read_as_if_it_were_all() -> None:
    predictor = student("bilstm")
    found = read_activations(predictor, ("the soup was bland",))
    assert np.allclose(found.prefix_logits[1], predictor.logits([("the soup",)])[0], atol=1e-6)


def test_pieces_are_the_texts_own_and_say_what_is_not_known() -> None:
    (side,) = read_activations(student("bilstm"), ("The <b>Soup</b>, was",)).sides
    assert [(piece.text, piece.read_as) for piece in side.pieces][:3] == [
        ("The", "the"),
        ("<", "[UNK]"),
        ("b", "[UNK]"),
    ]
    assert ("Soup", "soup") in [(piece.text, piece.read_as) for piece in side.pieces]
    (empty,) = read_activations(student("bilstm"), ("",)).sides
    assert [piece.read_as for piece in empty.pieces] == ["[UNK]"] and len(empty.ahead) == 1


def test_one_reader_reads_both_sentences() -> None:
    found = read_activations(student("bilstm", pair=True), TEXTS)
    one, other = (side.vector for side in found.sides)
    assert torch.equal(found.joined, torch.cat([one, other, one * other, (one - other).abs()]))
    same = read_activations(student("bilstm", pair=True), (TEXTS[0], TEXTS[0]))
    assert torch.equal(same.sides[0].vector, same.sides[1].vector) and same.prefix_logits is None


MEETING = [name for name in ENCODERS if hasattr(STUDENTS.get(name).Encoder, "Pair")]


@pytest.mark.parametrize("kind", MEETING)
def test_the_alignment_is_what_the_pair_was_read_with(kind: str) -> None:
    predictor = student(kind, pair=True)
    found = read_activations(predictor, TEXTS)
    assert np.array_equal(found.logits, predictor.logits([TEXTS])[0]) and found.prefix_logits is None
    there, back = found.alignment
    sizes = [len(side.pieces) for side in found.sides]
    assert list(there.shape) == sizes and list(back.shape) == sizes[::-1]
    assert torch.allclose(there.sum(1), torch.ones(sizes[0])) and torch.allclose(back.sum(1), torch.ones(sizes[1]))
    one, other = (side.vector for side in found.sides)
    assert torch.equal(found.joined, torch.cat([one, other, one * other, (one - other).abs()]))
    for side in found.sides:  # of the reading whose mean and maximum the vector is
        assert len(side.ahead) == len(side.back) == len(side.pieces)
        assert side.poolings == ("ahead_mean", "back_mean", "ahead_max", "back_max")
    plain = to_dict(predictor, found)
    assert [len(weights) for weights in plain["alignment"]] == sizes
    assert read_activations(student("bilstm", pair=True), TEXTS).alignment is None


@pytest.mark.parametrize("kind", MEETING)
def test_a_run_tells_the_alignment_of_a_pair_where_its_student_makes_one(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = student(kind, pair=True)
    monkeypatch.setattr(session, "predictor", lambda run: predictor)
    read, found = inference.alignment("run", TEXTS), read_activations(predictor, TEXTS)
    assert read["pieces"] == [[piece.text for piece in side.pieces] for side in found.sides]
    for weights, known in zip(read["weights"], found.alignment, strict=True):
        assert torch.allclose(torch.tensor(weights), known, atol=1e-4)
    with pytest.raises(DataError):
        inference.alignment("run", "one text")
    for other in (student("bilstm", pair=True), student(kind)):
        predictor = other
        assert inference.alignment("run", TEXTS if other.settings["pair"] else TEXTS[0]) is None


def test_listening_leaves_no_trace_and_hears_no_other_thread() -> None:
    predictor = student("bilstm")
    stop = threading.Event()

    def busy() -> None:
        while not stop.is_set():
            predictor.logits([TEXTS[1:]])

    other = threading.Thread(target=busy)
    other.start()
    try:
        lengths = {len(read_activations(predictor, TEXTS[:1]).sides[0].ahead) for _ in range(20)}
    finally:
        stop.set()
        other.join()
    assert lengths == {7}
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in predictor.model.modules())


def test_a_reading_is_plain_and_rounded() -> None:
    predictor = student("bilstm")
    found = to_dict(predictor, read_activations(predictor, TEXTS[:1]), digits=2)
    assert found["sides"][0]["ahead"][0][0] == round(found["sides"][0]["ahead"][0][0], 2)
    assert sum(found["so_far"][0]) == pytest.approx(1, abs=0.02) and len(found["logits"]) == 3


def test_without_a_run_the_built_in_teacher_answers_and_the_student_is_new(home: object) -> None:
    found = activations(None, TEXTS[0])
    assert found["labels"] == ["negative", "positive"] and found["run"] is None and not found["student"]["trained"]
    assert found["teacher"]["logits"][1] > found["teacher"]["logits"][0] + 2  # it knows what "anything but bland" means
    shape = Config()
    (side,) = found["student"]["sides"]
    assert side["made"][:2] == ["ahead", "back"] and len(side["vector"]) == len(side["made"]) * shape.hidden
    assert len(found["student"]["fc"]) == shape.fc
    pair = activations(None, TEXTS)
    assert pair["teacher"] is None and len(pair["student"]["joined"]) == 4 * len(side["vector"])
    with pytest.raises(DataError, match="Type a text first"):
        activations(None, "  ")
    with pytest.raises(DataError, match="Give two texts"):
        activations(None, ("one", ""))


def test_recurrences_of_other_students_are_found_too() -> None:
    kinds = {kind: read_activations(student(kind), TEXTS[:1]).sides[0] for kind in ENCODERS}
    recurrent = {kind for kind, side in kinds.items() if side.ahead is not None}
    built = {
        kind
        for kind in ENCODERS
        if any(isinstance(module, nn.RNNBase) for module in student(kind).model.encoder.modules())
    }
    assert recurrent == built and {"bilstm", "bilstm2", "bigru"} <= recurrent
