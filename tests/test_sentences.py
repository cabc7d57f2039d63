"""The engine's sentences: English as it stands, made of a template and values, and whole in every language."""

import ast
import copy
import json
import pickle
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from distill_core.errors import Stopped
from distill_core.events import Ended, Note, event
from distill_core.sentences import ENGLISH, KINDS, Filling, made, percent, taken, worded
from distill_core.verdict import BELOW

CORE = Path(__file__).parents[1] / "distill_core"
MAKERS = ("worded", "info", "warn", "tell", "_note")


def test_a_sentence_is_its_english_and_keeps_what_it_was_made_of() -> None:
    inner = worded("{n:~row|rows} {numbers}", n=2, numbers="3, 5")
    said = worded("{n:row|rows} of {name} ({rows}), {share:.1%}; {k:knob}.", n=1234, name="a{b}.csv", rows=inner,
                  share=0.974, k="leaks=keep")  # fmt: skip
    assert said == "1,234 rows of a{b}.csv (rows 3, 5), 97.4 %; leaks=keep."
    assert worded("{n:row|rows}", n=1) == "1 row" and percent(0.5, 0) == "50 %"
    assert made(said)["with"]["rows"] == {"say": "{n:~row|rows} {numbers}", "with": {"n": 2, "numbers": "3, 5"}}
    assert made(Stopped(said)) == made(said) and made("a string") is None and made(Stopped()) is None
    for same in (copy.deepcopy(said), pickle.loads(pickle.dumps(said))):
        assert same == said and made(same) == made(said)


def test_it_comes_through_pipe_and_store() -> None:
    said = worded("{n:row|rows} of train", n=3)
    for told in (Note(said, "warning", "data"), Ended("stopped", said)):
        back = event(told.kind, json.loads(json.dumps(pickle.loads(pickle.dumps(told)).body())))
        assert back == told and back.made == made(said)
    assert event("note", {"text": "of an older run", "level": "info", "about": ""}).made is None


def test_another_language_fills_with_its_own_numbers_and_names() -> None:
    german = Filling(lambda n, form: f"{n:{form}}".replace(".", ","), lambda name, kind: f"<{kind} {name}>",
                     lambda said: said["say"].upper(), "_")  # fmt: skip
    found = german.vformat("{n:Zeile|Zeilen}, {s:.1%}, {m:metric}, {x}", (), {
        "n": 2, "s": 0.5, "m": "f1", "x": [worded("a").made, worded("b").made]})  # fmt: skip
    assert found == "2_Zeilen, 50,0_%, <metric f1>, A; B"


def templates() -> Iterator[str]:
    """Every template that the engine's source holds."""
    for file in CORE.rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        named = {
            node.targets[0].id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and hasattr(node.targets[0], "id")
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            if getattr(node.func, "id", getattr(node.func, "attr", "")) not in MAKERS:
                continue
            choices = [node.args[0].body, node.args[0].orelse] if isinstance(node.args[0], ast.IfExp) else node.args[:1]
            for one in choices:
                text = one.value if isinstance(one, ast.Constant) else named.get(getattr(one, "id", ""))
                if isinstance(text, str):
                    yield text
    yield BELOW


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def test_what_a_foreign_sentence_says_it_was_made_of_is_believed_only_where_it_is_true_and_harmless() -> None:
    rows = worded("{n:row|rows} of {what} ({s:.1%}, {m:metric})", n=3, what=worded("train"), s=0.5, m="f1")
    assert taken(made(rows), rows) == made(rows) and taken(None, rows) is None
    assert taken(made(rows), "3 rows of test (50.0 %, F1)") is None
    for template in (
        "{x.__class__}",
        "{x[0]}",
        "{x!r}",
        "{x:>999999999}",
        "{x:999999999d}",
        "{x:{x}}",
        "{",
        "{0}",
        "{}",
    ):
        assert taken({"say": template, "with": {"x": "a"}}, "a") is None
    for said in ([], "a", {"say": "a"}, {"say": 1, "with": {}}, {"say": "a", "with": []}, {"say": "{x}", "with": {}},
                 {"say": "{x:metric}", "with": {"x": {"say": "{y.a}", "with": {}}}}):  # fmt: skip
        assert taken(said, "a") is None
    for template in templates():
        named = {name for _, name, form, _ in string.Formatter().parse(template) if form in KINDS}
        values = {name: "f1" if name in named else 2 for name in fields(template)}
        filled = ENGLISH.vformat(template, (), values)
        assert taken({"say": template, "with": values}, filled), template


def test_every_sentence_is_said_in_german() -> None:
    from ui.sentences.de import SENTENCES

    found = set(templates())
    assert len(found) > 80
    assert found - set(SENTENCES) == set(), "not translated"
    assert {one for one in SENTENCES if fields(one) != fields(SENTENCES[one])} == set(), "other values"
    elsewhere = {one for one in SENTENCES if " = {column}" in one}  # chosen by name in tasks/file.py
    shown = {"{value:.1%} {name:metric}", "{name:metric} {value:.3f}", "Stopped before it began."}
    assert set(SENTENCES) - found - elsewhere - shown == set(), "said nowhere any more"


@pytest.mark.parametrize("error", [False, True])
def test_the_page_says_it_in_the_language_that_is_spoken(error: bool) -> None:
    from ui.words import speaking, tell

    rows = worded("{n:~row|rows} {numbers}", n=1200, numbers="3, …")
    held = worded("{n:row|rows} of {split} {n:~holds|hold} a text that also stands with another label ({rows}): no "
                  "model can get all of them right.", n=1200, split="test", rows=rows)  # fmt: skip
    said = worded("{what}: taken out of train ({leaks:knob} keeps them).", leaks="leaks=keep", what=held)
    given = Stopped(said) if error else said
    assert tell(given).endswith("(“Leaks: keep” keeps them).")
    with speaking("de"):
        assert tell(given).startswith("1.200\u00a0Zeilen von test haben einen Text")
        assert "(Zeilen 3, …)" in tell(given) and "„Undichte Stellen: behalten“ behält sie" in tell(given)
        assert tell("only a string") == "only a string"
        assert tell(worded("not translated: {n:,}", n=1200)) == "not translated: 1,200"
