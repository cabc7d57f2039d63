"""Summary of a run: every key that the engine writes, and that the store, the page, the command line and the model card
read. One declaration serves the type checker, and pydantic where a summary comes from elsewhere.

A key that is NotRequired may be missing (older runs lack it) but never null: readers use `.get(key, default)`. Unknown
keys, as of a newer version, are let through unread. Knows nothing of files.
"""

from typing import Annotated, Any, Literal, NotRequired, TypeVar, get_args

from pydantic import AfterValidator, ConfigDict, Field, with_config
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from distill_core.data.dataset import SourceRow
from distill_core.events import ROWS
from distill_core.messages import METRIC_NAMES, MessageData, message

MAX_VARIANTS = 1_000

Number = Annotated[float, Field(allow_inf_nan=False, ge=-1e18, le=1e18)]
Above = Annotated[float, Field(allow_inf_nan=False, gt=0, le=1e18)]  # something is divided by it
Share = Annotated[float, Field(allow_inf_nan=False, ge=0, le=1)]
Count = Annotated[int, Field(ge=0, le=2**53)]
Label = Annotated[str, Field(max_length=10_000)]
Name = Annotated[str, Field(max_length=100)]
SourceName = Annotated[str, Field(pattern="^[a-z_]{1,40}$")]  # of transfer texts; a later version may have others
Level = Literal["info", "warning"]
Metric = Literal["accuracy", "macro_f1", "mcc", "f1"]
ObjectiveName = Literal["single_label"]
assert get_args(Metric) == tuple(METRIC_NAMES)  # a type can't be made of a tuple
CurveKey = Literal[Metric, "low", "high", "metric_low", "metric_high"]
ScoreKey = Literal[  # of a Score's numbers
    CurveKey, "macro_f1_low", "macro_f1_high", "ece", "ece_scaled", "temperature", "parameters", "bytes", "latency_ms",
    "latency_p95_ms", "texts_per_s",
]  # fmt: skip
RowPair = Literal["student-control", "student-teacher", "student-floor"]
VariantKey = Literal["members", "seeds", "students", "learning_curve"]  # of a VariantSummary
Finding = (  # (level, sentence), in later versions with the message data; strict=False, for JSON has no tuples
    Annotated[tuple[Level, Label], Field(strict=False)]
    | Annotated[tuple[Level, Label, MessageData | None], Field(strict=False)]
)
Action = Literal[
    "train_longer",
    "read_longer",
    "other_teacher",
    "more_texts",
    "more_rows",
    "take_floor",
    "take_control",
    "merge_labels",
    "check_labels",
]  # what the page has a button for
foreign = with_config(ConfigDict(strict=True, extra="allow"))
V = TypeVar("V")


def _known_rows(value: dict[str, V]) -> dict[str, V]:
    if unknown := set(value) - set(ROWS):
        raise ValueError(message("{row} is no row of a comparison", row=repr(sorted(unknown)[0][:40])))
    return value


@foreign
class ClassScores(TypedDict):
    """Scores of one label."""

    label: Label
    precision: Share
    recall: Share
    f1: Share
    rows: Count


@foreign
class Bin(TypedDict):
    """Reliability of the rows of about one confidence: how many of them are right."""

    confidence: Share
    accuracy: Share
    rows: Count


@foreign
class Calibration(TypedDict):
    """Calibration before and after the temperature that is fitted on validation rows (Guo et al. 2017)."""

    ece: NotRequired[Number]
    temperature: NotRequired[Above]
    ece_scaled: NotRequired[Number]
    reliability: NotRequired[list[Bin]]
    reliability_scaled: NotRequired[list[Bin]]


@foreign
class MetricScores(TypedDict):
    """Metrics of a model's answers, as fractions. `low` and `high` are the 95 % interval of the accuracy, `metric_low`
    and `metric_high` that of the run's metric."""

    accuracy: Number
    low: NotRequired[Number]
    high: NotRequired[Number]
    macro_f1: NotRequired[Number]
    macro_f1_low: NotRequired[Number]
    macro_f1_high: NotRequired[Number]
    mcc: NotRequired[Number]
    f1: NotRequired[Number]
    metric_low: NotRequired[Number]
    metric_high: NotRequired[Number]


@foreign
class PredictionScores(Calibration, MetricScores):
    """Scores of a model's answers: metrics, calibration, and those of each label."""

    per_class: NotRequired[list[ClassScores]]


@foreign
class ModelSize(TypedDict):
    """Size of a model: its weights, and the bytes of its files."""

    parameters: Count
    bytes: Annotated[int, Field(gt=0, le=2**53)]


