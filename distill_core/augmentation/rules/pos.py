"""Swap words for others of the same part of speech, drawn as often as they occur in the training texts.

English is tagged by TextBlob's pattern tagger, whose lexicon ships with it; another language by a spaCy pipeline where
one is installed, else the rule is off.
"""

import random
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import accumulate

from distill_core.augmentation import pos_tagging
from distill_core.augmentation.pos_tagging import Sentence, Tagger
from distill_core.augmentation.rules import WordRule
from distill_core.tokenization import MASK

LEVEL = "word"
RATE = 0.1


def prepare(corpus: Sequence[Sentence], language: str) -> tuple[WordRule | None, str]:
    """The rule on the words of `corpus` (sentences as words); (None, reason) for a language without a tagger."""
    tagger, reason = pos_tagging.tagger(language)
    return (Swap(corpus, tagger), "") if tagger else (None, reason)


class Swap:
    """A swap of words by the unigram frequencies of each tag in `corpus`, tagged once."""

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
        """A word with the tag of `tokens[index]`; the word itself where the corpus has none of that tag."""
        urn = self._unigrams.get(self.tags(tokens)[index])
        if urn is None or tokens[index] == MASK:
            return tokens[index]
        words, running = urn
        return words[bisect_right(running, rng.random() * running[-1])]

    def tags(self, tokens: Sentence) -> list[str]:
        """The tags of a sentence, one a word."""
        if tokens not in self._tags:
            self._tags[tokens] = next(self._tagger([tokens]))
        return self._tags[tokens]
