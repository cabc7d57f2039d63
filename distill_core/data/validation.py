"""Checks of single rows, labels and classes: an unusable row raises DataError, or is left out and counted."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from distill_core.data.dataset import RawSplit
from distill_core.data.examples import (
    AnyExample,
    Example,
    LabelledExample,
    Notes,
    Text,
    clean_text,
    is_labelled,
    normalize,
)
from distill_core.errors import DataError
from distill_core.messages import Message, message

MAX_CHARACTERS = 20_000  # of one text
MAX_CLASSES = 200


def check_examples(rows: RawSplit, split: str, notes: Notes) -> list[AnyExample]:
    """The rows of one source, cleaned. Raises DataError on the first bad one; where `rows.lenient`, leaves bad ones
    out."""
    name = rows.name or split
    good: list[AnyExample] = []
    bad: Counter[Message] = Counter()
    numbers = rows.numbers or range(1, len(rows.texts) + 1)
    for text, label, number in zip(rows.texts, rows.labels, numbers, strict=True):
        text = clean_text(text)
        cleaned = None if label is None else clean_text((label,))[0] or None
        row: AnyExample = Example(text, cleaned, name, number, normalize(text))
        problem = _problem(row)
        if problem is None:
            good.append(row)
        elif rows.lenient:
            bad[problem[0]] += 1
        else:
            raise DataError(problem[1])
    for reason, count in bad.items():
        notes.warn("{n:row|rows} of {name} left out: {what}.", n=count, name=name, what=reason)
    if not good:
        raise DataError(message("{name} holds no rows that can be used. Choose another source for {split}.",
                               name=name, split=split))  # fmt: skip
    return good


def _problem(row: AnyExample) -> tuple[Message, Message] | None:
    """The problem of a row that can't be used: a reason for many rows, and a sentence on this one."""
    for side, text in enumerate(row.text):
        which = message("text") if len(row.text) == 1 else message("second text") if side else message("first text")
        if not text:
            return message("no text"), message("{row} has no {which}. Fill it in or delete the row.", row=row.place,
                                             which=which)  # fmt: skip
        if len(text) > MAX_CHARACTERS:
            return message("more than {most:,} characters", most=MAX_CHARACTERS), message(
                "{row} has a {which} of {n:,} characters; at most {most:,} are read. Shorten or split it.",
                row=row.place, which=which, n=len(text), most=MAX_CHARACTERS,
            )  # fmt: skip
    if row.label is not None and (len(row.label) > 64 or not row.label.isprintable()):
        return message("a label that is a text"), message(
            "{row} has the label {label}, which looks like a text. Choose another label column.",
            row=row.place, label=f"{row.label[:40]!r}…",
        )  # fmt: skip
    return None


def are_pairs(rows: Sequence[AnyExample]) -> bool:
    widths = {len(row.text) for row in rows}
    if widths - {1, 2} or len(widths) != 1:
        raise DataError(message("Some rows hold one text and some two. Give all splits the same columns."))
    return widths == {2}


def drop_unlabelled(rows: list[AnyExample], split: str, notes: Notes) -> list[LabelledExample]:
    """The rows of a held-out split that have a label. Raises DataError if none has."""
    labelled = [row for row in rows if is_labelled(row)]
    if not labelled:
        raise DataError(message("No row of {name} has a label, so it can't be the {split} split. Leave it out.",
                               name=rows[0].source, split=split))  # fmt: skip
    if len(labelled) < len(rows):
        notes.warn("{n:row|rows} of {name} without a label left out of {split}.",
                   n=len(rows) - len(labelled), name=rows[0].source, split=split)  # fmt: skip
    return labelled


def resolve_labels(
    train: Sequence[LabelledExample], others: Sequence[LabelledExample], declared: tuple[str, ...] | None, notes: Notes
) -> tuple[str, ...]:
    """The classes in order: as the task has `declared` them, else by number or alphabet. Raises DataError."""
    counts = Counter(row.label for row in train)
    if not counts:
        raise DataError(
            message(
                "No row of train has a label. Choose the column that holds the labels with {knob:knob}.", knob="label"
            )
        )
    if declared is None:
        number = all(label.removeprefix("-").isdecimal() for label in counts)
        labels = tuple(sorted(counts, key=lambda label: (int(label) if number else 0, label)))
    else:
        labels = tuple(label for label in declared if label in counts)
        unknown = next((row for row in train if row.label not in declared), None)
        if unknown:
            raise DataError(message("{row} has the label {label}; this task knows {known}.", row=unknown.place,
                                   label=repr(unknown.label), known=", ".join(declared)))  # fmt: skip
    if len(labels) > MAX_CLASSES:
        raise DataError(message(
            "The labels of {name} have {n:,} different values in {rows:,} rows; at most {most:,} classes are learned. "
            "Choose another label column.", name=train[0].source or "train", n=len(labels), rows=len(train),
            most=MAX_CLASSES))  # fmt: skip
    stranger = next((row for row in others if row.label not in counts), None)
    if stranger:
        known = ", ".join(repr(label) for label in labels[:10])
        raise DataError(message("{row} has the label {label}, which no training row has ({known}). Correct it.",
                               row=stranger.place, label=repr(stranger.label), known=known))  # fmt: skip
    alike = defaultdict(list)
    for label in labels:
        alike[label.casefold()].append(label)
    for twins in alike.values():
        if len(twins) > 1:
            notes.warn("The labels {labels} differ by case alone. They count as two classes.",
                       labels=", ".join(map(repr, twins)))  # fmt: skip
    return labels


def check_class_counts(train: Sequence[LabelledExample], labels: Sequence[str]) -> None:
    counts = Counter(row.label for row in train)
    source = train[0].source if train else "train"
    if len(labels) < 2:
        raise DataError(message(
            "All {n:,} labelled rows of {name} have the label {label}; a task needs at least two classes. Add rows of "
            "another, or choose another label column.", n=len(train), name=source, label=repr(labels[0])))  # fmt: skip
    for label in labels:
        if counts[label] == 0:
            raise DataError(message("No usable training row has the label {label}: all were duplicates or stand in "
                                   "other splits.", label=repr(label)))  # fmt: skip
        if counts[label] == 1:
            row = next(row for row in train if row.label == label)
            raise DataError(
                message(
                    "{row} is the only one with the label {label}. Give that class more rows, or delete it.",
                    row=row.place,
                    label=repr(label),
                )
            )


def merge_duplicates(rows: Sequence[LabelledExample], notes: Notes) -> tuple[list[LabelledExample], list[Text]]:
    """The rows, each text once; and, apart from them, the texts with two labels."""
    copies: dict[Text, list[LabelledExample]] = {}
    for row in rows:
        copies.setdefault(row.key, []).append(row)
    distinct, contradicted, double = [], [], 0
    for same in copies.values():
        if len({row.label for row in same}) > 1:
            contradicted.append(same)
        else:
            distinct.append(same[0])
            double += len(same) - 1
    if double:
        notes.info("{n:row|rows} of train repeated another with the same label and {n:~was|were} merged.", n=double)
    if contradicted:
        shown = [
            message("rows {rows}", rows=" + ".join(f"{row.number} ({row.label})" for row in same[:4]))
            for same in contradicted[:3]
        ]
        notes.warn("{n:text|texts} of train with two different labels ({rows}): kept out of the labelled rows, left to "
                   "the teacher as transfer text.",
                   n=len(contradicted), rows=[*shown, *(["…"] if len(contradicted) > 3 else [])])  # fmt: skip
    return distinct, [same[0].text for same in contradicted]
