"""What "auto" chooses for some rows, and why: the same sentences before a run and in its log.

Knows the rules that choose (`automatic`, `training_length`, `transfer_size`), and no more than counts of the rows.
"""

from collections.abc import Iterator
from typing import NamedTuple

from distill_core.config.automatic import automatic_values, learning_rate
from distill_core.config.losses import is_layerwise, used_losses
from distill_core.config.schema import AUTO, CUT, LEAST_AUTO_TOKENS, MOST_AUTO_TOKENS, Config
from distill_core.config.training_length import (
    LEAST_STUDENT_STEPS,
    LEAST_TEACHER_STEPS,
    PASSES,
    student_passes,
    teacher_passes,
)
from distill_core.config.transfer_size import FEW_ROWS, SHORT_TEXT, neighbour_passes
from distill_core.messages import Message, message
from distill_core.registry import TASKS


class RowCounts(NamedTuple):
    """Counts of the rows that a choice rests on: labelled ones in `train`, `unlabelled` ones, whether they are `pair`s,
    the characters of a labelled text in the mean in `size`, and the `tokens` that 95 of 100 need. `texts` of the
    transfer set and the run's `metric` are None where they are not known yet."""

    train: int
    unlabelled: int
    pair: bool
    size: float
    tokens: int
    texts: int | None = None
    metric: str | None = None


class Choice(NamedTuple):
    """Choice that was left to the data: the `knob`, the `value` that it has for these, and the `reason`."""

    knob: str
    value: str | int | float
    reason: Message


def choices(config: Config, rows: RowCounts) -> list[Choice]:
    """Choices that a run of `config` leaves to its rows, in the order of the knobs. What was typed is none."""
    values = config.model_dump()
    resolved = config.model_copy(update=automatic_values(values, rows.pair, rows.tokens))
    found = {
        choice.knob: choice
        for rule in (_metric, _teacher_length, _tokens, _near_words, _student, _layers, _rate, _length)
        for choice in rule(config, resolved, rows)
    }
    return [found[name] for name in values if name in found]


def _metric(config: Config, resolved: Config, rows: RowCounts) -> Iterator[Choice]:
    if config.metric != AUTO or rows.metric is None:
        return
    if TASKS.constant(config.task, "METRIC", AUTO) != AUTO:
        reason = message("this task's own")
    elif rows.metric == "macro_f1":
        reason = message("the commonest label has twice the rows of the rarest one or more")
    else:
        reason = message("no label has twice the rows of another one")
    yield Choice("metric", rows.metric, reason)


def _teacher_length(config: Config, resolved: Config, rows: RowCounts) -> Iterator[Choice]:
    if config.fine_tune and config.teacher_epochs == AUTO:
        reason = message("{passes} passes, or as many as make {least} steps of {n:row|rows}", passes=PASSES,
                         least=LEAST_TEACHER_STEPS, n=rows.train)  # fmt: skip
        yield Choice("teacher_epochs", teacher_passes(resolved, rows.train), reason)


def _tokens(config: Config, resolved: Config, rows: RowCounts) -> Iterator[Choice]:
    if config.max_tokens == AUTO:
        reason = message("95 of 100 texts need no more; at least {least} and at most {most}",
                         least=LEAST_AUTO_TOKENS, most=MOST_AUTO_TOKENS)  # fmt: skip
        yield Choice("max_tokens", rows.tokens, reason)


def _near_words(config: Config, resolved: Config, rows: RowCounts) -> Iterator[Choice]:
    if config.neighbours != AUTO:
        return
    passes = neighbour_passes(resolved, rows.train, rows.unlabelled, rows.pair, rows.size)
    if passes:
        reason = message("{n:short text lacks|short texts lack} words that the teacher knows", n=rows.train)
    elif rows.pair:
        reason = message("the answer to a pair hangs on words that both sentences share")
    elif rows.size > SHORT_TEXT:
        reason = message("in long texts they do harm")
    elif rows.train > FEW_ROWS:
        reason = message("more than {most:,} labelled rows have words enough", most=FEW_ROWS)
    else:
        reason = message("your texts without a label bring words")
    yield Choice("neighbours", passes, reason)


def _student(config: Config, resolved: Config, rows: RowCounts) -> Iterator[Choice]:
    if config.student != AUTO:
        return
    layered = next(filter(is_layerwise, used_losses(config.first_loss, config.loss)), None)
    if config.student_model:
        reason = message("it has an encoder of its own")
    elif layered:
        reason = message("the loss {loss} compares layers, which no other student has", loss=layered)
    elif rows.pair:
        reason = message("it compares each word of a pair with its counterpart")
    else:
        reason = message("single texts")
    yield Choice("student", resolved.student, reason)


def _layers(config: Config, resolved: Config, rows: RowCounts) -> Iterator[Choice]:
    if config.layers == AUTO and resolved.student == CUT:
        reason = message("an encoder of its own is small already") if config.student_model else message(
            "two layers are several times as fast as all")  # fmt: skip
        yield Choice("layers", resolved.layers, reason)


def _rate(config: Config, resolved: Config, rows: RowCounts) -> Iterator[Choice]:
    if config.lr == AUTO:
        reason = message("its layers know something already") if resolved.student == CUT else message(
            "the student's network knows nothing yet")  # fmt: skip
        yield Choice("lr", learning_rate(resolved), reason)


def _length(config: Config, resolved: Config, rows: RowCounts) -> Iterator[Choice]:
    if config.epochs == AUTO and rows.texts is not None:
        reason = message("{passes} passes, or as many as make {least} steps of {n:text|texts}", passes=PASSES,
                         least=LEAST_STUDENT_STEPS, n=rows.texts)  # fmt: skip
        yield Choice("epochs", student_passes(resolved, rows.texts), reason)
