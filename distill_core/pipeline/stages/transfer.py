"""Stage transfer: the texts for the student, its vocabulary over them, and its starting vectors."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from distill_core import tokenization
from distill_core.cache import CacheKey, digest, write_file
from distill_core.distillation.transfer_set import TransferSet, build_transfer_set
from distill_core.events import Fact, Note
from distill_core.messages import Message, message_data, restore_message
from distill_core.pipeline.context import FORMAT, Done, RunContext, Stage
from distill_core.pipeline.stages.data import DataOutput
from distill_core.pipeline.stages.teacher import TeacherOutput
from distill_core.registry import EMBEDDINGS
from distill_core.student.nearest import nearest
from distill_core.student.runtime import Vocabulary
from distill_core.student.vocabulary import build_vocabulary
from distill_core.teacher.model import Teacher


@dataclass(frozen=True)
class TransferOutput:
    """Transfer set, the student's vocabulary, and its starting vectors (vocabulary.size, width) float32.
    `own_vocabulary`: that of a student which is a network of its own, in the pieces of the model it comes from."""

    transfer_set: TransferSet
    vocabulary: Vocabulary
    vectors: Tensor
    own_vocabulary: Vocabulary


def run(context: RunContext, data: DataOutput, teacher: TeacherOutput) -> Stage[TransferOutput]:
    """Build the transfer set, the vocabulary and the starting vectors. Raises KnobError, DataError, Stopped."""
    config, model = context.config, teacher.teacher
    needed = config.vocabulary == "pieces" or data.dataset.language in tokenization.WITHOUT_SPACES
    subwords = model.subword_tokenizer() if needed else None
    transfer_set = yield from build_transfer_set(
        data.dataset, config, subwords, context.stop, model, context.cache, context.folder
    )
    yield Fact("transfer", {"texts": len(transfer_set.texts), "counts": transfer_set.counts})
    sentences = [side for row in transfer_set.texts for side in row]
    limit = config.vocabulary_limit
    vocabulary = build_vocabulary(config.vocabulary, sentences, subwords, model.mask_token, limit=limit)
    vocabulary = _with_nearest(context, model, vocabulary)
    own, source = vocabulary, teacher.source
    if source is not model:
        own = build_vocabulary("pieces", sentences, source.subword_tokenizer(), source.mask_token, limit=limit)
        own = _with_nearest(context, source, own)
    vectors, messages, cached = _starting_vectors(context, model, vocabulary)
    for sentence in messages:
        yield Note(sentence, about="transfer")
    yield Fact("vocabulary", {"size": vocabulary.size, "width": vectors.shape[1], "cached": cached})
    return Done(TransferOutput(transfer_set, vocabulary, vectors, own))


def _with_nearest(context: RunContext, teacher: Teacher, vocabulary: Vocabulary) -> Vocabulary:
    """The vocabulary in which each other piece of the teacher is read as its nearest, where the config asks for it."""
    wanted = context.config.unseen == "nearest" and vocabulary.kind == "pieces"
    return vocabulary.aliased(_nearest(context, teacher, vocabulary)) if wanted else vocabulary


def _nearest(context: RunContext, teacher: Teacher, vocabulary: Vocabulary) -> list[tuple[int, int]]:
    """Pairs (piece, row): the vocabulary's row nearest to each piece of the teacher that has none. Cached, for the
    comparison takes seconds."""
    key: CacheKey = {"format": FORMAT, "teacher": teacher.fingerprint, "entries": digest(vocabulary.entries)}

    def make(place: Path) -> None:
        table = torch.tensor(nearest(vocabulary, teacher), dtype=torch.int32).reshape(-1, 2)
        write_file(place / "nearest.safetensors", save({"nearest": table}))

    def load(place: Path) -> list[tuple[int, int]]:
        table = load_file(place / "nearest.safetensors")["nearest"].tolist()
        return [(token, row) for token, row in table]

    return context.cache.memo("nearest", key, make, load)[0]


def _starting_vectors(
    context: RunContext, teacher: Teacher, vocabulary: Vocabulary
) -> tuple[Tensor, list[Message], bool]:
    """Table of starting vectors, the messages of its source, and whether it came from the cache."""
    config = context.config
    key: CacheKey = {
        "format": FORMAT, "vectors": config.vectors, "file": _file_key(config.vectors_file), "width": config.width,
        "seed": config.seed, "teacher": teacher.fingerprint, "entries": digest(vocabulary.entries),
    }  # fmt: skip

    def make(place: Path) -> None:
        generator = torch.Generator().manual_seed(config.seed)
        report: list[Message] = []
        source = EMBEDDINGS.get(config.vectors).make
        table = source(vocabulary, teacher, config.width, config, generator, report.append)
        write_file(place / "vectors.safetensors", save({"vectors": table.contiguous()}))
        stored = json.dumps([(sentence, message_data(sentence)) for sentence in report])
        write_file(place / "said.json", stored.encode())

    def load(place: Path) -> tuple[Tensor, list[Message]]:
        stored = json.loads((place / "said.json").read_text(encoding="utf-8"))
        return load_file(place / "vectors.safetensors")["vectors"], [restore_message(*one) for one in stored]

    (table, report), cached = context.cache.memo("vectors", key, make, load)
    return table, report, cached


def _file_key(file: str | None) -> list[str | int] | None:
    if file is None or not Path(file).is_file():
        return None
    stat = Path(file).stat()
    return [str(Path(file).resolve()), stat.st_size, stat.st_mtime_ns]
