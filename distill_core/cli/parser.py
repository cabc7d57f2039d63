"""Parser of the command line: the commands, and an option for every knob of the config. Imports nothing heavy."""

import argparse
from collections.abc import Callable, Sequence
from typing import Protocol, get_args

from distill_core.api.session import ExportedRow
from distill_core.cli.config_options import add_knobs, add_minutes, add_settings
from distill_core.config.knobs import knobs
from distill_core.events import STATUSES

Command = Callable[[argparse.Namespace], int | None]  # returns an exit code, or None for 0


class AddCommand(Protocol):
    """Adds a command and returns its parser, for its options."""

    def __call__(self, name: str, action: Command, help: str) -> argparse.ArgumentParser: ...


AddCommands = Callable[[AddCommand], None]  # adds the commands of another package, such as the page's


def parse(arguments: Sequence[str] | None = None, more: AddCommands | None = None) -> argparse.Namespace:
    """Parsed arguments; ends the program as argparse does where they can't be parsed. `more` adds further commands."""
    top = parser(more)
    parsed, rest = top.parse_known_args(arguments)
    # argparse takes no more texts once an option came between the run and them.
    if rest and hasattr(parsed, "texts") and not any(text.startswith("-") for text in rest):
        parsed.texts += rest
    elif rest:
        top.error(f"unrecognized arguments: {' '.join(rest)}")
    return parsed