@foreign
class ModelSpeed(TypedDict):
    """Speed of a model on one thread: latency for one text alone, throughput in large calls."""

    latency_ms: Above
    latency_p95_ms: NotRequired[Number]
    texts_per_s: NotRequired[Number]


@foreign
class ModelCost(ModelSize, ModelSpeed):
    """Cost of a model: its size and its speed."""


@foreign
class Score(PredictionScores, ModelCost):
    """Scores of a model's answers with its cost: a row of the comparison, or a variant's student."""


@foreign
class Difference(TypedDict):
    """Paired difference of two rows of the comparison, with its 95 % interval."""

    difference: Number
    low: Number
    high: Number


@foreign
class MeanInterval(TypedDict):
    """Mean over `n` seeds with its 95 % interval."""

    mean: Number
    low: Number
    high: Number
    n: NotRequired[Count]


@foreign
class SeedAggregate(TypedDict):
    """Means of one student over its seeds."""

    n: Count
    metric: Metric
    rows: Annotated[dict[str, MeanInterval], AfterValidator(_known_rows)]
    gap_recovered: MeanInterval | None
    kept: MeanInterval | None
    agreement: NotRequired[MeanInterval | None]


@foreign
class StudentAggregate(SeedAggregate):
    """Means over the seeds of one of several students."""

    student: Name


@foreign
class ScoredVariant(TypedDict):
    """One variant of the student as it was scored, with its control's scores (None without a control). `agreement`:
    the share of test rows with the teacher's answer."""

    name: NotRequired[Name]
    student: Name
    seed: Annotated[int, Field(ge=-(2**53), le=2**53)]
    share: NotRequired[Annotated[float, Field(gt=0, le=1)]]
    texts: Count
    agreement: Number
    control: PredictionScores | None
    student_score: Score


@foreign
class VariantScores(ScoredVariant):
    """One variant beside the teacher. `gap_recovered` and `kept`: as in a Comparison; `front`: whether no other student
    of the run is at least as good, as small and as fast."""

    gap_recovered: Number | None
    kept: Number | None
    front: NotRequired[bool]


@foreign
class LearningCurvePoint(MetricScores):
    """Scores of the student that learned from so many texts."""

    texts: Count
    share: NotRequired[Share]


@foreign
class CorrectnessSplit(TypedDict):
    """Numbers of test rows by which of student and teacher is right."""

    both: Count
    only_student: Count
    only_teacher: Count
    neither: Count


@foreign
class SplitSizes(TypedDict):
    """Sizes of the splits in rows, and of the transfer set in texts."""

    train: NotRequired[Count]
    valid: NotRequired[Count]
    test: NotRequired[Count]
    transfer: NotRequired[Count]


@foreign
class TransferTexts(TypedDict):
    """Texts of the transfer set by their source, and how many were `left_out` because they equal or contain a
    validation or test text, or share many words in a row with one."""

    sources: Annotated[dict[SourceName, Count], Field(max_length=50)]
    left_out: Count


class DoubtfulRow(SourceRow):
    """A labelled text that the teacher contradicts, and the teacher's probability of its own answer."""

    text: list[str]
    label: str
    teacher: str
    probability: float


class Disagreement(TypedDict):
    """Disagreements of the teacher with the rows' labels: `rows` of `of`, `confident` of them with confidence."""

    rows: int
    of: int
    confident: int
    examples: list[DoubtfulRow]


@foreign
class PartAgreement(TypedDict):
    """Agreement of student and teacher on some test rows and on the `others`, with the p-value that it is no rarer."""

    rows: Count
    agreement: Share
    others: Share
    p: Share


@foreign
class ClassAgreement(PartAgreement):
    """Agreement on the test rows of one label."""

    label: Label


@foreign
class Doubling(Difference):
    """Doubling of what the baseline learns from: its score of the metric after `few` rows or texts and after `many`,
    twice as many, on `rows` that it had not read, and the paired difference."""

    few: Count
    many: Count
    rows: Count
    before: Number
    after: Number


@foreign
class Doublings(TypedDict):
    """Doublings of the labelled rows, by the run's metric, and of the person's own texts, with what was made of them,
    by agreement with the teacher. One is missing where it was not worth its time or could show nothing."""

    rows: NotRequired[Doubling]
    texts: NotRequired[Doubling]


@foreign
class DeferralPoint(TypedDict):
    """What comes of one threshold on the test rows: the share `answered` by the student, the share of those answers
    that are the teacher's, and the accuracy of the two together."""

    answered: Share
    agreement: Share
    accuracy: Share


@foreign
class DeferralLevel(TypedDict):
    """Threshold from which on a share `wanted` of the student's answers are the teacher's; None where the validation
    rows are too few to promise it. `needed`: rows that may."""

    wanted: Share
    threshold: Share | None
    needed: Count
    at: DeferralPoint | None


