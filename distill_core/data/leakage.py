"""Leakage between splits: texts that occur in two of them, or inside a text of another.

A student that has read a test text with its label is not tested by it. Equal texts are always removed; for texts that
contain one another, and pairs that share a sentence, `config.leaks` decides. A training phrase of one or two words in a
test text is no leak, for anybody may write it; from three words on it is one (see `overlap`). Knows nothing of files.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from distill_core.data import overlap
from distill_core.data.examples import AnyExample, LabelledExample, Notes, Text, normalize, row_numbers, shorten
from distill_core.errors import DataError
from distill_core.messages import Message, message

MAX_SHARE = 0.5  # of the training rows, or of a class: without more of them there would be no task left
KEEP_OPTION = "leaks=keep"
# CONTAINS or SHARES, and what became of those rows
REMOVED = (
    "{what}. {n:~It was|They were} left out, so that the scores stay fair. To train on {n:~it|them} all the same, set "
    "{leaks:knob}."
)
CONTAINS = (
    "{n:training row|training rows} {n:~overlaps|overlap} with {split} rows "
    "({rows}; row {one} “{text}”, row {other} there “{there}”)"
)
SHARES = (
    "{n:training row|training rows} {n:~shares|share} a sentence with {split} rows "
    "({rows}; row {one} “{text}”, row {other} there “{there}”)"
)
UNLABELLED_CONTAINS = (
    "{n:unlabelled text|unlabelled texts} {n:~overlaps|overlap} with validation or {split} rows (“{text}”). "
    "{n:~It was|They were} left out, so that the scores stay fair. To use {n:~it|them} all the same, set {leaks:knob}."
)
UNLABELLED_SHARES = (
    "{n:unlabelled text|unlabelled texts} {n:~shares|share} a sentence with validation or {split} rows (“{text}”). "
    "{n:~It was|They were} left out, so that the scores stay fair. To use {n:~it|them} all the same, set {leaks:knob}."
)


def warn_conflicting_labels(rows: Sequence[LabelledExample], split: str, notes: Notes) -> None:
    """Warns of texts with two labels in a split for scoring; its rows are never cut."""
    labels: dict[Text, set[str]] = defaultdict(set)
    for row in rows:
        labels[row.key].add(row.label)
    conflicting = [row for row in rows if len(labels[row.key]) > 1]
    if conflicting:
        notes.warn(
            "{n:row|rows} of {split} {n:~has|have} a text that another row gives a different label ({rows}): "
            "no model can get all of them right.",
            n=len(conflicting),
            split=split,
            rows=row_numbers(conflicting),
        )


def drop_duplicates(
    rows: list[LabelledExample], held_out: Iterable[AnyExample], split: str, other: str, notes: Notes
) -> list[LabelledExample]:
    """The rows without texts of `held_out`; a pair equals its reverse. Raises DataError if none is left."""
    keys = {key for row in held_out for key in (row.key, row.key[::-1])}
    duplicates = [row for row in rows if row.key in keys]
    if duplicates:
        notes.warn("{n:row|rows} of {split} also {n:~occurs|occur} in {other} and {n:~was|were} left out of {split} "
                   "({rows}).", n=len(duplicates), split=split, other=other, rows=row_numbers(duplicates))  # fmt: skip
        rows = [row for row in rows if row.key not in keys]
    if not rows:
        raise DataError(message(
            "Every row of {split} also occurs in {other}. Give {split} rows of its own.", split=split,
            other=other))  # fmt: skip
    return rows


def drop_overlapping(
    train: list[LabelledExample],
    held_out: Mapping[str, Sequence[AnyExample]],
    keep: bool,
    notes: Notes,
    lenient: bool = False,
) -> list[LabelledExample]:
    """The training rows without those that contain a text of `held_out` (its splits by name), stand in one, or share a
    sentence with a pair of it. They stay, with a warning, if `keep`, or if more than MAX_SHARE of the rows or of a
    class would go. `lenient`: a removal is logged as info, not as a warning, for the user can't mend the source."""
    tell = notes.info if lenient else notes.warn
    for split, others in held_out.items():
        crossing: dict[int, AnyExample] = {}
        for place, number in overlap.find_overlaps([row.text for row in others], [row.text for row in train]):
            crossing.setdefault(number, others[place])
        if not crossing:
            continue
        leaks = [train[number] for number in sorted(crossing)]
        what = message(
            SHARES if len(leaks[0].text) > 1 else CONTAINS,
            n=len(leaks), split=split, rows=row_numbers(leaks), one=leaks[0].number, text=shorten(leaks[0].text),
            other=crossing[min(crossing)].number, there=shorten(crossing[min(crossing)].text),
        )  # fmt: skip
        if keep:
            notes.warn("{what}. You chose {leaks:knob}, so the training uses {n:~it|them}: the scores may look too "
                       "good.", what=what, leaks=KEEP_OPTION, n=len(leaks))  # fmt: skip
        elif most := _excess(train, leaks):
            notes.warn("{what}. That is {most}, too many to leave out: the scores may look too good. Split the data "
                       "anew.", what=what, most=most)  # fmt: skip
        else:
            tell(REMOVED, what=what, n=len(leaks), leaks=KEEP_OPTION)
            train = [row for number, row in enumerate(train) if number not in crossing]
    return train


def clean_unlabelled(
    unlabelled: Sequence[Text],
    held_out: Sequence[AnyExample],
    scored_on: str,
    keep: bool,
    notes: Notes,
    lenient: bool = False,
) -> list[Text]:
    """The unlabelled texts, each once, without those of the held-out rows, and, unless `keep`, without those that
    contain or stand in one or share a sentence with one. `lenient` as in `drop_overlapping`."""
    tell = notes.info if lenient else notes.warn
    keys = {key for row in held_out for key in (row.key, row.key[::-1])}
    distinct = [text for text in dict.fromkeys(unlabelled) if all(text)]
    clean = [text for text in distinct if normalize(text) not in keys]
    if len(clean) < len(distinct):
        tell("{n:unlabelled text|unlabelled texts} also {n:~occurs|occur} in validation or {split} and {n:~was|were} "
             "left out.", n=len(distinct) - len(clean), split=scored_on)  # fmt: skip
    if keep or not clean or not held_out:
        return clean
    crossing = {number for _, number in overlap.find_overlaps([row.text for row in held_out], clean)}
    if crossing:
        tell(UNLABELLED_SHARES if len(clean[0]) > 1 else UNLABELLED_CONTAINS,
             n=len(crossing), split=scored_on, text=shorten(clean[min(crossing)]), leaks=KEEP_OPTION)  # fmt: skip
    return [text for number, text in enumerate(clean) if number not in crossing]


def _excess(train: Sequence[LabelledExample], leaks: Sequence[LabelledExample]) -> Message | None:
    """The share of `train`, or of a class, that would go where it is more than MAX_SHARE; else None."""
    if len(leaks) > MAX_SHARE * len(train):
        return message("{share:.0%} of them", share=len(leaks) / len(train))
    for label in dict.fromkeys(row.label for row in leaks):
        of_label = sum(row.label == label for row in leaks), sum(row.label == label for row in train)
        if of_label[0] > MAX_SHARE * of_label[1]:
            return message("{share:.0%} of those with the label {label}", share=of_label[0] / of_label[1],
                          label=repr(label))  # fmt: skip
    return None
