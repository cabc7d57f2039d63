"""What comes in from elsewhere, made up and damaged by the thousand: tables, configs, packed runs, models, ids.

    python -m benchmarks.torture_door           10,000 tables, configs, packed runs, 2,000 models, 50,000 ids
    python -m benchmarks.torture_door --tables 500 --configs 0 --packed 0 --models 0 --ids 0 --seed 7
    python -m benchmarks.torture_door --bombs   small files that would become huge, each in a process of its own
    python -m benchmarks.torture_door --check   exit code 1 where anything went wrong

Each input is either used or refused with one of our own errors. What goes wrong: another error, a message of more than
500 characters, more than 5 seconds for one input. One line a kind: how many were used and refused, what went wrong, and
the slowest; a seed draws the same inputs again.
"""

import argparse
import csv
import hashlib
import io
import json
import multiprocessing
import os
import random
import resource
import shutil
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

MB = 1_000_000
MOST_CHARACTERS, MOST_SECONDS, MOST_BYTES = 500, 5.0, 300 * MB
COUNTS = {"tables": 10_000, "configs": 10_000, "packed": 10_000, "models": 2_000, "ids": 50_000}
SHOWN = 5  # faults of a kind that are printed
ODD: tuple[Any, ...] = (
    None, True, 0, -1, 1, 2**31, 2**63, -(2**70), 0.5, -0.0, 1e308, float("inf"), float("nan"), "", " ", "a", "\ud800",
    "\0", "ü" * 3, "x" * 5_000, "../../etc/passwd", "=1+1", "<b>", "{0}", [], [None], ["a", "b"], [[[]]], {}, {"a": 1},
    {"": {}}, [1] * 500, {str(number): number for number in range(300)}, b"x", ("a",),
)  # fmt: skip


@dataclass
class Tally:
    """What became of the inputs of one kind."""

    kind: str
    used: int = 0
    refused: int = 0
    faults: list[str] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "")
    longest: int = 0
    seconds: float = 0.0

    def run(self, name: str, act: Callable[[], Any]) -> None:
        """Run `act` on one input."""
        from distill_core.errors import UserError

        began = time.process_time()
        try:
            act()
            self.used += 1
        except UserError as error:
            self.refused += 1
            self.longest = max(self.longest, len(str(error)))
            if len(str(error)) > MOST_CHARACTERS:
                self.faults.append(f"{name}: a message of {len(str(error)):,} characters: {str(error)[:100]}")
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a panic of native code is no Exception
            place = traceback.extract_tb(error.__traceback__)[-1]
            self.faults.append(f"{name}: {type(error).__name__} at {Path(place.filename).name}:{place.lineno}: {error}")
        spent = time.process_time() - began
        self.seconds += spent
        self.slowest = max(self.slowest, (spent, name))
        if spent > MOST_SECONDS:
            self.faults.append(f"{name}: {spent:.1f} seconds")

    def __str__(self) -> str:
        parts = [f"{self.used + self.refused + len(self.faults):,} {self.kind}: {self.used:,} used",
                 f"{self.refused:,} refused", f"{len(self.faults):,} faults", f"longest message {self.longest}",
                 f"slowest {self.slowest[0]:.2f} s ({self.slowest[1]})", f"{self.seconds:.0f} s in all"]  # fmt: skip
        kinds = Counter(fault.partition(": ")[2][:110] for fault in self.faults)
        return "\n".join([", ".join(parts), *(f"    {n} x {fault}" for fault, n in kinds.most_common(SHOWN))])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    for kind, count in COUNTS.items():
        parser.add_argument(f"--{kind}", type=int, metavar="N", help=f"{count:,} without this")
    parser.add_argument("--bombs", action="store_true", help="small files that would become huge, and nothing else")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--check", action="store_true", help="exit code 1 where anything went wrong")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="stillroom-door-") as folder:
        os.environ["STILLROOM_HOME"] = str(Path(folder) / "home")
        if given.bombs:
            tallies = [drop_bombs(Path(folder))]
        else:
            tallies = []
            for kind, count in COUNTS.items():
                wanted = count if getattr(given, kind) is None else getattr(given, kind)
                if wanted:
                    tallies.append(KINDS[kind](wanted, random.Random(f"{kind} {given.seed}"), Path(folder)))
                    print(tallies[-1], flush=True)
    return int(given.check and any(tally.faults for tally in tallies))


