"""Every figure of the README's results table, run anew: what is finished stays, what was cut off goes on.

    python benchmarks/quality.py --hub PATH                     all entries, then table and picture
    python benchmarks/quality.py --hub PATH --only small,tiny   these alone
    python benchmarks/quality.py --list                         what there is, and what is done
    python benchmarks/quality.py --draw                         table and picture again, from what is stored

PATH holds loopback_hub.py, a Hub on loopback with the data sets and the teachers; it is served while this runs. What
stands after `--` is added to the command of every chosen entry: `--only paper -- --limit 2000`.

benchmarks/quality.json remembers the run of each entry and what came out. An entry is finished where that run is, and
its key fits: the digest of the run's whole config and of the source files that decide a result (RESULT_CODE).
`--any-code` compares the config alone. A run that was killed, stopped or interrupted is resumed at its last
checkpoint, in the STILLROOM_HOME of the day; a run that isn't there any more is started anew.
"""

import argparse
import importlib.util
import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
STATE = ROOT / "benchmarks" / "quality.json"
for name, value in {
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_DISABLE_XET": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}.items():
    os.environ.setdefault(name, value)

from distill_core.api import runs, session  # noqa: E402
from distill_core.cache import digest  # noqa: E402
from distill_core.cli.config_options import config_from_options  # noqa: E402
from distill_core.cli.parser import parse  # noqa: E402
from distill_core.cli.progress import progress_reporter  # noqa: E402
from distill_core.errors import UnknownRun, UserError  # noqa: E402

# All of distill_core but what only starts, stores, tells, shows or estimates a run.
NO_RESULT = {"api", "cli", "config/presets", "environment", "errors", "estimation", "evaluation/diagnostics",
             "evaluation/summary", "events", "hub", "messages", "progress", "runs", "student/activations",
             "student/model_card", "teacher/catalog", "__init__", "__main__"}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One run: `options` of the command line, `seeds` where several are asked for; `{phrases}` in the options is the
    file of SST-2's training texts without their labels."""

    name: str
    title: str
    options: str
    seeds: int = 1

    def command(self, seeds: int | None, more: list[str], phrases: Path) -> list[str]:
        """What would be typed after `python -m distill_core`."""
        wanted = seeds or self.seeds if self.seeds > 1 else 1
        several = ["--seeds", str(wanted)] if wanted > 1 else []
        return ["run", *shlex.split(self.options.format(phrases=phrases)), *several, *more]


MINILM = "--teacher sentence-transformers/all-MiniLM-L6-v2 --fine-tune"
READY = "--task sst2 --teacher stillroom/minilm-l6-sst2"
ENTRIES = (
    Entry("small", "SST-2, all phrases, teacher ready, small", f"{READY} --size small", 5),
    Entry("tiny", "SST-2, all phrases, teacher ready, tiny", f"{READY} --size tiny", 5),
    Entry("quick", "SST-2, all phrases, teacher ready, quick", f"{READY} --preset quick"),
    Entry("mrpc", "MRPC, 3,667 pairs, MiniLM fine-tuned here", f"--task mrpc {MINILM} --teacher-lr 1e-4", 3),
    Entry("snli", "SNLI, 8,605 pairs, MiniLM fine-tuned here", "--task hub --dataset local/snli-small --text premise "
          f"--text2 hypothesis --label label {MINILM} --teacher-lr 1e-4", 3),
    Entry("few", "SST-2, 2,000 labelled rows and no other text", f"--task sst2 --limit 2000 {MINILM}"),
    Entry("more", "SST-2, 2,000 labelled rows, the other phrases without labels",
          f"--task sst2 --limit 2000 {MINILM} --unlabelled {{phrases}} --n-iter 1"),
    Entry("students", "SST-2, all students of the shelf",
          f"{READY} --students bilstm,bilstm2,bigru,textcnn,transformer,bag"),
    Entry("curve", "SST-2, accuracy by texts", f"{READY} --learning-curve 0.02,0.05,0.1,0.25,0.5"),
    Entry("paper", "SST-2, the paper's settings with a MiniLM for BERT-large", f"{READY} --preset paper"),
)  # fmt: skip


def main() -> int:
    given, more = parsed(sys.argv[1:])
    chosen = [entry for entry in ENTRIES if not given.only or entry.name in given.only.split(",")]
    if unknown := set(filter(None, given.only.split(","))) - {entry.name for entry in ENTRIES}:
        print(f"There is no entry {', '.join(sorted(unknown))}. --list tells all.", file=sys.stderr)
        return 2
    if given.list:
        listing()
        return 0
    failed = []
    if not given.draw:
        if given.hub is None:
            print("--hub PATH is needed: the folder that holds loopback_hub.py.", file=sys.stderr)
            return 2
        with hub(given.hub) as phrases:
            for number, entry in enumerate(chosen, 1):
                say(f"[{number}/{len(chosen)}] {entry.name}: {entry.title}")
                command = entry.command(given.seeds, more, phrases)
                if not settle(entry, command, " ".join(more), given.any_code):
                    failed.append(entry.name)
    import draw

    for line in draw.everything(ENTRIES, state()):
        say(line)
    if failed:
        say(f"Not finished: {', '.join(failed)}.")
    return bool(failed)


def parsed(typed: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """The options of this script, and what stands after `--`."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hub", type=Path, help="the folder that holds loopback_hub.py")
    parser.add_argument("--only", default="", metavar="NAME,…")
    parser.add_argument("--seeds", type=int, help="instead of each entry's own number, where it has several")
    parser.add_argument("--any-code", action="store_true", help="what other code finished counts as finished")
    parser.add_argument("--list", action="store_true", help="the entries, and what is done")
    parser.add_argument("--draw", action="store_true", help="only table and picture")
    cut = typed.index("--") if "--" in typed else len(typed)
    return parser.parse_args(typed[:cut]), typed[cut + 1 :]


def settle(entry: Entry, command: list[str], more: str, any_code: bool) -> bool:
    """Finds the entry finished, resumes it or runs it; whether it is finished then. Whatever happens is stored. `more`
    is what was added to the entry's own command: the tables tell it."""
    try:
        config = config_from_options(parse(command))
    except UserError as error:
        say(f"  {error}")
        return False
    key = {"config": digest(config.model_dump()), "code": code()}
    known = state().get(entry.name, {})
    if known.get("status") == "finished" and fits(known["key"], key, any_code):
        say(f"  finished already, {known['when']}, commit {known['commit']}")
        return True
    run = earlier(known, key, any_code)
    load = os.getloadavg()[0]
    try:
        if run is None:
            run = runs.start(config, name=f"quality: {entry.name}")
        elif run.status != "finished":
            say(f"  goes on with run {run.id}, which is {run.status}")
            run.resume()
    except UserError as error:
        say(f"  {error}")
        return False
    shown = " ".join(map(shlex.quote, command)).replace(str(Path(tempfile.gettempdir())), "…")
    remember(entry.name, {"key": key, "run": run.id, "command": shown, "more": more, "status": "running", "when": now(),
                          "commit": commit(), "machine": machine(), "load": [round(load, 1), None]})  # fmt: skip
    with progress_reporter() as tell:
        for event in run.follow():
            tell(event)
    status, row = run.status, run.row
    found = state()[entry.name] | {"status": status, "when": now(), "message": row.message}
    found["load"][1] = round(os.getloadavg()[0], 1)
    found["seconds"] = {stage: round(seconds, 1) for stage, seconds in run.stages().items()}
    if row.summary:
        found["summary"] = {name: row.summary[name] for name in SUMMARY_KEYS if name in row.summary}
    remember(entry.name, found)
    say(f"  {status} after {sum(found['seconds'].values()):.0f} s. {row.message}".rstrip())
    return status == "finished"


SUMMARY_KEYS = ("metric", "scores", "gap_recovered", "kept", "agreement", "mcnemar", "differences", "members", "seeds",
        "students", "learning_curve", "rows", "scored_on", "labels", "teacher", "best_step", "steps")  # fmt: skip


def earlier(known: dict[str, Any], key: dict[str, str], any_code: bool) -> runs.Run | None:
    """The run of that entry, if it is the one now asked for and still there."""
    if not known or not fits(known["key"], key, any_code):
        return None
    try:
        return runs.find(known["run"])
    except UnknownRun:
        return None


def fits(known: dict[str, str], key: dict[str, str], any_code: bool) -> bool:
    """Whether what is known is what would come out now."""
    return known["config"] == key["config"] and (any_code or known["code"] == key["code"])


def code() -> str:
    """The digest of the source files that decide a result."""
    core = ROOT / "distill_core"
    names = {file: file.relative_to(core).with_suffix("") for file in sorted(core.rglob("*.py"))}
    files = [file for file, name in names.items() if not {name.parts[0], name.as_posix()} & NO_RESULT]
    return digest([[file.relative_to(core).as_posix(), file.read_text(encoding="utf-8")] for file in files])


@contextmanager
def hub(place: Path) -> Iterator[Path]:
    """Serves the Hub at `place` and makes it everybody's; gives the file of SST-2's training texts."""
    spec = importlib.util.spec_from_file_location("loopback_hub", place / "loopback_hub.py")
    assert spec and spec.loader, place
    served = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(served)
    with tempfile.TemporaryDirectory() as extra:
        served.installed_minilm(Path(extra))
        server, _ = served.start(place, extra)
        os.environ["HF_ENDPOINT"] = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield phrases(place)
        finally:
            session.close()
            server.shutdown()


def phrases(place: Path) -> Path:
    """SST-2's training texts, one a line, without labels; in the same place each time, for it is part of a config."""
    import pyarrow.parquet

    file = Path(tempfile.gettempdir()) / "sst2-phrases.txt"
    tables = sorted((place / "datasets/nyu-mll/glue/sst2").glob("train-*.parquet"))
    texts = [text for table in tables for text in pyarrow.parquet.read_table(table)["sentence"].to_pylist()]
    file.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return file


def state() -> dict[str, Any]:
    """What is known of each entry."""
    return json.loads(STATE.read_text(encoding="utf-8")) if STATE.is_file() else {}


def remember(name: str, known: dict[str, Any]) -> None:
    write(state() | {name: known}, STATE)


def write(known: dict[str, Any], file: Path) -> None:
    """Writes it whole or not at all: another of these may run, and each may be killed."""
    part = file.with_suffix(f".{os.getpid()}")
    part.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(file)


def listing() -> None:
    known = state()
    for entry in ENTRIES:
        found = known.get(entry.name, {})
        done = f"{found['status']} {found['when']}, commit {found['commit']}" if found else "not yet"
        seeds = f" --seeds {entry.seeds}" if entry.seeds > 1 else ""
        print(f"{entry.name:>9}  {entry.title}\n{'':>11}{entry.options}{seeds}\n{'':>11}{done}")


def now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"


def commit() -> str:
    git = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
    return git.stdout.strip()


def machine() -> str:
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
