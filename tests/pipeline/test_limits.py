"""A run on texts that are longer than what is read of them: one limit from the rows to the exported student."""

import csv
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from toy import TOY

import distill_core as core
from distill_core.cache import Cache
from distill_core.config.schema import Config
from distill_core.estimation import cost
from distill_core.events import Fact, Note
from distill_core.student import persistence

WORDS = sorted({word for texts in TOY.values() for text in texts for word in text.split()})


@pytest.fixture
def config(tmp_path: Path, tiny_teacher: Path) -> Config:
    """Eighty texts of 60 to 90 words; the label is the last word. The teacher reads 64 tokens."""
    draw, file = random.Random(0), tmp_path / "long.csv"
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("text", "label"))
        for row in range(80):
            label = ("bad", "good")[row % 2]
            writer.writerow((" ".join([*draw.choices(WORDS, k=draw.randint(60, 90)), label]), label))
    return Config.of(
        task="file", train=str(file), text="text", label="label", teacher=str(tiny_teacher), n_iter=0, width=8,
        hidden=8, fc=8, batch=16, epochs=1, evaluations=1, teach_anyway=True, student="bag",
    )  # fmt: skip


def test_one_limit_is_chosen_from_the_rows_and_read_everywhere(config: Config, home: Path, tmp_path: Path) -> None:
    profiled = core.profile(config)
    run = core.start(config)
    assert run.wait(120) == "finished", run.row.message
    events = [event for _, event in run.events()]
    facts: dict[str, Any] = {event.name: event.value for event in events if isinstance(event, Fact)}
    limit = facts["max_tokens"]
    assert 80 <= limit <= 160 and limit % 16 == 0
    [told] = [event.text for event in events if isinstance(event, Note) and "Texts are read up to" in event.text]
    assert f"up to {limit} tokens" in told
    assert run.config.max_tokens == "auto"  # another run like it has other rows, perhaps
    settings = persistence.load(run.folder / "student").settings
    assert (settings["max_tokens"], settings["cut"]) == (limit, "head_tail")
    assert facts["teacher"]["max_tokens"] == 64, "it reads no more"
    inspected = [text for _, text in core.inspect(config).notes if "Texts are read up to" in text]
    assert inspected == [told]
    known = cost.known_measurements(config, Cache(home / "cache"))
    assert known.counts and known.counts["tokens"] == limit and profiled and known.complete
    again = core.estimate(config)
    assert again and again.rests_on == "runs" and again.runs == 1 and "control" in again.cached
    typed = config.model_copy(update={"max_tokens": limit})
    assert core.estimate(typed) == again, "the same run, by another name"


def test_what_was_cut_is_in_the_verdict_and_the_next_run_reads_more(config: Config, tmp_path: Path) -> None:
    run = core.start(config, max_tokens=24)
    assert run.wait(120) == "finished", run.row.message
    summary = run.summary
    assert summary is not None
    cut, tested = summary["cut_texts"], summary["rows"]["test"]
    assert (cut["rows"], cut["of"], cut["limit"], cut["longest"]) == (tested, tested, 24, 64)
    assert 0.15 < cut["share"] < 0.4
    report = run.report()
    assert any("test texts are longer than the 24 tokens" in sentence for _, sentence in report["verdict"] or ())
    assert run.longer_texts() == {"max_tokens": 48}
    assert core.start(run.config, **run.longer_texts()).config.max_tokens == 48

    text = next(run.texts())["text"][0]
    here = core.ask(run.id, text)["student"]
    out = core.export(run.id, tmp_path / "out")
    done = subprocess.run(
        [sys.executable, "-I", str(out / "predict.py"), text], capture_output=True, encoding="utf-8", timeout=60,
        check=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["probabilities"] == pytest.approx(here, abs=1e-5)
    ids = run.student().vocabulary.ids([text], 1000)[0]
    assert run.student().vocabulary.ids([text], *run.student().limit) == [ids[:6] + ids[-18:]]
