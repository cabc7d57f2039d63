"""Texts whose words are exchanged for near ones of the teacher's own table (TinyBERT's rates: Jiao et al. 2020)."""

from collections.abc import Callable, Iterator, Sequence

from tokenizers import Tokenizer

from distill_core.augmentation.augmenter import AugmentedText, Augmenter, make_passes
from distill_core.config.schema import Config
from distill_core.config.transfer_size import mean_size, neighbour_passes
from distill_core.data.dataset import Dataset
from distill_core.data.examples import Text
from distill_core.distillation.neighbours import RATE, NeighbourWords
from distill_core.distillation.transfer_builder import SourceInputs, TransferSetBuilder, add_children, transfer_note
from distill_core.errors import TeacherError
from distill_core.events import Event, Progress

NAME = "neighbour"


def add_texts(builder: TransferSetBuilder, inputs: SourceInputs) -> Iterator[Event]:
    """Add the texts with near words, up to the limit. Raises Stopped."""
    texts, passes = inputs.data.train.texts, planned_passes(inputs.config, inputs.data)
    if not passes or inputs.teacher is None:
        return
    if len(builder.texts) >= builder.limit:
        yield transfer_note("No texts with near words were made: the limit of {limit:,} texts ({knob:knob}) is "
                            "reached.", "warning", **builder.limit_values())  # fmt: skip
        return
    total = passes * len(texts)
    yield Progress("transfer", 0, total, "texts")
    try:
        near = NeighbourWords(inputs.teacher)
    except TeacherError as error:
        yield transfer_note("No texts with near words were made: {reason}", "warning", reason=error.args[0])
        return
    augmenter = neighbour_augmenter(texts, inputs.config, near, inputs.pieces, inputs.data.language)
    children = neighbour_texts(augmenter, texts, passes, inputs.stop)
    yield from add_children(builder, children, NAME, texts, total)
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
    """The new texts of so many passes over all `texts`. Raises Stopped."""
    return make_passes(augmenter, texts, list(range(len(texts))), passes * len(texts), stop)


def planned_passes(config: Config, data: Dataset) -> int:
    """Passes over the labelled rows of `data` that a run of the config makes."""
    texts = data.train.texts
    pair = bool(texts) and len(texts[0]) > 1
    return neighbour_passes(config, len(texts), len(data.unlabelled), pair, mean_size(texts))
