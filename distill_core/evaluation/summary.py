"""What a run's summary is made of, key by key: every value that the page and the command line count on.

A key with a default may be missing (runs from before it was measured lack it) but may not be null, for those who read
a summary tell only the two apart. Keys of a newer version travel along unread. Knows nothing of files.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from distill_core.evaluation.metrics import METRICS
from distill_core.events import ROWS
from distill_core.messages import message

MAX_VARIANTS = 1_000

Number = Annotated[float, Field(allow_inf_nan=False, ge=-1e18, le=1e18)]
Above = Annotated[float, Field(allow_inf_nan=False, gt=0, le=1e18)]  # something is divided by it
Share = Annotated[float, Field(allow_inf_nan=False, ge=0, le=1)]
Count = Annotated[int, Field(ge=0, le=2**53)]
Label = Annotated[str, Field(max_length=10_000)]
Metric = Literal[METRICS]
Name = Annotated[str, Field(max_length=100)]
Level = Literal["info", "warning"]
Finding = (  # a sentence, and since a later version what it was made of; JSON has no tuples
    Annotated[tuple[Level, Label], Field(strict=False)]
    | Annotated[tuple[Level, Label, dict | None], Field(strict=False)]
)


def _known_rows(value: dict) -> dict:
    if unknown := set(value) - set(ROWS):
        raise ValueError(message("{row} is no row of a comparison", row=repr(sorted(unknown)[0][:40])))
    return value


class _Model(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow")


class ClassScores(_Model):
    """How one label is answered."""

    label: Label
    precision: Share
    recall: Share
    f1: Share
    rows: Count


class Bin(_Model):
    """The rows of about one confidence, and how many of them are right."""

    confidence: Share
    accuracy: Share
    rows: Count


class PredictionScores(_Model):
    """How right and how sure a model is."""

    accuracy: Number
    low: Number = 0.0
    high: Number = 0.0
    macro_f1: Number = 0.0
    macro_f1_low: Number = 0.0
    macro_f1_high: Number = 0.0
    mcc: Number = 0.0
    f1: Number = 0.0
    metric_low: Number = 0.0
    metric_high: Number = 0.0
    per_class: list[ClassScores] = []
    ece: Number = 0.0
    temperature: Above = 1.0
    ece_scaled: Number = 0.0
    reliability: list[Bin] = []
    reliability_scaled: list[Bin] = []


class Score(PredictionScores):
    """The same with what the model costs: a row of the comparison, or a member's student."""

    parameters: Count
    bytes: Annotated[int, Field(gt=0, le=2**53)]
    latency_ms: Above
    latency_p95_ms: Number = 0.0
    texts_per_s: Number = 0.0


class Difference(_Model):
    """Of two rows, paired."""

    difference: Number
    low: Number
    high: Number


class MeanInterval(_Model):
    """A mean over seeds."""

    mean: Number
    low: Number
    high: Number
    n: Count = 0


class SeedAggregate(_Model):
    """What one student's seeds come to."""

    n: Count
    metric: Metric
    rows: Annotated[dict[str, MeanInterval], AfterValidator(_known_rows)]
    gap_recovered: MeanInterval | None
    kept: MeanInterval | None
    agreement: MeanInterval | None = None


class StudentAggregate(SeedAggregate):
    """The same of one of several students."""

    student: Name


class VariantScores(_Model):
    """One trained student of several."""

    name: Name = ""
    student: Name
    seed: Annotated[int, Field(ge=-(2**53), le=2**53)]
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    texts: Count
    agreement: Number
    control: PredictionScores | None
    student_score: Score
    gap_recovered: Number | None
    kept: Number | None
    front: bool = False


class LearningCurvePoint(_Model):
    """A point of the learning curve."""

    texts: Count
    share: Share = 1.0
    accuracy: Number
    low: Number = 0.0
    high: Number = 0.0
    metric_low: Number = 0.0
    metric_high: Number = 0.0


class CorrectnessSplit(_Model):
    """Test rows by who is right."""

    both: Count
    only_student: Count
    only_teacher: Count
    neither: Count


class SplitSizes(_Model):
    """How many there are of each kind."""

    train: Count = 0
    valid: Count = 0
    test: Count = 0
    transfer: Count = 0


class Summary(_Model):
    """The comparison as `comparison.compare`, `aggregation.aggregate` and the stage compare made it."""

    metric: Metric = "accuracy"
    scores: Annotated[dict[str, Score], AfterValidator(_known_rows)]
    gap_recovered: Number | None = None
    kept: Number | None
    agreement: Number
    split: CorrectnessSplit = CorrectnessSplit(both=0, only_student=0, only_teacher=0, neither=0)
    mcnemar: Annotated[dict[str, Share], AfterValidator(_known_rows)] = {}
    differences: dict[Literal["student-control", "student-teacher"], Difference] = {}
    confusion: Annotated[dict[str, list[list[Count]]], AfterValidator(_known_rows)] = {}
    members: Annotated[list[VariantScores], Field(min_length=1, max_length=MAX_VARIANTS)] = []
    seeds: SeedAggregate | None = None
    students: Annotated[list[StudentAggregate], Field(max_length=MAX_VARIANTS)] = []
    learning_curve: Annotated[list[LearningCurvePoint], Field(max_length=MAX_VARIANTS)] = []
    rows: SplitSizes = SplitSizes()
    scored_on: Name = ""
    labels: Annotated[list[Label], Field(min_length=1, max_length=10_000)] = []
    teacher: str = ""
    tests_read: Count = 0
    verdict: Annotated[list[Finding], Field(max_length=100)] = []

    @model_validator(mode="after")
    def _fits_together(self) -> "Summary":
        if missing := {"student", "teacher"} - set(self.scores):
            raise ValueError(message("{row} has no score", row=repr(sorted(missing)[0])))
        members = [score for one in self.members for score in (one.control, one.student_score) if score]
        for score in (*self.scores.values(), *members):
            if self.metric != "accuracy" and self.metric not in score.model_fields_set:
                raise ValueError(message("a score lacks the run's metric, {metric}", metric=self.metric))
            if score.per_class and len(score.per_class) != len(self.labels):
                raise ValueError(message("the scores of the classes do not fit the labels"))
        for counts in self.confusion.values():
            if len(counts) != len(self.labels) or any(len(row) != len(self.labels) for row in counts):
                raise ValueError(message("a confusion matrix does not fit the labels"))
        return self
