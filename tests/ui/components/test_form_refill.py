"""Start again with changes: the form as an earlier run had it, and what is told where a part of it is gone."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before Gradio is imported


from distill_core.config.schema import Config
from distill_core.events import Compared, Ended
from distill_core.runs.store import Store
from ui import page
from ui.components.events import Changes
from ui.components.form import Form
from ui.steps import teacher


def held(form: Form, updates: Changes) -> list[Any]:
    """What the controls hold after the updates, as a handler is given it."""
    return [updates[control]["value"] for control in form.inputs]


def asked(config: Config) -> dict[str, Any]:
    """All knobs; a rule at the rate 0 is none."""
    return config.model_dump() | {"rules": {name: rate for name, rate in config.rules.items() if rate}}


@pytest.mark.parametrize(
    "knobs",
    [
        {},
        {"task": "mrpc", "limit": 200, "seed": 7, "fine_tune": True, "teacher": "owner/some-bert"},
        {
            "task": "hub",
            "dataset": "owner/rows",
            "text": "premise",
            "text2": "hypothesis",
            "label": "gold",
            "teacher": "a/b",
        },
        {"rules": {"mask": 0.3, "pos": 0.0, "ngram": 0.0}, "n_iter": 0, "loss": "soft_kl", "control": False},
        {"students": ["bag", "textcnn"], "learning_curve": [0.1, 0.5], "seeds": 3},
        {"student": "textcnn", "channels": "both", "teacher": "google-bert/bert-base-uncased", "lr": 0.01},
    ],
)
def test_the_form_holds_what_the_run_was_asked(form: Form, knobs: dict[str, Any]) -> None:
    config = Config.of(**knobs)
    updates, lost = form.fill(config.model_dump(), teacher.cards(config))
    again = form.config(held(form, updates))
    assert lost == []
    assert asked(again) == asked(config)


def test_a_file_comes_back_and_its_columns_with_it(form: Form, toy_csv: Path) -> None:
    config = Config.of(task="file", train=str(toy_csv), text="text", label="label")
    updates, lost = form.fill(config.model_dump(), teacher.cards(Config(task="file")))
    again = form.config(held(form, updates))
    assert lost == [] and again.text == "text" and again.label == "label"
    assert Path(again.train).name == toy_csv.name and Path(again.train).read_bytes() == toy_csv.read_bytes()


def test_what_is_gone_is_told_and_the_rest_still_stands(form: Form) -> None:
    old = Config.of(epochs=9, task="file").model_dump() | {
        "student": "a_student_of_yore",
        "warp": 3,
        "rules": {"mask": 0.4, "rot13": 0.5},
        "train": "/nowhere/at/all/mine.csv",
    }
    updates, lost = form.fill(old, teacher.cards(Config(task="file")))
    told = " ".join(lost)
    assert len(lost) == 4 and "warp = 3" in told and "a_student_of_yore" in told and "rot13" in told
    assert "mine.csv" in told and "/nowhere" not in told
    values = form.values(held(form, updates))
    assert values["epochs"] == "9" and values["student"] == Config().student and values["rules"]["mask"] == 0.4


def test_the_address_names_the_run_to_start_from(steps: SimpleNamespace, home: Path) -> None:
    run = Store(home).create(Config.of(epochs=9).model_dump(), name="<i>Mine</i>")
    changes = refill(steps, {"from": run})
    assert "&lt;i&gt;Mine" in changes[steps.again] and changes[steps.form.controls["epochs"]]["value"] == "9"
    assert {*changes} == {steps.again, *steps.form.inputs, steps.task.own, steps.task.hub, steps.task.look}
    assert "no run" in refill(steps, {"from": "nothing"})[steps.again]
    assert refill(steps, {"from": run, "run": run}) == {steps.again: ""}  # a run that is shown is not refilled


def test_the_button_that_merges_labels_fills_the_form_with_them_merged(steps: SimpleNamespace, home: Path) -> None:
    merge, run = steps.form.controls["merge_labels"], Store(home).create(Config.of(epochs=9).model_dump(), name="Mine")
    changes = refill(steps, {"from": run, "next": "merge_labels"})
    assert changes[merge]["value"] is True and "labels merged" in changes[steps.again]
    assert refill(steps, {"from": run, "next": "more_texts"})[merge]["value"] is False


def refill(steps: SimpleNamespace, query: dict[str, str]) -> Changes:
    return page.refill(steps.form, steps.task, steps.again, SimpleNamespace(query_params=query))


def test_a_run_that_cut_texts_is_started_again_with_a_longer_limit(steps: SimpleNamespace, home: Path) -> None:
    store = Store(home)
    run = store.create(Config().model_dump(), name="Mine")
    query = {"from": run, "next": "read_longer"}
    assert refill(steps, query)[steps.form.controls["max_tokens"]]["value"] == "auto"  # nothing is compared yet
    cut = {"rows": 30, "of": 100, "share": 0.4, "limit": 128, "longest": 512}
    store.transition(run, ["queued"], "running")
    store.append(run, [Compared({"cut_texts": cut}), Ended("finished")])
    changes = refill(steps, query)
    assert changes[steps.form.controls["max_tokens"]]["value"] == "256"
    assert "longer texts are read further" in changes[steps.again]
