"""QQP: do two questions ask the same? 363,846 pairs from Quora."""

from distill_core.config import Config
from distill_core.data import Raw
from distill_core.tasks import _hub_rows

TEACHER = None
LABELS = ("not_duplicate", "duplicate")
PAIR = True
METRIC = "f1"
LANGUAGE = "en"


def load(config: Config) -> Raw:
    """GLUE's pairs; the validation split is scored. Raises HubError."""
    return _hub_rows.load("nyu-mll/glue", "qqp", ("question1", "question2", "label"), LABELS)
