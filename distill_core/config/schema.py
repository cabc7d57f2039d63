"""The config of a run: one frozen row of knobs. Each knob is declared once, here: default, limits, label and help.

The page's controls, the command line's options and the validation derive from these declarations (`knobs()`). Knows
nothing of torch, files or the Hub: the data room checks that a file exists.
"""

import re
from typing import Annotated, Any, Literal, TypedDict, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo

from distill_core.config.losses import NONE, is_layerwise, live_needs
from distill_core.config.presets import STANDARD_RULES, KnobValues, expand_settings
from distill_core.config.validation import problem_messages
from distill_core.errors import KnobError
from distill_core.messages import message
from distill_core.registry import EMBEDDINGS, LOSSES, RULES, STUDENTS, TASKS, Registry
from distill_core.unicode import replace_surrogates, without_surrogates

AUTO_LANGUAGE = "auto"
GROUPS = ("task", "teacher", "transfer", "student", "training")
AFFECTS = (
    "data",  # which texts and labels there are
    "draw",  # which of them are used and how they are scored, not what they are like
    "teacher",  # the weights of a teacher that is fine-tuned here
    "transfer",  # the augmented texts
    "embeddings",  # the student's vocabulary and starting vectors
    "network",  # the student's shape: its folder names these, so that it can be built again
    "training",  # how control and student are trained
    "loss",  # what the student is trained on beside the control
    "variants",  # how many students one run trains
)


AUTO = "auto"  # the value of a knob that is left to the data
EXTRA_CHOICE = {"student": AUTO, "first_loss": NONE}  # the value of a knob with a shelf beside its components
# the knobs that name a model: a folder or an id on the Hub, of a generator also a file
MODELS = ("teacher", "student_model", "generator", "filler")
BALANCED = ("macro_f1",)  # metrics that weigh each class alike
CUT = "cut"  # the student that is a shortened transformer
LONGEST = 1_000
Rate = Annotated[float, Field(gt=0, le=10)]  # of learning
Passes = Annotated[int, Field(ge=1, le=LONGEST)]  # over the rows of a training
MOST_TOKENS = 512  # of a text: what BERT and most others were trained to read
MOST_AUTO_TOKENS = 256  # that "auto" chooses: the cost of attention grows with their square
LEAST_AUTO_TOKENS = 64  # shorter texts are cheap as they are: a batch is padded to its own longest
Tokens = Annotated[int, Field(ge=8, le=MOST_TOKENS)]
LAYERS = re.compile(r"auto|first_last|all|(every|even|first|last):[1-9]\d?|\d{1,2}(,\d{1,2})*", re.ASCII)


class Declaration(TypedDict, total=False):
    """The part of a knob's declaration that is not pydantic's (see `knob`); `shelf` is the name of its registry."""

    group: str
    affects: list[str]
    path: bool
    column: bool
    shelf: str


def knob(
    default: Any,
    group: str,
    label: str,
    help: str,
    affects: str = "",
    *,
    shelf: Registry | None = None,
    path: bool = False,
    column: bool = False,
    **limits: Any,
) -> Any:
    """A knob of Config. `affects` names the parts of a run that its value decides, separated by blanks (see AFFECTS):
    cache keys, the settings of an exported student and estimates derive from it. `path`: its value names a file;
    `column`: a column of a file. `limits` are pydantic's ge, le, gt and lt; the components of `shelf` are the
    choices."""
    affected = affects.split()
    if unknown := set(affected) - set(AFFECTS):
        raise ValueError(f"no knob can affect {unknown}")
    extra: Declaration = {"group": group, "affects": affected, "path": path, "column": column}
    if shelf:
        extra["shelf"] = shelf.name
    return Field(default, title=label, description=help, json_schema_extra=cast(JsonDict, extra), **limits)


def declaration(field: FieldInfo) -> Declaration:
    """The declaration of a field of Config."""
    return cast(Declaration, field.json_schema_extra)


