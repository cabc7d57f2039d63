"""What each command does, through the facade alone."""

import argparse
import json
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from distill_core.api import inference, predictions, preview
from distill_core.api import runs as api_runs
from distill_core.api.runs import FOLLOW_SECONDS, Run
from distill_core.cli import tables
from distill_core.cli.config_options import config_from_options
from distill_core.cli.exit_codes import BUG, DONE, INPUT, STOPPED
from distill_core.cli.progress import progress_reporter
from distill_core.errors import DataError, KnobError


def run(given: argparse.Namespace) -> int:
    """`run` and `demo`: starts a run and follows it."""
    config = config_from_options(given)
    if (config.vectors == "file") != bool(config.vectors_file):
        raise KnobError("--vectors file and --vectors-file F, a word2vec or GloVe file as text, need one another.")
    if config.task == "file":
        preview.inspect(config)  # a fault in a file is told at once, and no run is made for it
    return _follow(api_runs.start(config, name=getattr(given, "name", "")), given.json)


def resume(given: argparse.Namespace) -> int:
    """`resume`: queues an ended run again and follows it."""
    found = api_runs.find(given.run)
    told = max((number for number, _ in found.events()), default=0)
    return _follow(found.resume(), given.json, told)


def _follow(run: Run, as_json: bool, told: int = 0) -> int:
    """Tells what the run says after event number `told`, to its end; the exit code."""
    with progress_reporter() as tell, _stopping(run):
        tell.line(f"Run {run.id}")
        place = None
        while run.status == "queued":
            if (now := run.place) != place and now:
                tell.line(f"Waiting for a free worker, place {now} in the queue.")
            place = now
            time.sleep(FOLLOW_SECONDS)
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
    found = api_runs.list_runs(given.n, status=status, search=given.search, sort=given.sort, examples=given.examples)
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
    found = api_runs.find(given.run)
    if given.json:
        print(json.dumps(found.report()))
    else:
        tables.run(found)


def stop(given: argparse.Namespace) -> None:
    """`stop`: asks, and tells what came of it."""
    found = api_runs.find(given.run)
    print(f"{found.id} {found.stop()}")


def export(given: argparse.Namespace) -> None:
    """`export`: writes the folder, prints its path."""
    print(inference.export(api_runs.find(given.run).id, given.folder))


def pack(given: argparse.Namespace) -> None:
    """`export_run`: writes the file, prints its path."""
    print(api_runs.export_run(api_runs.find(given.run).id, given.file))


def unpack(given: argparse.Namespace) -> None:
    """`import_run`: takes the run in, prints its id."""
    print(api_runs.import_run(given.file).id)


def predict(given: argparse.Namespace) -> None:
    """`predict`: one line a text."""
    student = api_runs.find(given.run).student()
    pair = bool(student.settings["pair"])
    for text, prediction in predictions.predict_batches(_texts(given, pair), student):
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
    if given.file:
        return predictions.read_texts(given.file, pair, given.text, given.text2)
    if not given.texts:
        return predictions.read_lines(sys.stdin.read(), "stdin", pair)
    if pair and len(given.texts) % 2:
        raise DataError(f"This task is about pairs, and {len(given.texts)} texts were given. Give them two by two.")
    found = list(zip(given.texts[::2], given.texts[1::2], strict=True)) if pair else given.texts
    return [predictions.check_not_empty(text, f"Text {number}") for number, text in enumerate(found, 1)]


def augment(given: argparse.Namespace) -> None:
    """`augment`: a text, its offspring, and what the teacher says to each."""
    found = preview.preview(config_from_options(given), tuple(given.texts) or None, given.n)
    if given.json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        tables.preview(found)
