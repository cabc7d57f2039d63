"""Texts made from the labelled ones by small changes, pass by pass, up to the limit (Tang et al. 2019, section 3.3)."""

from collections.abc import Iterator

from distill_core.augmentation.augmenter import Augmenter, augmentation_passes
from distill_core.distillation.transfer_builder import SourceInputs, TransferSetBuilder, add_children, transfer_note
from distill_core.events import Event, Progress


def add_texts(builder: TransferSetBuilder, inputs: SourceInputs) -> Iterator[Event]:
    """Add the augmented texts and count which rules they show. Raises Stopped, KnobError."""
    if not inputs.config.n_iter:
        return
    if len(builder.texts) >= builder.limit:
        yield transfer_note("Nothing was augmented: the texts given already reach the limit of {limit:,} "
                            "({knob:knob}).", "warning", **builder.limit_values())  # fmt: skip
        return
    texts = inputs.data.train.texts
    total = inputs.config.n_iter * len(texts)
    yield Progress("transfer", 0, total, "texts")
    augmenter = Augmenter(texts, inputs.config, inputs.pieces, getattr(inputs.data, "language", None))
    for rule, reason in augmenter.notes:
        yield transfer_note("The rule {rule} is off: {reason}", "warning", rule=rule, reason=reason)
    builder.counts.update(dict.fromkeys(augmenter.rules, 0))
    children = augmentation_passes(augmenter, texts, inputs.config, inputs.stop)
    last = yield from add_children(builder, children, "augmented", texts, total)
    if last:
        yield transfer_note(
            "Augmentation ended in pass {turn:,} of {all:,}: the limit of {limit:,} texts ({knob:knob}) is reached.",
            turn=(last - 1) // len(texts) + 1, all=inputs.config.n_iter, **builder.limit_values())  # fmt: skip
