"""Overlaps between texts: containment and shared sentences, so that no held-out text stands inside a training text.

A random split of SST-2's phrases leaks: 88 % of the held-out ones stand inside a training phrase (FACTS, mistake 6). So
texts that contain one another by NGRAM words or more are linked, and pairs that share a sentence. Linking shorter
phrases would tie nearly all texts into one group; those stay in training instead. Knows nothing of files or the Hub.
"""

import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NGRAM = 3  # words
LONG_NGRAM = 8  # words in a row that a text doesn't share with another one by chance
SIGNS_PER_WORD = 2  # signs of a script without spaces that make up about one word
FEW = 8  # sentences of one rarest n-gram, or places of it, up to which each is compared with each
SHORT_CHARACTERS = 80  # no longer sentence is examined as a fragment of fewer than NGRAM words
# Thai, Lao, Tibetan, Burmese, Khmer, kana and Han, where a run of letters is no word but a clause: each sign by itself.
UNSPACED_SCRIPTS = "\u0e00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
# the apostrophe stays: "does n't" as three words would tie 7 % of SST-2 together
WORD = re.compile(rf"[{UNSPACED_SCRIPTS}]|[^\W{UNSPACED_SCRIPTS}]+(?:['’][^\W{UNSPACED_SCRIPTS}]+)*")
SIGN = re.compile(f"[{UNSPACED_SCRIPTS}]")
Text = tuple[str, ...]


def split_words(text: str) -> list[str]:
    """The text's words, case folded, without punctuation; the text itself where it has no words (":-)")."""
    return WORD.findall(text.casefold()) or [text.strip()]


def distinct_words(texts: Iterable[Text]) -> set[str]:
    """The distinct words of the texts, in small letters."""
    return {word for text in texts for side in text for word in split_words(side)}


def containments(sentences: Sequence[str]) -> Iterator[tuple[int, int]]:
    """(i, j) for sentences i of at least NGRAM words that stand inside sentence j, word for word: all of them, or where
    words repeat as many as link each such i and j, be it by way of others. Of equal sentences only the first is
    compared; it is linked with its copies whatever their length. About linear in words."""
    index = _Index(sentences)
    for places in index.same:
        yield from ((places[0], place) for place in places[1:])
    firsts = [places[0] for places in index.same]
    yield from index.inside(firsts, firsts)


def find_overlaps(held_out: Sequence[Text], others: Sequence[Text]) -> Iterator[tuple[int, int]]:
    """(place in `held_out`, place in `others`) of single sentences that are equal or contain one another by NGRAM
    words, and of pairs that share a sentence of so many words: each place in `others` that has such a one, with one of
    them at least."""
    if len((held_out or others or [("",)])[0]) > 1:
        yield from _shared(held_out, others)
        return
    index, size = _Index([text[0] for text in (*held_out, *others)]), len(held_out)
    first = [[places[0] for places in index.same if any(place < size for place in places)],
             [places[0] for places in index.same if places[-1] >= size]]  # fmt: skip
    copies = {places[0]: places for places in index.same}
    equal = ((places[0], places[0]) for places in index.same if places[0] < size <= places[-1])
    for one, other in chain(equal, index.inside(*first), index.inside(*first[::-1])):
        held, others_from = (one, other) if one < size else (other, one)
        if held >= size:
            continue
        for place in copies[others_from]:
            if place >= size:
                yield held, place - size


def _shared(held_out: Sequence[Text], others: Sequence[Text]) -> Iterator[tuple[int, int]]:
    known: dict[tuple[str, ...], int] = {}
    for place, pair in enumerate(held_out):
        for sentence in pair:
            if word_weight(tokens := split_words(sentence)) >= NGRAM:
                known.setdefault(tuple(tokens), place)
    for place, pair in enumerate(others):
        match = next((known[key] for sentence in pair if (key := tuple(split_words(sentence))) in known), None)
        if match is not None:
            yield match, place


