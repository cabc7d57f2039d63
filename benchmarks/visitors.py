"""Many strangers on one public page: how long a click takes, whether anything is lost or crossed, and memory.

    python -m benchmarks.visitors [--visitors 30] [--seconds 600] [--check]

The app runs as on a public Space, in a home of its own that is gone afterwards. Two runs compute all the while.
Each visitor has a key and texts of their own, and every few seconds does one of what the page does: looks at a curve or
a run, asks student and teacher, previews texts, asks for an estimate, opens the page, starts a run and stops it.
An answer that is not the one this visitor's text got on the empty page is crossed; one that does not come, or another
one than a sentence where a limit was met, is lost. `--check` exits 1 where anything was, where a click's 95th
percentile is over its limit, or where memory grew by more than a tenth from the second fifth of the time to the last.
"""

import argparse
import asyncio
import os
import platform
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from benchmarks.page import share
from scripts.served import App, served

ROOT = Path(__file__).parent.parent
P95_LIMIT = 500.0  # milliseconds of a click
GROWTH_LIMIT = 0.1  # of the memory
PAUSE = (1.0, 5.0)  # seconds between a visitor's clicks, by chance between these
PATIENCE = 240  # seconds until something that should happen is given up
SHORT = {"task": "reviews", "epochs": 1, "n_iter": 0, "control": False}
LONG = {"task": "reviews", "epochs": 1_000, "evaluations": 1000, "patience": 0, "control": False}
WORDS = "warm cold funny dull bright quiet clever boring lovely weak soup film waiter story room music".split()  # noqa: SIM905


@dataclass
class Seen:
    """What all visitors saw: milliseconds of each kind of click, what was refused, crossed and lost."""

    clicks: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    refused: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    wrong: list[str] = field(default_factory=list)


@dataclass
class Visitor:
    """Visitor with a key and a text of their own, and what the text's answers were on the empty page."""

    number: int
    client: httpx.AsyncClient
    text: str
    expected: dict[str, Any] = field(default_factory=dict)

    async def ask(self, action: str, *given: Any) -> Any:
        """Answer of a named endpoint. Raises Refused with its sentence."""
        answer = await self.client.post(f"/gradio_api/run/{action}", json={"data": given})
        found = answer.json()
        if "data" not in found:
            raise Refused(str(found.get("error") or found))
        return found["data"][0]

    async def answers(self, run: str) -> dict[str, Any]:
        """What student and teacher say to this visitor's text, without what differs between two answers."""
        return plain({"both": await self.ask("predict", run, self.text, ""),
                      "teacher": await self.ask("ask_teacher", {"task": "reviews"}, self.text, "")})  # fmt: skip


class Refused(Exception):
    """The app said no, in a sentence."""


def plain(answer: Any) -> Any:
    """Answer with its probabilities to four places (a batch of other texts beside one changes the last ones), and
    without milliseconds."""
    if isinstance(answer, dict):
        return {name: plain(value) for name, value in answer.items() if name not in ("ms", "milliseconds", "logits")}
    if isinstance(answer, list):
        return [plain(value) for value in answer]
    return round(answer, 4) if isinstance(answer, float) else answer


