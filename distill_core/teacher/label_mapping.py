"""Mapping of a teacher's outputs to the data's labels, and a check of the mapping on labelled rows.

Knows nothing of models or texts, only of names, logits and answers.
"""

import re
from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from distill_core.errors import TeacherError
from distill_core.evaluation.objective import Labels, Objective
from distill_core.events import Note
from distill_core.messages import Message, message
from distill_core.teacher.label_names import order_by_name

GENERIC = re.compile(r"label[_ ]?(\d+)$", re.IGNORECASE)
ROWS_FOR_ORDER = 40  # validation rows below which another order of the labels may look better by luck
CLEARLY = 0.1  # accuracy, as a fraction, from which on one order of the labels is clearly better


def match_labels(teacher: Sequence[str], data: Sequence[str], name: str) -> tuple[list[int], list[Message]]:
    """Index of the teacher's output for each label of the data, and notes on the match.

    By name first (`order_by_name`), then by number where either side has only numbers. Raises
    TeacherError, naming both lists, where neither works."""
    if len(teacher) == 1:
        raise TeacherError(message(
            "{name} answers with one number, not with one of several labels, so it can't teach {ours}. Fine-tune it "
            "({knob:knob}) or choose another.", name=name, ours=_listed(data), knob="fine_tune"))  # fmt: skip
    if len(teacher) != len(data):
        raise TeacherError(message("{name} knows {n:,} labels ({theirs}), the data has {here:,} ({ours}). Fine-tune it "
                                  "({knob:knob}) or choose another teacher.", name=name, n=len(teacher),
                                  theirs=_listed(teacher), here=len(data), ours=_listed(data),
                                  knob="fine_tune"))  # fmt: skip
    by_name = order_by_name(teacher, data)
    if by_name is not None:
        return by_name, []
    numbers = [_number(label) for label in data]
    if sorted(numbers) == list(range(len(data))):
        pairs = ", ".join(f"{label} = {teacher[i]}" for label, i in zip(data, numbers, strict=True))
        return numbers, [message(
            "The data's labels are numbers, taken for the teacher's outputs in that order: {pairs}.",
            pairs=pairs)]  # fmt: skip
    numbers = [_number(label) for label in teacher]
    if sorted(numbers) == list(range(len(data))):
        order = [numbers.index(i) for i in range(len(data))]
        pairs = ", ".join(f"{teacher[i]} = {label}" for label, i in zip(data, order, strict=True))
        return order, [message("The teacher's labels have no names, so they are taken in the data's order: {pairs}.",
                              pairs=pairs)]  # fmt: skip
    raise TeacherError(message(
        "The labels don't match: {name} answers {theirs}, the data says {ours}. Rename the data's labels, fine-tune "
        "the teacher ({knob:knob}) or choose another.", name=name, theirs=_listed(teacher), ours=_listed(data),
        knob="fine_tune"))  # fmt: skip


def check_agreement(logits: Tensor, truth: Labels, labels: Sequence[str], objective: Objective) -> list[Note]:
    """Warnings from the teacher's answers on labelled rows (validation).

    `logits` (rows, classes) and `truth` are in the data's label order. Raises TeacherError where another order of the
    labels fits so much better that this one must be wrong."""
    if not len(truth):
        return []
    answers, rows = objective.decide(logits.numpy()), len(truth)
    confusion = objective.confusion(np.asarray(truth), answers, len(labels))
    if confusion is None:
        return []
    of_label, table = confusion.sum(1), confusion.T  # (answer, truth)
    accuracy, majority = float(np.trace(table) / rows), float(of_label.max() / rows)
    commonest = labels[int(of_label.argmax())]
    theirs, ours = linear_sum_assignment(-table)
    best = float(table[theirs, ours].sum() / rows)
    if rows >= ROWS_FOR_ORDER and best > accuracy + 2 * CLEARLY and best > majority + CLEARLY:
        pairs = [message("its {theirs} is your {ours}", theirs=labels[i], ours=labels[j])
                 for i, j in zip(theirs, ours, strict=True) if i != j]  # fmt: skip
        raise TeacherError(message(
            "The teacher's labels look exchanged: as they are matched now it is right on {right:.0%} of the validation "
            "rows, in another order on {best:.0%} ({pairs}). Correct id2label in its config.json, or rename the data's "
            "labels.", right=accuracy, best=best, pairs=pairs))  # fmt: skip
    error = (majority * (1 - majority) / rows) ** 0.5
    if accuracy <= majority + 2 * error:
        warning = message(
            "The teacher is right on {right:.0%} of the validation rows; always answering {label} would be on "
            "{usual:.0%}. It has next to nothing to teach: fine-tune it or choose another.",
            right=accuracy, label=repr(commonest), usual=majority,
        )  # fmt: skip
        return [Note(warning, "warning", "teacher")]
    return []


def _number(label: str) -> int:
    """Number in "3" or "LABEL_3", else -1."""
    match = GENERIC.match(str(label).strip()) or re.match(r"(\d{1,4})$", str(label).strip())
    return int(match.group(1)) if match else -1


def _listed(labels: Sequence[str]) -> str:
    shown = ", ".join(repr(label) for label in labels[:8])
    return message("{labels} and {n:,} more", labels=shown, n=len(labels) - 8) if len(labels) > 8 else shown
