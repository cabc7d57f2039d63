"""What can be typed: the commands, and an option for every knob, made from the config. Imports nothing heavy."""

import argparse
from collections.abc import Iterable, Sequence
from typing import Any

from distill_core.config import Config, Knob, knobs
from distill_core.errors import KnobError
from distill_core.events import STATUSES
from distill_core.presets import settings

FILES = ("train", "valid", "test")


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The parsed arguments; ends the program as argparse does where they can't be parsed."""
    top = parser()
    given, rest = top.parse_known_args(arguments)
    # argparse takes no more texts once an option came between the run and them.
    if rest and hasattr(given, "texts") and not any(text.startswith("-") for text in rest):
        given.texts += rest
    elif rest:
        top.error(f"unrecognized arguments: {' '.join(rest)}")
    return given


def parser() -> argparse.ArgumentParser:
    """The parser; what it parses has `action`, a function of the parsed arguments that does the command."""
    from distill_core.command import actions

    top = argparse.ArgumentParser(
        prog="stillroom",
        description="Guided distillation: teach a small, fast model what a big one knows, and see what was gained.",
        allow_abbrev=False,
    )
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, action: Any, help: str, *, json: str = "") -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help, description=help, allow_abbrev=False)
        added.set_defaults(action=action)
        if json:
            added.add_argument("--json", action="store_true", help=json)
        return added

    one = "print the run as one JSON object, the last line of stdout"
    added = command(
        "demo", actions.run, "Distil the built-in teacher on the built-in reviews; about a minute.", json=one
    )
    add_knobs(added, [knob for knob in knobs() if knob.group != "task" or knob.name in ("seed", "limit")])

    _settings(added)

    added = command("run", actions.run, "Run a distillation and wait for its end.", json=one)
    added.add_argument("--name", default="", help="what to call the run")
    _settings(added)
    add_knobs(added, knobs())

    added = command("runs", actions.runs, "List the runs, newest first.", json="print one JSON object a run")
    added.add_argument("-n", type=_positive, default=20, metavar="N", help="how many (20)")
    added.add_argument(
        "--status", choices=STATUSES, metavar="STATUS", help=f"only runs of this status: {', '.join(STATUSES)}"
    )
    added.add_argument("--search", default="", help="only runs with these words in name, note, task or settings")
    added.add_argument("--sort", default="-created", help="created, ended, name, task, status, accuracy or kept; "
                       "a minus before it turns the order round: --sort=-kept")  # fmt: skip
    added.add_argument("--examples", action="store_true", help="the example runs that ship with Stillroom")

    added = command("show", actions.show, "Show a run: its settings, its notes and its comparison.", json=one)
    _run_argument(added)
    added = command("stop", actions.stop, "Stop a run, keeping the best student so far; again: at once.")
    _run_argument(added)
    added = command("resume", actions.resume, "Go on with a run that ended early, and wait for its end.", json=one)
    _run_argument(added)

    added = command("predict", actions.predict, "Ask a run's student.", json="print one JSON object a text")
    _run_argument(added)
    added.add_argument("texts", nargs="*", metavar="TEXT", help="texts, for pairs two by two; without any, stdin is "
                       "read: one text a line, the sides of a pair separated by a tab")  # fmt: skip
    added.add_argument("--file", metavar="F", help="CSV, TSV, JSONL or Parquet, or .txt with one text a line")
    added.add_argument("--text", metavar="COL", help="the column of the text; guessed when left out")
    added.add_argument("--text2", metavar="COL", help="the column of the second text of a pair")

    added = command("augment", actions.augment, "Show what the augmentation rules make of a text.",
                    json="print the preview as one JSON object")  # fmt: skip
    added.add_argument("texts", nargs="*", metavar="TEXT", help="a text (two for a pair); none: a training text")
    added.add_argument("-n", type=_positive, default=5, metavar="N", help="how many new texts (5)")
    _settings(added)
    add_knobs(added, knobs())

    added = command("export", actions.export, "Write a run's student as a folder that predicts without Stillroom.")
    _run_argument(added)
    added.add_argument("folder", metavar="FOLDER")

    added = command("pack", actions.pack, "Write a whole run, its student and its curves included, to one file.")
    _run_argument(added)
    added.add_argument("file", metavar="FILE")
    added = command("unpack", actions.unpack, "Take in a run that `pack` wrote; print its id.")
    added.add_argument("file", metavar="FILE")
    return top


def _settings(added: argparse.ArgumentParser) -> None:
    for kind in ("preset", "size"):
        told = " ".join(f"{one.name}: {one.help}" for one in settings(kind))
        added.add_argument(f"--{kind}", default=argparse.SUPPRESS, metavar="NAME", help=f"{told} Knobs overrule it.")


def _run_argument(added: argparse.ArgumentParser) -> None:
    added.add_argument("run", metavar="RUN", help="a run's id or its beginning, or 'last'")


def add_knobs(added: argparse.ArgumentParser, chosen: Iterable[Knob]) -> None:
    """An option for each knob. What isn't typed is absent from what is parsed; what is typed stays text, so that the
    config judges it with its own sentences."""
    groups: dict[str, Any] = {}
    for knob in chosen:
        group = groups.setdefault(knob.group, None) or added.add_argument_group(knob.group)
        groups[knob.group] = group
        option = "--" + knob.name.replace("_", "-")
        told = _told(knob)
        if knob.type is bool:
            group.add_argument(
                option, dest=knob.name, action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=told
            )
        else:
            group.add_argument(option, dest=knob.name, default=argparse.SUPPRESS, metavar=_metavar(knob), help=told)


def config_of(given: argparse.Namespace) -> Config:
    """The config that the options say. A training file means the task 'file', a data set the task 'hub'.
    Raises KnobError, UnknownPart."""
    said = {name: value for name, value in vars(given).items() if name in (*Config.model_fields, "preset", "size")}
    for name, task in (("train", "file"), ("dataset", "hub")):
        if said.get(name) is None:
            continue
        if said.setdefault("task", task) != task:
            raise KnobError(
                f"--{name} belongs to the task {task!r}, not to {said['task']!r}. Leave out one of the two."
            )
    if "task" not in said and (lost := next((name for name in (*FILES, "subset") if said.get(name)), None)):
        raise KnobError(f"--{lost} needs {'--dataset' if lost == 'subset' else '--train'} beside it.")
    if said.get("task") == "hub" and not said.get("dataset"):
        raise KnobError("The task 'hub' needs a data set: --dataset owner/name, for example stanfordnlp/imdb.")
    return Config.of(**said)


def _told(knob: Knob) -> str:
    facts = []
    if knob.choices:
        facts.append(", ".join(knob.choices))
    if knob.low is not None and knob.high is not None:
        facts.append(f"{knob.low:,} to {knob.high:,}")
    elif knob.low is not None:
        facts.append(f"from {knob.low:,} on")
    default = knob.default
    if isinstance(default, dict):
        default = ",".join(f"{name}={rate}" for name, rate in default.items())
    if isinstance(default, list):
        default = ",".join(map(str, default)) or "none"
    if isinstance(default, bool):
        default = "on" if default else "off"
    if default is not None:
        facts.append(f"default {default}")
    return (f"{knob.help} ({'; '.join(facts)})" if facts else knob.help).replace("%", "%%")


def _metavar(knob: Knob) -> str:
    if knob.name in ("text", "text2", "label"):
        return "COL"
    if knob.name in (*FILES, "unlabelled", "vectors_file"):
        return "F"
    return {int: "N", float: "X", dict: "RULE=RATE,…", list: "A,B,…"}.get(knob.type, "NAME")


def _positive(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 1,000")
    return int(text)
