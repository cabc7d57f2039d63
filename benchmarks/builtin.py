"""The built-in example over several seeds: what the README says of it is what this prints.

    python benchmarks/builtin.py [--seeds 5] [--out FILE]

Each seed is one run of the command line with every knob at its default. Appends a section to RESULTS.md and exits 1
where one of the example's promises is not kept on the mean: teacher 8 points over the control, 60 % of that gap
recovered, floor 10 points under the teacher, 60 s from start to comparison.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean, stdev
from typing import Any

ROOT = Path(__file__).parent.parent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "RESULTS.md")
    given = parser.parse_args()
    git = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
    lines = [
        f"\n## The built-in example, {given.seeds} seeds\n",
        f"    python benchmarks/builtin.py --seeds {given.seeds}\n",
        f"Commit {git.stdout.strip()}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {platform.machine()}, {os.cpu_count()} "
        f"cores, one torch thread a run, Python {platform.python_version()}. Seconds are those of the whole command.\n",
        "| seed | floor | control | student | teacher | gap recovered | seconds | load before |",
        "|---" * 8 + "|",
    ]
    reports = []
    for seed in range(given.seeds):
        load, began = os.getloadavg()[0], time.monotonic()
        report = run(seed)
        report["seconds"], report["load"] = time.monotonic() - began, load
        reports.append(report)
        lines.append(row(str(seed), report))
        print(lines[-1], flush=True)
    means = {name: mean(accuracy(report, name) for report in reports) for name in reports[0]["scores"]}
    spread = {name: stdev(accuracy(report, name) for report in reports) for name in means} if given.seeds > 1 else {}
    recovered = (means["student"] - means["control"]) / (means["teacher"] - means["control"])
    slowest = max(report["seconds"] for report in reports)
    cells = [f"{100 * means[name]:.1f} % ± {100 * spread.get(name, 0):.1f}" for name in means]
    lines.append(f"| mean ± sd | {' | '.join(cells)} | {100 * recovered:.0f} % | {slowest:.0f} at most | |")
    kept = {
        "teacher at least 8 points over the control": means["teacher"] - means["control"] >= 0.08,
        "at least 60 % of that gap recovered": recovered >= 0.6,
        "floor at least 10 points under the teacher": means["teacher"] - means["floor"] >= 0.1,
        "at most 60 s each": slowest <= 60,
    }
    lines += ["", *(f"- {promise}: {'kept' if held else '**not kept**'}" for promise, held in kept.items()), ""]
    with given.out.open("a", encoding="utf-8") as out:
        out.write("\n".join(lines))
    print("\n".join(lines[-8:]))
    return 0 if all(kept.values()) else 1


def run(seed: int) -> dict[str, Any]:
    """One run's report; its own errors end the benchmark."""
    command = [sys.executable, "-m", "distill_core", "run", "--seed", str(seed), "--json"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def accuracy(report: dict[str, Any], name: str) -> float:
    """Of one row of the comparison."""
    return report["scores"][name]["accuracy"]


def row(name: str, report: dict[str, Any]) -> str:
    """One line of the table."""
    cells = [f"{100 * accuracy(report, model):.1f} %" for model in report["scores"]]
    recovered = f"{100 * report['gap_recovered']:.0f} %" if report["gap_recovered"] is not None else "not defined"
    return f"| {name} | {' | '.join(cells)} | {recovered} | {report['seconds']:.0f} | {report['load']:.1f} |"


if __name__ == "__main__":
    sys.exit(main())
