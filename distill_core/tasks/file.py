"""Your own CSV, TSV, JSONL, Excel or Parquet: one text or a pair a row, and a label of any kind."""

from distill_core.config.schema import Config
from distill_core.data.columns import Columns, guess_columns
from distill_core.data.dataset import RawDataset, RawSplit
from distill_core.data.preparation import examples_from
from distill_core.data.readers import read_table
from distill_core.errors import DataError, KnobError
from distill_core.messages import message

TEACHER = None
LABELS = None
PAIR = None  # the columns decide
METRIC = "auto"  # the rows decide
LANGUAGE = None  # the config decides
ROLES = {"text": "text = {column}", "text2": "second text = {column}", "label": "label = {column}"}


def load(config: Config) -> RawDataset:
    """The rows of config.train and, where they are set, of config.valid and config.test, with the same columns.

    Raises DataError and KnobError."""
    if config.train is None:
        raise KnobError(message("The task 'file' needs a training file. Name one with {knob:knob}, or choose another "
                               "task.", knob="train"), "train")  # fmt: skip
    table = read_table(config.train)
    columns = guess_columns(table, config.text, config.text2, config.label)
    if columns.label is None:
        names = ", ".join(map(repr, table.columns))
        raise DataError(
            message(
                "No column of {name} looks like a label. Name it with {knob:knob}, or give this file as "
                "unlabelled texts. Its columns: {columns}.",
                name=table.name,
                knob="label",
                columns=names,
            )
        )
    rows = examples_from(table, columns)
    if config.label is None and columns.label in rows.labels:
        raise DataError(message(
            "The first line of {name} looks like a row and not like names of columns: {label} is also one of its "
            "labels. Put a line with names above it, such as text,label; or name the column with {knob:knob}.",
            name=table.name, label=repr(columns.label), knob="label"))  # fmt: skip
    notes: list[str] = [*table.notes, describe_columns(table.name, columns, config)]
    doubts: list[str] = list(table.doubts)
    others: dict[str, RawSplit] = {}
    for split, path in (("valid", config.valid), ("test", config.test)):
        if path is not None:
            other = read_table(path)
            notes.extend(other.notes)
            doubts.extend(other.doubts)
            others[split] = examples_from(other, columns)
    return RawDataset(
        rows, others.get("valid"), others.get("test"), notes=notes, doubts=doubts, columns=columns.chosen()
    )


def describe_columns(name: str, columns: Columns, config: Config) -> str:
    """A sentence that names the column of each role, and marks guesses, with the way to change them."""
    parts, guessed = [], [role for role in columns.chosen() if not getattr(config, role)]
    for role, column in columns.chosen().items():
        part = message(ROLES[role], column=repr(column))
        parts.append(part if getattr(config, role) else message("{part} (guessed)", part=part))
    if len(guessed) > 1:
        return message("Columns of {name}: {parts}. Choose others with {one:knob} and {other:knob}.", name=name,
                       parts=parts, one=guessed[0], other=guessed[-1])  # fmt: skip
    if guessed:
        return message("Columns of {name}: {parts}. Choose another with {knob:knob}.", name=name, parts=parts,
                       knob=guessed[0])  # fmt: skip
    return message("Columns of {name}: {parts}.", name=name, parts=parts)
