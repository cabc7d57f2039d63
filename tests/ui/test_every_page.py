"""Every step, History and Learn, with a finished run full of hostile texts, in light and dark, wide and on a phone:
nothing for axe to find, nothing executed, nothing asked of another machine, nothing to scroll sideways for. Once more
in German, where no English sentence is left.
"""

import csv
import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from toy import TOY

from distill_core import ENDED
from scripts.served import call
from ui.i18n.engine_messages.de import SENTENCES
from ui.i18n.translate import table, translate, use_language

pytestmark = pytest.mark.timeout(280)

PART = "<img src=x onerror=window.pwned=1>"
HOSTILE = f"{PART}<script>window.pwned=1</script>"
# quotes and ends of tags, a turn of the direction of reading, and a word that no line is long enough for
UGLY = f"""{PART} a warm "film' --></td></script> \u202e\u05d0\u05d1\u05d2 {10_000 * "w"} with friendly staff"""
STEPS = ("Task", "Teacher", "Augment", "Distil", "Compare")
SIZES = ((1280, 900), (390, 844))
# What axe is told: the whole page by every rule of its own that is about WCAG or good practice. In the other shade
# nothing but colours is another, so that there its rules about colours will do.
AXE = """async (colours) => (await axe.run(document, {
    resultTypes: ['violations'],
    ...(colours && { runOnly: { type: 'rule', values: ['color-contrast', 'link-in-text-block'] } }),
  })).violations.map((found) =>
  `${found.id}: ${found.nodes.map((node) => `${node.target} ${node.failureSummary}`).slice(0, 3).join(' | ')}`)"""

# The shade, and its colours arrived: an element that passes a colour on to its children starts their change anew.
SHADE = """async (dark) => {
  document.body.classList.toggle('dark', dark)
  const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))
  const moving = () => document.getAnimations().filter((one) => one.effect?.getComputedTiming().iterations !== Infinity)
  await frame(); await frame()
  for (let tries = 0; moving().length && tries < 50; tries++) await frame()
}"""


# Whether nothing lies beside the window: a picture takes its new width a moment after the window has it.
FITS = """async () => {
  const fits = () => document.documentElement.scrollWidth <= innerWidth
  for (const until = Date.now() + 10_000; !fits() && Date.now() < until;) await new Promise(requestAnimationFrame)
  return fits()
}"""


@pytest.fixture(scope="module")
def knobs(tmp_path_factory: pytest.TempPathFactory, tiny_teacher: Path) -> dict[str, Any]:
    """A run of seconds whose texts, label and columns would run if they were taken as HTML."""
    place = tmp_path_factory.mktemp("hostile")
    teacher = Path(shutil.copytree(tiny_teacher, place / "teacher"))
    config = json.loads((teacher / "config.json").read_text())
    labels = {"bad": "bad", "good": PART}
    config |= {"id2label": {"0": "bad", "1": PART}, "label2id": {"bad": 0, PART: 1}}
    (teacher / "config.json").write_text(json.dumps(config))
    with (place / "own.csv").open("w", encoding="utf-8", newline="") as file:
        rows = [(f"{PART} {text} {n}", labels[label]) for label, texts in TOY.items() for n in "ab" for text in texts]
        ugly = [(f"{one} {UGLY}", PART) for one in ("first", "second", "third")]  # one may be kept for the test
        csv.writer(file).writerows([(PART, "opinion"), *ugly, *rows])
    return {"task": "file", "train": str(place / "own.csv"), "text": PART, "label": "opinion", "teacher": str(teacher),
            "n_iter": 1, "neighbours": 0, "width": 8, "hidden": 8,
"fc": 8, "epochs": 1, "evaluations": 2, "max_tokens": 16}  # fmt: skip


@pytest.fixture(scope="module")
def run(app: str, knobs: dict[str, Any]) -> str:
    """A finished run of them, with a hostile name and note."""
    run = call(app, "start_run", knobs)
    for _ in range(900):
        if (status := call(app, "run", run)["status"]) in ENDED:
            break
        time.sleep(0.2)
    assert status == "finished"
    call(app, "rename_run", run, HOSTILE)
    call(app, "annotate_run", run, UGLY)
    return run


