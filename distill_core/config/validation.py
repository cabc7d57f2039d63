"""Pydantic's problems as sentences: the knob, its value and the requirement."""

import difflib
import math
from collections.abc import Collection, Sequence
from functools import reduce

from pydantic_core import ErrorDetails

from distill_core.messages import Message, message, shown

LIMITS = {
    "greater_than": "it must be greater than {limit:,}",
    "greater_than_equal": "it must be greater than or equal to {limit:,}",
    "less_than": "it must be less than {limit:,}",
    "less_than_equal": "it must be less than or equal to {limit:,}",
}
MOST = 4  # problems that are named
TYPES = {
    "int": "it must be a whole number",
    "float": "it must be a number",
    "finite": "it must be a number",
    "bool": "it must be true or false",
    "string": "it must be a text",
    "list": "it must be a list",
    "dict": "it must be values with a name each",
    "missing": "it is missing",
    "extra": "it does not belong there",
    "string_too_long": "it is too long",
    "string_too_short": "it is too short",
    "too": "it has too many or too few entries",
}


def problem_messages(problems: Sequence[ErrorDetails], knobs: Collection[str]) -> Message:
    """The first few of pydantic's problems as sentences, and how many more there are."""
    sentences = [problem_message(problem, knobs) for problem in problems[:MOST]]
    if len(problems) > MOST:
        sentences.append(message("{n:other setting|other settings} can't be used either.", n=len(problems) - MOST))
    return reduce(lambda one, more: message("{one} {more}", one=one, more=more), sentences)


def problem_message(problem: ErrorDetails, knobs: Collection[str]) -> Message:
    """One pydantic problem as a sentence that names the knob, the value and the way out. `knobs` are all names."""
    name, value = str(problem["loc"][0]), problem["input"]
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name[:100], knobs, n=1)
        hint = message(" Did you mean {name}?", name=repr(near[0])) if near else ""
        return message("There is no knob called {name}.{hint}", name=repr(name), hint=hint)
    given = value if isinstance(value, float) and math.isfinite(value) else shown(value)
    return message("{knob:knob} can't be {value}: {wanted}.", knob=name, value=given, wanted=requirement(problem))


def requirement(problem: ErrorDetails) -> str:
    """The requirement that a value misses, as half a sentence."""
    kind, context = problem["type"], problem.get("ctx", {})
    if kind == "value_error":
        sentence: str = context["error"].args[0]
        return sentence
    if kind in LIMITS:
        limit = next(iter(context.values()))
        return message(LIMITS[kind], limit=int(limit) if limit == int(limit) else limit)
    if kind == "literal_error":
        return message("it must be one of {choices}", choices=context["expected"].replace(" or ", ", "))
    if kind == "string_pattern_mismatch":
        return message("it must match the pattern {pattern}", pattern=context["pattern"])
    return message(TYPES.get(kind) or TYPES.get(kind.partition("_")[0]) or "it must be of another kind")
