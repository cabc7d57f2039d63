"""Peak memory of a run, its teacher included, by arithmetic: parameters, batch and tokens decide it.

A fine-tuning needs the most: weights, gradients, two moments of Adam and the best weights so far, all of them float32,
beside what the backward pass reads again. A checkpoint is put together in memory before it is written. Knows nothing of
seconds.
"""

from distill_core.config.schema import Config
from distill_core.pipeline.cost_model import DataCounts, Measurements, TeacherPace
from distill_core.teacher.catalog import suggestion, teacher_name
from distill_core.training.plan import FLOAT, TUNED

# The figures are of measured runs. [benchmarks/RESULTS.md, "Memory with the teacher in it"]
CHECKPOINT = 4  # floats a parameter: all of those but the gradient, put together to be written
CHECKPOINT_SECONDS = 10.0  # of training until the first one
FAST_COPY = 0.5  # floats a parameter: the copy of the weights in the device's fast precision
READ_BATCH = 64  # texts that a teacher labels at once
# Floats for each token of a layer, (by its width, by its heads and the text's tokens): those that the backward pass
# reads again, which add up over the layers, and those of one layer that is read alone.
TRAINED, READ = (20, 3.5), (10, 2)
UNFREED = 0.65  # of those of a step, the share that the process still has while a checkpoint is put together
LIBRARIES = 120e6  # bytes of the teacher's libraries, its weights aside
RUN = 140e6  # bytes that a run takes beside what a profile does: the later stages
TEXT_BYTES = 700  # for one transfer text: the string, its ids, its rows in the tables
WRITER = 2.5  # bytes for each one of its weights, with what it has read repeated for a batch: a guess, not measured
PER_TOKEN = 5.0  # characters, special tokens aside


def peak_memory(config: Config, known: Measurements, texts: int, tuning: float) -> int | None:
    """Peak bytes of a run with so many `texts` in its transfer set, whose teacher trains `tuning` seconds; None while
    too little is known."""
    if known.student is None:
        return None
    later = RUN + texts * TEXT_BYTES
    reading = tuned = writing = 0.0
    if known.teacher and "parameters" in known.teacher:
        reading, tuned = teacher_memory(config, known.teacher, known.counts, tuning)
        models = 2 if config.filled else 1  # with the one that fills masks, as large as the teacher for all we know
        writing = FLOAT * models * known.teacher["parameters"]
    writing += WRITER * (known.counts.get("writer", 0) if known.counts else 0)
    return int(known.student["memory"] + LIBRARIES + max(tuned, later + reading, RUN + writing))


def teacher_memory(
    config: Config, teacher: TeacherPace, counts: DataCounts | None, tuning: float
) -> tuple[float, float]:
    """Peak bytes of the teacher alone: while it labels, and while it trains for `tuning` seconds."""
    parameters, depth = teacher["parameters"], teacher.get("depth", 0)
    tokens = min(config.token_limit, teacher.get("tokens") or _long_text(counts) or config.token_limit)
    reading = parameters * (1 + FAST_COPY) + _activations(teacher, READ_BATCH, tokens, READ)
    if not config.fine_tune:
        return FLOAT * reading, 0.0
    rows = min(config.teacher_batch, counts["train"]) if counts else config.teacher_batch
    step = depth * _activations(teacher, rows, tokens, TRAINED)
    tuned = parameters * (TUNED + FAST_COPY) + step
    if tuning > CHECKPOINT_SECONDS:
        tuned = max(tuned, parameters * (TUNED + CHECKPOINT) + UNFREED * step)
    return FLOAT * reading, FLOAT * tuned


def size_of(config: Config) -> TeacherPace | None:
    """The part of a pace that memory goes by, of a suggested teacher; None for any other."""
    one = suggestion(teacher_name(config))
    if one is None:
        return None
    depth = round(one.layers / (12 * one.width**2))
    return {
        "size": 0.0, "load": 0.0, "parameters": int(one.weights), "depth": depth, "width": one.width,
        "heads": one.width // 64,
    }  # fmt: skip


def _long_text(counts: DataCounts | None) -> int:
    """Tokens of a long text, by the mean length: twice as many."""
    return round(2 * counts["size"]["labelled"] / PER_TOKEN) if counts else 0


def _activations(teacher: TeacherPace, rows: int, tokens: int, floats: tuple[float, float]) -> float:
    """Floats of one layer's activations for `rows` texts of so many tokens."""
    widths, scores = floats
    return rows * tokens * (widths * teacher.get("width", 0) + scores * teacher.get("heads", 0) * tokens)
