"""MNLI: does the second sentence follow from the first, contradict it, or neither? 392,702 pairs."""

from distill_core.config import Config
from distill_core.data import Raw
from distill_core.tasks import _hub_rows

TEACHER = None
LABELS = ("entailment", "neutral", "contradiction")
PAIR = True
METRIC = "accuracy"
LANGUAGE = "en"


def load(config: Config) -> Raw:
    """GLUE's pairs; the matched validation split is scored. Raises HubError."""
    return _hub_rows.load("nyu-mll/glue", "mnli", ("premise", "hypothesis", "label"), LABELS)
