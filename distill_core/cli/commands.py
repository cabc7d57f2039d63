"""Actions of the commands, through the facade alone."""

import argparse
import json
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from math import isinf
from pathlib import Path
from typing import Any

from distill_core.api import catalog, estimates, inference, predictions, preview, publish, takeaways
from distill_core.api import runs as api_runs
from distill_core.api.predictions import TextOrPair
from distill_core.api.runs import FOLLOW_SECONDS, Run
from distill_core.api.session import predictor
from distill_core.cli import tables
from distill_core.cli.config_options import config_from_options, typed_knobs
from distill_core.cli.exit_codes import BUG, DONE, INPUT, STOPPED
from distill_core.cli.progress import progress_reporter
from distill_core.config.schema import Config
from distill_core.errors import DataError, KnobError
from distill_core.messages import Message
from distill_core.teacher.catalog import teacher_name


def run(options: argparse.Namespace) -> int:
    """`run` and `demo`: start a run and follow it."""
    config = config_from_options(options)
    if (config.vectors == "file") != bool(config.vectors_file):
        raise KnobError("--vectors file and --vectors-file F, a word2vec or GloVe file as text, need one another.")
    preview.check_data(config)  # before anything is measured for the time
    if options.minutes:
        config = _for_time(config, options.minutes, typed_knobs(options))
    return _follow(api_runs.start(config, name=getattr(options, "name", "")), options.json)


def _for_time(config: Config, minutes: float, typed: list[str]) -> Config:
    """Config for that many minutes, with a line on what was chosen. Raises UserError."""
    wanted = None if isinf(minutes) else minutes
    chosen = estimates.settings_for(config, wanted, typed=typed)
    if chosen is None:
        raise KnobError(
            f"The time of {teacher_name(config)} can't be known before it is on this machine. Leave out --minutes."
        )
    seconds = chosen.estimate.seconds
    about = f"about {seconds:.0f} seconds" if seconds < 100 else f"about {seconds / 60:.0f} minutes"
    if not chosen.fits:
        print(f"Even the shortest run takes {about} here.", file=sys.stderr)
    values = ", ".join(f"{name} {value}" for name, value in chosen.knobs.items())
    print(f"Chosen for this time: {values}. The run takes {about} here.", file=sys.stderr)
    return chosen.config


def resume(options: argparse.Namespace) -> int:
    """`resume`: queue an ended run again and follow it."""
    run = api_runs.find(options.run)
    last_event = max((number for number, _ in run.events()), default=0)
    return _follow(run.resume(), options.json, last_event)


def _follow(run: Run, as_json: bool, after: int = 0) -> int:
    """Report the run's events after event number `after`, to its end; returns the exit code."""
    with progress_reporter() as report, _stopping(run):
        report.line(f"Run {run.id}")
        place = None
        while run.status == "queued":
            if (now := run.place) != place and now:
                report.line(f"Waiting for a free worker, place {now} in the queue.")
            place = now
            time.sleep(FOLLOW_SECONDS)
        for event in run.follow(after):
            report(event)
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
    """Context in which Ctrl-C stops the run with its best student so far; a second one ends it at once."""

    def stop(*_: Any) -> None:
        # In a thread of its own: a signal may come while this one is inside a transaction.
        threading.Thread(target=request_stop).start()

    def request_stop() -> None:
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


def runs(options: argparse.Namespace) -> None:
    """`runs`: print the list."""
    status = [options.status] if options.status else None
    listed = api_runs.list_runs(
        options.n, status=status, search=options.search, sort=options.sort, examples=options.examples
    )
    if options.json:
        for one in listed:
            print(json.dumps(one.report()))
        return
    if not listed and not options.examples and not options.search and not status:
        print("There is no run yet. `demo` makes one in about a minute; `runs --examples` shows some.", file=sys.stderr)
        return
    tables.runs(listed)


def show(options: argparse.Namespace) -> None:
    """`show`: print one run."""
    run = api_runs.find(options.run)
    if options.json:
        print(json.dumps(run.report()))
    else:
        tables.run(run)
        tables.takeaways(takeaways.takeaways(run.id))


def stop(options: argparse.Namespace) -> None:
    """`stop`: stop a run, and print its id and status."""
    run = api_runs.find(options.run)
    print(f"{run.id} {run.stop()}")


def export(options: argparse.Namespace) -> None:
    """`export`: write the folder of the student or the baseline, or its page; print its path, and what was left out."""
    if options.html:
        print(inference.export_html(api_runs.find(options.run).id, options.folder, options.row))
        return
    folder = inference.export(api_runs.find(options.run).id, options.folder, options.row)
    print(folder)
    if reason := inference.left_out(folder).get("onnx"):
        print(f"It needs torch. {reason}", file=sys.stderr)


def answers(options: argparse.Namespace) -> None:
    """`answers`: write every model's answers to the rows that the run was scored on; print how many rows."""
    print(inference.save_scored(api_runs.find(options.run).id, options.file))


def serve(options: argparse.Namespace) -> None:
    """`serve`: answer over HTTP until it is ended."""
    from distill_core.serving.models import find_models
    from distill_core.serving.server import serve as serve_models

    models = find_models(options.models, options.network, options.defer)
    serve_models(models, options.host, options.port, options.allow_host)


