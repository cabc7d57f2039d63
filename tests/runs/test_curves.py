"""Curves over the tries of a run: a training that goes on keeps its points, one that begins anew leaves none behind."""

import math

from distill_core.runs.curves import Curves, training_of

FIRST = [("student/loss", 1, 0.9), ("student/loss", 5, 0.5), ("student/valid_accuracy", 5, 0.6),
         ("student/loss", 10, 0.4), ("student/valid_accuracy", 10, 0.7)]  # fmt: skip
OTHERS = [("student/loss@bag-1", 10, 0.3), ("control/loss", 10, 0.2)]


def test_a_training_that_goes_on_from_its_checkpoint_repeats_points_that_are_there() -> None:
    curves = Curves([*OTHERS, *FIRST])
    assert [curves.add(*point) for point in FIRST[3:]] == ["known", "known"]
    assert curves.add("student/loss", 15, 0.3) == "next"
    assert curves.points() == [*OTHERS, *FIRST, ("student/loss", 15, 0.3)]


def test_a_training_that_begins_anew_drops_all_of_its_series_and_no_others() -> None:
    curves = Curves([*OTHERS, *FIRST])
    assert curves.add("student/loss", 1, 0.8) == "anew"
    assert curves.points() == [*OTHERS, ("student/loss", 1, 0.8)], "also the scores, which come at other steps now"
    assert curves.add("student/valid_accuracy", 7, 0.5) == "next"


def test_a_training_that_goes_on_otherwise_keeps_what_came_before() -> None:
    curves = Curves(FIRST)
    assert curves.add("student/loss", 6, 0.45) == "other"
    assert curves.points() == [*FIRST[:3], ("student/loss", 6, 0.45)]


def test_series_may_come_one_after_the_other_and_nan_is_itself() -> None:
    loss = [("a/loss", step, math.nan) for step in (1, 2, 3)]
    scores = [("a/valid_f1", step, 0.5) for step in (1, 3)]
    curves = Curves([*loss, *scores])
    assert curves.add("a/loss", 3, math.nan) == "known" and repr(curves.points()) == repr([*loss, *scores])
    assert curves.add("a/loss", 1, 1.0) == "anew" and curves.points() == [("a/loss", 1, 1.0)]


def test_a_series_names_its_training() -> None:
    assert training_of("student/loss") == ("student", "") and training_of("student/valid_f1@bag-1@0.1") == (
        "student", "bag-1@0.1",
    )  # fmt: skip
