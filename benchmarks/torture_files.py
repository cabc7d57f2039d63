"""What becomes of a run when files break, disks fill and processes die: counts, and what was lost.

    python -m benchmarks.torture_files                  every kind of file, broken in every way
    python -m benchmarks.torture_files --only logits    the files whose names hold that
    python -m benchmarks.torture_files --faults 60      a fault at 60 of a run's writes, flushes and renames (all: 9999)
    python -m benchmarks.torture_files --kills 30       -9 to worker, app and both at random moments of tiny runs
    python -m benchmarks.torture_files --stops 50       Stop at random moments: seconds, and what it leaves
    python -m benchmarks.torture_files --disk           a disk that fills while a run computes (Linux, as root)
    python -m benchmarks.torture_files --check          exit code 1 where anything was lost

Right is: the same weights, bit for bit; or, where what was broken can't be made anew, one of our own sentences. Every
run here is tiny (60 rows, the built-in teacher, a bag of words), so that hundreds of cases take minutes.
"""

import argparse
import contextlib
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("OMP_NUM_THREADS", "1")

from distill_core import ExportedRow  # noqa: E402
from distill_core.config.schema import Config  # noqa: E402
from distill_core.errors import StillroomError  # noqa: E402
from distill_core.evaluation import latency  # noqa: E402
from distill_core.events import Compared, Ended, Event, Note, Point  # noqa: E402
from distill_core.faults import FULL, READ_ONLY, UNREADABLE, explain_fault  # noqa: E402
from distill_core.runs.job import Job, run_job  # noqa: E402
from distill_core.runs.store import Store  # noqa: E402

WORDS = "a film the soup was cold warm funny room quiet good bad she sings".split()  # noqa: SIM905
MIDDLE = "middle"
PLAIN = "plain-run-of-the-bench"  # an id as runs have them
WAYS = ("cut", "empty", "zeros", "gone", "bit in its head", "bit in its middle", "bit in its tail")
RIGHT = ("same", "sentence")
MODELS: tuple[ExportedRow, ...] = ("student", "control", "floor")
ACTS: tuple[tuple[Any, str], ...] = (
    (Path, "write_bytes"), (Path, "write_text"), (Path, "mkdir"), (os, "fsync"), (os, "replace"), (os, "rename"),
    (os, "link"),
)  # fmt: skip
STOP_SECONDS = 3.0
SECONDS = 240.0  # in which a run must end, dead or alive


def make_rows(folder: Path) -> Path:
    """A table of 60 rows by chance."""
    draw, file = random.Random(0), folder / "rows.csv"
    rows = [f"{' '.join(draw.choices(WORDS, k=7))},{draw.choice(['positive', 'negative'])}" for _ in range(60)]
    file.write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    return file


def config_of(rows: Path, **knobs: Any) -> Config:
    """A tiny run that has every stage."""
    few = {"epochs": 6, "teacher_epochs": 2, "n_iter": 2, "max_tokens": 16, "patience": 0, "hidden": 8, "fc": 8}
    return Config.of(task="file", train=str(rows), teacher="builtin", student="bag", teach_anyway=True,
                     vocabulary="pieces", unseen="nearest", **few | knobs)  # fmt: skip


def carry_out(
    config: Config, home: Path, name: str, points: int | None = None, stop: Callable[[], bool] = lambda: False,
    heard: list[Event] | None = None,
) -> str:  # fmt: skip
    """Carry a run out in this process as a worker does, up to that many points of its student's curve or until `stop`;
    says what became of it. `heard` gets its events."""
    os.environ["STILLROOM_HOME"] = str(home)
    events: list[Event] = [] if heard is None else heard

    def enough() -> bool:
        seen = [event for event in events if isinstance(event, Point) and event.series.startswith("student")]
        return stop() or (points is not None and len(seen) >= points)

    folder = home / "runs" / name
    with contextlib.redirect_stderr(io.StringIO()):  # what a worker writes to its log
        try:
            folder.mkdir(parents=True, exist_ok=True)
            run_job(Job(name, config.model_dump(), folder, home / "cache", home=home), events.append, enough)
        except OSError as error:  # which the queue tells, where no worker began
            return f"sentence: {explain_fault(error, home) or f'mistake: {error}'}"
    ended = events[-1]
    assert isinstance(ended, Ended)
    if ended.status == "failed":
        return f"{'mistake' if ended.trace else 'sentence'}: {ended.message}"
    return ended.status


