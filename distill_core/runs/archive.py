"""Archive of a run as one file: a zip of JSON and safetensors, nothing that could run, each member under its sha256.

    manifest.json                   {"format": 1, "members": {name: {"bytes": n, "sha256": hex}}}
    run.json  config.json           the row, and the config
    summary.json                    the comparison, where the run came to one
    events.jsonl  points.jsonl      [time, kind, body] and [series, step, value], a line each
    texts.jsonl  teacher.json       the scored rows, and which teacher answered them
    student/…                       the distilled student, where there is one

What belongs to the sender's machine stays there: paths, tracebacks, checkpoints, the log, the rows that were learnt.
What comes in is foreign: only names of that list are read, never more bytes than the limits, and `archive_validation`
checks each value before the store sees it.
"""

import hashlib
import json
import math
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Any

from distill_core import bounded
from distill_core.bounded import Budget
from distill_core.cache import atomic_file
from distill_core.config.knobs import path_names
from distill_core.config.presets import KnobValues
from distill_core.config.schema import MODELS
from distill_core.environment import public_host
from distill_core.errors import DataError, UnknownPart, UnknownRun, UserError
from distill_core.events import ENDED, Ended, Event, Note
from distill_core.json_types import JsonObject
from distill_core.messages import message, os_error_reason
from distill_core.runs import archive_validation
from distill_core.runs.archive_validation import ManifestEntry, UnpackedRun
from distill_core.runs.queries import RunColumns, RunRecord
from distill_core.runs.store import Store, new_run_id
from distill_core.student.folder import current
from distill_core.tokenization import check_tokenizer

if TYPE_CHECKING:
    from distill_core.student.predictor import Predictor

FORMAT = 1
IMPORTED = "imported"
FILES = path_names()
MB = 1 << 20
LIMITS = {
    "manifest.json": MB, "run.json": MB, "config.json": MB, "summary.json": 16 * MB, "events.jsonl": 32 * MB,
    "points.jsonl": 64 * MB, "teacher.json": MB, "texts.jsonl": 256 * MB,
}  # fmt: skip
NEEDED = ("run.json", "config.json", "events.jsonl", "points.jsonl")
STUDENT = re.compile(r"student/[A-Za-z0-9][\w-]{0,60}\.(json|safetensors)", re.ASCII)
STUDENT_LIMIT = 1024 * MB
MEMBERS = 40
TOTAL, TOTAL_PUBLIC = 1536 * MB, 200 * MB
CHUNK = 1 << 16
PATH = re.compile(r"(?<![\w/.:])(?:[A-Za-z]:\\|/)(?:[^\s'\"/\\]+[/\\])+")  # an absolute path up to its last name


def export_run(store: Store, run: str, file: Path) -> Path:
    """Export the ended run to `file`, which appears complete or not at all. Raises UserError."""
    row = store.run(run)
    if row.example:
        raise UserError(message("Run {run} is an example that everybody has. Pack a run of your own.", run=run))
    if row.status not in ENDED:
        raise UserError(message("Run {run} has not ended ({status:status}). Wait for its end or stop it, then pack it.",
                               run=run, status=row.status))  # fmt: skip
    file = file.expanduser()
    if file.exists():
        raise UserError(message("{file} is there already. Name a new file.", file=str(file)))
    try:
        with atomic_file(file) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            members = dict(_write_member(archive, name, source) for name, source in _members(store, row))
            entries = {name: entry.model_dump() for name, entry in members.items()}
            archive.writestr("manifest.json", json.dumps({"format": FORMAT, "members": entries}, indent=1))
    except OSError as error:
        raise UserError(message("The run can't be written to {file} ({why}). Name a file in a folder of yours.",
                               file=str(file), why=os_error_reason(error))) from error  # fmt: skip
    return file


def _members(store: Store, row: RunRecord) -> Iterator[tuple[str, bytes | Path]]:
    """Members of the archive as (name, content or file)."""
    folder, bare = store.home / "runs" / row.id, _PathScrubber(row.config, store.home)
    about = {name: getattr(row, name) for name in ("name", "note", "task", "status", "created", "started", "ended")}
    # On a public host the id is the key to the sender's own run, and stays a secret.
    about |= {"id": "" if public_host() else row.id, "stage": row.stage, "message": bare.sentence(row.message)}
    yield "run.json", _json(about)
    yield "config.json", _json(bare.value(row.config))
    if row.summary is not None:
        yield "summary.json", _json(bare.value(row.summary))
    events = ([when, event.kind, bare.event(event)] for _, when, event in store.timed_events(row.id))
    yield "events.jsonl", _lines(events)
    points, _ = store.points(row.id)
    yield "points.jsonl", _lines([series, step, _finite(value)] for series, step, value in points)
    if row.summary is not None and (folder / "texts.jsonl").is_file():
        yield "texts.jsonl", folder / "texts.jsonl"
    fact: Any = None
    with suppress(OSError, ValueError):  # there is none, or it was damaged on the disk
        fact = json.loads((folder / "teacher.json").read_text(encoding="utf-8"))
    # a folder of this machine would be another one elsewhere, or none
    if isinstance(fact, dict) and archive_validation.is_teacher(fact.get("name")):
        yield "teacher.json", _json(fact)
    if student := current(folder / "student"):
        for each in sorted(student.iterdir()):
            if each.is_file() and STUDENT.fullmatch(f"student/{each.name}"):
                yield f"student/{each.name}", each


