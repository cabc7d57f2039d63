"""Checks of single rows, labels and classes: what can't be used is left out and counted, and too little left raises
DataError."""

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from distill_core.data.columns import MAX_LABEL
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
    row_numbers,
)
from distill_core.data.labels import (
    NUMBER,
    case_variants,
    clean_label,
    joined_labels,
    listed_labels,
    standard_label,
)
from distill_core.errors import DataError
from distill_core.messages import Message, message

MAX_CHARACTERS = 20_000  # of one text
MAX_CLASSES = 200
MAX_SEVERAL = 0.05  # of the labelled rows may have several labels, which are then left out
MIN_EXPECTED = 3  # rows that a split should have of a class, for its absence not to be chance
LONG_LABEL = message("a label that is a text")


LEFT_OUT = "{n:row|rows} of {name} left out: {what} ({rows})."


def check_examples(rows: RawSplit, split: str, notes: Notes, forms: dict[str, str]) -> list[AnyExample]:
    """The rows of one source, cleaned; those that can't be used are left out and counted. `forms` gets the labels that
    are now written otherwise. Raises DataError where no row can be used, or the labels are texts."""
    name = rows.name or split
    good: list[AnyExample] = []
    bad: dict[Message, list[AnyExample]] = {}
    sentences: dict[Message, Message] = {}
    numbers = rows.numbers or range(1, len(rows.texts) + 1)
    for text, label, number in zip(rows.texts, rows.labels, numbers, strict=True):
        text = clean_text(text)
        row: AnyExample = Example(text, _standard(label, forms), name, number, normalize(text))
        problem = _problem(row)
        if problem is None:
            good.append(row)
        else:
            bad.setdefault(problem[0], []).append(row)
            sentences.setdefault(*problem)
    long_labels = bad.get(LONG_LABEL, [])
    if long_labels and len(long_labels) >= sum(row.label is not None for row in good):
        raise DataError(sentences[LONG_LABEL])
    if not good and sentences:
        raise DataError(next(iter(sentences.values())))
    if not good:
        raise DataError(message("{name} holds no rows that can be used. Choose another source for {split}.",
                               name=name, split=split))  # fmt: skip
    for reason, left_out in bad.items():
        notes.warn(LEFT_OUT, n=len(left_out), name=name, what=reason, rows=row_numbers(left_out))
    return good


def _standard(label: str | None, forms: dict[str, str]) -> str | None:
    """The label in its standard form, None where nothing is left of it."""
    cleaned = clean_label(label or "")
    standard = standard_label(cleaned)
    if standard != cleaned:
        forms[cleaned] = standard
    return standard or None


def _problem(row: AnyExample) -> tuple[Message, Message] | None:
    """The problem of a row that can't be used: a reason for many rows, and a sentence on this one."""
    for side, text in enumerate(row.text):
        if not any(letter.isprintable() and letter != " " for letter in text):
            return message("no text"), message("{row} has no {which}. Fill it in or delete the row.", row=row.place,
                                             which=_side(row, side))  # fmt: skip
        if len(text) > MAX_CHARACTERS:
            return message("more than {most:,} characters", most=MAX_CHARACTERS), message(
                "{row} has a {which} of {n:,} characters; at most {most:,} are read. Shorten or split it.",
                row=row.place, which=_side(row, side), n=len(text), most=MAX_CHARACTERS,
            )  # fmt: skip
    if row.label is not None and (len(row.label) > MAX_LABEL or any(map(_is_control, row.label))):
        return LONG_LABEL, message(
            "{row} has the label {label}, which looks like a text. Choose another label column.",
            row=row.place, label=f"{row.label[:40]!r}…",
        )  # fmt: skip
    return None


def _side(row: AnyExample, side: int) -> Message:
    return message("text") if len(row.text) == 1 else message("second text") if side else message("first text")


def _is_control(letter: str) -> bool:
    return unicodedata.category(letter) == "Cc"


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
        notes.warn("{n:row|rows} of {name} without a label left out of {split} ({rows}).",
                   n=len(rows) - len(labelled), name=rows[0].source, split=split,
                   rows=row_numbers([row for row in rows if row.label is None]))  # fmt: skip
    return labelled


