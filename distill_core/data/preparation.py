"""Preparation of a data set: a task's raw rows checked, cleaned of leaks, split and limited, as a run uses them.

Knows nothing of models. Files are read by `readers`, the Hub by `hub`; this module decides what their rows mean.
"""

from collections.abc import Mapping, Sequence

from distill_core.config.schema import AUTO_LANGUAGE, Config
from distill_core.data import leakage
from distill_core.data.columns import Columns, guess_text_columns
from distill_core.data.dataset import Dataset, RawDataset, RawSplit, Split
from distill_core.data.examples import LabelledExample, Notes, Text, clean_text, is_labelled, row_numbers
from distill_core.data.language import ENGLISH, guess_language
from distill_core.data.readers import UNREADABLE, read_table
from distill_core.data.splitting import cut_missing_splits, limit_examples
from distill_core.data.table import Table
from distill_core.data.validation import (
    LEFT_OUT,
    MAX_CHARACTERS,
    are_pairs,
    check_examples,
    choose_classes,
    drop_rare_classes,
    drop_strangers,
    drop_unlabelled,
    merge_duplicates,
    merge_variants,
    missing_classes,
    renamed_labels,
    single_labels,
)
from distill_core.errors import DataError
from distill_core.messages import message, message_data

MAX_FORMS = 5  # of labels that are named in a note
ROW_COUNTS = "Rows: {train:,} train, {valid:,} validation, {test:,} test. Scored on {split}."
ROW_COUNTS_UNLABELLED = (
    "Rows: {train:,} train, {valid:,} validation, {test:,} test, {loose:,} unlabelled. Scored on {split}."
)


def examples_from(table: Table, columns: Columns, lenient: bool = False) -> RawSplit:
    """The rows of a table as texts and labels. Raises DataError where the table lacks a column."""
    sides = [table.column(name) for name in (columns.text, columns.text2) if name is not None]
    texts = [tuple(cell or "" for cell in cells) for cells in zip(*sides, strict=True)]
    labels: list[str | None] = table.column(columns.label) if columns.label else [None] * len(texts)
    return RawSplit(texts, labels, table.name, table.numbers, lenient)


def _language(known: str | None, config: Config, train: Sequence[LabelledExample], notes: Notes) -> str:
    """The language of the texts: the task's, the config's, or as the texts themselves look."""
    if known is not None:
        return known
    seen = guess_language([side for row in train for side in row.text])
    if config.language != AUTO_LANGUAGE:
        if seen not in (None, config.language):
            notes.warn("The texts look like the language {seen}, but {knob:knob} is {asked}: words are split and "
                       "exchanged by the rules of {asked}.", seen=repr(seen), knob="language",
                       asked=repr(config.language))  # fmt: skip
        return config.language
    if seen is None:
        return ENGLISH
    if seen != ENGLISH:
        notes.info("The texts look like the language {seen} and are treated as such ({knob:knob} changes it).",
                   seen=repr(seen), knob="language")  # fmt: skip
    return seen


def prepare_dataset(raw: RawDataset, config: Config, language: str | None = None) -> Dataset:
    """Check `raw`, remove duplicates, contradictions and leaks, cut the missing splits and apply `config.limit`.

    Order: every row is checked; test texts are removed from all other splits; missing splits are cut from train by
    group; the limit comes last, so it never touches the test rows. Raises DataError and KnobError."""
    notes = Notes(raw.notes, raw.doubts)
    try:
        return _prepare(raw, config, language, notes)
    except DataError as error:  # which may come of what was left out before
        left_out = [note for _, note in notes.all if (message_data(note) or {}).get("say") in (LEFT_OUT, UNREADABLE)]
        if not left_out:
            raise
        raise DataError(message("{problem} {left_out}", problem=error.args[0], left_out=left_out[0])) from error


