"""Which texts belong together, so that a held-out text never stands inside a training text.

A random split of SST-2's phrases leaks: 88 % of the held-out ones stand inside a training phrase (FACTS, mistake 6). So
texts that contain one another by LEAST words or more are linked, and pairs that share a sentence. Linking shorter
phrases would tie nearly everything into one group; those stay in training instead. Knows nothing of files or the Hub.
"""

import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

LEAST = 3  # words
WORD = re.compile(
    r"\w+(?:['’]\w+)*"
)  # an apostrophe parts no word: "does n't" as three would tie 7 % of SST-2 together

Text = tuple[str, ...]


def words(text: str) -> list[str]:
    """The text's words, case folded, without punctuation; the text itself where it has none (":-)")."""
    return WORD.findall(text.casefold()) or [text.strip()]


def containments(sentences: Sequence[str]) -> Iterator[tuple[int, int]]:
    """(i, j) for every sentence i of at least LEAST words that stands inside sentence j, word for word. Of equal
    sentences only the first takes part, linked with each other one whatever their length. About linear: a sentence is
    looked for only where its rarest three words stand."""
    split = [words(sentence) for sentence in sentences]
    joined = [f" {' '.join(tokens)} " for tokens in split]
    first: dict[str, int] = {}
    for place, key in enumerate(joined):
        if first.setdefault(key, place) != place:
            yield first[key], place
    counts = Counter(word for place in first.values() for word in split[place])
    wanted: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for place in first.values():
        tokens = split[place]
        if len(tokens) >= LEAST:
            ngrams = zip(*(tokens[shift:] for shift in range(LEAST)), strict=False)
            wanted[min(ngrams, key=lambda ngram: min(counts[word] for word in ngram))].append(place)
    for place in first.values():
        tokens = split[place]
        for ngram in set(zip(*(tokens[shift:] for shift in range(LEAST)), strict=False)):
            for inner in wanted.get(ngram, ()):
                if inner != place and joined[inner] in joined[place]:
                    yield inner, place


def fragments(sentences: Sequence[str]) -> list[bool]:
    """Whether a sentence has fewer than LEAST words and stands inside a longer one: those stay in training."""
    split = [words(sentence) for sentence in sentences]
    short = {tuple(tokens) for tokens in split if len(tokens) < LEAST}
    inside = set()
    for tokens in split:
        for size in range(1, min(LEAST, len(tokens))):
            inside.update(short.intersection(zip(*(tokens[shift:] for shift in range(size)), strict=False)))
    return [tuple(tokens) in inside for tokens in split]


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