def weights(home: Path, name: str) -> bytes:
    """The student's weights, b"" where there are none."""
    file = home / "runs" / name / "student" / "model.safetensors"
    return file.read_bytes() if file.is_file() else b""


def broken(content: bytes, way: str) -> bytes | None:
    """Content of a file that was broken in one of the WAYS; None for one that is gone."""
    changed = bytearray(content)
    if way == "cut":
        del changed[len(changed) // 2 :]
    elif way == "empty":
        changed.clear()
    elif way == "zeros":
        changed[:] = bytes(len(changed))
    elif changed:
        changed[{"head": 0, MIDDLE: len(changed) // 2, "tail": -1}.get(way.split()[-1], 0)] ^= 1
    return None if way == "gone" else bytes(changed)


class Bench:
    """A home with a finished run, a stopped one and a kept teacher, to be copied and broken again and again."""

    def __init__(self, folder: Path):
        latency.SECONDS = 0.0  # how quick the students are is no matter here
        self.folder, self.home = folder, folder / "home"
        self.rows = make_rows(folder)
        self.plain, self.tuned = config_of(self.rows), config_of(self.rows, fine_tune=True, seed=2)
        heard: dict[str, list[Event]] = {PLAIN: [], "tuned": []}
        for name, config in ((PLAIN, self.plain), ("tuned", self.tuned)):
            end = carry_out(config, self.home, name, heard=heard[name])
            assert end == "finished", end
        self.expected = {name: weights(self.home, name) for name in (PLAIN, "tuned")}
        for points in (3, 6):  # twice, for a checkpoint and the one before it
            carry_out(self.plain, self.home, "stopped", points)
        assert (self.home / "runs" / "stopped" / "student.ckpt.before").is_file(), "it was too quick to be stopped"
        store = Store(self.home)
        store_run(store, PLAIN, self.plain, heard[PLAIN])
        for _ in range(20):
            store.append(store.create({"task": "file"}), [Point("student/loss", step, 0.5) for step in range(20)])
        store.close()
        with self.copy() as home:
            assert (whole := read(home, read_run)) == "same", whole

    @contextlib.contextmanager
    def copy(self) -> Iterator[Path]:
        """A copy of the home, thrown away afterwards."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            home = Path(folder) / "home"
            shutil.copytree(self.home, home)
            yield home

    def files(self) -> list[Path]:
        """One file of each kind there is, relative to the home."""
        kinds: dict[str, Path] = {}
        for file in sorted(self.home.rglob("*")):
            place = file.relative_to(self.home)
            if not file.is_file() or place.parts[0] in ("locks",) or place.parts[1:2] == ("tests",):
                continue
            if place.parts[0] == "runs" and place.parts[1] == "tuned":
                continue
            kind = "/".join([*place.parts[:2], place.name]) if place.parts[0] == "cache" else place.as_posix()
            kinds.setdefault(kind if place.parts[0] != "teachers" else f"teachers/{place.name}", place)
        return list(kinds.values())

    def outcome(self, place: Path, home: Path) -> str:
        """What becomes of all that reads the broken file; what is made anew is read twice, for it must be as good."""
        ends = []
        for again in range(2 if place.parts[0] in ("cache", "teachers") else 1):
            if place.parts[0] == "teachers":
                ends.append(self.compare(self.tuned, home, f"again{again}", "tuned"))
                ends.append(read(home, lambda: use_teacher(self.plain, place, home)))
            elif place.parts[0] == "cache":
                ends.append(self.compare(self.plain, home, f"again{again}", PLAIN))
            elif place.parts[:2] == ("runs", "stopped"):
                ends.append(self.compare(self.plain, home, "stopped", PLAIN))
            elif place.parts[:2] == ("runs", PLAIN):
                ends.append(read(home, read_run))
            else:
                ends.append(read(home, lambda: read_store(home)))
        return next((end for end in ends if end.partition(":")[0] not in RIGHT), ends[0])

    def compare(self, config: Config, home: Path, name: str, like: str) -> str:
        """Carry the run out and compare its weights with those of the undisturbed one."""
        end = carry_out(config, home, name)
        if end != "finished":
            return end
        return "same" if weights(home, name) == self.expected[like] else "other weights"


def read(home: Path, act: Callable[[], object]) -> str:
    """What comes of reading: "same" for no complaint at all."""
    import distill_core as core

    os.environ["STILLROOM_HOME"] = str(home)
    try:
        act()
    except StillroomError as error:
        return f"sentence: {error}"
    except BaseException as error:  # a tokenizer's panic is no Exception
        return f"mistake: {type(error).__name__}: {' '.join(str(error).split())[:160]}"
    finally:
        core.close()
    return "same"


def use_teacher(config: Config, place: Path, home: Path) -> None:
    """Load the kept teacher by its name."""
    from distill_core.teacher import loading

    if (home / "teachers" / place.parts[1]).is_dir():
        loading.load_teacher(f"kept:{place.parts[1][:12]}", ("negative", "positive"), False, config)


def store_run(store: Store, name: str, config: Config, events: list[Event]) -> None:
    """A row of the list of runs for a finished run that was carried out beside it."""
    summary = next(event.summary for event in events if isinstance(event, Compared))
    now = time.time()
    store.import_run(
        {"id": name, "name": "", "note": "", "task": "file", "config": config.model_dump(), "summary": summary,
         "status": "finished", "stage": "compare", "message": "", "created": now, "started": now, "ended": now},
        [(now, event) for event in events if not isinstance(event, Point)],
        [(event.series, event.step, event.value) for event in events if isinstance(event, Point)],
    )  # fmt: skip


def read_run() -> None:
    """Ask of a finished run all that the page asks of one; the first complaint comes last, when all was asked."""
    import distill_core as core

    run, text = core.run(PLAIN), "a warm film"
    complaints: list[StillroomError] = []
    with tempfile.TemporaryDirectory() as out:
        for act in (
            run.report, run.points, lambda: list(run.texts()), run.doubtful_rows, lambda: core.ask(PLAIN, text),
            lambda: core.activations(PLAIN, text), run.same_teacher,
            *(lambda row=row: core.predictor(PLAIN, row)([text]) for row in MODELS),
            *(lambda row=row: core.export(PLAIN, Path(out) / row, row) for row in MODELS),
            lambda: core.save_scored(PLAIN, Path(out) / "scored.csv"),
            lambda: core.import_run(core.export_run(PLAIN, Path(out) / "run.zip")),
        ):  # fmt: skip
            try:
                act()
            except StillroomError as error:
                complaints.append(error)
    if complaints:
        raise complaints[0]


def read_store(home: Path) -> None:
    """All that reads and writes the list of runs."""
    from distill_core.runs.recovery import recover_orphans

    store = Store(home)
    try:
        recover_orphans(store)
        for row in store.runs(100, search="file", sort="accuracy"):
            store.timed_events(row.id)
            store.points(row.id)
        store.append(store.create({"task": "file"}), [Point("student/loss", 1, 0.5)])
    finally:
        store.close()


def break_files(bench: Bench, only: str) -> list[str]:
    """Break every kind of file in every way; returns what was lost."""
    lost, found = [], Counter[str]()
    for place in bench.files():
        if only and not fnmatch(place.as_posix(), f"*{only}*"):
            continue
        said = Counter[str]()
        for way in WAYS:
            with bench.copy() as home:
                content = broken((home / place).read_bytes(), way)
                (home / place).unlink()
                if content is not None:
                    (home / place).write_bytes(content)
                end = bench.outcome(place, home)
            said[end.partition(":")[0]] += 1
            if end.partition(":")[0] not in RIGHT:
                lost.append(f"{place}, {way}: {end}")
        found += said
        print(f"{place}: {', '.join(f'{count} {what}' for what, count in said.items())}", flush=True)
    print(f"{found.total()} broken files: {dict(found)}")
    return lost


def inject_faults(bench: Bench, faults: int) -> list[str]:
    """So many faults, spread over all writes of a run in an empty home; from that write on the disk refuses for good,
    and at every other fault Stop is pressed. The run must say what happened, and, once the disk takes writes again, end
    with the weights of an undisturbed one and find no file that is neither the old one nor the new."""
    with tempfile.TemporaryDirectory(dir=bench.folder) as folder, faulty() as whole:
        carry_out(bench.plain, Path(folder), "one")
    cases = [(code, moment) for moment in range(1, whole.writes + 1) for code in (*FULL, *UNREADABLE, *READ_ONLY)]
    cases = cases[:: max(1, len(cases) // faults)][:faults]
    lost, found = [], Counter[str]()
    for number, (code, moment) in enumerate(cases):
        with tempfile.TemporaryDirectory(dir=bench.folder) as folder:
            home, begin = Path(folder), time.monotonic()
            with faulty(moment, code) as disk:
                stop = (lambda disk=disk: disk.refused) if number % 2 else (lambda: False)
                end = carry_out(bench.plain, home, "one", stop=stop)
            seconds, notes = time.monotonic() - begin, list[Event]()
            again = carry_out(bench.plain, home, "one", heard=notes)
            if again == "finished":
                again = "same" if weights(home, "one") == bench.expected[PLAIN] else "other weights"
            half = [event.text for event in notes if isinstance(event, Note) and "damaged" in event.text]
            what = end.partition(":")[0]
            found[what] += 1
            if number % 20 == 19:
                print(f"{number + 1} of {len(cases)} faults, {len(lost)} lost", flush=True)
            if what not in ("sentence", "finished", "stopped") or again != "same" or half or seconds > SECONDS:
                lost.append(f"{os.strerror(code)} at write {moment} of {whole.writes}: {end}; then {again} {half}")
    print(f"{found.total()} faults at {whole.writes} writes of a run: {dict(found)}, {len(lost)} lost")
    return lost


class Disk:
    """A disk: how many writes it has seen, and whether it has `refused` one."""

    writes = 0
    refused = False


@contextlib.contextmanager
def faulty(moment: int | None = None, code: int = 0) -> Iterator[Disk]:
    """Context in which the disk refuses from that write on for good; what it takes of a file then is its first half."""
    disk, whole = Disk(), {act: getattr(*act) for act in ACTS}

    def counting(act: tuple[Any, str]) -> Callable[..., Any]:
        def call(*values: Any, **options: Any) -> Any:
            disk.writes += 1
            if moment is None or disk.writes < moment:
                return whole[act](*values, **options)
            disk.refused = True
            if act == (Path, "write_bytes") and code in FULL:
                whole[act](values[0], bytes(values[1])[: len(values[1]) // 2])
            raise OSError(code, os.strerror(code), str(values[0]) if values else None)

        return call

    for act in ACTS:
        setattr(*act, counting(act))
    try:
        yield disk
    finally:
        for act, function in whole.items():
            setattr(*act, function)


APP = """
import json, sys, time
import distill_core as core
from distill_core.api.session import session
core.open_app()
queue = session.queue()
given, ended = sys.argv[2:], sys.argv[1].split()
for line in given:
    core.start(core.Config.of(**json.loads(line)))
while True:
    pids = [one.pid for one in list(queue._workers.values()) if one.pid]
    runs = core.list_runs(20)
    for one in runs:
        if one.status in ended and not queue._workers:
            session.queue().resume(one.id)
    print(json.dumps([pids, {one.id: one.status for one in runs}]), flush=True)
    time.sleep(0.05)
"""


class App:
    """An app in a process of its own, that says what runs, and resumes by hand what `ended` so."""

    def __init__(self, home: Path, *configs: Config, ended: str = "interrupted"):
        environment = {**os.environ, "STILLROOM_HOME": str(home), "PYTHONPATH": str(ROOT)}
        lines = [json.dumps(config.model_dump()) for config in configs]
        code = [sys.executable, "-c", APP, ended, *lines]
        self.process = subprocess.Popen(code, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        text=True)  # fmt: skip

    def look(self) -> tuple[list[int], dict[str, str]]:
        """Workers' process ids, and the runs' statuses by their ids. Raises EOFError where the app has ended."""
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise EOFError
        pids, statuses = json.loads(line)
        return pids, statuses

    def kill(self) -> None:
        """Kill the app."""
        self.process.kill()
        self.process.wait()


def alive(pid: int) -> bool:
    """Whether the process still computes."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def kill_processes(bench: Bench, kills: int) -> list[str]:
    """Kill worker, app and both at random moments until so many have died; every run must end with the same weights."""
    lost: list[str] = []
    draw, done, runs = random.Random(kills), 0, 0
    orphaned: list[float] = []
    while done < kills:
        with tempfile.TemporaryDirectory(dir=bench.folder) as folder:
            home, until = Path(folder), time.monotonic() + SECONDS
            app, runs = App(home, bench.plain), runs + 1
            statuses: dict[str, str] = {}
            strikes = min(draw.randint(2, 3), kills - done)
            strike = time.monotonic() + draw.uniform(0.5, 6)
            try:
                while set(statuses.values()) != {"finished"} and time.monotonic() < until:
                    pids, statuses = app.look()
                    if not strikes or time.monotonic() < strike or not pids:
                        continue
                    whom = draw.choice(("worker", "app", "both"))
                    if whom != "app":
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(pids[0], signal.SIGKILL)
                    if whom != "worker":
                        app.kill()
                        since = time.monotonic()
                        while any(map(alive, pids)) and time.monotonic() < since + 20:
                            time.sleep(0.01)
                        orphaned.append(time.monotonic() - since)
                        app = App(home)
                    done, strikes = done + 1, strikes - 1
                    strike = time.monotonic() + draw.uniform(0.3, 5)
            finally:
                app.kill()
            for run, status in statuses.items():
                if status != "finished":
                    lost.append(f"kill {done}: run {run} is {status} after {SECONDS:.0f} s")
                elif weights(home, run) != bench.expected[PLAIN]:
                    lost.append(f"kill {done}: run {run} has other weights")
            half = [str(file) for file in home.glob("runs/*/.*")]
            if half:
                lost.append(f"half-written files stayed: {half}")
        print(f"{done} kills in {runs} runs, {len(lost)} lost", flush=True)
    worst = f", workers gone at most {max(orphaned):.2f} s after their app" if orphaned else ""
    print(f"{done} kills in {runs} runs: {len(lost)} lost{worst}")
    return lost


def stop_runs(bench: Bench, stops: int) -> list[str]:
    """Stop runs at random moments; each must be over within seconds and leave neither a process nor a file."""
    import distill_core as core
    from distill_core.api.session import session

    home, draw = bench.folder / "stopped", random.Random(stops)
    lost: list[str] = []
    os.environ["STILLROOM_HOME"] = str(home)
    seconds: list[float] = []
    long = bench.plain.model_copy(update={"epochs": 30})
    core.open_app()
    try:
        while len(seconds) < stops:
            seed = len(seconds) + 5  # no training is taken from the cache
            run = core.start(long.model_copy(update={"seed": seed, "fine_tune": seed % 2 == 0}))
            begin = time.monotonic() + draw.uniform(0.2, 5)
            while time.monotonic() < begin or run.status == "queued":
                time.sleep(0.02)
            stage, since = run.row.stage, time.monotonic()
            if run.stop() != "stopping":
                continue  # it has just ended
            while run.status in ("running", "stopping") and time.monotonic() < since + SECONDS:
                time.sleep(0.02)
            seconds.append(time.monotonic() - since)
            if run.status not in ("stopped", "finished") or seconds[-1] > STOP_SECONDS:
                lost.append(f"a stop in the stage {stage} took {seconds[-1]:.1f} s, and the run is {run.status}")
        time.sleep(1)
        if left := [*session.queue()._workers, *map(str, home.glob("runs/*/.*"))]:
            lost.append(f"stops left {left}")
    finally:
        core.close()
    seconds.sort()
    print(f"{stops} stops: over in {seconds[len(seconds) // 2]:.2f} s in the middle, {seconds[-1]:.2f} s at most")
    return lost


def fill_disk(bench: Bench) -> list[str]:
    """Fill the disk while a run computes: it must end, with Stop and without, and go on when there is room."""
    home, lost = bench.folder / "small", []
    home.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(home)], check=False).returncode:
        print("no small disk can be mounted here: left out")
        return []
    long = bench.plain.model_copy(update={"epochs": 60})
    try:
        for stop in (False, True):
            app = App(home, long)
            until = time.monotonic() + SECONDS
            statuses: dict[str, str] = {}
            while "running" not in statuses.values() or not list(home.glob("runs/*/curve.jsonl")):
                statuses = app.look()[1]
            with contextlib.suppress(OSError), open(home / "filler", "wb", buffering=0) as filler:
                while True:
                    filler.write(bytes(4096))
            if stop:
                code = f"import distill_core as core; core.run({next(iter(statuses))!r}).stop()"
                subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT,
                               env={**os.environ, "STILLROOM_HOME": str(home)})  # fmt: skip
            while {"running", "stopping"} & set(statuses.values()) and time.monotonic() < until:
                statuses = app.look()[1]
            print(f"the disk is full{', and Stop was pressed' if stop else ''}: {[*statuses.values()]}")
            if {"running", "stopping"} & set(statuses.values()):
                lost.append(f"a full disk leaves a run {[*statuses.values()]}")
            app.kill()
            print(f"    {Store(home).run(next(iter(statuses))).message}")
            (home / "filler").unlink()
            app = App(home, ended="failed stopped interrupted")
            while statuses and set(statuses.values()) != {"finished"} and time.monotonic() < until:
                statuses = app.look()[1]
            app.kill()
            print(f"    there is room again: {[*statuses.values()]}")
            if set(statuses.values()) != {"finished"}:
                lost.append(f"after a full disk a run can't be resumed: {[*statuses.values()]}")
            shutil.rmtree(home / "runs")
            for file in home.glob("runs.db*"):
                file.unlink()
    finally:
        subprocess.run(["umount", "-l", str(home)], check=False)
    return lost


def main() -> int:
    """Do what the options say and print the counts; returns the exit code."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--only", default="", help="files whose names hold this, in which * stands for any letters")
    options.add_argument("--faults", type=int, metavar="N", help="so many faults at writes")
    options.add_argument("--kills", type=int, metavar="N", help="so many kills")
    options.add_argument("--stops", type=int, metavar="N", help="so many stops")
    options.add_argument("--disk", action="store_true", help="fill a small disk while a run computes")
    options.add_argument("--check", action="store_true", help="exit with 1 where anything was lost")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        bench = Bench(Path(folder))
        lost = []
        if given.faults:
            lost += inject_faults(bench, given.faults)
        if given.kills:
            lost += kill_processes(bench, given.kills)
        if given.stops:
            lost += stop_runs(bench, given.stops)
        if given.disk:
            lost += fill_disk(bench)
        if given.only or not (given.faults or given.kills or given.stops or given.disk):
            lost += break_files(bench, given.only)
    print("\n".join(["", *(f"LOST  {one}" for one in lost)]) if lost else "nothing was lost")
    return int(given.check and bool(lost))


if __name__ == "__main__":
    sys.exit(main())
