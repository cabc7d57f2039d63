"""Knobs as a control or a command-line option shows them, made from the fields of Config."""

from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic_core import PydanticUndefined

from distill_core.config.presets import SETTINGS, pair_overrides
from distill_core.config.schema import DEFAULTS, REGISTRIES, Config


@dataclass(frozen=True)
class Knob:
    """A knob as a control or an option shows it. `type` is one of str, int, float, bool, dict, list; limits are
    inclusive and None where there is none; `choices` is empty where anything of the type goes, for a list it is what
    may stand in it; `optional` where None is a value.
    """

    name: str
    group: str
    label: str
    help: str
    type: type
    default: Any
    optional: bool
    low: float | None
    high: float | None
    choices: tuple[str, ...]


def knobs() -> list[Knob]:
    """All knobs, in the order in which they are declared."""
    return [_knob(name, field) for name, field in Config.model_fields.items()]


def _knob(name: str, field: Any) -> Knob:
    args = get_args(field.annotation)
    literal = get_origin(field.annotation) is Literal
    optional = type(None) in args
    kind = (
        str if literal else next((arg for arg in args if arg is not type(None)), None) if optional else field.annotation
    )
    kind = get_origin(kind) or kind
    limits = {
        key: getattr(rule, key) for rule in field.metadata for key in ("ge", "le", "gt", "lt") if hasattr(rule, key)
    }
    shelf = REGISTRIES.get(name)
    return Knob(
        name, field.json_schema_extra["group"], field.title, field.description, kind,
        None if field.default is PydanticUndefined else field.default, optional,
        limits.get("ge", limits.get("gt")), limits.get("le", limits.get("lt")),
        args if literal else shelf.names if shelf else (),
    )  # fmt: skip


@dataclass(frozen=True)
class Setting:
    """A preset or a size: its name, one line of help, and the value of every knob that any of its kind sets."""

    name: str
    help: str
    knobs: dict[str, Any]


def settings(kind: str, pair: bool = False) -> list[Setting]:
    """The settings of a kind, "preset" or "size" (smallest first), each with a value for every knob that one of the
    kind sets: choosing one leaves nothing of another. `pair`: for texts that are pairs."""
    table = {name: (help, values | pair_overrides(name, pair)) for name, (help, values) in SETTINGS[kind].items()}
    touched = {knob: DEFAULTS[knob] for _, values in table.values() for knob in values}
    return [Setting(name, help, touched | values) for name, (help, values) in table.items()]
