"""The page's actions as named endpoints with types, for gradio_client and, with --mcp, as tools for an assistant: the
same functions that the page and the command line stand on. A name is for ever; so are the keys of what it returns.
"""

import functools
import html
import inspect
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import islice
from typing import Any

import gradio as gr

import distill_core as core
from distill_core import Config, UserError

from .access import ownership, public_host
from .comparison.takeaway import zip_of
from .components.events import SCRIPT_HEAVY, SCRIPT_QUICK

LONGEST_ID = 64
REGISTRIES = ("tasks", "augment", "vectors", "students", "losses")


def add() -> None:
    """Adds the endpoints to the Blocks that is being built."""
    for actions, queue in ((LIGHT, SCRIPT_QUICK), (WEIGHTY, SCRIPT_HEAVY)):
        for action in actions:
            gr.api(_with_user_errors(action), api_name=action.__name__, **queue)
    # Files travel through components: only those check what is uploaded and where a file may be served from.
    with gr.Column(visible=False):
        call, address, upload = gr.Button(), gr.Textbox(label="address"), gr.File(label="file")
        name, student = gr.Textbox(label="run"), gr.File(label="student")
        bundle = gr.File(label="bundle")
        call.click(_with_user_errors(upload_file), upload, address, api_name="upload_file", **SCRIPT_QUICK)
        call.click(_with_user_errors(import_run), upload, name, api_name="import_run", **SCRIPT_HEAVY)
        call.click(_with_user_errors(export_run), name, bundle, api_name="export_run", **SCRIPT_HEAVY)
        rows, answers = gr.File(label="rows"), gr.File(label="answers")
        call.click(_with_user_errors(predict_file), [name, rows], answers, api_name="predict_file", **SCRIPT_HEAVY)
        call.click(_with_user_errors(export_student), name, student, api_name="export_student", **SCRIPT_HEAVY)
        control, baseline = gr.File(label="control"), gr.File(label="baseline")
        call.click(_with_user_errors(export_control), name, control, api_name="export_control", **SCRIPT_HEAVY)
        call.click(_with_user_errors(export_baseline), name, baseline, api_name="export_baseline", **SCRIPT_HEAVY)


# ---- what there is to choose from


def parts() -> dict:
    """The parts on each shelf: {"tasks": {name: what it is}, "augment": …, "vectors": …, "students": …, "losses": …}.
    They are the values of the knobs task, rules, vectors, student and loss."""
    return {shelf: {part.name: part.help for part in core.components(shelf)} for shelf in REGISTRIES}


def teachers() -> list:
    """The teachers to choose from: name (the value of the knob teacher), kind and what it is. Any other id on the
    Hub does as well."""
    return [asdict(one) for one in core.teachers()]


def knobs() -> list:
    """Every knob that start_run takes: name, group, label, help, type, default, limits and choices."""
    return [asdict(knob) | {"type": knob.type.__name__} for knob in core.knobs()]


def settings() -> dict:
    """The named settings of several knobs at once, {"preset": {name: what it is}, "size": …}; give start_run
    {"preset": name} or {"size": name} beside single knobs, which overrule them."""
    return {kind: {one.name: one.help for one in core.settings(kind)} for kind in ("preset", "size")}


# ---- before a run


def upload_file(file: str) -> str:
    """Uploads a table (CSV, TSV, JSONL, Excel or Parquet) and returns its address, the value of the knob train, valid,
    test or unlabelled of the task "file"."""
    if not file:
        raise UserError("No file was given. Upload a CSV, TSV, JSONL, Excel or Parquet file.")
    return str(core.save_upload(file))


def inspect_data(knobs: dict, rows: int = 8) -> dict:
    """What the knobs' data are, read and checked as a run would: counts, labels, balance, columns that were used or
    guessed, findings, and the first `rows` rows (at most 50)."""
    return asdict(core.inspect(_config(knobs), _clamp_int(rows, 0, 50)))


