"""Put another training text of the same kind in place of a stretch that is a training text itself.

SST-2's texts contain one another: its sentences and the phrases that they are made of. A sentence with one phrase
exchanged is still a sentence, and says something new. Where no training text stands inside another, nothing happens.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Sequence

from distill_core.augmentation import pos_tagging
from distill_core.augmentation.spans import SpanReplacement
from distill_core.tokenization import MASK

LEVEL = "span"
RATE = 0.8
LARGEST = 0.7  # of the text, so that something of it stays
LONGEST = 40  # words of a stretch; single words are what the rule pos swaps

Sentence = tuple[str, ...]


def prepare(corpus: Sequence[Sentence], language: str) -> tuple[Callable | None, str]:
    """The rule with the texts of `corpus` (sentences as words); (None, reason) where nothing tags `language`."""
    tagger, reason = pos_tagging.tagger(language)
    return (Exchange(corpus, tagger), "") if tagger else (None, reason)


class Exchange:
    """The texts of `corpus` by the parts of speech of their first and last word, which stand for their kind."""

    def __init__(self, corpus: Sequence[Sentence], tagger: pos_tagging.Tagger):
        texts = list(dict.fromkeys(text for text in corpus if text and MASK not in text))
        self._kind = {
            text: (tags[0], tags[-1]) for text, tags in zip(texts, tagger(texts), strict=True) if len(text) <= LONGEST
        }
        self._alike: defaultdict[tuple[str, str], list[Sentence]] = defaultdict(list)
        for text, kind in self._kind.items():
            self._alike[kind].append(text)

    def __call__(self, tokens: Sentence, rng: random.Random) -> SpanReplacement | None:
        """A whole text for a stretch of `tokens`; None where no stretch of two words or more is one."""
        most = min(LONGEST, int(LARGEST * len(tokens)))
        found = [
            (start, end)
            for start in range(len(tokens))
            for end in range(start + 2, min(start + most, len(tokens)) + 1)
            if tokens[start:end] in self._kind
        ]
        if not found:
            return None
        start, end = rng.choice(found)
        text = rng.choice(self._alike[self._kind[tokens[start:end]]])
        return SpanReplacement(start, end, text, 0, len(text))
