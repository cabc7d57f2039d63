"""Numbers, marks, words and controls of the page."""

import os
import re
from pathlib import Path

import pytest

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before Gradio is imported

import gradio as gr

from distill_core import Config, KnobError, UserError, knobs
from ui.components import formatting
from ui.components import html as components_html
from ui.components.form import COLUMNS, HUB, OTHER, OTHER_NAME, Form, make_control, rate
from ui.i18n.locales.en import WORDS
from ui.i18n.names import rule_name

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


def test_every_word_that_is_said_is_in_the_table_and_none_is_idle() -> None:
    files = [path for path in UI.rglob("*.py") if path.parent.name != "locales"]
    source = "\n".join(path.read_text(encoding="utf-8") for path in files)
    templates = "\n".join(path.read_text(encoding="utf-8") for path in UI.rglob("*.html"))
    assert set(re.findall(r"""(?<!`)\btranslate\(\s*["']([\w.]+)["']\s*[,)]""", source)) <= set(WORDS)
    filled = set(re.findall(r"""\bt\(\s*"([\w.]+)"\s*[,)]""", templates))
    assert filled and filled <= set(WORDS)
    # a key that is put together: f"row.{who}.help" in Python, "row." ~ who ~ ".help" in a template
    made = [
        re.sub(r"\{.*?\}", r"[\\w.]+", text)
        for text in re.findall(r"""\bf["'](\w+\.(?:[\w.]*\{[^}]*\})+[\w.]*|\{\w+\}\.\w+)["']""", source)
    ]
    made += [rf"{head}[\w.]+{tail}" for head, tail in re.findall(r'"([\w.]+\.)" ~ [\w.]+(?: ~ "([\w.]+)")?', templates)]
    quoted = set(re.findall(r"""["']([\w.]+)["']""", source + templates))
    idle = {key for key in WORDS if key not in quoted and not any(re.fullmatch(pattern, key) for pattern in made)}
    assert {key for key in idle if not key.endswith(".name")} == set()


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
