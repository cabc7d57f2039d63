"""Texts made from the labelled ones by small changes, pass by pass, up to the limit (Tang et al. 2019, section 3.3)."""

from collections.abc import Callable, Iterator

from tokenizers import Tokenizer

from distill_core.augmentation.augmenter import Augmenter, augmentation_passes
from distill_core.config.schema import Config
from distill_core.data.dataset import Dataset
from distill_core.distillation.transfer_builder import TransferSetBuilder, add_children, transfer_note
from distill_core.events import Event, Progress
from distill_core.student.source import EmbeddingSource


def add_texts(
    builder: TransferSetBuilder, data: Dataset, config: Config, pieces: Tokenizer | None,
    stop: Callable[[], bool] | None, teacher: EmbeddingSource | None = None,
) -> Iterator[Event]:  # fmt: skip
    """Add the augmented texts and count which rules they show. Raises Stopped, KnobError."""
    if not config.n_iter:
        return
    if len(builder.texts) >= builder.limit:
        yield transfer_note("Nothing was augmented: the texts given already reach the limit of {limit:,} "
                            "({knob:knob}).", "warning", **builder.limit_values())  # fmt: skip
        return
    texts = data.train.texts
    total = config.n_iter * len(texts)
    yield Progress("transfer", 0, total, "texts")
    augmenter = Augmenter(texts, config, pieces, getattr(data, "language", None))
    for rule, reason in augmenter.notes:
        yield transfer_note("The rule {rule} is off: {reason}", "warning", rule=rule, reason=reason)
    builder.counts.update(dict.fromkeys(augmenter.rules, 0))
    children = augmentation_passes(augmenter, texts, config, stop)
    last = yield from add_children(builder, children, "augmented", texts, total)
    if last:
        yield transfer_note(
            "Augmentation ended in pass {turn:,} of {all:,}: the limit of {limit:,} texts ({knob:knob}) is reached.",
            turn=(last - 1) // len(texts) + 1, all=config.n_iter, **builder.limit_values())  # fmt: skip
