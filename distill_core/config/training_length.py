"""Length of a training that the config leaves to the data.

A few hundred rows in a few passes are a few dozen steps, in which neither a teacher nor a student leaves the answer it
began with. Mosbach et al. 2021 ("On the Stability of Fine-tuning BERT", section 6) and Zhang et al. 2021 ("Revisiting
Few-sample BERT Fine-tuning", section 5) train longer, and so do we: at least so many steps, whatever the rows.
"""

import math

from distill_core.config.losses import NONE
from distill_core.config.schema import Config

PASSES = 3
LEAST_TEACHER_STEPS = 200
LEAST_STUDENT_STEPS = 600  # with 1,500 the learning rate falls too late: a few texts are learnt by heart before
LONGER = 3  # times the passes of a run that was too short
# Share of the steps that are made of a training which patience may end [measured: 20 runs of benchmarks/small.py: the
# control's 0.57, the student's 0.81, the teacher's 0.85].
PATIENT_SHARE = 0.75
# Validation rows; fewer can't tell one step of a training from another [benchmarks/selection.py].
LEAST_SELECTING = 20
FIRST_SHARE = 0.5  # of the steps are made with the first loss, where there is one
TEACHER_EVALUATIONS = 20  # at most: a look at the validation rows takes a teacher seconds


def teacher_passes(config: Config, rows: int) -> int:
    """Passes over that number of labelled rows while the teacher is fine-tuned."""
    return _passes(config.teacher_epochs, rows, config.teacher_batch, LEAST_TEACHER_STEPS)


def passes_between_evaluations(passes: int) -> int:
    """Passes from one look at the validation rows to the next while the teacher is fine-tuned."""
    return math.ceil(passes / TEACHER_EVALUATIONS)


def teacher_evaluations(passes: int) -> int:
    """Looks at the validation rows in that many passes of the teacher."""
    return math.ceil(passes / passes_between_evaluations(passes))


def selects_step(valid: int) -> bool:
    """Whether that number of validation rows selects a step of a training; else the last one is taken."""
    return valid >= LEAST_SELECTING


def patience_of(config: Config, valid: int) -> int:
    """Patience of a training with that number of validation rows: none where these select no step."""
    return config.patience if selects_step(valid) else 0


def expected_share(patience: int, evaluations: int) -> float:
    """Share of a training's steps to count on, where it ends after `patience` evaluations without a better one."""
    return PATIENT_SHARE if 0 < patience < evaluations else 1.0


def student_passes(config: Config, texts: int) -> int:
    """Passes over that number of texts of the transfer set while a student is trained."""
    return _passes(config.epochs, texts, config.batch, LEAST_STUDENT_STEPS)


def student_steps(config: Config, texts: int) -> int:
    """Optimiser steps of those passes, those of the control as well."""
    return student_passes(config, texts) * steps_of_pass(texts, config.batch)


def first_steps(config: Config, steps: int) -> int:
    """Of so many steps of a student, those with its first loss."""
    return round(FIRST_SHARE * steps) if config.first_loss != NONE else 0


def steps_of_pass(rows: int, batch: int) -> int:
    """Optimiser steps of one pass over that number of rows."""
    return math.ceil(rows / batch)


def _passes(wanted: int | str, rows: int, batch: int, least: int) -> int:
    if isinstance(wanted, int):
        return wanted
    return max(PASSES, math.ceil(least / max(1, steps_of_pass(rows, batch))))
