"""Labelled rows and texts: what a task gives, checked at the door, split, and turned into what a run uses.

Knows nothing of models. Files are read by `table`, the Hub by `hub`; here it is decided what their rows mean.
"""

import hashlib
import json
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from distill_core import groups, leaks
from distill_core.config import Config
from distill_core.errors import DataError, KnobError
from distill_core.parts import TASKS
from distill_core.rows import Notes, Row, Text, bare, clean
from distill_core.sentences import Sentence, worded
from distill_core.table import Table, read_table
from distill_core.table_columns import Columns, guess_columns

CHARACTERS = 20_000  # of one text
CLASSES = 200
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


_kept: "dict[str, Data]" = {}


@dataclass(frozen=True)
class Rows:
    """Texts with their labels, as many of each; None where a row has no label. `name` is what messages call the
    source ("reviews.csv"), `numbers` its row numbers there; without them rows are counted from 1. `lenient`: nobody
    here can mend the source (a Hub data set), so bad rows are left out and counted instead of refused."""

    texts: list[Text]
    labels: list[str | None]
    name: str = ""
    numbers: list[int] | None = None
    lenient: bool = False


@dataclass(frozen=True)
class Raw:
    """What a task's `load(config)` returns. `valid` and `test` are None where they are to be cut from `train`;
    `labels` is the order of the classes, None where the rows decide; `scored_on` names the split that `test` is."""

    train: Rows
    valid: Rows | None = None
    test: Rows | None = None
    unlabelled: list[Text] = field(default_factory=list)
    labels: tuple[str, ...] | None = None
    notes: list[str] = field(default_factory=list)
    scored_on: str = "test"
    columns: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Split:
    """Texts and their classes as places in `Data.labels`, as many of each."""

    texts: list[Text]
    labels: list[int]

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True)
class Data:
    """What a run learns and is scored on. No text of `test` stands in another split or in `unlabelled`. `notes` are
    (level, sentence) with level "info" or "warning"; `columns` says which column was read as what."""

    train: Split
    valid: Split
    test: Split
    unlabelled: list[Text]
    labels: tuple[str, ...]
    pair: bool
    language: str
    scored_on: str
    notes: list[tuple[str, str]]
    columns: dict[str, str]

    @cached_property
    def _digest(self) -> str:
        splits = [[split.texts, split.labels] for split in (self.train, self.valid)]
        content = json.dumps([splits, self.labels, self.language], ensure_ascii=True)
        return hashlib.sha256(content.encode()).hexdigest()

    def fingerprint(self) -> str:
        """The sha256, as hex, of all that training on the labelled rows depends on. The test rows decide nothing."""
        return self._digest


def load(config: Config) -> Data:
    """The data of a run: the task's rows, checked and split. Raises DataError, HubError, KnobError."""
    if kept := _kept.get(config.asked("task")):
        return kept
    return prepare(TASKS.get(config.task).load(config), config, TASKS.constant(config.task, "LANGUAGE"))


def keep(config: Config) -> None:
    """Loads these data for every later `load` of the same. For rows that are made here: a file may change."""
    _kept[config.asked("task")] = load(config)


def rows_of(table: Table, columns: Columns, lenient: bool = False) -> Rows:
    """A table's rows as texts and labels. A column that the table lacks raises DataError."""
    sides = [table.column(name) for name in (columns.text, columns.text2) if name is not None]
    texts = [tuple(cell or "" for cell in cells) for cells in zip(*sides, strict=True)]
    labels = table.column(columns.label) if columns.label else [None] * len(texts)
    return Rows(texts, labels, table.name, table.numbers, lenient)


