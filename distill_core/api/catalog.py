"""Catalog of what may be chosen: the components on the shelves, and teachers."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from distill_core import registry
from distill_core.api import estimates
from distill_core.api.session import session
from distill_core.config.schema import Config
from distill_core.environment import home, public_host
from distill_core.errors import UnknownPart
from distill_core.messages import message

REGISTRIES = (registry.TASKS, registry.RULES, registry.EMBEDDINGS, registry.STUDENTS, registry.LOSSES)


@dataclass(frozen=True)
class Component:
    """Component of a shelf: its name, and one line that says what it is."""

    name: str
    help: str


def components(name: str) -> list[Component]:
    """Components on a shelf, in alphabetical order. One function for all shelves, as functions called `tasks` or
    `students` would be hidden by the packages of that name.

    Args:
        name: "tasks", "augment", "vectors", "students" or "losses".

    Raises:
        UnknownPart: There is no such shelf.

    Example:
        >>> [component.name for component in core.components("losses")]
        ['alpha_mix', 'ce', 'distilbert', 'distilbert_mlm', 'layers', 'logit_mse', 'soft_kl']
    """
    shelf = next((shelf for shelf in REGISTRIES if shelf.name == name), None)
    if shelf is None:
        raise UnknownPart(registry.unknown_name(message("shelf"), name, [shelf.name for shelf in REGISTRIES]))
    return [Component(component, shelf.help(component)) for component in shelf.names]


@dataclass(frozen=True)
class TeacherChoice:
    """Teacher to choose. `name` goes into the config; `kind` is "builtin", "kept" or "suggestion"; `here` whether it
    is on this machine. `weights` in all, None where unknown; `accuracy` as (fraction, on what, whether it was
    "measured" here, "declared" by who made it or "published" by its authors), None where unknown. A kept one has a
    `title` for people to read and the `labels` it answers with; `pair` says whether it reads pairs."""

    name: str
    kind: str
    help: str
    here: bool = True
    weights: float | None = None
    accuracy: tuple[float, str, str] | None = None
    title: str = ""
    labels: tuple[str, ...] = ()
    pair: bool | None = None


def teachers(labels: Collection[str] = (), pair: bool | None = None) -> list[TeacherChoice]:
    """Teachers to choose from: the built-in one, those that earlier runs fine-tuned and kept, and some ids on the Hub.
    On a public host those of others are not listed.

    Args:
        labels: Labels of the data; of the kept teachers only those that answer with them are listed. None: all.
        pair: Whether the data are pairs of texts; likewise.

    Returns:
        One TeacherChoice a teacher, in that order.

    Example:
        >>> builtin = core.teachers()[0]
        >>> builtin.name, builtin.here
        ('builtin', True)
    """
    from distill_core.teacher import catalog

    runs = [run for run in estimates.past_runs() if "name" in run.teacher]  # not every run came to a teacher of its own
    newest = {(run.config["task"], run.teacher["name"]): run for run in reversed(runs)}
    measured = {name: (run, task) for (task, name), run in newest.items()}

    def accuracy(name: str, otherwise: tuple[float, str, str] | None) -> tuple[float, str, str] | None:
        run, task = measured.get(name, (None, ""))
        return (run.teacher["accuracy"], task, "measured") if run and "accuracy" in run.teacher else otherwise

    def weights(name: str, otherwise: float | None = None) -> float | None:
        return measured[name][0].teacher.get("parameters") if name in measured else otherwise

    saved = [
        TeacherChoice(
            one.name,
            "kept",
            message(
                "{base}, fine-tuned here on {n:row|rows}. Its labels: {labels}.",
                base=one.base,
                n=one.rows,
                labels=_listed(one.labels),
            ),
            True,
            weights(one.name, base.weights if (base := catalog.suggestion(one.base)) else None),
            (one.accuracy, one.file or one.task, "measured"),
            one.title,
            one.labels,
            one.pair,
        )
        for one in ([] if public_host() else catalog.saved_teachers(home()))  # there they are of others
        if one.fits(labels, pair)
    ]
    card = catalog.builtin_card()
    builtin = TeacherChoice(
        "builtin", "builtin", message("A small BERT made for the built-in reviews; ships with Stillroom."), True,
        card["weights"], accuracy("builtin", (card["held_out_accuracy"], "reviews", "declared")),
    )  # fmt: skip
    suggested = [
        TeacherChoice(one.name, "suggestion", one.help, catalog.is_local(one.name), one.weights,
                 accuracy(one.name, (*one.published, "published") if one.published else None))
        for one in catalog.SUGGESTED
    ]  # fmt: skip
    return [builtin, *saved, *suggested]


def _listed(labels: Sequence[str]) -> str:
    shown = ", ".join(labels[:8])
    return message("{labels} and {n:,} more", labels=shown, n=len(labels) - 8) if len(labels) > 8 else shown


def teacher_title(name: str) -> str:
    """What people call a teacher.

    Args:
        name: A name for the knob `teacher`.

    Returns:
        The title of a kept one; of any other, and of one that is gone, the name itself.

    Example:
        >>> core.teacher_title("google-bert/bert-base-uncased")
        'google-bert/bert-base-uncased'
    """
    from distill_core.teacher import catalog

    return catalog.teacher_title(name)


def rename_teacher(name: str, title: str) -> str:
    """Give a kept teacher another title.

    Args:
        name: Its name for the knob `teacher`, "kept:" and the beginning of its key.
        title: The new title, of which 80 letters count; empty for the one that is made of its facts.

    Returns:
        Its title from now on.

    Raises:
        TeacherError: No single kept teacher has that name.

    Example:
        >>> core.rename_teacher("kept:0123", "Support, second try")
        Traceback (most recent call last):
        distill_core.errors.TeacherError: No single kept teacher is called 'kept:0123'. None is kept yet.
    """
    from distill_core.teacher import catalog

    session.store().require_writable()
    return catalog.rename(name, title).title


def task_labels(config: Config) -> tuple[str, ...]:
    """Labels of the config's data as far as they are known without reading anything.

    Args:
        config: The knobs of a run.

    Returns:
        The task's own, or those of rows that were inspected already; empty where neither is there.

    Example:
        >>> core.task_labels(core.Config(task="mrpc"))
        ('not_equivalent', 'equivalent')
    """
    own: tuple[str, ...] | None = registry.TASKS.constant(config.task, "LABELS")
    return own or session.known_labels(config)


def task_pair(task: str) -> bool | None:
    """Whether a task is about pairs of texts.

    Args:
        task: A component of the shelf "tasks".

    Returns:
        None where the task's data decide.

    Raises:
        UnknownPart: There is no such task.

    Example:
        >>> core.task_pair("mrpc"), core.task_pair("sst2"), core.task_pair("file")
        (True, False, None)
    """
    pair: bool | None = registry.TASKS.constant(task, "PAIR")
    return pair


def task_teacher(task: str) -> str | None:
    """Teacher that a task brings along.

    Args:
        task: A component of the shelf "tasks".

    Returns:
        A name for the knob `teacher`, None where the task brings none.

    Raises:
        UnknownPart: There is no such task.

    Example:
        >>> core.task_teacher("reviews"), core.task_teacher("file")
        ('builtin', None)
    """
    teacher: str | None = registry.TASKS.constant(task, "TEACHER")
    return teacher
