"""QQP: do two questions ask the same? 363,846 pairs from Quora."""

from distill_core.config.schema import Config
from distill_core.data import hub_datasets
from distill_core.data.dataset import RawDataset

TEACHER = None
LABELS = ("not_duplicate", "duplicate")
PAIR = True
METRIC = "f1"
LANGUAGE = "en"


def load(config: Config) -> RawDataset:
    """GLUE's pairs; the validation split is scored. Raises HubError."""
    return hub_datasets.load("nyu-mll/glue", "qqp", ("question1", "question2", "label"), LABELS)
