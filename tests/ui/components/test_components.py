"""Numbers, marks, words and controls of the page."""

import ast
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jinja2 import nodes

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before Gradio is imported

import gradio as gr

from distill_core import Config, KnobError, UserError, knobs
from ui.components import formatting
from ui.components import html as components_html
from ui.components.form import COLUMNS, HUB, OTHER, OTHER_NAME, Form, make_control, rate
from ui.components.templates import environment
from ui.history import overlay
from ui.history import page as history_page
from ui.i18n.locales.en import WORDS
from ui.i18n.names import rule_name
from ui.live import view

UI = Path(__file__).parents[3] / "ui"
HOSTILE = "<img src=x onerror=alert(1)> & \"quotes\" 'too'"


def test_a_difference_is_marked_and_nothing_else() -> None:
    assert components_html.diff("a good film", "a bad film") == "a <del>good</del> <ins>bad</ins> film"
    assert components_html.diff("one two three", "two three") == "<del>one </del>two three"
    assert components_html.diff("same , here", "same , here") == "same , here"


def test_the_unmarked_and_added_words_are_the_new_text() -> None:
    before, after = (
        "The soundtrack is dated, and the controls are fine.",
        "The [MASK] is dated, and controls are so fine.",
    )
    kept = re.sub(r"<del>.*?</del>", "", components_html.diff(before, after)).replace("<ins>", "").replace("</ins>", "")
    assert kept.split() == after.split()


def test_no_text_of_data_becomes_markup() -> None:
    shown = (
        components_html.diff(HOSTILE, HOSTILE + " more"),
        components_html.bars({HOSTILE: 1.0}, "teacher"),
        components_html.balance({HOSTILE: 2}),
    )
    for html in (*shown, components_html.note(HOSTILE), components_html.table([HOSTILE], [[HOSTILE]], HOSTILE)):
        assert "<img" not in html and "&lt;img" in html


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (formatting.percent(0.9132), "91.3 %"),
        (formatting.percent(None), "–"),
        (formatting.size(931_000), "931 KB"),
        (formatting.size(2.3e6), "2.3 MB"),
        (formatting.size(999), "999 B"),
        (formatting.millions(9_723), "9,723"),
        (formatting.millions(109e6), "109 M"),
        (formatting.latency(0.314), "0.31 ms"),
        (formatting.latency(16.2), "16 ms"),
        (formatting.duration(59.7), "1 min"),
        (formatting.duration(7.2), "7 s"),
        (formatting.duration(4000), "1 h 6 min"),
        (formatting.times(17.6), "18×"),
        (formatting.times(2.34), "2.3×"),
    ],
)  # fmt: skip
def test_numbers_read_as_people_write_them(made: str, expected: str) -> None:
    assert made.replace("\u00a0", " ") == expected


KINDS = "preset|size|stage|metric|status"  # what a key may begin with whose beginning is a value


class WordKeys:
    """The keys of words that code asks for: `literal` ones, `patterns` of those that are put together, and the
    `strings` of files that hand the key over as a variable."""

    def __init__(self) -> None:
        self.literal: set[str] = set()
        self.patterns: set[str] = set()
        self.strings: set[str] = set()

    def read_python(self, source: str) -> None:
        for call in ast.walk(ast.parse(source)):
            name = call.func.id if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) else ""
            if name in ("translate", "translate_or"):
                for key in choices(call.args[name == "translate_or"]):
                    self.add(key, python_strings(source))

    def read_template(self, source: str) -> None:
        for call in environment.parse(source).find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name == "t":
                for key in choices(call.args[0]):
                    self.add(key, template_strings(source))

    def add(self, key: Any, strings: set[str]) -> None:
        if isinstance(key, str):
            self.literal.add(key)
        elif isinstance(key, list):
            first = [f"({KINDS})" if key[0] is None else re.escape(key[0])]
            self.patterns.add("".join(first + [r"([\w.]+)" if part is None else re.escape(part) for part in key[1:]]))
        else:
            self.strings |= strings

    def asks_for(self, key: str, values: set[str]) -> bool:
        """Whether the key is asked for; what fills a pattern is a string that stands somewhere in the code."""
        return key in self.literal | self.strings or any(
            values.issuperset(found.groups()) for found in (re.fullmatch(one, key) for one in self.patterns) if found
        )


