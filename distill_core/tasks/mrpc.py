"""MRPC: do two sentences from the news say the same? 3,668 pairs."""

from distill_core.config.schema import Config
from distill_core.data import hub_datasets
from distill_core.data.dataset import RawDataset

TEACHER = None
LABELS = ("not_equivalent", "equivalent")
PAIR = True
METRIC = "f1"
LANGUAGE = "en"


def load(config: Config) -> RawDataset:
    """GLUE's pairs; where the Hub carries test labels, test is scored. Raises HubError."""
    return hub_datasets.load("nyu-mll/glue", "mrpc", ("sentence1", "sentence2", "label"), LABELS)