class Config(BaseModel):
    """The knobs of one run. Build with `Config.of(...)`: it raises KnobError with one sentence."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, protected_namespaces=())

    # task
    task: str = knob("reviews", "task", "Task", "What the student shall learn.", "data", shelf=TASKS)
    dataset: str | None = knob(
        None, "task", "Hub data set", "Its id on the Hub, for the task 'hub': owner/name.", "data"
    )
    subset: str | None = knob(
        None, "task", "Subset", "The configuration of the Hub data set, where it has several.", "data"
    )
    train: str | None = knob(
        None, "task", "Training file", "CSV, TSV, JSONL, Excel or Parquet, for the task 'file'.", "data", path=True
    )
    valid: str | None = knob(
        None, "task", "Validation file", "Optional; without it rows are cut from training.", "data", path=True
    )
    test: str | None = knob(
        None, "task", "Test file", "Optional; without it rows are cut from training.", "data", path=True
    )
    unlabelled: str | None = knob(
        None, "task", "Unlabelled texts", "Optional file of more texts for the teacher to label.", "data", path=True
    )
    text: str | None = knob(
        None, "task", "Text column", "The column that holds the text; guessed when left out.", "data", column=True
    )
    text2: str | None = knob(
        None, "task", "Second text column", "The column with the second sentence of a pair.", "data", column=True
    )
    label: str | None = knob(
        None, "task", "Label column", "The column that holds the label; guessed when left out.", "data", column=True
    )
    merge_labels: bool = knob(
        False, "task", "Merge labels", "Count labels that differ by case alone (Good, good) as one.", "data"
    )
    language: str = knob(
        AUTO_LANGUAGE, "task", "Language",
        "Two letters; auto: as the texts look. Decides how words are split and tagged.", "data",
        pattern=f"^({AUTO_LANGUAGE}|[a-z]{{2,3}})$",
    )  # fmt: skip
    limit: int | None = knob(
        None,
        "task",
        "Labelled rows",
        "How many labelled training rows to keep. Test rows are never cut.",
        "data draw",
        ge=2,
    )
    metric: Literal["auto", "accuracy", "macro_f1", "mcc", "f1"] = knob(
        "auto", "task", "Metric",
        "The score by which versions are compared. Leave it on automatic (auto) unless you know better: the task's "
        "own; for your own rows macro_f1 where the commonest label has twice the rarest one's rows or more, else "
        "accuracy. f1 is the last label's, for two labels.", "draw",
    )  # fmt: skip
    leaks: Literal["remove", "keep"] = knob(
        "remove", "task", "Overlaps",
        "Training texts that contain a validation or test text or are part of one, and pairs that share a sentence "
        "with one: remove them, or keep them. Identical texts are always removed.", "data",
    )  # fmt: skip
    seed: int = knob(0, "task", "Seed", "Every draw of the run follows from it.", "data draw teacher", ge=0, lt=2**31)

    # teacher
    teacher: str | None = knob(
        None, "teacher", "Teacher", "A Hub id, a folder, or 'builtin'. Left out: the task's own, or bert-base-uncased."
    )
    fine_tune: bool = knob(False, "teacher", "Fine-tune", "Train the teacher on this task's labelled rows first.")
    teacher_epochs: Passes | Literal["auto"] = knob(
        "auto", "teacher", "Teacher epochs",
        "Passes over the labelled rows while fine-tuning. auto: 3, and for few rows as many as make 200 steps.",
        "teacher",
    )  # fmt: skip
    teacher_lr: float = knob(
        5e-5, "teacher", "Teacher learning rate", "Peak of the schedule while fine-tuning.", "teacher", gt=0, le=1e-2
    )
    teacher_batch: int = knob(16, "teacher", "Teacher batch", "Rows in one fine-tuning step.", "teacher", ge=1, le=512)
    max_tokens: Tokens | Literal["auto"] = knob(
        "auto", "teacher", "Longest text",
        "In the teacher's tokens; longer texts are cut. auto: as many as 95 of 100 texts need, from 64 to 256. Twice "
        "the tokens take twice the time or more.",
        "teacher network",
    )  # fmt: skip
    cut: Literal["head_tail", "head"] = knob(
        "head_tail", "teacher", "Longer texts",
        "What is read of a longer text: a quarter from its beginning and the rest from its end, or its beginning "
        "alone. Of pairs it is always the beginning.", "teacher network",
    )  # fmt: skip
    teach_anyway: bool = knob(
        False, "teacher", "Weak teacher", "Also learn from a teacher that is worse than the simple baseline (TF-IDF).",
    )  # fmt: skip
    allow_pickle: bool = knob(
        False, "teacher", "Allow .bin weights", "Consent to weights that exist only as .bin, read with weights_only."
    )

    # transfer set
    rules: dict[str, float] = knob(
        dict(STANDARD_RULES),
        "transfer",
        "Augmentation rules",
        "Each rule and its rate: mask=0.1,pos=0.1,ngram=0.25.",
        "transfer",
    )
    n_iter: int = knob(
        2, "transfer", "Passes", "How often each text is augmented (the paper: 20, pairs 10).", "transfer", ge=0, le=100
    )
    augmented: Literal["whole", "all"] = knob(
        "whole", "transfer", "Texts to augment",
        "All, or whole ones: those that stand in no other, as SST-2's sentences do; as many new texts in all.",
        "transfer",
    )  # fmt: skip
    neighbours: Annotated[int, Field(ge=0, le=100)] | Literal["auto"] = knob(
        "auto", "transfer", "Texts with near words",
        "New texts of each labelled one in which two words of five are exchanged for near ones of the teacher's own "
        "table. They bring words that no row has. auto: 10 for up to 2,000 rows, up to 40 for fewer than 400, "
        "none for pairs and long texts; 0: none.",
        "transfer",
    )  # fmt: skip
    filled: int = knob(
        0, "transfer", "Texts with filled masks",
        "New texts of each labelled one in which one word of four is masked and filled by a masked language model's "
        "guess. 0: none.",
        "transfer", ge=0, le=100,
    )  # fmt: skip
    filler: str | None = knob(
        None, "transfer", "Model for masks",
        "A Hub id or a folder of a masked language model (google-bert/bert-base-uncased). Left out: the teacher's "
        "base, where it can guess masked words. Its head also serves the loss distilbert_mlm.",
        "transfer",
    )  # fmt: skip
    lexicon: int = knob(
        0, "transfer", "Single words",
        "How many words of the teacher's vocabulary become texts of one word each, the first ones. 0: none. Not for "
        "pairs.",
        "transfer", ge=0, le=1_000_000,
    )  # fmt: skip
    framed: int = knob(
        0, "transfer", "Words in frames",
        "How many texts to make of a word of the teacher's vocabulary in a frame of your rows: three or four words "
        "with one open place, as “a … movie”, in which many different words stand. 0: none. Not for pairs.",
        "transfer", ge=0, le=1_000_000,
    )  # fmt: skip
    bank: list[str] = knob(
        [], "transfer", "Text banks",
        "Large collections of texts, of which those that are most like your rows are taken: a plain text file with one "
        "text a line, a table file, or a Hub data set (owner/name, or owner/name:subset); several separated by commas. "
        "Not for pairs.",
        "transfer", path=True,
    )  # fmt: skip
    bank_texts: int = knob(
        10_000, "transfer", "Texts from the banks", "How many texts to take, as many for each label.", "transfer",
        ge=1, le=1_000_000,
    )  # fmt: skip
    bank_lines: int = knob(
        1_000_000, "transfer", "Texts to look at", "How many texts of each bank are compared with your rows, the first "
        "ones. A hundred thousand take about six seconds.",
        "transfer", ge=1, le=100_000_000,
    )  # fmt: skip
    generator: str | None = knob(
        None, "transfer", "Language model",
        "A causal language model that writes more texts like your rows, which it reads without their labels: a Hub id "
        "(HuggingFaceTB/SmolLM2-135M), a folder, or a GGUF file. Not for pairs.",
        "transfer",
    )  # fmt: skip
    generated_texts: int = knob(
        2_000, "transfer", "Texts to write",
        "How many texts the language model writes. A model of 135 M weights writes about five a second on one core.",
        "transfer", ge=1, le=1_000_000,
    )  # fmt: skip
    pairing: int = knob(
        0, "transfer", "New pairs", "For pairs: how many new ones to put together of each row's sentences.",
        "transfer", ge=0, le=100,
    )  # fmt: skip
    transfer_limit: int = knob(
        250_000,
        "transfer",
        "Largest transfer set",
        "Augmentation ends at this many texts.",
        "transfer",
        ge=1,
        le=2_000_000,
    )

    # student
    student: str = knob(
        AUTO, "student", "Student", "The network that learns. auto: bilstm_max, and compare_aggregate for pairs.",
        "network", shelf=STUDENTS,
    )  # fmt: skip
    students: list[str] = knob(
        [], "student", "Other students",
        "More networks to compare with it in the same run, on the same texts, labels and vectors: textcnn,bag.",
        "variants",
        shelf=STUDENTS,
    )  # fmt: skip
    vocabulary: Literal["pieces", "words"] = knob(
        "pieces", "student", "Vocabulary", "The teacher's word pieces, or whole words.", "embeddings"
    )
    vocabulary_limit: int = knob(
        12_000, "student", "Largest vocabulary",
        "Only the pieces or words that the transfer set uses most have vectors of their own.",
        "embeddings", ge=4, le=1_000_000,
    )  # fmt: skip
    unseen: Literal["nearest", "unknown"] = knob(
        "nearest", "student", "Unseen pieces",
        "How to read a word piece that has no vector of its own: as the most similar piece that has one, or as "
        "unknown.",
        "embeddings",
    )  # fmt: skip
    vectors: str = knob(
        "teacher_table",
        "student",
        "Starting vectors",
        "What the embedding table holds before training.",
        "embeddings",
        shelf=EMBEDDINGS,
    )
    vectors_file: str | None = knob(
        None,
        "student",
        "Vectors file",
        "word2vec or GloVe as text, for the starting vectors 'file'.",
        "embeddings",
        path=True,
    )
    channels: Literal["trained", "frozen", "both"] = knob(
        "trained",
        "student",
        "Channels",
        "Whether the starting vectors learn; both is the paper's multichannel.",
        "network",
    )
    width: int = knob(64, "student", "Vector width", "Numbers in one starting vector.", "embeddings", ge=2, le=1024)
    hidden: int = knob(
        64,
        "student",
        "Hidden units",
        "Of the student's reader, in each direction (the paper: 150 or 300).",
        "network",
        ge=2,
        le=2048,
    )
    fc: int = knob(
        64,
        "student",
        "Fully connected units",
        "Of the layer before the logits (the paper: 200 or 400).",
        "network",
        ge=2,
        le=4096,
    )
    student_model: str | None = knob(
        None, "student", "Student's encoder",
        "For the student cut: a small pre-trained encoder to cut it from instead of the teacher, a Hub id or a folder.",
        "embeddings",
    )  # fmt: skip
    layers: str = knob(
        AUTO, "student", "Layers of the teacher",
        "Which ones a student cut from the teacher has: first_last, every:2 (every other), even:3 (three in even "
        "steps), first:2, last:2, all, or numbers from 0: 0,5. auto: first_last, and all of an encoder of its own.",
        "network",
    )  # fmt: skip
    heads: int | None = knob(
        None, "student", "Attention heads",
        "How many heads of each layer a student cut from the teacher has: those on which the teacher's answers to the "
        "transfer set rest most. Left out: all.",
        "network", ge=1, le=128,
    )  # fmt: skip
    feed_forward: int | None = knob(
        None, "student", "Feed-forward units",
        "How many units of each layer's feed-forward part such a student has, chosen likewise: fewer make it smaller "
        "and faster. Left out: all.",
        "network", ge=1, le=16384,
    )  # fmt: skip
    table_width: int | None = knob(
        None, "student", "Table's width",
        "How many numbers a student cut from the teacher has for each word piece: fewer make it smaller. Left out: as "
        "many as the teacher.",
        "network", ge=2, le=1024,
    )  # fmt: skip
    dropout: float = knob(0.1, "student", "Dropout", "Share of units silenced in training.", "network", ge=0, lt=1)

    # training
    loss: str = knob(
        "logit_mse", "training", "Loss", "What pulls the student towards the teacher.", "loss", shelf=LOSSES
    )
    first_loss: str = knob(
        NONE, "training", "First loss",
        "Another loss for the first half of the student's steps, before the loss takes over: TinyBERT's is layers.",
        "loss", shelf=LOSSES,
    )  # fmt: skip
    alpha: float = knob(
        0.0, "training", "Alpha", "Share of the hard labels in a mixed loss (the paper: 0).", "loss", ge=0, le=1
    )
    temperature: float = knob(
        2.0, "training", "Temperature", "Softens the teacher's probabilities in soft_kl.", "loss", gt=0, le=100
    )
    optimiser: Literal["adam", "adadelta"] = knob(
        "adam", "training", "Optimiser", "adam, or the paper's adadelta (learning rate 1).", "training"
    )
    lr: Rate | Literal["auto"] = knob(
        "auto", "training", "Learning rate",
        "Peak of the schedule. auto: 0.004, and for a student cut from the teacher, which knows something, 0.0002.",
        "training",
    )  # fmt: skip
    table_lr: float = knob(
        0.3, "training", "Table's share of it",
        "At what share of the learning rate the starting vectors learn: slower, they forget less.",
        "training", gt=0, le=10,
    )  # fmt: skip
    batch: int = knob(
        64, "training", "Batch", "Rows in one step (the paper: 50, pairs 256).", "training", ge=1, le=4096
    )
    epochs: Passes | Literal["auto"] = knob(
        "auto", "training", "Epochs",
        "Passes over the transfer set. auto: 3, and for few texts as many as make 600 steps.",
    )  # fmt: skip
    evaluations: int = knob(
        20, "training", "Evaluations", "How often the validation rows are scored in a run.", "training", ge=1, le=1000
    )
    patience: int = knob(
        6, "training", "Patience",
        "Evaluations without a better one after which a training ends early, the teacher's too; 0: never.",
        "training teacher", ge=0, le=1000,
    )  # fmt: skip
    control: bool = knob(
        True,
        "training",
        "Control run",
        "Also train the same student without a teacher; else nobody knows what distilling did.",
        "variants",
    )
    seeds: int = knob(
        1, "training", "Seeds",
        "Train every student so often, with seed, seed+1, …: mean and interval. A seed decides first weights, order "
        "of batches and dropout; data, transfer set and starting vectors are the same for all.",
        "variants", ge=1, le=50,
    )  # fmt: skip
    learning_curve: list[float] = knob(
        [], "training", "Learning curve",
        "Shares of the transfer set on which the student is trained as well, with as many steps: 0.05,0.1,0.25,0.5.",
        "variants",
    )  # fmt: skip

    @classmethod
    def of(cls, **values: Any) -> "Config":
        """A config of `values`, in which `preset` and `size` set several knobs (presets.py); a missing knob has its
        default. Raises KnobError, UnknownPart."""
        try:
            clean = {replace_surrogates(name): without_surrogates(value) for name, value in values.items()}
            return cls(**expand_settings(clean, cls.model_fields["task"].default))
        except ValidationError as error:
            # a knob that takes a number or a word fails as both: the number's reason says more
            problems = [one for one in error.errors() if not str(one["loc"][-1]).startswith("literal[")]
            raise KnobError(problem_messages(problems, cls.model_fields), str(problems[0]["loc"][0])) from None

    @classmethod
    def stored(cls, values: KnobValues) -> "Config":
        """The config of a run as the store holds it: a knob that is younger than the run has the value of EARLIER, so
        that the run goes on as it began. Raises KnobError, UnknownPart."""
        return cls.of(**EARLIER | values)

    def fingerprint(self, *groups: str) -> str:
        """A cache key: the values of the knobs of these groups."""
        fields = type(self).model_fields
        return repr([getattr(self, name) for name, field in fields.items() if declaration(field)["group"] in groups])

    @property
    def token_limit(self) -> int:
        """The knob `max_tokens` as a number: where it is left to the rows and `data.automatic.resolve_auto` has not
        seen these, the most that it may become."""
        return self.max_tokens if isinstance(self.max_tokens, int) else MOST_AUTO_TOKENS

    def changed(self) -> KnobValues:
        """The knobs that differ from their defaults."""
        return {name: value for name, value in self.model_dump().items() if value != DEFAULTS[name]}

    @field_validator("task", "student", "vectors", "loss", "first_loss")
    @classmethod
    def _registered(cls, value: str, info: ValidationInfo) -> str:
        name = str(info.field_name)
        return value if value == EXTRA_CHOICE.get(name) else REGISTRIES[name].check(value)

    @field_validator("loss", "first_loss")
    @classmethod
    def _students_with_layers(cls, value: str, info: ValidationInfo) -> str:
        if value == NONE or not is_layerwise(value):
            return value
        if info.data.get("student_model"):
            raise ValueError(message(
                "the loss {loss} compares a student's layers with its teacher's, and a student with an encoder of its "
                "own reads other tokens: choose another loss", loss=value))  # fmt: skip
        if info.data.get("heads") and "attention_scores" in live_needs(value):
            raise ValueError(message(
                "the loss {loss} compares each attention head of a student with its teacher's, and with {knob:knob} "
                "the student lacks some: leave that out, or choose another loss", loss=value,
                knob="heads"))  # fmt: skip
        for student in (info.data.get("student", AUTO), *info.data.get("students", ())):
            if student != AUTO and not STUDENTS.constant(student, "LAYERS", False):
                raise ValueError(message(
                    "the loss {loss} compares a student's layers with its teacher's, and {student} has none: choose a "
                    "student that is cut from its teacher ({knob:knob})", loss=value, student=student,
                    knob="student=cut"))  # fmt: skip
        return value

    @field_validator("students", "learning_curve", "bank", mode="before")
    @classmethod
    def _list_from_text(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("students")
    @classmethod
    def _each_registered(cls, value: list[str]) -> list[str]:
        return list(dict.fromkeys(STUDENTS.check(name) for name in value))

    @field_validator("student_model")
    @classmethod
    def _of_a_cut_student(cls, value: str | None, info: ValidationInfo) -> str | None:
        students = {info.data.get("student", AUTO), *info.data.get("students", ())}
        if value and not students & {AUTO, CUT}:
            raise ValueError(message("only a student that is cut has an encoder of its own ({knob:knob})",
                                     knob="student=cut"))  # fmt: skip
        return value or None

    @field_validator("layers")
    @classmethod
    def _choice_of_layers(cls, value: str) -> str:
        chosen = value.replace(" ", "")
        if not LAYERS.fullmatch(chosen):
            raise ValueError(
                message("it must be first_last, all, every:2, even:3, first:2, last:2, or numbers such as 0,5")
            )
        return chosen

    @field_validator("learning_curve")
    @classmethod
    def _shares(cls, value: list[float]) -> list[float]:
        if not all(0 < share <= 1 for share in value):
            raise ValueError(message("each share must lie above 0 and at most at 1"))
        return sorted({share for share in value if share < 1})  # all texts are trained on in any case

    @field_validator("rules", mode="before")
    @classmethod
    def _rules_from_text(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        rates: dict[str, str | float] = {}
        for part in (part.strip() for part in value.split(",")):
            name, equals, rate = part.partition("=")
            if part:
                rates[name] = rate if equals else RULES.constant(name, "RATE", 0.1)
        return rates

    @field_validator("rules")
    @classmethod
    def _rates(cls, value: dict[str, float]) -> dict[str, float]:
        for name, rate in value.items():
            RULES.check(name)
            if not 0 <= rate <= 1:
                raise ValueError(message("the rate of {rule} must lie between 0 and 1", rule=name))
        return value


REGISTRIES = {"task": TASKS, "student": STUDENTS, "students": STUDENTS, "vectors": EMBEDDINGS, "loss": LOSSES,
              "first_loss": LOSSES}  # fmt: skip
DEFAULTS: KnobValues = Config().model_dump()
# What runs did before there was such a knob, where that is not its default. At these values it stands in no cache key.
EARLIER: KnobValues = {
    "student": "bilstm_max", "neighbours": 0, "patience": 0, "teach_anyway": True, "max_tokens": 128, "cut": "head",
    "layers": "first_last",
}  # fmt: skip
