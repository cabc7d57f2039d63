"""Tasks: where rows come from.

A component is a file with `load(config) -> Raw` and the constants TEACHER, LABELS, PAIR, METRIC and LANGUAGE.
"""

from distill_core.config.schema import Config
from distill_core.data.dataset import Data
from distill_core.data.preparation import prepare
from distill_core.registry import TASKS

_kept: "dict[str, Data]" = {}


def load(config: Config) -> Data:
    """The data of a run: the task's rows, checked and split. Raises DataError, HubError, KnobError."""
    if kept := _kept.get(config.asked("task")):
        return kept
    return prepare(TASKS.get(config.task).load(config), config, TASKS.constant(config.task, "LANGUAGE"))


def keep(config: Config) -> None:
    """Loads these data for every later `load` of the same. For rows that are made here: a file may change."""
    _kept[config.asked("task")] = load(config)
