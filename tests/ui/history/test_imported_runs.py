"""A real packed run with every part of it mangled in turn: it is refused in a sentence, or everything that shows a run
can show it."""

import copy
import csv
import json
import os
import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from archives import changed, read
from toy import TOY

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before Gradio is imported

import distill_core as core
from distill_core.api import session
from distill_core.cli import run_command
from distill_core.config.schema import Config
from distill_core.errors import DataError
from distill_core.evaluation import latency
from distill_core.events import Ended
from distill_core.runs import archive, job
from distill_core.runs.store import Store
from ui import endpoints
from ui.comparison import disagreements
from ui.components import header
from ui.history import overlay, run_list
from ui.learn import page
from ui.live import view
from ui.page import refill

MARKUP = "<img src=x onerror=hit()>"
WRONG = (None, MARKUP, -1, 1e300, [], {}, True, 0, 7.5, [MARKUP], {MARKUP: 1}, [[None]], "")
STUDENT = "student/"
EVENT = ("time", "kind", "body")
EACH = int(os.environ.get("STILLROOM_MANGLE_EACH", "13"))  # of the ways to mangle a run; 1 tries all, in minutes


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    session.close()


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory, tiny_teacher: Path) -> Path:
    """A run of several seeds, students and shares, packed."""
    place = tmp_path_factory.mktemp("sender")
    with (place / "rows.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *((text, label) for label in TOY for text in TOY[label])])
    config = Config.of(task="file", train=str(place / "rows.csv"), text="text", label="label", n_iter=1, width=8,
                       hidden=8, fc=8, batch=8, epochs=1, evaluations=1, max_tokens=16, teacher=str(tiny_teacher),
                       vectors="random", seeds=2, students=["bag"], learning_curve=[0.5])  # fmt: skip
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr(latency, "SECONDS", 0.01)
    store = Store(place / "home")
    run = store.create(config.model_dump(), name="Mine")
    store.transition(run, ["queued"], "running")
    said: list[Any] = []
    job.run_job(job.Job(run, config.model_dump(), store.folder(run), place / "cache"), said.append, bool)
    monkeypatch.undo()
    assert said[-1] == Ended("finished"), said[-1]
    store.append(run, said)
    store.close()
    file = archive.export_run(Store(place / "home"), run, place / "run.zip")
    shutil.rmtree(place / "home")
    return file


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where in a JSON value something stands. Of a list the first item alone, and of the rows of a comparison only
    the student's: they are all of one shape."""
    if at:
        yield at
    items = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    for key, item in items:
        if key in ("floor", "control", "teacher") and "student" in value:
            yield (*at, key)
        else:
            yield from places(item, (*at, key))


def mangled(value: Any) -> Iterator[tuple[str, Any]]:
    """(what was done, the value with one place of it gone or wrong)."""
    for number, at in enumerate(places(value)):
        for wrong in (..., None, MARKUP, *(WRONG[(number + more) % len(WRONG)] for more in range(3))):
            made = copy.deepcopy(value)
            holder = made
            for key in at[:-1]:
                holder = holder[key]
            if wrong is ...:
                del holder[at[-1]]
            else:
                holder[at[-1]] = wrong
            yield f"{'.'.join(map(str, at))} = {wrong!r}", made


def seen(run: str, steps: Any, other: str) -> None:
    """Everything that shows a run, for this one; no text of it comes out as markup."""
    asked = SimpleNamespace(query_params={"run": run})
    again = SimpleNamespace(query_params={"from": run})
    shown = steps.comparison.show(run)
    html = [part for part in shown.values() if isinstance(part, str)]
    json.loads(shown[steps.comparison.pictures] or "{}", parse_constant=float.fromhex)
    listed = run_list.list_runs({})
    html += [one[part] for one in listed["rows"] for part in ("html", "more")]
    html += [
        overlay.overlay({"runs": [run, other]}).get("html", ""),
        header.top("", run),
        disagreements.differing(run, "any")[0],
    ]
    disagreements.picked(run, 0)
    told = [
        view.poll({"run": run}),
        page.opened(asked),
        endpoints.run(run),
        endpoints.points(run),
        endpoints.texts(run),
    ]
    json.dumps([told, listed, endpoints.runs()], allow_nan=False)
    refilled = refill(steps.form, steps.task, steps.again, again)
    html += [part for part in refilled.values() if isinstance(part, str)]
    steps.distillation.controls(run)
    core.estimate(Config())
    assert run_command(["show", run]) == 0 and run_command(["runs"]) == 0
    for part in html:
        assert "<img" not in part, part[:2000]


def light(members: dict[str, bytes]) -> None:
    """Without the student, which takes long to load."""
    for name in [name for name in members if name.startswith(STUDENT)]:
        del members[name]


@pytest.mark.parametrize("member", ["summary.json", "config.json", "run.json", "events.jsonl", "texts.jsonl"])
def test_whatever_is_wrong_in_a_run_it_is_refused_or_can_be_shown(
    member: str, sent: Path, steps: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = core.import_run(changed(sent, tmp_path / "whole.zip", light)).id
    seen(other, steps, other)
    whole = tmp_path / "whole.zip"
    lines = [json.loads(line) for line in read(whole)[member].splitlines()]  # JSON that ends in .json is one line
    kinds = {line[1] if member == "events.jsonl" else "": at for at, line in reversed([*enumerate(lines)])}
    kinds.pop("compared", None)  # what it tells is summary.json once more
    shown = refused = 0
    for at in kinds.values():
        line = dict(zip(EVENT, lines[at], strict=True)) if member == "events.jsonl" else lines[at]
        for what, wrong in islice(mangled(line), 0, None, EACH):
            made = [*lines[:at], list(wrong.values()) if member == "events.jsonl" else wrong, *lines[at + 1 :]]
            given = b"\n".join(json.dumps(one).encode() for one in made)
            file = changed(whole, tmp_path / "wrong.zip", lambda members, given=given: members.update({member: given}))
            try:
                run = core.import_run(file)
            except DataError as error:
                assert len(str(error)) < 500 and "wrong.zip" in str(error), what
                refused += 1
                continue
            try:
                seen(run.id, steps, other)
            except Exception as error:
                raise AssertionError(f"{member}: {what}") from error
            shown += 1
            run.delete()
            capsys.readouterr()
    assert refused + shown > 3 and (refused or member == "config.json")
