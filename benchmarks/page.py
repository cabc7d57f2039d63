"""What the page costs and how fast it answers: the figures behind its promises, measured on the app itself.

    python -m benchmarks.page [--clients 30] [--seconds 20] [--no-browser] [--check] [--out FILE]

So many HTTP clients poll one run's `points` as the page does, one update a second, while the run computes; meanwhile
another visitor skips the augmentation twice a second. A real Chromium then opens the page, starts the built-in example
and waits for its comparison, and draws a curve of 20,000 points. Everything stays on loopback, in a home of its own
that is gone afterwards. Appends a section to RESULTS.md; `--check` exits 1 where a limit is missed.
"""

import argparse
import asyncio
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from scripts.served import ARGUMENTS, CHROMIUM, App, call, served

ROOT = Path(__file__).parent.parent
PATIENCE = 180  # seconds until something that should happen is given up
POINTS, PATCH = 20_000, 100  # of the long curve in all, and in one update
# figure -> (limit, unit, what it is). A redraw comes with an update, and people notice a page that is busy for longer
# than a tenth of a second.
LIMITS = {
    "cpu": (20.0, "% of a core", "server, all clients polling"),
    "click_p95": (150.0, "ms", "another visitor's click, 95th percentile"),
    "first_point": (3.0, "s", "from Start to the first curve point"),
    "whole": (60.0, "s", "from Start to the comparison of the built-in example"),
    "redraw_p95": (100.0, "ms", f"one redraw at {POINTS:,} points a curve, 95th percentile"),
}
FIGURES = {
    "idle": ("% of a core", "server, nobody there, nothing running"),
    "alone": ("% of a core", "server, the run computing, nobody polling"),
    "updates": ("a second", "answered updates of all clients"),
    "update_p50": ("ms", "one update, median"),
    "update_p95": ("ms", "one update, 95th percentile"),
    "bytes": ("bytes", "one update, mean"),
    "click_p50": ("ms", "another visitor's click, median"),
    "open": ("s", "from the address to the filled first step"),
    "redraw_p50": ("ms", f"one redraw at {POINTS:,} points a curve, median"),
    "memory": ("MB", "server, resident, at the end"),
}


