"""Rows of a task from the splits of a Hub data set. Shared by the tasks from the Hub; not a task itself."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from distill_core.data.columns import Columns, guess_columns, read_lists
from distill_core.data.dataset import RawDataset, RawSplit
from distill_core.data.preparation import examples_from
from distill_core.data.table import Table, as_cell, class_name
from distill_core.errors import DataError, HubError
from distill_core.hub import datasets
from distill_core.messages import Message, message

if TYPE_CHECKING:
    from datasets import Dataset

VALID = ("validation", "valid", "dev", "val", "validation_matched", "dev_matched", "eval")
TEST = ("test", "test_matched")


def load(
    dataset: str, subset: str | None, columns: tuple[str | None, str | None, str | None], labels: Sequence[str] | None
) -> RawDataset:
    """The rows of a data set on the Hub. `columns` name text, text2 and label, None to guess one; `labels` are the
    words for the classes where the task knows them. Raises HubError and DataError.

    A test split without labels (GLUE) is never scored: then validation is, and selection uses rows cut from train."""
    name = f"{dataset} {subset}" if subset else dataset
    splits = datasets.dataset_rows(dataset, subset)
    if "train" not in splits:
        raise DataError(message("{name} has no split called train, only {splits}. Choose another data set or subset.",
                               name=name, splits=", ".join(splits)))  # fmt: skip
    used = {"train": "train", "valid": next((split for split in VALID if split in splits), None),
            "test": next((split for split in TEST if split in splits), None)}  # fmt: skip
    words = {columns[2]: labels} if columns[2] and labels else None
    tables = {role: as_table(splits[split], f"{name} {split}", words) for role, split in used.items() if split}
    chosen = guess_columns(tables["train"], *columns)
    if chosen.label is None:
        names = ", ".join(map(repr, tables["train"].columns))
        raise DataError(message("No column of {name} looks like a label. Name it with {knob:knob}. Its columns: "
                               "{columns}.", name=name, knob="label", columns=names))  # fmt: skip
    order = tuple(labels) if labels else _words(splits["train"], chosen.label)
    rows = {role: _rows(table, chosen, order is not None) for role, table in tables.items()}
    notes: list[str] = [*tables["train"].notes]
    test, valid, scored_on = rows.get("test"), rows.get("valid"), "test"
    if test is not None and not any(label is not None for label in test.labels):
        notes.append(message("The test split of {name} carries no labels.", name=name))
        test = None
    if test is None and valid is not None:
        notes.append(
            message("Scored on the split {split}; the rows that select are cut from train.", split=used["valid"])
        )
        test, valid, scored_on = valid, None, "validation"
    if valid is None:
        notes.append(message("A ready teacher that was trained on all of train has seen the rows that select."))
    unused = [split for split in splits if split not in used.values()]
    if unused:
        notes.append(message("Splits of {name} that are not used: {splits}.", name=name, splits=", ".join(unused)))
    return RawDataset(
        rows["train"], valid, test, labels=order, notes=notes, scored_on=scored_on, columns=chosen.chosen()
    )


def _words(dataset: "Dataset", column: str) -> tuple[str, ...] | None:
    """The class names that the data set declares, if any."""
    kind = dataset.features[column]
    names = getattr(getattr(kind, "feature", kind), "names", None)
    return tuple(names) if names else None


def _rows(table: Table, columns: Columns, declared: bool) -> RawSplit:
    """Rows whose class -1 means "no label". Where the data set has not `declared` its classes, -1 beside 0 and 1 alone
    may be a class of its own (negative, neutral, positive), unless no row has another."""
    rows = examples_from(table, columns, lenient=True)
    labels = {label for label in rows.labels if label is not None}
    if declared or "-1" not in labels or (labels <= {"-1", "0", "1"} and len(labels) > 1):
        return rows
    return RawSplit(
        rows.texts, [None if label == "-1" else label for label in rows.labels], rows.name, rows.numbers, True
    )


MAX_SPLIT_ROWS, MAX_SPLIT_BYTES = 2_000_000, 2_000_000_000  # of one split


def as_table(dataset: "Dataset", name: str, classes: dict[str, Sequence[str]] | None = None) -> Table:
    """A split as a Table named `name`. Class numbers become words: by the data set's own ClassLabel, or by `classes`
    (column: words). Class -1 means no class."""
    from datasets import ClassLabel, Value

    if len(dataset) > MAX_SPLIT_ROWS:
        raise HubError(
            message(
                "{name} has {n:,} rows; at most {most:,} are read. Choose a smaller data set.",
                name=name,
                n=len(dataset),
                most=MAX_SPLIT_ROWS,
            )
        )
    if dataset.data.nbytes > MAX_SPLIT_BYTES:
        raise HubError(message("{name} holds more than {most:,.0f} MB of text. Choose a smaller data set.", name=name,
                              most=MAX_SPLIT_BYTES / 1e6))  # fmt: skip
    columns: dict[str, list[str | None]] = {}
    for column, feature in dataset.features.items():
        words = (classes or {}).get(column) or (feature.names if isinstance(feature, ClassLabel) else None)
        if words is not None:
            columns[column] = [class_name(number, words) for number in dataset[column][:]]
        elif isinstance(feature, Value) and feature.dtype not in ("binary", "large_binary"):
            columns[column] = [as_cell(cell) for cell in dataset[column][:]]
    notes: list[Message] = []
    lists = {column: kind for column, kind in dataset.features.items()
             if isinstance(getattr(kind, "feature", None), Value | ClassLabel)}  # fmt: skip
    single, several = read_lists({column: dataset[column][:] for column in lists}, name, notes)
    for column, values in single.items():
        words = getattr(lists[column].feature, "names", None)
        columns[column] = [class_name(value, words) if words else as_cell(value) for value in values]
    if not columns:
        raise HubError(message("No column of {name} holds texts or numbers. Choose another data set.", name=name))
    rows = list(zip(*columns.values(), strict=True))
    left_out = tuple(column for column in dataset.features if column not in columns)
    return Table(name, tuple(columns), rows, list(range(1, len(rows) + 1)), left_out, notes, several=several)
