"""Variants of a run's student: which networks, seeds and shares of the transfer set one run trains."""

from dataclasses import dataclass

from distill_core.config.schema import Config
from distill_core.messages import Message, message


@dataclass(frozen=True)
class Variant:
    """Variant of the student to train. `name` is "" for the main one, whose files and curves carry no name."""

    student: str
    seed: int
    share: float = 1.0
    name: str = ""

    def config(self, config: Config) -> Config:
        """Config of the run as this variant reads it."""
        return config.model_copy(update={"student": self.student, "seed": self.seed})

    def series_name(self, what: str) -> str:
        """Series name of `what`, a stage or a series, for this variant: "student/loss" or "student/loss@textcnn-1"."""
        return f"{what}@{self.name}" if self.name else what

    @property
    def display_name(self) -> Message:
        """Display name for the log."""
        if self.share < 1:
            return message("{student}, seed {seed}, {share:.0%} of the transfer set", student=self.student,
                          seed=self.seed, share=self.share)  # fmt: skip
        return message("{student}, seed {seed}", student=self.student, seed=self.seed)


def plan_variants(config: Config) -> list[Variant]:
    """Plan the variants of a run, the main one first: its student with the other seeds, then each other student with
    every seed, then the main student on the shares of the learning curve, with the first seed alone."""
    kinds = dict.fromkeys([config.student, *config.students])
    seeds = range(config.seed, config.seed + config.seeds)
    complete = [Variant(kind, seed, 1.0, f"{kind}-{seed}") for kind in kinds for seed in seeds]
    main = Variant(config.student, config.seed)
    shares = [
        Variant(main.student, main.seed, share, f"{main.student}-{main.seed}-{share:g}")
        for share in config.learning_curve
    ]
    return [main, *complete[1:], *shares]
