"""The engine's sentences: English as it stands, made of a template and values, and whole in every language."""

import ast
import copy
import json
import pickle
import re
import string
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from distill_core import errors, is_row_counts
from distill_core.data.leakage import REMOVED
from distill_core.data.preparation import ROW_COUNTS
from distill_core.errors import Stopped
from distill_core.events import Ended, Note, event_from
from distill_core.messages import (
    ENGLISH,
    KINDS,
    MessageFormatter,
    message,
    message_data,
    percent,
    restore_message,
    validated,
)

CORE, PAGE = (Path(__file__).parents[1] / name for name in ("distill_core", "ui"))
MAKERS = ("message", "info", "warn", "tell", "transfer_note")  # their first argument is a template
ERRORS = {name for name, one in vars(errors).items() if isinstance(one, type)}
TELLERS = {"Note", "Ended", "say", "append"}  # what else a sentence is given to
# Files of the engine whose texts, errors aside, never reach the page as sentences
ELSEWHERE = {
    "api/takeaways.py": "commands of the command line",
    "evaluation/baseline_export.py": "the model card goes with the baseline into the world, in English",
    "evaluation/baseline_html.py": "the words of an exported page, which are English, and why a baseline has none",
    "evaluation/baseline_runtime.py": "the program that goes with an exported baseline",
    "evaluation/exported_server.py": "the server that goes with an exported model",
    "evaluation/exported_test.py": "the test that goes with an exported model",
    "evaluation/html_page.py": "the words of an exported page, which are English, and why a model has none",
    "evaluation/export.py": "the part of every model card, in English",
    "evaluation/columns.py": "headings of the report, the command line and the model card, in English",
    "student/model_card.py": "the model card goes with the student into the world, in English",
    "config/presets.py": "declared in English; the page says it by setting.<kind>.<name>",
    "data/language.py": "the commonest words of languages, by which they are told apart",
    "tasks/synthetic/grammar.py": "the built-in reviews are English",
    "tasks/synthetic/lexicon.py": "the same",
    "runs/backup.py": "what whoever runs a Space reads in its log",
    "serving/metrics.py": "counts for Prometheus",
    "serving/server.py": "what a program that asks is told",
    "student/export.py": "the program that goes with an exported student",
    "student/html_export.py": "the words of an exported page, which are English, and why a student has none",
    "student/html_tokenizer.py": "why a student has no page of one file",
    "student/onnx_export.py": "why such a student runs in torch alone, for its card",
    "student/runtime.py": "the program itself",
    "faults.py": "what libraries say of a disk or of memory, by which a fault is known",
    "runs/queries.py": "SQL",
    "runs/salvage.py": "SQL",
    "runs/store.py": "SQL",
    "runs/migrations.py": "SQL",
}
OURS = (  # mistakes of whoever calls the engine, told as "Stillroom made a mistake (…)"
    "a vocabulary of pieces needs the teacher's tokenizer", "a teacher that was just kept is not there",
    "distill_core has no \0", "\0 is called \0 now",
    "no knob can affect \0",
)  # fmt: skip
OTHERS = (  # what libraries say, and what is to be typed
    "scripts are no longer supported", "Config name is missing", "Consistency check failed",
    "python -m spacy download NAME", "pip install \0",
)  # fmt: skip
SENTENCE = re.compile(r"[A-Za-z']{2,}[,:;]?( [A-Za-z']+[,:;]?){2,}")  # three words
PHRASE = re.compile(r"[A-Za-z']{2,}[,:;]? [A-Za-z']{2,}")  # two, in an f-string


def test_a_sentence_is_its_english_and_keeps_what_it_was_made_of() -> None:
    inner = message("{n:~row|rows} {numbers}", n=2, numbers="3, 5")
    said = message("{n:row|rows} of {name} ({rows}), {share:.1%}; {k:knob}.", n=1234, name="a{b}.csv", rows=inner,
                  share=0.974, k="leaks=keep")  # fmt: skip
    assert said == "1,234 rows of a{b}.csv (rows 3, 5), 97.4 %; leaks=keep."
    assert message("{n:row|rows}", n=1) == "1 row" and percent(0.5, 0) == "50 %"
    assert message_data(said)["with"]["rows"] == {"say": "{n:~row|rows} {numbers}", "with": {"n": 2, "numbers": "3, 5"}}
    assert (
        message_data(Stopped(said)) == message_data(said)
        and message_data("a string") is None
        and message_data(Stopped()) is None
    )
    for same in (copy.deepcopy(said), pickle.loads(pickle.dumps(said))):
        assert same == said and message_data(same) == message_data(said)


