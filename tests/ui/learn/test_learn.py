"""Learn: its arithmetic is the engine's, its words are there, its handlers take anything, and every lesson moves."""

import json
import os
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import binomtest

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before Gradio is imported

from distill_core import Config
from distill_core.evaluation.objective import SINGLE_LABEL
from distill_core.outputs import ModelOutput
from distill_core.registry import LOSSES
from distill_core.student.activations import POOLINGS
from ui.i18n.translate import LANGUAGES, table
from ui.learn import example_run
from ui.learn import page as learn_page
from ui.learn.page import STEPS

LEARN = Path(learn_page.__file__).parent
SOURCE = "\n".join(file.read_text(encoding="utf-8") for file in LEARN.rglob("*.js"))
PAGE = "\n".join((LEARN / name).read_text(encoding="utf-8") for name in ("page.py", "page.html"))
ROWS = [  # student's logits, teacher's, the label's place
    ([0.3, -0.2], [-3.4, 3.7], 1),
    ([4.0, -4.0, 0.5], [3.5, -2.0, 0.1], 0),
    ([20.0, -30.0, 4.0, 1.0], [-25.0, 8.0, 8.0, 0.0], 2),
]


@pytest.fixture(scope="module")
def blank(chromium: Any) -> Any:
    """A page that knows the lessons' formulas and nothing else."""
    tab = chromium.new_page()
    tab.evaluate(f"() => {{ {(LEARN / 'formulas.js').read_text()}\n window.formulas = formulas }}")
    yield tab
    tab.close()


@pytest.mark.parametrize(("student", "teacher", "truth"), ROWS)
@pytest.mark.parametrize("loss", ["alpha_mix", "soft_kl", "ce", "logit_mse"])
def test_the_browser_computes_the_engines_losses(
    blank: Any, student: list[float], teacher: list[float], truth: int, loss: str
) -> None:
    alpha = {"ce": 1.0, "logit_mse": 0.0}.get(loss, 0.3)
    own = torch.tensor([student], dtype=torch.float64, requires_grad=True)
    config = Config(alpha=alpha, temperature=3.5)
    teacher_output = ModelOutput(torch.tensor([teacher], dtype=torch.float64))
    asked = LOSSES.get(loss).loss(ModelOutput(own), teacher_output, torch.tensor([truth]), config, SINGLE_LABEL)
    asked.backward()
    distance = "kl" if loss == "soft_kl" else "mse"
    given = json.dumps([student, teacher, truth, {"alpha": alpha, "temperature": 3.5, "distance": distance}])
    found = blank.evaluate(f"() => [formulas.mix(...{given}), formulas.gradient(...{given})]")
    assert found[0] == pytest.approx(asked.item(), rel=1e-9, abs=1e-12)
    assert found[1] == pytest.approx(own.grad[0].tolist(), rel=1e-7, abs=1e-9)


def test_temperature_entropy_and_intervals_in_the_browser(blank: Any) -> None:
    warm = blank.evaluate("() => formulas.softmax([-3.4, 3.7, 0.2], 5)")
    assert warm == pytest.approx(torch.softmax(torch.tensor([-3.4, 3.7, 0.2]).double() / 5, 0).tolist())
    assert blank.evaluate("() => formulas.entropy([0.25, 0.25, 0.25, 0.25])") == pytest.approx(2)
    assert blank.evaluate("() => formulas.entropy([1, 0])") == 0
    known = binomtest(180, 200).proportion_ci(method="wilson")
    assert blank.evaluate("() => formulas.wilson(0.9, 200)") == pytest.approx([known.low, known.high], abs=1e-4)
    each = np.repeat([1, -1, 0], [200, 100, 700])  # only the first right, only the second, both or none
    reach = 1.96 * each.std() / 1000**0.5
    found = blank.evaluate("() => formulas.paired(0.9, 0.8, 0.3, 1000)")
    assert found == pytest.approx([each.mean() - reach, each.mean() + reach])


