"""The person's own texts without labels, in their order, up to the limit."""

from collections.abc import Iterator

from distill_core.distillation.transfer_builder import SourceInputs, TransferSetBuilder, transfer_note
from distill_core.events import Event


def add_texts(builder: TransferSetBuilder, inputs: SourceInputs) -> Iterator[Event]:
    """Add the unlabelled pool; a note says where the limit ended it."""
    limit = max(builder.limit, len(builder.texts))
    for origin, text in enumerate(inputs.data.unlabelled):
        if len(builder.texts) >= limit:
            yield transfer_note("Only the first {seen:,} of {all:,} unlabelled texts are used: the limit of {limit:,} "
                            "texts ({knob:knob}) is reached.", "warning",
                        all=len(inputs.data.unlabelled), seen=origin, **builder.limit_values())  # fmt: skip
            break
        builder.add(text, "unlabelled", origin)
