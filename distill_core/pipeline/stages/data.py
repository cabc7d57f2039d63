"""Stage data: the task's rows, read, checked and split; the metric they call for; and the baseline fitted on them."""

from dataclasses import dataclass

from distill_core import tasks
from distill_core.data.dataset import Dataset
from distill_core.evaluation import diagnostics, metrics
from distill_core.evaluation.baseline import Baseline, fit_baseline
from distill_core.events import Fact
from distill_core.pipeline.context import Done, RunContext, Stage, notes


@dataclass(frozen=True)
class DataOutput:
    """The data set with how many rows each split has, the name of the run's metric, and the baseline with its value of
    that metric on the validation rows."""

    dataset: Dataset
    counts: dict[str, int]
    metric: str
    baseline: Baseline
    baseline_score: float


def run(context: RunContext) -> Stage[DataOutput]:
    """Load the data and fit the baseline. Raises DataError, HubError, KnobError."""
    dataset = tasks.load_dataset(context.config)
    yield from notes([*dataset.notes, *diagnostics.check_data(dataset)], "data")
    splits = {"train": dataset.train, "valid": dataset.valid, "test": dataset.test}
    counts = {name: len(split.texts) for name, split in splits.items()}
    yield Fact("rows", {**counts, "unlabelled": len(dataset.unlabelled)})
    yield Fact("labels", list(dataset.labels))
    yield Fact("columns", dataset.columns)
    metric = metrics.metric_for(context.config, dataset)
    yield Fact("metric", metric)
    baseline = fit_baseline(dataset.train, len(dataset.labels), dataset.pair)
    values = metrics.score_logits(baseline.logits(dataset.valid.texts), dataset.valid.labels)
    yield Fact("validation", {"floor": values[metric]})
    return Done(DataOutput(dataset, counts, metric, baseline, values[metric]))
