"""History in a real browser: two runs over one another, a name, a delete and its undo, out as a file and in again."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from distill_core.config.schema import Config
from distill_core.events import Compared, Ended, Fact, Point
from distill_core.runs.store import Store
from scripts.served import call

pytestmark = pytest.mark.timeout(280)
ROOT = Path(__file__).parents[3]
VALID = "student/valid_accuracy"
NAMES = ("Alpha", "<img src=x onerror=document.title='pwned'>", "Gamma")


@pytest.fixture
def runs(app: str, app_home: Path) -> Iterator[list[str]]:
    """The ids of three finished runs in the app's home, with the curves and the scores of the examples."""
    before = {run["run"] for run in call(app, "runs", 200, "")}
    examples = sqlite3.connect(f"file:{ROOT / 'runs.db.example'}?mode=ro", uri=True)
    store, made = Store(app_home), []
    for (old, summary), name in zip(examples.execute("SELECT id, summary FROM runs"), NAMES, strict=False):
        run = store.create(Config.of(epochs=2 + len(made)).model_dump(), name=name)
        points = examples.execute("SELECT series, step, value FROM points WHERE run = ?", (old,))
        store.transition(run, ["queued"], "running")
        drawn = [Point(*point) for point in points]
        store.append(run, drawn)
        own = [Point("student/valid_macro_f1", at.step, at.value) for at in drawn if at.series == VALID]
        store.append(run, [Fact("metric", "macro_f1"), *own])
        store.append(run, [Compared(json.loads(summary) | {"metric": "macro_f1"}), Ended("finished")])
        made.append(run)
    store.close()
    examples.close()
    yield made
    for run in call(app, "runs", 200, ""):
        if run["run"] not in before:
            call(app, "delete_run", run["run"])


def test_runs_are_overlaid_renamed_deleted_brought_back_exported_and_imported(
    page: Any, app: str, runs: list[str], tmp_path: Path
) -> None:
    alpha, hostile, gamma = runs

    def row(run: str) -> Any:
        return page.locator(f".history tr:not(.detail)[data-run='{run}']")

    def more(run: str) -> Any:
        row(run).get_by_role("button", name="More").click()
        return page.locator(f".history tr.detail[data-run='{run}']")

    # two ticked: curves, what differs, and the address that shows the same to whoever opens it
    page.goto(f"{app}/history?q=finished-nothing")
    page.locator(".history .empty", has_text="No run matches").wait_for()
    page.locator(".history [name=q]").fill("")
    row(alpha).get_by_role("checkbox").check()
    assert page.get_by_role("button", name="Overlay the curves").is_disabled()
    row(hostile).get_by_role("checkbox").check()
    page.get_by_role("button", name="Overlay the curves").click()
    page.locator(".overlay .trace").nth(1).wait_for()
    assert "Epochs" in page.locator(".overlay table").last.inner_text()
    page.reload()
    page.locator(".overlay .trace").nth(1).wait_for()
    assert row(alpha).get_by_role("checkbox").is_checked() and not row(gamma).get_by_role("checkbox").is_checked()
    shown = "() => document.querySelector('.overlay .plot').getAttribute('aria-label')"
    assert page.evaluate(shown).startswith("Macro-F1: A Alpha")
    assert page.get_by_role("button", name="Macro-F1").get_attribute("aria-pressed") == "true"
    page.get_by_role("button", name="Loss", exact=True).click()
    page.wait_for_function("() => document.querySelector('.overlay .plot').getAttribute('aria-label').includes('loss')")
    page.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Untick all").click()

    # order and page stand in the address, and Back goes back
    page.get_by_role("button", name="Student", exact=True).click()
    page.locator("th[aria-sort=descending]", has_text="Student").wait_for()
    page.wait_for_url("**sort=-accuracy**")
    page.go_back()
    page.locator("th[aria-sort=descending]", has_text="Started").wait_for()

    # a name and a note, by keyboard
    detail = more(gamma)
    assert detail.get_by_label("Name").evaluate("(field) => field === document.activeElement")
    detail.get_by_label("Name").fill("Delta")
    detail.get_by_label("Note").fill("a note of mine")
    detail.get_by_role("button", name="Save").click()
    row(gamma).get_by_text("a note of mine").wait_for()
    assert "Delta" in row(gamma).inner_text()
    detail.get_by_label("Name").press("Escape")
    assert page.locator(".history tr.detail").count() == 0

    # deleted, and undone from where the focus went
    more(gamma).get_by_role("button", name="Delete").click()
    row(gamma).wait_for(state="detached")
    undo = page.locator(".history .message button")
    assert undo.evaluate("(button) => button === document.activeElement")
    undo.press("Enter")
    row(gamma).wait_for()

    # out as a file and in again, marked
    detail = more(gamma)
    with page.expect_download() as caught:
        detail.get_by_role("button", name="Export run").click()
    file = tmp_path / caught.value.suggested_filename
    caught.value.save_as(file)
    assert file.name.startswith("Delta-") and file.suffix == ".zip"
    sent: list[str] = []
    page.on("request", lambda asked: sent.append(asked.url))
    limit = page.locator("meta[name=largest-upload]")
    most = limit.get_attribute("content")
    limit.evaluate("(meta) => { meta.content = '100' }")
    page.locator("#import-file input[type=file]").set_input_files(str(file))
    page.locator(".too-large", has_text=f"{file.name} has 1 MB; this page takes files of up to 0 MB").wait_for()
    assert int(most) == 200_000_000 and not [url for url in sent if "upload" in url]  # told before it travels
    limit.evaluate(f"(meta) => {{ meta.content = '{most}' }}")
    page.locator("#import-file input[type=file]").set_input_files(str(file))
    page.locator(".too-large").wait_for(state="detached")
    page.locator("#import-message", has_text="was imported").wait_for()
    imported = page.locator(".history tr:not(.detail)", has_text="imported").filter(has_text="Delta")
    imported.wait_for()
    assert imported.get_attribute("data-run") != gamma
    assert "pwned" not in page.title()

    # started again with changes: the form holds what the run was asked
    detail.get_by_role("link", name="Start again with changes").click()
    page.locator("#again", has_text="Delta").wait_for()
    page.get_by_role("tab", name="Distil").last.click()
    page.get_by_text("Student and training settings").click()
    assert page.locator("#knob-epochs textarea, #knob-epochs input").input_value() == "4"