def push(options: argparse.Namespace) -> int:
    """`push`: name what would be sent, ask, push it, and print the address."""

    def confirm(files: publish.Files) -> bool:
        for name, size in files:
            print(f"{size / 1e6:8.2f} MB  {name}", file=sys.stderr)
        seen = "everybody can see it" if options.public else "private"
        print(f"To the new model {options.id} on the Hub ({seen}).", file=sys.stderr)
        return options.yes or input("Push? [y/N] ").strip().lower() in ("y", "yes")

    address = publish.push(api_runs.find(options.run).id, options.id, options.row, public=options.public,
                           confirm=confirm)  # fmt: skip
    if not address:
        print("Nothing was sent.", file=sys.stderr)
        return STOPPED
    print(address)
    return DONE


def pack(options: argparse.Namespace) -> None:
    """`pack`: write the run's file, print its path."""
    print(api_runs.export_run(api_runs.find(options.run).id, options.file))


def unpack(options: argparse.Namespace) -> None:
    """`unpack`: import the run, print its id."""
    print(api_runs.import_run(options.file).id)


def predict(options: argparse.Namespace) -> None:
    """`predict`: print one line for each text, or write a CSV."""
    run = api_runs.find(options.run)
    deferring = options.defer is not None
    if deferring and options.row != "student":
        raise DataError(f"--defer is for the student, and --row {options.row} was given. Leave one of them out.")
    from distill_core.api.cascade import answered_by, cascade

    model = predictor(run.id, options.row)
    pair = bool(model.settings["pair"])
    rows = _rows(options, run.id, pair)
    for note in rows.notes:
        print(note, file=sys.stderr)
    answers = predictions.predict_batches(rows, cascade(run.id, options.defer) if deferring else model)
    if options.out:
        out, labels = Path(options.out), model.settings["labels"]
        print(predictions.write_predictions(out, rows, answers, labels, deferring))
        return
    of_table = options.file and len(rows.columns) > 1 + pair
    known, far = "familiarity" in model.settings, 0
    for place, (cells, (text, prediction)) in enumerate(zip(rows.cells, answers, strict=True)):
        unfamiliar = bool(known and prediction) and model.unfamiliar(text)
        far += unfamiliar
        if options.json:
            answer: dict[str, object] = {"text": text, "label": None, "probabilities": None}
            if prediction:
                answer |= {"label": prediction.label, "probabilities": prediction.probabilities}
                answer |= {"answered by": answered_by(prediction)} if deferring else {}
                answer |= {"unfamiliar": unfamiliar} if known else {}
            else:
                answer["note"] = rows.faults[place]
            if of_table:
                answer["row"] = dict(zip(rows.columns, cells, strict=True))
            print(json.dumps(answer, ensure_ascii=False))
        else:
            shown = "\t".join(cell or "" for cell in cells) if of_table else " | ".join(text) if pair else text
            label, share = f"({rows.faults.get(place)})", ""
            if prediction:
                label, share = prediction.label, f"{prediction.probability:.3f}"
            by = f"{answered_by(prediction) if prediction else ''}\t" if deferring else ""
            print(f"{label}\t{share}\t{by}{shown}")
    if far:
        verb = "is" if far == 1 else "are"
        print(f"Of these texts {far:,} {verb} unlike anything the student learned from: their words are rarer there "
              "than those of 99 of 100 of its rows. Such answers say little.", file=sys.stderr)  # fmt: skip


def doubts(options: argparse.Namespace) -> None:
    """`doubts`: print the rows whose label may be wrong, or write them to a CSV."""
    rows = api_runs.find(options.run).doubtful_rows(options.scored)
    if options.out:
        print(inference.save_doubtful(rows, options.out))
    elif options.json:
        for row in rows:
            print(json.dumps(row, ensure_ascii=False))
    elif rows:
        tables.doubts(rows)
    else:
        print("The run has no such row on this machine.", file=sys.stderr)


def _rows(options: argparse.Namespace, run: str, pair: bool) -> predictions.FileRows:
    """Rows to predict: of a file, of stdin, or of the texts that were typed. Raises DataError."""
    if options.texts and options.file:
        raise DataError("Give texts or --file, not both.")
    if options.file:
        return inference.read_rows(run, options.file, options.text, options.text2)
    if not options.texts:
        return predictions.read_lines(sys.stdin.read(), "stdin", pair)
    if pair and len(options.texts) % 2:
        raise DataError(f"This task is about pairs, and {len(options.texts)} texts were given. Give them two by two.")
    texts: list[TextOrPair] = list(zip(options.texts[::2], options.texts[1::2], strict=True)) if pair else options.texts
    for number, text in enumerate(texts, 1):
        predictions.check_not_empty(text, Message(f"Text {number}"))
    cells = [(text,) if isinstance(text, str) else text for text in texts]
    return predictions.FileRows(("text", "text2")[: 1 + pair], cells, texts)


def teachers(options: argparse.Namespace) -> None:
    """`teachers`: print the teachers to choose from."""
    labels = [label.strip() for label in (options.labels or "").split(",") if label.strip()]
    listed = catalog.teachers(labels)
    if options.json:
        for one in listed:
            print(json.dumps(asdict(one), ensure_ascii=False))
    else:
        tables.teachers(listed)


def rename_teacher(options: argparse.Namespace) -> None:
    """`rename-teacher`: give a kept teacher another title, and print it."""
    print(catalog.rename_teacher(options.teacher, options.title))


def augment(options: argparse.Namespace) -> None:
    """`augment`: print a text, its offspring, and the teacher's answers to them."""
    result = preview.preview(config_from_options(options), tuple(options.texts) or None, options.n)
    if options.json:
        print(json.dumps(result, ensure_ascii=False))
    else:
        tables.preview(result)
