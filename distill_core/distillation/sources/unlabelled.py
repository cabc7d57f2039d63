"""The person's own texts without labels, in their order, up to the limit."""

from collections.abc import Callable, Iterator

from tokenizers import Tokenizer

from distill_core.config.schema import Config
from distill_core.data.dataset import Dataset
from distill_core.distillation.transfer_builder import TransferSetBuilder, transfer_note
from distill_core.events import Event
from distill_core.student.source import EmbeddingSource


def add_texts(
    builder: TransferSetBuilder, data: Dataset, config: Config, pieces: Tokenizer | None,
    stop: Callable[[], bool] | None, teacher: EmbeddingSource | None = None,
) -> Iterator[Event]:  # fmt: skip
    """Add the unlabelled pool; a note says where the limit ended it."""
    limit = max(builder.limit, len(builder.texts))
    for origin, text in enumerate(data.unlabelled):
        if len(builder.texts) >= limit:
            yield transfer_note("Only the first {seen:,} of {all:,} unlabelled texts are used: the limit of {limit:,} "
                            "texts ({knob:knob}) is reached.", "warning",
                        all=len(data.unlabelled), seen=origin, **builder.limit_values())  # fmt: skip
            break
        builder.add(text, "unlabelled", origin)
