"""Actions on a run from its row, and how a run goes out of the page and comes in as a file."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr
from gradio.blocks import Block
from markupsafe import escape

import distill_core as core
from distill_core import Run, UserError

from ..access import ownership
from ..components.events import Changes
from ..components.html import note
from ..components.templates import render
from ..i18n.names import translate_message

PLAIN: dict[str, Callable[[Run], Any]] = {
    "resume": ownership.resume_run, "stop": Run.stop, "delete": Run.delete, "restore": Run.restore,
}  # fmt: skip


def act(question: Any) -> dict[str, Any]:
    """Acts on a run: does {"act", "run", and for an edit "name" and "note"}; what to say of it as {"html", "failed"}.
    Anyone may call this with anything."""
    request = question if isinstance(question, dict) else {}
    what = request.get("act")
    try:
        run = ownership.require_owner(core.run(str(request.get("run") or "")[:64]))
        if what == "edit":
            run.rename(_clean(request.get("name")))
            run.annotate(_clean(request.get("note")))
        elif isinstance(what, str) and what in PLAIN:
            PLAIN[what](run)
        else:
            return {"html": "", "failed": True}
    except UserError as error:
        return {"html": note(translate_message(error), "error"), "failed": True}
    return {
        "html": render("history/deleted.html", id=run.id, name=run.name) if what == "delete" else "",
        "failed": False,
    }


def _clean(text: Any) -> str:
    """A typed text without what no file of SQLite takes: half a character."""
    return text[:10_000].encode("utf-8", "replace").decode("utf-8") if isinstance(text, str) else ""


def export_run(event: gr.EventData) -> Iterator[Any]:
    """The run of a row as one file, for the hidden download button. Gradio copies what it hands out into its own cache,
    which it sweeps; what was made for it is gone when the handler ends."""
    with core.temporary_folder() as place:
        try:
            run = core.run(str(getattr(event, "run", ""))[:64])
            name = re.sub(r"[^\w-]+", "-", run.name).strip("-")[:40] or "run"
            file = core.export_run(run.id, place / f"{name}-{run.id[:6]}.zip")
        except UserError as error:
            raise gr.Error(escape(translate_message(error)), print_exception=False) from error
        yield gr.DownloadButton(value=str(file))


def import_run(file: str | None, drop: Block, message: Block) -> Changes:
    """A dropped file as a run: the emptied drop area, and in `message` what to say of it."""
    if not file:
        return {drop: None, message: ""}
    try:
        run = ownership.assign_owner(core.import_run(file))
    except UserError as error:
        return {drop: None, message: note(translate_message(error), "error")}
    return {drop: None, message: render("history/imported.html", id=run.id, name=run.name)}