def choices(key: Any) -> Iterator[Any]:
    """What an expression may be: a string, the parts of one (None for a value), or None where only running it tells."""
    if isinstance(key, ast.IfExp):
        yield from (*choices(key.body), *choices(key.orelse))
    elif isinstance(key, nodes.CondExpr):
        yield from (*choices(key.expr1), *choices(key.expr2))
    elif isinstance(key, ast.JoinedStr):
        yield [part.value if isinstance(part, ast.Constant) else None for part in key.values]
    elif isinstance(key, nodes.Concat):
        yield [part.value if isinstance(part, nodes.Const) else None for part in key.nodes]
    else:
        yield key.value if isinstance(key, ast.Constant | nodes.Const) else None


def sources(folder: Path, suffix: str) -> list[str]:
    """The texts of a folder's files but the tables of words themselves."""
    files = [file for file in folder.rglob(f"*.{suffix}") if file.parent.name not in ("locales", "engine_messages")]
    return [file.read_text(encoding="utf-8") for file in files]


@cache
def python_strings(source: str) -> set[str]:
    return {
        one.value for one in ast.walk(ast.parse(source)) if isinstance(one, ast.Constant) and type(one.value) is str
    }


@cache
def template_strings(source: str) -> set[str]:
    return {one.value for one in environment.parse(source).find_all(nodes.Const) if type(one.value) is str}


def test_every_word_that_is_said_is_in_the_table_and_none_is_idle() -> None:
    keys, python, templates = WordKeys(), sources(UI, "py"), sources(UI, "html")
    for source in python:
        keys.read_python(source)
    for source in templates:
        keys.read_template(source)
    assert len(keys.literal) > 200 and keys.literal - WORDS.keys() == set(), "said, and in no table"
    values = set().union(*map(python_strings, [*python, *sources(UI.parent / "distill_core", "py")]))
    values = values.union(*map(template_strings, templates), [knob.name for knob in knobs()])
    # the lessons' words, which their JavaScript asks for, are looked after in tests/ui/learn
    said = {key for key in WORDS if key.startswith("learn.") or keys.asks_for(key, values)}
    assert WORDS.keys() - said == set(), "said nowhere"


@pytest.mark.parametrize(
    ("scripts", "words"),
    [
        (("history/overlay.js", "history/run_list.js"), {*history_page.WORDS, *overlay.words()}),
        (("live/chart.js", "live/view.js"), {*view.words()}),
    ],
)
def test_a_script_asks_for_the_words_that_it_is_given(scripts: tuple[str, ...], words: set[str]) -> None:
    source = "\n".join((UI / name).read_text(encoding="utf-8") for name in scripts)
    asked = set(re.findall(r"\bwords\.(\w+)", source))
    for place in re.findall(r"\bwords\[([^\]]+)\]", source):
        asked |= set(re.findall(r"'([\w.]+)'", place))
    assert asked and asked - words == set(), "asked for, and not given"
    quoted = set(re.findall(r"""["']([\w.]+)["']""", source)) | {*overlay.CURVES}
    assert words - asked - quoted == set(), "given for nothing"


@pytest.fixture(scope="module")
def built() -> tuple[gr.Blocks, Form]:
    """The whole page and its form."""
    from ui import page

    seen: list[Form] = []
    original = Form.__init__

    def remember(form: Form) -> None:
        original(form)
        seen.append(form)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Form, "__init__", remember)
        demo = page.build()
    return demo, seen[0]


def test_every_knob_has_its_control_on_the_page(built: tuple[gr.Blocks, Form]) -> None:
    placed = set(built[1].controls)
    assert {knob.name for knob in knobs()} - placed == {"rules"}  # has a slider for each rule instead
    assert {name for name in placed if name.startswith("rule ")}


