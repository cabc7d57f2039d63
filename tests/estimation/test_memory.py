"""Memory of a run with its teacher in it, by arithmetic, against the peaks of measured runs."""

from typing import Any

import pytest

from distill_core.config.schema import Config
from distill_core.estimation.memory import peak_memory, size_of
from distill_core.pipeline.cost_model import Measurements

COUNTS: Any = {"train": 500, "valid": 50, "test": 100, "unlabelled": 0, "seconds": 1.0, "make": 0.0, "read": 0.0,
               "size": {"labelled": 100.0, "unlabelled": 0.0, "augmented": 0.0}, "grown": [0.0],
               "tokens": 128}  # fmt: skip
STUDENT: Any = {"step": 0.01, "row": 1e-4, "memory": 486_000_000}
MINILM: Any = {"size": 1e-5, "load": 1.0, "parameters": 22_700_000, "depth": 6, "width": 384, "heads": 12, "tokens": 24}
BUILTIN: Any = {"size": 1e-6, "load": 0.1, "parameters": 1_140_000, "depth": 2, "width": 128, "heads": 2, "tokens": 24}


# "Memory with the teacher in it" in benchmarks/RESULTS.md: the peaks that the workers reported
@pytest.mark.parametrize(
    ("teacher", "tuning", "texts", "used"),
    [
        (BUILTIN, None, 8_800, 689e6),
        (MINILM, 27, 350, 1_464e6),
        (MINILM | {"tokens": 128}, 60, 120, 1_988e6),
    ],
)
def test_measured_runs_used_what_is_told_within_a_quarter(
    teacher: Any, tuning: float | None, texts: int, used: float
) -> None:
    config = Config.of(fine_tune=tuning is not None)
    told = peak_memory(config, Measurements(COUNTS, teacher, STUDENT), texts, tuning or 0.0)
    assert told == pytest.approx(used, rel=0.25)


def test_a_teacher_that_is_not_here_counts_by_its_size() -> None:
    large = Config.of(teacher="google-bert/bert-large-uncased", fine_tune=True)
    shape = size_of(large)
    assert shape and shape["depth"] == 24
    told = peak_memory(large, Measurements(COUNTS, shape, STUDENT), 1000, 600.0)
    # 335 million parameters as weights, gradients, two moments, best weights, and a checkpoint of all but the gradients
    assert told and 36 * 335.1e6 < told < 1.2 * 36 * 335.1e6
    ready = peak_memory(Config.of(teacher=large.teacher), Measurements(COUNTS, shape, STUDENT), 1000, 0.0)
    assert ready and 4 * 335.1e6 < ready < 9 * 335.1e6
    assert size_of(Config.of(teacher="nobody/knows")) is None


def test_longer_texts_and_batches_need_more_and_a_short_training_no_checkpoint() -> None:
    def told(tuning: float = 60.0, **knobs: Any) -> int:
        teacher = MINILM | {"tokens": 128}
        found = peak_memory(Config.of(fine_tune=True, **knobs), Measurements(COUNTS, teacher, STUDENT), 100, tuning)
        assert found
        return found

    assert told(max_tokens=32) < told(max_tokens=64) < told() < told(teacher_batch=64)
    assert told(5.0) < told(11.0)


def test_nothing_is_told_of_a_student_that_was_not_measured() -> None:
    assert peak_memory(Config(), Measurements(COUNTS, MINILM), 100, 0.0) is None
