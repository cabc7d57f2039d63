"""Cost of the stage data: the measured seconds of loading the rows and fitting the baseline."""

from distill_core.pipeline.cost_model import TASK, StageCost

COST = StageCost(pace=TASK, seconds=lambda config, counts, known, size: counts["seconds"])
