"""Splits cut from training rows by groups of overlapping texts, and the limit on labelled rows."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from distill_core.config.schema import Config
from distill_core.data import overlap
from distill_core.data.examples import LabelledExample, Notes
from distill_core.data.overlap import Text, containments, split_words
from distill_core.errors import DataError, KnobError
from distill_core.messages import message

VALID_SHARE, VALID_MOST = 0.1, 2_000  # of a validation split cut from training
TEST_SHARE, TEST_MOST = 0.2, 5_000
CUT_SINGLE = (
    "There was no {split} split: {n:row was|rows were} cut from train by group (texts that contain one another stay "
    "together), seed {seed}."
)
CUT_PAIRS = "There was no {split} split: {n:row was|rows were} cut from train by group (shared sentences), seed {seed}."
LINKED_SINGLE = (
    "{n:unlabelled text|unlabelled texts} containing or contained in rows cut from train: taken out of the transfer "
    "set."
)
LINKED_PAIRS = (
    "{n:unlabelled text|unlabelled texts} sharing a sentence with rows cut from train: taken out of the transfer set."
)


def cut_missing_splits(
    train: list[LabelledExample],
    valid: list[LabelledExample] | None,
    test: list[LabelledExample] | None,
    unlabelled: list[Text],
    classes: Mapping[str, int],
    config: Config,
    notes: Notes,
) -> tuple[list[LabelledExample], list[LabelledExample], list[LabelledExample], list[Text]]:
    """Cut the missing splits from train by complete groups, and drop the unlabelled texts that are linked to them.
    `classes` are the labels' numbers. Returns train, valid, test and unlabelled. Raises DataError."""
    texts = [row.text for row in train]
    edges = linked_texts([*texts, *unlabelled])
    members = connected_components(len(train), edges)
    single = all(len(text) == 1 for text in texts[:1])
    stays = overlap.fragments([text[0] for text in texts]) if single else [False] * len(texts)
    labels = [classes[row.label] for row in train]
    cut: dict[str, list[int]] = {}
    for name, missing, share, most in (
        ("test", test is None, TEST_SHARE, TEST_MOST), ("validation", valid is None, VALID_SHARE, VALID_MOST)
    ):  # fmt: skip
        if not missing:
            continue
        gone = {number for numbers in cut.values() for number in numbers}
        free = [number for number in range(len(train)) if number not in gone]
        position_of = {number: position for position, number in enumerate(free)}
        groups = [[position_of[number] for number in group] for group in members if group[0] not in gone]
        held_out = choose_held_out(
            groups, [labels[number] for number in free], [stays[number] for number in free],
            min(most, max(1, round(share * len(train)))), random.Random(f"{name} {config.seed}"),
        )  # fmt: skip
        if not held_out:
            raise DataError(message(
                "{n:,} training rows are too few (or too alike) to cut a {split} split from. Give more rows, or a file "
                "of {split} rows.", n=len(train), split=name))  # fmt: skip
        cut[name] = [free[position] for position in held_out]
        notes.info(CUT_SINGLE if single else CUT_PAIRS, split=name, n=len(held_out), seed=config.seed)
        present = {labels[place] for place in cut[name]}
        if bare := [label for label, number in classes.items() if number not in present]:
            notes.warn("No row of {split} has {n:~the label|one of the labels} {labels}: {n:~it has|they have} too few "
                       "rows, or too alike, for every split.", split=name, n=len(bare),
                       labels=", ".join(map(repr, bare[:5])))  # fmt: skip
    gone = {number for numbers in cut.values() for number in numbers}
    outside = {number for pair in edges if gone.intersection(pair) for number in pair if number >= len(train)}
    if outside:
        notes.warn(LINKED_SINGLE if single else LINKED_PAIRS, n=len(outside))
        unlabelled = [text for number, text in enumerate(unlabelled, len(train)) if number not in outside]
    valid = [train[number] for number in cut["validation"]] if valid is None else valid
    test = [train[number] for number in cut["test"]] if test is None else test
    return [row for number, row in enumerate(train) if number not in gone], valid, test, unlabelled


