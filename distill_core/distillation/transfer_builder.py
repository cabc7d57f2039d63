"""Builder of the transfer set, to which the sources offer their texts."""

from collections import Counter
from typing import Any, TypedDict

from distill_core.data.examples import Text, normalize
from distill_core.data.overlap import HeldOutIndex
from distill_core.events import Note
from distill_core.messages import message

FROM_ROWS = ("labelled", "paired", "augmented")  # sources whose words all come from labelled rows


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
        shares many words in a row with a held-out one; of the person's own texts these are counted. Returns whether
        it was added."""
        if text in self._seen:
            self.dropped["duplicates"] += 1
            return False
        self._seen.add(text)
        newly = parent is not None and self._holding.inside(text) and not self._holding.inside(parent)
        if newly or normalize(text) in self._held_out:
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

    def limit_values(self) -> LimitValues:
        """Values of a note that names the limit and its knob."""
        return {"limit": self.limit, "knob": "transfer_limit"}


def transfer_note(template: str, level: str = "info", **values: Any) -> Note:
    """Note of the stage transfer: the message of a template and its values."""
    return Note(message(template, **values), level, "transfer")
