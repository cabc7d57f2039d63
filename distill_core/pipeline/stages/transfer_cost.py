"""Cost of the stage transfer: making the augmented texts and reading all of them."""

from distill_core.config.knobs import names_of
from distill_core.pipeline.cost_model import KIND, StageCost, text_units

START = 0.3  # seconds, whatever the sizes

COST = StageCost(
    pace=(*KIND, "teacher", "rules", *names_of("student", affecting=("embeddings",))),
    seconds=lambda config, counts, known, size: (
        START + config.n_iter * counts["train"] * counts["make"] + size.texts * counts["read"]
    ),
    units=text_units,
)
