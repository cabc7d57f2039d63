"""Go on with the end of another training text, from a word that both share between the same parts of speech.

A walk through the training texts that changes trains once: what a first-order language model of them would say, one
turn at a time (the idea of sampling the transfer set from a language model: Tang, Lu and Lin 2019).
"""

import random
from collections import defaultdict
from collections.abc import Callable, Sequence

from distill_core.augmentation import pos_tagging
from distill_core.augmentation.spans import SpanReplacement

LEVEL = "span"
RATE = 0.5
LEAST = 4  # words of a text that lends its end: shorter ones are fragments
LONGEST = 60  # words of what comes of it

Sentence = tuple[str, ...]


def prepare(corpus: Sequence[Sentence], language: str) -> tuple[Callable | None, str]:
    """The rule with the texts of `corpus` (sentences as words); (None, reason) where nothing tags `language`."""
    tagger, reason = pos_tagging.tagger(language)
    return (Splice(corpus, tagger), "") if tagger else (None, reason)


class Splice:
    """Where in `corpus` each word stands between which parts of speech."""

    def __init__(self, corpus: Sequence[Sentence], tagger: pos_tagging.Tagger):
        self._tagger = tagger
        self._where: defaultdict[tuple[str, str, str], list[tuple[Sentence, int]]] = defaultdict(list)
        texts = [text for text in dict.fromkeys(corpus) if len(text) >= LEAST]
        self._tags = dict(zip(texts, tagger(texts), strict=True))
        for text, tags in self._tags.items():
            for place in range(1, len(text) - 1):
                self._where[tags[place - 1], text[place], tags[place + 1]].append((text, place))

    def __call__(self, tokens: Sentence, rng: random.Random) -> SpanReplacement | None:
        """The end of another text for the end of `tokens`; None where none joins on."""
        tags = self._tags.get(tokens) or next(self._tagger([tokens]))
        shared = [
            (place, found)
            for place in range(1, len(tokens) - 1)
            if len(found := self._where.get((tags[place - 1], tokens[place], tags[place + 1]), ())) > 1
        ]
        if not shared:
            return None
        place, found = rng.choice(shared)
        text, there = rng.choice(found)
        if place - there + len(text) > LONGEST:
            return None
        return SpanReplacement(place + 1, len(tokens), text, there + 1, len(text))
