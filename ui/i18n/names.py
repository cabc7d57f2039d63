"""Names of knobs, components, tasks, stages and metrics, and the engine's messages, in the language that is spoken."""

import re
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import distill_core as core
from distill_core import STAGES, Component, Knob, MessageFormatter, message_data

from .translate import (
    ENGLISH,
    NO_BREAK_SPACE,
    format_number,
    language,
    plural_form,
    translate,
    translate_or,
    use_language,
)


def rule_name(rule: str) -> str:
    """An augmentation rule as the page calls it: by its own name where the page has no other."""
    return translate_or(rule, f"rule.{rule}.name")


def task_name(task: str) -> str:
    """A task as the page calls it."""
    return next((task_title(part)[0] for part in components("tasks") if part.name == task), task)


def task_title(task: Component) -> tuple[str, str]:
    """A task's name and what it is. A help that begins with the name ("MNLI: does …") names it itself."""
    title, _, rest = task.help.partition(": ")
    if title.lower().replace("-", "") == task.name:
        return title, rest[:1].upper() + rest[1:]
    return translate_or(task.name, f"task.{task.name}.name"), task.help


def stage_name(stage: str) -> str:
    """A stage as the page calls it."""
    return translate(f"stage.{stage}") if stage in STAGES else stage


def metric_name(metric: str) -> str:
    """A metric as the page calls it."""
    return translate_or(metric, f"metric.{metric}")


def metric_title(metric: str) -> str:
    """A metric's name at the head of a column or a picture."""
    name = metric_name(metric)
    return name[:1].upper() + name[1:]


def translate_message(message: Any) -> str:
    """The engine's message (a message, the data of one, or an error) in the language that is spoken, with the page's
    names and numbers; as it stands where that language lacks it, or where it was only a string."""
    return _sentence(message, None)


def split_details(message: Any) -> tuple[str, str]:
    """The engine's message without its row numbers and examples, and these by themselves; "" where it has none."""
    details: list[str] = []
    sentence = _sentence(message, details)
    return sentence, "; ".join(details)


# the parenthesis of a template that shows which rows are meant: by the names of the values in it, in every language
DETAILS = re.compile(r" \(([^()]*\{(?:rows|text)\}[^()]*)\)")


def _sentence(message: Any, details: list[str] | None) -> str:
    """The message in words. With `details`, what DETAILS finds in it, or in a message that is its value, goes there."""
    data = message if isinstance(message, dict) else message_data(message)
    if data is None:
        return str(message)
    template = _engine_messages(language()).get(data["say"])
    if template is None and language() != ENGLISH:
        with use_language(ENGLISH):
            return _sentence(data, details)
    template = template or data["say"]
    filler = MessageFormatter(
        format_number, _name, lambda inner: _sentence(inner, details), NO_BREAK_SPACE, plural_form
    )
    if details is not None:
        details += [filler.vformat(part, (), data["with"]) for part in DETAILS.findall(template)]
        template = DETAILS.sub("", template)
    return filler.vformat(template, (), data["with"])


@cache
def _engine_messages(language: str) -> dict[str, str]:
    file = Path(__file__).parent / "engine_messages" / f"{language}.py"
    if not file.is_file():
        return {}
    module = import_module(f".engine_messages.{language}", __package__)
    return {**getattr(module, "EARLIER", {}), **module.SENTENCES}


def _name(name: str, kind: str) -> str:
    """The page's name of a stage, a metric, or a knob, which comes with its value or alone."""
    if kind != "knob":
        return translate_or(name, f"{kind}.{name}")
    knob, _, value = name.partition("=")
    label = next((one.label for one in knobs() if one.name == knob), knob)
    return (
        translate("engine.setting", knob=label, value=choice_name(knob, value))
        if value
        else translate("engine.knob", knob=label)
    )


def knobs() -> list[Knob]:
    """The config's knobs with label and help in the language that is spoken."""
    return [
        replace(
            knob,
            label=translate_or(knob.label, f"knob.{knob.name}.label"),
            help=translate_or(knob.help, f"knob.{knob.name}.help"),
        )
        for knob in core.knobs()
    ]


def choice_name(knob: str, value: str) -> str:
    """A choice of a knob as the page calls it: by its own name where the page has no other."""
    return translate_or(value, f"metric.{value}" if knob == "metric" and value != "auto" else f"choice.{knob}.{value}")


def components(name: str) -> list[Component]:
    """The parts on a shelf with their help in the language that is spoken."""
    return [replace(part, help=translate_or(part.help, f"part.{name}.{part.name}")) for part in core.components(name)]
