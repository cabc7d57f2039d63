"""An estimate beside the run it is of: seconds a stage, texts, memory.

    python benchmarks/estimate.py
    python benchmarks/estimate.py --task sst2 --limit 2000 --teacher owner/name

Survey and run go on in this process, one after the other, in an empty home, and their stages are timed by the seconds
of processor they took (a machine that is busy with other things is no fault of the estimate) and by the clock.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from distill_core import Config, tasks
from distill_core.cache import Cache
from distill_core.environment import peak_memory
from distill_core.estimation import cost, profiling
from distill_core.pipeline.distill import distill
from distill_core.teacher import catalog, loading


def main() -> None:
    """Prints one line a stage, and one for the whole."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for knob, kind in (("task", str), ("limit", int), ("teacher", str)):
        parser.add_argument(f"--{knob}", type=kind)
    config = Config.of(**{name: value for name, value in vars(parser.parse_args()).items() if value is not None})
    torch.set_num_threads(1)  # as a worker does
    rows = tasks.load_dataset(config)
    loading.load_teacher(catalog.teacher_name(config), rows.labels, rows.pair, config)  # a survey downloads nothing
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        began = time.thread_time()
        list(profiling.profile(config, home, Cache(home / "paces")))
        print(f"survey: {time.thread_time() - began:.1f} s")
        told = cost.estimate(config, cost.known_measurements(config, Cache(home / "paces")))
        assert told is not None
        began, all_began = time.thread_time(), time.thread_time()
        print(f"{'stage':10} estimate  processor  clock")
        for event in distill(config, home / "run", Cache(home / "cache")):
            if event.kind == "stage_ended":
                spent, began = time.thread_time() - began, time.thread_time()
                print(
                    f"{event.stage:10} {told.stages[event.stage]:8.1f} {spent:10.1f} {event.seconds:6.1f}", flush=True
                )
            elif event.kind == "fact" and event.name == "transfer":
                print(f"texts: estimate {told.texts:,}, made {event.value['texts']:,}")
        spent = time.thread_time() - all_began
        print(f"in all {told.seconds:.1f} ({told.low:.0f} to {told.high:.0f}), processor {spent:.1f}: "
              f"{told.seconds / spent - 1:+.0%}; memory {(told.memory or 0) / 1e6:.0f} MB, "
              f"peak {(peak_memory() or 0) / 1e6:.0f} MB")  # fmt: skip


if __name__ == "__main__":
    main()
