"""MRPC: do two sentences from the news say the same? 3,668 pairs."""

from distill_core.config import Config
from distill_core.data import Raw
from distill_core.tasks import _hub_rows

TEACHER = None
LABELS = ("not_equivalent", "equivalent")
PAIR = True
METRIC = "f1"
LANGUAGE = "en"


def load(config: Config) -> Raw:
    """GLUE's pairs; where the Hub carries test labels, test is scored. Raises HubError."""
    return _hub_rows.load("nyu-mll/glue", "mrpc", ("sentence1", "sentence2", "label"), LABELS)