def _write_member(archive: zipfile.ZipFile, name: str, source: bytes | Path) -> tuple[str, ManifestEntry]:
    content = source.read_bytes() if isinstance(source, Path) else source
    archive.writestr(name, content)
    return name, ManifestEntry(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


class _PathScrubber:
    """Scrubber of this machine's paths in what leaves it: of a path only its last name stays."""

    def __init__(self, config: KnobValues, home: Path):
        values = [config[knob] for knob in (*FILES, *MODELS) if config.get(knob)]
        named = [str(name) for value in values for name in (value if isinstance(value, list) else [value])]
        known = {path: PureWindowsPath(path).name for path in named if Path(path).is_absolute()}
        known |= {str(home): "", str(Path.home()): "~"}
        self._known = [
            (re.compile(re.escape(path) + r"(?![\w-])"), known[path]) for path in sorted(known, key=len)[::-1]
        ]

    def value(self, value: Any) -> Any:
        """JSON value with every known path in it shortened."""
        return _map_strings(value, self._shortened)

    def _shortened(self, text: str) -> str:
        for path, short in self._known:
            text = path.sub(short.replace("\\", "\\\\"), text)  # as it stands, not as a template
        return text

    def sentence(self, text: str) -> str:
        """Sentence of ours without its paths, of which any may stand in it."""
        return PATH.sub("", self._shortened(text))

    def event(self, event: Event) -> JsonObject:
        """Event body without paths, and without the traceback."""
        body: JsonObject = self.value(event.body())
        if isinstance(event, Note):
            body["text"] = self.sentence(event.text)
        if isinstance(event, Ended):
            body |= {"message": self.sentence(event.message), "trace": ""}
        if isinstance(event, Note | Ended):
            body["made"] = _map_strings(event.made, self.sentence)
        return body


def _map_strings(value: Any, change: Callable[[str], str]) -> Any:
    """JSON value with `change` applied to every string in it."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _map_strings(item, change) for key, item in value.items()}
    return [_map_strings(item, change) for item in value] if isinstance(value, list | tuple) else value


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")


def _lines(values: Iterable[Any]) -> bytes:
    return b"".join(_json(value) + b"\n" for value in values)


def _finite(value: float) -> float | None:
    """Finite value, else None: JSON has no NaN, and the store has NULL for it too."""
    return value if math.isfinite(value) else None


# ---- import


def import_run(store: Store, file: Path, wanted: str = "") -> str:
    """Import the run of `file`; its id, the `wanted` one or its own, or a new one where that is in use. Raises
    DataError, and nothing is stored, where anything in the file is not as `export_run` writes it."""
    file = file.expanduser()
    place = Path(tempfile.mkdtemp(prefix=".import-", dir=store.home / "runs"))
    try:
        row, events, points = bounded.call(_unpack, file, place, name=file.name, budget=_budget(file))
        for name in ("run.json", "config.json", "summary.json", "events.jsonl", "points.jsonl"):
            (place / name).unlink(missing_ok=True)
        return _adopt(store, place, row, events, points, wanted)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _budget(file: Path) -> Budget:
    """Budget of unpacking and checking a run: several times what an honest one of its size needs [measured: 1 s and
    100 MB for 1.4 MB]. A visitor of a public host gets less."""
    size = 0
    with suppress(OSError):  # which the reading itself reports
        size = file.stat().st_size
    return Budget(seconds=(1 if public_host() else 3) * (5 + size / 1e6), memory=500 * MB + 15 * size, disk=2 * TOTAL)


def _unpack(file: Path, place: Path) -> UnpackedRun:
    """Run of the file: its members in the folder `place`, its row, events and points. Raises DataError."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = _checked(archive, file.name)
            for name in members:
                _read(archive, name, members[name], place)
        unpacked = archive_validation.read_run(place, file.name)
        _try_student(place / "student", file.name)
        return unpacked
    except FileNotFoundError:
        raise DataError(message(
            "There is no file {file}. Check the name and the folder.", file=repr(str(file)))) from None  # fmt: skip
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError) as error:
        raise DataError(message(
            "{name} can't be read as a run ({why}). Give a file that “Export run” wrote.", name=file.name,
            why=str(error))) from None  # fmt: skip
    except OSError as error:
        raise DataError(message("{file} can't be read: {why}. Check the name and its permissions.", file=file.name,
                               why=os_error_reason(error))) from None  # fmt: skip


