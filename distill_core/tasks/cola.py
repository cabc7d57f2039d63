"""CoLA: would a linguist accept this sentence as English? 8,551 sentences."""

from distill_core.config.schema import Config
from distill_core.data import hub_datasets
from distill_core.data.dataset import RawDataset

TEACHER = None
LABELS = ("unacceptable", "acceptable")
PAIR = False
METRIC = "mcc"
LANGUAGE = "en"


def load(config: Config) -> RawDataset:
    """GLUE's sentences; where the Hub carries test labels, test is scored. Raises HubError."""
    return hub_datasets.load("nyu-mll/glue", "cola", ("sentence", None, "label"), LABELS)
