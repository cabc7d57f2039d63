"""Make runs.db.example: a few real runs of the built-in task, which History shows before there are runs of one's own.

    python scripts/make_examples.py [--out runs.db.example] [KNOB=VALUE …]

The knobs go over those of every example (epochs=1 for a quick try). Nothing is written unless all runs finish.
"""

import argparse
import os
import sqlite3
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

EXAMPLES: tuple[tuple[str, dict[str, object]], ...] = (
    ("Reviews, as it comes", {}),
    ("Reviews, another seed", {"seed": 1}),
    ("Reviews, without augmentation", {"n_iter": 0}),
    ("Reviews, softened probabilities instead of logits", {"loss": "soft_kl", "temperature": 2.0}),
)


def main() -> int:
    """Runs the examples in a home of their own and copies its store."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--out", type=Path, default=ROOT / "runs.db.example")
    asked.add_argument("knobs", nargs="*", metavar="KNOB=VALUE")
    given = asked.parse_args()
    over = dict(knob.split("=", 1) for knob in given.knobs)
    with tempfile.TemporaryDirectory(prefix="stillroom-examples-") as home:
        os.environ["STILLROOM_HOME"] = home
        from distill_core import close, start

        runs = [start(name=name, **knobs | over) for name, knobs in EXAMPLES]
        for run in runs:
            print(f"{run.wait():>10}  {run.name}  {run.row.message}", flush=True)
        if {run.status for run in runs} != {"finished"}:
            return 1
        close()
        copy(Path(home) / "runs.db", given.out)
    print(f"{given.out}: {given.out.stat().st_size:,} bytes")
    return 0


def copy(store: Path, out: Path) -> None:
    """The store as one file that needs no -wal beside it, without what belongs to this machine."""
    part = out.with_name(f".{out.name}.part")
    part.unlink(missing_ok=True)
    source = sqlite3.connect(store)
    source.execute("UPDATE runs SET owner = ''")
    source.commit()
    source.execute("VACUUM INTO ?", (str(part),))
    source.close()
    made = sqlite3.connect(part)
    made.execute("PRAGMA journal_mode = DELETE")
    made.close()
    part.replace(out)


if __name__ == "__main__":
    sys.exit(main())