def test_no_value_makes_a_message_longer_than_a_person_reads() -> None:
    names = ", ".join(repr(f"column {number}") for number in range(900))
    for said in (message("{name} has the columns {names}. Choose one.", name="x" * 3_000, names=names),
                 message("{problem} Mend it.", problem=message("{what} is odd.", what="y" * 9_000)),
                 message("{all}", all=["z" * 90] * 500)):  # fmt: skip
        assert len(said) <= 500 and "…" in said or len(said) <= 500
        assert validated(message_data(said), str(said)) == message_data(said)
    said = message("{name} has the columns {names}. Choose one.", name="x" * 3_000, names=names)
    assert "… has the columns 'column 0', 'column 1'" in said and said.endswith("…. Choose one.")
    short = message("{name} can't be read.", name="x" * 400)
    assert message_data(short)["with"]["name"] == "x" * 400


def test_it_comes_through_pipe_and_store() -> None:
    said = message("{n:row|rows} of train", n=3)
    for told in (Note(said, "warning", "data"), Ended("stopped", said)):
        back = event_from(told.kind, json.loads(json.dumps(pickle.loads(pickle.dumps(told)).body())))
        assert back == told and back.made == message_data(said)
    assert event_from("note", {"text": "of an older run", "level": "info", "about": ""}).made is None


def test_another_language_fills_with_its_own_numbers_and_names() -> None:
    german = MessageFormatter(lambda n, form: f"{n:{form}}".replace(".", ","), lambda name, kind: f"<{kind} {name}>",
                     lambda said: said["say"].upper(), "_")  # fmt: skip
    found = german.vformat("{n:Zeile|Zeilen}, {s:.1%}, {m:metric}, {x}", (), {
        "n": 2, "s": 0.5, "m": "f1", "x": [message("a").data, message("b").data]})  # fmt: skip
    assert found == "2_Zeilen, 50,0_%, <metric f1>, A; B"


def test_a_noun_has_as_many_forms_as_its_language_has_plurals() -> None:
    assert message("{n:row|rows} {n:~is|are}", n=1.5) == "1.5 rows are" and message("{n:row|rows}", n=1.0) == "1 row"
    polish = MessageFormatter(plural=lambda n, forms: forms[0 if n == 1 else 1 if n in (2, 3, 4) else 2])
    found = [polish.vformat("{n:wiersz|wiersze|wierszy}", (), {"n": n}) for n in (1, 2, 5)]
    assert found == ["1 wiersz", "2 wiersze", "5 wierszy"]


def test_a_message_is_known_by_its_template_whatever_it_says() -> None:
    counts = message(ROW_COUNTS, train=1200, valid=3, test=4, split="test")
    stored = restore_message(str(counts), json.loads(json.dumps(message_data(counts))))
    assert is_row_counts(counts) and is_row_counts(stored)
    assert not is_row_counts("Rows: 1,200 train, 3 validation, 4 test. Scored on test.")
    assert not is_row_counts(message("Rows: {n:,}", n=3))


def called(node: ast.AST) -> str:
    """The name of what is called there."""
    return getattr(node.func, "id", getattr(node.func, "attr", "")) if isinstance(node, ast.Call) else ""


def choices(node: ast.AST, named: dict[str, ast.AST]) -> Iterator[str]:
    """The texts that an expression may come to, by the module's names."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.Name(id=name) if name in named:
            yield from choices(named[name], named)
        case ast.IfExp(body=one, orelse=other):
            yield from [*choices(one, named), *choices(other, named)]
        case ast.BoolOp(values=several) | ast.Dict(values=several):
            yield from (text for one in several for text in choices(one, named))
        case ast.Subscript(value=whole) | ast.Call(func=ast.Attribute(value=whole)):
            yield from choices(whole, named)


def templates() -> Iterator[str]:
    """Every template that the engine's source holds."""
    for file in CORE.rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        named = {
            node.targets[0].id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        }
        for node in ast.walk(tree):
            if called(node) in MAKERS and node.args:
                yield from choices(node.args[0], named)


def texts(tree: ast.AST) -> Iterator[tuple[int, str, bool]]:
    """(line, text, whether it is an f-string) of each text in a source, docstrings and the help of knobs aside; a value
    in an f-string is \0."""
    aside: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(getattr(node, "body", None), list) and node.body and isinstance(node.body[0], ast.Expr):
            aside.add(id(node.body[0].value))
        if isinstance(node, ast.JoinedStr):
            aside.update(map(id, node.values))
        if called(node) == "knob":
            aside.update(map(id, node.args))
    for node in ast.walk(tree):
        if id(node) in aside:
            continue
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "\0" for part in node.values]
            yield node.lineno, "".join(parts), True
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value, False


def plain(tree: ast.AST, tellers: Collection[str]) -> set[int]:
    """The lines on which one of `tellers` is given a text that is no sentence of `message`."""
    return {
        node.lineno
        for node in ast.walk(tree)
        for given in (node.args if called(node) in tellers else ())
        if isinstance(given, ast.Constant | ast.JoinedStr)
        if any(" " in str(one.value) for one in ast.walk(given) if isinstance(one, ast.Constant))
    }


