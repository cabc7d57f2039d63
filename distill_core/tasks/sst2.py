"""SST-2: is a phrase from a film review positive or negative? 67,349 phrases."""

from distill_core.config.schema import Config
from distill_core.data import hub_datasets
from distill_core.data.dataset import RawDataset

TEACHER = None
LABELS = ("negative", "positive")
PAIR = False
METRIC = "accuracy"
LANGUAGE = "en"


def load(config: Config) -> RawDataset:
    """GLUE's phrases; where the Hub carries test labels, dev selects and test is scored. Raises HubError."""
    return hub_datasets.load("nyu-mll/glue", "sst2", ("sentence", None, "label"), LABELS)
