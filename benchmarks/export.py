"""What an exported student weighs and how fast it answers, in each of its networks, raw text to label.

    python -m benchmarks.export RUN [--check] [--out FILE]
    python -m benchmarks.export --kinds [--out FILE]

Exports every student of a finished run and measures each of its networks in a process of its own, which loads the
exported folder as a stranger would: on one thread, in seconds of CPU, which other work on the machine changes less than
the clock. Appends a section to RESULTS.md; `--check` exits 1 where a limit is missed. `--kinds` measures
the ONNX networks alone, of every kind of student with drawn weights: which are no faster with weights of 8 bits.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

ROOT = Path(__file__).parent.parent
FIRST = 0.5  # seconds of CPU for one answer from the shell
ENTRIES = 2_462  # of the vocabulary of the built-in run
SHELL, ALONE, BATCHES = 3, 200, 3  # answers from the shell, texts one by one, times that all texts are read at once


def measure(folder: Path, network: str, texts: list[Any]) -> dict[str, Any]:
    """Figures of one network in this process, whose imports are that folder's alone."""
    began = time.process_time()
    sys.path.insert(0, str(folder))
    if network == "torch":
        import torch

        torch.set_num_threads(1)
    from predict import load  # the folder's own

    student = load(network=network)
    student(texts[:8])
    ready = time.process_time() - began
    alone, all_at_once = [], []
    for text in (texts * ALONE)[:ALONE]:
        start = time.process_time()
        student([text])
        alone.append(1000 * (time.process_time() - start))
    for _ in range(BATCHES):
        start = time.process_time()
        answers = student(texts)
        all_at_once.append(len(texts) / (time.process_time() - start))
    return {
        "ready": ready, "p50": statistics.median(alone), "p95": sorted(alone)[int(0.95 * ALONE)],
        "pace": statistics.median(all_at_once), "memory": peak_memory(),
        "labels": [one.label for one in answers],
    }  # fmt: skip


def peak_memory() -> float:
    """Most megabytes that this process has held; `ru_maxrss` counts what its parent held when it was forked."""
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1000


def first_answer(folder: Path, network: str, text: Any) -> float:
    """Median seconds of CPU, of user and system, that an answer from the shell takes."""
    flags = [] if network == "onnx" else [f"--{network}"]
    asked = ["--pair", *text] if isinstance(text, list) else [text]
    spent = []
    for _ in range(SHELL):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-I", folder / "predict.py", *flags, *asked], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(spent)


def rows_of(run: str, place: Path) -> Iterator[dict[str, Any]]:
    """Figures of each network of each student of the run."""
    import distill_core as core
    from distill_core.student import export
    from distill_core.student.runtime import NETWORKS

    ran = core.run(run)
    scored = [(tuple(one["text"]), one["label"]) for one in ran.texts()]
    texts = [list(text) if len(text) > 1 else text[0] for text, _ in scored]
    (place / "texts.json").write_text(json.dumps(texts))
    report = cast("dict[str, Any]", ran.report())
    for folder in sorted(file.parent for file in ran.folder.glob("student*/student.json")):
        out = export.export(folder, place / folder.name, report, scored)
        settings = json.loads((out / "student.json").read_text(encoding="utf-8"))
        answers: list[str] = []
        for network in ("torch", "onnx", "int8"):
            if not (out / NETWORKS[network]).is_file():
                yield {"student": settings["student"], "network": network, "why": settings["left_out"][network]}
                continue
            call = [sys.executable, __file__, "--measure", out, network, place / "texts.json"]
            done = subprocess.run(call, check=True, capture_output=True, text=True)
            found = json.loads(done.stdout)
            labels = found.pop("labels")
            answers = answers or labels
            right = sum(label == wanted for label, (_, wanted) in zip(labels, scored, strict=True))
            yield found | {
                "student": settings["student"], "network": network, "bytes": (out / NETWORKS[network]).stat().st_size,
                "first": first_answer(out, network, texts[0]), "texts": len(texts), "accuracy": right / len(texts),
                "flips": sum(one != other for one, other in zip(labels, answers, strict=True)),
            }  # fmt: skip


def kinds() -> Iterator[dict[str, Any]]:
    """Paces of every kind's ONNX network, and of the same with weights of 8 bits, in the shape of the built-in run."""
    import numpy as np
    import torch

    from distill_core.config.schema import Config
    from distill_core.registry import STUDENTS
    from distill_core.student import network, onnx_export, onnx_graph, persistence, runtime

    config, draw = Config(), np.random.default_rng(0)
    for kind in (name for name in STUDENTS.names if not persistence.has_own_network(name)):
        for pair in (False, True):
            vectors = torch.randn(ENTRIES, 64, generator=torch.Generator().manual_seed(0))
            student = network.Student(vectors, STUDENTS.get(kind).Encoder, 2, pair, config.hidden, config.fc).eval()
            graph, sides = onnx_graph.Graph(), onnx_graph.SIDES[: 1 + pair]
            onnx = graph.model(student.onnx(graph, sides), sides, 2)
            asked = [[draw.integers(1, ENTRIES, size).tolist() for size in draw.integers(8, 20, 2048)] for _ in sides]
            for name, file in (("onnx", onnx), ("int8", onnx_export.quantize(onnx))):
                pace, alone = paces(runtime.OnnxNetwork(file), asked)
                yield {"student": f"{kind}{', pairs' if pair else ''}", "network": name, "bytes": len(file),
                       "pace": pace, "p50": alone}  # fmt: skip