def spent(app: App) -> float:
    """CPU seconds of the server so far, without its workers, which are processes of their own."""
    parts = Path(f"/proc/{app.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


def memory(app: App) -> float:
    """Resident megabytes of the server."""
    return int(Path(f"/proc/{app.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clients", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--no-browser", action="store_true")
    parser.add_argument("--check", action="store_true", help="exit 1 where a limit is missed")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "RESULTS.md")
    given = parser.parse_args()
    if not Path("/proc/self/stat").exists():
        parser.error("this reads /proc, so it runs on Linux only")
    clients, seconds = max(1, min(200, given.clients)), max(2.0, min(120.0, given.seconds))
    load, figures = os.getloadavg()[0], {}
    with (
        tempfile.TemporaryDirectory(prefix="stillroom-page-", ignore_cleanup_errors=True) as place,
        served(Path(place)) as app,
    ):
        if not given.no_browser:
            figures |= in_browser(app)
        figures |= polled(app, clients, seconds)
        figures["memory"] = memory(app)
    text = section(figures, clients, seconds, f"{load:.1f} before, {os.getloadavg()[0]:.1f} after")
    with given.out.open("a", encoding="utf-8") as out:
        out.write(text)
    print(text)
    return int(given.check and bool(missed(figures)))


# ---- many clients


def polled(app: App, clients: int, seconds: float) -> dict[str, float]:
    """CPU of the server and latencies while `clients` poll a run that computes."""
    config = httpx.get(f"{app.address}/config").json()
    live = next(part["id"] for part in config["components"] if part["props"].get("elem_id") == "live")
    button = next(part["id"] for part in config["components"] if part["props"].get("elem_id") == "differ-more")
    click = next(one["id"] for one in config["dependencies"] if [button, "click"] in [list(t) for t in one["targets"]])
    call(app.address, "preview_augmentation", {}, "", 1)  # what the server would load by and by is loaded
    time.sleep(5)
    figures = {"idle": cpu(app, 5)}
    # far longer than the measuring, so that it computes all the while
    run = call(
        app.address, "start_run", {"task": "reviews", "epochs": 500, "evaluations": 1000, "seed": 1, "control": False}
    )
    until = time.monotonic() + PATIENCE
    while not call(app.address, "points", run, 0)["points"]:
        if time.monotonic() > until:
            raise SystemExit(f"no curve point within {PATIENCE} s")
        time.sleep(0.5)
    figures["alone"] = cpu(app, 5)
    updates, clicks, sizes = asyncio.run(crowd(app, run, live, click, clients, seconds, figures))
    status = call(app.address, "run", run)["status"]
    call(app.address, "stop_run", run)
    if status != "running":
        raise SystemExit(f"the run was {status} before the measuring ended")
    return figures | {
        "updates": len(updates) / seconds,
        "update_p50": share(updates, 0.5),
        "update_p95": share(updates, 0.95),
        "bytes": sum(sizes) / max(1, len(sizes)),
        "click_p50": share(clicks, 0.5),
        "click_p95": share(clicks, 0.95),
    }


async def crowd(
    app: App, run: str, live: int, click: int, clients: int, seconds: float, figures: dict[str, float]
) -> tuple[list[float], list[float], list[int]]:
    """Milliseconds of each update and of each click, and the bytes of each update. Each client's first question, which
    fetches the whole curve, is asked before the measuring begins."""
    updates: list[float] = []
    clicks: list[float] = []
    sizes: list[int] = []
    begun = asyncio.Event()
    over = 0.0

    async def watch(number: int) -> None:
        cursor = None
        async with httpx.AsyncClient(base_url=app.address, timeout=30) as client:
            while not begun.is_set() or time.monotonic() < over:
                began = time.monotonic()
                asked = {"session_hash": f"watch{number}", "component_id": live, "fn_name": "points"}
                answer = await client.post(
                    "/gradio_api/component_server", json=asked | {"data": {"run": run, "cursor": cursor}}
                )
                cursor = answer.raise_for_status().json()["next"]
                if begun.is_set():
                    updates.append(1000 * (time.monotonic() - began))
                    sizes.append(len(answer.content))
                await asyncio.sleep(max(0.0, 1 - (time.monotonic() - began)))

    async def visit() -> None:
        await begun.wait()
        async with httpx.AsyncClient(base_url=app.address, timeout=30) as client:
            while time.monotonic() < over:
                began = time.monotonic()
                answer = await client.post(
                    "/gradio_api/run/predict", json={"data": [50], "fn_index": click, "session_hash": "visitor"}
                )
                answer.raise_for_status()
                clicks.append(1000 * (time.monotonic() - began))
                await asyncio.sleep(0.5)

    async def begin() -> None:
        nonlocal over
        await asyncio.sleep(3)
        before, began = spent(app), time.monotonic()
        over = began + seconds
        begun.set()
        await asyncio.sleep(seconds)
        figures["cpu"] = 100 * (spent(app) - before) / (time.monotonic() - began)

    async def late(number: int) -> None:
        await asyncio.sleep(number / clients)  # tabs are not in step
        await watch(number)

    await asyncio.gather(begin(), visit(), *(late(number) for number in range(clients)))
    return updates, clicks, sizes


def cpu(app: App, seconds: float) -> float:
    """Per cent of a core that the server takes in the next `seconds`."""
    before, began = spent(app), time.monotonic()
    time.sleep(seconds)
    return 100 * (spent(app) - before) / (time.monotonic() - began)


# ---- one browser

DRAWN = "() => document.querySelector('#live [data-plot=loss]')?.data?.some((line) => line.x.length)"
LAST = "() => Math.max(...document.querySelector('#live [data-plot=loss]').data.map((line) => line.x.at(-1)))"
TIMED = """async () => {
  window.redraws = []
  const library = await window.stillroomPlotly(), react = library.react
  library.react = async (...given) => {
    const began = performance.now(), done = await react.apply(library, given)
    window.redraws.push(performance.now() - began)
    return done
  }
}"""


def in_browser(app: App) -> dict[str, float]:
    """Seconds of the first path on the built-in example, and the redraws of a long curve. What does not happen in time
    ends the measuring, with what was waited for."""
    from playwright.sync_api import TimeoutError, sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(1000 * PATIENCE)
        try:
            return first_path(app, page) | long_curve(app, page)
        except TimeoutError as error:
            shown = page.locator("#live .now").text_content(timeout=5000)
            raise SystemExit(f"{error}\nThe live view says: {shown}") from None
        finally:
            browser.close()


def first_path(app: App, page: Any) -> dict[str, float]:
    """Seconds of the four clicks from the address to the comparison."""
    figures = {}
    began = time.monotonic()
    page.goto(app.address)
    page.locator("#about-data table").first.wait_for()
    figures["open"] = time.monotonic() - began
    for step in ("teacher", "augment", "distil"):
        page.locator(f"#to-{step}").click()
    began = time.monotonic()
    page.locator("#start").click()
    page.wait_for_function(DRAWN, polling=50)
    figures["first_point"] = time.monotonic() - began
    page.locator("#live .live[data-status=finished]").wait_for(state="attached")
    page.locator("#open-compare").click()
    page.locator("#comparison tr.teacher").first.wait_for()
    figures["whole"] = time.monotonic() - began
    return figures


def long_curve(app: App, page: Any) -> dict[str, float]:
    """Milliseconds of a redraw while a curve of POINTS points grows by its last fifth. The page is the real one; what
    the server would answer of such a run stands in for its answers. The curve grows only once somebody listens."""
    run = call(app.address, "runs", 1, "")[0]["run"]
    sent, growing = 0, False

    def curve(start: int, stop: int) -> dict[str, Any]:
        steps = list(range(start, stop))
        return {
            f"student/{name}": [steps, [2 / (1 + step / 2000) + 0.05 * ((step * 7919) % 101) / 101 for step in steps]]
            for name in ("loss", "valid_loss")
        }

    def answer(route: Any) -> None:
        nonlocal sent
        asked = json.loads(route.request.post_data)
        if asked.get("fn_name") != "points":
            return route.continue_()
        told = route.fetch().json()
        first = asked["data"]["cursor"] is None
        begin = 0 if first else sent
        sent = int(0.8 * POINTS) if not sent else min(POINTS, sent + PATCH * growing)
        told |= {
            "reset": first, "status": "running", "done": sent >= POINTS, "poll_ms": 100, "replay": None,
            "series": curve(begin, sent), "next": [sent + 1, 0],
        }  # fmt: skip
        route.fulfill(json=told)

    page.route(re.compile("/component_server"), answer)
    page.goto(f"{app.address}/?run={run}")
    page.locator("#comparison tr.teacher").first.wait_for()  # where the page opens a run that is compared
    page.locator("#step-distil-button").click()
    page.wait_for_function(DRAWN)
    page.evaluate(TIMED)
    growing = True
    page.wait_for_function(f"() => ({LAST})() === {POINTS - 1}", polling=100)
    redraws = page.evaluate("window.redraws")
    if len(redraws) < (POINTS // 5) // PATCH // 4:
        raise SystemExit(f"{len(redraws)} redraws in {POINTS // 5 // PATCH} updates are too few to tell their time")
    return {"redraw_p50": share(redraws, 0.5), "redraw_p95": share(redraws, 0.95)}


# ---- telling


def share(values: list[float], part: float) -> float:
    """The value below which that share of the values lies."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))] if values else float("nan")


def missed(figures: dict[str, float]) -> list[str]:
    """The figures that are over their limit, or aren't numbers."""
    return [name for name, (limit, _, _) in LIMITS.items() if name in figures and not figures[name] <= limit]


def section(figures: dict[str, float], clients: int, seconds: float, load: str) -> str:
    """One section of RESULTS.md."""
    git = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
    over = missed(figures)
    rows = [
        f"| {what} | {figures[name]:.1f} {unit} | {limit:g} | {'**missed**' if name in over else 'kept'} |"
        for name, (limit, unit, what) in LIMITS.items()
        if name in figures
    ]
    rows += [
        f"| {what} | {figures[name]:.1f} {unit} | | |" for name, (unit, what) in FIGURES.items() if name in figures
    ]
    return (
        f"\n## The page, {clients} clients\n\n"
        f"    python -m benchmarks.page --clients {clients} --seconds {seconds:g}\n\n"
        f"Commit {git.stdout.strip()}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {platform.machine()}, {os.cpu_count()} "
        f"cores of which {len(os.sched_getaffinity(0))} used, Python {platform.python_version()}; load {load}.\n\n"
        "| figure | measured | limit | |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"
    )


if __name__ == "__main__":
    sys.exit(main())