def main() -> int:
    """Measure, print and append to RESULTS.md; returns the exit code."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--visitors", type=int, default=30)
    options.add_argument("--seconds", type=float, default=600)
    options.add_argument("--check", action="store_true", help="exit with 1 where anything was missed")
    options.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "RESULTS.md")
    given = options.parse_args()
    if not Path("/proc/self/stat").exists():
        options.error("this reads /proc, so it runs on Linux only")
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="stillroom-visitors-") as place:
        environment = {**os.environ, "STILLROOM_AUDIENCE": "space", "STILLROOM_LANGUAGE": "en"}
        with served(Path(place), environment=environment) as app:
            seen, memory = asyncio.run(crowd(app, given.visitors, given.seconds))
    text, missed = section(
        seen, memory, given.visitors, given.seconds, f"{load:.1f} before, {os.getloadavg()[0]:.1f} after"
    )
    with given.out.open("a", encoding="utf-8") as out:
        out.write(text)
    print(text)
    return int(given.check and missed)


async def crowd(app: App, visitors: int, seconds: float) -> tuple[Seen, list[float]]:
    """What so many visitors see in so many seconds, and the memory of the page's process in bytes at equal times."""
    seen, memory, draw = Seen(), list[float](), random.Random(visitors)
    # closed before the server does it after five seconds: a question on its way just then would be lost, which a
    # browser asks again
    limits = httpx.Limits(max_connections=2, keepalive_expiry=3)
    guests = [
        Visitor(number, httpx.AsyncClient(base_url=app.address, timeout=60, limits=limits,
                                          headers={"x-stillroom-key": f"visitor-{number}-{draw.getrandbits(128):x}"}),
                f"{' '.join(draw.sample(WORDS, 5))} {number}")
        for number in range(visitors + 2)
    ]  # fmt: skip
    *guests, first, second = guests
    finished = await first.ask("start_run", SHORT)
    await until(first, finished, {"finished"})
    for guest in guests:
        guest.expected = await guest.answers(finished)
    computing = [await one.ask("start_run", LONG | {"seed": one.number}) for one in (first, second)]
    for one, run in zip((first, second), computing, strict=True):
        await until(one, run, {"running"})
    over = time.monotonic() + seconds

    async def measure() -> None:
        while time.monotonic() < over:
            await asyncio.sleep(seconds / 50)
            memory.append(resident(app.pid))

    await asyncio.gather(measure(), *(visit(guest, finished, computing, over, seen) for guest in guests))
    for one, run in zip((first, second), computing, strict=True):
        status = (await one.ask("run", run))["status"]
        if status != "running":
            seen.wrong.append(f"a run that should compute is {status}")
        await one.ask("stop_run", run)
    for guest in (*guests, first, second):
        await guest.client.aclose()
    return seen, memory


async def until(visitor: Visitor, run: str, statuses: set[str]) -> None:
    """Wait until the run has one of the statuses."""
    end = time.monotonic() + PATIENCE
    while (status := (await visitor.ask("run", run))["status"]) not in statuses:
        if time.monotonic() > end or status in ("failed", "interrupted"):
            raise SystemExit(f"a run is {status} after {PATIENCE} s")
        await asyncio.sleep(0.3)