# ---- tables


def fuzz_tables(count: int, draw: random.Random, folder: Path) -> Tally:
    """Tables of every format, well made and then damaged; read, and prepared as a run's rows."""
    from distill_core import tasks
    from distill_core.config.schema import Config

    tally, makers = Tally("tables"), (csv_table, json_table, parquet_table, workbook_table)
    for number in range(count):
        ending, content = draw.choices(makers, weights=(6, 5, 2, 1))[0](draw)
        if draw.random() < 0.7:
            content = damaged(content, draw)
        file = folder / f"table{number}{ending if draw.random() < 0.9 else draw.choice(ENDINGS)}"
        file.write_bytes(content)
        config = Config.of(task="file", train=str(file))
        tally.run(file.name, lambda config=config: tasks.load_dataset(config))
        file.unlink()
    return tally


ENDINGS = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".parquet", ".xlsx", ".zip", "")


def random_rows(draw: random.Random) -> tuple[list[str], list[list[str]]]:
    if draw.random() < 0.6:
        common = ["a", "the", "good", "bad", "film", "soup", "cold", "warm", "dull", "plot"]
        return ["text", "label"], [[" ".join(draw.choices(common, k=6)), draw.choice("ab")] for _ in range(40)]
    names = [draw.choice(("text", "label", "sentence", "id", "", "x" * 3_000, "ü", "é\ud800"[:1])) + str(n) * (n > 1)
             for n in range(draw.randint(1, 6))]  # fmt: skip
    words = (
        "good",
        "bad",
        "film",
        "the",
        "",
        "a\nb",
        'say "so"',
        "x" * 30_000,
        "ha " * 300,
        "é",
        "=1",
        "0",
        "-1",
        "🙂",
    )
    rows = [[" ".join(draw.choices(words, k=draw.randint(0, 4))) for _ in names] for _ in range(draw.randint(0, 60))]
    for row in rows:
        row[-1] = draw.choice(("a", "b", "c"))
    return names, rows


def csv_table(draw: random.Random) -> tuple[str, bytes]:
    names, rows = random_rows(draw)
    delimiter, stream = draw.choice((",", ";", "\t", "|")), io.StringIO()
    csv.writer(stream, delimiter=delimiter).writerows([names, *rows])
    encoding = draw.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16", "cp1252", "cp1251"))
    return ".tsv" if delimiter == "\t" else ".csv", stream.getvalue().encode(encoding, "replace")


def json_table(draw: random.Random) -> tuple[str, bytes]:
    names, rows = random_rows(draw)
    values: list[Any] = [dict(zip(names, row, strict=True)) for row in rows]
    for _ in range(draw.randint(0, 4)):
        if values:
            place = draw.randrange(len(values))
            values[place] = draw.choice((draw.choice(ODD), {draw.choice(names): draw.choice(ODD)}))
    shape = draw.randint(0, 6)
    whole: Any = {
        1: {"data": values}, 2: {"columns": names, "data": rows}, 
        3: {"columns": draw.choice(ODD), "data": draw.choice(ODD)},
        4: {name: [row[place] for row in rows] for place, name in enumerate(names)},
        5: {str(number): value for number, value in enumerate(values)}, 6: draw.choice(ODD),
    }.get(shape, values)  # fmt: skip
    if draw.random() < 0.5:
        return ".jsonl", "\n".join(as_json(value) for value in values).encode()
    return ".json", as_json(whole).encode()


def as_json(value: Any) -> str:
    return json.dumps(value, default=str)


