"""Settings that fit a time: as much training of the teacher and the student, and as many texts, as the estimate allows.

In the order of their worth: the teacher's steps come first, then the student's, then more texts. Each has a few
lengths, and the longest that fits with everything after it at its shortest is taken; what was typed stays. Pure
arithmetic, as an estimate is: it follows every change of the form.
"""

import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from distill_core.config.presets import KnobValues
from distill_core.config.schema import AUTO_LANGUAGE, DEFAULTS, LONGEST, Config
from distill_core.config.training_length import LEAST_STUDENT_STEPS, LEAST_TEACHER_STEPS, PASSES, steps_of_pass
from distill_core.estimation.cost import Estimate, PastRun, estimate, resolve_auto, transfer_texts
from distill_core.estimation.memory import PER_TOKEN
from distill_core.pipeline.cost_model import DataCounts, Measurements, StudentPace, TeacherPace, counted_passes
from distill_core.teacher.catalog import smaller_suggestions

DOUBT = 4 / 3  # of the time, that the upper end of the estimate may reach
FEW_ROWS = 2_000  # labelled rows up to which many passes of augmentation are worth their time
# Lengths of a training as (passes, steps): so many passes, or as many more as make the steps; the last is what "auto"
# means. Below 100 steps a teacher learns little: only where nothing else fits.
Length = tuple[int, int]
TEACHER_LENGTHS: tuple[Length, ...] = ((1, 100), (2, 150), (PASSES, LEAST_TEACHER_STEPS))
SHORT_TEACHER_LENGTHS: tuple[Length, ...] = ((1, 25), (1, 50))
STUDENT_LENGTHS: tuple[Length, ...] = ((1, 150), (1, 300), (2, 450), (PASSES, LEAST_STUDENT_STEPS))
AUGMENTATION_PASSES = (0, 1, 2, 4, 8, 16)
TRANSFER_LIMITS = (2_000, 5_000, 10_000, 20_000, 50_000, 100_000)
SHORT_TOKENS = (64, 128)  # read of a text where there is no time for all that "auto" reads
ENGLISH = (AUTO_LANGUAGE, "en")  # languages of a config that the smaller encoders, which are English, may serve
CHOSEN = ("teacher", "teacher_epochs", "max_tokens", "epochs", "n_iter", "neighbours", "transfer_limit")


@dataclass(frozen=True)
class BudgetSettings:
    """Settings for a time: the whole `config`, the `knobs` of it that were chosen, the `estimate` of its run, and
    whether it `fits`: where it does not, nothing shorter is offered."""

    config: Config
    knobs: KnobValues
    estimate: Estimate
    fits: bool


@dataclass(frozen=True)
class _Choice:
    """One candidate: a teacher other than the config's own, and a length or a value for all else."""

    other: str | None
    teacher: Length
    tokens: int
    student: Length
    texts: tuple[int, int, int]  # passes of augmentation, largest transfer set, texts with near words of each row


def free_config(config: Config, typed: Collection[str]) -> Config:
    """The config with its defaults in all that settings for a time are chosen of, but for the knobs in `typed`.

    Example:
        >>> free = core.free_config(core.Config.of(n_iter=9, epochs=3), typed=["epochs"])
        >>> free.n_iter, free.epochs
        (2, 3)
    """
    free = {name: DEFAULTS[name] for name in CHOSEN if name not in typed}
    return Config.of(**config.model_dump() | free)


def other_teachers(config: Config, typed: Collection[str]) -> list[str]:
    """The teachers that may stand in for the config's own where it takes too long, the largest first: where it is the
    usual one and nobody chose it, the smaller ones of its kind."""
    if "teacher" in typed or not config.fine_tune or config.language not in ENGLISH:
        return []
    return smaller_suggestions(config)


def choose_settings(
    config: Config,
    known: Measurements,
    earlier: Sequence[PastRun] = (),
    seconds: float | None = None,
    typed: Collection[str] = (),
    others: Mapping[str, TeacherPace] | None = None,
) -> BudgetSettings | None:
    """Settings of a run of `config` (as `free_config` returns it) that takes at most so many `seconds`, None for as
    long as it takes. The knobs in `typed` stay. `others` are the paces of `other_teachers`. None while too little is
    known."""
    # earlier runs may tell what this config takes, but not what shorter and longer ones do
    if known.counts is None or not known.complete or estimate(config, known, earlier) is None:
        return None
    budget = math.inf if seconds is None else seconds
    return _Search(config, known, known.counts, earlier, budget, typed, others or {}).run()