def test_every_word_of_the_lessons_is_said_and_there() -> None:
    keys = {key.removeprefix("learn.") for key in table("en") if key.startswith("learn.")}
    quoted = set(re.findall(r"""['"`]((?:\w+\.)*\w+)['"`]""", SOURCE)) | set(
        re.findall(r"""['"]learn\.([\w.]+)['"]""", PAGE)
    )
    made = {
        "task": ("labelled", "transfer", "teacher", "student", "control", "comparison"),
        "limits": re.search(r"SIGNS = \[(.*?)\]", SOURCE)[1].replace("'", "").split(", "),
    }
    said = {f"{lesson}.{part}" for lesson in learn_page.LESSONS for part in ("title", "text")} | quoted
    said |= {f"task.{name}{more}" for name in made["task"] for more in ("", ".short", ".text")}
    said |= {f"task.here.{name}" for name in made["task"]}
    said |= {f"limits.{name}{more}" for name in made["limits"] for more in ("", ".text", ".shown")}
    said |= {f"compare.{name}" for name in ("gap", "kept", "difference", "agreement")}
    said |= {f"reader.{name}" for name in ("piece", "read", "moved_ahead", "moved_back", "so_far_head")}
    said |= {f"reader.{way}.figure" for way in ("ahead", "back")} | {"open"}
    said |= {f"reader.joined.{part}" for part in POOLINGS}
    choices = re.search(r"CHOICES = \[(.*?)\]", SOURCE)[1].replace("'", "").replace(":", "").split(", ")
    said |= {f"layers.choice.{name}" for name in (*choices, "own")}
    said |= {f"layers.{name}" for name in ("pair", "cosine", "hidden", "attention")}
    said |= {f"layers.loss.{name}" for name in ("distilbert", "layers", "soft_kl")}
    assert keys - said == set(), "idle"
    asked = set(re.findall(r"""say\(\s*'([\w.]+)'""", SOURCE)) | set(re.findall(r"[?:] '(\w+\.[\w.]+)'", SOURCE))
    assert asked - keys == set(), "no such words"


