"""Command-line options made from the knobs, and the config that they say."""

import argparse
from collections.abc import Iterable
from typing import Any

from distill_core.config.knobs import Knob, settings
from distill_core.config.schema import Config
from distill_core.errors import KnobError


def add_settings(added: argparse.ArgumentParser) -> None:
    for kind in ("preset", "size"):
        told = " ".join(f"{one.name}: {one.help}" for one in settings(kind))
        added.add_argument(f"--{kind}", default=argparse.SUPPRESS, metavar="NAME", help=f"{told} Knobs overrule it.")


OF_FILE = ("train", "valid", "test")  # options that mean the task "file"


def add_knobs(added: argparse.ArgumentParser, chosen: Iterable[Knob]) -> None:
    """An option for each knob. What isn't typed is absent from what is parsed; what is typed stays text, so that the
    config judges it with its own sentences."""
    groups: dict[str, Any] = {}
    for knob in chosen:
        group = groups.setdefault(knob.group, None) or added.add_argument_group(knob.group)
        groups[knob.group] = group
        option = "--" + knob.name.replace("_", "-")
        told = _knob_help(knob)
        if knob.type is bool:
            group.add_argument(
                option, dest=knob.name, action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=told
            )
        else:
            group.add_argument(option, dest=knob.name, default=argparse.SUPPRESS, metavar=_metavar(knob), help=told)


def config_from_options(given: argparse.Namespace) -> Config:
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
    if "task" not in said and (lost := next((name for name in (*OF_FILE, "subset") if said.get(name)), None)):
        raise KnobError(f"--{lost} needs {'--dataset' if lost == 'subset' else '--train'} beside it.")
    if said.get("task") == "hub" and not said.get("dataset"):
        raise KnobError("The task 'hub' needs a data set: --dataset owner/name, for example stanfordnlp/imdb.")
    return Config.of(**said)


def _knob_help(knob: Knob) -> str:
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
    if knob.column:
        return "COL"
    if knob.path:
        return "F"
    return {int: "N", float: "X", dict: "RULE=RATE,…", list: "A,B,…"}.get(knob.type, "NAME")
