"""Activations of a student on one text: its pieces, the state after each in both directions, and the head's layers.

Hooks record the pass that computes the prediction, so nothing is computed a second way. Knows nothing of runs or the
store.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from distill_core import tokenization
from distill_core.config.schema import Config
from distill_core.errors import DataError
from distill_core.evaluation.objective import objective_for
from distill_core.messages import message
from distill_core.registry import EMBEDDINGS
from distill_core.student import persistence, vocabulary
from distill_core.student.network import Student, pad, predict_logits
from distill_core.student.predictor import Predictor
from distill_core.student.runtime import cut_sequence
from distill_core.student.source import EmbeddingSource
from distill_core.unicode import replace_surrogates

# Poolings that an encoder may concatenate: the last state of each direction (of the backward one: at the first piece),
# and each unit's maximum and mean.
POOLINGS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "ahead": lambda ahead, back: ahead[-1],
    "back": lambda ahead, back: back[0],
    "ahead_max": lambda ahead, back: ahead.amax(0),
    "back_max": lambda ahead, back: back.amax(0),
    "ahead_mean": lambda ahead, back: ahead.mean(0),
    "back_mean": lambda ahead, back: back.mean(0),
}


@dataclass(frozen=True)
class SubwordReading:
    """A piece of the text, and the vocabulary's entry that it is read as: "[UNK]" for an unknown one."""

    text: str
    read_as: str


@dataclass(frozen=True)
class SentenceActivations:
    """The activations of one sentence. `ahead` and `back` (pieces, units) are the states of the two readings in the
    order of the text, None where the encoder has no such states; `vector` (outputs,) is the encoder's output.
    `poolings` names its parts of `units` numbers each, by the keys of POOLINGS; () where it has others."""

    pieces: list[SubwordReading]
    ahead: Tensor | None
    back: Tensor | None
    vector: Tensor
    poolings: tuple[str, ...]


@dataclass(frozen=True)
class Activations:
    """The activations of one text. `joined` is the head's input, `fc` its hidden layer after ReLU, `logits` (labels,)
    its output; `prefix_logits` (pieces, labels) are the logits of the text cut after each piece, None for a pair.
    `alignment` is, where a pair is read together, how much each piece of the first sentence looks at each of the
    second (pieces, pieces of the other), and the other way round."""

    sides: list[SentenceActivations]
    joined: Tensor
    fc: Tensor
    logits: Tensor
    prefix_logits: Tensor | None
    alignment: tuple[Tensor, Tensor] | None


class RecurrentStates(NamedTuple):
    """The output of one recurrent layer, by its name in the encoder."""

    name: str
    bidirectional: bool
    output: Tensor | PackedSequence


def read_activations(student: Predictor, row: Sequence[str]) -> Activations:
    """The student's activations on one sentence, or on the two of a pair. Raises DataError for a network of a
    component's own."""
    model = student.model
    if not isinstance(model, Student):
        raise DataError(message(
            "A {student} student is a network of its own, without the encoder and the head that are shown here. Choose "
            "a run with another student.", student=student.settings["student"]))  # fmt: skip
    states: list[RecurrentStates] = []
    sides: list[tuple[list[RecurrentStates], Tensor]] = []
    captured: dict[str, Tensor] = {}
    aligned: list[list[Tensor]] = []

    thread = threading.get_ident()  # the student is shared: other threads' passes are not recorded

    def record_states(name: str) -> Callable[[nn.RNNBase, Any, Any], None]:
        def hook(module: nn.RNNBase, inputs: Any, output: Any) -> None:
            if threading.get_ident() == thread:
                states.append(RecurrentStates(name, module.bidirectional, output[0]))

        return hook

    def record_sides(module: nn.Module, inputs: Any, output: Tensor | tuple[Tensor, ...]) -> None:
        if threading.get_ident() == thread:
            if isinstance(output, Tensor):
                sides.append((list(states), output[0]))
            else:  # two sentences read together, as rows of one batch, which pads the shorter
                for side, (vector, lengths) in enumerate(zip(output, inputs[1::2], strict=True)):
                    end = int(lengths[0])
                    own = [one._replace(output=_padded(one.output)[side : side + 1, :end]) for one in states]
                    sides.append((own, vector[0]))
            states.clear()

    def record_alignment(module: nn.Module, inputs: Any, output: tuple[Tensor, Tensor]) -> None:
        if threading.get_ident() == thread:
            aligned.append([weights[0] for weights in output])

    def record_head_input(module: nn.Module, inputs: Any) -> None:
        if threading.get_ident() == thread:
            captured["joined"] = inputs[0][0]

    def record_hidden_layer(module: nn.Module, inputs: Any, output: Tensor) -> None:
        if threading.get_ident() == thread:
            captured["fc"] = output[0]

    layers = [(name, module) for name, module in model.encoder.named_modules() if isinstance(module, nn.RNNBase)]
    hooks = [module.register_forward_hook(record_states(name)) for name, module in layers]
    hooks.append(model.encoder.register_forward_hook(record_sides))
    if (alignment := alignment_of(student)) is not None:
        hooks.append(alignment.register_forward_hook(record_alignment))
    hooks.append(model.head.register_forward_pre_hook(record_head_input))
    hooks.append(model.head[1].register_forward_hook(record_hidden_layer))
    try:
        logits = torch.from_numpy(student.logits([tuple(row)]))[0]
    finally:
        for hook in hooks:
            hook.remove()
    sentences = [_sentence(student, sentence, *side) for sentence, side in zip(row, sides, strict=True)]
    prefix_logits = _prefix_logits(student, row[0]) if len(row) == 1 else None
    alignments = None
    if aligned:
        (there, back), (first, second) = aligned[0], (len(side.pieces) for side in sentences)
        alignments = there[:first, :second], back[:second, :first]
    return Activations(sentences, captured["joined"], captured["fc"], logits, prefix_logits, alignments)