class HeldOutIndex:
    """An index of held-out texts, for the test of other texts one by one: does a text contain one of them, stand in
    one, or share LONG_NGRAM words in a row with one? Words in a row that a text of `own`, the labelled ones, has too
    are usual in these texts and count for nothing."""

    def __init__(self, texts: Sequence[Text], own: Sequence[Text] = ()):
        self._texts, self._own = texts, own
        self._stretches: dict[int, set[int]] = {}  # by their number of words, the hashes of those that count
        self._sentences: set[tuple[str, ...]] = set()
        self._long: dict[tuple[str, ...], list[tuple[tuple[str, ...], int]]] = defaultdict(list)
        sentences = {tuple(split_words(sentence)) for text in texts for sentence in text}
        counts = Counter(word for sentence in sentences for word in sentence)
        for sentence in sentences:
            self._sentences.add(sentence)
            if word_weight(sentence) >= NGRAM:
                rarity = [sum(1 / counts[word] for word in gram) for gram in _grams(sentence)]
                offset = rarity.index(max(rarity))
                self._long[sentence[offset : offset + NGRAM]].append((sentence, offset))

    @cached_property
    def _shingles(self) -> "NDArray[np.int64]":
        """Hashes of the stretches of LONG_NGRAM words that count, sorted: asked for by few transfer sets."""
        import numpy as np

        held_out = np.unique(_shingles(self._texts))
        return np.setdiff1d(held_out, _shingles(self._own)) if len(held_out) else held_out

    def stands_within(self, text: Text) -> bool:
        """True if the single sentence `text`, too short for `shares`, stands as a whole in a held-out text. One of
        fewer than NGRAM words is not judged."""
        if len(text) > 1 or word_weight(tokens := tuple(split_words(text[0]))) < NGRAM:
            return False
        size = len(tokens)
        if size >= LONG_NGRAM * (SIGNS_PER_WORD if SIGN.search(text[0]) else 1):
            return False
        if size not in self._stretches:
            self._stretches[size] = set(_stretches(self._texts, size)) - set(_stretches(self._own, size))
        return hash(tokens) in self._stretches[size]

    def shares(self, text: Text) -> bool:
        """True if a sentence of the text has LONG_NGRAM words in a row of a held-out text."""
        if not len(self._shingles):
            return False
        found = _shingles([text])
        if not len(found):
            return False
        places = self._shingles.searchsorted(found)
        return any(self._shingles[places % len(self._shingles)] == found)

    def inside(self, text: Text) -> bool:
        """True if the sentence `text` equals or contains a held-out text, or the pair shares a sentence with one."""
        if len(text) > 1:
            return any(
                word_weight(key := tuple(split_words(side))) >= NGRAM and key in self._sentences for side in text
            )
        tokens = tuple(split_words(text[0]))
        if tokens in self._sentences:
            return True
        for place, gram in enumerate(_grams(tokens)):
            for sentence, offset in self._long.get(gram, ()):
                start = place - offset
                if start >= 0 and tokens[start : start + len(sentence)] == sentence:
                    return True
        return False


def word_weight(tokens: Sequence[str]) -> float:
    """The number of words that the tokens are worth: a sign of a script without spaces is a part of one."""
    return sum(1 / SIGNS_PER_WORD if SIGN.match(token) else 1 for token in tokens)


