"""Templates: what is not HTML is escaped in every one of them, and a missing value is an error."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jinja2 import StrictUndefined, UndefinedError, meta, nodes
from markupsafe import Markup

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before Gradio is imported

from ui.components import html as components_html
from ui.components import templates
from ui.components.templates import environment, render, text
from ui.i18n.locales.en import WORDS
from ui.i18n.translate import translate, use_language

UI = Path(templates.__file__).parents[1]
NAMES = sorted(file.relative_to(UI).as_posix() for file in UI.rglob("*.html"))
HOSTILE = "<img src=x onerror=alert(1)> & \"quotes\" 'too'"
SHARES = {HOSTILE: 0.25, "b": 0.75}
BINS = [{"confidence": 0.6, "accuracy": 0.5, "rows": 10}]
SCORE = {"ece": 0.1, "reliability": BINS, "reliability_scaled": BINS}
FIGURES = {"value": 0.9, "low": 0.8, "high": 1.0, "second": None, "costs": [(HOSTILE, HOSTILE)],
           "places": [0.5, 0.2, 0.8]}  # fmt: skip
MEAN = {"mean": 0.9, "low": 0.8, "high": 1.0}
MEMBER = {"name": HOSTILE, "main": True, "texts": 1, "control": None, "student": 0.9, "gap_recovered": 0.5, "kept": 0.9,
          "agreement": None, "bytes": 1, "latency": 1.0}  # fmt: skip
GROUP = {"name": HOSTILE, "n": 2, "control": None, "student": MEAN, "gap_recovered": MEAN, "kept": MEAN}
ROW = SimpleNamespace(id=HOSTILE, name=HOSTILE, note=HOSTILE, status="finished")
# what fills each template, hostile wherever a text of data, a file or a person can stand
FILLED: dict[str, dict[str, Any]] = {
    "steps/answer.html": {},
    "steps/child.html": {"text": HOSTILE, "rule": HOSTILE, "broken": HOSTILE, "answer": ""},
    "steps/cost.html": {
        "line": HOSTILE, "stages": {"label": HOSTILE}, "amount": HOSTILE, "between": HOSTILE, "rests": HOSTILE,
    },
    "steps/example.html": {"data": HOSTILE},
    "steps/fault.html": {"field": HOSTILE, "step": HOSTILE, "number": 1, "words": HOSTILE},
    "steps/launch_bar.html": {"shown": HOSTILE, "refused": "", "coming": HOSTILE, "price": "", "chosen": ""},
    "steps/chosen.html": {"choices": [dict.fromkeys(("label", "value", "reason", "field", "step", "within"), HOSTILE)]},
    "steps/offspring.html": {"children": [HOSTILE], "notes": ["", HOSTILE], "words": [HOSTILE]},
    "steps/presets.html": {"ids": HOSTILE, "words": HOSTILE},
    "steps/reading.html": {},
    "steps/task.html": {
        "summary": HOSTILE, "balance": "", "findings": "", "rows": "",
    },
    "steps/teacher_times.html": {"times": HOSTILE},
    "steps/waiting.html": {"words": HOSTILE, "again": True},
    "unknown_run.html": {"ways": [(HOSTILE, HOSTILE)]},
    "comparison/analysis.html": {
        "differences": "", "chances": HOSTILE, "split": {"both": 3}, "names": {"both": HOSTILE}, "agreement": 0.5,
        "confusions": {"student": [[1, 2], [0, 0]]}, "labels": [HOSTILE, "b"],
        "per_class": {"head": [HOSTILE, "b"], "rows": [[HOSTILE, HOSTILE]]}, "calibration": "", "several": "",
        "deferral": "", "advised": True, "doublings": Markup("<ul></ul>"),
        "doubtful": [{"text": HOSTILE, "source": HOSTILE, "label": HOSTILE, "answer": HOSTILE}],
    },
    "comparison/answers.html": {
        "models": ["student"],
        "answers": {"student": SHARES, "ms": {"student": 1.0}, "unknown_words": [HOSTILE, "b"], "unfamiliar": True},
    },
    "comparison/calibration.html": {
        "scores": {"student": SCORE}, "pictured": ["student"], "head": ["a", HOSTILE], "rows": [[HOSTILE, HOSTILE]],
        "classes": [HOSTILE], "side": 9, "x": float, "y": float, "few": 10,
    },
    "comparison/deferral.html": {
        "curve": [{"answered": 0.5, "agreement": 0.9}], "promised": [], "head": ["a", HOSTILE],
        "rows": [[HOSTILE, HOSTILE]], "refused": [{"wanted": 0.9, "needed": 29}], "valid": 9, "lowest": 0.5, "side": 9,
        "x": float, "y": float,
    },
    "comparison/differences.html": {"rows": [{"other": HOSTILE, "places": [0.5, 0, 1], "sentence": HOSTILE}]},
    "comparison/disagreements.html": {
        "rows": [{"number": 1, "text": HOSTILE, "source": HOSTILE, "label": HOSTILE,
                  "answers": [{"right": True, "label": HOSTILE, "share": 1.0}] * 2}], "more": True, "savable": True,
    },
    "comparison/headline.html": {
        "smaller": 2.0, "faster": 2.0, "kept": 0.9, "metric": HOSTILE, "scored": HOSTILE, "more": [HOSTILE], "rough": 1,
        "verdict": "", "steps": "", "faults": [HOSTILE], "of": HOSTILE, "reached": {"student": 0.9, "teacher": 0.8},
    },
    "comparison/members.html": {"groups": [GROUP], "members": [MEMBER]},
    "comparison/next_steps.html": {
        "ways": [{"action": HOSTILE, "cause": HOSTILE, "do": HOSTILE, "address": HOSTILE, "place": HOSTILE}],
    },
    "comparison/plots.html": {},
    "comparison/predictions.html": {
        "total": 1, "labels": HOSTILE, "blank": 2, "handed": 1, "all_of_them": True,
        "rows": [{"text": HOSTILE, "who": "teacher",
                  "answer": SimpleNamespace(label=HOSTILE, probabilities=SHARES, probability=0.9)}],
    },
    "comparison/score_table.html": {"head": [HOSTILE] * 8, "rows": [{"who": "student", **FIGURES}], "reads": 2},
    "comparison/takeaways.html": {"head": [HOSTILE] * 4, "rows": [[HOSTILE] * 4]},
    "comparison/verdict.html": {"notes": [(HOSTILE, HOSTILE)], "more": [(HOSTILE, HOSTILE)]},
    "components/alignment.html": {
        "ways": [{"name": "there", "rows": [HOSTILE], "columns": [HOSTILE, "b"], "shares": [[0.5, 0.5]]}],
    },
    "components/header.html": {
        "title": HOSTILE, "mark": "", "going": SimpleNamespace(id=HOSTILE, status="running"), "page": "history",
        "pages": [("history", "history")], "languages": [("de", HOSTILE)],
    },
    "history/deleted.html": {"id": HOSTILE, "name": HOSTILE},
    "history/imported.html": {"id": HOSTILE, "name": HOSTILE},
    "history/overlay.html": {"curves": ["accuracy"]},
    "history/overlay_tables.html": {
        "runs": [HOSTILE, "b"], "scores": [[(HOSTILE, HOSTILE)] * 3], "settings": [[HOSTILE, HOSTILE, "b"]],
    },
    "history/page.html": {
        "states": [("", HOSTILE)], "orders": [(HOSTILE, "b")], "columns": [("name", "name")], "curves": ["accuracy"],
    },
    "history/pages.html": {"page": 1, "shown": [1, 2, 9]},
    "history/run.html": {
        "row": ROW, "name": HOSTILE, "about": HOSTILE, "marks": ["example"], "stage": "label",
        "figures": [("student", HOSTILE)],
    },
    "history/run_detail.html": {
        "row": ROW, "name": HOSTILE, "columns": 10, "editable": True, "message": HOSTILE, "acts": ["stop"],
    },
    "http/head.html": {"icon": HOSTILE, "largest": 1},
    "http/missing.html": {
        "language": HOSTILE, "head": "", "colours": {"ink": ("#000", "#fff")}, "accent": "#00f", "mark": "",
        "home": HOSTILE,
    },
    "learn/page.html": {"lessons": ["task"], "examples": [HOSTILE], "longest": 5},
    "live/view.html": {},
}  # fmt: skip
MACROS: dict[str, list[tuple[Any, ...]]] = {
    "steps/pieces.html": [("card", HOSTILE, HOSTILE), ("hint", HOSTILE, HOSTILE), ("title", HOSTILE, HOSTILE)],
    "components/macros.html": [
        ("bars", SHARES, HOSTILE),
        ("balance", {HOSTILE: 1}),
        ("balance", {HOSTILE: 1}, {HOSTILE: HOSTILE}),
        ("note", HOSTILE, HOSTILE),
        ("findings", [{"level": HOSTILE, "sentence": HOSTILE, "rows": HOSTILE}], HOSTILE),
        ("findings", [], HOSTILE, [{"level": HOSTILE, "sentence": HOSTILE, "rows": HOSTILE}]),
        ("finding_list", [{"level": HOSTILE, "sentence": HOSTILE, "rows": HOSTILE}]),
        ("why", HOSTILE, "task"),
        ("diff", [("del", HOSTILE), ("", HOSTILE)]),
        ("matrix", HOSTILE, [HOSTILE], [HOSTILE], HOSTILE, HOSTILE),
        ("cut", HOSTILE),
        ("table", [HOSTILE] * 2, [[HOSTILE] * 2], HOSTILE, [HOSTILE], HOSTILE),
    ],
    "comparison/macros.html": [("interval", HOSTILE, 0.5, 0, 1), ("origin", HOSTILE), ("save_button", HOSTILE)],
}


def pieces(name: str) -> Iterator[Markup]:
    """The template filled, or each of its macros."""
    if name in FILLED:
        yield render(name, **FILLED[name])
    for macro, *values in MACROS.get(name, []):
        yield getattr(environment.get_template(name).module, macro)(*values)


def variables(name: str) -> set[str]:
    """The values that a template reads and does not set itself."""
    assert environment.loader is not None
    tree = environment.parse(environment.loader.get_source(environment, name)[0])
    own = {node.name for node in tree.find_all(nodes.Name) if node.ctx == "store"}
    return meta.find_undeclared_variables(tree) - own - set(environment.globals)


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_text_comes_out_escaped_in_every_template(name: str) -> None:
    made = list(pieces(name))
    assert made, "a template that this test does not fill"
    for html in made:
        assert isinstance(html, Markup) and "<img" not in html and '"quotes"' not in html and "'too'" not in html
    if "onerror" in repr((FILLED.get(name), MACROS.get(name))):
        assert all("&lt;img" in html for html in made), "it is not shown at all"


@pytest.mark.parametrize("name", FILLED)
def test_a_missing_value_is_an_error(name: str) -> None:
    wanted = variables(name)
    assert wanted <= FILLED[name].keys()
    for value in wanted:
        with pytest.raises((UndefinedError, TypeError)):  # TypeError where it should be written as a number
            render(name, **{key: one for key, one in FILLED[name].items() if key != value})


def test_every_value_of_a_macro_is_an_argument() -> None:
    for name in MACROS:
        assert variables(name) == set()
        macros = {key for key in vars(environment.get_template(name).module) if not key.startswith("_")}
        assert macros == {macro for macro, *_ in MACROS[name]}, "a macro that this test does not ask"


def test_words_are_those_of_the_language_that_is_spoken_and_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    template = environment.from_string('{{ t("history") }} {{ count(1234) }}')
    with use_language("de"):
        assert template.render() == "Verlauf 1.234"
    assert template.render() == "History 1,234"
    monkeypatch.setitem(WORDS, "history", "<i>{n}</i>")
    assert text("history", n=HOSTILE).startswith("&lt;i&gt;&lt;img") and text("history") == "&lt;i&gt;{n}&lt;/i&gt;"
    assert text("history", n=Markup("<b>1</b>")) == "&lt;i&gt;<b>1</b>&lt;/i&gt;"


def test_a_piece_written_by_python_is_html_once() -> None:
    assert components_html.bars({}, "student") == '<div class="bars student">\n</div>'
    cells = components_html.table(["a", "b"], [["x", Markup("<b>1</b>")], ["y", "<i>2</i>"]], "n")
    assert "<b>1</b>" in cells and "&lt;i&gt;2&lt;/i&gt;" in cells
    both = components_html.notes([("info", "<b>"), ("error", "<i>")]) + components_html.note("<u>")
    assert both.count("<p") == 3 and not re.search("<[biu]>", both)
    assert translate("finding.warning") in components_html.findings([("info", "a"), ("warning", "b")], "c")


def test_a_template_is_compiled_once() -> None:
    assert environment.get_template("live/view.html") is environment.get_template("live/view.html")
    assert not environment.auto_reload and environment.undefined is StrictUndefined