def _prepare(raw: RawDataset, config: Config, language: str | None, notes: Notes) -> Dataset:
    forms: dict[str, str] = {}
    rows = check_examples(raw.train, "train", notes, forms)
    valid, test = (
        drop_unlabelled(check_examples(split, name, notes, forms), name, notes) if split else None
        for name, split in (("validation", raw.valid), (raw.scored_on, raw.test))
    )
    pair = are_pairs([*rows, *(valid or []), *(test or [])])
    if unlabelled_rows := [row for row in rows if row.label is None]:
        notes.info("{n:row|rows} of train without a label became transfer text ({rows}).", n=len(unlabelled_rows),
                   rows=row_numbers(unlabelled_rows))  # fmt: skip
    unlabelled = [row.text for row in unlabelled_rows]
    train = [row for row in rows if is_labelled(row)]
    if forms:
        shown = [message("{before} as {after}", before=repr(before), after=repr(after))
                 for before, after in list(forms.items())[:MAX_FORMS]]  # fmt: skip
        notes.info("Labels are read alike in every file: {forms}.", forms=shown)
    renamed = single_labels(train, notes) if raw.labels is None else {}
    train = renamed_labels(train, renamed)
    merged = {**renamed, **merge_variants(train, config.merge_labels, notes)} if raw.labels is None else {}
    train = renamed_labels(train, merged)
    labels = choose_classes(train, raw.labels, notes)
    train = drop_strangers(train, labels, "train", notes)
    if config.merge_labels:  # a variant may stand in a held-out split alone
        folded = {label.casefold(): label for label in labels}
        merged |= {row.label: folded[row.label.casefold()] for row in [*(valid or []), *(test or [])]
                   if row.label.casefold() in folded and row.label not in labels}  # fmt: skip
    valid = valid and drop_strangers(renamed_labels(valid, merged), labels, "validation", notes)
    test = test and drop_strangers(renamed_labels(test, merged), labels, raw.scored_on, notes)
    train, contradicted = merge_duplicates(train, notes)
    if test is not None:
        leakage.warn_conflicting_labels(test, raw.scored_on, notes)
    unlabelled += contradicted + [clean_text(text) for text in raw.unlabelled] + _extra(config, pair, raw, notes)

    if test is not None:
        train = leakage.drop_duplicates(train, test, "train", raw.scored_on, notes)
        valid = valid and leakage.drop_duplicates(valid, test, "validation", raw.scored_on, notes)
    if valid is not None:
        train = leakage.drop_duplicates(train, valid, "train", "validation", notes)
    keep = config.leaks == "keep"
    held_out: dict[str, list[LabelledExample]] = {"validation": valid or [], raw.scored_on: test or []}
    scored = [row for split in held_out.values() for row in split]
    lenient = raw.train.lenient  # the user can't mend the source: one note for both splits is enough
    if lenient and valid and test:
        held_out = {message("validation or {split}", split=raw.scored_on): scored}
    train = leakage.drop_overlapping(train, held_out, keep, notes, lenient)
    unlabelled = leakage.clean_unlabelled(unlabelled, scored, raw.scored_on, keep, notes, lenient)
    train, labels = drop_rare_classes(train, labels, notes)
    valid = valid and drop_strangers(valid, labels, "validation", notes)
    test = test and drop_strangers(test, labels, raw.scored_on, notes)
    if valid and (missing := missing_classes(valid, train)):
        notes.warn("No row of validation has {n:~the label|one of the labels} {labels}, so it can't choose between "
                   "models: its {rows:row is|rows are} not used, and validation is cut from train instead.",
                   n=len(missing), labels=", ".join(map(repr, missing[:5])), rows=len(valid))  # fmt: skip
        valid = None
    if test and (missing := missing_classes(test, train)):
        notes.warn("No row of {split} has {n:~the label|one of the labels} {labels}: how well {n:~it is|they are} "
                   "answered is not measured.", split=raw.scored_on, n=len(missing),
                   labels=", ".join(map(repr, missing[:5])))  # fmt: skip
    classes = {label: number for number, label in enumerate(labels)}
    if valid is None or test is None:
        train, valid, test, unlabelled = cut_missing_splits(train, valid, test, unlabelled, classes, config, notes)
    train = limit_examples(train, labels, config, notes)
    known = {row.text for row in train}  # a row that the limit drops may return, where it is an unlabelled text as well
    unlabelled = [text for text in unlabelled if text not in known]
    sizes = {"train": len(train), "valid": len(valid), "test": len(test)}
    if unlabelled:
        notes.info(ROW_COUNTS_UNLABELLED, **sizes, loose=len(unlabelled), split=raw.scored_on)
    else:
        notes.info(ROW_COUNTS, **sizes, split=raw.scored_on)
    return Dataset(
        _split(train, classes), _split(valid, classes), _split(test, classes), unlabelled, labels, pair,
        _language(language, config, train, notes), raw.scored_on, notes.all, dict(raw.columns),
    )  # fmt: skip


def _split(rows: Sequence[LabelledExample], classes: Mapping[str, int]) -> Split:
    return Split(
        [row.text for row in rows], [classes[row.label] for row in rows], rows[0].source if rows else "",
        [row.number for row in rows],
    )  # fmt: skip


def is_row_counts(note: str) -> bool:
    """True of a data set's note that only counts its rows, for those who show the counts themselves."""
    data = message_data(note)
    return data is not None and data["say"] in (ROW_COUNTS, ROW_COUNTS_UNLABELLED)


def _extra(config: Config, pair: bool, raw: RawDataset, notes: Notes) -> list[Text]:
    """The texts of the file `config.unlabelled`; its columns have the names of train's, or are guessed."""
    if config.unlabelled is None:
        return []
    table = read_table(config.unlabelled)
    names = [raw.columns.get("text"), raw.columns.get("text2")]
    columns = guess_text_columns(table, *(name if name in table.columns else None for name in names))
    if pair and columns.text2 is None:
        raise DataError(message("{name} has one text column, but this task needs pairs. Give it two text columns.",
                               name=table.name))  # fmt: skip
    if not pair:
        columns = Columns(columns.text)
    texts = [clean_text(text) for text in examples_from(table, columns).texts]
    good = [text for text in texts if all(0 < len(side) <= MAX_CHARACTERS for side in text)]
    notes.all += [*(("info", note) for note in table.notes), *(("warning", note) for note in table.doubts)]
    notes.info("{n:unlabelled text|unlabelled texts} read from {name}, column {column}.",
               n=len(good), name=table.name, column=repr(columns.text))  # fmt: skip
    if len(good) < len(texts):
        notes.info("{n:row|rows} of {name} left out (empty or too long).", n=len(texts) - len(good), name=table.name)
    return good
