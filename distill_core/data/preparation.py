"""Labelled rows and texts: what a task gives, checked at the door, split, and turned into what a run uses.

Knows nothing of models. Files are read by `table`, the Hub by `hub`; here it is decided what their rows mean.
"""

from distill_core.config.schema import Config
from distill_core.data import leakage
from distill_core.data.columns import Columns, guess_columns
from distill_core.data.dataset import Data, Raw, Rows, Split
from distill_core.data.examples import Notes, Text, clean
from distill_core.data.readers import read_table
from distill_core.data.splitting import _cut, _limited
from distill_core.data.table import Table
from distill_core.data.validation import CHARACTERS, _check_classes, _checked, _classes, _labelled, _merged, _same_width
from distill_core.errors import DataError
from distill_core.messages import worded


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
        leakage.told_twice(test, raw.scored_on, notes)
    loose += contradicted + [clean(text) for text in raw.unlabelled] + _extra(config, pair, raw, notes)

    if test is not None:
        train = leakage.without(train, test, "train", raw.scored_on, notes)
        valid = valid and leakage.without(valid, test, "validation", raw.scored_on, notes)
    if valid is not None:
        train = leakage.without(train, valid, "train", "validation", notes)
    keep = config.leaks == "keep"
    held = {"validation": valid or [], raw.scored_on: test or []}
    every = [row for rows in held.values() for row in rows]
    ours = raw.train.lenient  # then one sentence is enough
    both = worded("validation or {split}", split=raw.scored_on)
    told = {both: every} if ours and valid and test else held
    train = leakage.apart(train, told, keep, notes, ours)
    loose = leakage.left_over(loose, every, raw.scored_on, keep, notes, ours)
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
