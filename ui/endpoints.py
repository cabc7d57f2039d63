"""The page's actions as named endpoints with types, for gradio_client: the same functions that the page and the
command line stand on.
"""

from typing import Any

import gradio as gr

import distill_core as core
from distill_core import Config, UserError
from ui import host
from ui.show import esc


def add() -> None:
    """Adds the endpoints to the Blocks that is being built."""
    light = (start_run, run, stop_run, runs)
    for action in light:
        gr.api(action, api_name=action.__name__, queue=False)
    for action in (predict, preview_augmentation):
        gr.api(action, api_name=action.__name__, concurrency_id="cpu", concurrency_limit=1)


def start_run(knobs: dict) -> str:
    """Queues a run of `knobs` (any knob of the config; what is missing is default) and returns its id."""
    try:
        return core.start(_config(knobs)).id
    except UserError as error:
        raise _told(error) from error


def run(run: str) -> dict:
    """The run as one object: run, status, task, seed, stages, rows, scored_on, scores and the shares made of them."""
    try:
        return core.run(str(run)).report()
    except UserError as error:
        raise _told(error) from error


def stop_run(run: str) -> str:
    """Asks a run to stop, keeping its best student so far; the status after it."""
    try:
        return core.run(str(run)).stop()
    except UserError as error:
        raise _told(error) from error


def runs(limit: int = 50, search: str = "") -> list:
    """The newest runs, each as `run` gives it, at most 200. Empty on a public host, where a run's id is its key."""
    if host.public():
        return []
    return [found.report() for found in core.runs(max(1, min(200, int(limit))), search=str(search)[:200])]


def predict(run: str, text: str, text2: str = "") -> dict:
    """A finished run's student and teacher on one text (or a pair): probabilities and milliseconds of each."""
    try:
        return core.ask(str(run), (str(text), str(text2)) if text2 else str(text))
    except UserError as error:
        raise _told(error) from error


def preview_augmentation(knobs: dict, text: str = "", n: int = 5) -> dict:
    """A text's offspring under the config's augmentation rules, with the teacher's probabilities of each."""
    try:
        return core.preview(_config(knobs), str(text) or None, max(1, min(20, int(n))))
    except UserError as error:
        raise _told(error) from error


def _config(knobs: Any) -> Config:
    """The config of `knobs`."""
    if not isinstance(knobs, dict):
        raise UserError("The knobs must be an object: {name: value}.")
    return host.check(Config.of(**{str(name): value for name, value in knobs.items()}))


def _told(error: UserError) -> gr.Error:
    return gr.Error(esc(error), print_exception=False)
