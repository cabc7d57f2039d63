"""Any data set on the Hugging Face Hub, by its id, with columns of your choice."""

from distill_core.config.schema import Config
from distill_core.data import hub_datasets
from distill_core.data.columns import Columns
from distill_core.data.dataset import RawDataset
from distill_core.errors import KnobError
from distill_core.messages import message
from distill_core.tasks.file import describe_columns

TEACHER = None
LABELS = None
PAIR = None  # the columns decide
METRIC = "auto"  # the rows decide
LANGUAGE = None  # the config decides


def load(config: Config) -> RawDataset:
    """The rows of config.dataset. Raises KnobError, HubError, DataError."""
    if config.dataset is None:
        raise KnobError(message(
            "The task 'hub' needs a data set. Name one with {knob:knob}, for example stanfordnlp/imdb.",
            knob="dataset"), "dataset")  # fmt: skip
    raw = hub_datasets.load(config.dataset, config.subset, (config.text, config.text2, config.label), None)
    raw.notes.insert(0, describe_columns(config.dataset, Columns(**raw.columns), config))
    return raw
