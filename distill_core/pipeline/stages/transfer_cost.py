"""Cost of the stage transfer: making the new texts and reading all of them."""

from distill_core.config.knobs import names_of
from distill_core.config.schema import Config
from distill_core.pipeline.cost_model import (
    KIND,
    DataCounts,
    Measurements,
    RunSize,
    StageCost,
    neighbour_texts,
    text_units,
)

START = 0.3  # seconds, whatever the sizes
NEAR_START = 2.0  # seconds to find the near words of some thousand words in a teacher's table [23,500 whole words]


def _seconds(config: Config, counts: DataCounts, known: Measurements, size: RunSize) -> float:
    near = neighbour_texts(config, counts)
    made = config.n_iter * counts["train"] + near
    return START + (NEAR_START if near else 0) + made * counts["make"] + size.texts * counts["read"]


COST = StageCost(
    pace=(*KIND, "teacher", "rules", *names_of("student", affecting=("embeddings",))),
    seconds=_seconds,
    units=text_units,
)
