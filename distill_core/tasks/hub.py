"""Any data set on the Hugging Face Hub, by its id, with columns of your choice."""

from distill_core.config import Config
from distill_core.data import Raw
from distill_core.errors import KnobError
from distill_core.sentences import worded
from distill_core.table_columns import Columns
from distill_core.tasks import _hub_rows
from distill_core.tasks.file import shown

TEACHER = None
LABELS = None
PAIR = None  # the columns decide
METRIC = "auto"  # the rows decide
LANGUAGE = None  # the config decides


def load(config: Config) -> Raw:
    """The rows of config.dataset. Raises KnobError, HubError, DataError."""
    if config.dataset is None:
        raise KnobError(worded(
            "The task 'hub' needs a data set. Name one with {knob:knob}, for example stanfordnlp/imdb.",
            knob="dataset"), "dataset")  # fmt: skip
    raw = _hub_rows.load(config.dataset, config.subset, (config.text, config.text2, config.label), None)
    raw.notes.insert(0, shown(config.dataset, Columns(**raw.columns), config))
    return raw
