"""What the config leaves to the data."""

from distill_core.config.presets import KnobValues
from distill_core.config.schema import AUTO, AUTO_STUDENTS, Config
from distill_core.data.dataset import Dataset
from distill_core.data.lengths import auto_limit


def resolve_auto(config: Config, data: Dataset) -> Config:
    """The config with the student that suits the texts where it is left to them, with `max_tokens` as a number, as many
    as the texts to learn from need, and with the `cut` that these rows allow: the end of a pair is the end of its
    second sentence."""
    resolved: KnobValues = {}
    if config.student == AUTO:
        resolved["student"] = AUTO_STUDENTS[data.pair]
    if config.max_tokens == AUTO:
        resolved["max_tokens"] = auto_limit(data)
    if data.pair:
        resolved["cut"] = "head"
    return config.model_copy(update=resolved) if resolved else config
