"""Registries of components: a registry is a folder of this package, a component a file in it, and bears its name.

Knows nothing of what a component does. Names, help and constants are read from the source text, so that listing a
registry imports nothing heavy; only `get` imports a component.
"""

import ast
import difflib
import importlib
import threading
from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from distill_core.errors import UnknownPart
from distill_core.messages import Message, message, shown

# In Python 3.11 two threads that parse at once can fail with "AST constructor recursion depth mismatch".
PARSING = threading.Lock()


class Registry:
    """The components of one folder, the package `distill_core.<package>`. `name` is its name in scripts and on the
    page, `kind` the word for one component in messages ("student")."""

    def __init__(self, name: str, kind: Message, package: str):
        self.name, self.kind = name, kind
        self.package = f"distill_core.{package}"
        self.folder = Path(__file__).parent.joinpath(*package.split("."))
        self._sources: dict[str, ast.Module] = {}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The components' names, in alphabetical order. A file that begins with an underscore is no component."""
        return tuple(sorted(file.stem for file in self.folder.glob("*.py") if not file.stem.startswith("_")))

    def check(self, name: str) -> str:
        """The name itself. Raises UnknownPart with the nearest name."""
        if name in self.names:
            return name
        raise UnknownPart(unknown_name(self.kind, name, self.names))

    def get(self, name: str) -> ModuleType:
        """A component's module. Raises UnknownPart."""
        return importlib.import_module(f"{self.package}.{self.check(name)}")

    def help(self, name: str) -> str:
        """The first line of a component's docstring."""
        return (ast.get_docstring(self._source(name)) or "").partition("\n")[0]

    def constant(self, name: str, constant: str, default: Any = None) -> Any:
        """A literal constant of a component (RATE = 0.1), read without importing it."""
        for node in self._source(name).body:
            if isinstance(node, ast.Assign):
                targets, value = node.targets, node.value
            elif isinstance(node, ast.AnnAssign) and node.value is not None:
                targets, value = [node.target], node.value
            else:
                continue
            if any(isinstance(target, ast.Name) and target.id == constant for target in targets):
                return ast.literal_eval(value)
        return default

    def _source(self, name: str) -> ast.Module:
        with PARSING:
            if name not in self._sources:
                source = (self.folder / f"{self.check(name)}.py").read_text(encoding="utf-8")
                self._sources[name] = ast.parse(source)
            return self._sources[name]


def unknown_name(kind: Message, name: Any, names: Collection[str]) -> Message:
    """The message that `name` is none of `names`, with the nearest of them."""
    near = difflib.get_close_matches(name[:100] if isinstance(name, str) else "", names, n=1, cutoff=0.5)
    hint = message(" Did you mean {name}?", name=repr(near[0])) if near else ""
    return message(
        "There is no {kind} called {name}.{hint} Choose one of: {names}.", kind=kind, name=shown(name), hint=hint,
        names=", ".join(names))  # fmt: skip


TASKS = Registry("tasks", message("task"), "tasks")
RULES = Registry("augment", message("augmentation rule"), "augmentation.rules")
EMBEDDINGS = Registry("vectors", message("source of starting vectors"), "student.embeddings")
STUDENTS = Registry("students", message("student"), "student.encoders")
VOCABULARIES = Registry("vocabularies", message("vocabulary"), "student.vocabularies")
LOSSES = Registry("losses", message("loss"), "distillation.losses")
