"""What each command does, through the facade alone."""

import argparse
import json
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from distill_core import api
from distill_core.api import Run
from distill_core.command import BUG, DONE, INPUT, STOPPED, tables
from distill_core.command.options import config_of
from distill_core.command.progress import teller
from distill_core.errors import DataError, KnobError

BATCH = 256  # texts predicted at once


def run(given: argparse.Namespace) -> int:
    """`run` and `demo`: starts a run and follows it."""
    config = config_of(given)
    if (config.vectors == "file") != bool(config.vectors_file):
        raise KnobError("--vectors file and --vectors-file F, a word2vec or GloVe file as text, need one another.")
    if config.task == "file":
        api.inspect(config)  # a fault in a file is told at once, and no run is made for it
    return _follow(api.start(config, name=getattr(given, "name", "")), given.json)


def resume(given: argparse.Namespace) -> int:
    """`resume`: queues an ended run again and follows it."""
    found = api.find(given.run)
    told = max((number for number, _ in found.events()), default=0)
    return _follow(found.resume(), given.json, told)


def _follow(run: Run, as_json: bool, told: int = 0) -> int:
    """Tells what the run says after event number `told`, to its end; the exit code."""
    with teller() as tell, _stopping(run):
        tell.line(f"Run {run.id}")
        place = None
        while run.status == "queued":
            if (now := run.place) != place and now:
                tell.line(f"Waiting for a free worker, place {now} in the queue.")
            place = now
            time.sleep(api.FOLLOW_SECONDS)
        for event in run.follow(told):
            tell(event)
    row = run.row
    if as_json:
        print(json.dumps(run.report()))
    elif row.summary:
        tables.comparison(run)
    if row.status == "finished":
        return DONE
    print(row.message or f"The run is {row.status}.", file=sys.stderr)
    if row.status == "stopped":
        return STOPPED
    return BUG if row.trace or row.status == "interrupted" else INPUT


@contextmanager
def _stopping(run: Run) -> Iterator[None]:
    """Ctrl-C stops the run and keeps its best student; a second ends it at once."""

    def stop(*_: Any) -> None:
        # In a thread of its own: a signal may come while this one is inside a transaction.
        threading.Thread(target=ask).start()

    def ask() -> None:
        status = run.stop()
        if status == "stopping":
            print("Stopping, and keeping the best student so far. Ctrl-C again ends it at once.", file=sys.stderr)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def runs(given: argparse.Namespace) -> None:
    """`runs`: the list."""
    status = [given.status] if given.status else None
    found = api.runs(given.n, status=status, search=given.search, sort=given.sort, examples=given.examples)
    if given.json:
        for one in found:
            print(json.dumps(one.report()))
        return
    if not found and not given.examples and not given.search and not status:
        print("There is no run yet. `demo` makes one in about a minute; `runs --examples` shows some.", file=sys.stderr)
        return
    tables.runs(found)


def show(given: argparse.Namespace) -> None:
    """`show`: one run."""
    found = api.find(given.run)
    if given.json:
        print(json.dumps(found.report()))
    else:
        tables.run(found)


def stop(given: argparse.Namespace) -> None:
    """`stop`: asks, and tells what came of it."""
    found = api.find(given.run)
    print(f"{found.id} {found.stop()}")


def export(given: argparse.Namespace) -> None:
    """`export`: writes the folder, prints its path."""
    print(api.export(api.find(given.run).id, given.folder))


def pack(given: argparse.Namespace) -> None:
    """`pack`: writes the file, prints its path."""
    print(api.pack(api.find(given.run).id, given.file))


def unpack(given: argparse.Namespace) -> None:
    """`unpack`: takes the run in, prints its id."""
    print(api.unpack(given.file).id)


def predict(given: argparse.Namespace) -> None:
    """`predict`: one line a text."""
    student = api.find(given.run).student()
    pair = bool(student.settings["pair"])
    texts = _texts(given, pair)
    for first in range(0, len(texts), BATCH):
        batch = texts[first : first + BATCH]
        for text, prediction in zip(batch, student(batch), strict=True):
            if given.json:
                said = {"text": text, "label": prediction.label, "probabilities": prediction.probabilities}
                print(json.dumps(said, ensure_ascii=False))
            else:
                shown = " | ".join(text) if pair else text
                print(f"{prediction.label}\t{prediction.probabilities[prediction.label]:.3f}\t{shown}")


def _texts(given: argparse.Namespace, pair: bool) -> list[Any]:
    """What to predict: strings, or pairs of strings. Raises DataError."""
    if given.texts and given.file:
        raise DataError("Give texts or --file, not both.")
    if given.file and Path(given.file).suffix.lower() != ".txt":
        return _column(given, pair)
    if given.texts:
        if pair and len(given.texts) % 2:
            raise DataError(f"This task is about pairs, and {len(given.texts)} texts were given. Give them two by two.")
        found = list(zip(given.texts[::2], given.texts[1::2], strict=True)) if pair else given.texts
        return [_checked(text, f"Text {number}") for number, text in enumerate(found, 1)]
    name = Path(given.file).name if given.file else "stdin"
    lines = (_read(Path(given.file)) if given.file else sys.stdin.read()).splitlines()
    if not lines:
        raise DataError(f"{name} holds no text. Give one text a line.")
    found = []
    for number, line in enumerate(lines, 1):
        sides = line.split("\t") if pair else [line]
        if pair and len(sides) != 2:
            raise DataError(f"Line {number} of {name} holds {len(sides)} text(s); a pair is two, separated by a tab.")
        found.append(_checked(tuple(sides) if pair else line, f"Line {number} of {name}"))
    return found


def _column(given: argparse.Namespace, pair: bool) -> list[Any]:
    from distill_core.data import rows_of
    from distill_core.table import guess_columns, read_table

    table = read_table(given.file)
    columns = guess_columns(table, given.text, given.text2)
    rows = rows_of(table, columns)
    if pair != (columns.text2 is not None):
        wanted = "two text columns, --text and --text2" if pair else "one text column, --text"
        raise DataError(f"The student wants {wanted}. {table.name} has the columns {', '.join(table.columns)}.")
    found = [text if pair else text[0] for text in rows.texts]
    return [_checked(text, f"Row {number} of {table.name}") for number, text in zip(table.numbers, found, strict=True)]


def _read(file: Path) -> str:
    try:
        return file.expanduser().read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"There is no file {str(file)!r}. Check the name and the folder.") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{file.name} is not UTF-8 text (byte {error.start}). Save it as UTF-8.") from None
    except OSError as error:
        raise DataError(f"{file} can't be read: {error.strerror}.") from None


def _checked(text: str | Sequence[str], where: str) -> Any:
    if not all(side.strip() for side in ([text] if isinstance(text, str) else text)):
        raise DataError(f"{where} holds no text. Fill it in or leave it out.")
    return text


def augment(given: argparse.Namespace) -> None:
    """`augment`: a text, its offspring, and what the teacher says to each."""
    found = api.preview(config_of(given), tuple(given.texts) or None, given.n)
    if given.json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        tables.preview(found)