def limit_examples(
    train: list[LabelledExample], labels: Sequence[str], config: Config, notes: Notes
) -> list[LabelledExample]:
    """The `config.limit` rows of train that the seed draws, in order: of every class its share and at least one row.
    Raises KnobError."""
    limit = config.limit
    if limit is None or limit >= len(train):
        return train
    if limit < len(labels):
        raise KnobError(message(
            "{knob:knob} can't be {limit}: the task has {n} classes, and each needs a labelled row. Set it to {n} or "
            "more.", knob="limit", limit=limit, n=len(labels)))  # fmt: skip
    places = defaultdict(list)
    for number, row in enumerate(train):
        places[row.label].append(number)
    exact = {label: limit * len(places[label]) / len(train) for label in labels}
    most = {label: max(1, int(share)) for label, share in exact.items()}
    by_remainder = sorted(labels, key=lambda label: most[label] - exact[label])
    for label in by_remainder * 2:  # the rows that rounding left over, the largest remainders first
        if sum(most.values()) < limit and most[label] < len(places[label]):
            most[label] += 1
    while sum(most.values()) > limit:
        most[max(most, key=lambda label: most[label])] -= 1
    generator = random.Random(f"limit {config.seed}")
    drawn = {number for label in labels for number in generator.sample(places[label], most[label])}
    notes.info("Limit: {limit:,} of {all:,} labelled training rows kept; the other {rest:,} are dropped, not used as "
               "transfer text.", limit=limit, all=len(train), rest=len(train) - limit)  # fmt: skip
    return [row for number, row in enumerate(train) if number in drawn]


def shared_sentences(pairs: Sequence[Text]) -> Iterator[tuple[int, int]]:
    """(i, j) for pairs that share a sentence, on either side: each pair with the first one of the sentence."""
    first: dict[str, int] = {}
    for place, pair in enumerate(pairs):
        for sentence in pair:
            earlier = first.setdefault(" ".join(split_words(sentence)), place)
            if earlier != place:
                yield earlier, place


def linked_texts(texts: Sequence[Text]) -> list[tuple[int, int]]:
    """(i, j) for texts that belong in one split: `containments` of single sentences, `shared_sentences` of pairs."""
    if texts and len(texts[0]) > 1:
        return list(shared_sentences(texts))
    return list(containments([text[0] for text in texts]))


def connected_components(size: int, edges: Sequence[tuple[int, int]]) -> list[list[int]]:
    """The connected groups of `size` places, each in rising order and they by their first place; edges to places beyond
    `size` are ignored."""
    from scipy.sparse import coo_array, csgraph

    within = [(one, other) for one, other in edges if one < size and other < size]
    ones, others = zip(*within, strict=True) if within else ((), ())
    links = coo_array((np.ones(len(within), dtype=bool), (ones, others)), shape=(size, size))
    groups: dict[int, list[int]] = defaultdict(list)
    for place, group in enumerate(csgraph.connected_components(links, directed=False)[1].tolist()):
        groups[group].append(place)
    return list(groups.values())


def choose_held_out(
    groups: Sequence[Sequence[int]], labels: Sequence[int], stays: Sequence[bool], size: int, generator: random.Random
) -> list[int]:
    """About `size` places in complete groups, drawn at random, of each class its share and at least one, in rising
    order. A group with a place that `stays` is skipped unless a class has no other, and at least one place of every
    class is left over. There may be fewer where groups are large or a class has few rows."""
    total = Counter(labels)
    quota = {label: max(1, round(size * count / len(labels))) for label, count in total.items()}
    left = dict(total)
    chosen: list[int] = []

    def choose(group: Sequence[int], most: dict[int, int]) -> None:
        counts = Counter(labels[place] for place in group)
        if all(count <= most[label] and count < left[label] for label, count in counts.items()):
            chosen.extend(group)
            for label, count in counts.items():
                most[label] -= count
                quota[label] -= count * (most is not quota)
                left[label] -= count

    order = [group for group in groups if not any(stays[place] for place in group)]
    generator.shuffle(order)
    for group in order:
        choose(group, quota)
    if 2 * len(chosen) < size:  # a few large groups hold nearly all rows: complete ones, while half of the rows stay
        before = set(chosen)
        room = {label: count // 2 - (count - left[label]) for label, count in total.items()}
        for group in sorted((group for group in order if group[0] not in before), key=len):
            if len(chosen) < size:
                choose(group, room)
    _cover(groups, labels, stays, chosen, left)
    return sorted(chosen)


def _cover(
    groups: Sequence[Sequence[int]],
    labels: Sequence[int],
    stays: Sequence[bool],
    chosen: list[int],
    left: dict[int, int],
) -> None:
    """Adds to `chosen` a group for each class that has none there and a row to spare; `left` are the rows of each class
    that are not chosen. The groups with the fewest rows of the class come first, and a place that `stays` last."""
    for label in sorted(left, key=lambda label: left[label]):
        if any(labels[place] == label for place in chosen):
            continue
        taken = set(chosen)
        free = [group for group in groups if group[0] not in taken and any(labels[place] == label for place in group)]
        for group in sorted(free, key=lambda group: (any(stays[place] for place in group), len(group))):
            counts = Counter(labels[place] for place in group)
            if all(count < left[one] for one, count in counts.items()):
                chosen.extend(group)
                for one, count in counts.items():
                    left[one] -= count
                break
