"""Layers of a teacher that the knob `layers` means, once it is known how many the teacher has."""

import re

from distill_core.errors import KnobError
from distill_core.messages import message


def choose_layers(choice: str, depth: int) -> list[int]:
    """The numbers of the layers that the knob's value means, of a teacher's `depth` layers, in their order. Raises
    KnobError where it means layers that the teacher lacks."""
    name, _, count = choice.partition(":")
    if re.fullmatch(r"\d+(,\d+)*", choice):
        chosen = sorted({int(number) for number in choice.split(",")})
    elif name == "every":
        chosen = list(range(0, depth, int(count)))
    elif name in ("first", "last", "even"):
        chosen = _spread(name, int(count), depth)
    else:
        chosen = list(range(depth)) if choice == "all" else sorted({0, depth - 1})
    if not chosen or chosen[0] < 0 or chosen[-1] >= depth:
        raise KnobError(message(
            "The teacher has {n:layer|layers}, numbered from 0 to {last}, so a student can't have the layers {choice} "
            "of it. Choose others ({knob:knob}).", n=depth, last=depth - 1, choice=repr(choice), knob="layers"),
            "layers")  # fmt: skip
    return chosen


def _spread(how: str, count: int, depth: int) -> list[int]:
    """So many layers: the first, the last, or from the first to the last in even steps. Numbers out of range where
    there are too few."""
    if how == "first" or count > depth:
        return list(range(count))
    if how == "last" or count == 1:
        return list(range(depth - count, depth))
    return [round(place * (depth - 1) / (count - 1)) for place in range(count)]
