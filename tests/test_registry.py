"""Shelves: names from files, help and constants without importing, and a helpful refusal."""

import ast
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from distill_core import registry
from distill_core.errors import UnknownPart
from distill_core.registry import EMBEDDINGS, LOSSES, RULES, STUDENTS, TASKS, Registry

SHELVES = (TASKS, RULES, EMBEDDINGS, STUDENTS, LOSSES)


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    (tmp_path / "fruit").mkdir()
    (tmp_path / "fruit" / "apple.py").write_text(
        '"""Round and red.\n\nMore."""\nimport nothing_like_it\nRATE: float = 0.5\n'
    )
    (tmp_path / "fruit" / "pear.py").write_text('"""Green."""\nSIZES = ("a", "b")\n')
    (tmp_path / "fruit" / "_knife.py").write_text("")
    monkeypatch.setattr(registry, "__file__", str(tmp_path / "registry.py"))
    return Registry("fruit", "fruit", "fruit")


def test_a_file_is_a_part_and_its_source_tells_about_it(shelf: Registry) -> None:
    assert shelf.names == ("apple", "pear")
    assert shelf.help("apple") == "Round and red."
    assert shelf.constant("apple", "RATE") == 0.5, "an annotated constant counts, and nothing was imported"
    assert shelf.constant("pear", "SIZES") == ("a", "b")
    assert shelf.constant("pear", "RATE", 7) == 7


def test_a_source_is_parsed_once_however_many_ask_at_once(shelf: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    parse, parsed, at_work = ast.parse, [], []

    def slow_parse(source: str) -> ast.Module:
        at_work.append(source)
        time.sleep(0.02)
        parsed.append(len(at_work))
        at_work.pop()
        return parse(source)

    monkeypatch.setattr(ast, "parse", slow_parse)
    with ThreadPoolExecutor(8) as pool:
        helps = list(pool.map(shelf.help, ["apple", "pear"] * 8))
    assert helps == ["Round and red.", "Green."] * 8
    assert parsed == [1, 1], "Python 3.11 may fail where two threads parse at once"


def test_an_unknown_part_gets_the_nearest_name(shelf: Registry) -> None:
    with pytest.raises(UnknownPart, match=r"There is no fruit called 'appel'. Did you mean 'apple'\? .*: apple, pear"):
        shelf.check("appel")
    with pytest.raises(UnknownPart) as error:
        shelf.check("_knife")
    assert "Did you mean" not in str(error.value)
    for hostile in ("", "../errors", "apple.py", "APPLE"):
        with pytest.raises(UnknownPart):
            shelf.get(hostile)


@pytest.mark.parametrize("shelf", SHELVES, ids=lambda shelf: shelf.name)
def test_every_part_says_what_it_is_and_loads(shelf: Registry) -> None:
    assert shelf.names
    for name in shelf.names:
        help = shelf.help(name)
        assert 10 < len(help) <= 120 and help[0].isupper() and help[-1] == ".", f"{shelf.name}/{name}: {help!r}"
        assert shelf.get(name).__name__ == f"{shelf.package}.{name}"
