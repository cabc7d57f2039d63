"""Stage data: the task's rows read, checked, split and frozen in the run's folder; the run's metric; and the baseline
fitted on the rows."""

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from distill_core import tasks
from distill_core.config.choices import RowCounts, choices
from distill_core.config.schema import Config
from distill_core.config.transfer_size import mean_size
from distill_core.data import frozen
from distill_core.data.automatic import resolve_auto
from distill_core.data.dataset import Dataset
from distill_core.data.frozen import FrozenDataset
from distill_core.distillation.transfer_set import check_sources
from distill_core.environment import versions
from distill_core.evaluation import diagnostics
from distill_core.evaluation.baseline import Baseline, fit_baseline
from distill_core.evaluation.objective import Objective, metric_for, objective_for
from distill_core.evaluation.prior import balancing_offsets
from distill_core.evaluation.summary import Metric, SplitSizes
from distill_core.events import Fact, Note
from distill_core.messages import message
from distill_core.pipeline.context import Done, RunContext, Stage, notes


@dataclass(frozen=True)
class DataOutput:
    """Data of a run: the run's config with all that it left to the rows, the data set, its rows by split in `counts`,
    the objective of its task, the run's metric, and the baseline with its value of that metric on the validation
    rows."""

    config: Config
    dataset: Dataset
    counts: SplitSizes
    objective: Objective
    metric: Metric
    baseline: Baseline
    baseline_score: float


def run(context: RunContext) -> Stage[DataOutput]:
    """Load the data, those that the run began with where it was begun before, and fit the baseline. Raises DataError,
    HubError, KnobError."""
    if begun := frozen.load(context.folder):
        dataset = begun.dataset
        yield from notes(_changes(context, begun), "data")
    else:
        check_sources(context.config)  # before a teacher learns for an hour
        sources = frozen.source_digests(context.config)
        dataset = tasks.load_dataset(context.config)
        frozen.save(FrozenDataset(dataset, sources), context.folder)
    yield Fact("provenance", {
        "rows": dataset.fingerprint(), "versions": versions(), "device": context.device,
        "machine": platform.machine(),
    })  # fmt: skip
    config, objective = resolve_auto(context.config, dataset), objective_for(context.config)
    metric = cast(Metric, metric_for(context.config, dataset, objective))  # one of metrics.METRICS
    lengths = diagnostics.check_lengths(dataset, context.config)
    yield from notes([*dataset.notes, *diagnostics.check_data(dataset), *lengths], "data")
    yield from _choices(context.config, config, dataset, metric)
    yield Fact("max_tokens", config.token_limit)
    yield Fact("pair", dataset.pair)
    counts: SplitSizes = {"train": len(dataset.train), "valid": len(dataset.valid), "test": len(dataset.test)}
    yield Fact("rows", {**counts, "unlabelled": len(dataset.unlabelled)})
    yield Fact("labels", list(dataset.labels))
    yield Fact("columns", dataset.columns)
    yield Fact("metric", metric)
    baseline = fit_baseline(dataset.train, len(dataset.labels), dataset.pair, objective)
    logits = baseline.logits(dataset.valid.texts)
    if (offsets := balancing_offsets(logits, dataset.train.labels, metric, objective)).any():
        baseline.shift(offsets)
        logits = baseline.logits(dataset.valid.texts)
    values = objective.metrics(logits, dataset.valid.labels)
    yield Fact("validation", {"floor": values[metric]})
    return Done(DataOutput(config, dataset, counts, objective, metric, baseline, values[metric]))


def _choices(asked: Config, config: Config, dataset: Dataset, metric: Metric) -> Iterator[Note]:
    """A note on what `asked` leaves to the data, of which `config` is the answer."""
    size, few = mean_size(dataset.train.texts), len(dataset.train)
    rows = RowCounts(few, len(dataset.unlabelled), dataset.pair, size, config.token_limit, metric=metric)
    chosen = [
        message("{knob:knob}: {value} ({reason})", knob=knob, value=value, reason=reason)
        for knob, value, reason in choices(asked, rows)
    ]
    if chosen:
        yield Note(message("Chosen for these data: {choices}.", choices=chosen), about="data")


def _changes(context: RunContext, begun: FrozenDataset) -> Iterator[tuple[str, str]]:
    """Warnings about each file that no longer is what the run began with."""
    now = frozen.source_digests(context.config)
    for knob, file in frozen.source_files(context.config).items():
        if not now[knob]:
            yield "warning", message("{name} can't be read any more. The run goes on with the rows it began with.",
                                     name=Path(file).name)  # fmt: skip
        elif now[knob] != begun.sources.get(knob):
            yield "warning", message("{name} has changed since the run began. The run goes on with the rows it began "
                                     "with. Start a new run for the new rows.", name=Path(file).name)  # fmt: skip