def parquet_table(draw: random.Random) -> tuple[str, bytes]:
    import pyarrow
    from pyarrow import parquet

    names, rows = random_rows(draw)
    names = [f"{name}{place}" for place, name in enumerate(names)]
    columns: dict[str, Any] = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    kind = draw.randint(0, 5)
    extra = {
        1: [[1, 2]] * len(rows),
        2: [{"a": None}] * len(rows),
        3: [b"\xff"] * len(rows),
        4: [2**63 - 1] * len(rows),
    }
    table = pyarrow.table(columns | ({"extra": extra[kind]} if kind in extra else {}))
    if kind == 5 and rows:
        table = table.set_column(0, names[0], table.column(0).dictionary_encode())
    stream = io.BytesIO()
    parquet.write_table(table, stream, compression=draw.choice(("none", "snappy", "zstd", "gzip")))
    return ".parquet", stream.getvalue()


def workbook_table(draw: random.Random) -> tuple[str, bytes]:
    from openpyxl import Workbook
    from openpyxl.utils.exceptions import IllegalCharacterError

    names, rows = random_rows(draw)
    book, stream = Workbook(), io.BytesIO()
    for row in (names, *rows):
        with suppress(IllegalCharacterError):
            book.active.append(row)
    book.save(stream)
    return ".xlsx", stream.getvalue()


def damaged(content: bytes, draw: random.Random) -> bytes:
    """The bytes with some of them cut, changed, doubled or put in."""
    bad = bytearray(content)
    for _ in range(draw.randint(1, 4)):
        place, how = draw.randrange(len(bad) + 1), draw.randint(0, 5)
        if how == 0:
            del bad[place : place + draw.choice((1, 10, 10_000))]
        elif how == 1 and place < len(bad):
            bad[place] = draw.randrange(256)
        elif how == 2:
            bad[place:place] = bad[place : place + draw.choice((1, 20, 500))]
        elif how == 3:
            bad[place:place] = draw.choice(
                (b'"', b",", b"\n", b"\0", b"[", b"{", b"\xff\xfe", b"\x80", b"\\", b"[" * 3_000)
            )
        elif how == 4:
            bad = bad[:place]
        elif len(bad) > 16:
            bad[place : place + 8] = draw.randbytes(8)
    return bytes(bad)


# ---- configs and ids


def fuzz_configs(count: int, draw: random.Random, folder: Path) -> Tally:
    """Configs with odd values and names, some with hundreds of them."""
    from distill_core.config.schema import Config

    tally, names = Tally("configs"), [*Config.model_fields, "preset", "size"]
    for number in range(count):
        values = {draw.choice(names): odd_value(draw) for _ in range(draw.choice((1, 1, 2, 3, 8, 60)))}
        for _ in range(draw.choice((0, 0, 0, 1, 300))):
            values[draw.choice(("é", "\ud800", "", "x" * 2_000, "tasc", "__class__")) + str(draw.randint(0, 999))] = 1
        tally.run(f"config {number}", lambda values=values: Config.of(**values).fingerprint("task"))
    return tally


def odd_value(draw: random.Random) -> Any:
    if draw.random() < 0.02:
        deep: Any = "a"
        for _ in range(draw.choice((50, 5_000))):
            deep = [deep]
        return deep
    if draw.random() < 0.3:
        return ",".join(str(one)[:50] for one in draw.choices(ODD, k=3))
    return draw.choice(ODD)


def fuzz_ids(count: int, draw: random.Random, folder: Path) -> Tally:
    """Ids of models and data sets, and of a folder's name in their place."""
    from distill_core.hub.client import parse_id

    tally = Tally("ids")
    pieces = ("owner", "/", "name", "..", "--", ".", "~", "\\", "http://", "https://huggingface.co/", "@", "?x=1", "#",
              "datasets/", "\0", "\ud800", " ", "é", "%2e%2e", "a" * 200, "[::1]", "127.0.0.1", "\n")  # fmt: skip
    for number in range(count):
        text = "".join(draw.choices(pieces, k=draw.randint(0, 7)))

        def act(text: str = text) -> None:
            found = parse_id(text)
            assert ".." not in found and len(found.split("/")) < 3 and found.isascii(), found

        tally.run(f"id {number} {text[:40]!r}", act)
    return tally


