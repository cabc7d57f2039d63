"""A model as one HTML file that answers in a browser, from a disk, and asks nothing of anybody: what all such pages
share. A model brings its own scripts, whose `buildModel` makes of the packed tensors what answers.
"""

import base64
import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from numpy.typing import NDArray
from safetensors.numpy import save as serialised

from distill_core.cache import write_atomic
from distill_core.errors import DataError
from distill_core.evaluation.export import comparison
from distill_core.evaluation.rounding import Loss
from distill_core.messages import message, os_error_reason, percent

FOLDER = Path(__file__).parent / "html"
MOST = 25_000_000  # bytes of a page
Tensors = dict[str, NDArray[Any]]


class NoHtml(Exception):
    """Why a model has no such page, as a sentence."""


@dataclass(frozen=True)
class PageText:
    """What a page says of its model in sentences; a `pair` has two boxes to type in."""

    title: str
    pair: bool
    origin: str
    rounding: str
    probabilities: str
    explained: str
    limits: str


def pack_model(tensors: Tensors, state: Mapping[str, object]) -> str:
    """All that a page computes with, as base64 of a gzipped file of the format safetensors: arrays, and values that
    JSON can hold."""
    content = serialised(tensors, metadata={name: _json(value) for name, value in state.items()})
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()


def render_page(scripts: Sequence[Path], packed: str, report: dict[str, Any], text: PageText) -> bytes:
    """The page itself, with the model's `scripts` before its own. Its policy forbids all requests, and every script but
    these. Raises NoHtml where it would be too large."""
    if len(packed) > MOST:
        raise NoHtml(f"Its page would have {len(packed) / 1e6:,.0f} MB, and {MOST / 1e6:.0f} are the most.")
    style = (FOLDER / "style.css").read_text("utf-8")
    files = (FOLDER / "tensors.js", *scripts, FOLDER / "page.js")
    script = "".join(file.read_text("utf-8") for file in files)
    policy = f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; base-uri 'none'; "
    environment = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined)
    found = comparison(report)
    page = environment.get_template("page.html").render(
        asdict(text), policy=Markup(policy + "form-action 'none'"), style=Markup(style), script=Markup(script),
        model=packed, columns=" and ".join(report.get("columns", ())),
        found=[str(sentence) for _, sentence in report.get("verdict") or ()], heads=found.heads,
        rows=list(found.rows.items()), scored=found.scored, date=f"{datetime.now(UTC):%Y-%m-%d}",
    )  # fmt: skip
    return page.encode("utf-8", "replace")


def write_page(file: Path, page: bytes) -> Path:
    """Write a page to `file`. Raises DataError where that can't be written."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(file, page)
    except OSError as error:
        raise DataError(message("The page can't be written to {file} ({why}). Name a file that you may write.",
                               file=str(file), why=os_error_reason(error))) from error  # fmt: skip
    return file


def describe_loss(loss: Loss) -> str:
    """What rounding cost, as a sentence."""
    if not loss.rows:
        return "No test rows say what that costs."
    return (
        f"{loss.flips:,} of {loss.rows:,} answers are others by that, and the accuracy on these test rows is "
        f"{percent(loss.after)} instead of {percent(loss.before)}."
    )


def refuse_loss(loss: Loss) -> None:
    """Raise NoHtml where weights of 16 bits cost too much."""
    if loss.is_too_much:
        raise NoHtml(f"With weights of 16 bits its accuracy on {loss.rows:,} test rows is {percent(loss.after)} "
                     f"instead of {percent(loss.before)}, and {loss.flips:,} answers are others.")  # fmt: skip


def _json(value: object) -> str:
    """The value as JSON, as short as can be: halves of characters, which no file can hold, are written as numbers."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return json.dumps(value) if any("\ud800" <= sign <= "\udfff" for sign in text) else text


def _digest(text: str) -> str:
    """A text's sha256, as a Content-Security-Policy names it."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
