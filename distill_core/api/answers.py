"""Types of what the page, scripts and the command line are answered. At runtime each is a dict that JSON can hold."""

from typing import Literal, NotRequired

from typing_extensions import TypedDict  # of the same kind as those of the summary

from distill_core.data.dataset import SourceRow
from distill_core.evaluation.columns import ReportedScore
from distill_core.evaluation.summary import (
    ClassAgreement,
    Difference,
    Doublings,
    Metric,
    ObjectiveName,
    RowPair,
    VariantSummary,
)
from distill_core.events import Provenance, RowName

Probabilities = dict[str, float]  # by label


class Latencies(TypedDict):
    """Median milliseconds of one answer."""

    student: float
    teacher: NotRequired[float]


class Answers(TypedDict):
    """Answers to one text, as `inference.ask` gives them."""

    student: Probabilities
    teacher: NotRequired[Probabilities]
    ms: Latencies
    unknown_words: list[str]
    unfamiliar: bool


class TeacherAnswer(TypedDict):
    """Answer of a teacher to one text, as `preview.ask_teacher` gives it; `objective` names how its logits are read."""

    labels: list[str]
    objective: ObjectiveName
    logits: list[float]
    probabilities: Probabilities
    ms: float


class ModelReading(TypedDict):
    """Model that read a text, and its logits, which divided by the temperature give its probabilities."""

    name: str
    temperature: float
    ms: float
    parameters: int
    bytes: int
    logits: list[float]


class Piece(TypedDict):
    """Piece of a text, and the entry of the vocabulary that it is read as."""

    text: str
    read_as: str


class SideReading(TypedDict):
    """One sentence as a student reads it: see `student.activations`."""

    pieces: list[Piece]
    ahead: list[list[float]] | None
    back: list[list[float]] | None
    vector: list[float]
    made: list[str]


class StudentReading(ModelReading):
    """Student that read a text, with what its layers made of it; `trained` where it is a run's. `alignment` is None
    unless it reads the two sentences of a pair together."""

    trained: bool
    sides: list[SideReading]
    so_far: list[list[float]] | None
    alignment: list[list[list[float]]] | None
    joined: list[float]
    fc: list[float]


class Alignment(TypedDict):
    """Alignment of the two sentences of a pair: the pieces of each, and how much each piece of the first looks at each
    of the second, and the other way round."""

    pieces: list[list[str]]
    weights: list[list[list[float]]]


class Reading(TypedDict):
    """Reading of one text, as `inference.activations` gives it."""

    labels: list[str]
    run: str | None
    teacher: ModelReading | None
    student: StudentReading


class LayerPair(TypedDict):
    """Layer of a student, numbered from 1, beside the teacher's that it learns from: mean squared distances of their
    hidden states and attention scores, the mean cosine between their states of a token, and how much each of the first
    tokens looks at each of them, (tokens, tokens), over the heads."""

    student: int
    teacher: int
    hidden: float
    cosine: float
    attention: float
    looks: dict[Literal["student", "teacher"], list[list[float]]]


class LayerReading(TypedDict):
    """Reading of one text layer by layer, as `layers.layers` gives it."""

    labels: list[str]
    pieces: list[str]
    depth: int
    layers: list[int]
    trained: bool
    own: bool
    embeddings: float
    pairs: list[LayerPair]
    logits: dict[Literal["student", "teacher"], list[float]]
    losses: dict[str, float]


class Offspring(TypedDict):
    """Text that the augmentation rules made. `changed`: (side, word number, before, after, rule) of each change."""

    text: list[str]
    rules: list[str]
    changed: list[list[int | str | None]]
    probabilities: NotRequired[Probabilities]
    answer: NotRequired[str]


class WordsBrought(TypedDict):
    """Distinct words of new texts that no labelled text has (`brought`), and the shares of the validation rows' own
    distinct words that stand in the labelled texts alone (`before`) and in both (`after`); None without such rows."""

    brought: int
    before: float | None
    after: float | None


class SourcePreview(TypedDict):
    """Texts that another source than the rules gives, its best ones first, of `looked` texts that a preview looked at;
    the `words` that such texts bring; the `problem` where there are none. `varied`: whether they are made of the text
    on show."""

    texts: list[Offspring]
    looked: int
    varied: NotRequired[bool]
    words: NotRequired[WordsBrought]
    problem: NotRequired[str]


class Preview(TypedDict):
    """Text and what the augmentation rules make of it, as `preview.preview` gives it; `near`: what the exchange of
    words for near ones makes of it, and `words` that such texts bring, both where the config makes them; `sources`: the
    texts of other sources that the config asks, by their names."""

    text: list[str]
    offspring: list[Offspring]
    near: NotRequired[list[Offspring]]
    words: NotRequired[WordsBrought]
    sources: NotRequired[dict[str, SourcePreview]]
    probabilities: NotRequired[Probabilities]
    answer: NotRequired[str]


class ScoredText(SourceRow):
    """Text that a run was scored on, its label, the probabilities that each row of the comparison gave, and the label
    that it answered."""

    text: list[str]
    label: str
    floor: NotRequired[Probabilities]
    control: NotRequired[Probabilities]
    student: Probabilities
    teacher: Probabilities
    answers: dict[RowName, str]


class ReportedRows(TypedDict):
    """Numbers of rows by split and of the texts of the transfer set, None while unknown."""

    train: int | None
    valid: int | None
    test: int | None
    transfer: int | None


class Report(VariantSummary):
    """Report of a run, as `Run.report` gives it. None for what isn't there yet."""

    run: str
    status: str
    task: str
    seed: int
    stages: dict[str, float]
    rows: ReportedRows
    scored_on: str | None
    scores: dict[RowName, ReportedScore]
    gap_recovered: float | None
    kept: float | None
    agreement: float | None
    metric: Metric | None
    differences: dict[RowPair, Difference] | None
    class_agreement: list[ClassAgreement] | None
    doubling: Doublings | None
    tests_read: int | None
    provenance: Provenance | None
    verdict: list[list[str]] | None
    next_steps: list[list[str]] | None
