"""A CSV of our own making through the page in a real browser, and what came of it into RESULTS.md.

    python benchmarks/own_csv.py --teacher sentence-transformers/all-MiniLM-L6-v2 [--out FILE]

Writes 900 customer messages with three labels in words, 300 of them without a label; starts the app on a free port;
drops the file on it, fine-tunes the teacher, starts, waits for the comparison and asks both models a typed text. The
message tells of one topic and asks about another: what is asked for is the label. Needs playwright and a Chromium.
"""

import argparse
import csv
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from record import ROOT, entry

MENTIONS = {
    "billing": "My invoice came yesterday;I paid by card last week;The receipt, with VAT, is here;I have a voucher",
    "delivery": "My parcel arrived on Monday;The courier, as always, was friendly;I moved house;It was shipped",
    "technical": "I installed the update;The app opens now;My password works again;I replaced the old screen",
}
ASKS = {
    "billing": "why was I charged twice;can you refund the second payment;when will the credit reach my account;"
    'please correct the "amount due";how do I change my card;cancel my subscription',
    "delivery": "where is the rest of my order;can you send it to my office instead;when will the second box come;"
    "the carton was crushed, please send another;I never got a tracking number;please leave it with a neighbour",
    "technical": "it crashes when I open a photo;how do I export my notes;the login page stays blank;"
    "sync stops after a minute;the sound is gone since Friday;it forgets my settings",
}
PLANS = ("{mention}, but {ask}.", "{ask}? {mention}.", "{mention}. {ask}!", "Hello, {ask}; {mention}.", "{ask}.")


def messages(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """`count` distinct messages with what they ask for."""
    draw, found = random.Random(seed), {}
    while len(found) < count:
        topic, told = draw.choice(list(ASKS)), draw.choice(list(MENTIONS))
        parts = {"ask": draw.choice(ASKS[topic].split(";")), "mention": draw.choice(MENTIONS[told].split(";"))}
        text = draw.choice(PLANS).format(**parts)
        greeting = draw.choice(["", "Dear team, ", "Hi there. ", "Good morning, ", "Third time now: "])
        name = draw.choice(["", " Ana", " K. Olsen", " Thanks, Priya", " Regards, Tom", " /Mei"])
        found.setdefault(greeting + text + name, topic)
    return list(found.items())


def write(file: Path, labelled: int = 600, unlabelled: int = 300) -> None:
    """The messages as a CSV; the last ones have no label."""
    rows = messages(labelled + unlabelled)
    with file.open("w", encoding="utf-8", newline="") as out:
        table = csv.writer(out)
        table.writerow(("ticket", "message", "topic"))
        table.writerows((n, text, topic if n < labelled else "") for n, (text, topic) in enumerate(rows))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--teacher", required=True)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "RESULTS.md")
    given = parser.parse_args()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{probe.getsockname()[1]}"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tickets.csv"
        write(file)
        before = os.getloadavg()[0]
        app = subprocess.Popen([sys.executable, "app.py", "--port", address.rpartition(":")[2]], cwd=ROOT)
        try:
            wait_for(address)
            run, answers = drive(address, file, given.teacher)
        finally:
            app.terminate()
            app.wait()
    shown = subprocess.run(
        [sys.executable, "-m", "distill_core", "show", run, "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    report = json.loads(shown.stdout.splitlines()[-1])
    load = f"{before:.1f} before, {os.getloadavg()[0]:.1f} after"
    text = entry("A CSV of our own making, through the page", ["…"], load, report, 0)
    text = text.replace("python -m distill_core …", f"python benchmarks/own_csv.py --teacher {given.teacher}")
    text += "\nTyped on the page afterwards, student and teacher said: " + "; ".join(answers) + ".\n"
    with given.out.open("a", encoding="utf-8") as out:
        out.write(text)
    print(text)
    return 0


def wait_for(address: str, seconds: float = 60) -> None:
    """Until the app answers."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.5)
    raise SystemExit("The app did not open.")


def drive(address: str, file: Path, teacher: str) -> tuple[str, list[str]]:
    """The page as a person uses it; the run's id, and what both models said to a typed text."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        chromium = os.environ.get("STILLROOM_CHROMIUM", "/usr/bin/chromium")
        page = driver.chromium.launch(executable_path=chromium, args=arguments).new_page()
        page.set_default_timeout(60_000)
        page.goto(address)
        page.locator("#tasks label", has_text="Your own file").click()
        page.locator("#train-file input[type=file]").set_input_files(str(file))
        page.locator("#about-data table").wait_for()
        page.get_by_role("tab", name="Teacher").last.click()
        page.locator("#teachers label", has_text="Another").click()
        page.locator("#teacher-name input").fill(teacher)
        page.locator("#teacher-name input").press("Enter")
        page.wait_for_timeout(2000)  # a Hub id gets its tick for fine-tuning by itself
        page.locator("#fine-tune input").check()
        page.get_by_role("tab", name="Distil").last.click()
        page.locator("#start").click()
        page.wait_for_url("**run=**")
        over = ", ".join(f'#live .live[data-status="{status}"]' for status in ("finished", "failed", "diverged"))
        page.locator(over).wait_for(timeout=1_200_000)
        run = page.url.rpartition("run=")[2]
        page.get_by_role("tab", name="Compare").last.click()
        page.locator("#try-text textarea").fill("The parcel arrived, but why was I charged twice?")
        page.locator("#ask-both").click()
        page.locator("#both .bars.teacher").wait_for()
        answers = [" ".join(bars.split()) for bars in page.locator("#both .bars").all_inner_texts()]
        return run, answers


if __name__ == "__main__":
    sys.exit(main())
