"""The words of the house: definitions are named by nouns of the field, and the glossary has them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# A name that turns on one of these says what happened to a thing and leaves the thing out.
EMPTY = {
    "told", "said", "kept", "made", "asked", "held", "found", "given", "taken", "whole", "apart", "loose", "here",
    "there",
}  # fmt: skip
ALLOWED = {
    "HeldOutIndex": "held-out is the field's word for rows that training never reads",
    "choose_held_out": "the same",
    "m004_made": "a migration that was shipped is called so in every store",
}
TERMS = (
    "run", "stage", "task", "teacher", "student", "control", "baseline", "labelled set", "transfer set", "soft labels",
    "logits", "temperature", "alpha", "variant", "augmented text", "span", "gap recovered", "kept", "agreement",
    "knob", "preset", "component", "registry", "message", "checkpoint", "step",
)  # fmt: skip


def words(name: str) -> set[str]:
    """The words of an identifier: keep_whole and KeepWhole hold "whole"."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def definitions(file: Path) -> Iterator[str]:
    """Every name that a module or one of its classes defines."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name, body=body):
                yield name
                yield from (f"{name}.{one.name}" for one in body if isinstance(one, ast.FunctionDef))
            case ast.Assign(targets=targets):
                yield from (one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name


@pytest.mark.parametrize("package", ["distill_core", "ui", "scripts", "benchmarks"])
def test_no_definition_is_named_by_a_word_that_names_nothing(package: str) -> None:
    empty = {
        f"{file.relative_to(ROOT)}: {name}"
        for file in (ROOT / package).rglob("*.py")
        for name in definitions(file)
        if words(name.rpartition(".")[2]) & EMPTY and name not in ALLOWED
    }
    assert empty == set(), "name the thing instead (glossary in CONTRIBUTING.md)"


def test_a_name_that_names_nothing_is_seen() -> None:
    assert words("_kept_teacher") & EMPTY and words("KeptTeacher") & EMPTY and words("TOLD") & EMPTY
    assert not words("saved_teachers") & EMPTY and not words("threaded") & EMPTY


def test_the_glossary_has_every_term() -> None:
    glossary = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Glossary")[2].partition("\n## ")[0]
    assert {term for term in TERMS if f"| {term} |" not in glossary} == set()
