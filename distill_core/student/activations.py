"""A student at work on one text: its pieces, the state after each in both directions, and what the head makes of it.

Hooks listen to the very pass that gives the prediction, so nothing here is computed a second way. Knows nothing of
runs or the store.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from distill_core import tokenization
from distill_core.config.schema import Config
from distill_core.registry import EMBEDDINGS, STUDENTS
from distill_core.student import persistence, vocabulary
from distill_core.student.batching import pad, predict_logits
from distill_core.student.model import Student
from distill_core.student.predictor import Predictor
from distill_core.unicode import replace_surrogates

if TYPE_CHECKING:
    from distill_core.teacher.model import Teacher


# Of a reading's states: the last of each direction (the backward one stands at the first piece), each unit's highest.
POOLINGS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "ahead": lambda ahead, back: ahead[-1],
    "back": lambda ahead, back: back[0],
    "ahead_max": lambda ahead, back: ahead.amax(0),
    "back_max": lambda ahead, back: back.amax(0),
}


@dataclass(frozen=True)
class SubwordReading:
    """What stands in the text, and the vocabulary's entry that it is read as: "[UNK]" where it is not known."""

    text: str
    read_as: str


@dataclass(frozen=True)
class SentenceActivations:
    """One sentence. `ahead` and `back` (pieces, units) are the states of the two readings in the order of the text,
    None where the encoder has no such states; `vector` (outputs,) is what the encoder hands on. `made` names its parts
    of `units` numbers each, as PARTS does; () where it is made otherwise."""

    pieces: list[SubwordReading]
    ahead: Tensor | None
    back: Tensor | None
    vector: Tensor
    made: tuple[str, ...]


@dataclass(frozen=True)
class Activations:
    """One text read. `joined` is what the head is given, `fc` its hidden layer after ReLU, `logits` (labels,) the
    answer; `prefix_logits` (pieces, labels) holds the logits had the text ended at each piece, None for a pair."""

    sides: list[SentenceActivations]
    joined: Tensor
    fc: Tensor
    logits: Tensor
    prefix_logits: Tensor | None


def read_activations(student: Predictor, row: Sequence[str]) -> Activations:
    """The student's reading of one sentence or of the two of a pair."""
    model = student.model
    states: list[tuple[str, bool, Any]] = []
    sides: list[tuple[list[tuple[str, bool, Any]], Tensor]] = []
    heard: dict[str, Tensor] = {}

    thread = threading.get_ident()  # the student is shared: another thread's pass is none of ours

    def listen(name: str) -> Any:
        def hook(module: nn.RNNBase, given: Any, out: Any) -> None:
            if threading.get_ident() == thread:
                states.append((name, module.bidirectional, out[0]))

        return hook

    def side_read(module: nn.Module, given: Any, out: Tensor) -> None:
        if threading.get_ident() == thread:
            sides.append((list(states), out[0]))
            states.clear()

    def given_to_head(module: nn.Module, given: Any) -> None:
        if threading.get_ident() == thread:
            heard["joined"] = given[0][0]

    def hidden_layer(module: nn.Module, given: Any, out: Tensor) -> None:
        if threading.get_ident() == thread:
            heard["fc"] = out[0]

    readers = [(name, module) for name, module in model.encoder.named_modules() if isinstance(module, nn.RNNBase)]
    hooks = [module.register_forward_hook(listen(name)) for name, module in readers]
    hooks.append(model.encoder.register_forward_hook(side_read))
    hooks.append(model.head.register_forward_pre_hook(given_to_head))
    hooks.append(model.head[1].register_forward_hook(hidden_layer))
    try:
        found = student.logits([tuple(row)])[0]
    finally:
        for hook in hooks:
            hook.remove()
    told = [_side(student, sentence, *side) for sentence, side in zip(row, sides, strict=True)]
    return Activations(
        told, heard["joined"], heard["fc"], found, _prefix_logits(student, row[0]) if len(row) == 1 else None
    )