def parser(more: AddCommands | None = None) -> argparse.ArgumentParser:
    """Parser of all commands. The parsed arguments have `action`, the command's function of these arguments. `more`
    adds further commands, before these."""
    from distill_core.cli import commands as cli_commands

    top = argparse.ArgumentParser(
        prog="stillroom",
        description="Guided distillation: teach a small, fast model what a big one knows, and see what was gained.",
        allow_abbrev=False,
    )
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, action: Command, help: str, *, json: str = "") -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help, description=help, allow_abbrev=False)
        added.set_defaults(action=action)
        if json:
            added.add_argument("--json", action="store_true", help=json)
        return added

    if more:
        more(command)
    one = "print the run as one JSON object, the last line of stdout"
    added = command(
        "demo", cli_commands.run, "Distil the built-in teacher on the built-in reviews; about a minute.", json=one
    )
    add_knobs(added, [knob for knob in knobs() if knob.group != "task" or knob.name in ("seed", "limit")])

    add_settings(added)
    add_minutes(added)

    added = command("run", cli_commands.run, "Run a distillation and wait for its end.", json=one)
    added.add_argument("--name", default="", help="what to call the run")
    add_settings(added)
    add_minutes(added)
    add_knobs(added, knobs())

    added = command("runs", cli_commands.runs, "List the runs, newest first.", json="print one JSON object a run")
    added.add_argument("-n", type=_positive, default=20, metavar="N", help="how many (20)")
    added.add_argument(
        "--status", choices=STATUSES, metavar="STATUS", help=f"only runs of this status: {', '.join(STATUSES)}"
    )
    added.add_argument("--search", default="", help="only runs with these words in name, note, task or settings")
    added.add_argument("--sort", default="-created", help="created, ended, name, task, status, accuracy or kept; "
                       "a minus before it turns the order round: --sort=-kept")  # fmt: skip
    added.add_argument("--examples", action="store_true", help="the example runs that ship with Stillroom")

    added = command("show", cli_commands.show, "Show a run: its settings, its notes and its comparison.", json=one)
    _run_argument(added)
    added = command("stop", cli_commands.stop, "Stop a run, keeping the best student so far; again: at once.")
    _run_argument(added)
    added = command("resume", cli_commands.resume, "Go on with a run that ended early, and wait for its end.", json=one)
    _run_argument(added)

    added = command("predict", cli_commands.predict, "Ask a run's student.", json="print one JSON object a text")
    _run_argument(added)
    _row_option(added)
    added.add_argument("texts", nargs="*", metavar="TEXT", help="texts, for pairs two by two; without any, stdin is "
                       "read: one text a line, the sides of a pair separated by a tab")  # fmt: skip
    added.add_argument("--file", metavar="F", help="CSV, TSV, JSONL, Excel or Parquet, or .txt with one text a line")
    added.add_argument("--out", metavar="CSV", help="write a CSV of all rows and columns and the answers instead; "
                       "prints how many rows")  # fmt: skip
    added.add_argument("--text", metavar="COL", help="the column of the text; when left out, the one that the run was "
                       "trained on, or guessed")  # fmt: skip
    added.add_argument("--text2", metavar="COL", help="the column of the second text of a pair")
    added.add_argument("--defer", metavar="SHARE", type=float, help="the teacher answers what the student is not sure "
                       "of, so that the student's own answers agree with it in that share (0.9, 0.95 or 0.98, where "
                       "the run's validation rows were enough to promise it)")  # fmt: skip

    added = command("doubts", cli_commands.doubts, "List the labelled rows whose label the teacher contradicts, the "
                    "surest first.", json="print one JSON object a row")  # fmt: skip
    _run_argument(added)
    added.add_argument("--scored", action="store_true", help="list the rows that the run was scored on instead, whose "
                       "label teacher and student contradict alike")  # fmt: skip
    added.add_argument("--out", metavar="CSV", help="write a CSV for a spreadsheet instead; prints how many rows")

    added = command("teachers", cli_commands.teachers, "List the teachers to choose from, with the labels of the kept "
                    "ones.", json="print one JSON object a teacher")  # fmt: skip
    added.add_argument("--labels", metavar="A,B", help="of the kept ones only those that answer with these labels")
    added = command("rename-teacher", cli_commands.rename_teacher, "Give a kept teacher another title.")
    added.add_argument("teacher", metavar="TEACHER", help="kept: and the beginning of its key")
    added.add_argument("title", metavar="TITLE", help="the new title; '' for the one made of its facts")

    added = command("augment", cli_commands.augment, "Show what the augmentation rules make of a text.",
                    json="print the preview as one JSON object")  # fmt: skip
    added.add_argument("texts", nargs="*", metavar="TEXT", help="a text (two for a pair); none: a training text")
    added.add_argument("-n", type=_positive, default=5, metavar="N", help="how many new texts (5)")
    add_settings(added)
    add_knobs(added, knobs())

    added = command("export", cli_commands.export, "Write a run's student as a folder that predicts without Stillroom.")
    _run_argument(added)
    _row_option(added)
    added.add_argument("--html", action="store_true", help="write one HTML file that answers in a browser, offline, "
                       "instead of a folder")  # fmt: skip
    added.add_argument("folder", metavar="FOLDER", help="a new or an empty folder; with --html the file")

    added = command("answers", cli_commands.answers, "Write every model's answers to the scored rows as a CSV.")
    _run_argument(added)
    added.add_argument("file", metavar="CSV")

    added = command("serve", cli_commands.serve, "Answer over HTTP with students: of runs, or of exported folders.")
    added.add_argument("models", nargs="+", metavar="RUN|FOLDER", help="a run's id or its beginning, 'last', or the "
                       "folder of an exported student")  # fmt: skip
    added.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    added.add_argument("--port", type=int, default=8000, help="port to listen on (8000)")
    added.add_argument("--allow-host", action="append", default=[], metavar="NAME", help="a name by which others reach "
                       "it (may be repeated)")  # fmt: skip
    added.add_argument("--network", choices=("onnx", "int8", "torch"), help="where the networks run (onnx, or torch "
                       "where there is none)")  # fmt: skip
    added.add_argument("--defer", metavar="SHARE", type=float, help="a run's teacher answers what its student is not "
                       "sure of; an exported student marks it")  # fmt: skip

    added = command("push", cli_commands.push, "Push a run's student to a new repository on the Hub, with your own "
                    "token; asks first.")  # fmt: skip
    _run_argument(added)
    _row_option(added)
    added.add_argument("id", metavar="OWNER/NAME", help="the repository, which must be new")
    added.add_argument("--public", action="store_true", help="let everybody see it; else it is private")
    added.add_argument("--yes", action="store_true", help="push without asking")

    added = command("pack", cli_commands.pack, "Write a whole run, its student and its curves included, to one file.")
    _run_argument(added)
    added.add_argument("file", metavar="FILE")
    added = command("unpack", cli_commands.unpack, "Take in a run that `pack` wrote; print its id.")
    added.add_argument("file", metavar="FILE")
    return top


def _run_argument(added: argparse.ArgumentParser) -> None:
    added.add_argument("run", metavar="RUN", help="a run's id or its beginning, or 'last'")


def _row_option(added: argparse.ArgumentParser) -> None:
    added.add_argument("--row", choices=get_args(ExportedRow), default="student",
                       help="which model: student (default), control for the same model trained without the teacher, "
                            "or floor for the simple baseline (TF-IDF)")  # fmt: skip


def _positive(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 1,000")
    return int(text)