def _checked(archive: zipfile.ZipFile, name: str) -> dict[str, ManifestEntry]:
    """Checked manifest: bytes and sha256 of each member, once it agrees with the zip's own list."""
    infos = {info.filename: info for info in archive.infolist()}
    if len(infos) > MEMBERS or len(infos) != len(archive.infolist()):
        raise DataError(message("{name} is not a run: it holds {n:,} members, or one of them twice.", name=name,
                               n=len(archive.infolist())))  # fmt: skip
    if "manifest.json" not in infos:
        raise DataError(message("{name} is not a run: it holds no manifest.json. Give a file that “Export run” wrote.",
                               name=name))  # fmt: skip
    manifest = archive_validation.parse_json(_bytes(archive, "manifest.json", LIMITS["manifest.json"]), name)
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        version = manifest.get("format") if isinstance(manifest, dict) else None
        raise DataError(message(
            "{name} has the format {said}, and this Stillroom reads {format}. Update the older of the two.", name=name,
            said=repr(version), format=FORMAT))  # fmt: skip
    members = archive_validation.manifest(manifest.get("members"), name)
    if set(members) | {"manifest.json"} != set(infos) or not set(NEEDED) <= set(members):
        raise DataError(
            message("{name} does not hold what its manifest says. It is damaged or was changed.", name=name)
        )
    for member, entry in members.items():
        if entry.bytes > _limit(member, name):
            raise DataError(message("{name} holds {member} with {n:,} bytes, more than a run can have.", name=name,
                                   member=member, n=entry.bytes))  # fmt: skip
    allowed = TOTAL_PUBLIC if public_host() else TOTAL
    if (total := sum(entry.bytes for entry in members.values())) > allowed:
        raise DataError(message(
            "{name} unpacks to {size:,.0f} MB; at most {most:,} MB can be imported here.", name=name,
            size=total / MB, most=allowed // MB))  # fmt: skip
    return members


def _limit(member: str, name: str) -> int:
    if STUDENT.fullmatch(member):
        return STUDENT_LIMIT
    if member not in LIMITS:
        raise DataError(message(
            "{name} holds {member}, which is no part of a run.", name=name, member=repr(member[:80])))  # fmt: skip
    return LIMITS[member]


def _bytes(archive: zipfile.ZipFile, member: str, most: int) -> bytes:
    with archive.open(member) as stream:
        content = stream.read(most + 1)
    if len(content) > most:
        raise DataError(message(
            "{name} holds {member} with more than {most:,} bytes.", name=Path(archive.filename or "").name,
            member=member, most=most))  # fmt: skip
    return content


def _read(archive: zipfile.ZipFile, member: str, entry: ManifestEntry, place: Path) -> None:
    """Read a member into its own file, up to the size in the manifest."""
    target = place / member  # one of our own names: `_limit` let no other pass
    target.parent.mkdir(exist_ok=True)
    digest, left = hashlib.sha256(), entry.bytes
    with archive.open(member) as stream, target.open("wb") as out:
        while left >= 0 and (chunk := stream.read(CHUNK)):
            left -= len(chunk)
            digest.update(chunk)
            out.write(chunk)
    if left or digest.hexdigest() != entry.sha256:
        raise DataError(message("{name} is damaged: {member} is not what its manifest says.",
                               name=Path(archive.filename or "").name, member=member))  # fmt: skip


def _try_student(folder: Path, name: str) -> None:
    """Load the student once and ask it: what is wrong with it is better reported now than when someone asks it."""
    if not folder.is_dir():
        return
    from distill_core.student import persistence

    try:
        check_tokenizer((folder / "tokenizer.json").read_text(encoding="utf-8"))
        _ask(persistence.read(folder))
    except UnknownPart:
        pass  # of a kind that this version does not have: the rest of the run is worth reading
    except UserError:
        raise
    except BaseException as error:  # the tokenizer's own panic is no Exception
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        raise DataError(message("The student in {name} can't be loaded ({error}). The file is damaged.", name=name,
                               error=type(error).__name__)) from None  # fmt: skip


def _ask(student: "Predictor") -> None:
    """Ask a student all that the page asks one. Raises what it raises, FloatingPointError where it answers with no
    finite numbers."""
    import numpy as np

    from distill_core.student import activations

    rows = [(text, text) if student.settings["pair"] else (text,) for text in ("a warm [MASK] film", "ü", "x " * 600)]
    if not np.isfinite(student.logits(rows)).all():
        raise FloatingPointError
    student([row if student.settings["pair"] else row[0] for row in rows])
    for row in rows[:2]:
        student.unknown_words(row)
        activations.to_dict(student, activations.read_activations(student, row))


def _adopt(
    store: Store,
    place: Path,
    row: RunColumns,
    events: Iterable[tuple[float, Event]],
    points: Iterable[tuple[str, int, float]],
    wanted: str,
) -> str:
    """Adopt the checked run: its files into a folder of its own, its rows into the store."""
    run = wanted or ("" if public_host() else row["id"]) or new_run_id()
    with suppress(UnknownRun):
        store.run(run)
        run = new_run_id()
    folder = store.home / "runs" / run
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:  # the same file is being imported beside us
        run = new_run_id()
        folder = store.folder(run)
    try:
        for item in place.iterdir():
            item.rename(folder / item.name)
        store.import_run({**row, "id": run, "origin": IMPORTED}, events, points)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return run
