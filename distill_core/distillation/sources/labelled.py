"""The labelled texts themselves, whatever the limit."""

from collections.abc import Callable, Iterator

from tokenizers import Tokenizer

from distill_core.config.schema import Config
from distill_core.data.dataset import Dataset
from distill_core.distillation.transfer_builder import TransferSetBuilder
from distill_core.events import Event
from distill_core.student.source import EmbeddingSource


def add_texts(
    builder: TransferSetBuilder, data: Dataset, config: Config, pieces: Tokenizer | None,
    stop: Callable[[], bool] | None, teacher: EmbeddingSource | None = None,
) -> Iterator[Event]:  # fmt: skip
    """Add every text of the labelled set."""
    for origin, text in enumerate(data.train.texts):
        builder.add(text, "labelled", origin)
    yield from ()
