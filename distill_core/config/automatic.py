"""Values of the knobs that are left to the data, once it is known what these need."""

from distill_core.config.losses import is_layerwise, used_losses
from distill_core.config.presets import KnobValues
from distill_core.config.schema import AUTO, CUT, Config
from distill_core.registry import STUDENTS as SHELF

NEW_RATE = 4e-3  # learning rate of a network that knows nothing yet
STUDENTS = {False: "bilstm_max", True: "compare_aggregate"}  # by whether the texts are pairs


def automatic_values(values: KnobValues, pair: bool | None, tokens: int | None) -> KnobValues:
    """The values that a run has instead of those in `values`: the student and its layers where they are left
    to the data, the most `tokens` that are read of a text where that is, and the beginning alone of a longer `pair`,
    for its end is the end of its second sentence. What is not known (None) stays."""
    resolved: KnobValues = {}
    layered = values["student_model"] or any(map(is_layerwise, used_losses(values["first_loss"], values["loss"])))
    if values["student"] == AUTO and layered:
        resolved["student"] = CUT
    elif values["student"] == AUTO and pair is not None:
        resolved["student"] = STUDENTS[pair]
    if values["layers"] == AUTO:
        resolved["layers"] = "all" if values["student_model"] else "first_last"
    if values["max_tokens"] == AUTO and tokens is not None:
        resolved["max_tokens"] = tokens
    if pair:
        resolved["cut"] = "head"
    return resolved


def learning_rate(config: Config) -> float:
    """Learning rate of the config's student: "auto" is the one that its component names, for all but few begin anew."""
    return config.lr if isinstance(config.lr, float) else float(SHELF.constant(config.student, "LR", NEW_RATE))
