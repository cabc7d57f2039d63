"""What the tests in a real browser do on the page."""

from typing import Any

EVENT = "**/gradio_api/run/predict*"  # what the page asks without queueing for it
FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def goto(page: Any, step: str) -> None:
    """Opens one of the five steps."""
    page.get_by_role("tab", name=step).last.click()
    page.locator(f"#step-{step.lower()}").wait_for()