def single_labels(train: list[LabelledExample], notes: Notes) -> dict[str, str | None]:
    """What labels that are lists or several in one become: the label of a list of one, None where there are several.
    Raises DataError where that is more than a slip."""
    counts = Counter(row.label for row in train)
    listed, joined = listed_labels(counts), joined_labels(counts)
    several = {label: parts for label, parts in (listed or joined).items() if len(parts) > 1}
    rows = [row for row in train if row.label in several]
    if len(rows) > MAX_SEVERAL * len(train):
        raise DataError(message(
            "{n:,} of {all:,} rows of {name} have several labels, such as {example}. A student gives one label a text: "
            "keep one label in each row, or make a yes/no column of the label you care for and name it with "
            "{knob:knob}.", n=len(rows), all=len(train), name=train[0].source, example=repr(rows[0].label),
            knob="label"))  # fmt: skip
    if rows:
        notes.warn(LEFT_OUT, n=len(rows), name=rows[0].source, what=message("several labels"), rows=row_numbers(rows))
    single = {label: _standard(parts[0], {}) if parts else None for label, parts in listed.items() if len(parts) < 2}
    if single:
        notes.info("The labels of {name} are lists of one; that one was read.", name=train[0].source)
    return {**single, **dict.fromkeys(several)}


def merge_variants(train: Sequence[LabelledExample], merge: bool, notes: Notes) -> dict[str, str]:
    """What labels that differ from a commoner one by case alone become where they are to be merged."""
    variants = case_variants(Counter(row.label for row in train))
    merged = {label: first for first, group in variants.items() for label in group[1:]} if merge else {}
    if not variants:
        return merged
    groups = [", ".join(map(repr, group)) for group in variants.values()]
    if merge:
        notes.info("The labels {labels} differ by case alone. They count as one class, {label}, as {knob:knob} asks.",
                   labels=groups, label=[repr(first) for first in variants], knob="merge_labels")  # fmt: skip
    else:
        notes.warn("The labels {labels} differ by case alone. They count as {n:class|classes}; {knob:knob} counts them "
                   "as one.", labels=groups, n=sum(map(len, variants.values())), knob="merge_labels")  # fmt: skip
    return merged


def renamed_labels(rows: Sequence[LabelledExample], names: Mapping[str, str | None]) -> list[LabelledExample]:
    """The rows with other labels: a label that becomes None loses its row."""
    if not names:
        return list(rows)
    labels = [names.get(row.label, row.label) for row in rows]
    return [replace(row, label=label) for row, label in zip(rows, labels, strict=True) if label is not None]


def choose_classes(train: list[LabelledExample], declared: tuple[str, ...] | None, notes: Notes) -> tuple[str, ...]:
    """The classes in order: as the task has `declared` them, else by number or alphabet. Raises DataError."""
    counts = Counter(row.label for row in train)
    if not counts:
        raise DataError(
            message(
                "No row of train has a label. Choose the column that holds the labels with {knob:knob}.", knob="label"
            )
        )
    if declared is None:
        number = all(NUMBER.fullmatch(label) for label in counts)
        labels = tuple(sorted(counts, key=lambda label: (float(label) if number else 0, label)))
    else:
        labels = tuple(label for label in dict.fromkeys(map(_declared, declared)) if label in counts)
        learnable = set(labels)
        unknown = [row for row in train if row.label not in learnable]
        if 2 * len(unknown) >= len(train):
            raise DataError(message("{row} has the label {label}; this task knows {known}.", row=unknown[0].place,
                                   label=repr(unknown[0].label), known=", ".join(declared)))  # fmt: skip
    usual = [label for label in labels if counts[label] > 1]
    singles = len(labels) - len(usual)
    if len(usual) > MAX_CLASSES or (singles > MAX_CLASSES and 2 * singles > len(train)):
        raise DataError(message(
            "The labels of {name} have {n:,} different values in {rows:,} rows; at most {most:,} classes are learned. "
            "Choose another label column.", name=train[0].source or "train", n=len(labels), rows=len(train),
            most=MAX_CLASSES))  # fmt: skip
    return labels


