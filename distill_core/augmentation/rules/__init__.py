"""Rules that make new texts from the labelled ones. A component is a file with RATE, LEVEL and

`prepare(corpus, language) -> (rule, "")`, or (None, why it is off); `corpus` holds the training sentences as words.

The level decides the rule's type. Words are tuples, and `rng` is its only source of randomness.
"word"  rule(words, index, rng) -> the word in place of words[index]
"span"  rule(words, rng) -> a SpanReplacement from another training text, or None
"text"  rule(words, rng) -> the positions that stay, at least one
"""

import random
from collections.abc import Callable, Sequence

from distill_core.augmentation.pos_tagging import Sentence
from distill_core.augmentation.spans import SpanReplacement

WordRule = Callable[[Sentence, int, random.Random], str]
SpanRule = Callable[[Sentence, random.Random], SpanReplacement | None]
TextRule = Callable[[Sequence[str], random.Random], Sequence[int]]