def estimate_cost(knobs: dict, measure: bool = False) -> dict:
    """What a run of these knobs would cost on this machine, from its own measured speed: seconds with low and high,
    peak memory in bytes, texts, steps, seconds of each stage. Empty where too little is known; `measure` finds out,
    which takes some seconds."""
    config = _config(knobs)
    estimate = core.profile(config) if measure else core.estimate(config)
    return asdict(estimate) | {"seconds": estimate.seconds} if estimate else {}


def ask_teacher(knobs: dict, text: str, text2: str = "") -> dict:
    """The knobs' teacher on one text (or a pair): labels, logits, probabilities and milliseconds."""
    return dict(core.ask_teacher(_config(knobs), _sides(text, text2)))


def preview_augmentation(knobs: dict, text: str = "", n: int = 5) -> dict:
    """A text's offspring (at most 20) under the knobs' augmentation rules, with the teacher's probabilities of each.
    Without a text, one of the training rows is taken."""
    return dict(core.preview(_config(knobs), str(text) or None, _clamp_int(n, 1, 20)))


# ---- runs


def start_run(knobs: dict) -> str:
    """Queues a run of `knobs` (any knob of the config; what is missing is default) and returns its id."""
    return ownership.start_run(_config(knobs)).id


def run(run: str) -> dict:
    """The run as one object: run, status, task, seed, stages, rows, scored_on, scores and the shares made of them."""
    return dict(_run(run).report())


def runs(limit: int = 50, search: str = "") -> list:
    """The newest runs, each as `run` gives it, at most 200. Empty on a public host, where a run's id is its key."""
    if public_host.public():
        return []
    return [one.report() for one in core.list_runs(_clamp_int(limit, 1, 200), search=str(search)[:200])]


def points(run: str, since: int = 0) -> dict:
    """The run's curve points after cursor `since`: {"points": [[series, step, value], …], "next": cursor}."""
    new_points, following = _run(run).points(_clamp_int(since, 0, 2**53))
    return {"points": [list(point) for point in new_points], "next": following}


def texts(run: str, limit: int = 50, offset: int = 0) -> list:
    """The scored rows of a finished run, at most 500 at once: text, true label, and each model's probabilities."""
    start = _clamp_int(offset, 0, 2**53)
    return list(islice(_run(run).texts(), start, start + _clamp_int(limit, 1, 500)))


def stop_run(run: str) -> str:
    """Asks a run to stop, keeping its best student so far; the status after it."""
    return ownership.require_owner(_run(run)).stop()


def resume_run(run: str) -> str:
    """Queues a run again that ended early; it goes on from its last checkpoint. The status after it."""
    return ownership.resume_run(ownership.require_owner(_run(run))).status


def rename_run(run: str, name: str) -> dict:
    """Gives a run a name; "" takes it away. The run as `run` gives it."""
    own_run = ownership.require_owner(_run(run))
    own_run.rename(str(name))
    return dict(own_run.report())


def annotate_run(run: str, note: str) -> dict:
    """Sets a run's note. The run as `run` gives it."""
    own_run = ownership.require_owner(_run(run))
    own_run.annotate(str(note))
    return dict(own_run.report())


def delete_run(run: str) -> str:
    """Hides a run, after stopping it where it runs; `restore_run` brings it back. The status after it."""
    own_run = ownership.require_owner(_run(run))
    own_run.delete()
    return own_run.status


def restore_run(run: str) -> str:
    """Undoes `delete_run`. The run's status."""
    own_run = ownership.require_owner(_run(run))
    own_run.restore()
    return own_run.status


# ---- after a run


def predict(run: str, text: str, text2: str = "") -> dict:
    """A finished run's student and teacher on one text (or a pair): probabilities and milliseconds of each."""
    return dict(core.ask(_id(run), _sides(text, text2)))


