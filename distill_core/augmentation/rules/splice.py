"""Go on with the end of another training text, from a word that both share between the same parts of speech.

The new text switches once from one training text to another, as a sample of a first-order language model of them would
(the idea of sampling the transfer set from a language model: Tang, Lu and Lin 2019).
"""

import random
from collections import defaultdict
from collections.abc import Sequence

from distill_core.augmentation import pos_tagging
from distill_core.augmentation.pos_tagging import Sentence
from distill_core.augmentation.rules import SpanRule
from distill_core.augmentation.spans import SpanReplacement

LEVEL = "span"
RATE = 0.5
LEAST = 4  # words of a text whose end may be used: shorter ones are fragments
LONGEST = 60  # words of the new text


def prepare(corpus: Sequence[Sentence], language: str) -> tuple[SpanRule | None, str]:
    """The rule on the texts of `corpus` (sentences as words); (None, reason) for a language without a tagger."""
    tagger, reason = pos_tagging.tagger(language)
    return (Splice(corpus, tagger), "") if tagger else (None, reason)


class Splice:
    """The places of each word in `corpus`, by the parts of speech before and after it."""

    def __init__(self, corpus: Sequence[Sentence], tagger: pos_tagging.Tagger):
        self._tagger = tagger
        self._where: defaultdict[tuple[str, str, str], list[tuple[Sentence, int]]] = defaultdict(list)
        texts = [text for text in dict.fromkeys(corpus) if len(text) >= LEAST]
        self._tags = dict(zip(texts, tagger(texts), strict=True))
        for text, tags in self._tags.items():
            for place in range(1, len(text) - 1):
                self._where[tags[place - 1], text[place], tags[place + 1]].append((text, place))

    def __call__(self, tokens: Sentence, rng: random.Random) -> SpanReplacement | None:
        """The end of another text for the end of `tokens`; None where no text joins on."""
        tags = self._tags.get(tokens) or next(self._tagger([tokens]))
        shared = [
            (place, matches)
            for place in range(1, len(tokens) - 1)
            if len(matches := self._where.get((tags[place - 1], tokens[place], tags[place + 1]), [])) > 1
        ]
        if not shared:
            return None
        place, matches = rng.choice(shared)
        text, position = rng.choice(matches)
        if place - position + len(text) > LONGEST:
            return None
        return SpanReplacement(place + 1, len(tokens), text, position + 1, len(text))
