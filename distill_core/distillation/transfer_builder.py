"""Builder of the transfer set, to which the sources offer their texts."""

import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from tokenizers import Tokenizer

from distill_core.augmentation.augmenter import AugmentedText
from distill_core.cache import Cache
from distill_core.config.schema import Config
from distill_core.data.examples import Text, normalize
from distill_core.data.overlap import HeldOutIndex
from distill_core.errors import Stopped
from distill_core.events import Event, Note, Progress
from distill_core.messages import message
from distill_core.progress import TimeLeft
from distill_core.student.source import EmbeddingSource

if TYPE_CHECKING:
    from distill_core.data.dataset import Dataset

REPORT_SECONDS = 0.25  # between two Progress events
FROM_ROWS = ("labelled", "paired", "augmented")  # sources whose words all come from labelled rows
LOOK = 1024  # texts from one look at whether the person wants the run to end to the next
NOT_OF_ROWS = ("",)  # parent of a text that comes from elsewhere: it may hold no held-out one


@dataclass(frozen=True)
class SourceInputs:
    """What sources make their texts of: the run's `data` and `config`; the `teacher` and its `pieces`, None where a
    transfer set is built without them; the `cache` for work of minutes, None where nothing is to be stored; `stop()`,
    true once the person wants the run to end; the run's own `folder`, for what it shall find again when it is resumed,
    whatever became of it elsewhere."""

    data: "Dataset"
    config: Config
    pieces: Tokenizer | None = None
    teacher: EmbeddingSource | None = None
    cache: Cache | None = None
    stop: Callable[[], bool] | None = None
    folder: Path | None = None

    def raise_if_stopped(self) -> None:
        """Raise Stopped where the person wants the run to end."""
        if self.stop and self.stop():
            raise Stopped(message("The run was stopped while the transfer set was made."))


class LimitValues(TypedDict):
    """Values of a note that names the limit and its knob."""

    limit: int
    knob: str


class TransferSetBuilder:
    """Builder of a transfer set: the texts so far, each once, none of them held out. `limit` is how many texts the set
    shall have, `counts` how many augmented ones show each rule, `alike` how many unlabelled ones share many words in a
    row with a held-out text."""

    def __init__(self, held_out: set[Text], holding: HeldOutIndex, limit: int):
        self.texts: list[Text] = []
        self.source: list[str] = []
        self.origin: list[int] = []
        self.limit, self.counts = limit, Counter[str]()
        self.dropped: Counter[str] = Counter(duplicates=0, held_out=0)
        self.alike = 0
        self._held_out, self._holding = held_out, holding
        self._seen: set[Text] = set()

    def add(self, text: Text, source: str, origin: int, parent: Text | None = None) -> bool:
        """Add the text unless it is known or held out, or holds what is held out and its `parent` does not: what the
        data's checks let through is not judged again. A text with words from elsewhere is not added either where it
        stands in a held-out one, or shares many words in a row with it; of the person's own texts these are counted.
        Returns whether it was added."""
        if text in self._seen:
            self.dropped["duplicates"] += 1
            return False
        self._seen.add(text)
        newly = parent is not None and self._holding.inside(text) and not self._holding.inside(parent)
        # texts without a label were judged when the data were read
        stands = source not in (*FROM_ROWS, "unlabelled") and self._holding.stands_within(text)
        if newly or stands or normalize(text) in self._held_out:
            self.dropped["held_out"] += 1
            return False
        if source not in FROM_ROWS and self._holding.shares(text):
            if source != "unlabelled":
                self.dropped["shared"] += 1
                return False
            self.alike += 1
        self.texts.append(text)
        self.source.append(source)
        self.origin.append(origin)
        return True

    def add_all(self, texts: Iterable[str], source: str, wanted: int, inputs: SourceInputs) -> int:
        """Add so many of the texts, which are of no row, in their order, up to the limit. Returns how many were added.
        Raises Stopped."""
        added = 0
        for number, text in enumerate(texts):
            if number % LOOK == 0:
                inputs.raise_if_stopped()
            if added == wanted or len(self.texts) >= self.limit:
                break
            added += self.add((text,), source, number, NOT_OF_ROWS)
        return added

    def limit_values(self) -> LimitValues:
        """Values of a note that names the limit and its knob."""
        return {"limit": self.limit, "knob": "transfer_limit"}


def add_children(
    builder: TransferSetBuilder, children: Iterable[AugmentedText], source: str, texts: Sequence[Text], total: int
) -> Generator[Event, None, int | None]:
    """Add those of `total` children of the `texts` that differ from their parents, and count the rules in the builder's
    `counts` that they show. Yields Progress; returns the number of the child that reached the limit, None where none
    did."""
    time_left, reported, last = TimeLeft(total), time.monotonic(), None
    for done, child in enumerate(children, 1):
        if child.rules and builder.add(child.text, source, child.origin, texts[child.origin]):
            builder.counts.update(rule for rule in child.rules if rule in builder.counts)
            if len(builder.texts) == builder.limit:
                last = done
                break
        if done % 256 == 0 and (now := time.monotonic()) - reported > REPORT_SECONDS:
            reported = now
            yield Progress("transfer", done, total, "texts", time_left.after(done))
    yield Progress("transfer", total, total, "texts", 0.0)
    return last


def transfer_note(template: str, level: str = "info", **values: Any) -> Note:
    """Note of the stage transfer: the message of a template and its values."""
    return Note(message(template, **values), level, "transfer")
