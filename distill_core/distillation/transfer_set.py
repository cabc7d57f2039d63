"""Transfer set: the labelled texts, the user's unlabelled ones, those of a text bank and of a language model, and texts
made from the labelled: by small changes, by the exchange of words for near ones of the teacher's table, and by the
guesses of a masked language model; and words of the teacher's vocabulary, alone and in frames of the labelled.

Tang et al. 2019, section 3.3: each of `n_iter` passes over a text draws one number a word, which decides whether a
word rule changes it and which; then the first stretch rule that acts exchanges a stretch, or each text rule acts with
its own rate. Pairs rotate: the first sentence changes, the second, both. Knows nothing of labels or of what the
teacher will say.
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tokenizers import Tokenizer

from distill_core.augmentation.augmenter import Text
from distill_core.cache import Cache
from distill_core.config.schema import Config
from distill_core.data.examples import normalize
from distill_core.data.overlap import LONG_NGRAM, HeldOutIndex
from distill_core.distillation.sources import (
    augmented,
    bank,
    frame,
    generator,
    labelled,
    lexicon,
    mask_fill,
    neighbour,
    paired,
    unlabelled,
)
from distill_core.distillation.transfer_builder import SourceInputs, TransferSetBuilder, transfer_note
from distill_core.distillation.word_coverage import word_coverage
from distill_core.events import CapturedGenerator, Event, Note
from distill_core.messages import message
from distill_core.student.source import EmbeddingSource

if TYPE_CHECKING:
    from distill_core.data.dataset import Dataset

SOURCES = (labelled, unlabelled, bank, generator, paired, augmented, neighbour, mask_fill, lexicon, frame)
WORDS_BROUGHT = {  # by the sources whose words need not come from labelled texts
    "unlabelled": "{n:text|texts} without a label {n:~brings|bring} {brought:,} words that no labelled text has.",
    "bank": "{n:text|texts} of the text bank {n:~brings|bring} {brought:,} words that no labelled text has.",
    "generator": "{n:text|texts} of the language model {n:~brings|bring} {brought:,} words that no labelled text has.",
    "neighbour": "{n:text|texts} with near words {n:~brings|bring} {brought:,} words that no labelled text has.",
    "lexicon": "{n:text|texts} of a single word {n:~brings|bring} {brought:,} words that no labelled text has.",
    "frame": "{n:text|texts} of a word in a frame {n:~brings|bring} {brought:,} words that no labelled text has.",
    "mask_fill": "{n:text|texts} with filled masks {n:~brings|bring} {brought:,} words that no labelled text has.",
}
KNOB_GROUPS = ("task", "transfer")  # groups of the knobs that decide the transfer set
_preloaded: list[tuple["Dataset", str, list[Event], "TransferSet"]] = []  # with the fingerprint of their knobs


@dataclass(frozen=True)
class TransferSet:
    """Transfer set that the student reads. `source` is of each text "labelled", "unlabelled", "bank", "generator",
    "paired", "augmented", "neighbour", "mask_fill", "lexicon" or "frame", in this order; `origin` is the row of the
    labelled set it is or came from, of the unlabelled pool for an unlabelled one, of all banks together for one of a
    bank, of all that the language model wrote for one of its own, the place in the vocabulary of a single word, and of
    a word in a frame the place among all of these. `counts` is how
    many augmented texts show each rule; `dropped` counts the texts left out: "duplicates", "held_out", and "shared"
    where one has many words in a row of a held-out text."""

    texts: list[Text]
    source: list[str]
    origin: list[int]
    counts: dict[str, int]
    dropped: dict[str, int] = field(default_factory=dict)


def build_transfer_set(
    data: "Dataset",
    config: Config,
    pieces: Tokenizer | None = None,
    stop: Callable[[], bool] | None = None,
    teacher: EmbeddingSource | None = None,
    cache: Cache | None = None,
    folder: Path | None = None,
) -> Generator[Event, None, TransferSet]:
    """Build the transfer set of `data`: labelled texts, the unlabelled pool, the nearest of a text bank, those of a
    language model, new pairs, augmented texts, those with near words of the `teacher`'s table, those with filled masks,
    then words of its vocabulary, alone and in frames, until `config.transfer_limit`. Without a teacher none come from a
    bank or a vocabulary, and none have near words. No text of the validation or test rows enters it, whatever its case
    or spacing, nor an augmented one that came to hold such a text of three words or more, unless `config.leaks` says
    keep.
    What takes minutes is looked up in the `cache`, and stored there; what may change elsewhere in the run's `folder`.
    Yields Progress and Notes; returns the TransferSet. Raises Stopped, KnobError."""
    for preloaded_data, knobs, events, transfer_set in _preloaded:
        if preloaded_data is data and knobs == config.fingerprint(*KNOB_GROUPS):
            yield from events
            return transfer_set
    held_out = [text for split in (data.valid, data.test) for text in split.texts]
    builder = TransferSetBuilder(
        {normalize(text) for text in held_out},
        HeldOutIndex(held_out if config.leaks == "remove" else (), data.train.texts), config.transfer_limit,
    )  # fmt: skip
    inputs = SourceInputs(data, config, pieces, teacher, cache, stop, folder)
    for source in SOURCES:
        yield from source.add_texts(builder, inputs)
    yield from _words_brought(data, builder)
    if builder.dropped["held_out"]:
        yield transfer_note(
            "{n:text|texts} left out of the transfer set: {n:~it equals, contains or stands in|they equal, contain or "
            "stand in} a validation or test text.", n=builder.dropped["held_out"])  # fmt: skip
    if builder.dropped["shared"]:
        yield transfer_note("{n:text|texts} left out of the transfer set: {n:~it shares|they share} {words} words in a "
                            "row with a validation or test text.",
                            n=builder.dropped["shared"], words=LONG_NGRAM)  # fmt: skip
    if builder.alike:
        yield transfer_note("{n:unlabelled text shares|unlabelled texts share} {words} words in a row with a "
                            "validation or test text. {n:~It stays|They stay}; look whether copies of these texts "
                            "are among them.",
                            n=builder.alike, words=LONG_NGRAM)  # fmt: skip
    if counts := builder.counts:
        shares = [message("{rule} in {n:,}", rule=rule, n=count) for rule, count in counts.items()]
        yield transfer_note("{n:,} augmented texts: {shares}; duplicates dropped: {same:,}.",
                    n=builder.source.count("augmented"), shares=shares, same=builder.dropped["duplicates"])  # fmt: skip
    return TransferSet(builder.texts, builder.source, builder.origin, dict(builder.counts), dict(builder.dropped))


def _words_brought(data: "Dataset", builder: TransferSetBuilder) -> Iterator[Event]:
    """Notes on the words that the sources bring from elsewhere; rules draw all of theirs from labelled texts."""
    for source in WORDS_BROUGHT:
        new = [text for text, of in zip(builder.texts, builder.source, strict=True) if of == source]
        if not new:
            continue
        brought, before, after = word_coverage(data.train.texts, new, data.valid.texts)
        words = message(WORDS_BROUGHT[source], n=len(new), brought=brought)
        if before is None or before == 1:  # no rows to speak of, or nothing that they lack
            yield Note(words, "info", "transfer")
        else:
            yield transfer_note("{words} Of the validation rows' words the labelled texts have {before:.0%}; with "
                                "these texts it is {after:.0%}.", words=words, before=before, after=after)  # fmt: skip


def check_sources(config: Config) -> None:
    """Check what the sources need, as far as that costs no download: raises UserError before a run begins."""
    for source in SOURCES:
        if check := getattr(source, "check", None):
            check(config)


def preload(data: "Dataset", config: Config) -> None:
    """Preload the transfer set of `data` for every later `build_transfer_set` of these very data with the same
    rules."""
    events = list(building := CapturedGenerator(build_transfer_set(data, config)))
    _preloaded.append((data, config.fingerprint(*KNOB_GROUPS), events, building.value))
