"""Held-out texts that give themselves away: what stands in two splits, or inside a text of another.

A student that has read a test text with its label is not tested by it. Equal texts are always taken out; texts that
contain one another, and pairs that share a sentence, as `config.leaks` says. A training phrase of a word or two that
stands in a test text is anybody's and no leak; from three words on it is (see `groups`). Knows nothing of files.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from distill_core import groups
from distill_core.errors import DataError
from distill_core.rows import Notes, Row, Text, bare, counted, short, some

MOST = 0.5  # of the training rows, or of a class: more than that and there would be no task left


def told_twice(rows: Sequence[Row], split: str, notes: Notes) -> None:
    """Say which texts of a split that is scored have two labels; its rows are never cut."""
    labels: dict[Text, set[str]] = defaultdict(set)
    for row in rows:
        labels[row.key].add(row.label)
    found = [row for row in rows if len(labels[row.key]) > 1]
    if found:
        what = f"{counted(len(found), 'row')} of {split} hold a text that also stands with another label"
        notes.warn(f"{what} ({some(found)}): no model can get all of them right.")


def without(rows: list[Row], held: Iterable[Row], split: str, other: str, notes: Notes) -> list[Row]:
    """`rows` without the texts of `held`; a pair counts the same either way round. Raises DataError if none is left."""
    taken = {key for row in held for key in (row.key, row.key[::-1])}
    found = [row for row in rows if row.key in taken]
    if found:
        what = f"{counted(len(found), 'row')} of {split} also stand in {other}" if len(found) > 1 else ""
        what = what or f"1 row of {split} also stands in {other}"
        notes.warn(f"{what} and {'were' if len(found) > 1 else 'was'} taken out of {split} ({some(found)}).")
        rows = [row for row in rows if row.key not in taken]
    if not rows:
        raise DataError(f"Every row of {split} also stands in {other}. Give {split} rows of its own.")
    return rows


def apart(train: list[Row], held: dict[str, Sequence[Row]], keep: bool, notes: Notes) -> list[Row]:
    """`train` without the rows that contain, or stand in, a text of `held` (its splits by name), or share a sentence
    with its pairs. They stay and are told if `keep`, or if more than MOST of the rows or of a class would go."""
    for split, others in held.items():
        crossing: dict[int, Row] = {}
        for place, number in groups.crossings([row.text for row in others], [row.text for row in train]):
            crossing.setdefault(number, others[place])
        if not crossing:
            continue
        found = [train[number] for number in sorted(crossing)]
        one, other = found[0], crossing[min(crossing)]
        how = "share a sentence with" if len(one.text) > 1 else "contain or stand in"
        what = f"{counted(len(found), 'row')} of train {how} a text of {split} ({some(found)}; {_example(one, other)})"
        if keep:
            notes.warn(f"{what}. They stay in train, as leaks=keep asks: the scores may flatter.")
        elif most := _too_many(train, found):
            notes.warn(f"{what}. That is {most}, so they stay in train: the scores may flatter. Split the data anew.")
        else:
            notes.warn(f"{what}: taken out of train (leaks=keep keeps them).")
            train = [row for number, row in enumerate(train) if number not in crossing]
    return train


def left_over(loose: Sequence[Text], held: Sequence[Row], scored_on: str, keep: bool, notes: Notes) -> list[Text]:
    """The unlabelled texts, each once, without those of the held-out rows, and, unless `keep`, without those that
    contain or stand in one or share a sentence with one."""
    taken = {key for row in held for key in (row.key, row.key[::-1])}
    kept = [text for text in dict.fromkeys(loose) if all(text)]
    clean = [text for text in kept if bare(text) not in taken]
    if len(clean) < len(kept):
        found = counted(len(kept) - len(clean), "unlabelled text")
        notes.warn(f"{found} also in validation or {scored_on}: taken out of the transfer set.")
    if keep or not clean or not held:
        return clean
    crossing = {number for _, number in groups.crossings([row.text for row in held], clean)}
    if crossing:
        how = "share a sentence with" if len(clean[0]) > 1 else "contain or stand in"
        found = f"{counted(len(crossing), 'unlabelled text')} {how} one of validation or {scored_on}"
        first = short(clean[min(crossing)])
        notes.warn(f"{found} (“{first}”): taken out of the transfer set (leaks=keep keeps them).")
    return [text for number, text in enumerate(clean) if number not in crossing]


def _too_many(train: Sequence[Row], found: Sequence[Row]) -> str:
    """What of `train` more than MOST would go, "" where nothing is."""
    if len(found) > MOST * len(train):
        return f"{len(found) / len(train):.0%} of them"
    for label in dict.fromkeys(row.label for row in found):
        of_label = sum(row.label == label for row in found), sum(row.label == label for row in train)
        if of_label[0] > MOST * of_label[1]:
            return f"{of_label[0] / of_label[1]:.0%} of those with the label {label!r}"
    return ""


def _example(one: Row, other: Row) -> str:
    return f"row {one.number} “{short(one.text)}”, row {other.number} there “{short(other.text)}”"
