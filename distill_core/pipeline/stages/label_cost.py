"""Cost of the stage label: the teacher reads every text of the transfer set."""

from distill_core.config.knobs import names_of
from distill_core.config.schema import Config
from distill_core.pipeline.cost_model import (
    KIND,
    DataCounts,
    Measurements,
    RunSize,
    StageCost,
    frame_texts,
    lexicon_texts,
    neighbour_texts,
    text_units,
    texts_from_elsewhere,
)

WORD_SIZE = 14  # of a single word, as `soft_labels.text_size` has it
FRAME_SIZE = 22  # of one in a frame [21 in frames of SST-2, 25 in those of the built-in reviews]


def _seconds(config: Config, counts: DataCounts, known: Measurements, size: RunSize) -> float | None:
    if known.teacher is None:
        return None
    labelled = min(counts["train"], size.texts)
    unlabelled = min(counts["unlabelled"], size.texts - labelled)
    augmented = size.texts - labelled - unlabelled
    # a word for a word, or chosen so: as long as the labelled ones
    near = min(neighbour_texts(config, counts) + texts_from_elsewhere(config, counts), augmented)
    words = min(lexicon_texts(config, counts), augmented - near)
    framed = min(frame_texts(config, counts), augmented - near - words)
    of = counts["size"]
    total = (
        (labelled + near) * of["labelled"]
        + unlabelled * of["unlabelled"]
        + (augmented - near - words - framed) * of["augmented"]
    )
    total += words * WORD_SIZE + framed * FRAME_SIZE
    return total * known.teacher["size"]


COST = StageCost(
    pace=(*KIND, *names_of("teacher")),
    seconds=_seconds,
    units=text_units,
    result=tuple(name for name in names_of("task", "teacher", "transfer") if name != "metric"),
    by_teacher=True,
)