def _grams(tokens: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    return zip(*(tokens[shift:] for shift in range(NGRAM)), strict=False)


def _stretches(texts: Sequence[Text], size: int) -> Iterator[int]:
    """Hashes of all stretches of so many words."""
    for text in texts:
        for sentence in text:
            tokens = split_words(sentence)
            yield from map(hash, zip(*(tokens[shift:] for shift in range(size)), strict=False))


def _shingles(texts: Sequence[Text]) -> "NDArray[np.int64]":
    """Hashes of all stretches of LONG_NGRAM words; numbers, for millions of them must fit into memory."""
    import numpy as np

    def stretches() -> Iterator[tuple[str, ...]]:
        for text in texts:
            for sentence in text:
                tokens = split_words(sentence)
                size = LONG_NGRAM * (SIGNS_PER_WORD if SIGN.search(sentence) else 1)
                if len(tokens) >= size:
                    yield from zip(*(tokens[shift:] for shift in range(size)), strict=False)

    return np.fromiter(map(hash, stretches()), dtype=np.int64)


class _Index:
    """An index of sentences, as word ids. A search for a sentence looks only at the places of its rarest n-gram, so
    that 15 million words cost seconds and a few hundred MB. `same` lists the places of each distinct sentence, both in
    rising order."""

    def __init__(self, sentences: Sequence[str]):
        import numpy as np

        vocabulary: dict[str, int] = {}
        self._written, self._starts = array("i"), [0]
        same: dict[bytes, list[int]] = {}
        for place, sentence in enumerate(sentences):
            self._written.extend([vocabulary.setdefault(word, len(vocabulary)) for word in split_words(sentence)])
            self._starts.append(len(self._written))
            same.setdefault(self._written[self._starts[-2] :].tobytes(), []).append(place)
        self.same = sorted(same.values())
        self._worth = np.array([1 / SIGNS_PER_WORD if SIGN.match(word) else 1.0 for word in vocabulary])
        self._ids = ids = np.frombuffer(self._written, dtype=np.intc)
        size = max(0, len(ids) - NGRAM + 1)
        counts = np.bincount(ids)[ids] if len(ids) else ids
        self._ngrams, self._rarity = np.zeros(size, np.uint64), counts[:size].copy()
        for shift in range(NGRAM):  # a hash: a collision of two n-grams costs one more comparison, no more
            self._ngrams = self._ngrams * np.uint64(0x9E3779B97F4A7C15) + ids[shift : size + shift].astype(np.uint64)
            np.minimum(self._rarity, counts[shift : size + shift], out=self._rarity)

    def inside(self, inners: Sequence[int], outers: Sequence[int]) -> Iterator[tuple[int, int]]:
        """(i, j) for i of `inners`, of at least NGRAM words, that stand inside another one, j of `outers`: all of them,
        or of n-grams that repeat what `_longest_inside` finds."""
        import numpy as np

        starts, written, ngrams = self._starts, self._written, self._ngrams
        # by n-gram: the sentences to look for, and its offset in each
        searched: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for place in inners:
            start, last = starts[place], starts[place + 1] - NGRAM
            if start <= last and self._worth[self._ids[start : last + NGRAM]].sum() >= NGRAM:
                offset = int(self._rarity[start : last + 1].argmin())
                searched[int(ngrams[start + offset])].append((place, offset))
        keys = np.array(sorted(searched), dtype=np.uint64)
        if not len(keys):
            return
        found = [self._positions(outer, keys) for outer in outers]
        places = Counter(key for _, ngrams_found in found for key in ngrams_found)
        frequent = {key for key, count in places.items() if min(count, len(searched[key])) > FEW}
        if frequent:
            inners = sorted(inner for key in frequent for inner, _ in searched[key])
            yield from self._longest_inside(inners, outers)
        for outer, (positions, ngrams_found) in zip(outers, found, strict=True):
            start, end = starts[outer], starts[outer + 1]
            for position, ngram in zip(positions, ngrams_found, strict=True):
                for inner, offset in () if ngram in frequent else searched[ngram]:
                    begin, length = start + position - offset, starts[inner + 1] - starts[inner]
                    if inner == outer or begin < start or begin + length > end:
                        continue
                    if written[begin : begin + length] == written[starts[inner] : starts[inner + 1]]:
                        yield inner, outer

    def _positions(self, outer: int, keys: "NDArray[np.uint64]") -> tuple[list[int], list[int]]:
        """Positions in a sentence at which one of the n-grams `keys` begins, and those n-grams."""
        import numpy as np

        start, end = self._starts[outer], self._starts[outer + 1]
        if end - start <= NGRAM:
            return [], []
        window = self._ngrams[start : end - NGRAM + 1]
        nearest = np.searchsorted(keys, window)
        nearest[nearest == len(keys)] = 0
        positions = np.flatnonzero(keys[nearest] == window)
        return positions.tolist(), window[positions].tolist()

    def _longest_inside(self, inners: Sequence[int], outers: Sequence[int]) -> Iterator[tuple[int, int]]:
        """(i, j): at each position of an outer sentence j the longest inner one, other than j, that begins there; and
        once each inner one that such a one begins with. The square of pairs that repeated words make is not looked
        through: what begins an inner sentence has a known hash, so that halving finds the longest."""
        import numpy as np

        hashes, starts = _Hashes(self._ids), np.array(self._starts)
        heads, sizes = starts[inners], np.diff(starts)[inners]
        rows = np.cumsum(sizes) - sizes  # where the beginnings of each inner sentence begin, one word longer each time
        lengths = np.arange(sizes.sum()) - np.repeat(rows, sizes) + 1
        beginnings = hashes.of(np.repeat(heads, sizes), lengths)
        lasts = rows + sizes - 1
        whole = {key: place for place, key in enumerate(beginnings[lasts].tolist())}
        # for each beginning the longest inner sentence that it begins with or is, by its place in `inners`
        complete = np.array([whole.get(key, -1) for key in beginnings.tolist()])
        latest = np.maximum.accumulate(np.where(complete >= 0, np.arange(len(complete)), -1))
        longest = np.where(latest >= np.repeat(rows, sizes), complete[latest], -1)
        parents = np.where(sizes > 1, longest[lasts - 1], -1).tolist()  # the longest one that each begins with
        known, first = np.unique(beginnings, return_index=True)

        sentences = np.repeat(np.arange(len(starts) - 1), np.diff(starts))[: len(self._ngrams)]
        chosen = np.zeros(len(starts) - 1, dtype=bool)
        chosen[outers] = True
        rooms = starts[sentences + 1] - np.arange(len(sentences))
        at = np.flatnonzero(chosen[sentences] & (rooms >= NGRAM) & np.isin(self._ngrams, self._ngrams[heads]))
        low, high = np.zeros(len(at), dtype=np.int64), rooms[at]
        while (high > low).any():
            middle = (low + high + 1) // 2
            wanted = hashes.of(at, middle)
            is_known = known[np.minimum(np.searchsorted(known, wanted), len(known) - 1)] == wanted
            low, high = np.where(is_known, middle, low), np.where(is_known, high, middle - 1)
        at, low = at[low >= NGRAM], low[low >= NGRAM]
        found = longest[first[np.minimum(np.searchsorted(known, hashes.of(at, low)), len(known) - 1)]]
        numbers = {inner: place for place, inner in enumerate(inners)}
        seen: set[int] = set()
        for outer, place in np.unique(np.stack([sentences[at], found], axis=1), axis=0).tolist():
            if place == numbers.get(outer):
                place = parents[place]
            if place < 0:
                continue
            yield inners[place], outer
            while place not in seen:
                seen.add(place)
                if (place := parents[place]) < 0 or place in seen:
                    break
                yield inners[place], outer


class _Hashes:
    """Hashes of stretches of a long row of word ids, each in one step."""

    def __init__(self, ids: "NDArray[np.intc]"):
        import numpy as np

        base = np.uint64(0x9E3779B97F4A7C15)
        inverse = np.uint64(pow(int(base), -1, 2**64))
        powers = np.ones(len(ids) + 1, np.uint64)
        powers[1:] = base
        values = (ids.astype(np.uint64) + np.uint64(1)) * np.uint64(0xBF58476D1CE4E5B9)
        values ^= values >> np.uint64(31)
        self._sums = np.zeros(len(ids) + 1, np.uint64)
        np.cumsum(values * np.multiply.accumulate(powers)[:-1], out=self._sums[1:])
        powers[1:] = inverse
        self._inverse = np.multiply.accumulate(powers)

    def of(self, places: "NDArray[np.int64]", lengths: "NDArray[np.int64]") -> "NDArray[np.uint64]":
        """Hashes of the stretches of these lengths from these places on."""
        result: NDArray[np.uint64] = (self._sums[places + lengths] - self._sums[places]) * self._inverse[places]
        return result


def fragments(sentences: Sequence[str]) -> list[bool]:
    """True for each sentence of fewer than NGRAM words that stands inside a longer one: those stay in training."""
    short = [
        tuple(tokens)
        if len(sentence) <= SHORT_CHARACTERS and word_weight(tokens := split_words(sentence)) < NGRAM
        else None
        for sentence in sentences
    ]
    candidates, inside = {tokens for tokens in short if tokens}, set()
    if candidates:
        longest = max(map(len, candidates))
        for sentence in sentences:
            tokens = split_words(sentence)
            for size in range(1, min(longest + 1, len(tokens))):
                inside |= candidates.intersection(zip(*(tokens[shift:] for shift in range(size)), strict=False))
    return [tokens in inside for tokens in short]


def maximal_texts(sentences: Sequence[str]) -> list[int]:
    """The places of the sentences that stand in no longer one."""
    parts = [False] * len(sentences)
    for inner, outer in containments(sentences):
        parts[inner] |= len(split_words(sentences[inner])) < len(split_words(sentences[outer]))
    return [place for place, short in enumerate(fragments(sentences)) if not short and not parts[place]]
