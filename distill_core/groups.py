"""Which texts belong together, so that a held-out text never stands inside a training text.

A random split of SST-2's phrases leaks: 88 % of the held-out ones stand inside a training phrase (FACTS, mistake 6). So
texts that contain one another by LEAST words or more are linked, and pairs that share a sentence. Linking shorter
phrases would tie nearly everything into one group; those stay in training instead. Knows nothing of files or the Hub.
"""

import random
import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

LEAST = 3  # words
SHORT = 80  # characters: nothing longer is looked at as a fragment of fewer words
WORD = re.compile(r"\w+(?:['’]\w+)*")  # the apostrophe stays: "does n't" as three words would tie 7 % of SST-2 together

Text = tuple[str, ...]


def words(text: str) -> list[str]:
    """The text's words, case folded, without punctuation; the text itself where it has none (":-)")."""
    return WORD.findall(text.casefold()) or [text.strip()]


def containments(sentences: Sequence[str]) -> Iterator[tuple[int, int]]:
    """(i, j) for every sentence i of at least LEAST words that stands inside sentence j, word for word. Of equal
    sentences only the first takes part, linked with each other one whatever their length. About linear in the words: a
    sentence is looked for only where its rarest LEAST words stand, and all is numbers, so that 15 million words take
    seconds and a few hundred MB."""
    import numpy as np

    vocabulary: dict[str, int] = {}
    written = array("i")
    starts, first = [0], {}
    for place, sentence in enumerate(sentences):
        written.extend([vocabulary.setdefault(word, len(vocabulary)) for word in words(sentence)])
        starts.append(len(written))
        key = written[starts[-2] :].tobytes()
        if first.setdefault(key, place) != place:
            yield first[key], place
    taking = sorted(first.values())
    del first
    ids = np.frombuffer(written, dtype=np.intc)
    if len(ids) < LEAST:
        return
    counts = np.bincount(ids)[ids]
    size = len(ids) - LEAST + 1
    ngrams, rarity = np.zeros(size, np.uint64), counts[:size].copy()
    for shift in range(LEAST):  # a hash: where two n-grams collide, the words are compared in vain, that is all
        ngrams = ngrams * np.uint64(0x9E3779B97F4A7C15) + ids[shift : size + shift].astype(np.uint64)
        np.minimum(rarity, counts[shift : size + shift], out=rarity)
    del counts

    wanted: dict[int, list[tuple[int, int]]] = defaultdict(
        list
    )  # n-gram: the sentences to look for, and where it stands
    for place in taking:
        start, last = starts[place], starts[place + 1] - LEAST
        if start <= last:
            offset = int(rarity[start : last + 1].argmin())
            wanted[int(ngrams[start + offset])].append((place, offset))
    keys = np.array(sorted(wanted), dtype=np.uint64)
    if not len(keys):
        return
    for outer in taking:
        start, end = starts[outer], starts[outer + 1]
        if end - start <= LEAST:
            continue
        here = ngrams[start : end - LEAST + 1]
        at = np.searchsorted(keys, here)
        at[at == len(keys)] = 0
        for position in np.flatnonzero(keys[at] == here).tolist():
            for inner, offset in wanted[int(here[position])]:
                begin, length = start + position - offset, starts[inner + 1] - starts[inner]
                if inner == outer or begin < start or begin + length > end:
                    continue
                if written[begin : begin + length] == written[starts[inner] : starts[inner + 1]]:
                    yield inner, outer


def fragments(sentences: Sequence[str]) -> list[bool]:
    """Whether a sentence has fewer than LEAST words and stands inside a longer one: those stay in training."""
    short = [
        tuple(tokens) if len(sentence) <= SHORT and len(tokens := words(sentence)) < LEAST else None
        for sentence in sentences
    ]
    wanted, inside = {tokens for tokens in short if tokens}, set()
    if wanted:
        for sentence in sentences:
            tokens = words(sentence)
            for size in range(1, min(LEAST, len(tokens))):
                inside |= wanted.intersection(zip(*(tokens[shift:] for shift in range(size)), strict=False))
    return [tokens in inside for tokens in short]


def sharing(pairs: Sequence[Text]) -> Iterator[tuple[int, int]]:
    """(i, j) for pairs that share a sentence, on either side: each with the first that holds it."""
    first: dict[str, int] = {}
    for place, pair in enumerate(pairs):
        for sentence in pair:
            before = first.setdefault(" ".join(words(sentence)), place)
            if before != place:
                yield before, place


def links(texts: Sequence[Text]) -> list[tuple[int, int]]:
    """The places of texts that must not be parted: `containments` of single sentences, `sharing` pairs."""
    if texts and len(texts[0]) > 1:
        return list(sharing(texts))
    return list(containments([text[0] for text in texts]))


def gather(size: int, edges: Sequence[tuple[int, int]]) -> list[list[int]]:
    """The connected groups of `size` places, each in rising order; edges to places beyond `size` are ignored."""
    root = list(range(size))

    def find(place: int) -> int:
        while root[place] != place:
            root[place] = root[root[place]]
            place = root[place]
        return place

    for one, other in edges:
        if one < size and other < size:
            root[find(one)] = find(other)
    groups: dict[int, list[int]] = defaultdict(list)
    for place in range(size):
        groups[find(place)].append(place)
    return list(groups.values())


def hold_out(
    groups: Sequence[Sequence[int]], labels: Sequence[int], stays: Sequence[bool], wanted: int, generator: random.Random
) -> list[int]:
    """About `wanted` places in whole groups, drawn at random, each class with its share; groups with a
    place that `stays` are passed over, and at least one place of every class is left. In rising order. It may be short
    where the groups are large or a class has few rows."""
    total = Counter(labels)
    quota = {label: max(1, round(wanted * count / len(labels))) for label, count in total.items()}
    left = dict(total)
    held: list[int] = []

    def take(group: Sequence[int], most: dict[int, int]) -> None:
        counts = Counter(labels[place] for place in group)
        if all(count <= most[label] and count < left[label] for label, count in counts.items()):
            held.extend(group)
            for label, count in counts.items():
                most[label] -= count
                quota[label] -= count * (most is not quota)
                left[label] -= count

    order = [group for group in groups if not any(stays[place] for place in group)]
    generator.shuffle(order)
    for group in order:
        take(group, quota)
    if 2 * len(held) < wanted:  # a few large groups hold nearly everything: whole ones, as long as half stays
        taken = set(held)
        room = {label: count // 2 - (count - left[label]) for label, count in total.items()}
        for group in sorted((group for group in order if group[0] not in taken), key=len):
            if len(held) < wanted:
                take(group, room)
    return sorted(held)
