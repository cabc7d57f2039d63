"""What the first sieve of a text bank takes: seconds a line and the memory that the process grows by.

    python benchmarks/sieve.py BANK [TEACHER]

BANK is a text file with one text a line; the labelled rows are those of the built-in example. Prints one line.
"""

import argparse
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from distill_core.api.session import session  # noqa: E402
from distill_core.config.schema import Config  # noqa: E402
from distill_core.data.text_bank import count_texts, open_bank  # noqa: E402
from distill_core.distillation.nearest_texts import sieve  # noqa: E402
from distill_core.distillation.transfer_builder import SourceInputs  # noqa: E402
from distill_core.environment import peak_memory  # noqa: E402
from distill_core.teacher import fine_tuning  # noqa: E402

WANTED = 3_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("bank")
    parser.add_argument("teacher", nargs="?", default="builtin")
    given = parser.parse_args()
    config = Config.of(teacher=given.teacher, fine_tune=given.teacher != "builtin", limit=500)
    data = session.load_data(config)
    teacher = fine_tuning.load_untuned(config, data.labels) if config.fine_tune else session.load_teacher(config)
    lines, before, started = count_texts(given.bank, 10**9), peak_memory() or 0, time.thread_time()
    for _ in sieve(SourceInputs(data, config, teacher=teacher), open_bank(given.bank).texts, WANTED, lines):
        pass
    seconds, grown = time.thread_time() - started, ((peak_memory() or 0) - before) / 1e6
    print(f"{lines:,} lines, {1e6 * seconds / lines:.0f} µs of one thread a line, {grown:.0f} MB more", given.teacher)


if __name__ == "__main__":
    main()