# ---- packed runs


def fuzz_packed(count: int, draw: random.Random, folder: Path) -> Tally:
    """Packed runs with changed members under an honest manifest; what is taken in is asked, scored and exported."""
    import distill_core as core

    tally, file = Tally("packed runs"), packed_run(folder)
    with zipfile.ZipFile(file) as given:
        whole = {name: given.read(name) for name in given.namelist()}
    del whole["manifest.json"]
    for number in range(count):
        members = dict(whole)
        for _ in range(draw.choice((1, 1, 1, 2, 4))):
            name = draw.choice(sorted(members))
            members[name] = changed_member(name, members[name], draw)
        changed, out = folder / "changed.zip", folder / f"out{number}"
        pack(changed, members)

        def act(changed: Path = changed, out: Path = out) -> None:
            run = core.import_run(changed)
            use(run, out)
            run.delete()
            shutil.rmtree(Path(os.environ["STILLROOM_HOME"]) / "runs" / run.id)

        tally.run(f"packed {number} {name}", act)
        shutil.rmtree(out, ignore_errors=True)
    core.close()
    return tally


def use(run: Any, out: Path) -> None:
    """Ask of a run all that the page asks of one."""
    import distill_core as core
    from distill_core.errors import UserError

    out.mkdir()
    run.report()
    run.points()
    for act in (
        lambda: list(run.texts()), lambda: core.ask(run.id, "a warm film"), lambda: core.activations(run.id, "a film"),
        lambda: core.alignment(run.id, "a film"), lambda: core.save_scored(run.id, out / "scored.csv"),
        lambda: core.export(run.id, out / "student"), lambda: run.doubtful_rows(scored=True),
    ):  # fmt: skip
        with suppress(UserError):
            act()


def packed_run(folder: Path) -> Path:
    """A small run of the built-in teacher, packed."""
    import distill_core as core
    from distill_core.config.schema import Config
    from distill_core.runs import archive, job
    from distill_core.runs.store import Store

    rows = folder / "rows.csv"
    texts = [f"a {mood} film, number {number}" for number in range(30) for mood in ("warm and funny", "cold and dull")]
    rows.write_text(
        "text,label\n" + "".join(f'"{text}",{"positive" if "warm" in text else "negative"}\n' for text in texts)
    )
    config = Config.of(task="file", train=str(rows), n_iter=1, neighbours=0, width=8, hidden=8, fc=8, batch=8, epochs=1,
                       evaluations=1, max_tokens=16, teacher="builtin", vectors="random", leaks="keep")  # fmt: skip
    store, said = Store(folder / "sender"), list[Any]()
    run = store.create(config.model_dump())
    store.transition(run, ["queued"], "running")
    job.run_job(job.Job(run, config.model_dump(), store.folder(run), folder / "cache"), said.append, bool)
    store.append(run, said)
    file = archive.export_run(store, run, folder / "run.zip")
    store.close()
    assert core.import_run(file).summary, said[-1]
    return file


def pack(file: Path, members: dict[str, bytes]) -> None:
    entries = {name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
               for name, content in members.items()}  # fmt: skip
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("manifest.json", json.dumps({"format": 1, "members": entries}))
        for name, content in members.items():
            archive.writestr(name, content)


def changed_member(name: str, content: bytes, draw: random.Random) -> bytes:
    """A member with one of its values changed, or damaged."""
    if name.endswith(".safetensors") or draw.random() < 0.15:
        return damaged(content, draw)
    lines = content.split(b"\n") if name.endswith(".jsonl") else [content]
    place = draw.randrange(len(lines))
    with suppress(ValueError):
        value = json.loads(lines[place])
        change_value(value, draw)
        lines[place] = as_json(value).encode()
    return b"\n".join(lines)