@foreign
class Deferral(TypedDict):
    """Deferral to the teacher: thresholds fitted on so many validation `rows`, and the curve of all thresholds, from
    the few texts that the student is surest of to all."""

    rows: Count
    levels: Annotated[list[DeferralLevel], Field(max_length=20)]
    curve: Annotated[list[DeferralPoint], Field(max_length=1000)]


@foreign
class CutTexts(TypedDict):
    """Test texts that the teacher read a part of: `rows` of `of`, and the `share` of their tokens that it read. It read
    `limit` tokens of a text, and could read `longest`."""

    rows: Count
    of: Count
    share: Share
    limit: Count
    longest: Count


@foreign
class Comparison(TypedDict):
    """Rows of the comparison side by side. `gap_recovered`: (student - control) / (teacher - control) of the metric,
    None where the teacher is not above the control. `kept`: student / teacher. `agreement`: the share of rows with the
    same answer. `mcnemar`: p-values of the student against that row."""

    metric: NotRequired[Metric]
    scores: Annotated[dict[str, Score], AfterValidator(_known_rows)]
    gap_recovered: NotRequired[Number | None]
    kept: Number | None
    agreement: Number
    split: NotRequired[CorrectnessSplit]
    mcnemar: NotRequired[Annotated[dict[str, Share], AfterValidator(_known_rows)]]
    differences: NotRequired[dict[RowPair, Difference]]
    confusion: NotRequired[Annotated[dict[str, list[list[Count]]], AfterValidator(_known_rows)]]


@foreign
class VariantSummary(TypedDict):
    """Keys that several seeds, students or shares add to a summary."""

    members: NotRequired[Annotated[list[VariantScores], Field(min_length=1, max_length=MAX_VARIANTS)]]
    seeds: NotRequired[SeedAggregate]
    students: NotRequired[Annotated[list[StudentAggregate], Field(max_length=MAX_VARIANTS)]]
    learning_curve: NotRequired[Annotated[list[LearningCurvePoint], Field(max_length=MAX_VARIANTS)]]


@foreign
class NextStep(TypedDict):
    """What may help after a run: the `action`, and its `cause` as a sentence with its message data."""

    action: Action
    cause: Label
    message: MessageData | None


@foreign
class Summary(Comparison, VariantSummary):
    """Summary of a run: the comparison and its circumstances, as the stage compare writes it."""

    rows: NotRequired[SplitSizes]
    scored_on: NotRequired[Name]
    objective: NotRequired[ObjectiveName]
    labels: NotRequired[Annotated[list[Label], Field(min_length=1, max_length=10_000)]]
    teacher: NotRequired[str]
    teacher_title: NotRequired[Name]
    validation: NotRequired[Any]
    best_step: NotRequired[Any]
    steps: NotRequired[Any]
    disagreement: NotRequired[Any]
    unseen_words: NotRequired[PartAgreement]  # of the test rows with words that no transfer text holds
    deferral: NotRequired[Deferral]
    doubling: NotRequired[Doublings]
    class_agreement: NotRequired[Annotated[list[ClassAgreement], Field(max_length=10_000)]]
    transfer: NotRequired[TransferTexts]
    split_labels: NotRequired[Annotated[list[list[Label]], Field(max_length=10_000)]]
    tests_read: NotRequired[Count]
    cut_texts: NotRequired[CutTexts]
    verdict: NotRequired[Annotated[list[Finding], Field(max_length=100)]]
    next_steps: NotRequired[Annotated[list[NextStep], Field(max_length=20)]]


def _fits_together(summary: Summary) -> Summary:
    """The summary, unchanged. Raises ValueError where its parts contradict each other."""
    if missing := {"student", "teacher"} - set(summary["scores"]):
        raise ValueError(message("{row} has no score", row=repr(sorted(missing)[0])))
    metric, labels = summary.get("metric", "accuracy"), summary.get("labels", [])
    variants = [
        score for one in summary.get("members", []) for score in (one["control"], one["student_score"]) if score
    ]
    for score in (*summary["scores"].values(), *variants):
        if metric != "accuracy" and metric not in score:
            raise ValueError(message("a score lacks the run's metric, {metric}", metric=metric))
        if score.get("per_class") and len(score["per_class"]) != len(labels):
            raise ValueError(message("the scores of the classes do not fit the labels"))
    for counts in summary.get("confusion", {}).values():
        if len(counts) != len(labels) or any(len(row) != len(labels) for row in counts):
            raise ValueError(message("a confusion matrix does not fit the labels"))
    return summary


# for pydantic to validate a Summary that comes from elsewhere
CheckedSummary = Annotated[Summary, AfterValidator(_fits_together)]
