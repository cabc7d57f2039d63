"""Validation of a run from elsewhere: every value is checked before the store and the page see it.

Raises DataError with one sentence. Knows nothing of zips; texts stay as they are, for the page escapes all of them.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path, PureWindowsPath
from typing import Annotated, Any, Literal, TypeVar, overload

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from distill_core.config.knobs import names_of, path_names
from distill_core.config.presets import KnobValues
from distill_core.config.schema import MOST_TOKENS, Config
from distill_core.config.validation import requirement
from distill_core.errors import DataError, UserError
from distill_core.evaluation.objective import stored_objective
from distill_core.evaluation.summary import CheckedSummary, Count, Label, Metric, ObjectiveName, Share, Summary
from distill_core.events import ENDED, KINDS, ROWS, STAGES, Compared, Ended, Event, Fact, Note
from distill_core.json_types import JsonObject
from distill_core.messages import Message, message, restore_message, unreadable_reason, validated
from distill_core.runs.queries import RunColumns

DEPTH, LINE = 16, 1 << 20
EVENTS, POINTS, TEXTS = 20_000, 500_000, 200_000
FILES = path_names()
TEACHER = re.compile(r"builtin|kept:[0-9a-f]{4,40}|[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?", re.ASCII)
DATA_SET = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}(:[\w.-]{1,95})?", re.ASCII)

BASE64 = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$"  # of a byte at least

Value = Annotated[float, Field(allow_inf_nan=False, ge=-1e39, le=1e39)]  # of a curve: a loss that diverges comes far
Time = Annotated[float, Field(allow_inf_nan=False, ge=0, le=1e11)]
Shares = Annotated[list[Share], Field(min_length=1)]
UnpackedRun = tuple[RunColumns, list[tuple[float, Event]], list[tuple[str, int, float]]]
EventLine = tuple[Time, str, JsonObject]
Point = tuple[Annotated[str, Field(max_length=100)], Count, Value | None]
Sides = Annotated[list[str], Field(min_length=1, max_length=2)]
M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")
_CLOSED = ConfigDict(strict=True, extra="forbid")
_EXTENSIBLE = ConfigDict(strict=True, extra="allow")  # what a newer version adds travels along


class ManifestEntry(BaseModel):
    """Manifest entry of one member."""

    model_config = _CLOSED
    bytes: Count
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class RunFile(BaseModel):
    """Content of run.json."""

    model_config = _CLOSED
    id: Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9_-]{21})?$")]
    name: Annotated[str, Field(max_length=200)]
    note: Annotated[str, Field(max_length=10_000)]
    task: Annotated[str, Field(max_length=100)]
    status: str
    stage: Annotated[str, Field(max_length=100)]
    message: Annotated[str, Field(max_length=10_000)]
    created: Time
    started: Time | None
    ended: Time | None


class EventCounts(BaseModel):
    """Numbers of an event: they are added up and divided."""

    model_config = _EXTENSIBLE
    seconds: Time = 0.0
    done: Count = 0
    total: Count = 0
    left: Time | None = None


Word = Annotated[str, Field(pattern=r"^[\w.+:-]{1,60}$")]


class ProvenanceFile(BaseModel):
    """Provenance of a run: words and numbers without markup."""

    model_config = _CLOSED
    rows: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    versions: Annotated[dict[Word, Word], Field(max_length=30)]
    device: Word
    machine: Annotated[str, Field(pattern=r"^[\w.+:-]{0,60}$")]


class FamiliaritySettings(BaseModel):
    """Familiarity in a student's settings."""

    model_config = _EXTENSIBLE
    surprisals: Annotated[str, Field(max_length=3_000_000, pattern=BASE64)]
    mean: Value
    deviation: Annotated[float, Field(gt=0, le=1e6)]
    threshold: Value


