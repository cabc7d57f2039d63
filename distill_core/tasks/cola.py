"""CoLA: would a linguist accept this sentence as English? 8,551 sentences."""

from distill_core.config import Config
from distill_core.data import Raw
from distill_core.tasks import _hub_rows

TEACHER = None
LABELS = ("unacceptable", "acceptable")
PAIR = False
METRIC = "mcc"
LANGUAGE = "en"


def load(config: Config) -> Raw:
    """GLUE's sentences; where the Hub carries test labels, test is scored. Raises HubError."""
    return _hub_rows.load("nyu-mll/glue", "cola", ("sentence", None, "label"), LABELS)