def prepare(raw: Raw, config: Config, language: str | None = None) -> Data:
    """Check `raw`, take duplicates, contradictions and leaks out, cut the missing splits and keep `config.limit` rows.

    Order: every row is checked; test texts are taken out of all else; missing splits are cut from train by group;
    the limit comes last, so it never touches the test rows. Raises DataError and KnobError."""
    notes = Notes(raw.notes)
    train = _checked(raw.train, "train", notes)
    valid = _labelled(_checked(raw.valid, "validation", notes), "validation", notes) if raw.valid else None
    test = _labelled(_checked(raw.test, raw.scored_on, notes), raw.scored_on, notes) if raw.test else None
    pair = _same_width([*train, *(valid or []), *(test or [])])
    loose = [row.text for row in train if row.label is None]
    if loose:
        notes.info("{n:row|rows} of train without a label became transfer text.", n=len(loose))
    train = [row for row in train if row.label is not None]
    labels = _classes(train, [*(valid or []), *(test or [])], raw.labels, notes)
    train, contradicted = _merged(train, notes)
    if test is not None:
        leaks.told_twice(test, raw.scored_on, notes)
    loose += contradicted + [clean(text) for text in raw.unlabelled] + _extra(config, pair, raw, notes)

    if test is not None:
        train = leaks.without(train, test, "train", raw.scored_on, notes)
        valid = valid and leaks.without(valid, test, "validation", raw.scored_on, notes)
    if valid is not None:
        train = leaks.without(train, valid, "train", "validation", notes)
    keep = config.leaks == "keep"
    held = {"validation": valid or [], raw.scored_on: test or []}
    every = [row for rows in held.values() for row in rows]
    ours = raw.train.lenient  # then one sentence is enough
    both = worded("validation or {split}", split=raw.scored_on)
    told = {both: every} if ours and valid and test else held
    train = leaks.apart(train, told, keep, notes, ours)
    loose = leaks.left_over(loose, every, raw.scored_on, keep, notes, ours)
    _check_classes(train, labels)
    place = {label: number for number, label in enumerate(labels)}
    if valid is None or test is None:
        train, valid, test, loose = _cut(train, valid, test, loose, place, config, notes)
    train = _limited(train, labels, config, notes)
    known = {
        row.text for row in train
    }  # a row that the limit drops may come back as an unlabelled text, if it is given
    loose = [text for text in loose if text not in known]
    sizes = {"train": len(train), "valid": len(valid), "test": len(test)}
    if loose:
        notes.info("Rows: {train:,} train, {valid:,} validation, {test:,} test, {loose:,} unlabelled. Scored on "
                   "{split}.", **sizes, loose=len(loose), split=raw.scored_on)  # fmt: skip
    else:
        notes.info("Rows: {train:,} train, {valid:,} validation, {test:,} test. Scored on {split}.",
                   **sizes, split=raw.scored_on)  # fmt: skip
    return Data(
        *(Split([row.text for row in rows], [place[row.label] for row in rows]) for rows in (train, valid, test)),
        unlabelled=loose, labels=labels, pair=pair, language=language or config.language, scored_on=raw.scored_on,
        notes=notes.all, columns=dict(raw.columns),
    )  # fmt: skip


def _checked(rows: Rows, split: str, notes: Notes) -> list[Row]:
    """The rows of one source, cleaned; raises on the first bad one, or leaves bad ones out where `rows.lenient`."""
    name = rows.name or split
    kept, bad = [], Counter()
    numbers = rows.numbers or range(1, len(rows.texts) + 1)
    for text, label, number in zip(rows.texts, rows.labels, numbers, strict=True):
        text = clean(text)
        row = Row(text, None if label is None else clean((label,))[0] or None, name, number, bare(text))
        trouble = _trouble(row)
        if trouble is None:
            kept.append(row)
        elif rows.lenient:
            bad[trouble[0]] += 1
        else:
            raise DataError(trouble[1])
    for what, count in bad.items():
        notes.warn("{n:row|rows} of {name} left out: {what}.", n=count, name=name, what=what)
    if not kept:
        raise DataError(worded("{name} holds no rows that can be used. Choose another source for {split}.",
                               name=name, split=split))  # fmt: skip
    return kept


def _trouble(row: Row) -> tuple[Sentence, Sentence] | None:
    """Why a row can't be used, as a reason for many and as a sentence on this one."""
    for side, text in enumerate(row.text):
        which = worded("text") if len(row.text) == 1 else worded("second text") if side else worded("first text")
        if not text:
            return worded("no text"), worded("{row} has no {which}. Fill it in or delete the row.", row=row.place,
                                             which=which)  # fmt: skip
        if len(text) > CHARACTERS:
            return worded("more than {most:,} characters", most=CHARACTERS), worded(
                "{row} has a {which} of {n:,} characters; at most {most:,} are read. Shorten or split it.",
                row=row.place, which=which, n=len(text), most=CHARACTERS,
            )  # fmt: skip
    if row.label is not None and (len(row.label) > 64 or not row.label.isprintable()):
        return worded("a label that is a text"), worded(
            "{row} has the label {label}, which looks like a text. Choose another label column.",
            row=row.place, label=f"{row.label[:40]!r}…",
        )  # fmt: skip
    return None


def _same_width(rows: Sequence[Row]) -> bool:
    widths = {len(row.text) for row in rows}
    if widths - {1, 2} or len(widths) != 1:
        raise DataError(worded("Some rows hold one text and some two. Give all splits the same columns."))
    return widths == {2}


