"""Texts whose words are exchanged for near ones of the teacher's own table (TinyBERT's rates: Jiao et al. 2020)."""

import random
import time
from collections.abc import Callable, Iterator, Sequence

from tokenizers import Tokenizer

from distill_core.augmentation.augmenter import AugmentedText, Augmenter
from distill_core.config.schema import Config
from distill_core.config.transfer_size import mean_size, neighbour_passes
from distill_core.data.dataset import Dataset
from distill_core.data.examples import Text
from distill_core.distillation.neighbours import RATE, NeighbourWords
from distill_core.distillation.transfer_builder import TransferSetBuilder, transfer_note
from distill_core.errors import Stopped, TeacherError
from distill_core.events import Event, Progress
from distill_core.messages import message
from distill_core.progress import TimeLeft
from distill_core.student.source import EmbeddingSource

NAME = "neighbour"
REPORT_SECONDS = 0.25  # between two Progress events


def add_texts(
    builder: TransferSetBuilder, data: Dataset, config: Config, pieces: Tokenizer | None,
    stop: Callable[[], bool] | None, teacher: EmbeddingSource | None = None,
) -> Iterator[Event]:  # fmt: skip
    """Add the texts with near words, up to the limit. Raises Stopped."""
    texts = data.train.texts
    passes = neighbour_passes(config, len(texts), len(data.unlabelled), len(texts[0]) > 1, mean_size(texts))
    total = passes * len(texts)
    if not total or teacher is None:
        return
    if len(builder.texts) >= builder.limit:
        yield transfer_note("No texts with near words were made: the limit of {limit:,} texts ({knob:knob}) is "
                            "reached.", "warning", **builder.limit_values())  # fmt: skip
        return
    yield Progress("transfer", 0, total, "texts")
    try:
        near = NeighbourWords(teacher)
    except TeacherError as error:
        yield transfer_note("No texts with near words were made: {reason}", "warning", reason=error.args[0])
        return
    augmenter = neighbour_augmenter(texts, config, near, pieces, data.language)
    time_left, reported = TimeLeft(total), time.monotonic()
    for done, child in enumerate(neighbour_texts(augmenter, texts, passes, stop), 1):
        added = child.rules and builder.add(child.text, NAME, child.origin, texts[child.origin])
        if added and len(builder.texts) == builder.limit:
            break
        if done % 256 == 0 and (now := time.monotonic()) - reported > REPORT_SECONDS:
            reported = now
            yield Progress("transfer", done, total, "texts", time_left.after(done))
    yield Progress("transfer", total, total, "texts", 0.0)
    if not near.has_any:
        yield transfer_note("The teacher's table has no near words for these texts, so none were exchanged.",
                            "warning")  # fmt: skip


def neighbour_augmenter(
    texts: Sequence[Text], config: Config, near: NeighbourWords, pieces: Tokenizer | None, language: str | None
) -> Augmenter:
    """An augmenter of `texts` that exchanges words for near ones, found for all words of the texts at once."""
    augmenter = Augmenter(texts, config, pieces, language, only=(NAME, RATE, near))
    near.prepare(augmenter.words)
    return augmenter


def neighbour_texts(
    augmenter: Augmenter, texts: Sequence[Text], passes: int, stop: Callable[[], bool] | None = None
) -> Iterator[AugmentedText]:
    """The new texts, pass by pass and in random order, so that a limit cuts all texts alike. Raises Stopped."""
    order = list(range(len(texts)))
    random.Random(augmenter.seed).shuffle(order)
    for place in range(passes * len(texts)):
        if stop is not None and place % 256 == 0 and stop():
            raise Stopped(message("The run was stopped while the transfer set was made."))
        turn, origin = divmod(place, len(order))
        yield augmenter.make(texts[order[origin]], turn, order[origin])