@pytest.fixture(scope="module")
def axe() -> str:
    package = pytest.importorskip("axe_playwright_python", reason="axe-playwright-python isn't installed")
    return (Path(package.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


def shown(
    page: Any, place: str, fits: Callable[[str, bool], None], sizes: tuple[tuple[int, int], ...] = SIZES,
    shades: tuple[bool, ...] = (False, True),
) -> None:  # fmt: skip
    """Asks `fits` in each size and shade, and whether it is the size's first shade, having looked at the texts."""
    for width, height in sizes:
        page.set_viewport_size({"width": width, "height": height})
        for dark in shades:
            page.evaluate(SHADE, dark)
            fits(f"{place}, {width} px, {'dark' if dark else 'light'}", dark == shades[0])
    page.set_viewport_size({"width": 1280, "height": 900})
    assert page.evaluate("window.pwned") is None, place


def places(page: Any, app: str, run: str, knobs: dict[str, Any], language: str = "en") -> Iterator[tuple[str, str]]:
    """Goes from place to place; where it is, and a selector of what shows the hostile text there."""

    def words(key: str) -> str:
        with use_language(language):
            return translate(key)

    page.goto(f"{app}/?run={run}")
    page.locator("#comparison table").first.wait_for()
    page.locator("#try-text textarea").fill(UGLY)
    page.locator("#ask-both").click()
    page.locator("#both .bars.teacher").wait_for()
    yield "Compare", "#both"
    page.locator("#step-distil-button").click()
    page.locator("#live [data-plot=loss] .trace").first.wait_for(state="attached")
    yield "Distil", "#step-distil"
    page.goto(f"{app}/")
    page.locator("#step-task-button").click()
    page.locator("#tasks label", has_text=words("task.file.name")).click()
    page.locator("#train-file input[type=file]").set_input_files(knobs["train"])
    page.locator("#about-data", has_text="<img").locator("table").first.wait_for()
    yield "Task", "#about-data"
    page.locator("#step-teacher-button").click()
    page.locator("#teachers label", has_text=words("teacher.other.help")).click()
    page.locator("#teacher-name input").fill(knobs["teacher"])
    page.locator("#teacher-name input").press("Enter")
    page.wait_for_function("() => !document.querySelector('#fine-tune input').checked")
    page.locator("#ask-text textarea").fill(UGLY)
    page.locator("#ask").click()
    page.locator("#answer .bar").nth(1).wait_for()
    yield "Teacher", "#answer"
    page.locator("#step-augment-button").click()
    page.locator("#augment-text textarea").fill(UGLY)
    page.locator("#preview").click()
    page.locator("#offspring .child").nth(1).wait_for()
    yield "Augment", "#offspring"
    page.goto(f"{app}/history")
    page.locator("#runs tbody tr", has_text="<img").first.wait_for()
    yield "History", "#runs"
    page.goto(f"{app}/learn?run={run}")
    page.locator("#reader .piece").first.wait_for()
    page.get_by_label(words("learn.sentence"), exact=True).fill(UGLY[:500])
    page.get_by_role("button", name=words("learn.read"), exact=True).click()
    page.locator("#augment").scroll_into_view_if_needed()  # a lesson asks the models when it comes into sight
    page.locator("#augment .child", has_text="img").first.wait_for(timeout=150_000)
    yield "Learn", "#augment"


def test_every_page_is_whole(page: Any, app: str, run: str, knobs: dict[str, Any], axe: str) -> None:
    page.emulate_media(reduced_motion="reduce")
    found: dict[str, list[str]] = {}
    for place, seen in places(page, app, run, knobs):
        assert "img" in page.locator(seen).inner_text(), f"{place}: the hostile text is not shown as it stands"
        page.evaluate(axe)

        def fits(where: str, first: bool) -> None:
            assert page.evaluate(FITS), f"{where}: scrolls sideways"
            if faults := page.evaluate(AXE, not first):
                found[where] = faults

        shown(page, place, fits)
    assert not found, json.dumps(found, indent=1)


# what can be read on the page, and what is only heard
READ = """() => [document.body.innerText, ...[...document.querySelectorAll('[aria-label], [title], [placeholder]')]
  .flatMap((one) => ['aria-label', 'title', 'placeholder'].map((name) => one.getAttribute(name) || ''))].join('\\n')"""
GRADIO = ("Drop File Here", "Click to Upload", "- or -", "Loading...", "Select option", "Show more", "No options")


def english() -> Iterator[tuple[str, str]]:
    """Every stretch of three words and more that the English page or the engine would say between two values, and
    what it is from."""
    said = {key: text for key, text in table("en").items() if table("de").get(key) != text}
    for key, text in [*said.items(), *((text, text) for text in SENTENCES)]:
        for part in re.split(r"\{[^}]*\}|\n", text):
            if len(part.split()) >= 3:
                yield key, part.strip()


@pytest.mark.timeout(600)
def test_every_page_is_german_where_german_is_asked_for(
    page: Any, app: str, run: str, knobs: dict[str, Any], axe: str
) -> None:
    page.emulate_media(reduced_motion="reduce")
    found: dict[str, Any] = {}
    said = list(english())
    assert len(said) > 400
    for number, (place, _) in enumerate(places(page, f"{app}/de", run, knobs, "de")):
        assert page.evaluate("document.documentElement.lang") == "de"
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
        read = " ".join(page.evaluate(READ).split())
        left = [(key, part) for key, part in said if part in read] + [("Gradio", one) for one in GRADIO if one in read]
        if left or (left := re.findall(r"\d%|\d\.\d+\s?(?:%|ms|MB|points)", read)):
            found[f"{place}, English"] = left
        page.evaluate(axe)

        def fits(where: str, first: bool) -> None:
            if not page.evaluate(FITS):
                found[where] = "scrolls sideways"
            if faults := page.evaluate(AXE, not first):
                found[where] = faults

        # phone and screen, light and dark in turn: every page in each was looked at in English
        shown(page, place, fits, SIZES[number % 2 :][:1], (number % 4 > 1,))
    page.locator("a.tongue").click()  # the same place in the other language
    page.wait_for_url(f"{app}/learn?run={run}")
    assert not found, json.dumps(found, indent=1, ensure_ascii=False)


def tab_to(page: Any, selector: str, most: int = 90) -> None:
    """Presses Tab until `selector` has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("(one) => document.activeElement?.matches(one)", selector):
            return
    raise AssertionError(f"Tab never reaches {selector}")


def arrived(page: Any, step: str) -> None:
    """Waits until a step that was opened has the focus on its heading."""
    page.wait_for_function("(step) => document.activeElement?.matches(`#step-${step} h2`)", arg=step)


@pytest.mark.timeout(600)
def test_the_first_path_by_keyboard_alone(page: Any, app: str) -> None:
    """From the address to both answers with Tab, Enter, arrows and letters; new texts and epochs alone are turned
    down."""
    page.goto(app)
    page.locator("#about-data table").first.wait_for()
    page.locator("#recipe .cost:not(.wait)").wait_for()  # the bar's script is there, too
    tab_to(page, "#tasks input")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    assert "Reviews" in page.locator("#tasks label.selected").inner_text()
    for button, step in (("to-teacher", "teacher"), ("to-augment", "augment"), ("skip-augment", "distil")):
        tab_to(page, f"#{button}")
        page.keyboard.press("Enter")
        arrived(page, step)
    tab_to(page, "#settings > button")
    page.keyboard.press("Enter")
    tab_to(page, "#knob-epochs :is(input, textarea)")
    page.keyboard.press("Control+a")
    page.keyboard.type("1")
    tab_to(page, "#start")
    page.keyboard.press("Enter")
    page.locator("#live .live[data-status=finished]").wait_for(timeout=200_000)
    page.locator("#open-compare").wait_for()
    tab_to(page, "#open-compare")
    page.keyboard.press("Tab")  # the run shown stands above what the next one is made of, for Tab as for the eye
    assert page.evaluate("document.activeElement.closest('#live') !== null")
    tab_to(page, "#open-compare", most=200)
    page.keyboard.press("Enter")
    arrived(page, "compare")
    tab_to(page, "#try-text textarea")
    page.keyboard.type("The screen is not dull at all.")
    tab_to(page, "#ask-both")
    page.keyboard.press("Enter")
    page.locator("#both .bars.teacher").wait_for()
