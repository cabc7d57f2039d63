"""The drawing of the words that meet: one table for each way, of which the choice shows one; long names are cut."""

import os
import re
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before Gradio is imported

from ui.components import alignment as drawing
from ui.components.alignment import alignment

STYLE = (Path(drawing.__file__).parents[1] / "style.css").read_text(encoding="utf-8")
LONG = "a-name-that-no-column-has-room-for"
READ: Any = {
    "pieces": [["red", LONG], ["a", "red", "dog"]],
    "weights": [[[0.1, 0.9, 0.0], [0.2, 0.3, 0.5]], [[0.5, 0.5], [0.75, 0.25], [0.0, 1.0]]],
}


def test_the_choice_shows_one_of_both_ways(chromium: Any) -> None:
    tab = chromium.new_page()
    tab.set_content(f"<style>{STYLE}</style>{alignment(READ)}")

    def shown() -> list[list[str]]:
        rows = tab.locator(".meeting table:visible tr").all()
        return [[cell.inner_text().replace("\xa0", " ") for cell in row.locator("th, td").all()] for row in rows]

    assert shown() == [["", "a", "red", "dog"], ["red", "10 %", "90 %", "0 %"], [LONG, "20 %", "30 %", "50 %"]]
    tab.get_by_role("radio", name="Second sentence at the first").check()
    assert shown() == [["", "red", LONG], ["a", "50 %", "50 %"], ["red", "75 %", "25 %"], ["dog", "0 %", "100 %"]]
    tab.close()


def test_a_student_that_reads_its_sentences_one_by_one_has_none_and_a_long_text_is_cut() -> None:
    assert alignment(None) == ""
    long: Any = {"pieces": [["w"] * 100, ["v"] * 70], "weights": [[[0.0] * 70] * 100, [[0.0] * 100] * 70]}
    html = alignment(long)
    assert html.count("<tr>") == 2 * (1 + 60) and len(re.findall("<td style", html)) == 2 * 60 * 60


def test_a_matrix_scrolls_in_its_own_box_under_its_names_and_shows_that_there_is_more(chromium: Any) -> None:
    tab = chromium.new_page(viewport={"width": 390, "height": 800})
    words = [f"word{number}" for number in range(20)]
    wide: Any = {"pieces": [[LONG, "b"], words], "weights": [[[0.05] * 20] * 2, [[0.5] * 2] * 20]}
    tab.set_content(f"<style>{STYLE}</style>{alignment(wide)}")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    box, name = tab.locator(".there .scroll"), tab.locator(".there tbody th").first
    left = name.bounding_box()["x"]
    covers = """(box) => { const cell = box.querySelector('tbody tr').lastElementChild.getBoundingClientRect()
        const fade = parseFloat(getComputedStyle(box, '::after').width)
        return cell.right - (box.getBoundingClientRect().right - fade) }"""
    assert box.evaluate(covers) > 28, "columns lie under the fade"
    box.evaluate("(box) => box.scrollTo(9999, 0)")
    assert name.bounding_box()["x"] == left and box.evaluate("(box) => box.scrollLeft") > 0
    assert box.evaluate(covers) <= 0, "at the end none does"
    cut = name.locator(".cut")
    low = cut.bounding_box()["height"]
    assert cut.get_attribute("title") == LONG and cut.evaluate("(cut) => cut.scrollWidth > cut.clientWidth")
    cut.focus()
    assert cut.bounding_box()["height"] > low and cut.evaluate("(cut) => cut.scrollWidth <= cut.clientWidth")
    assert tab.locator(".there .cut[tabindex]").count() == 1, "only what is cut takes the focus"
    tab.close()
