"""Lengths of texts before any tokenizer has read them, and the limit that follows from them.

A word piece has about as many characters whatever the tokenizer, so the limit follows from the rows alone: before a
teacher is chosen or downloaded, and the same in a preview, an estimate and a run.
"""

import math

from distill_core.config.schema import LEAST_AUTO_TOKENS, MOST_AUTO_TOKENS
from distill_core.data.dataset import Dataset
from distill_core.data.overlap import SIGN, Text

PER_PIECE = 4  # characters, blanks among them: English has more of them, German in an English vocabulary fewer
MARKS = {False: 2, True: 3}  # special tokens at the beginning, between the sentences of a pair, and at the end
SHARE = 0.95  # of the texts that are read whole: the longest ones would make every batch dear
STEP = 16
SAMPLE = 5_000  # texts that the limit is chosen from, evenly drawn


def auto_limit(data: Dataset) -> int:
    """Tokens that "auto" reads of a text. Rows that only score have no say in it."""
    texts = [*data.train.texts, *data.unlabelled]
    lengths = sorted(map(estimate_pieces, texts[:: max(1, len(texts) // SAMPLE)]))
    needed = lengths[math.ceil(SHARE * len(lengths)) - 1] if lengths else 0
    return min(MOST_AUTO_TOKENS, max(LEAST_AUTO_TOKENS, STEP * math.ceil(needed / STEP)))


def estimate_pieces(text: Text) -> int:
    """Word pieces of a text, special tokens included, estimated from its characters and its words."""
    return MARKS[len(text) > 1] + sum(map(_pieces, text))


def _pieces(sentence: str) -> int:
    rest, signs = (sentence, 0) if sentence.isascii() else SIGN.subn(" ", sentence)  # each sign is a piece
    return signs + max(len(rest.split()), math.ceil((len(sentence) - signs) / PER_PIECE))