def _labelled(rows: list[Row], split: str, notes: Notes) -> list[Row]:
    """The rows of a held-out split that have a label."""
    kept = [row for row in rows if row.label is not None]
    if not kept:
        raise DataError(worded("No row of {name} has a label, so it can't be the {split} split. Leave it out.",
                               name=rows[0].source, split=split))  # fmt: skip
    if len(kept) < len(rows):
        notes.warn("{n:row|rows} of {name} without a label left out of {split}.",
                   n=len(rows) - len(kept), name=rows[0].source, split=split)  # fmt: skip
    return kept


def _classes(
    train: Sequence[Row], others: Sequence[Row], given: tuple[str, ...] | None, notes: Notes
) -> tuple[str, ...]:
    """The classes in order: as given, else by number or alphabet."""
    counts = Counter(row.label for row in train)
    if not counts:
        raise DataError(worded("No row of train has a label. Choose the column that holds the labels with {knob:knob}.",
                               knob="label"))  # fmt: skip
    if given is None:
        number = all(label.removeprefix("-").isdecimal() for label in counts)
        labels = tuple(sorted(counts, key=lambda label: (int(label) if number else 0, label)))
    else:
        labels = tuple(label for label in given if label in counts)
        unknown = next((row for row in train if row.label not in given), None)
        if unknown:
            raise DataError(worded("{row} has the label {label}; this task knows {known}.", row=unknown.place,
                                   label=repr(unknown.label), known=", ".join(given)))  # fmt: skip
    if len(labels) > CLASSES:
        raise DataError(worded(
            "The labels of {name} have {n:,} different values in {rows:,} rows; at most {most:,} classes are learned. "
            "Choose another label column.", name=train[0].source or "train", n=len(labels), rows=len(train),
            most=CLASSES))  # fmt: skip
    stranger = next((row for row in others if row.label not in counts), None)
    if stranger:
        known = ", ".join(repr(label) for label in labels[:10])
        raise DataError(worded("{row} has the label {label}, which no training row has ({known}). Correct it.",
                               row=stranger.place, label=repr(stranger.label), known=known))  # fmt: skip
    alike = defaultdict(list)
    for label in labels:
        alike[label.casefold()].append(label)
    for twins in alike.values():
        if len(twins) > 1:
            notes.warn("The labels {labels} differ by case alone. They count as two classes.",
                       labels=", ".join(map(repr, twins)))  # fmt: skip
    return labels


def _check_classes(train: Sequence[Row], labels: Sequence[str]) -> None:
    counts = Counter(row.label for row in train)
    source = train[0].source if train else "train"
    if len(labels) < 2:
        raise DataError(worded(
            "All {n:,} labelled rows of {name} have the label {label}; a task needs at least two classes. Add rows of "
            "another, or choose another label column.", n=len(train), name=source, label=repr(labels[0])))  # fmt: skip
    for label in labels:
        if counts[label] == 0:
            raise DataError(worded("No usable training row has the label {label}: all were duplicates or stand in "
                                   "other splits.", label=repr(label)))  # fmt: skip
        if counts[label] == 1:
            row = next(row for row in train if row.label == label)
            raise DataError(worded("{row} is the only one with the label {label}. Give that class more rows, or delete "
                                   "it.", row=row.place, label=repr(label)))  # fmt: skip


def _merged(rows: Sequence[Row], notes: Notes) -> tuple[list[Row], list[Text]]:
    """Each text once, and the texts that stand with two labels, which are kept out of the labelled rows."""
    seen: dict[Text, list[Row]] = {}
    for row in rows:
        seen.setdefault(row.key, []).append(row)
    kept, contradicted, double = [], [], 0
    for same in seen.values():
        if len({row.label for row in same}) > 1:
            contradicted.append(same)
        else:
            kept.append(same[0])
            double += len(same) - 1
    if double:
        notes.info("{n:row|rows} of train repeated another with the same label and {n:~was|were} merged.", n=double)
    if contradicted:
        shown = [
            worded("rows {rows}", rows=" + ".join(f"{row.number} ({row.label})" for row in same[:4]))
            for same in contradicted[:3]
        ]
        notes.warn("{n:text|texts} of train with two different labels ({rows}): kept out of the labelled rows, left to "
                   "the teacher as transfer text.",
                   n=len(contradicted), rows=[*shown, *(["…"] if len(contradicted) > 3 else [])])  # fmt: skip
    return kept, [same[0].text for same in contradicted]