def to_dict(reading: Activations, temperature: float = 1.0, digits: int = 4) -> dict[str, Any]:
    """A reading as plain lists, rounded: what a page can be sent. The `temperature` divides the `prefix_logits`,
    which become probabilities."""

    def plain(value: Tensor | None) -> Any:
        return None if value is None else _rounded(value.tolist(), digits)

    sides = [
        {
            "pieces": [{"text": piece.text, "read_as": piece.read_as} for piece in side.pieces],
            "ahead": plain(side.ahead),
            "back": plain(side.back),
            "vector": plain(side.vector),
            "made": list(side.made),
        }
        for side in reading.sides
    ]
    so_far = None if reading.prefix_logits is None else plain(torch.softmax(reading.prefix_logits / temperature, 1))
    rest = {name: plain(getattr(reading, name)) for name in ("joined", "fc", "logits")}
    return {"sides": sides, "so_far": so_far, **rest}


def untrained_predictor(teacher: "Teacher", texts: Sequence[tuple[str, ...]], pair: bool, config: Config) -> Predictor:
    """A student of the config's shape with the vocabulary of `texts`, before any training."""
    sentences = [side for row in texts for side in row]
    pieces = teacher.subword_tokenizer() if config.vocabulary == "pieces" else None
    words = vocabulary.build_vocabulary(config.vocabulary, sentences, pieces, teacher.mask_token)
    generator = torch.Generator().manual_seed(config.seed)
    vectors = EMBEDDINGS.get(config.vectors).make(words, teacher, config.width, config, generator)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model = Student(
            vectors, STUDENTS.get(config.student).Encoder, len(teacher.labels), pair, config.hidden, config.fc,
            config.dropout, config.channels,
        )  # fmt: skip
    return Predictor(model, words, persistence.settings(config, teacher.labels, pair, vectors))


def _side(
    student: Predictor, sentence: str, states: list[tuple[str, bool, Any]], vector: Tensor
) -> SentenceActivations:
    pieces = _pieces(student, sentence)
    ahead, back = _directions(states)
    return SentenceActivations(pieces, ahead, back, vector, _pooling_names(ahead, back, vector))


def _pooling_names(ahead: Tensor | None, back: Tensor | None, vector: Tensor) -> tuple[str, ...]:
    """What the vector is joined of, found by looking."""
    if ahead is None or back is None or len(vector) % ahead.shape[1]:
        return ()
    known = {name: part(ahead, back) for name, part in POOLINGS.items()}
    names = [
        next((name for name, part in known.items() if torch.equal(part, chunk)), "")
        for chunk in vector.split(ahead.shape[1])
    ]
    return tuple(names) if all(names) else ()


def _directions(states: list[tuple[str, bool, Any]]) -> tuple[Tensor | None, Tensor | None]:
    """Forward and backward states in the order of the text: of one network that reads both ways, or of two, of which
    "back" was given the text turned round."""
    found = {name: _unpacked(out) for name, _, out in states}
    both = [name for name, bidirectional, _ in states if bidirectional]
    if both:
        ahead, back = found[both[-1]].chunk(2, dim=1)
        return ahead, back
    if set(found) == {"ahead", "back"}:
        return found["ahead"], found["back"].flip(0)
    return None, None


def _unpacked(out: Tensor | PackedSequence) -> Tensor:
    return (pad_packed_sequence(out, batch_first=True)[0] if isinstance(out, PackedSequence) else out)[0]


def _pieces(student: Predictor, sentence: str) -> list[SubwordReading]:
    words = student.vocabulary
    rows = words.ids([sentence], student.settings["max_tokens"])[0]
    valid = replace_surrogates(sentence).replace(tokenization.MASK, words.mask_token)
    encoded = words.tokenizer.encode(valid, add_special_tokens=False)
    spans = [
        valid[start:end].strip() or token for (start, end), token in zip(encoded.offsets, encoded.tokens, strict=True)
    ]
    return [
        SubwordReading(span, words.entries[row]) for span, row in zip(spans or [sentence], rows, strict=False)
    ]  # cut, or none known


def _prefix_logits(student: Predictor, sentence: str) -> Tensor:
    ids = student.vocabulary.ids([sentence], student.settings["max_tokens"])[0]
    return predict_logits(student.model, [pad([ids[:end] for end in range(1, len(ids) + 1)])])


def _rounded(value: Any, digits: int) -> Any:
    return [_rounded(one, digits) for one in value] if isinstance(value, list) else round(value, digits)