@dataclass(frozen=True)
class _Search:
    config: Config
    known: Measurements
    counts: DataCounts
    earlier: Sequence[PastRun]
    seconds: float
    typed: Collection[str]
    others: Mapping[str, TeacherPace]

    def run(self) -> BudgetSettings:
        """Settings with the largest teacher that learns to its end in time; else with the smallest one, which learns
        for as long as there is time."""
        teachers: list[str | None] = [None, *self.others]
        attempts = [(name, TEACHER_LENGTHS[-1:]) for name in teachers]
        attempts += [(teachers[-1], TEACHER_LENGTHS), (teachers[-1], SHORT_TEACHER_LENGTHS)]
        for name, lengths in attempts:
            if found := self._longest(name, lengths):
                return self._settings(found, fits=True)
        return self._settings(self._shortest(teachers[-1], SHORT_TEACHER_LENGTHS), fits=False)

    def _longest(self, other: str | None, teacher: Sequence[Length]) -> _Choice | None:
        choice = self._shortest(other, teacher)
        if not self._fits(choice):
            return None
        options: dict[str, Sequence[Any]] = {
            "teacher": teacher, "tokens": self._tokens(), "student": STUDENT_LENGTHS, "texts": self._texts()
        }  # fmt: skip
        for part, values in options.items():
            longer = (dataclasses.replace(choice, **{part: value}) for value in reversed(values))
            choice = next((one for one in longer if self._fits(one)), choice)
        return choice

    def _shortest(self, other: str | None, teacher: Sequence[Length]) -> _Choice:
        return _Choice(other, teacher[0], self._tokens()[0], STUDENT_LENGTHS[0], self._texts()[0])

    def _tokens(self) -> tuple[int, ...]:
        full = self._full_tokens()
        long = "max_tokens" not in self.typed and min(full, self._mean_tokens()) > SHORT_TOKENS[0]
        return (*(tokens for tokens in SHORT_TOKENS if long and tokens < full), full)

    def _texts(self) -> list[tuple[int, int, int]]:
        """From the fewest texts to the most: unlabelled ones first, then those that a few passes of augmentation make,
        then those with near words, which are worth more than more passes."""
        train, most = self.counts["train"], self.config.transfer_limit
        own = train + self.counts["unlabelled"]
        limits = [most]
        if "transfer_limit" not in self.typed:
            limits = [limit for limit in TRANSFER_LIMITS if train <= limit < min(own, most)] + limits
        if "n_iter" in self.typed:
            passes = [self.config.n_iter]
        else:
            many = AUGMENTATION_PASSES[-1] if train <= FEW_ROWS else int(DEFAULTS["n_iter"])
            passes = [each for each in AUGMENTATION_PASSES if each <= many]
        all_near = counted_passes(self.config, self.counts)
        near = [all_near] if "neighbours" in self.typed else sorted({0, all_near // 2, all_near})
        few = [each for each in passes if each <= int(DEFAULTS["n_iter"])] or passes[:1]
        return [
            *((few[0], limit, near[0]) for limit in limits),
            *((each, most, near[0]) for each in few[1:]),
            *((few[-1], most, each) for each in near[1:]),
            *((each, most, near[-1]) for each in passes if each > few[-1]),
        ]

    def _full_tokens(self) -> int:
        return resolve_auto(self.config, self.counts).token_limit

    def _mean_tokens(self) -> float:
        return self.counts["size"]["labelled"] / PER_TOKEN

    def _fits(self, choice: _Choice) -> bool:
        found = self._estimate(choice)
        return found.seconds <= self.seconds and found.high <= DOUBT * self.seconds

    def _settings(self, choice: _Choice, fits: bool) -> BudgetSettings:
        knobs = self._knobs(choice)
        return BudgetSettings(self._config(knobs), knobs, self._estimate(choice), fits)

    def _knobs(self, choice: _Choice) -> KnobValues:
        passes, limit, near = choice.texts
        knobs: KnobValues = {"n_iter": passes}
        if near != counted_passes(self.config, self.counts):
            knobs["neighbours"] = near
        if choice.other:
            knobs["teacher"] = choice.other
        if self.config.fine_tune:
            knobs["teacher_epochs"] = _epochs(choice.teacher, self.counts["train"], self.config.teacher_batch)
        if choice.tokens != self._full_tokens():
            knobs["max_tokens"] = choice.tokens
        if limit != self.config.transfer_limit:
            knobs["transfer_limit"] = limit
        texts = transfer_texts(self._config(knobs), self.counts)
        knobs["epochs"] = _epochs(choice.student, texts, self.config.batch)
        return {name: value for name, value in knobs.items() if name not in self.typed}

    def _config(self, knobs: KnobValues) -> Config:
        return Config.of(**self.config.model_dump() | {k: v for k, v in knobs.items() if k not in self.typed})

    def _estimate(self, choice: _Choice) -> Estimate:
        share = min(choice.tokens, self._mean_tokens()) / min(self._full_tokens(), self._mean_tokens())
        teacher, student = self.others[choice.other] if choice.other else self.known.teacher, self.known.student
        known = dataclasses.replace(
            self.known, teacher=teacher and _shorter_teacher(teacher, share),
            student=student and _shorter_student(student, share),
        )  # fmt: skip
        found = estimate(self._config(self._knobs(choice)), known, self.earlier)
        assert found is not None  # all of it is known
        return found


def _epochs(length: Length, rows: int, batch: int) -> int:
    passes, steps = length
    return min(LONGEST, max(passes, math.ceil(steps / max(1, steps_of_pass(rows, batch)))))


def _shorter_teacher(pace: TeacherPace, share: float) -> TeacherPace:
    """The pace where texts are cut to that share of their tokens."""
    shorter: TeacherPace = {**pace, "size": pace["size"] * share}
    if "step" in pace:
        shorter["step"] = pace["step"] * share
    return shorter


def _shorter_student(pace: StudentPace, share: float) -> StudentPace:
    return {**pace, "step": pace["step"] * share, "row": pace["row"] * share}