def _extra(config: Config, pair: bool, raw: Raw, notes: Notes) -> list[Text]:
    """The texts of the file `unlabelled`; its columns are named as train's, or guessed."""
    if config.unlabelled is None:
        return []
    table = read_table(config.unlabelled)
    names = [raw.columns.get("text"), raw.columns.get("text2")]
    same = [name if name in table.columns else None for name in names]
    columns = guess_columns(table, *same)
    if pair and columns.text2 is None:
        raise DataError(worded("{name} has one text column, but this task needs pairs. Give it two text columns.",
                               name=table.name))  # fmt: skip
    if not pair:
        columns = Columns(columns.text)
    texts = [clean(text) for text in rows_of(table, Columns(columns.text, columns.text2)).texts]
    good = [text for text in texts if all(0 < len(side) <= CHARACTERS for side in text)]
    notes.all.extend(("info", note) for note in table.notes)
    notes.info("{n:unlabelled text|unlabelled texts} read from {name}, column {column}.",
               n=len(good), name=table.name, column=repr(columns.text))  # fmt: skip
    if len(good) < len(texts):
        notes.info("{n:row|rows} of {name} left out (empty or too long).", n=len(texts) - len(good), name=table.name)
    return good


def _cut(
    train: list[Row], valid: list[Row] | None, test: list[Row] | None, loose: list[Text], place: dict[str, int],
    config: Config, notes: Notes,
) -> tuple[list[Row], list[Row], list[Row], list[Text]]:  # fmt: skip
    """Cut the missing splits from train by whole groups; unlabelled texts linked to what was cut are taken out."""
    texts = [row.text for row in train]
    edges = groups.links([*texts, *loose])
    members = groups.gather(len(train), edges)
    single = all(len(text) == 1 for text in texts[:1])
    stays = groups.fragments([text[0] for text in texts]) if single else [False] * len(texts)
    labels = [place[row.label] for row in train]
    cut: dict[str, list[int]] = {}
    for name, missing, share, most in (
        ("test", test is None, TEST_SHARE, TEST_MOST), ("validation", valid is None, VALID_SHARE, VALID_MOST)
    ):  # fmt: skip
        if not missing:
            continue
        gone = {number for held in cut.values() for number in held}
        free = [number for number in range(len(train)) if number not in gone]
        at = {number: position for position, number in enumerate(free)}
        rest = [[at[number] for number in group] for group in members if group[0] not in gone]
        held = groups.hold_out(
            rest, [labels[number] for number in free], [stays[number] for number in free],
            min(most, max(1, round(share * len(train)))), random.Random(f"{name} {config.seed}"),
        )  # fmt: skip
        if not held:
            raise DataError(worded(
                "{n:,} training rows are too few (or too alike) to cut a {split} split from. Give more rows, or a file "
                "of {split} rows.", n=len(train), split=name))  # fmt: skip
        cut[name] = [free[position] for position in held]
        notes.info(CUT_SINGLE if single else CUT_PAIRS, split=name, n=len(held), seed=config.seed)
    gone = {number for held in cut.values() for number in held}
    outside = {number for pair in edges if gone.intersection(pair) for number in pair if number >= len(train)}
    if outside:
        notes.warn(LINKED_SINGLE if single else LINKED_PAIRS, n=len(outside))
        loose = [text for number, text in enumerate(loose, len(train)) if number not in outside]
    valid = [train[number] for number in cut["validation"]] if valid is None else valid
    test = [train[number] for number in cut["test"]] if test is None else test
    return [row for number, row in enumerate(train) if number not in gone], valid, test, loose


def _limited(train: list[Row], labels: Sequence[str], config: Config, notes: Notes) -> list[Row]:
    """`config.limit` rows of train: every class with its share and at least one row, drawn by the seed, in order."""
    limit = config.limit
    if limit is None or limit >= len(train):
        return train
    if limit < len(labels):
        raise KnobError(worded(
            "{knob:knob} can't be {limit}: the task has {n} classes, and each needs a labelled row. Set it to {n} or "
            "more.", knob="limit", limit=limit, n=len(labels)))  # fmt: skip
    places = defaultdict(list)
    for number, row in enumerate(train):
        places[row.label].append(number)
    exact = {label: limit * len(places[label]) / len(train) for label in labels}
    most = {label: max(1, int(share)) for label, share in exact.items()}
    by_rest = sorted(labels, key=lambda label: most[label] - exact[label])
    for label in by_rest * 2:  # hand out what rounding left over, the largest rests first
        if sum(most.values()) < limit and most[label] < len(places[label]):
            most[label] += 1
    while sum(most.values()) > limit:
        most[max(most, key=lambda label: most[label])] -= 1
    generator = random.Random(f"limit {config.seed}")
    kept = {number for label in labels for number in generator.sample(places[label], most[label])}
    notes.info("Limit: {limit:,} of {all:,} labelled training rows kept; the other {rest:,} are dropped, not used as "
               "transfer text.", limit=limit, all=len(train), rest=len(train) - limit)  # fmt: skip
    return [row for number, row in enumerate(train) if number in kept]
