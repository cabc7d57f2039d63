"""Tasks: where rows come from.

A component is a file with `load(config) -> Raw` and the constants TEACHER, LABELS, PAIR, METRIC and LANGUAGE.
"""

from distill_core.config.schema import Config
from distill_core.data.dataset import Dataset
from distill_core.data.preparation import prepare_dataset
from distill_core.registry import TASKS

_preloaded: "dict[str, Dataset]" = {}


def load_dataset(config: Config) -> Dataset:
    """The data of a run: the task's rows, checked and split. Raises DataError, HubError, KnobError."""
    if kept := _preloaded.get(config.fingerprint("task")):
        return kept
    return prepare_dataset(TASKS.get(config.task).load(config), config, TASKS.constant(config.task, "LANGUAGE"))


def preload(config: Config) -> None:
    """Loads these data for every later `load` of the same. For rows that are made here: a file may change."""
    _preloaded[config.fingerprint("task")] = load_dataset(config)
