"""What may be chosen: the parts on the shelves, and teachers."""

from dataclasses import dataclass

from distill_core import registry
from distill_core.api import estimates
from distill_core.environment import home
from distill_core.errors import UnknownPart
from distill_core.messages import message

REGISTRIES = (registry.TASKS, registry.RULES, registry.EMBEDDINGS, registry.STUDENTS, registry.LOSSES)


@dataclass(frozen=True)
class Component:
    """A part of a shelf: its name, and one line that says what it is."""

    name: str
    help: str


def components(name: str) -> list[Component]:
    """The parts on a shelf: "tasks", "augment", "vectors", "students" or "losses". One function for all of them, as
    functions called `tasks` or `students` would be hidden by the packages of that name. Raises UnknownPart."""
    found = next((shelf for shelf in REGISTRIES if shelf.name == name), None)
    if found is None:
        raise UnknownPart(registry.unknown_name(message("shelf"), name, [shelf.name for shelf in REGISTRIES]))
    return [Component(part, found.help(part)) for part in found.names]


@dataclass(frozen=True)
class TeacherChoice:
    """A teacher to choose. `name` goes into the config; `kind` is "builtin", "kept" or "suggestion"; `here` whether it
    is on this machine. `weights` in all, None where unknown; `accuracy` as (fraction, on what, whether it was
    "measured" here, "declared" by who made it or "published" by its authors), None where nobody told."""

    name: str
    kind: str
    help: str
    here: bool = True
    weights: float | None = None
    accuracy: tuple[float, str, str] | None = None


def teachers() -> list[TeacherChoice]:
    """The built-in teacher, those that earlier runs fine-tuned and kept, and some ids on the Hub."""
    from distill_core.teacher import catalog

    told = [run for run in estimates.past_runs() if "name" in run.teacher]  # not every run came to a teacher of its own
    seen = {(run.config["task"], run.teacher["name"]): run for run in reversed(told)}
    measured = {name: (run, task) for (task, name), run in seen.items()}

    def known(name: str, otherwise: tuple[float, str, str] | None) -> tuple[float, str, str] | None:
        run, task = measured.get(name, (None, ""))
        return (run.teacher["accuracy"], task, "measured") if run and "accuracy" in run.teacher else otherwise

    def weights(name: str, otherwise: float | None = None) -> float | None:
        return measured[name][0].teacher.get("parameters") if name in measured else otherwise

    mine = [
        TeacherChoice(
            one.name,
            "kept",
            message(
                "{base}, fine-tuned here on {rows:,} rows of {task}: {share:.1%} on its validation rows.",
                base=one.base,
                rows=one.rows,
                task=one.task,
                share=one.accuracy,
            ),
            True,
            weights(one.name, next((base.weights for base in catalog.SUGGESTED if base.name == one.base), None)),
            (one.accuracy, one.task, "measured"),
        )
        for one in catalog.saved_teachers(home())
    ]
    made = catalog.builtin_card()
    builtin = TeacherChoice(
        "builtin", "builtin", message("A small BERT made for the built-in reviews; ships with Stillroom."), True,
        made["weights"], known("builtin", (made["held_out_accuracy"], "reviews", "declared")),
    )  # fmt: skip
    named = [
        TeacherChoice(one.name, "suggestion", one.help, catalog.is_local(one.name), one.weights,
                 known(one.name, (*one.published, "published") if one.published else None))
        for one in catalog.SUGGESTED
    ]  # fmt: skip
    return [builtin, *mine, *named]


def task_pair(task: str) -> bool | None:
    """Whether a task is about pairs of texts, None where its data decide. Raises UnknownPart."""
    pair: bool | None = registry.TASKS.constant(task, "PAIR")
    return pair


def task_teacher(task: str) -> str | None:
    """The teacher that a task brings along, None where it brings none. Raises UnknownPart."""
    teacher: str | None = registry.TASKS.constant(task, "TEACHER")
    return teacher
