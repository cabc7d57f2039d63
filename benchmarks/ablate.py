"""Settings side by side on the validation rows; the test rows are never read.

    python benchmarks/ablate.py student=bilstm "student=bilstm_max lr=0.006" --seeds 3 -- --task sst2 --teacher …

Each argument before `--` is one row of the table: knobs that differ from the options of the command line's `run` that
stand after it ("" for none). Each trains over the seeds on one transfer set, without control and comparison; labels
in the cache are used again. Besides the knobs, "schedule=constant" and "schedule=cosine" put another learning-rate
schedule in the place of the project's. Told of the weights that a run keeps: accuracy on the validation rows, agreement
with the teacher there, and the mean squared distance to its logits, which moves before the other two do. Appends a
table to RESULTS.md.
"""

import argparse
import math
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean, stdev

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("OMP_NUM_THREADS", "1")

from distill_core.cache import Cache  # noqa: E402
from distill_core.cli.config_options import config_from_options  # noqa: E402
from distill_core.cli.parser import parse  # noqa: E402
from distill_core.config.schema import Config  # noqa: E402
from distill_core.environment import home  # noqa: E402
from distill_core.events import (  # noqa: E402
    CapturedGenerator,
    Fact,
    StageEnded,
    StageStarted,
)
from distill_core.training import optimizers  # noqa: E402

HEAD = "| setting | accuracy | agreement | distance | texts | weights | training, s |"
SCHEDULES: dict[str, Callable[[float], float]] = {
    "linear": optimizers.decay,
    "constant": lambda left: 1.0,
    "cosine": lambda left: (1 - math.cos(math.pi * left)) / 2,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("rows", nargs="+", metavar="KNOB=VALUE …")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--title", default="")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "RESULTS.md")
    typed = sys.argv[1:]
    cut = typed.index("--") if "--" in typed else len(typed)
    given, options = parser.parse_args(typed[:cut]), typed[cut + 1 :]
    config = config_from_options(parse(["run", *options]))
    git = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
    shown = " ".join(f'"{row}"' if " " in row or not row else row for row in given.rows)
    write(
        given.out,
        f"\n## Ablation: {given.title or given.rows[0]}\n",
        f"    python benchmarks/ablate.py {shown} --seeds {given.seeds} -- {' '.join(options)}\n",
        f"Commit {git.stdout.strip()}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {platform.machine()}, {os.cpu_count()} "
        f"cores; load {os.getloadavg()[0]:.1f} before. On {config.task}'s validation rows, mean ± standard deviation "
        f"over {given.seeds} seeds.\n",
        HEAD,
        "|---" * 7 + "|",
    )
    for row in given.rows:
        changed = dict(part.split("=", 1) for part in row.split())
        optimizers.decay = SCHEDULES[changed.pop("schedule", "linear")]
        found = students(Config.of(**config.model_dump() | changed | {"seeds": given.seeds, "control": False}))
        accuracy, agreement, distance, seconds = (
            [one[key] for one in found] for key in ("accuracy", "agreement", "distance", "seconds")
        )
        write(
            given.out,
            f"| {row or 'as given'} | {mean_and_spread(accuracy, '.1%')} | {mean_and_spread(agreement, '.1%')} | "
            f"{mean_and_spread(distance, '.2f')} "
            f"| {found[0]['texts']:,} | {found[0]['weights']:,} | {mean(seconds):.0f} |",
        )
    return 0


def write(file: Path, *lines: str) -> None:
    """Appends each line as soon as it is known: a night's table ended by hand keeps its rows."""
    with file.open("a", encoding="utf-8") as out:
        out.writelines(f"{line}\n" for line in lines)
    print(*lines, sep="\n", flush=True)


def mean_and_spread(values: list[float], form: str) -> str:
    """Mean and standard deviation."""
    return f"{mean(values):{form}}" + (f" ± {stdev(values):{form}}" if len(values) > 1 else "")


def students(config: Config) -> list[dict[str, float]]:
    """One run up to its comparison, and what each seed's student does on the validation rows. `seconds` are those of
    one training. The seeds share transfer set and labels."""
    import torch

    from distill_core import tasks
    from distill_core.data.automatic import resolve_auto
    from distill_core.distillation import soft_labels
    from distill_core.pipeline.distill import distill
    from distill_core.student import persistence
    from distill_core.teacher import catalog, loading

    cache, seconds, texts = Cache(home() / "cache"), 0.0, 0
    with tempfile.TemporaryDirectory() as folder:
        for event in distill(config, Path(folder), cache):
            if isinstance(event, StageEnded) and event.stage == "student":
                seconds = event.seconds / config.seeds
            if isinstance(event, Fact) and event.name == "transfer":
                texts = event.value["texts"]
            if isinstance(event, StageStarted) and event.stage == "compare":
                break
        kept = [persistence.load(file.parent) for file in sorted(Path(folder).glob("student*/student.json"))]
    rows = tasks.load_dataset(config)
    config = resolve_auto(config, rows)
    teacher = loading.load_teacher(catalog.teacher_name(config), rows.labels, rows.pair, config)
    asked, truth = (
        CapturedGenerator(soft_labels.label_texts(teacher, rows.valid.texts, cache)),
        torch.tensor(rows.valid.labels),
    )
    for _ in asked:
        pass
    soft = asked.value
    found = []
    for predictor in kept:
        said = torch.from_numpy(predictor.logits(rows.valid.texts))
        found.append({
            "accuracy": float((said.argmax(1) == truth).float().mean()),
            "agreement": float((said.argmax(1) == soft.argmax(1)).float().mean()),
            "distance": float((said - soft).square().mean()),
            "texts": texts, "seconds": seconds, "weights": sum(p.numel() for p in predictor.model.parameters()),
        })  # fmt: skip
    return found


if __name__ == "__main__":
    sys.exit(main())
