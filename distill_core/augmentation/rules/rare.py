"""Swap words for others of the same part of speech, each as likely as the next: rare words get their share of texts.

The rule pos draws by frequency, so a word that the training texts hold once or twice stays as rare as it was, and the
student learns next to nothing of it. Here the teacher is asked about all of them alike.
"""

import random
from collections.abc import Callable, Sequence

from distill_core.augmentation import pos_tagging
from distill_core.augmentation.rules import pos
from distill_core.tokenization import MASK

LEVEL = "word"
RATE = 0.2
CLOSED = 50  # distinct words: a part of speech of fewer is a closed one (the, of, and) and has no rare ones

Sentence = tuple[str, ...]


def prepare(corpus: Sequence[Sentence], language: str) -> tuple[Callable | None, str]:
    """The rule with the words of `corpus` (sentences as words); (None, reason) where nothing tags `language`."""
    tagger, reason = pos_tagging.tagger(language)
    return (UniformSwap(corpus, tagger), "") if tagger else (None, reason)


class UniformSwap(pos.Swap):
    """Draws evenly from the distinct words of each open part of speech in `corpus`."""

    def __call__(self, tokens: Sentence, index: int, rng: random.Random) -> str:
        """A word of the tag that `tokens[index]` has there; the word itself where the tag is closed or unknown."""
        if tokens[index] == MASK:
            return MASK
        words, _ = self._unigrams.get(self.tags(tokens)[index], ((), ()))
        return rng.choice(words) if len(words) >= CLOSED else tokens[index]
