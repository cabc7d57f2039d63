"""Held-out texts that give themselves away: what stands in two splits, or inside a text of another.

A student that has read a test text with its label is not tested by it. Equal texts are always taken out; texts that
contain one another, and pairs that share a sentence, as `config.leaks` says. A training phrase of a word or two that
stands in a test text is anybody's and no leak; from three words on it is (see `overlap`). Knows nothing of files.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from distill_core.data import overlap
from distill_core.data.examples import Example, Notes, Text, normalize, row_numbers, shorten
from distill_core.errors import DataError
from distill_core.messages import Message, message

MAX_SHARE = 0.5  # of the training rows, or of a class: more than that and there would be no task left
KEEP_OPTION = "leaks=keep"
CONTAINS = (
    "{n:row|rows} of train {n:~contains or stands|contain or stand} in a text of {split} "
    "({rows}; row {one} “{text}”, row {other} there “{there}”)"
)
SHARES = (
    "{n:row|rows} of train {n:~shares|share} a sentence with a text of {split} "
    "({rows}; row {one} “{text}”, row {other} there “{there}”)"
)
UNLABELLED_CONTAINS = (
    "{n:unlabelled text|unlabelled texts} {n:~contains or stands|contain or stand} in one of validation or {split} "
    "(“{text}”): taken out of the transfer set ({leaks:knob} keeps them)."
)
UNLABELLED_SHARES = (
    "{n:unlabelled text|unlabelled texts} {n:~shares|share} a sentence with one of validation or {split} "
    "(“{text}”): taken out of the transfer set ({leaks:knob} keeps them)."
)


def warn_conflicting_labels(rows: Sequence[Example], split: str, notes: Notes) -> None:
    """Say which texts of a split that is scored have two labels; its rows are never cut."""
    labels: dict[Text, set[str]] = defaultdict(set)
    for row in rows:
        labels[row.key].add(row.label)
    found = [row for row in rows if len(labels[row.key]) > 1]
    if found:
        notes.warn(
            "{n:row|rows} of {split} {n:~holds|hold} a text that also stands with another label ({rows}): "
            "no model can get all of them right.",
            n=len(found),
            split=split,
            rows=row_numbers(found),
        )


def drop_duplicates(
    rows: list[Example], held: Iterable[Example], split: str, other: str, notes: Notes
) -> list[Example]:
    """`rows` without the texts of `held`; a pair counts the same either way round. Raises DataError if none is left."""
    taken = {key for row in held for key in (row.key, row.key[::-1])}
    found = [row for row in rows if row.key in taken]
    if found:
        notes.warn("{n:row|rows} of {split} also {n:~stands|stand} in {other} and {n:~was|were} taken out of {split} "
                   "({rows}).", n=len(found), split=split, other=other, rows=row_numbers(found))  # fmt: skip
        rows = [row for row in rows if row.key not in taken]
    if not rows:
        raise DataError(message(
            "Every row of {split} also stands in {other}. Give {split} rows of its own.", split=split,
            other=other))  # fmt: skip
    return rows


def drop_overlapping(
    train: list[Example], held: dict[str, Sequence[Example]], keep: bool, notes: Notes, ours: bool = False
) -> list[Example]:
    """`train` without the rows that contain, or stand in, a text of `held` (its splits by name), or share a sentence
    with its pairs. They stay and are told if `keep`, or if more than MOST of the rows or of a class would go. `ours`:
    nobody need look at what was taken out, for nobody here made the rows or can mend them."""
    tell = notes.info if ours else notes.warn
    for split, others in held.items():
        crossing: dict[int, Example] = {}
        for place, number in overlap.find_overlaps([row.text for row in others], [row.text for row in train]):
            crossing.setdefault(number, others[place])
        if not crossing:
            continue
        found = [train[number] for number in sorted(crossing)]
        what = message(
            SHARES if len(found[0].text) > 1 else CONTAINS,
            n=len(found), split=split, rows=row_numbers(found), one=found[0].number, text=shorten(found[0].text),
            other=crossing[min(crossing)].number, there=shorten(crossing[min(crossing)].text),
        )  # fmt: skip
        if keep:
            notes.warn("{what}. They stay in train, as {leaks:knob} asks: the scores may flatter.",
                       what=what, leaks=KEEP_OPTION)  # fmt: skip
        elif most := _excess(train, found):
            notes.warn("{what}. That is {most}, so they stay in train: the scores may flatter. Split the data anew.",
                       what=what, most=most)  # fmt: skip
        else:
            tell("{what}: taken out of train ({leaks:knob} keeps them).", what=what, leaks=KEEP_OPTION)
            train = [row for number, row in enumerate(train) if number not in crossing]
    return train


def clean_unlabelled(
    loose: Sequence[Text], held: Sequence[Example], scored_on: str, keep: bool, notes: Notes, ours: bool = False
) -> list[Text]:
    """The unlabelled texts, each once, without those of the held-out rows, and, unless `keep`, without those that
    contain or stand in one or share a sentence with one. `ours` as in `apart`."""
    tell = notes.info if ours else notes.warn
    taken = {key for row in held for key in (row.key, row.key[::-1])}
    kept = [text for text in dict.fromkeys(loose) if all(text)]
    clean = [text for text in kept if normalize(text) not in taken]
    if len(clean) < len(kept):
        tell("{n:unlabelled text|unlabelled texts} also in validation or {split}: taken out of the transfer set.",
             n=len(kept) - len(clean), split=scored_on)  # fmt: skip
    if keep or not clean or not held:
        return clean
    crossing = {number for _, number in overlap.find_overlaps([row.text for row in held], clean)}
    if crossing:
        tell(UNLABELLED_SHARES if len(clean[0]) > 1 else UNLABELLED_CONTAINS,
             n=len(crossing), split=scored_on, text=shorten(clean[min(crossing)]), leaks=KEEP_OPTION)  # fmt: skip
    return [text for number, text in enumerate(clean) if number not in crossing]


def _excess(train: Sequence[Example], found: Sequence[Example]) -> Message | None:
    """What of `train` more than MOST would go, None where nothing is."""
    if len(found) > MAX_SHARE * len(train):
        return message("{share:.0%} of them", share=len(found) / len(train))
    for label in dict.fromkeys(row.label for row in found):
        of_label = sum(row.label == label for row in found), sum(row.label == label for row in train)
        if of_label[0] > MAX_SHARE * of_label[1]:
            return message("{share:.0%} of those with the label {label}", share=of_label[0] / of_label[1],
                          label=repr(label))  # fmt: skip
    return None
