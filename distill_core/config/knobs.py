"""Knobs as a control or a command-line option shows them, derived from the fields of Config."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from distill_core.config.presets import SETTINGS, KnobValues, pair_overrides
from distill_core.config.schema import DEFAULTS, EXTRA_CHOICE, REGISTRIES, Config, declaration
from distill_core.registry import Registry


@dataclass(frozen=True)
class Knob:
    """A knob as a control or an option shows it. `type` is one of str, int, float, bool, dict, list; limits are
    inclusive, None where there is none; `choices` (of a list: those of its entries) is empty where any value of the
    type will do; `optional`: None is a value; `words`: texts that are values beside numbers. `path`: it names a file;
    `column`: a column of a file; `affects`: the parts of a run that its value decides, of `schema.AFFECTS`.
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
    path: bool = False
    column: bool = False
    affects: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


@cache
def _all_knobs(config: type[Config]) -> tuple[Knob, ...]:
    return tuple(_knob(name, field) for name, field in config.model_fields.items())


def knobs(config: type[Config] = Config) -> list[Knob]:
    """The knobs, in the order of their declaration."""
    return list(_all_knobs(config))


def _knob(name: str, field: FieldInfo) -> Knob:
    args = get_args(field.annotation)
    literal = get_origin(field.annotation) is Literal
    optional = type(None) in args
    annotation: Any = field.annotation
    words: tuple[str, ...] = ()
    rules = list(field.metadata)
    if args and not literal and get_origin(annotation) in (Union, UnionType):
        words = tuple(word for arg in args if get_origin(arg) is Literal for word in get_args(arg))
        annotation = next(arg for arg in args if arg is not type(None) and get_origin(arg) is not Literal)
        if get_origin(annotation) is Annotated:
            annotation, declared = get_args(annotation)
            rules += declared.metadata
    kind: type = str if literal else get_origin(annotation) or annotation
    limits = {key: getattr(rule, key) for rule in rules for key in ("ge", "le", "gt", "lt") if hasattr(rule, key)}
    registry = REGISTRIES.get(name)
    extra = declaration(field)
    return Knob(
        name=name,
        group=extra["group"],
        label=field.title or "",
        help=field.description or "",
        type=kind,
        default=None if field.default is PydanticUndefined else field.default,
        optional=optional,
        low=limits.get("ge", limits.get("gt")),
        high=limits.get("le", limits.get("lt")),
        choices=args if literal else _parts(name, registry) if registry else (),
        path=extra["path"],
        column=extra["column"],
        affects=tuple(extra["affects"]),
        words=words,
    )


def _parts(knob: str, registry: Registry) -> tuple[str, ...]:
    return (EXTRA_CHOICE[knob], *registry.names) if knob in EXTRA_CHOICE else registry.names


def names_of(
    *groups: str, affecting: Collection[str] = (), without: Collection[str] = (), config: type[Config] = Config
) -> tuple[str, ...]:
    """Names of the knobs of these groups (without any: of all) that affect one of `affecting` (if empty: anything) and
    none of `without`, in the order of their declaration."""
    return tuple(
        knob.name
        for knob in knobs(config)
        if (not groups or knob.group in groups)
        and (not affecting or set(knob.affects) & set(affecting))
        and not set(knob.affects) & set(without)
    )


def path_names() -> tuple[str, ...]:
    """Names of the knobs that name a file."""
    return tuple(knob.name for knob in knobs() if knob.path)


@dataclass(frozen=True)
class Setting:
    """A preset or a size: its name, one line of help, and a value for every knob that any setting of its kind sets; the
    student of a size that names none is the preset's."""

    name: str
    help: str
    knobs: KnobValues


def settings(kind: str, pair: bool = False) -> list[Setting]:
    """The settings of a kind, "preset" or "size" (smallest first), each with a value for every knob that any of them
    sets: choosing one leaves nothing of another. `pair`: for texts that are pairs."""
    table = {name: (help, values | pair_overrides(name, pair)) for name, (help, values) in SETTINGS[kind].items()}
    touched = {knob: DEFAULTS[knob] for _, values in table.values() for knob in values}
    if kind == "size":
        del touched["student"]
    return [Setting(name, help, touched | values) for name, (help, values) in table.items()]
