"""Tasks: the sources of rows.

A component is a file with `load(config) -> RawDataset` and the constants TEACHER, LABELS, PAIR, METRIC and LANGUAGE;
OBJECTIVE names its objective, "single_label" where it is missing.
"""

from distill_core.config.schema import Config
from distill_core.data.dataset import Dataset
from distill_core.data.preparation import prepare_dataset
from distill_core.registry import TASKS

_preloaded: dict[str, Dataset] = {}


def load_dataset(config: Config) -> Dataset:
    """The data of a run: the task's rows, checked and split. Raises DataError, HubError, KnobError."""
    if dataset := _preloaded.get(config.fingerprint("task")):
        return dataset
    return prepare_dataset(TASKS.get(config.task).load(config), config, TASKS.constant(config.task, "LANGUAGE"))


def preload(config: Config) -> None:
    """Load a data set for every later `load_dataset` of the same config. For built-in rows: a file may change."""
    _preloaded[config.fingerprint("task")] = load_dataset(config)
