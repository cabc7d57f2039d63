"""Whether a doubling of the rows that helps the baseline foretells what three times as many bring teacher and student.

    python benchmarks/doubling.py --hub PATH

PATH holds loopback_hub.py, as for small.py, whose stored runs it reads: those of a data set and seed with 100, 300,
1,000 and 3,000 rows. Prints a line of a Markdown table for each pair of runs. Trains nothing but the baseline.
"""

import argparse
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from quality import hub  # noqa: E402
from small import ROWS, SETS, draw_rows, stored  # noqa: E402

from distill_core.evaluation import metrics  # noqa: E402
from distill_core.evaluation.doubling import doubling, rising  # noqa: E402
from distill_core.evaluation.objective import SINGLE_LABEL  # noqa: E402

HEADS = ("rows of", "", "seed", "baseline, doubled", "95 %", "rising", "teacher", "student", "seconds")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hub", type=Path, required=True, help="the folder that holds loopback_hub.py")
    given = parser.parse_args()
    runs = {(one["set"], one["rows"], one["seed"]): one for one in stored().values() if "scores" in one}
    print(f"| {' | '.join(HEADS)} |\n" + "|---" * len(HEADS) + "|")
    with hub(given.hub):
        for name in SETS:
            for rows, more in zip(ROWS, ROWS[1:], strict=False):
                for seed in sorted({seed for _, _, seed in runs}):
                    few, many = runs.get((name, rows, seed)), runs.get((name, more, seed))
                    if few and many:
                        gains = [100 * (many["scores"][of] - few["scores"][of]) for of in ("teacher", "student")]
                        print(line(name, rows, seed, gains), flush=True)


def line(name: str, rows: int, seed: int, gains: list[float]) -> str:
    """A line of the table: the doubling on the rows of a run, and the gains of its models from three times as many."""
    drawn = draw_rows(name, rows, seed)[0] or []
    labels = sorted({row[-1] for row in drawn})
    texts, answers = [tuple(row[:-1]) for row in drawn], [labels.index(row[-1]) for row in drawn]
    metric = metrics.resolve_metric("auto", "auto", answers, len(labels))
    began = time.process_time()
    found = doubling(texts, answers, range(len(texts)), [True] * len(texts), len(labels), len(texts[0]) == 2, metric,
                     SINGLE_LABEL, seed)  # fmt: skip
    cells = [name, f"{rows:,}", str(seed)]
    if found:
        cells += [f"{100 * found['difference']:+.1f}", f"{100 * found['low']:+.1f} to {100 * found['high']:+.1f}"]
    cells += ["yes" if found and rising(found) else "no", *(f"{gain:+.1f}" for gain in gains)]
    return f"| {' | '.join([*cells, f'{time.process_time() - began:.1f}'])} |"


if __name__ == "__main__":
    main()
