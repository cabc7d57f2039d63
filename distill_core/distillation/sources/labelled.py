"""The labelled texts themselves, whatever the limit."""

from collections.abc import Iterator

from distill_core.distillation.transfer_builder import SourceInputs, TransferSetBuilder
from distill_core.events import Event


def add_texts(builder: TransferSetBuilder, inputs: SourceInputs) -> Iterator[Event]:
    """Add every text of the labelled set."""
    for origin, text in enumerate(inputs.data.train.texts):
        builder.add(text, "labelled", origin)
    yield from ()
