"""A served student under load beside the same student in a plain loop: texts a second, latency, memory.

    python -m benchmarks.serve FOLDER

FOLDER is an exported student. The server is a process of its own, and so is the client, which keeps so many
connections busy for some seconds; both share the machine, as the plain loop does not. Texts are words of the student's
vocabulary. Appends a table to RESULTS.md.
"""

import argparse
import asyncio
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import httpx  # noqa: E402
from quality import commit, machine, now  # noqa: E402

from distill_core.evaluation.export import draw_texts  # noqa: E402
from distill_core.student.runtime import load  # noqa: E402

SECONDS = 6.0
TEXTS = 2_000


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "RESULTS.md")
    given = parser.parse_args()
    student, load_before = load(given.folder), os.getloadavg()[0]
    texts = [str(text) for text in draw_texts(list(student.vocabulary.tokenizer.get_vocab()), 1, TEXTS)]
    rows = []
    loops = {}
    for size in (1, 32):
        student(texts[:size])
        spent, begin, place = [], time.perf_counter(), 0
        while time.perf_counter() - begin < SECONDS:
            before = time.perf_counter()
            student([texts[(place + i) % TEXTS] for i in range(size)])
            spent.append(time.perf_counter() - before)
            place += size
        loops[size] = place / (time.perf_counter() - begin)
        rows.append(("plain loop", 1, size, loops[size], *percentiles(spent), 1.0))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-m", "distill_core", "serve", str(given.folder), "--port", str(port)],
                              cwd=ROOT)  # fmt: skip
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(address)
        for connections in (1, 8, 64):
            for size in (1, 32):
                with ProcessPoolExecutor(1) as client:
                    spent, seconds = client.submit(ask, address, texts, connections, size).result()
                rate = len(spent) * size / seconds
                rows.append(("served", connections, size, rate, *percentiles(spent), rate / loops[size]))
        memory = int(Path(f"/proc/{server.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)
    with given.out.open("a", encoding="utf-8") as out:
        print("\n## A served student\n", "    python -m benchmarks.serve FOLDER\n",
              f"Commit {commit()}, {now()}; {machine()}; load {load_before:.1f} before. Memory of the server "
              f"{memory:.0f} MB.\n",
              "| how | connections | texts a request | texts/s | 50 %, ms | 99 %, ms | of the plain loop |",
              "|---|---|---|---|---|---|---|", sep="\n", file=out)  # fmt: skip
        for how, connections, size, rate, middle, high, share in rows:
            print(
                f"| {how} | {connections} | {size} | {rate:,.0f} | {middle:.2f} | {high:.2f} | {share:.2f} |", file=out
            )


def percentiles(spent: list[float]) -> tuple[float, float]:
    """Median and 99th percentile, in milliseconds."""
    return 1000 * statistics.median(spent), 1000 * statistics.quantiles(spent, n=100)[98]


def wait_for(address: str) -> None:
    """Wait until the server answers."""
    for _ in range(300):
        try:
            httpx.get(f"{address}/health")
            return
        except httpx.TransportError:
            time.sleep(0.2)
    raise SystemExit("the server does not answer")


def ask(address: str, texts: list[str], connections: int, size: int) -> tuple[list[float], float]:
    """Seconds of each request, and in all."""

    async def one(client: httpx.AsyncClient, number: int, until: float) -> list[float]:
        spent, draw = [], random.Random(number)
        while (before := time.perf_counter()) < until:
            answer = await client.post("/predict", json={"texts": draw.sample(texts, size)})
            answer.raise_for_status()
            spent.append(time.perf_counter() - before)
        return spent

    async def every() -> tuple[list[float], float]:
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        async with httpx.AsyncClient(base_url=address, limits=limits, timeout=60) as client:
            await client.post("/predict", json={"texts": texts[:size]})
            begin = time.perf_counter()
            found = await asyncio.gather(*(one(client, number, begin + SECONDS) for number in range(connections)))
            return [seconds for part in found for seconds in part], time.perf_counter() - begin

    return asyncio.run(every())


if __name__ == "__main__":
    main()