def paces(ready: Any, asked: list[list[list[int]]]) -> tuple[float, float]:
    """Rows a second, read in batches, and milliseconds of one row alone."""
    one = [side[:1] for side in asked]
    alone = cpu_seconds(lambda: [ready.run(one) for _ in range(100)]) / 100
    return len(asked[0]) / cpu_seconds(lambda: ready(asked)), 1000 * alone


def cpu_seconds(call: Callable[[], object]) -> float:
    """Median seconds of CPU of some calls, after a first one."""
    call()
    spent = []
    for _ in range(7):
        start = time.process_time()
        call()
        spent.append(time.process_time() - start)
    return statistics.median(spent)


def kinds_section(rows: list[dict[str, Any]], load: str) -> str:
    """One section of RESULTS.md."""
    lines = []
    for onnx, int8 in zip(rows[::2], rows[1::2], strict=True):
        lines.append(
            f"| {onnx['student']} | {onnx['bytes'] / 1e6:.2f}, {int8['bytes'] / 1e6:.2f} MB | {onnx['p50']:.3f}, "
            f"{int8['p50']:.3f} | {onnx['pace']:,.0f}, {int8['pace']:,.0f} | {int8['pace'] / onnx['pace']:.2f} |"
        )
    return (
        "\n## ONNX networks of 32 and of 8 bits\n\n    python -m benchmarks.export --kinds\n\n"
        f"{provenance(load)} Drawn weights, {ENTRIES:,} entries of 64 numbers, texts of 8 to 19 pieces, ids to logits, "
        "in CPU time on one thread; each cell has 32 and 8 bits.\n\n"
        "| student | file | one text, ms | texts/s, 256 at once | 8 bits are so much faster |\n|---|---|---|---|---|\n"
        + "\n".join(lines)
        + "\n"
    )


def provenance(load: str) -> str:
    """Commit, time and machine, as a line of RESULTS.md."""
    git = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
    return (
        f"Commit {git.stdout.strip()}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {platform.machine()}, {os.cpu_count()} "
        f"cores, Python {platform.python_version()}; load {load}, other jobs among it."
    )


def section(rows: list[dict[str, Any]], run: str, load: str) -> str:
    """One section of RESULTS.md."""
    lines = [
        f"| {row['student']} | {row['network']} | {row['why']} |||||||||"
        if "why" in row
        else f"| {row['student']} | {row['network']} | {row['bytes'] / 1e6:.2f} MB | {row['first']:.2f} s | "
        f"{row['ready']:.2f} s | {row['memory']:.0f} MB | {row['p50']:.2f} | {row['p95']:.2f} | {row['pace']:,.0f} | "
        f"{row['flips']:,} of {row['texts']:,} | {100 * row['accuracy']:.1f} % |"
        for row in rows
    ]
    return (
        f"\n## Exported students of run {run[:8]}\n\n"
        f"    python -m benchmarks.export {run[:8]}\n\n"
        f"{provenance(load)} Seconds and milliseconds are of CPU, on one thread, from raw text to label; flips are "
        "against torch.\n\n"
        "| student | network | file | first answer, shell | loaded | memory | one text, ms | 95 % | texts/s, all at "
        "once | flips | accuracy |\n" + "|---" * 11 + "|\n" + "\n".join(lines) + "\n"
    )


def main() -> int:
    """Measure, append, and say whether each limit was kept."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("run", nargs="?", help="its id, or the beginning of it")
    parser.add_argument("--kinds", action="store_true", help="measure every kind of student instead of a run's")
    parser.add_argument("--check", action="store_true", help="exit 1 where a limit is missed")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "RESULTS.md")
    given = parser.parse_args()
    if bool(given.run) == given.kinds:
        parser.error("name a run, or --kinds")
    load = f"{os.getloadavg()[0]:.1f}"
    if given.kinds:
        return append(kinds_section(list(kinds()), load), given.out)
    from distill_core.api.runs import find

    run = find(given.run).id
    with tempfile.TemporaryDirectory(prefix="stillroom-") as place:
        rows = list(rows_of(run, Path(place)))
    append(section(rows, run, load), given.out)
    onnx = [row for row in rows if row["network"] == "onnx"]
    missed = [row["student"] for row in onnx if "why" in row or row["first"] > FIRST or row["flips"]]
    return int(given.check and (not onnx or bool(missed)))


def append(text: str, results: Path) -> int:
    """Print a section and append it to the results; 0, as an exit code."""
    print(text)
    with results.open("a", encoding="utf-8") as out:
        out.write(text)
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        folder, network, texts = sys.argv[2:]
        print(json.dumps(measure(Path(folder), network, json.loads(Path(texts).read_text()))))
        sys.exit(0)
    sys.exit(main())
