"""Saved teachers in a real browser: offered by their titles, while the data have their labels."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import goto

pytestmark = pytest.mark.timeout(280)
TITLES = {"Verdicts": ["negative", "positive"], "Opinions": ["good", "bad"]}


@pytest.fixture
def saved(app: str, app_home: Path) -> Iterator[None]:
    """One teacher for each of the titles, in the app's home."""
    folders = [app_home / "teachers" / f"{number}123abcd" for number in range(len(TITLES))]
    for folder, (title, labels) in zip(folders, TITLES.items(), strict=True):
        folder.mkdir(parents=True)
        facts = {"base": "a/tiny", "task": "file", "labels": labels, "pair": False, "accuracy": 0.9, "rows": 20,
                 "date": "2026-11-29T12:00:00+00:00", "given": title}  # fmt: skip
        (folder / "teacher.json").write_text(json.dumps(facts))
        (folder / "key.json").write_text("{}")
    yield
    for folder in folders:
        shutil.rmtree(folder)


@pytest.mark.usefixtures("saved")
def test_a_saved_teacher_is_offered_while_the_data_have_its_labels(page: Any, app: str, toy_csv: Path) -> None:
    page.goto(app)
    page.locator("#about-data table").wait_for()
    goto(page, "Teacher")
    cards = page.locator("#teachers label")
    cards.filter(has_text="Verdicts").click()
    assert not cards.filter(has_text="Opinions").count()
    page.locator("#recipe", has_text="Verdicts").wait_for()
    goto(page, "Task")
    page.locator("#tasks label", has_text="Your own file").click()
    page.locator("#train-file input[type=file]").set_input_files(str(toy_csv))
    goto(page, "Teacher")
    cards.filter(has_text="Opinions").wait_for()
    page.wait_for_function("() => !document.querySelector('#teachers').innerText.includes('Verdicts')")
    assert "selected" in (cards.first.get_attribute("class") or "")
    cards.filter(has_text="Opinions").click()
    page.locator("#recipe", has_text="Opinions").wait_for()


@pytest.mark.usefixtures("saved")
def test_a_saved_teacher_gets_another_title(page: Any, app: str, app_home: Path) -> None:
    page.goto(app)
    page.locator("#about-data table").wait_for()
    goto(page, "Teacher")
    title = page.locator("#teacher-title textarea, #teacher-title input")
    assert not title.is_visible()
    page.locator("#teachers label", has_text="Verdicts").click()
    title.wait_for()
    assert title.input_value() == "Verdicts"
    title.fill("Support, second <b>try</b>")
    page.get_by_role("button", name="Rename").click()
    page.locator("#teachers label.selected", has_text="Support, second <b>try</b>").wait_for()
    assert (app_home / "teachers" / "0123abcd" / "title.txt").read_text() == "Support, second <b>try</b>"
    page.locator("#teachers label").first.click()
    title.wait_for(state="hidden")
