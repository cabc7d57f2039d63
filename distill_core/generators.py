"""Generators that yield what happens and return what came of it."""

from collections.abc import Generator, Iterator
from typing import Any


class Kept:
    """A generator whose return value is kept in `value` when it ends."""

    def __init__(self, generator: Generator[Any, None, Any]):
        self.generator = generator
        self.value: Any = None

    def __iter__(self) -> Iterator[Any]:
        self.value = yield from self.generator
