"""Students cut from the teacher beside others, on few labelled rows; the test rows are never read.

    python benchmarks/cut.py --hub PATH --cells sst2:2000 student=bilstm_max student=cut "student=cut layers=last:1"

PATH holds loopback_hub.py; data sets, draws of rows and teacher are those of small.py. Each argument is one row of the
table: knobs beside the defaults. The scores are of the data set's validation split, at most 1,000 rows of it, and the
best step is chosen on rows cut from the labelled ones. benchmarks/cut.json remembers each run; the table follows.
"""

import argparse
import json
import math
import os
import random
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import small
from quality import commit, hub, machine, now, write

from distill_core.cache import Cache
from distill_core.config.schema import Config
from distill_core.environment import home
from distill_core.errors import UserError
from distill_core.events import Compared, StageEnded
from distill_core.pipeline.distill import distill

STATE = small.ROOT / "benchmarks" / "cut.json"
STUDENT_T = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}  # 95 %, two-sided, by the number of seeds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("settings", nargs="*", metavar="KNOB=VALUE …")
    parser.add_argument("--hub", type=Path, help="the folder that holds loopback_hub.py")
    parser.add_argument("--cells", default="sst2:2000,sst2:300,snips:300,mrpc:1000,medical:300")
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    cells = [(name, int(rows)) for name, rows in (cell.split(":") for cell in given.cells.split(","))]
    if given.hub:
        with hub(given.hub), tempfile.TemporaryDirectory() as folder:
            for seed in range(given.seeds):
                for name, rows in cells:
                    for setting in given.settings:
                        key = f"{name} {rows} {setting} {seed}"
                        if key not in stored():
                            one = measure(name, rows, setting, seed, Path(folder))
                            write({**stored(), key: one}, STATE)
                            print(key, one, flush=True)
    print("\n".join(table(list(stored().values()))))
    return 0


def stored() -> dict[str, Any]:
    return json.loads(STATE.read_text(encoding="utf-8")) if STATE.is_file() else {}


def measure(name: str, rows: int, setting: str, seed: int, folder: Path) -> dict[str, Any]:
    """One run as one object of JSON."""
    train, _ = small.draw_rows(name, rows, seed)
    assert train is not None, f"{name} has fewer than {rows} rows"
    every = small.read_rows(name, "validation")
    valid = random.Random(0).sample(every, min(small.TEST_ROWS, len(every)))  # the same for every seed
    files = small.write_rows(folder, f"{name}-{rows}-{seed}", train=train, test=valid)
    knobs = dict(part.split("=", 1) for part in setting.split())
    config = Config.of(**files | {"teacher": small.TEACHER, "fine_tune": True, "seed": seed} | knobs)
    found: dict[str, Any] = {"set": name, "rows": rows, "setting": setting, "seed": seed, "commit": commit(),
                             "machine": machine(), "when": now(), "load": round(os.getloadavg()[0], 1)}  # fmt: skip
    seconds: dict[str, float] = {}
    try:
        with tempfile.TemporaryDirectory() as place:
            for event in distill(config, Path(place), Cache(home() / "cache")):
                if isinstance(event, StageEnded) and not event.cached:
                    seconds[event.stage] = round(event.seconds, 1)
                if isinstance(event, Compared):
                    summary: Any = event.summary
    except UserError as refused:
        return found | {"refused": str(refused)}
    metric = summary["metric"]
    return found | {
        "metric": metric, "seconds": seconds, "agreement": summary["agreement"], "texts": summary["rows"]["transfer"],
        "steps": [summary["best_step"], summary["steps"]],
        "scores": {of: score[metric] for of, score in summary["scores"].items()},
        "accuracy": {of: score["accuracy"] for of, score in summary["scores"].items()},
        "weights": summary["scores"]["student"]["parameters"],
        "ms": {of: summary["scores"][of]["latency_ms"] for of in ("student", "teacher")},
        "texts_per_s": {of: summary["scores"][of]["texts_per_s"] for of in ("student", "teacher")},
    }  # fmt: skip


def table(runs: list[dict[str, Any]]) -> list[str]:
    """Markdown: a line a cell and setting, means over the seeds with half the width of a 95 % interval."""
    heads = (
        "rows of", "", "setting", "seeds", "teacher", "control", "student", "agreement", "weights",
        "texts/s × the teacher's", "ms a text, teacher's", "seconds control, student",
    )  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    cells: dict[tuple[str, int, str], list[dict[str, Any]]] = {}
    for one in runs:
        cells.setdefault((one["set"], one["rows"], one["setting"]), []).append(one)
    for (name, rows, setting), those in cells.items():
        scored = [one for one in those if "scores" in one]
        if not scored:
            lines.append(f"| {name} | {rows:,} | {setting} | {len(those)} | refused |")
            continue
        scores = [
            around([100 * one["scores"].get(of, math.nan) for one in scored])
            for of in ("teacher", "control", "student")
        ]
        ratio = statistics.mean(one["texts_per_s"]["student"] / one["texts_per_s"]["teacher"] for one in scored)
        ms = [statistics.mean(one["ms"][of] for one in scored) for of in ("student", "teacher")]
        spent = [[one["seconds"][of] for one in scored if of in one["seconds"]] for of in ("control", "student")]
        lines.append(
            f"| {name} | {rows:,} | {setting} | {len(scored)} | {' | '.join(scores)} | "
            f"{around([100 * one['agreement'] for one in scored])} | "
            f"{statistics.mean(one['weights'] for one in scored) / 1e6:.2f} M | {ratio:.1f} | "
            f"{ms[0]:.2f}, {ms[1]:.2f} | "
            f"{', '.join(f'{statistics.mean(one):.0f}' if one else '–' for one in spent)} |"
        )
    return lines


def around(values: list[float]) -> str:
    """The mean, and half the width of its 95 % interval."""
    if any(map(math.isnan, values)):
        return "–"
    if len(values) not in STUDENT_T:
        return f"{statistics.mean(values):.1f}"
    half = STUDENT_T[len(values)] * statistics.stdev(values) / math.sqrt(len(values))
    return f"{statistics.mean(values):.1f} ± {half:.1f}"


if __name__ == "__main__":
    sys.exit(main())
