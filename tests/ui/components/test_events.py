"""Each event's queue settings come from one place, and handlers name the parts that they change."""

import asyncio
import inspect
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before Gradio is imported

import gradio as gr

from ui import page
from ui.components import events

UI = Path(__file__).parents[3] / "ui"
SPELLED = ("api_visibility", "concurrency_id", "trigger_mode", "show_progress=", "queue=")


def test_no_other_file_spells_out_how_its_events_are_run() -> None:
    elsewhere = [file for file in UI.rglob("*.py") if file != Path(events.__file__)]
    assert len(elsewhere) > 30
    assert [(file.name, word) for file in elsewhere for word in SPELLED if word in file.read_text("utf-8")] == []


def test_every_function_either_takes_turns_with_all_that_compute_or_no_place_in_the_queue() -> None:
    functions = [one for one in page.build().fns.values() if one.fn is not None]
    in_turn = {one.fn.__name__ for one in functions if one.queue is not False}
    at_once = {one.fn.__name__ for one in functions if one.queue is False}
    assert {"inspect", "predict", "export", "ask", "preview"} <= in_turn
    assert {"moved", "opened", "begin", "choose", "start_run"} <= at_once
    for one in functions:
        if one.queue is not False:
            assert (one.concurrency_id, one.concurrency_limit) == ("cpu", 1), one.fn.__name__


def test_what_changes_several_parts_names_them() -> None:
    handlers = [one.fn for one in page.build().fns.values() if one.fn is not None and len(one.outputs) > 1]
    own = {fn.__name__: fn for fn in handlers if fn.__module__.startswith(("ui.page", "ui.steps"))}
    assert len(own) > 15
    for name, fn in own.items():
        assert inspect.signature(fn).return_annotation in (events.Changes, Iterator[events.Changes]), name


def test_a_part_that_is_left_out_stays_as_it_is_and_an_empty_answer_is_none() -> None:
    """What Gradio does with them; it takes a dict without any component for a value."""
    with gr.Blocks() as demo:
        first, second, button = gr.Textbox(), gr.Textbox(), gr.Button()
        button.click(lambda: None, None, [first, second])
        button.click(lambda: None, None, first)
    both, one = demo.fns.values()

    def sent(listener: gr.blocks.BlockFunction, answer: events.Changes) -> list:
        return asyncio.run(demo.postprocess_data(listener, answer, None))

    assert sent(both, {second: "words"}) == [gr.skip(), "words"]
    assert sent(both, {second: gr.Textbox(visible=False)})[1]["visible"] is False
    assert sent(both, gr.skip()) == [gr.skip()] * 2 and sent(one, gr.skip()) == [gr.skip()]
    with pytest.raises(ValueError, match="enough output values"):
        sent(both, {})


def test_settings_cannot_be_changed_by_who_uses_them() -> None:
    assert events.last(events.QUICK) == {**events.QUICK, "trigger_mode": "always_last"}
    assert events.each(events.HEAVY) == {**events.HEAVY, "trigger_mode": "multiple"}
    assert "trigger_mode" not in events.QUICK and not hasattr(events.QUICK, "update")
