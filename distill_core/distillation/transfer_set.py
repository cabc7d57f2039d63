"""Transfer set: the labelled texts, the user's unlabelled ones, and texts made from the labelled by small changes.

Tang et al. 2019, section 3.3: each of `n_iter` passes over a text draws one number a word, which decides whether a
word rule changes it and which; then the first stretch rule that acts exchanges a stretch, or each text rule acts with
its own rate. Pairs rotate: the first sentence changes, the second, both. Knows nothing of labels or of what the
teacher will say.
"""

import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer

from distill_core.augmentation.augmenter import Augmenter, Text, augmentation_passes
from distill_core.config.schema import Config
from distill_core.data.examples import normalize
from distill_core.data.overlap import HeldOutIndex
from distill_core.events import CapturedGenerator, Event, Note, Progress
from distill_core.messages import message
from distill_core.progress import TimeLeft

if TYPE_CHECKING:
    from distill_core.data.dataset import Dataset

REPORT_SECONDS = 0.25  # between two Progress events
KNOB_GROUPS = ("task", "transfer")  # groups of the knobs that decide the transfer set
_preloaded: list[tuple["Dataset", str, list[Event], "TransferSet"]] = []  # with the fingerprint of their knobs


@dataclass(frozen=True)
class TransferSet:
    """Transfer set that the student reads. `source` is of each text "labelled", "unlabelled" or "augmented", in this
    order; `origin` is the row of the labelled set it is or came from, of the unlabelled pool for an unlabelled one.
    `counts` is how many augmented texts show each rule; `dropped` counts "duplicates" and "held_out" texts left out."""

    texts: list[Text]
    source: list[str]
    origin: list[int]
    counts: dict[str, int]
    dropped: dict[str, int] = field(default_factory=dict)


def build_transfer_set(
    data: "Dataset", config: Config, pieces: Tokenizer | None = None, stop: Callable[[], bool] | None = None
) -> Generator[Event, None, TransferSet]:
    """Build the transfer set of `data`: labelled texts, then the unlabelled pool, then augmented texts until
    `config.transfer_limit`. No text of the validation or test rows enters it, whatever its case or spacing, nor an
    augmented one that came to hold such a text of three words or more, unless `config.leaks` says keep.
    Yields Progress and Notes; returns the TransferSet. Raises Stopped, KnobError."""
    for preloaded_data, knobs, events, transfer_set in _preloaded:
        if preloaded_data is data and knobs == config.fingerprint(*KNOB_GROUPS):
            yield from events
            return transfer_set
    held_out = [text for split in (data.valid, data.test) for text in split.texts]
    builder = _TransferSetBuilder(
        {normalize(text) for text in held_out}, HeldOutIndex(held_out if config.leaks == "remove" else ())
    )
    for origin, text in enumerate(data.train.texts):
        builder.add(text, "labelled", origin)
    labelled = len(builder.texts)
    for origin, text in enumerate(data.unlabelled):
        if len(builder.texts) >= max(config.transfer_limit, labelled):
            yield _note("Of {all:,} unlabelled texts {seen:,} were looked at: the limit of {limit:,} texts "
                        "({knob:knob}) is reached.", "warning",
                        all=len(data.unlabelled), seen=origin, **_limit(config))  # fmt: skip
            break
        builder.add(text, "unlabelled", origin)
    counts: Counter[str] = Counter()
    augmented = False
    if config.n_iter and len(builder.texts) < config.transfer_limit:
        augmented = True
        yield from _augmented(data, config, pieces, stop, builder, counts)
    elif config.n_iter:
        yield _note("Nothing was augmented: the texts given already reach the limit of {limit:,} ({knob:knob}).",
                    "warning", **_limit(config))  # fmt: skip
    if builder.dropped["held_out"]:
        yield _note("Left out of the transfer set, because they equal or hold a validation or test text: {n:,}.",
                    n=builder.dropped["held_out"])  # fmt: skip
    if augmented and counts:
        shares = [message("{rule} in {n:,}", rule=rule, n=count) for rule, count in counts.items()]
        yield _note("{n:,} augmented texts: {shares}; duplicates dropped: {same:,}.",
                    n=builder.source.count("augmented"), shares=shares, same=builder.dropped["duplicates"])  # fmt: skip
    return TransferSet(builder.texts, builder.source, builder.origin, dict(counts), dict(builder.dropped))


def preload(data: "Dataset", config: Config) -> None:
    """Preload the transfer set of `data` for every later `build_transfer_set` of these very data with the same
    rules."""
    events = list(building := CapturedGenerator(build_transfer_set(data, config)))
    _preloaded.append((data, config.fingerprint(*KNOB_GROUPS), events, building.value))


def _augmented(
    data: "Dataset",
    config: Config,
    pieces: Tokenizer | None,
    stop: Callable[[], bool] | None,
    builder: "_TransferSetBuilder",
    counts: Counter[str],
) -> Iterator[Event]:
    total = config.n_iter * len(data.train.texts)
    yield Progress("transfer", 0, total, "texts")
    augmenter = Augmenter(data.train.texts, config, pieces, getattr(data, "language", None))
    for rule, reason in augmenter.notes:
        yield _note("The rule {rule} is off: {reason}", "warning", rule=rule, reason=reason)
    counts.update(dict.fromkeys(augmenter.rules, 0))
    time_left, reported = TimeLeft(total), time.monotonic()
    for done, child in enumerate(augmentation_passes(augmenter, data.train.texts, config, stop), 1):
        if child.rules and builder.add(child.text, "augmented", child.origin, data.train.texts[child.origin]):
            counts.update(child.rules)
            if len(builder.texts) == config.transfer_limit:
                yield _note("Augmentation ended in pass {turn:,} of {all:,}: the limit of {limit:,} texts "
                            "({knob:knob}) is reached.", turn=(done - 1) // len(data.train.texts) + 1,
                            all=config.n_iter, **_limit(config))  # fmt: skip
                break
        if done % 256 == 0 and (now := time.monotonic()) - reported > REPORT_SECONDS:
            reported = now
            yield Progress("transfer", done, total, "texts", time_left.after(done))
    yield Progress("transfer", total, total, "texts", 0.0)


class _TransferSetBuilder:
    """Builder of a transfer set: the texts so far, each once, none of them held out."""

    def __init__(self, held_out: set[Text], holding: HeldOutIndex):
        self.texts: list[Text] = []
        self.source: list[str] = []
        self.origin: list[int] = []
        self.dropped: Counter[str] = Counter(duplicates=0, held_out=0)
        self._held_out, self._holding = held_out, holding
        self._seen: set[Text] = set()

    def add(self, text: Text, source: str, origin: int, parent: Text | None = None) -> bool:
        """Add the text unless it is known or held out, or holds what is held out and its `parent` does not: what the
        data's checks let through is not judged again. Returns whether it was added."""
        if text in self._seen:
            self.dropped["duplicates"] += 1
            return False
        self._seen.add(text)
        newly = parent is not None and self._holding.inside(text) and not self._holding.inside(parent)
        if newly or normalize(text) in self._held_out:
            self.dropped["held_out"] += 1
            return False
        self.texts.append(text)
        self.source.append(source)
        self.origin.append(origin)
        return True


def _limit(config: Config) -> dict[str, Any]:
    return {"limit": config.transfer_limit, "knob": "transfer_limit"}


def _note(template: str, level: str = "info", **values: Any) -> Note:
    return Note(message(template, **values), level, "transfer")
