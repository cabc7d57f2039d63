"""Types of JSON, for where it comes in and goes out. Everything between has types of its own."""

from collections.abc import Mapping, Sequence
from typing import Any

JsonObject = dict[str, Any]  # an object that was read: whoever reads it checks what it takes from it
JsonValue = None | bool | int | float | str | Sequence["JsonValue"] | Mapping[str, "JsonValue"]  # a value to write
