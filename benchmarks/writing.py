"""What a language model takes to write texts after rows: texts a second, by the number of lines that it writes at once.

    python benchmarks/writing.py MODEL ROWS

ROWS is a text file with one row a line. Prints a line for each number.
"""

import argparse
import random
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from distill_core.distillation.language_model import LanguageModel, locate  # noqa: E402
from distill_core.distillation.sources.generator import EXAMPLES  # noqa: E402

LINES, TOKENS = (16, 32, 48), 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model")
    parser.add_argument("rows", type=Path)
    given = parser.parse_args()
    rows = [line for line in given.rows.read_text(encoding="utf-8").splitlines() if line.strip()]
    model = LanguageModel(locate(given.model))
    for lines in LINES:
        started = time.thread_time()
        texts = model.write(random.Random(lines).sample(rows, EXAMPLES), lines, lines, TOKENS)
        seconds = time.thread_time() - started
        print(f"{lines} lines at once: {len(texts) / seconds:.1f} texts a second of one thread", flush=True)


if __name__ == "__main__":
    main()