async def visit(guest: Visitor, finished: str, computing: list[str], over: float, seen: Seen) -> None:
    """Click until it is over, a pause of some seconds between the clicks."""
    draw, cursors, own = random.Random(guest.number), dict.fromkeys(computing, 0), list[str]()

    async def curve() -> None:
        run = draw.choice(computing)
        found = await guest.ask("points", run, cursors[run])
        if found["next"] < cursors[run]:
            seen.wrong.append(f"the curve of {run} went back from {cursors[run]} to {found['next']}")
        cursors[run] = found["next"]

    async def look() -> None:
        run = draw.choice([finished, *computing])
        if (await guest.ask("run", run))["run"] != run:
            seen.wrong.append("another run was shown")

    async def both() -> None:
        check("both", plain(await guest.ask("predict", finished, guest.text, "")))

    async def teacher() -> None:
        check("teacher", plain(await guest.ask("ask_teacher", {"task": "reviews"}, guest.text, "")))

    def check(what: str, found: Any) -> None:
        if found != guest.expected[what]:
            seen.wrong.append(
                f"visitor {guest.number} asked {guest.text!r} and got {found}, not {guest.expected[what]}"
            )

    async def preview() -> None:
        found = str(await guest.ask("preview_augmentation", {"task": "reviews"}, guest.text, 4))
        if not any(word in found for word in guest.text.split()):
            seen.wrong.append(f"visitor {guest.number} previewed {guest.text!r} and got {found[:200]}")

    async def estimate() -> None:
        await guest.ask("estimate_cost", {"task": "reviews", "epochs": draw.randint(1, 9)}, False)

    async def page() -> None:
        answer = await guest.client.get("/")
        if answer.status_code != 200 or "gradio" not in answer.text:
            seen.wrong.append(f"the page answered {answer.status_code}")

    async def start() -> None:
        own.append(await guest.ask("start_run", SHORT | {"seed": guest.number}))

    async def stop() -> None:
        await guest.ask("stop_run", own.pop())

    async def meddle() -> None:
        try:
            await guest.ask("rename_run", draw.choice(computing), "mine now")
        except Refused as refusal:
            if "Only the browser that started this run" in str(refusal):
                return
        seen.wrong.append(f"visitor {guest.number} changed another's run")

    acts: tuple[tuple[int, str, Callable[[], Awaitable[None]]], ...] = (
        (8, "a curve's new points", curve), (4, "a run", look), (6, "student and teacher", both),
        (3, "the teacher", teacher), (4, "a preview", preview), (3, "an estimate", estimate), (2, "the page", page),
        (1, "start", start), (1, "stop", stop), (1, "another's run", meddle),
    )  # fmt: skip
    await asyncio.sleep(draw.uniform(0, PAUSE[1]))
    while time.monotonic() < over:
        _, name, act = draw.choices(acts, [weight if own or act is not stop else 0 for weight, _, act in acts])[0]
        began = time.monotonic()
        try:
            await act()
        except Refused as refusal:
            seen.refused[re.sub(r"\d+", "N", str(refusal))] += 1
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            seen.wrong.append(f"{name}: {type(error).__name__} {error}")
        seen.clicks[name].append(1000 * (time.monotonic() - began))
        await asyncio.sleep(draw.uniform(*PAUSE))
    while own:
        with suppress(Refused):  # it has ended
            await guest.ask("stop_run", own.pop())


def resident(pid: int) -> float:
    """Bytes of the page's process, what it shares with others counted in part."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return 1024.0 * int(next(line for line in lines if line.startswith("Pss:")).split()[1])


def section(seen: Seen, memory: list[float], visitors: int, seconds: float, load: str) -> tuple[str, bool]:
    """One section of RESULTS.md, and whether anything was missed."""
    every = [one for clicks in seen.clicks.values() for one in clicks]
    fifth = max(1, len(memory) // 5)
    begin, end = median(memory[fifth : 2 * fifth] or memory), median(memory[-fifth:])
    p95 = share(every, 0.95)
    missed = bool(seen.wrong) or p95 > P95_LIMIT or end > (1 + GROWTH_LIMIT) * begin
    git = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
    rows = [
        f"| {name} | {len(clicks):,} | {share(clicks, 0.5):.0f} | {share(clicks, 0.95):.0f} | {max(clicks):.0f} |"
        for name, clicks in sorted(seen.clicks.items())
    ]
    refused = "".join(f"- refused {count} times: {sentence}\n" for sentence, count in seen.refused.items())
    wrong = "".join(f"- **{one[:300]}**\n" for one in seen.wrong[:20])
    return (
        f"\n## {visitors} visitors for {seconds:.0f} seconds\n\n"
        f"    python -m benchmarks.visitors --visitors {visitors} --seconds {seconds:g}\n\n"
        f"Commit {git.stdout.strip()}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {platform.machine()}, "
        f"{len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}; load {load}. The visitors' own "
        f"client computes on the same cores.\n\n"
        f"{len(every):,} clicks while two runs computed: median {share(every, 0.5):.0f} ms, 95th percentile "
        f"{p95:.0f} ms (limit {P95_LIMIT:.0f}); lost or crossed: {len(seen.wrong)}. The page's process had "
        f"{begin / 1e6:.0f} MB in the second fifth of the time and {end / 1e6:.0f} MB in the last.\n\n"
        "| click | times | median, ms | 95 %, ms | most, ms |\n|---|---|---|---|---|\n"
        + "\n".join(rows) + f"\n\n{refused}{wrong}"
    ), missed  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
