"""Near words: for each word those whose vectors in the teacher's own table of word pieces are the most similar.

They bring words into the transfer set that no labelled row has, and that the teacher knows. Antonyms are near too, and
welcome: it is the teacher that labels the new text.
"""

import random
from collections.abc import Collection, Iterable, Sequence
from unicodedata import category

from tokenizers import Tokenizer
from torch.nn.functional import normalize

from distill_core.augmentation.pos_tagging import Sentence
from distill_core.student.source import EmbeddingSource
from distill_core.tokenization import MASK

RATE = 0.4  # share of the words that are exchanged [TinyBERT's p_t]
NEAREST = 15  # words of which one is drawn [TinyBERT's K]
NATURAL = 5  # near words in the word's own case from which on none is put into it: German nouns stay nouns
CHUNK = 512  # words of one comparison: 512 x 25,000 similarities are 50 MB
BEFORE = "x"  # a word that stands before another one, so that its pieces are those of a word inside a text


class NeighbourWords:
    """The near words of a teacher's table: a rule of the level "word" that puts one of the nearest in place of a word.
    A word stays where the teacher reads it in several pieces, and so do signs and special tokens."""

    def __init__(self, teacher: EmbeddingSource):
        """Raises TeacherError where the teacher's tokenizer can't give its pieces."""
        self._tokenizer = teacher.subword_tokenizer()
        table = teacher.input_embeddings()
        self._words = single_words(self._tokenizer, teacher.tokenizer.all_special_ids, len(table))
        table = table[list(self._words)]
        self._row = {token: row for row, token in enumerate(self._words)}
        self._table = normalize(table)
        self._near: dict[str, tuple[str, ...]] = {}

    def __call__(self, words: Sentence, index: int, rng: random.Random) -> str:
        """One of the words nearest to `words[index]`; the word itself where there is none."""
        near = self.near(words[index])
        return rng.choice(near) if near else words[index]

    @property
    def has_any(self) -> bool:
        """Whether any word that was looked up has near ones."""
        return any(self._near.values())

    def prepare(self, words: Iterable[str]) -> None:
        """Find the near words of all of these at once, in a few matrix products."""
        new = [word for word in dict.fromkeys(words) if word not in self._near]
        rows = [self._row.get(token) if token is not None else None for token in _single_pieces(self._tokenizer, new)]
        self._near |= dict.fromkeys(new, ())
        known = [(word, row) for word, row in zip(new, rows, strict=True) if row is not None and word != MASK]
        names = list(self._words.values())
        most = min(len(names), 3 * NEAREST)
        for start in range(0, len(known), CHUNK):
            part = known[start : start + CHUNK]
            similar = self._table[[row for _, row in part]] @ self._table.T
            for (word, _), nearest in zip(part, similar.topk(most).indices.tolist(), strict=True):
                others = [names[row] for row in nearest if names[row].casefold() != word.casefold()]
                cased = list(dict.fromkeys(in_case_of(word, other) for other in others))
                own = [other for other in cased if other in others]  # as the teacher's own table writes them
                self._near[word] = tuple((own if len(own) >= NATURAL else cased)[:NEAREST])

    def near(self, word: str) -> tuple[str, ...]:
        """The words nearest to `word`, the nearest first, in its case."""
        if word not in self._near:
            self.prepare([word])
        return self._near[word]


def single_words(tokenizer: Tokenizer, special: Collection[int], pieces: int) -> dict[int, str]:
    """Words by their ids that are one piece each inside a text, of a table of so many pieces. `special` tokens,
    continuations of words and signs are none."""
    ids = sorted(token for token in tokenizer.get_vocab().values() if token not in special and token < pieces)
    names = [name.strip() for name in tokenizer.decode_batch([[token] for token in ids])]
    names = list(dict.fromkeys(name for name in names if name and all(category(sign)[0] in "LMN" for sign in name)))
    words: dict[int, str] = {}
    for name, token in zip(names, _single_pieces(tokenizer, names), strict=True):
        if token is not None and token not in special:
            words.setdefault(token, name)
    return words


def _single_pieces(tokenizer: Tokenizer, words: Sequence[str]) -> list[int | None]:
    """The piece of each word inside a text; None for a word of several pieces or none."""
    found: list[int | None] = []
    for encoded in tokenizer.encode_batch([f"{BEFORE} {word}" for word in words], add_special_tokens=False):
        own = [token for token, (_, end) in zip(encoded.ids, encoded.offsets, strict=True) if end > len(BEFORE)]
        found.append(own[0] if len(own) == 1 else None)
    return found


def in_case_of(word: str, other: str) -> str:
    """`other` in capitals, with a capital or in small letters, as `word` is written."""
    if word.islower():
        return other.lower()
    if word.isupper() and len(word) > 1:
        return other.upper()
    return other[:1].upper() + other[1:] if word[:1].isupper() else other