def loose(tree: ast.AST, known: Collection[str]) -> set[int]:
    """The lines that hold a sentence, wherever it goes from there, which is none of the templates `known`."""
    return {
        line
        for line, text, filled in texts(tree)
        if text not in known and (PHRASE if filled else SENTENCE).search(text)
    }


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def test_what_a_foreign_sentence_says_it_was_made_of_is_believed_only_where_it_is_true_and_harmless() -> None:
    rows = message("{n:row|rows} of {what} ({s:.1%}, {m:metric})", n=3, what=message("train"), s=0.5, m="f1")
    assert validated(message_data(rows), rows) == message_data(rows) and validated(None, rows) is None
    assert validated(message_data(rows), "3 rows of test (50.0 %, F1)") is None
    six = "|".join("abcdef")
    assert validated({"say": f"{{n:~{six}}}", "with": {"n": 2}}, "b") and not validated(
        {"say": f"{{n:~{six}|g}}", "with": {"n": 2}}, "b"
    )
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
        assert validated({"say": template, "with": {"x": "a"}}, "a") is None
    for said in ([], "a", {"say": "a"}, {"say": 1, "with": {}}, {"say": "a", "with": []}, {"say": "{x}", "with": {}},
                 {"say": "{x:metric}", "with": {"x": {"say": "{y.a}", "with": {}}}}):  # fmt: skip
        assert validated(said, "a") is None
    for template in templates():
        named = {name for _, name, form, _ in string.Formatter().parse(template) if form in KINDS}
        values = {name: "f1" if name in named else 2 for name in fields(template)}
        filled = ENGLISH.vformat(template, (), values)
        assert validated({"say": template, "with": values}, filled), template


def test_every_sentence_is_said_in_german() -> None:
    from ui.i18n.engine_messages.de import EARLIER, SENTENCES

    found = set(templates())
    assert len(found) > 300
    assert found - set(SENTENCES) == set(), "not translated"
    assert {one for one in SENTENCES if fields(one) != fields(SENTENCES[one])} == set(), "other values"
    assert set(SENTENCES) - found == set(), "said nowhere any more"
    assert set(EARLIER) & found == set(), "said still"
    assert {one for one in EARLIER if fields(one) != fields(EARLIER[one])} == set(), "other values"


def test_nothing_is_said_that_could_only_be_english() -> None:
    """A line that is named here wants `message(template, …)`, and the template its German in engine_messages/de.py."""
    known = {*templates(), *OURS, *OTHERS}
    for file in [*CORE.rglob("*.py"), *PAGE.rglob("*.py")]:
        tree, name = ast.parse(file.read_text(encoding="utf-8")), file.relative_to(CORE.parent).as_posix()
        if name.startswith("distill_core/cli") or name == "ui/endpoints.py":
            continue  # the command line, and what a script gives to an endpoint: English
        found = plain(tree, ERRORS)
        if name.startswith("distill_core") and name.removeprefix("distill_core/") not in ELSEWHERE:
            found |= plain(tree, TELLERS) | loose(tree, known)
        assert found == set(), name


@pytest.mark.parametrize("source", [
    'raise DataError(f"{name} is empty. Give rows.")', 'raise HubError("no such id")', "Note(f'{n} rows read')",
    'Ended("failed", "It broke down.")', 'say(f"{n} of them")', 'why = "the file is too large"', 'hint = f"it is {it}"',
    'notes.append("Read as UTF-16.")', 'message("{name} holds {what}", what=f"all of {n}")',
    'TROUBLE = {"a": "it is not there"}',
])  # fmt: skip
def test_what_only_english_could_say_is_found(source: str) -> None:
    tree = ast.parse(source)
    assert plain(tree, ERRORS | TELLERS) | loose(tree, {"{name} holds {what}"}) == {1}


def test_what_is_no_sentence_is_none() -> None:
    source = (
        'def f():\n    """A docstring of its own."""\n    key = f"{a}-{b}"; message("A whole sentence."); say("plain")'
    )
    tree = ast.parse(source)
    assert plain(tree, ERRORS | TELLERS) | loose(tree, {"A whole sentence."}) == set()


@pytest.mark.parametrize("error", [False, True])
def test_the_page_says_it_in_the_language_that_is_spoken(error: bool) -> None:
    from ui.i18n.names import translate_message
    from ui.i18n.translate import use_language

    rows = message("{n:~row|rows} {numbers}", n=1200, numbers="3, …")
    held = message("{n:row|rows} of {split} {n:~has|have} a text that another row gives a different label ({rows}): "
                  "no model can get all of them right.", n=1200, split="test", rows=rows)  # fmt: skip
    said = message(REMOVED, leaks="leaks=keep", what=held, n=1200)
    given = Stopped(said) if error else said
    assert translate_message(given).endswith("set “Overlaps: keep”.")
    with use_language("de"):
        assert translate_message(given).startswith("1.200\u00a0Zeilen von test haben einen Text")
        assert "(Zeilen 3, …)" in translate_message(
            given
        ) and "„Überschneidungen: behalten“ wählen" in translate_message(given)
        assert translate_message("only a string") == "only a string"
        assert translate_message(message("not translated: {n:,}", n=1200)) == "not translated: 1,200"
