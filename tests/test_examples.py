"""The examples in the docstrings of the front door run, and every function of the facade has one.

An example may use the names `core` (the package), `run` (a finished run), `packed` (the file it was imported from),
`config` (a config of a toy file with a tiny teacher), `table` (that file) and `folder` (an empty folder).
"""

import doctest
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import distill_core as core

PACKED = Path(__file__).parent / "fixtures" / "506be2f" / "packed.zip"
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
WITHOUT = {
    "schedule_profile": "its thread would measure beside the tests that follow",
    "warm_up": "its thread imports for seconds beside the tests that follow",
}


def examples(name: str) -> list[doctest.DocTest]:
    """The docstrings with examples of a name of the front door, and of a class's methods."""
    value = getattr(core, name)
    if not (inspect.isclass(value) or inspect.isfunction(value)):
        return []
    return [test for test in doctest.DocTestFinder().find(value, name, globs={}) if test.examples]


@pytest.fixture
def names(
    home: Path, tmp_path: Path, toy_config: Any, toy_csv: Path, tiny_teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, Any]]:
    """What an example may use, in a home of its own where runs compute in a thread."""
    monkeypatch.setenv("STILLROOM_WORKER", "thread")
    monkeypatch.setenv("STILLROOM_DEVICE", "cpu")
    folder = tmp_path / "examples"
    folder.mkdir()
    config = toy_config.model_copy(update={"teacher": str(tiny_teacher)})
    run = core.import_run(PACKED)
    yield {"core": core, "run": run, "packed": PACKED, "config": config, "table": toy_csv, "folder": folder}
    core.close()


@pytest.mark.parametrize("name", [name for name in core.__all__ if examples(name)])
def test_the_examples_of_the_front_door_run(name: str, names: dict[str, Any]) -> None:
    failures: list[str] = []
    for test in examples(name):
        test.globs = dict(names)
        doctest.DocTestRunner(optionflags=FLAGS).run(test, out=failures.append)
    assert not failures, "".join(failures)


def test_every_function_of_the_facade_has_an_example() -> None:
    functions = {
        name
        for module, members in core._DOOR.items()
        for name in members
        if module.startswith("distill_core.api.") and inspect.isfunction(getattr(core, name))
    }
    assert {name for name in functions if not examples(name)} == set(WITHOUT)