def predict_file(run: str, file: str) -> Iterator[str]:
    """A finished run's student on every text of a table (CSV, TSV, JSONL, Excel or Parquet): a CSV of all its rows and
    columns and the answers."""
    if not file:
        raise UserError("No file was given. Upload a CSV, TSV, JSONL, Excel or Parquet file.")
    with core.temporary_folder() as place:
        out = place / f"predictions-{_id(run)[:8]}.csv"
        core.save_predictions(_id(run), file, out)
        yield str(out)


def export_student(run: str) -> Iterator[str]:
    """A finished run's student as a zip: a folder that predicts from raw text with onnxruntime, tokenizers and numpy
    alone, or with torch where its README.md says why."""
    # Gradio copies what is handed out into its own cache, which it sweeps; what was made for it is gone afterwards
    with core.temporary_folder() as place:
        yield zip_of(_id(run), "student", place)


def export_baseline(run: str) -> Iterator[str]:
    """A finished run's simple baseline (TF-IDF and logistic regression) as a zip: a folder that predicts from raw text
    with numpy alone."""
    with core.temporary_folder() as place:
        yield zip_of(_id(run), "floor", place)


def export_control(run: str) -> Iterator[str]:
    """A finished run's control (the student's network, trained on the labels alone) as a zip: a folder that predicts
    from raw text as the student's does."""
    with core.temporary_folder() as place:
        yield zip_of(_id(run), "control", place)


def export_run(run: str) -> Iterator[str]:
    """A whole ended run as one file, which `import_run` takes in on this or another machine."""
    with core.temporary_folder() as place:
        yield str(core.export_run(_id(run), place / f"run-{_id(run)[:8]}.zip"))


def import_run(file: str) -> str:
    """Takes in a run that `export_run` wrote; its id."""
    if not file:
        raise UserError("No file was given. Upload one that export_run wrote.")
    return ownership.assign_owner(core.import_run(file)).id


LIGHT: tuple[Callable[..., Any], ...] = (
    parts, teachers, knobs, settings, start_run, run, runs, points, texts, stop_run, resume_run, rename_run,
    annotate_run, delete_run, restore_run,
)  # fmt: skip
WEIGHTY: tuple[Callable[..., Any], ...] = (
    inspect_data, estimate_cost, ask_teacher, preview_augmentation, predict,
)  # fmt: skip


# ---- the values of a call, checked


def _with_user_errors(action: Callable[..., Any]) -> Callable[..., Any]:
    """The action with a user's mistake told as one sentence. Markup in it is a text of theirs."""

    def as_gradio_error(error: UserError) -> gr.Error:
        return gr.Error(html.escape(str(error), quote=False), print_exception=False)

    @functools.wraps(action)
    def one(*values: Any) -> Any:
        try:
            return action(*values)
        except UserError as error:
            raise as_gradio_error(error) from error

    @functools.wraps(action)
    def each(*values: Any) -> Iterator[Any]:
        try:
            yield from action(*values)
        except UserError as error:
            raise as_gradio_error(error) from error

    return each if inspect.isgeneratorfunction(action) else one


def _run(run: Any) -> core.Run:
    return core.run(_id(run))


def _id(run: Any) -> str:
    return str(run)[:LONGEST_ID]


def _sides(text: Any, text2: Any) -> str | tuple[str, str]:
    return (str(text), str(text2)) if text2 else str(text)


def _clamp_int(number: Any, low: int, high: int) -> int:
    """The whole number within the limits that is nearest to it."""
    try:
        return max(low, min(high, int(number)))
    except (TypeError, ValueError, OverflowError):
        raise UserError(f"{str(number)[:80]!r} is not a whole number. Give one.") from None


def _config(knobs: Any) -> Config:
    """The config of `knobs`."""
    if not isinstance(knobs, dict):
        raise UserError("The knobs must be an object: {name: value}.")
    config = Config.of(**{str(name): value for name, value in knobs.items()})
    return public_host.check_config(
        config, uploaded=[name for name in public_host.FILES if core.is_upload(getattr(config, name))]
    )
