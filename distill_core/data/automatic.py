"""What the config leaves to the data."""

from distill_core.config.automatic import automatic_values
from distill_core.config.schema import AUTO, Config
from distill_core.data.dataset import Dataset
from distill_core.data.lengths import auto_limit


def resolve_auto(config: Config, data: Dataset) -> Config:
    """The config with all that it leaves to the data as these need it (`config.automatic`)."""
    tokens = auto_limit(data) if config.max_tokens == AUTO else None
    return config.model_copy(update=automatic_values(config.model_dump(), data.pair, tokens))
