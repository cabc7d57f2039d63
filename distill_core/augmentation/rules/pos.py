"""Swap words for others of the same part of speech, drawn as often as they occur in the training texts.

English is tagged by TextBlob's pattern tagger, whose lexicon ships with it; another language by a spaCy pipeline where
one is installed, else the rule is off.
"""

import random
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from itertools import accumulate

from distill_core.augmentation.pos_tagging import Sentence, Tagger, tagger
from distill_core.tokenization import MASK

LEVEL = "word"
RATE = 0.1


def prepare(corpus: Sequence[Sentence], language: str) -> tuple[Callable | None, str]:
    """The rule with the words of `corpus` (sentences as words) to draw from; (None, reason) where nothing tags
    `language`."""
    found, reason = tagger(language)
    return (Swap(corpus, found), "") if found else (None, reason)


class Swap:
    """Draws from the unigram frequencies of each tag in `corpus`, tagged once."""

    def __init__(self, corpus: Sequence[Sentence], tagger: Tagger):
        self._tagger = tagger
        self._tags = dict(zip(corpus, tagger(corpus), strict=True))
        counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for tokens in corpus:
            for word, tag in zip(tokens, self._tags[tokens], strict=True):
                if word != MASK:
                    counts[tag][word] += 1
        self._unigrams = {tag: (list(urn), list(accumulate(urn.values()))) for tag, urn in counts.items()}

    def __call__(self, tokens: Sentence, index: int, rng: random.Random) -> str:
        """A word of the tag that `tokens[index]` has there; the word itself where the corpus has none of that tag."""
        urn = self._unigrams.get(self.tags(tokens)[index])
        if urn is None or tokens[index] == MASK:
            return tokens[index]
        words, running = urn
        return words[bisect_right(running, rng.random() * running[-1])]

    def tags(self, tokens: Sentence) -> list[str]:
        """One tag a word."""
        if tokens not in self._tags:
            self._tags[tokens] = next(self._tagger([tokens]))
        return self._tags[tokens]