class StudentSettings(BaseModel):
    """Settings of a student, as far as memory and its answers depend on them."""

    model_config = _EXTENSIBLE
    labels: Annotated[list[Label], Field(min_length=1, max_length=10_000)]
    objective: ObjectiveName = "single_label"
    pair: bool
    student: Annotated[str, Field(max_length=100)]
    entries: Annotated[int, Field(ge=1, le=2_000_000)]
    width: Annotated[int, Field(ge=1, le=1024)]
    max_tokens: Annotated[int, Field(ge=1, le=MOST_TOKENS)]
    cut: Literal["head", "head_tail"] = "head"
    temperature: Annotated[float, Field(gt=0, le=1e6)] = 1.0
    defer: Annotated[dict[str, Annotated[float, Field(ge=0, le=1)]], Field(max_length=20)] = {}
    familiarity: FamiliaritySettings | None = None


@cache  # making one takes far longer than what it then checks
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


@cache
def _event_adapter(kind: str) -> TypeAdapter[Any]:
    return TypeAdapter(KINDS[kind])


def is_teacher(name: Any) -> bool:
    """Whether a teacher's name means the same on every machine: no folder."""
    return isinstance(name, str) and TEACHER.fullmatch(name) is not None and not Path(name).is_dir()


def parse_json(content: bytes, where: str) -> Any:
    """JSON value of `content`. Raises DataError."""
    try:
        value = json.loads(content.decode("utf-8"), parse_constant=_refuse_constant)
        _check_limits(value)
    except (ValueError, RecursionError) as error:
        raise DataError(message("{where} can't be read: {why}.", where=where, why=unreadable_reason(error))) from None
    return value


def manifest(value: Any, where: str) -> dict[str, ManifestEntry]:
    """Manifest members, by name. Raises DataError."""
    return _validate(_adapter(dict[str, ManifestEntry]), value, _member_of("manifest.json", where))


def read_run(folder: Path, where: str) -> UnpackedRun:
    """Run of the unpacked members in `folder`: its row, (time, event) and (series, step, value). Members that stay
    files are checked in place. Raises DataError."""
    about = _validate(RunFile, _file(folder / "run.json", where), _member_of("run.json", where))
    if about.status not in ENDED or about.stage not in ("", *STAGES):
        raise DataError(message(
            "{where} holds a run that is {status}. Only a run that has ended can be imported.", where=where,
            status=repr(about.status[:40])))  # fmt: skip
    config = _config(_file(folder / "config.json", where), where)
    compared = _file(folder / "summary.json", where) if (folder / "summary.json").is_file() else None
    summary = None if compared is None else _summary(compared, where)
    events = list(_events(folder / "events.jsonl", where))
    points = list(_points(folder / "points.jsonl", where))
    _texts(folder / "texts.jsonl", summary, where)
    _teacher(folder / "teacher.json", where)
    _student(folder / "student", where)
    row: RunColumns = {
        "id": about.id, "name": about.name, "note": about.note, "task": about.task, "config": config,
        "summary": summary, "status": about.status, "stage": about.stage,
        "message": _last_message(about.message, events), "created": about.created, "started": about.started,
        "ended": about.ended,
    }  # fmt: skip
    return row, events, points


def _last_message(message: str, events: list[tuple[float, Event]]) -> Message:
    """Last message of the run with its message data, which stand in the event of that message."""
    sources = (event for _, event in reversed(events) if isinstance(event, Note | Ended))
    messages = ((event.text if isinstance(event, Note) else event.message, event.made) for event in sources)
    return restore_message(message, next((data for text, data in messages if text == message), None))


def _config(value: Any, where: str) -> KnobValues:
    """Config of the run. Files are known by name alone, and the sender's consent to pickles does not count here."""
    config: KnobValues = _validate(_adapter(KnobValues), value, _member_of("config.json", where))
    for knob in FILES:
        value = config.get(knob)
        if isinstance(value, list):
            config[knob] = [one if DATA_SET.fullmatch(str(one)) else _file_name(one) for one in value]
        elif value is not None:
            config[knob] = _file_name(value)
    return config | {"allow_pickle": False}


def _file_name(path: Any) -> str:
    return PureWindowsPath(str(path)).name  # knows both kinds of slashes


