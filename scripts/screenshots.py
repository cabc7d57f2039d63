"""Pictures of every page: each step, History and Learn, light and dark, wide and on a phone, over a real finished run
of the built-in example. Needs Playwright and a Chromium.

    python -m scripts.screenshots FOLDER [--best] [--width 1280 390] [--language en]

`--best` makes only the few that the README shows, with few colours, so that all of them stay under a megabyte.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.served import ARGUMENTS, CHROMIUM, call, served

HEIGHTS = {1280: 900, 390: 844}
BEST = ("compare-1280-light", "distil-1280-dark", "learn-1280-light", "task-390-dark")
SIGHT = {"distil": "#steps", "learn": "#reader"}  # where the one screen of a best picture begins; else at the top
TEXT = "The screen is not dull at all."
ENDED = ("finished", "stopped", "failed", "interrupted", "diverged")
QUIET = (
    "*, *::before, *::after { caret-color: transparent !important; "
    "transition: none !important; animation: none !important }"
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--best", action="store_true", help="only those of the README")
    parser.add_argument("--width", type=int, nargs="+", choices=sorted(HEIGHTS), default=sorted(HEIGHTS, reverse=True))
    parser.add_argument("--language", default="en")
    parser.add_argument("--knobs", type=json.loads, default={"task": "reviews"}, help="of the run, as JSON")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="stillroom-pictures-", ignore_cleanup_errors=True) as place,
        served(Path(place), "--language", given.language) as app,
    ):
        run = finished(app.address, given.knobs)
        made = list(pictures(app.address, run, given.folder, given.width, given.best, given.language))
    print(f"{len(made)} pictures in {given.folder}, {sum(file.stat().st_size for file in made) / 1e6:.1f} MB")
    return 0


def finished(address: str, knobs: dict[str, Any]) -> str:
    """A run of these knobs, at its end."""
    run = call(address, "start_run", knobs)
    while (status := call(address, "run", run)["status"]) not in ENDED:
        time.sleep(1)
    if status != "finished":
        raise SystemExit(f"the run is {status}")
    return run


def pictures(address: str, run: str, folder: Path, widths: list[int], best: bool, language: str) -> Iterator[Path]:
    """Takes each picture and says where it is."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for width in widths:
            page = browser.new_page(viewport={"width": width, "height": HEIGHTS[width]}, locale=language)
            page.set_default_timeout(120_000)
            for name in places(page, address, run):
                for shade in ("light", "dark"):
                    if best and f"{name}-{width}-{shade}" not in BEST:
                        continue
                    page.evaluate("(dark) => document.body.classList.toggle('dark', dark)", shade == "dark")
                    page.add_style_tag(content=QUIET)
                    page.mouse.move(0, 0)
                    sight = SIGHT.get(name, "body") if best else "body"
                    page.evaluate("(sight) => document.querySelector(sight).scrollIntoView()", sight)
                    page.wait_for_timeout(600)  # the curves are drawn anew in the other shade
                    file = folder / f"{name}-{width}-{shade}.png"
                    page.screenshot(path=file, full_page=not best)
                    if best:
                        fewer_colours(file)
                    yield file
            page.close()
        browser.close()


def places(page: Any, address: str, run: str) -> Iterator[str]:
    """Goes from page to page, each filled as a visitor leaves it."""
    page.goto(address)
    page.locator("#about-data table").first.wait_for()
    yield "task"
    page.locator("#to-teacher").click()
    page.locator("#ask-text textarea").fill(TEXT)
    page.locator("#ask").click()
    page.locator("#answer .bar").nth(1).wait_for()
    yield "teacher"
    page.locator("#to-augment").click()
    page.locator("#preview").click()
    page.locator("#offspring .child").nth(1).wait_for()
    yield "augment"
    page.locator("#to-distil").click()
    page.locator("#start").wait_for()
    yield "start"
    page.goto(f"{address}/?run={run}")
    page.locator("#comparison tr.teacher").first.wait_for()
    page.locator("#try-text textarea").fill(TEXT)
    page.locator("#ask-both").click()
    page.locator("#both .bars.teacher").wait_for()
    page.evaluate("scrollTo(0, 0)")
    yield "compare"
    page.locator("#steps [role=tab]").nth(3).click()
    page.locator("#live [data-plot=loss] .trace").first.wait_for(state="attached")
    yield "distil"
    page.goto(f"{address}/history")
    page.locator("#runs table").first.wait_for()
    yield "history"
    page.goto(f"{address}/learn?run={run}")
    page.locator("#reader .piece").first.wait_for()
    for lesson in ("reader", "augment"):  # a lesson asks the models when it comes into sight
        page.locator(f"#{lesson} .stage > :last-child").scroll_into_view_if_needed()
    page.locator("#augment .child").nth(1).wait_for()
    page.evaluate("scrollTo(0, 0)")
    yield "learn"


def fewer_colours(file: Path) -> None:
    """The picture again with a palette of its own: a page has few colours, and a README is fetched often."""
    from PIL import Image

    with Image.open(file) as picture:
        small = picture.convert("RGB").quantize(128, dither=Image.Dither.NONE)
    small.save(file, optimize=True)


if __name__ == "__main__":
    sys.exit(main())
