"""Cost of the stage transfer: choosing and making the new texts, and reading all of them."""

from distill_core.config.knobs import names_of
from distill_core.config.schema import Config
from distill_core.config.transfer_size import BANK_CANDIDATES
from distill_core.pipeline.cost_model import (
    KIND,
    DataCounts,
    Measurements,
    RunSize,
    StageCost,
    bank_texts,
    filled_texts,
    frame_texts,
    generated_texts,
    lexicon_texts,
    neighbour_texts,
    text_units,
)

START = 0.3  # seconds, whatever the sizes
NEAR_START = 2.0  # seconds to find the near words of some thousand words in a teacher's table [23,500 whole words]
FRAME_START = 2.5  # seconds to find the frequent frames of 50,000 words, the most that are read
SIEVE = 6e-5  # seconds to compare one text of a bank with the rows by a teacher's table [RESULTS.md, "Text banks"]
MODEL_START = 5.0  # seconds to load a language model
GUESSED_WRITE = 0.25  # seconds a text of one that was not measured: 135 M weights on one core [RESULTS.md]


def _seconds(config: Config, counts: DataCounts, known: Measurements, size: RunSize) -> float | None:
    near = neighbour_texts(config, counts)
    made = config.n_iter * counts["train"] + near
    seconds = (
        START
        + (NEAR_START if near or lexicon_texts(config, counts) or frame_texts(config, counts) else 0)
        + (FRAME_START if frame_texts(config, counts) else 0)
        + made * counts["make"]
        + size.texts * counts["read"]
    )
    if taken := bank_texts(config, counts):
        if known.teacher is None:
            return None
        candidates = min(BANK_CANDIDATES * taken, counts["bank"])
        seconds += SIEVE * counts["bank"] + candidates * counts["size"]["labelled"] * known.teacher["size"]
    if written := generated_texts(config, counts):
        seconds += MODEL_START + written * counts.get("write", GUESSED_WRITE)
    if filled := filled_texts(config, counts):  # by a model as large as the teacher, which its base is
        if known.teacher is None:
            return None
        seconds += MODEL_START + filled * counts["size"]["labelled"] * known.teacher["size"]
    return seconds


COST = StageCost(
    pace=(
        *KIND,
        "teacher",
        "rules",
        "bank",
        "bank_texts",
        "bank_lines",
        "filled",
        "lexicon",
        "framed",
        "filler",
        "generator",
        "generated_texts",
        *names_of("student", affecting=("embeddings",)),
    ),
    seconds=_seconds,
    units=text_units,
)
