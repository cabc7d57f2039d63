"""One knob's values side by side on the validation rows; the test rows are never read.

    python benchmarks/ablate.py unseen=nearest,unknown --seeds 3 -- --task sst2 --limit 2000 --teacher …

Everything after `--` is options of the command line's `run`. Each value runs over the seeds, without a control and
without the comparison; what counts is the best validation accuracy that the student reached. Appends a table to
RESULTS.md.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean, stdev

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("OMP_NUM_THREADS", "1")

from distill_core.cache import Cache  # noqa: E402
from distill_core.command.options import config_of, parse  # noqa: E402
from distill_core.config import Config  # noqa: E402
from distill_core.events import Point, StageStarted  # noqa: E402
from distill_core.store import home  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("knob", help="NAME=VALUE,VALUE,…")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "RESULTS.md")
    typed = sys.argv[1:]
    cut = typed.index("--") if "--" in typed else len(typed)
    given, options = parser.parse_args(typed[:cut]), typed[cut + 1 :]
    name, _, values = given.knob.partition("=")
    config = config_of(parse(["run", *options]))
    git = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
    lines = [
        f"\n## Ablation: {name}\n",
        f"    python benchmarks/ablate.py {given.knob} --seeds {given.seeds} -- {' '.join(options)}\n",
        f"Commit {git.stdout.strip()}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {platform.machine()}, {os.cpu_count()} "
        f"cores; load {os.getloadavg()[0]:.1f} before. Best validation accuracy of the student, seed by seed.\n",
        f"| {name} | mean ± sd | {' | '.join(f'seed {seed}' for seed in range(given.seeds))} |",
        "|---" * (given.seeds + 2) + "|",
    ]
    for value in values.split(","):
        reached = [best(Config.of(**config.model_dump() | {name: value, "seed": s})) for s in range(given.seeds)]
        spread = f" ± {stdev(reached):.1%}" if len(reached) > 1 else ""
        lines.append(f"| {value} | {mean(reached):.1%}{spread} | {' | '.join(f'{one:.1%}' for one in reached)} |")
        print(lines[-1], flush=True)
    with given.out.open("a", encoding="utf-8") as out:
        out.write("\n".join(lines) + "\n")
    return 0


def best(config: Config) -> float:
    """The student's best validation accuracy, a fraction."""
    from distill_core import pipeline

    config = config.model_copy(update={"control": False})
    reached = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for event in pipeline.distill(config, Path(folder), Cache(home() / "cache")):
            if isinstance(event, Point) and event.series == "student/valid_accuracy":
                reached = max(reached, event.value)
            if isinstance(event, StageStarted) and event.stage == "compare":
                break
    return reached


if __name__ == "__main__":
    sys.exit(main())
