"""Results on stdout, for people: the comparison, the list of runs, one run, a preview."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from distill_core.api.runs import Run
from distill_core.errors import UserError
from distill_core.evaluation import diagnostics
from distill_core.evaluation.columns import Column, cells, columns, headings, shown
from distill_core.events import ENDED, Note
from distill_core.messages import METRIC_NAMES, percent

WIDTH = 110  # where stdout is no terminal


def comparison(run: Run) -> None:
    """The rows of a compared run, and what they come to."""
    told = run.report()
    out, rows, metric = _console(), told["rows"], told["metric"]
    out.print(_scores(told["scores"], shown(metric)))
    out.print(_scores(told["scores"], columns("cost")))
    out.print(f"Scored on {_number(rows['test'], '{:,}')} rows of {told['scored_on']}; trained on "
              f"{_number(rows['train'], '{:,}')} labelled rows and {_number(rows['transfer'], '{:,}')} texts that the "
              "teacher labelled.")  # fmt: skip
    if "control" not in told["scores"]:
        out.print("The gap recovered is not known: the control run was switched off.")
    elif (told["gap_recovered"] or 0) < 0:
        out.print("Of the gap between control and teacher nothing was recovered: the student is below its control.")
    elif told["gap_recovered"] is None:
        out.print("The gap recovered is not defined: the teacher is not above the control.")
    else:
        out.print(f"Of the gap between control and teacher {_share(told['gap_recovered'])} was recovered.")
    out.print(f"The student keeps {_share(told['kept'])} of the teacher's {METRIC_NAMES[metric]} and agrees with it "
              f"on {_share(told['agreement'])} of the rows.")  # fmt: skip
    if told["tests_read"]:
        out.print(diagnostics.describe_uses(told["tests_read"]))
    for level, sentence in told["verdict"] or ():
        out.print(escape(f"{'!' if level == 'warning' else '·'} {sentence}"))
    _several(out, told)
    out.print(f'Ask it: stillroom predict {run.id[:6]} "a text"')


def _scores(scores: Mapping[str, Mapping[str, Any]], chosen: tuple[Column, ...]) -> Table:
    """A row of the comparison a line, under the chosen columns."""
    table = _table()
    for heading in ("", *headings(chosen)):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, score in scores.items():
        table.add_row(name, *cells(chosen, score))
    return table


def _table() -> Table:
    return Table(box=None, pad_edge=False)


def _several(out: Console, told: dict[str, Any]) -> None:
    """The members of a run of several, the means of their seeds, and the learning curve."""
    if members := told.get("members"):
        metric = told["metric"]
        front = "front" if len({one["student"] for one in members}) > 1 else ""
        table = _table()
        for heading in ("student", "seed", "texts", "control", metric, "gap recovered", "kept", "weights", "one text",
                        front):  # fmt: skip
            table.add_column(heading, justify="left" if heading in ("student", front) else "right")
        for one in members:
            score, control = one["student_score"], one["control"] or {}
            table.add_row(
                one["student"], str(one["seed"]), f"{one['texts']:,}", _share(control.get(metric)),
                _share(score[metric]), _share(one["gap_recovered"]), _share(one["kept"]), f"{score['parameters']:,}",
                f"{score['latency_ms']:.2f} ms", "*" if front and one.get("front") else "",
            )  # fmt: skip
        out.print(table)
        if front:
            out.print("* no other student here is at least as good, as small and as fast.")
    for one in told.get("students") or [told.get("seeds")]:
        if one and one["n"] > 1:
            rows = [(row, one["rows"].get(row)) for row in ("control", "student")]
            rows += [("gap recovered", one["gap_recovered"]), ("kept", one["kept"])]
            said = ", ".join(f"{name} {_mean(value)}" for name, value in rows if value)
            who = one.get("student", "student")
            out.print(f"{who}, mean of {one['n']} seeds with its 95 % interval ({one['metric']}): {said}.")
    if curve := told.get("learning_curve"):
        said = ", ".join(f"{point['texts']:,} texts {_share(point['accuracy'])}" for point in curve)
        out.print(f"The student's accuracy by the texts it learned from: {said}.")


def runs(found: Sequence[Run]) -> None:
    """A list of runs."""
    table = Table(box=None, pad_edge=False)
    for heading in ("run", "started", "task", "seed", "status", "student", "teacher", "kept", "name"):
        table.add_column(heading, no_wrap=heading != "name")
    for one in found:
        told, row = one.report(), one.row
        scores = told["scores"]
        status = f"queued, place {one.place}" if row.status == "queued" and not row.example else row.status
        table.add_row(
            row.id[:10], time.strftime("%Y-%m-%d %H:%M", time.localtime(row.created)), escape(row.task),
            str(told["seed"]), status, _share(scores.get("student", {}).get("accuracy")),
            _share(scores.get("teacher", {}).get("accuracy")), _share(told["kept"]), escape(row.name),
        )  # fmt: skip
    _console().print(table)


def run(found: Run) -> None:
    """One run: what was asked, what was noted, what came out."""
    row, out = found.row, _console()
    out.print(f"[bold]Run {row.id}[/] {escape(row.name)}")
    place = f", place {found.place}" if row.status == "queued" else ""
    stage = f" in the stage {row.stage}" if row.stage and row.status not in ENDED else ""
    out.print(f"{row.status}{place}{stage}. {escape(row.message)}".rstrip())
    try:
        settings = found.config.changed()
    except UserError:  # made with a part that is gone
        settings = row.config
    shown = ", ".join(f"{name} {value}" for name, value in settings.items())
    out.print(escape(f"Task {row.task}; " + (f"other than the defaults: {shown}." if shown else "all defaults.")))
    for _, said in found.events():
        if isinstance(said, Note):
            out.print(escape(f"· {said.text}"))
    if seconds := found.stages():
        out.print("Seconds: " + ", ".join(f"{stage} {value:.1f}" for stage, value in seconds.items()))
    if row.summary:
        comparison(found)


def preview(found: dict[str, Any]) -> None:
    """A text and its offspring, what changed in bold."""
    out = _console()
    out.print(f"{_shares(found.get('probabilities'))}{escape(' | '.join(found['text']))}", soft_wrap=True)
    for child in found["offspring"]:
        rules = "+".join(child["rules"]) or "unchanged"
        out.print(
            f"{_shares(child.get('probabilities'))}{escape(' | '.join(child['text']))}  ({escape(rules)})",
            soft_wrap=True,
        )


def _shares(probabilities: dict[str, float] | None) -> str:
    if not probabilities:
        return ""
    return escape(" ".join(f"{label} {share:.2f}" for label, share in probabilities.items())) + "  "


def _console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDTH)


def _share(value: float | None) -> str:
    return "–" if value is None else percent(value)


def _mean(value: dict[str, float]) -> str:
    return f"{_share(value['mean'])} ({_share(value['low'])} to {_share(value['high'])})"


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)
