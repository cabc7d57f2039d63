"""Put another training text of the same kind in place of a stretch that is a training text itself.

SST-2's texts contain one another: sentences, and the phrases that these consist of. A sentence with one phrase
exchanged is still a sentence, with a new meaning. Where no training text stands inside another, the rule does nothing.
"""

import random
from collections import defaultdict
from collections.abc import Sequence

from distill_core.augmentation import pos_tagging
from distill_core.augmentation.pos_tagging import Sentence
from distill_core.augmentation.rules import SpanRule
from distill_core.augmentation.spans import SpanReplacement
from distill_core.tokenization import MASK

LEVEL = "span"
RATE = 0.8
LARGEST = 0.7  # share of the text that a span may have, so that some of it stays
LONGEST = 40  # words of a span; the rule pos swaps single words


def prepare(corpus: Sequence[Sentence], language: str) -> tuple[SpanRule | None, str]:
    """The rule on the texts of `corpus` (sentences as words); (None, reason) for a language without a tagger."""
    tagger, reason = pos_tagging.tagger(language)
    return (Exchange(corpus, tagger), "") if tagger else (None, reason)


class Exchange:
    """The texts of `corpus` by their kind: the parts of speech of their first and last word."""

    def __init__(self, corpus: Sequence[Sentence], tagger: pos_tagging.Tagger):
        texts = list(dict.fromkeys(text for text in corpus if text and MASK not in text))
        self._kind = {
            text: (tags[0], tags[-1]) for text, tags in zip(texts, tagger(texts), strict=True) if len(text) <= LONGEST
        }
        self._alike: defaultdict[tuple[str, str], list[Sentence]] = defaultdict(list)
        for text, kind in self._kind.items():
            self._alike[kind].append(text)

    def __call__(self, tokens: Sentence, rng: random.Random) -> SpanReplacement | None:
        """A training text for a span of `tokens` that is one too; None where no span of two words or more is."""
        most = min(LONGEST, int(LARGEST * len(tokens)))
        spans = [
            (start, end)
            for start in range(len(tokens))
            for end in range(start + 2, min(start + most, len(tokens)) + 1)
            if tokens[start:end] in self._kind
        ]
        if not spans:
            return None
        start, end = rng.choice(spans)
        text = rng.choice(self._alike[self._kind[tokens[start:end]]])
        return SpanReplacement(start, end, text, 0, len(text))
