"""MNLI: does the second sentence follow from the first, contradict it, or neither? 392,702 pairs."""

from distill_core.config.schema import Config
from distill_core.data import hub_datasets
from distill_core.data.dataset import RawDataset

TEACHER = None
LABELS = ("entailment", "neutral", "contradiction")
PAIR = True
METRIC = "accuracy"
LANGUAGE = "en"


def load(config: Config) -> RawDataset:
    """GLUE's pairs; the matched validation split is scored. Raises HubError."""
    return hub_datasets.load("nyu-mll/glue", "mnli", ("premise", "hypothesis", "label"), LABELS)
