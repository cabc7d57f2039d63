"""Sources of transfer texts side by side, with few labelled rows, on the data sets' validation rows alone.

    python benchmarks/sources.py --hub PATH sst2:300 snips:300 neighbours=0 neighbours=5 neighbours=10 --seeds 3

A cell is a data set and its labelled rows, drawn by the seed as benchmarks/small.py draws them; its teacher is a MiniLM
fine-tuned on those rows, the same for every setting. Scored are the data set's own validation rows, at most 1,000;
those by which weights are chosen are cut from the labelled rows. Prints a line a run and appends a table to RESULTS.md:
accuracy, agreement with the teacher, and seconds of labelling and of the student, with 95 % intervals of the
difference from the first setting over all pairs of runs.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
for name, value in {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_DISABLE_XET": "1"}.items():
    os.environ.setdefault(name, value)

import small  # noqa: E402
from quality import commit, hub, machine, now  # noqa: E402
from scipy import stats  # noqa: E402

import distill_core as core  # noqa: E402

VALID_ROWS = 1_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("given", nargs="+", metavar="SET:ROWS|KNOB=VALUE …")
    parser.add_argument("--hub", type=Path, required=True, help="the folder that holds loopback_hub.py")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "RESULTS.md")
    given = parser.parse_args()
    cells = [(one.split(":")[0], int(one.split(":")[1])) for one in given.given if ":" in one and "=" not in one]
    settings = [one for one in given.given if "=" in one]
    found: dict[tuple[str, int], dict[str, list[dict[str, Any]]]] = {}
    load = os.getloadavg()[0]
    with hub(given.hub), tempfile.TemporaryDirectory() as folder:
        for seed in range(given.seeds):
            for name, rows in cells:
                files = write_rows(name, rows, seed, Path(folder))
                for setting in settings:
                    one = measure(files, seed, dict(part.split("=", 1) for part in setting.split()))
                    found.setdefault((name, rows), {}).setdefault(setting, []).append(one)
                    print(name, rows, seed, setting, {key: round(value, 3) for key, value in one.items()}, flush=True)
    with given.out.open("a", encoding="utf-8") as out:
        print(
            f"\n    python benchmarks/sources.py --hub PATH {' '.join(repr(one) for one in given.given)} "
            f"--seeds {given.seeds}\n\nCommit {commit()}, {now()}; {machine()}; load {load:.1f} before.\n",
            *table(found), sep="\n", file=out,
        )  # fmt: skip
    return 0


def write_rows(name: str, rows: int, seed: int, folder: Path) -> dict[str, Any]:
    """The knobs of a cell, with its rows as files: drawn training rows, and the validation rows in the test's place."""
    train, _ = small.draw_rows(name, rows, seed)
    assert train is not None
    valid = small.read_rows(name, "validation")[:VALID_ROWS]
    return small.write_rows(folder, f"{name}-{rows}-{seed}", train=train, test=valid)


def measure(files: dict[str, Any], seed: int, knobs: dict[str, Any]) -> dict[str, float]:
    """Score and seconds of one run."""
    known = {"teacher": small.TEACHER, "fine_tune": True, "seed": seed, "control": False}
    began = time.monotonic()
    run = core.start(core.Config.of(**files | known | knobs))
    texts = 0
    for event in run.follow():
        if isinstance(event, core.Fact) and event.name == "transfer":
            texts = event.value["texts"]
    seconds, row = time.monotonic() - began, run.row
    if not row.summary:
        raise SystemExit(f"{row.status}: {row.message}")
    stages = run.stages()
    scores = row.summary["scores"]
    return {
        "teacher": 100 * scores["teacher"]["accuracy"], "accuracy": 100 * scores["student"]["accuracy"],
        "agreement": 100 * row.summary["agreement"], "texts": texts,
        **{f"{stage} s": stages.get(stage, 0.0) for stage in ("transfer", "label", "student")}, "run s": seconds,
    }  # fmt: skip


def table(found: dict[tuple[str, int], dict[str, list[dict[str, Any]]]]) -> list[str]:
    keys = ("teacher", "accuracy", "agreement", "texts", "transfer s", "label s", "student s", "run s")
    lines = [f"| rows | setting | {' | '.join(keys)} |", "|---" * (len(keys) + 2) + "|"]
    for (name, rows), settings in found.items():
        for setting, runs in settings.items():
            means = [statistics.mean(one[key] for one in runs) for key in keys]
            lines.append(f"| {name} {rows:,} | {setting} | " + " | ".join(f"{value:,.1f}" for value in means) + " |")
    first, *others = next(iter(found.values()))
    for setting in others:
        for key in ("accuracy", "agreement"):
            pairs = [
                one[key] - base[key]
                for runs in found.values()
                for one, base in zip(runs[setting], runs[first], strict=True)
            ]
            sure = "one pair of runs, without an interval"
            if len(pairs) > 1:
                spread = float(stats.t.ppf(0.975, len(pairs) - 1)) * statistics.stdev(pairs) / len(pairs) ** 0.5
                sure = f"± {spread:.1f}, over {len(pairs)} pairs of runs"
            lines.append(f"\n{setting} against {first}, {key}: {statistics.mean(pairs):+.1f} points, {sure}.")
    return lines


if __name__ == "__main__":
    sys.exit(main())