def alignment_of(student: Predictor) -> nn.Module | None:
    """The module by which the student aligns the two sentences of a pair, None where it reads them one by one."""
    found = getattr(student.model.encoder, "alignment", None) if isinstance(student.model, Student) else None
    return found if isinstance(found, nn.Module) else None


def to_dict(student: Predictor, reading: Activations, digits: int = 4) -> dict[str, Any]:
    """The student's activations as plain lists, rounded, for JSON; the `prefix_logits` become its probabilities."""

    def plain(value: Tensor | NDArray[Any] | None) -> Any:
        return None if value is None else _rounded(value.tolist(), digits)

    sides = [
        {
            "pieces": [{"text": piece.text, "read_as": piece.read_as} for piece in side.pieces],
            "ahead": plain(side.ahead),
            "back": plain(side.back),
            "vector": plain(side.vector),
            "made": list(side.poolings),
        }
        for side in reading.sides
    ]
    prefixes = None if reading.prefix_logits is None else plain(student.probabilities(reading.prefix_logits.numpy()))
    rest = {name: plain(getattr(reading, name)) for name in ("joined", "fc", "logits")}
    alignment = reading.alignment and [plain(weights) for weights in reading.alignment]
    return {"sides": sides, "so_far": prefixes, "alignment": alignment, **rest}


def untrained_predictor(
    teacher: EmbeddingSource, texts: Sequence[tuple[str, ...]], pair: bool, config: Config
) -> Predictor:
    """A student of the config's shape with the vocabulary of `texts`, before any training."""
    sentences = [side for row in texts for side in row]
    pieces = teacher.subword_tokenizer() if config.vocabulary == "pieces" else None
    words = vocabulary.build_vocabulary(config.vocabulary, sentences, pieces, teacher.mask_token)
    generator = torch.Generator().manual_seed(config.seed)
    vectors = EMBEDDINGS.get(config.vectors).make(words, teacher, config.width, config, generator)
    words = persistence.choose_vocabulary(config, config.student, words, teacher)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model = persistence.build_model(config, config.student, vectors, len(teacher.labels), pair, teacher, words)
    settings = persistence.settings(config, teacher.labels, pair, model, objective_for(config).name)
    return Predictor(model, words, settings)


def _sentence(student: Predictor, sentence: str, states: list[RecurrentStates], vector: Tensor) -> SentenceActivations:
    pieces = _pieces(student, sentence)
    ahead, back = _directions(states)
    return SentenceActivations(pieces, ahead, back, vector, _pooling_names(ahead, back, vector))


def _pooling_names(ahead: Tensor | None, back: Tensor | None, vector: Tensor) -> tuple[str, ...]:
    """The poolings that the vector is joined of, by comparison of the numbers."""
    if ahead is None or back is None or len(vector) % ahead.shape[1]:
        return ()
    known = {name: part(ahead, back) for name, part in POOLINGS.items()}
    names = [
        next((name for name, part in known.items() if torch.allclose(part, chunk, atol=1e-6)), "")
        for chunk in torch.split(vector, ahead.shape[1])
    ]
    return tuple(names) if all(names) else ()


def _directions(states: list[RecurrentStates]) -> tuple[Tensor | None, Tensor | None]:
    """Forward and backward states in the order of the text, of the last layer that reads both ways, or of the last two,
    of which "back" reads the text turned round."""
    outputs = {name: _unpacked(output) for name, _, output in states}
    both = [name for name, bidirectional, _ in states if bidirectional]
    if both:
        ahead, back = outputs[both[-1]].chunk(2, dim=1)
        return ahead, back
    last = list(outputs)[-2:]
    if [name.rpartition(".")[2] for name in last] == ["ahead", "back"]:
        return outputs[last[0]], outputs[last[1]].flip(0)
    return None, None


def _unpacked(output: Tensor | PackedSequence) -> Tensor:
    return _padded(output)[0]


def _padded(output: Tensor | PackedSequence) -> Tensor:
    states: Tensor = pad_packed_sequence(output, batch_first=True)[0] if isinstance(output, PackedSequence) else output
    return states


def _pieces(student: Predictor, sentence: str) -> list[SubwordReading]:
    words = student.vocabulary
    rows = words.ids([sentence], *student.limit)[0]
    valid = replace_surrogates(sentence).replace(tokenization.MASK, words.mask_token)
    encoded = words.tokenizer.encode(valid, add_special_tokens=False)
    spans = [
        valid[start:end].strip() or token for (start, end), token in zip(encoded.offsets, encoded.tokens, strict=True)
    ]
    spans = cut_sequence(spans, *student.limit) or [sentence]  # none known
    return [SubwordReading(span, words.entries[row]) for span, row in zip(spans, rows, strict=True)]


def _prefix_logits(student: Predictor, sentence: str) -> Tensor:
    ids = student.vocabulary.ids([sentence], *student.limit)[0]
    return predict_logits(student.model, [pad([ids[:end] for end in range(1, len(ids) + 1)])])


def _rounded(value: Any, digits: int) -> Any:
    return [_rounded(one, digits) for one in value] if isinstance(value, list) else round(value, digits)