def _summary(value: Any, where: str) -> Summary:
    """The summary as JSON, each sentence of its verdict with its message data where those are true."""
    place = _member_of("summary.json", where)
    _validate(_adapter(CheckedSummary), value, place, strict=None)  # strict where its types say so
    summary: Summary = value
    if "verdict" not in summary:
        return summary
    findings = [(finding[0], finding[1], finding[2] if len(finding) == 3 else None) for finding in summary["verdict"]]
    steps = summary.get("next_steps")
    if steps is not None:
        summary = {**summary, "next_steps": [
            {**step, "message": validated(step["message"], step["cause"])} for step in steps
        ]}  # fmt: skip
    return {**summary, "verdict": [(level, text, validated(data, text)) for level, text, data in findings]}


def _events(file: Path, where: str) -> Iterator[tuple[float, Event]]:
    for number, line in enumerate(_lines(file, where), 1):
        place = _line_of(number, "events.jsonl", where)
        when, kind, body = _validate(_adapter(EventLine), line, place, strict=False)  # JSON has no tuples
        if number > EVENTS:
            raise DataError(message("{where} holds more than {most:,} events.", where=where, most=EVENTS))
        if kind not in KINDS:
            continue  # of a newer version
        event = _validate(_event_adapter(kind), body, place, strict=False)
        _validate(EventCounts, body, place)
        if isinstance(event, Compared):
            event = Compared(dict(_summary(event.summary, where)))
        if isinstance(event, Fact) and event.name == "metric":  # a key into every score
            _validate(_adapter(Metric), event.value, place)
        if isinstance(event, Fact) and event.name == "provenance":  # which the student's card tells
            _validate(ProvenanceFile, event.value, place)
        if isinstance(event, Note | Ended):
            text = event.text if isinstance(event, Note) else event.message
            event = replace(event, made=validated(event.made, text))
        if isinstance(event, Ended) and event.status not in ENDED:
            raise DataError(message("{where} ends the run as {status}, which is no end of one.", where=place,
                                   status=repr(event.status[:40])))  # fmt: skip
        yield when, event


def _points(file: Path, where: str) -> Iterator[tuple[str, int, float]]:
    for number, line in enumerate(_lines(file, where), 1):
        if number > POINTS:
            raise DataError(message("{where} holds more than {most:,} points.", where=where, most=POINTS))
        series, step, value = _validate(_adapter(Point), line, _line_of(number, "points.jsonl", where), strict=False)
        yield series, step, float("nan") if value is None else value


def _texts(file: Path, summary: Summary | None, where: str) -> None:
    labels, objective = summary.get("labels", []) if summary else [], stored_objective(summary or {})
    first: tuple[int, set[str]] | None = None  # the number of texts in a row, and whose answers are there
    for number, line in enumerate(_lines(file, where) if file.is_file() else (), 1):
        place = _line_of(number, "texts.jsonl", where)
        if number > TEXTS:
            raise DataError(message("{where} holds more than {most:,} texts.", where=where, most=TEXTS))
        row = _validate(_adapter(JsonObject), line, place)
        sides = _validate(_adapter(Sides), row.get("text"), place)
        shape = len(sides), set(row) & set(ROWS)
        first = first or shape
        if shape != first:
            raise DataError(message("{where} does not hold the same as the first line.", where=place))
        _validate(_adapter(Count), row.get("row", 0), place)
        _validate(_adapter(str), row.get("source", ""), place)
        if missing := {"student", "teacher"} - set(row):
            raise DataError(message("{where} lacks the answer of {row}.", where=place, row=repr(sorted(missing)[0])))
        answers = [_validate(_adapter(Shares), row[name], place) for name in ROWS if name in row]
        if not objective.is_label(row.get("label"), labels) or any(len(shares) != len(labels) for shares in answers):
            raise DataError(message("{where} does not fit the run's labels.", where=place))