def change_value(value: Any, draw: random.Random) -> None:
    """Change a value somewhere in a tree of lists and objects: another one in its place, or none."""
    while isinstance(value, list | dict) and value:
        key = draw.choice(list(value)) if isinstance(value, dict) else draw.randrange(len(value))
        if isinstance(value[key], list | dict) and value[key] and draw.random() < 0.75:
            value = value[key]
        elif draw.random() < 0.3:
            del value[key]
            return
        else:
            value[key] = draw.choice(ODD)
            return


# ---- models


def fuzz_models(count: int, draw: random.Random, folder: Path) -> Tally:
    """Folders with a small model whose config, tokenizer or weights were changed; loaded, and asked some texts."""
    from distill_core.config.schema import Config
    from distill_core.teacher import loading

    tally, whole = Tally("models"), small_model(folder / "model")
    files = {file.name: file.read_bytes() for file in whole.iterdir()}
    place = folder / "changed"
    for number in range(count):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        name = draw.choice(sorted(files))
        for one, content in files.items():
            (place / one).write_bytes(changed_member(name, content, draw) if one == name else content)

        def act() -> None:
            teacher = loading.load_teacher(str(place), ("bad", "good"), False, Config())
            teacher.logits([("a warm film",), ("\u2603 " * 40,), ("[MASK]",)])
            teacher.static_vectors(["film", "dull"])

        tally.run(f"model {number} {name}", act)
    return tally


def small_model(folder: Path) -> Path:
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz", "warm", "film", "dull"]
    torch.manual_seed(0)
    config = BertConfig(vocab_size=len(pieces), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                        intermediate_size=16, max_position_embeddings=64, id2label={0: "bad", 1: "good"},
                        label2id={"bad": 0, "good": 1})  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)
    BertTokenizer(vocab={piece: number for number, piece in enumerate(pieces)}).save_pretrained(folder)
    return folder


# ---- small files that would become huge


def drop_bombs(folder: Path) -> Tally:
    """Read and prepare each bomb in a process of its own, as the page does: what it costs in all."""
    context, tally = multiprocessing.get_context("fork"), Tally("bombs")
    for name, make in BOMBS.items():
        file = folder / name
        make(file)
        pipe, theirs = context.Pipe(duplex=False)
        process = context.Process(target=drop_bomb, args=(theirs, file))
        process.start()
        theirs.close()
        try:
            seconds, memory, outcome = pipe.recv()
        except EOFError:
            seconds, memory, outcome = 0.0, 0, "the process died"
            tally.faults.append(f"{name}: {outcome}")
        process.join()
        size = file.stat().st_size
        print(f"{name:24} {size / MB:7.3f} MB  {seconds:5.1f} s {memory / MB:6,.0f} MB  {outcome}", flush=True)
        tally.refused += 1
        tally.slowest = max(tally.slowest, (seconds, name))
        if seconds > MOST_SECONDS * max(1, size / MB) or memory > MOST_BYTES * max(1, size / MB):
            tally.faults.append(f"{name}: {seconds:.1f} s and {memory / MB:,.0f} MB")
        file.unlink()
    print(tally)
    return tally


def drop_bomb(pipe: Any, file: Path) -> None:
    """What it costs to prepare the rows of a file: CPU seconds and bytes of the child that reads it."""
    import distill_core.tasks  # noqa: F401  what every process of the page has loaded
    from distill_core import bounded
    from distill_core.api.session import _load_rows
    from distill_core.config.schema import Config
    from distill_core.errors import UserError

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    bounded.isolate(multiprocessing.get_context("fork"))
    try:
        outcome = f"{len(_load_rows(Config.of(task='file', train=str(file))).train):,} training rows"
    except UserError as error:
        outcome = str(error)[:110]
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    pipe.send((spent.ru_utime + spent.ru_stime, max(0, spent.ru_maxrss - before) * 1024, outcome))