def test_each_step_has_its_lesson_and_a_lesson_is_found_by_being_there() -> None:
    assert set(STEPS) < set(learn_page.LESSONS) and len(learn_page.LESSONS) == 9
    html = learn_page.template()
    assert all(f'id="{name}"' in html and f'href="#{name}"' in html for name in learn_page.LESSONS)
    steps = "".join(file.read_text(encoding="utf-8") for file in (LEARN.parent / "steps").glob("*.py"))
    assert all(f'why(translate("{step}.why"), "{step}")' in steps for step in STEPS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_paragraphs_are_short(language: str) -> None:
    """A lesson is read in one or two minutes: at 200 words a minute its text has room for some 200."""
    for name in learn_page.LESSONS:
        assert len(table(language)[f"learn.{name}.text"].split()) < 200, name


HOSTILE = [
    {},
    {"run": ["x"], "text": {"a": 1}, "text2": None, "rates": "all", "seed": "x"},
    {"run": None, "text": "<img src=x onerror=alert(1)> fine", "rates": {"mask": "x", "evil": 1}, "seed": -1},
    {"text": "fine", "rates": {"mask": float("nan"), "ngram": 7, "pos": True}, "seed": 2**40},
    {"run": "../../etc", "text": "fine \ud800", "rates": [], "seed": 1.5},
    {"text": "fine", "layers": "even:99"},
    {"text": "fine", "layers": {"own": 1}},
    {"text": "fine", "layers": "own"},
]


@pytest.mark.parametrize("sent", HOSTILE)
def test_handlers_take_anything_and_send_plain_json(sent: dict[str, Any], home: Path) -> None:
    event = SimpleNamespace(**sent)
    for handler in (learn_page.read_text, learn_page.read_pair, learn_page.read_layers, learn_page.vary):
        answer = handler(event)
        assert "<img" not in json.dumps(answer.get("offspring", "")), "text of data became markup"
        json.dumps(answer, allow_nan=False).encode("utf-8", "surrogatepass")


def test_without_a_run_the_lessons_open_with_an_example(home: Path) -> None:
    found = learn_page.opened(SimpleNamespace(query_params={}))
    assert found["cast"]["run"] is None and found["cast"]["text"] == [example_run.EXAMPLES[0]]
    read = learn_page.read_text(SimpleNamespace(run=found["cast"]["run"], text=found["cast"]["text"][0], text2=""))
    assert read["reading"]["student"]["trained"] is False and read["fault"] == {"text": ""}
    example = found["example"]
    assert {"control", "student", "teacher"} <= set(example["scores"]) and example["one_known"] is True
    unknown = learn_page.opened(SimpleNamespace(query_params={"run": "nobody"}))
    assert list(unknown) == ["fault"] and "nobody" in unknown["fault"]["text"]


def test_rows_on_which_one_is_right_are_counted_or_worked_out() -> None:
    said = [("a", "a"), ("a", "b"), ("b", "a"), ("b", "b")]
    row = [{"label": "a", "control": {}, "student": {}, "answers": {"control": c, "student": s}} for c, s in said]
    assert example_run.detectable_gap(SimpleNamespace(texts=lambda: row), {}) == 0.5
    each = np.repeat([1, -1, 0], [30, 10, 160])
    reach = 1.96 * each.std() / 200**0.5
    interval = {"difference": each.mean(), "low": each.mean() - reach, "high": each.mean() + reach}
    summary = {"differences": {"student-control": interval}, "rows": {"test": 200}}
    assert example_run.detectable_gap(SimpleNamespace(texts=lambda: []), summary) == pytest.approx(0.2)
    assert example_run.detectable_gap(SimpleNamespace(texts=lambda: []), {}) is None


def test_the_words_of_a_pair_that_meet_are_drawn(chromium: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tab = chromium.new_page()
    tab.set_content(
        "<main><form class='sentence'><input><input><p class='fault'></p></form><p class='examples'></p>"
        "<div class='stage'></div></main>"
    )
    sources = "\n".join((LEARN / name).read_text(encoding="utf-8") for name in ("formulas.js", "board.js"))
    lesson = (LEARN / "lessons" / "4_reader.js").read_text(encoding="utf-8")
    script = f"""([value, words]) => {{
        window.stillroomNumber = String
        const element = document.querySelector('main'), trigger = () => 0
        const props = {{ words, pair: ['one', 'other'], value }}, stage = element.querySelector('.stage')
        stage.replaceChildren()
        {sources}
        {{ {lesson} }}
        take()
    }}"""

    def drawn(alignment: list[list[list[float]]] | None) -> list[str]:
        sides = [
            {"pieces": [{"text": text, "read_as": text} for text in words], "vector": [0.5, -0.5]}
            for words in (("red", "<b>fox"), ("a", "red", "dog"))
        ]
        reading = {"run": None, "labels": ["yes"], "student": {"sides": sides, "alignment": alignment}}
        monkeypatch.setattr(learn_page.core, "activations", lambda *_: reading)
        tab.evaluate(script, [learn_page.read_pair(SimpleNamespace(text="one", text2="other")), learn_page.words()])
        return [cell.inner_text() for cell in tab.locator(".there tr").last.locator("th, td").all()]

    assert drawn([[[0.1, 0.9, 0], [0.2, 0.3, 0.5]], [[0.5, 0.5], [0.75, 0.25], [0, 1]]]) == [
        "<b>fox", "20\xa0%", "30\xa0%", "50\xa0%",
    ]  # fmt: skip
    assert drawn(None) == []
    tab.close()


def slide(slider: Any, value: float) -> None:
    """Moves a slider as a hand does: input while it moves, change when it is let go."""
    slider.evaluate(
        """(node, value) => { node.value = value
        for (const kind of ['input', 'change']) node.dispatchEvent(new Event(kind, { bubbles: true })) }""",
        value,
    )


def test_each_lesson_moves(page: Any, app: str) -> None:
    tab = page
    tab.goto(f"{app}/learn")
    lesson = {name: tab.locator(f"#{name}") for name in learn_page.LESSONS}
    told = {name: part.locator(".told").first for name, part in lesson.items()}
    # asked while the models are still being loaded for the first sentence, and answered all the same
    tab.wait_for_function("() => document.querySelector('form.sentence input')?.value")
    tab.get_by_label("The sentence", exact=True).fill("Quite another one.")
    tab.get_by_role("button", name="Read it").click()
    lesson["reader"].locator(".piece", has_text="another").wait_for(timeout=150_000)

    tab.goto(f"{app}/learn#augment")
    tab.reload()
    lesson["reader"].locator(".piece", has_text="bland").wait_for()
    tab.wait_for_function("() => document.activeElement?.id === 'augment-title'")  # what the address names is found
    lesson["augment"].locator(".child").nth(1).wait_for()

    def knob(name: str, label: str) -> Any:
        return lesson[name].get_by_label(label, exact=True)

    def changes(name: str, act: Any, where: Any = None) -> str:
        where = where if where is not None else told[name]
        before = where.inner_text()
        act()
        assert where.inner_text() != before, name
        return where.inner_text()

    shown = lesson["task"].locator(".reading")
    assert "2,000" in changes("task", lambda: lesson["task"].get_by_role("button", name="Comparison").click(), shown)
    assert "T = 5.0" in changes("teacher", lambda: lesson["teacher"].get_by_role("button", name="T = 5").click())
    assert "T = 10.0" in changes("teacher", lambda: slide(knob("teacher", "Temperature T"), 10))
    changes("cost", lambda: slide(knob("cost", "Texts to answer, one by one"), 6), lesson["cost"].locator(".clock"))
    lesson["reader"].get_by_role("button", name="Previous piece").focus()
    changes("reader", lambda: tab.keyboard.press("Enter"))
    changes("reader", lambda: slide(knob("reader", "Piece"), 6))
    assert lesson["reader"].locator(".piece[aria-pressed=true]").inner_text() == "bland"
    lesson["reader"].locator(".lane.pair").nth(3).wait_for(state="attached")
    unit = lesson["reader"].locator(".told").last
    changes("reader", lambda: slide(knob("reader", "Unit"), 9), unit)
    changes("distil", lambda: slide(knob("distil", "alpha"), 1))
    slide(knob("distil", "Student's logit for positive"), -4)
    before = float(re.search(r"\d+\.\d+", told["distil"].inner_text())[0])
    after = changes("distil", lambda: lesson["distil"].get_by_role("button", name="Follow the arrows").click())
    assert float(re.search(r"\d+\.\d+", after)[0]) < before
    told_of = told["layers"]
    lesson["layers"].scroll_into_view_if_needed()
    tab.wait_for_function("() => document.querySelector('#layers .told').textContent.startsWith('2 of 3 layers')")
    lesson["layers"].get_by_label("all", exact=True).check()
    tab.wait_for_function("() => document.querySelector('#layers .told').textContent.includes('nothing to pull at')")
    lesson["layers"].get_by_label("the first", exact=True).check()
    tab.wait_for_function("() => document.querySelector('#layers .told').textContent.startsWith('1 of 3 layers (1)')")
    assert lesson["layers"].locator("table.seen").count() == 2 and "before any training" in told_of.inner_text()
    for rate in lesson["augment"].locator("input[type=range]").all():  # every rule on the shelf has one
        slide(rate, 0)
    tab.wait_for_function("() => document.querySelector('#augment .told').textContent.includes('nothing changes')")
    for rows, verdict in ((4.4, "may say"), (1.5, "chance")):
        slide(knob("compare", "Accuracy of: Student"), 0.75)
        slide(knob("compare", "Accuracy of: Control"), 0.70)
        slide(knob("compare", "Test rows"), rows)
        assert verdict in told["compare"].inner_text()
    lesson["limits"].get_by_label("There is little text").check()
    assert told["limits"].inner_text().startswith("1 of 8")
    lesson["limits"].get_by_role("button", name="It cost four pounds.").click()
    lesson["limits"].locator(".told", has_text="four pounds").wait_for()
    assert lesson["reader"].locator(".piece").first.inner_text() == "It"  # the sentence went through all lessons
    tab.get_by_label("The sentence", exact=True).fill("   ")
    tab.get_by_role("button", name="Read it").click()
    tab.locator(".fault", has_text="Type a text first").wait_for()
    tab.set_viewport_size({"width": 390, "height": 800})
    assert tab.evaluate("() => document.documentElement.scrollWidth") <= 390
