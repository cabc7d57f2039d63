"""A real Chromium in front of the app."""

import csv
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from toy import TOY

from scripts.served import ARGUMENTS, CHROMIUM, call

# Where a tab is and what its form holds: pytest shows it beneath a test that failed.
STATE = """() => {
  const value = (field) => field.type === 'checkbox' ? field.checked : field.value
  const knobs = [...document.querySelectorAll('[id^=knob-]')]
  return JSON.stringify([location.href, document.querySelector('#changed-knobs')?.innerText,
    ...knobs.map((one) => [one.id, ...[...one.querySelectorAll('input, textarea')].map(value)])]) }"""

# Gradio's own: as a page is left, Client.close() of its script aborts its own stream of queued events, and the stream's
# onerror tells that as an error, once for itself (in other words where an answer was just coming in) and once for each
# event that is still awaited.
LEFT = (
    "AbortError: signal is aborted", "AbortError: BodyStreamBuffer was aborted",
    "Unexpected error Connection errored out",
)  # fmt: skip


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
    waiting: set[str] = set()
    tab.on("request", lambda asked: waiting.add(asked.url))
    for end in ("requestfinished", "requestfailed"):
        tab.on(end, lambda asked: waiting.discard(asked.url))
    yield tab
    with suppress(Exception):  # a tab that was closed, or is on its way elsewhere
        print("unanswered:", sorted(waiting), "\nthe page:", tab.evaluate(STATE))
    context.close()
    assert not faults, sorted(set(faults))


@pytest.fixture(scope="session")
def learning(tiny_teacher: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Starts, in the app at an address, a run that learns for far longer than a test takes. Returns its id."""
    file = tmp_path_factory.mktemp("learning") / "own.csv"
    rows = [(f"{text} {n}", label) for label, texts in TOY.items() for n in "abc" for text in texts]
    with file.open("w", encoding="utf-8", newline="") as written:
        csv.writer(written).writerows([("text", "label"), *rows])
    knobs = {"task": "file", "train": str(file), "text": "text", "label": "label", "teacher": str(tiny_teacher),
             "n_iter": 8, "neighbours": 0, "width": 8, "hidden": 8, "fc": 8, "batch": 8, "epochs": 1000,
             "evaluations": 500, "max_tokens": 16, "control": False, "teach_anyway": True, "patience": 0}  # fmt: skip

    return lambda address: call(address, "start_run", knobs)


@pytest.fixture(scope="module")
def steps() -> SimpleNamespace:
    """The five steps by name and the page's form with all of its controls, laid out but not wired."""
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before Gradio is imported
    import gradio as gr

    from ui.components.form import Form
    from ui.steps import augmentation, comparison, distillation, task, teacher

    form = Form()
    with gr.Blocks():
        return SimpleNamespace(
            form=form,
            task=task.build(form),
            teacher=teacher.build(form),
            augmentation=augmentation.build(form),
            distillation=distillation.build(form),
            comparison=comparison.build(),
            again=gr.HTML(),
        )


@pytest.fixture(scope="module")
def form(steps: SimpleNamespace) -> Any:
    """The page's form."""
    return steps.form