def _declared(label: str) -> str:
    return standard_label(clean_label(label))


def drop_strangers(
    rows: list[LabelledExample], labels: Sequence[str], split: str, notes: Notes
) -> list[LabelledExample]:
    """The rows whose label is one of `labels`. Raises DataError where half have another."""
    learned = set(labels)  # as many as there are rows, where a column is no label
    strangers = [row for row in rows if row.label not in learned]
    if not strangers:
        return rows
    first, known = strangers[0], ", ".join(repr(label) for label in labels[:10])
    if 2 * len(strangers) >= len(rows):
        variant = first.label.casefold() in {label.casefold() for label in labels}
        if variant:
            raise DataError(message(
                "{row} has the label {label}, which differs from those of the training rows ({known}) by case. Correct "
                "it, or count such labels as one with {knob:knob}.", row=first.place, label=repr(first.label),
                known=known, knob="merge_labels"))  # fmt: skip
        raise DataError(message(
            "{row} has the label {label}, which no training row has ({known}), and half of {split} or more is like it. "
            "Correct the labels.", row=first.place, label=repr(first.label), known=known, split=split))  # fmt: skip
    unknown = dict.fromkeys(row.label for row in strangers)
    notes.warn("{n:row|rows} of {name} left out of {split}: {n:~its label|their labels} {labels} {n:~is|are} not among "
               "those that are learned ({rows}).", n=len(strangers), name=first.source, split=split,
               labels=", ".join(map(repr, list(unknown)[:5])), rows=row_numbers(strangers))  # fmt: skip
    return [row for row in rows if row.label in learned]


def drop_rare_classes(
    train: list[LabelledExample], labels: tuple[str, ...], notes: Notes
) -> tuple[list[LabelledExample], tuple[str, ...]]:
    """The rows and classes without those classes of which a single usable row is left, or none: it can't be learned
    from and scored at once. Raises DataError where fewer than two classes are left."""
    counts = Counter(row.label for row in train)
    source = train[0].source if train else "train"
    if len(labels) < 2:
        raise DataError(message(
            "All {n:,} labelled rows of {name} have the label {label}; a task needs at least two classes. Add rows of "
            "another, or choose another label column.", n=len(train), name=source, label=repr(labels[0])))  # fmt: skip
    left = tuple(label for label in labels if counts[label] > 1)
    rare = [label for label in labels if counts[label] < 2]
    shown = ", ".join(map(repr, rare[:5])) + (", …" if len(rare) > 5 else "")
    if len(left) < 2:
        raise DataError(message(
            "Fewer than two labels of {name} have two usable rows or more; {n:label|labels} {n:~has|have} fewer: "
            "{labels}. Give each label more rows, or choose another label column.", name=source, n=len(rare),
            labels=shown))  # fmt: skip
    if rare:
        rows = [row for row in train if counts[row.label] < 2]
        notes.warn("{n:label|labels} of {name} {n:~has|have} fewer than two usable rows and {n:~is|are} left out: "
                   "{labels} ({rows}). Give {n:~it|them} more rows to have {n:~it|them} learned.", n=len(rare),
                   name=source, labels=shown, rows=row_numbers(rows))  # fmt: skip
        train = [row for row in train if counts[row.label] > 1]
    return train, left


def missing_classes(rows: Sequence[LabelledExample], train: Sequence[LabelledExample]) -> list[str]:
    """The labels that a held-out split lacks though it should hold them: those of which chance would have given it
    MIN_EXPECTED rows or more, or one row where all of its rows are of one class."""
    held, counts = {row.label for row in rows}, Counter(row.label for row in train)
    share, least = len(rows) / max(1, len(train)), MIN_EXPECTED if len(held) > 1 else 1
    return [label for label, count in sorted(counts.items()) if label not in held and count * share >= least]


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