def labelled(texts: Iterable[str]) -> str:
    return "text,label\n" + "".join(f"{text},{'ab'[number % 2]}\n" for number, text in enumerate(texts))


def parquet_bomb(column: Callable[[], Any]) -> Callable[[Path], None]:
    def make(file: Path) -> None:
        import pyarrow
        from pyarrow import parquet

        values = column()
        table = pyarrow.table({"text": values, "label": pyarrow.array(["a"] * len(values))})
        parquet.write_table(table, file, compression="zstd")

    return make


def dictionary() -> Any:
    import pyarrow

    return pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 256, "int32"), pyarrow.array(["x" * 3_000_000]))


def long_cell() -> Any:
    import pyarrow

    return pyarrow.array(["x" * 1_000_000_000])


def long_list() -> Any:
    import pyarrow

    return pyarrow.array([["a"] * 50_000_000], pyarrow.list_(pyarrow.string()))


def workbook_bomb(file: Path) -> None:
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in (["text", "label"], *(["the same text", "ab"[number % 2]] for number in range(130_000))):
        sheet.append(row)
    book.save(file)


def text_bomb(content: Callable[[], str]) -> Callable[[Path], None]:
    return lambda file: file.write_text(content(), encoding="utf-8") and None


BOMBS: dict[str, Callable[[Path], None]] = {
    "dictionary.parquet": parquet_bomb(dictionary), "cell.parquet": parquet_bomb(long_cell),
    "list.parquet": parquet_bomb(long_list), "rows.xlsx": workbook_bomb,
    "objects.json": text_bomb(lambda: "[" + "{}," * 63_000_000 + "{}]"),
    "objects-1mb.json": text_bomb(lambda: "[" + "{}," * 330_000 + "{}]"),
    "keys.jsonl": text_bomb(lambda: "\n".join(f'{{"a{number}":1}}' for number in range(60_000))),
    "lines.jsonl": text_bomb(lambda: "\n" * 199_000_000), "lines-1mb.csv": text_bomb(lambda: "a\n" + "\n" * 1_000_000),
    "wide.tsv": text_bomb(lambda: "text\tlabel\n" + "a\t" * 30_000_000),
    "wide-1mb.csv": text_bomb(lambda: "text,label\n" + "," * 1_000_000),
    "quotes.csv": text_bomb(lambda: "text,label\n" + '",\n' * 330_000),
    "nested.json": text_bomb(lambda: "[" * 1_000_000),
    "one-word.csv": text_bomb(lambda: labelled("ha " * (10 + number) for number in range(800))),
    "two-words.csv": text_bomb(lambda: labelled("ab cd " * (100 + n // 2) + f"x{n}" for n in range(800))),
    "random-words.csv": text_bomb(lambda: labelled(random_words(number) for number in range(800))),
    "one-letter.csv": text_bomb(lambda: labelled("z" * 20_000 + str(number) for number in range(50))),
    "addresses.csv": text_bomb(lambda: labelled("a@" * 9_000 + str(number) for number in range(50))),
    "apostrophes.csv": text_bomb(lambda: labelled("a'" * 500 + str(number) for number in range(1_000))),
    "thai.csv": text_bomb(lambda: labelled("\u0e01" * (100 + number) for number in range(800))),
    "signs.csv": text_bomb(lambda: labelled("!" * (18_000 + number) for number in range(50))),
    "many-rows.csv": text_bomb(lambda: labelled(f"{number}" for number in range(120_000))),
}  # fmt: skip


def random_words(number: int) -> str:
    return " ".join(random.Random(number).choices("ab", k=600))


KINDS: dict[str, Callable[[int, random.Random, Path], Tally]] = {
    "tables": fuzz_tables, "configs": fuzz_configs, "packed": fuzz_packed, "models": fuzz_models, "ids": fuzz_ids,
}  # fmt: skip

if __name__ == "__main__":
    sys.exit(main())
