"""Settings for a time, from fixed measurements: what is chosen, in which order, and what stays."""

from dataclasses import replace
from typing import Any

import pytest

from distill_core.config.schema import Config
from distill_core.config.training_length import steps_of_pass
from distill_core.estimation.cost import Measurements, PastRun, estimate
from distill_core.estimation.time_budget import BudgetSettings, choose_settings, free_config, other_teachers
from distill_core.events import STAGES

COUNTS: Any = {
    "train": 300, "valid": 100, "test": 200, "unlabelled": 0, "seconds": 1.0, "make": 1e-4, "read": 1e-4,
    "size": {"labelled": 100.0, "unlabelled": 100.0, "augmented": 80.0}, "grown": [0.0, 0.9, 1.7, 2.4, 3.0],
    "tokens": 128,
}  # fmt: skip
TEACHER: Any = {"size": 2e-4, "load": 2.0, "step": 1.5, "parameters": 110_000_000, "depth": 12, "width": 768}
SMALL: Any = {"size": 2e-5, "load": 1.0, "step": 0.15, "parameters": 23_000_000, "far": True}
KNOWN = Measurements(COUNTS, TEACHER, {"step": 0.02, "row": 1e-4, "memory": 500_000_000})
FILE = Config.of(task="file", train="a.csv", fine_tune=True, metric="accuracy")


def chosen(seconds: float | None, config: Config = FILE, known: Measurements = KNOWN, **more: Any) -> BudgetSettings:
    typed = more.pop("typed", ())
    found = choose_settings(free_config(config, typed), known, (), seconds, typed, **more)
    assert found
    return found


def steps(found: BudgetSettings) -> tuple[int, int, int]:
    """Steps of the teacher, steps of the student, texts."""
    passes = found.config.teacher_epochs
    assert isinstance(passes, int)
    return (
        passes * steps_of_pass(COUNTS["train"], found.config.teacher_batch),
        found.estimate.steps,
        found.estimate.texts,
    )


def test_more_time_means_longer_training_and_more_texts_that_fit() -> None:
    faster: Any = replace(KNOWN, teacher=TEACHER | {"size": 1e-4, "step": 0.15}, counts=COUNTS | {"unlabelled": 40_000})
    found = [chosen(seconds, known=faster) for seconds in (60, 300, 1800)]
    lengths = [steps(one) for one in found]
    assert lengths == sorted(lengths) and len(set(lengths)) == 3, lengths
    for one, seconds in zip(found, (60, 300, 1800), strict=True):
        assert one.fits and one.estimate.seconds <= seconds and one.estimate.high <= seconds * 4 / 3
        assert all(getattr(one.config, name) == value for name, value in one.knobs.items())
        assert estimate(one.config, faster) == one.estimate, "what was chosen is what the bar then estimates"


def test_the_teacher_trains_to_its_end_first_then_the_student_then_texts_are_added() -> None:
    for seconds, to_its_end, passes, near in (
        (320, False, 0, 0), (330, True, 0, 0), (370, True, 2, 0), (390, True, 2, 7), (470, True, 16, "auto")
    ):  # fmt: skip
        found = chosen(seconds)
        teacher, student, _ = steps(found)
        assert found.fits and teacher >= 200 and (student >= 600) == to_its_end
        assert (found.config.n_iter, found.config.neighbours) == (passes, near)


def test_texts_with_near_words_stay_as_they_were_typed() -> None:
    assert chosen(10, FILE.model_copy(update={"neighbours": 7}), typed=["neighbours"]).config.neighbours == 7
    none = FILE.model_copy(update={"neighbours": 0})
    assert {chosen(seconds, none, typed=["neighbours"]).config.neighbours for seconds in (10, 390, 900)} == {0}


def test_below_a_hundred_steps_of_the_teacher_only_where_nothing_else_fits() -> None:
    assert 100 <= steps(chosen(260))[0] < 200
    assert steps(chosen(160))[0] < 100


