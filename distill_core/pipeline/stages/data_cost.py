"""Cost of the stage data: loading the rows and fitting the baseline, as it was measured."""

from distill_core.pipeline.cost_model import TASK, StageCost

COST = StageCost(pace=TASK, seconds=lambda config, counts, known, size: counts["seconds"])