def test_what_fills_the_form_shares_its_event_with_nothing_that_waits(built: tuple[gr.Blocks, Form]) -> None:
    """Gradio's page repeats a whole event, with all who listen to it, for one listener that had to wait: what was
    filled in once would be filled in again, over what the user has chosen meanwhile."""
    demo, form = built
    controls = {control._id for control in form.controls.values()}
    listeners: dict[tuple[int | None, str], list[gr.blocks.BlockFunction]] = {}
    for listener in demo.fns.values():
        for target in listener.targets:
            listeners.setdefault(target, []).append(listener)
    fills = [
        (name, event)
        for (name, event), those in listeners.items()
        if name and event not in ("load", "then")  # these it repeats one by one
        if len(those) > 1 and any(one.trigger_mode == "always_last" for one in those)
        if any(output._id in controls for one in those for output in one.outputs)
    ]
    assert [(demo.blocks[name].elem_id, event) for name, event in fills] == []


@pytest.fixture
def form() -> Form:
    form = Form()
    form.controls = dict.fromkeys(("task", "limit", "lr", "teacher", OTHER_NAME, "train", "rule mask"))
    return form


def test_what_is_left_empty_is_default_and_what_is_wrong_is_a_sentence(form: Form) -> None:
    config = form.config(("reviews", None, 0.01, "", None, None, 0.2))
    assert (config.limit, config.lr, config.teacher, config.rules) == (None, 0.01, None, {"mask": 0.2})
    assert form.config(("reviews", 50.0, 0.01, "", None, None, 0.2)).limit == 50
    with pytest.raises(KnobError, match="lr can't be 99"):
        form.config(("reviews", None, 99, "", None, None, 0.2))
    with pytest.raises(UserError, match="Hub id"):
        form.config(("reviews", None, 0.01, OTHER, "  ", None, 0.2))
    assert form.config(("reviews", None, 0.01, OTHER, " a/b ", None, 0.2)).teacher == "a/b"


def test_a_file_that_was_dropped_and_left_for_another_task_is_not_used(form: Form, toy_csv: Path) -> None:
    assert form.config(("reviews", None, 0.01, "", None, str(toy_csv), 0.2)).train is None


def test_what_was_filled_in_for_another_task_stays_and_is_not_sent() -> None:
    form = Form()
    names = ("task", "dataset", "subset", "train", "unlabelled", *COLUMNS, *(HUB + name for name in COLUMNS))
    form.controls = dict.fromkeys(names)
    typed = ("a/b", "plain", "my.csv", "more.txt", "review", "", "stars", "premise", "hypothesis", "")
    own, hub, other = (form.config((task, *typed)) for task in ("file", "hub", "sst2"))
    assert (own.train, own.unlabelled, own.text, own.text2, own.label) == (
        "my.csv",
        "more.txt",
        "review",
        None,
        "stars",
    )
    assert (own.dataset, own.subset, hub.train, hub.unlabelled) == (None,) * 4
    assert (hub.dataset, hub.subset, hub.text, hub.text2, hub.label) == ("a/b", "plain", "premise", "hypothesis", None)
    assert other == Config(task="sst2")


def test_an_empty_optional_number_is_all_of_them_and_a_zero_is_refused(form: Form) -> None:
    control = make_control(next(knob for knob in knobs() if knob.name == "limit"))
    assert (control.value, control.placeholder) == ("", "all")
    assert form.config(("reviews", control.value, 0.01, "", None, None, 0.2)).limit is None
    for typed in ("0", 0, "many"):
        with pytest.raises(KnobError, match="limit can't be"):
            form.config(("reviews", typed, 0.01, "", None, None, 0.2))


def test_a_rule_goes_by_a_plain_name_and_a_new_one_by_its_file() -> None:
    assert rate("ngram", "Helps.", 0.1).label == "Keep a fragment · ngram"
    assert rate("backwards", "Helps.", 0.1).label == rule_name("backwards") == "backwards"


def test_an_uploaded_file_is_kept_where_a_resume_finds_it(form: Form, toy_csv: Path, home: Path) -> None:
    config = form.config(("file", None, 0.01, "", None, str(toy_csv), 0.2), keep=True)
    assert Path(config.train).is_relative_to(home) and Path(config.train).name == toy_csv.name
    assert Path(config.train).read_bytes() == toy_csv.read_bytes()
