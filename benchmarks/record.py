"""Run the command line once and append what it measured to RESULTS.md: command, commit, machine, load, rows, stages.

    python benchmarks/record.py "A title" -- run --task sst2 --teacher … [--out FILE]

Everything after `--` goes to `python -m distill_core` as it stands. A failed run is recorded too.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("title")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "RESULTS.md")
    typed = sys.argv[1:]
    cut = typed.index("--") if "--" in typed else len(typed)
    given, command = parser.parse_args(typed[:cut]), typed[cut + 1 :]
    before = os.getloadavg()[0]
    done = subprocess.run(
        [sys.executable, "-m", "distill_core", *command, "--json"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    lines = done.stdout.strip().splitlines()
    report = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else None
    load = f"{before:.1f} before, {os.getloadavg()[0]:.1f} after"
    text = entry(given.title, command, load, report, done.returncode)
    with given.out.open("a", encoding="utf-8") as out:
        out.write(text)
    print(text)
    return done.returncode


def entry(title: str, command: list[str], load: str, report: dict[str, Any] | None, code: int) -> str:
    """One section of RESULTS.md."""
    git = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
    shown = " ".join(f"'{part}'" if " " in part else part for part in command)
    head = (
        f"\n## {title}\n\n    python -m distill_core {shown}\n\n"
        f"Commit {git.stdout.strip()}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {platform.machine()}, {os.cpu_count()} "
        f"cores, Python {platform.python_version()}; load {load}.\n\n"
    )
    if report is None or not report["scores"]:
        status = report["status"] if report else "no report"
        return head + f"**Did not finish**: exit code {code}, {status}.\n"
    columns = "| | accuracy | 95 % interval | macro-F1 | weights | bytes | one text, ms | texts/s |\n"
    columns += "|---" * 8 + "|\n"
    rows = "".join(row(name, score) for name, score in report["scores"].items())
    counts = ", ".join(f"{name} {count:,}" for name, count in report["rows"].items())
    stages = ", ".join(f"{name} {seconds:.1f}" for name, seconds in report["stages"].items())
    shares = {"gap recovered": "gap_recovered", "kept": "kept", "agreement": "agreement"}
    said = ", ".join(f"{word} {show(report[key])}" for word, key in shares.items())
    return head + columns + rows + (
        f"\nScored on {report['scored_on']}; rows: {counts}. {said[0].upper() + said[1:]}.\n"
        f"Stage seconds: {stages}; in all {sum(report['stages'].values()):.0f}. Status: {report['status']}.\n"
    )  # fmt: skip


def row(name: str, score: dict[str, Any]) -> str:
    """One row of the table."""
    return (
        f"| {name} | {show(score['accuracy'])} | {show(score['low'])} to {show(score['high'])} "
        f"| {score['macro_f1']:.3f} "
        f"| {score['parameters']:,} | {score['bytes']:,} | {score['latency_ms']:.2f} | {score['texts_per_s']:,.0f} |\n"
    )


def show(share: float | None) -> str:
    """A share as a percentage; a dash where it isn't defined."""
    return "not defined" if share is None else f"{100 * share:.1f} %"


if __name__ == "__main__":
    sys.exit(main())
