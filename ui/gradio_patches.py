"""Patches of Gradio's insides, each with its reason. Checked on Gradio 6.31.0; tests/ui/test_endpoints.py tells
where a newer one no longer takes them.
"""

import traceback
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import gradio as gr
from gradio import component_meta, queueing, route_utils, utils
from gradio.state_holder import SessionState

OURS = tuple(str(Path(__file__).parents[1] / name) for name in ("ui", "distill_core"))  # folders of code
REST = 0.02  # seconds between two looks for work in an empty queue


class _Bare:
    """A page that lists no parts."""

    blocks: Container[int] = ()

    def __init__(self, page: gr.Blocks):
        self._page = page

    def __getattr__(self, name: str) -> Any:
        return getattr(self._page, name)


def light_sessions(full_init: Callable[[SessionState, gr.Blocks], None] = SessionState.__init__) -> None:
    """Lightens each new session: Gradio writes down every part of the page for it, for links of its own that this page
    has none of, a twentieth of a second in which nobody else is answered."""

    def light_init(self: SessionState, blocks: gr.Blocks) -> None:
        full_init(self, cast(gr.Blocks, _Bare(blocks)))

    SessionState.__init__ = light_init  # type: ignore[method-assign]  # the patch itself


def rest_between_looks(demo: gr.Blocks) -> None:
    """Slows Gradio's queue, which looks for work a thousand times a second unless told otherwise: up to a tenth of a
    core, for nothing."""
    demo._queue.sleep_when_free = REST


def share_with_no_origin() -> None:
    """Lets no page of another origin read an answer or send a header of its own: Gradio allows every origin both,
    outside of all middleware that it takes from us."""
    route_utils.CustomCORSMiddleware.is_valid_origin = lambda *_: False  # type: ignore[method-assign]


def explain_errors(misfit: Callable[[], str], mistake: Callable[[], str]) -> None:
    """Gives each error its sentence, where Gradio answers a script with `null`: `misfit` where values do not fit the
    action that was asked for, which Gradio finds out, `mistake` where it is our own code that failed."""
    payload = utils.error_payload

    def explained(error: BaseException | None, show_error: bool) -> dict[str, Any]:
        content = payload(error, show_error)
        if error is not None and content["error"] is None:
            frames = traceback.extract_tb(error.__traceback__)
            ours = any(frame.filename.startswith(OURS) for frame in frames)
            content["error"] = mistake() if ours else misfit()
        return content

    utils.error_payload = queueing.error_payload = explained


@contextmanager
def without_stub_file() -> Iterator[None]:
    """Within it a class of components may be written: Gradio would put a .pyi file for it beside our source, into
    people's installations, and type checkers then read that in the source's place. Checked on 6.31."""
    write = component_meta.create_or_modify_pyi
    component_meta.create_or_modify_pyi = lambda *_: None
    try:
        yield
    finally:
        component_meta.create_or_modify_pyi = write
