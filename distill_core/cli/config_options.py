"""Command-line options from the knobs, and the config from the options."""

import argparse
from collections.abc import Iterable
from contextlib import suppress
from math import inf

from distill_core.config.knobs import Knob, settings
from distill_core.config.schema import Config
from distill_core.errors import KnobError


def add_settings(command: argparse.ArgumentParser) -> None:
    """Add the options --preset and --size to a command."""
    for kind in ("preset", "size"):
        names = " ".join(f"{one.name}: {one.help}" for one in settings(kind))
        command.add_argument(f"--{kind}", default=argparse.SUPPRESS, metavar="NAME", help=f"{names} Knobs overrule it.")


def add_minutes(command: argparse.ArgumentParser) -> None:
    """Add the option --minutes to a command."""
    command.add_argument(
        "--minutes", type=_minutes, metavar="N",
        help="the time that you have, or 'any': chooses the teacher's and the student's epochs and the texts for these "
        "data on this machine. Knobs overrule it.",
    )  # fmt: skip


def _minutes(text: str) -> float:
    with suppress(ValueError):
        if (minutes := inf if text == "any" else float(text)) > 0:
            return minutes
    raise argparse.ArgumentTypeError(f"{text!r} is not a number of minutes above 0, nor 'any'")


def typed_knobs(options: argparse.Namespace) -> list[str]:
    """Names of the knobs that stand among the options."""
    return [name for name in vars(options) if name in Config.model_fields]


OF_FILE = ("train", "valid", "test")  # options that mean the task "file"


def add_knobs(command: argparse.ArgumentParser, chosen: Iterable[Knob]) -> None:
    """Add an option for each knob to a command. An untyped option is absent from the parsed arguments; a typed one
    stays text, for the config to validate with its own messages."""
    groups: dict[str, argparse._ArgumentGroup] = {}
    for knob in chosen:
        if knob.group not in groups:
            groups[knob.group] = command.add_argument_group(knob.group)
        group = groups[knob.group]
        option = "--" + knob.name.replace("_", "-")
        help = _knob_help(knob)
        if knob.type is bool:
            group.add_argument(
                option, dest=knob.name, action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=help
            )
        else:
            group.add_argument(option, dest=knob.name, default=argparse.SUPPRESS, metavar=_metavar(knob), help=help)


def config_from_options(options: argparse.Namespace) -> Config:
    """Config of the options. A training file means the task 'file', a data set the task 'hub'. Raises KnobError,
    UnknownPart."""
    values = {name: value for name, value in vars(options).items() if name in (*Config.model_fields, "preset", "size")}
    for name, task in (("train", "file"), ("dataset", "hub")):
        if values.get(name) is None:
            continue
        if values.setdefault("task", task) != task:
            raise KnobError(
                f"--{name} belongs to the task {task!r}, not to {values['task']!r}. Leave out one of the two."
            )
    if "task" not in values and (alone := next((name for name in (*OF_FILE, "subset") if values.get(name)), None)):
        raise KnobError(f"--{alone} needs {'--dataset' if alone == 'subset' else '--train'} beside it.")
    if values.get("task") == "hub" and not values.get("dataset"):
        raise KnobError("The task 'hub' needs a data set: --dataset owner/name, for example stanfordnlp/imdb.")
    return Config.of(**values)


def _knob_help(knob: Knob) -> str:
    facts = []
    if knob.choices:
        facts.append(", ".join(knob.choices))
    facts += knob.words
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
    if knob.column:
        return "COL"
    if knob.path:
        return "F"
    return {int: "N", float: "X", dict: "RULE=RATE,…", list: "A,B,…"}.get(knob.type, "NAME")
