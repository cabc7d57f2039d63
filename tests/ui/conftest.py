"""A real Chromium in front of the app."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.served import ARGUMENTS, CHROMIUM

# Gradio's own: as a page is left, Client.close() of its script aborts its own stream of queued events, and the stream's
# onerror tells that as an error, once for itself and once for each event that is still awaited.
LEFT = ("AbortError: signal is aborted", "Unexpected error Connection errored out")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A headless Chromium; without one, a skip that says so."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright isn't installed")
    if not Path(CHROMIUM).is_file():
        pytest.skip(f"no Chromium at {CHROMIUM}; set STILLROOM_CHROMIUM")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def passed_over() -> tuple[str, ...]:
    """How errors in the console begin that fail no test of this module."""
    return LEFT


@pytest.fixture
def page(chromium: Any, app: str, passed_over: tuple[str, ...]) -> Iterator[Any]:
    """A fresh tab. Whatever it says in its console as an error, and whatever it asks of another machine, fails the
    test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    tab = context.new_page()
    tab.set_default_timeout(60_000)
    faults: list[str] = []
    tab.on(
        "console",
        lambda said: (
            faults.append(said.text) if said.type == "error" and not said.text.startswith(passed_over) else None
        ),
    )
    tab.on("pageerror", lambda error: faults.append(str(error)))
    tab.on("request", lambda asked: None if asked.url.startswith((app, "data:", "blob:")) else faults.append(asked.url))
    yield tab
    context.close()
    assert not faults, sorted(set(faults))


@pytest.fixture(scope="module")
def form() -> Any:
    """The page's form with all of its controls, laid out but not wired."""
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before Gradio is imported
    import gradio as gr

    from ui.form import Form
    from ui.steps import augment, distil, task, teacher

    made = Form()
    with gr.Blocks():
        for step in (task, teacher, augment, distil):
            step.build(made)
    return made