def test_nothing_fits_and_the_shortest_is_offered() -> None:
    found = chosen(10)
    assert not found.fits and found.estimate.seconds > 10
    assert found.config.n_iter == 0 and steps(found)[0] <= 38


def test_a_smaller_teacher_that_trains_to_its_end_is_better_than_a_larger_one_that_does_not() -> None:
    small = {"sentence-transformers/all-MiniLM-L6-v2": SMALL}
    found = chosen(200, others=small)
    assert found.knobs["teacher"] in small and steps(found)[0] >= 200
    assert "teacher" not in chosen(1800, others=small).knobs
    assert other_teachers(FILE, ()) == [
        "distilbert/distilbert-base-uncased",
        "sentence-transformers/all-MiniLM-L12-v2",
        "sentence-transformers/all-MiniLM-L6-v2",
    ]
    german = Config.of(**FILE.model_dump() | {"language": "de"})
    other = Config.of(**FILE.model_dump() | {"teacher": "FacebookAI/roberta-base"})
    assert [other_teachers(german, ()), other_teachers(FILE, ["teacher"]), other_teachers(other, ["teacher"])] == [
        []
    ] * 3


def test_as_long_as_it_takes_is_what_the_defaults_mean_and_many_passes_over_few_rows() -> None:
    found, auto = chosen(None), estimate(Config.of(**FILE.model_dump() | {"n_iter": 16}), KNOWN)
    assert auto and found.config.n_iter == 16 and found.estimate == auto
    many = replace(KNOWN, counts=COUNTS | {"train": 60_000})
    assert chosen(None, known=many).config.n_iter == 2


def test_what_was_typed_stays() -> None:
    config = Config.of(**FILE.model_dump() | {"epochs": 7, "n_iter": 1, "teacher_epochs": 2, "seeds": 3})
    for seconds in (30, 300, None):
        found = chosen(seconds, config, typed=("epochs", "n_iter", "teacher_epochs"))
        assert (found.config.epochs, found.config.n_iter, found.config.teacher_epochs) == (7, 1, 2)
        assert found.config.seeds == 3 and not {"epochs", "n_iter", "teacher_epochs"} & set(found.knobs)


def test_texts_without_a_label_are_taken_before_any_are_made() -> None:
    many: Any = replace(KNOWN, counts=COUNTS | {"unlabelled": 40_000})
    ready = Config.of(task="sst2")
    found = chosen(600, ready, many)
    assert found.fits and found.config.n_iter == 0 and 2_000 <= found.config.transfer_limit < 40_000
    assert chosen(None, ready, many).config.transfer_limit == 250_000


def test_long_texts_are_cut_where_there_is_little_time() -> None:
    size = {"labelled": 1000.0, "unlabelled": 0.0, "augmented": 900.0}
    long: Any = replace(KNOWN, counts=COUNTS | {"size": size, "tokens": 256})
    assert chosen(None, known=long).config.max_tokens == "auto"
    limits = [chosen(seconds, known=long).config.max_tokens for seconds in range(200, 3001, 100)]
    assert list(dict.fromkeys(limits)) == [64, 128, "auto"], "with more time more is read"
    assert chosen(300).config.max_tokens == "auto", "short texts lose nothing, and win no time"
    typed = chosen(300, Config.of(**FILE.model_dump() | {"max_tokens": 200}), long, typed=("max_tokens",))
    assert typed.config.max_tokens == 200


@pytest.mark.parametrize("known", [Measurements(), Measurements(COUNTS)])
def test_nothing_is_chosen_while_nothing_is_known(known: Measurements) -> None:
    assert choose_settings(FILE, known) is None
    before = PastRun(FILE.model_dump(), dict.fromkeys(STAGES, (1.0, False)), 900, 1500)
    assert choose_settings(FILE, known, [before]) is None, "an earlier run knows one length alone"
