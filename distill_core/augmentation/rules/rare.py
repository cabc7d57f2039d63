"""Swap words for others of the same part of speech, each as likely as the next: rare words get their share of texts.

The rule pos draws by frequency, so a word that occurs once or twice in the training texts stays as rare as it was, and
the student learns next to nothing of it. This rule has the teacher label all words equally often.
"""

import random
from collections.abc import Sequence

from distill_core.augmentation import pos_tagging
from distill_core.augmentation.pos_tagging import Sentence
from distill_core.augmentation.rules import WordRule, pos
from distill_core.tokenization import MASK

LEVEL = "word"
RATE = 0.2
CLOSED = 50  # distinct words: a part of speech with fewer is closed (the, of, and) and has no rare words


def prepare(corpus: Sequence[Sentence], language: str) -> tuple[WordRule | None, str]:
    """The rule on the words of `corpus` (sentences as words); (None, reason) for a language without a tagger."""
    tagger, reason = pos_tagging.tagger(language)
    return (UniformSwap(corpus, tagger), "") if tagger else (None, reason)


class UniformSwap(pos.Swap):
    """A swap of words that draws evenly from the distinct ones of each open part of speech in `corpus`."""

    def __call__(self, tokens: Sentence, index: int, rng: random.Random) -> str:
        """A word with the tag of `tokens[index]`; the word itself where the tag is closed or unknown."""
        if tokens[index] == MASK:
            return MASK
        words, _ = self._unigrams.get(self.tags(tokens)[index], ((), ()))
        return rng.choice(words) if len(words) >= CLOSED else tokens[index]