def _teacher(file: Path, where: str) -> None:
    if file.is_file():
        fact = _file(file, where)
        if (
            not isinstance(fact, dict)
            or not isinstance(fact.get("fingerprint"), str)
            or not is_teacher(fact.get("name"))
        ):
            file.unlink()  # it means nothing here: the run is read without its teacher


def _student(folder: Path, where: str) -> None:
    if not folder.is_dir():
        return
    for file in folder.glob("*.json"):
        _file(file, where)
    for file in folder.glob("*.safetensors"):
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(file, framework="np"):
                pass
        except SafetensorError as error:
            raise DataError(message("{where} is not a safetensors file ({why}).", where=_member_of(file.name, where),
                                   why=str(error))) from None  # fmt: skip
    weights, settings = folder / "model.safetensors", folder / "student.json"
    if not weights.is_file() or not settings.is_file():
        raise DataError(message("The student in {where} is not whole: student.json and model.safetensors belong to it.",
                               where=where))  # fmt: skip
    value = _file(settings, where)
    checked = _validate(StudentSettings, value, _member_of("student.json", where))
    try:
        network = set(names_of(affecting=("network",))) - {"student"}  # of a kind that this version may not have
        Config.of(**{knob: value[knob] for knob in network if knob in value})
    except UserError as error:
        raise DataError(message("{where} can't be used ({why}). Give a file that “Export run” wrote.",
                               where=_member_of("student.json", where), why=error.args[0])) from None  # fmt: skip
    if checked.entries * checked.width > 8 * weights.stat().st_size:  # loading allocates what is claimed
        raise DataError(
            message("{where} claims a table that its weights do not hold.", where=_member_of("student.json", where))
        )


def _file(file: Path, where: str) -> Any:
    return parse_json(file.read_bytes(), _member_of(file.name, where))


def _lines(file: Path, where: str) -> Iterator[Any]:
    with file.open("rb") as lines:
        number = 0
        while line := lines.readline(LINE + 1):
            number += 1
            if len(line) > LINE:
                raise DataError(
                    message(
                        "{where} is longer than {most:,} bytes.", where=_line_of(number, file.name, where), most=LINE
                    )
                )
            yield parse_json(line, _line_of(number, file.name, where))


def _member_of(member: str, where: str) -> Message:
    return message("{member} of {name}", member=member, name=where)


def _line_of(number: int, member: str, where: str) -> Message:
    return message("Line {number:,} of {name}", number=number, name=_member_of(member, where))


@overload
def _validate(kind: type[M], value: object, where: Message) -> M: ...


@overload
def _validate(kind: TypeAdapter[T], value: object, where: Message, strict: bool | None = True) -> T: ...


def _validate(kind: Any, value: object, where: Message, strict: bool | None = True) -> object:
    """Validated value as an instance of `kind`, a model or a TypeAdapter. Raises DataError."""
    try:
        return (
            kind.validate_python(value, strict=strict) if isinstance(kind, TypeAdapter) else kind.model_validate(value)
        )
    except ValidationError as error:
        first = error.errors()[0]
        at = ".".join(str(step) for step in first["loc"])[:80]
        why = message("{key}: {why}", key=at, why=requirement(first)) if at else requirement(first)
        raise DataError(message("{where} can't be used ({why}). Give a file that “Export run” wrote.", where=where,
                               why=why)) from None  # fmt: skip


def _refuse_constant(word: str) -> Any:
    raise ValueError(message("{word} is no number of JSON", word=word))


def _check_limits(value: Any, depth: int = 0) -> None:
    """Check limits of a JSON value. Raises RecursionError where it is nested too deep, ValueError for half a character
    and for a boundless number."""
    if depth > DEPTH:
        raise RecursionError
    if isinstance(value, str):
        value.encode("utf-8")
    elif isinstance(value, int) and abs(value) >= 2**63:
        raise ValueError(message("a number has too many digits"))
    elif isinstance(value, float) and abs(value) == float("inf"):
        raise ValueError(message("a number is too large"))
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_limits(item, depth + 1)
    for key in value if isinstance(value, dict) else ():
        key.encode("utf-8")
