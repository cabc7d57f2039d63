"""SST-2: is a phrase from a film review positive or negative? 67,349 phrases."""

from distill_core.config import Config
from distill_core.data import Raw
from distill_core.tasks import _hub_rows

TEACHER = None
LABELS = ("negative", "positive")
PAIR = False
METRIC = "accuracy"
LANGUAGE = "en"


def load(config: Config) -> Raw:
    """GLUE's phrases; where the Hub carries test labels, dev selects and test is scored. Raises HubError."""
    return _hub_rows.load("nyu-mll/glue", "sst2", ("sentence", None, "label"), LABELS)
