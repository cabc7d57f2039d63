"""Named settings of knobs: presets say how to distil, sizes how large the student may be, embeddings included.

`Config.of(preset="paper", size="tiny", epochs=3)` expands them into explicit knobs at once, so that a stored run can be
read without a table of presets: the size overrules the preset, an explicit knob overrules both. Knows nothing of
torch.
"""

from typing import Any

from distill_core.errors import KnobError
from distill_core.json_types import JsonObject
from distill_core.messages import message
from distill_core.registry import TASKS, unknown_name

KnobValues = JsonObject  # by the knobs' names, as Config.of takes them

# Listed, not gathered from the folder: a new rule there changes nobody's config.
STANDARD_RULES = {"mask": 0.1, "ngram": 0.25, "phrase": 0.8, "pos": 0.1, "rare": 0.2, "splice": 0.5}

PRESETS: dict[str, tuple[str, KnobValues]] = {
    "best": ("What was found best by experiment, within half an hour for SST-2; the defaults.", {}),
    "paper": (
        "Tang et al. 2019 to the letter: words in two channels of 300, AdaDelta, 20 passes (10 for pairs). Hours.",
        {
            "rules": {"mask": 0.1, "pos": 0.1, "ngram": 0.25},
            "n_iter": 20, "augmented": "all", "neighbours": 0, "transfer_limit": 2_000_000,
            "student": "bilstm", "vocabulary": "words", "vocabulary_limit": 1_000_000, "unseen": "unknown",
            "vectors": "teacher_static", "channels": "both", "width": 300, "hidden": 150, "fc": 200, "dropout": 0.1,
            "loss": "logit_mse", "alpha": 0.0, "optimiser": "adadelta", "lr": 1.0, "table_lr": 1.0,
            "batch": 50, "epochs": 4,
        },
    ),
    "distilbert": (
        "DistilBERT's way (Sanh et al. 2019): every other layer of the teacher, which learns its probabilities, the "
        "angle of its last hidden states and, where the teacher's base can guess masked words, that too.",
        {
            "student": "cut", "layers": "every:2", "vocabulary_limit": 50_000,
            "loss": "distilbert_mlm", "temperature": 2.0,
        },
    ),
    "tinybert": (
        "TinyBERT's two stages (Jiao et al. 2020): every third layer of the teacher learns its embeddings, hidden "
        "states and attention, then its probabilities; new texts by filled masks and near words.",
        {
            "student": "cut", "layers": "every:3", "vocabulary_limit": 50_000,
            "rules": {}, "n_iter": 0, "neighbours": 10, "filled": 10,
            "first_loss": "layers", "loss": "soft_kl", "temperature": 1.0,
        },
    ),
    "quick": (
        "About five minutes for SST-2: fewer texts for the teacher to label.",
        {"n_iter": 1, "transfer_limit": 50_000},
    ),
}  # fmt: skip
PAIR_OVERRIDES: dict[str, KnobValues] = {"paper": {"n_iter": 10, "batch": 256}}
"""The knobs of a preset that differ where the texts are pairs."""

# Embeddings dominate, so a size caps the vocabulary too. Each is true of every student, for one sentence and for two,
# whatever the task: tests/config/test_presets.py counts. The last is as large as the teacher makes it.
SIZES: dict[str, tuple[str, KnobValues]] = {
    "tiny": (
        "Under 300,000 weights, embeddings included.",
        {"width": 32, "hidden": 48, "fc": 32, "vocabulary_limit": 6_000, "channels": "trained"},
    ),
    "small": (
        "Under 1 million weights, embeddings included; the default.",
        {"width": 64, "hidden": 64, "fc": 64, "vocabulary_limit": 12_000, "channels": "trained"},
    ),
    "medium": (
        "Under 4 million weights, embeddings included.",
        {"width": 128, "hidden": 160, "fc": 128, "vocabulary_limit": 20_000, "channels": "trained"},
    ),
    "cut": (
        "The teacher's own table, first and last layer: millions of weights, and several times its speed.",
        {"student": "cut", "vocabulary_limit": 50_000},
    ),
}
SETTINGS = {"preset": PRESETS, "size": SIZES}


def expand_settings(values: KnobValues, default_task: str) -> KnobValues:
    """The values with `preset` and `size` expanded into knobs. The task (without one: the default) decides whether
    texts are pairs; where its columns decide, a second text column does. The paper's vectors come from `vectors_file`
    where that names a file. Raises KnobError."""
    typed = dict(values)
    preset, size = typed.pop("preset", None), typed.pop("size", None)
    expanded: KnobValues = {}
    if preset:
        task = typed.get("task", default_task)
        pair = TASKS.constant(task, "PAIR") if task in TASKS.names else None
        pair = bool(typed.get("text2")) if pair is None else pair
        expanded |= _setting_knobs("preset", preset) | pair_overrides(preset, pair)
        if "vectors" in expanded and typed.get("vectors_file"):
            expanded["vectors"] = "file"
    if size:
        expanded |= _setting_knobs("size", size)
    return expanded | typed


def _setting_knobs(kind: str, name: Any) -> KnobValues:
    table = SETTINGS[kind]
    if isinstance(name, str) and name in table:
        return table[name][1]
    raise KnobError(unknown_name(message("preset") if kind == "preset" else message("size"), name, table))


def pair_overrides(name: str, pair: bool) -> KnobValues:
    return PAIR_OVERRIDES.get(name, {}) if pair else {}
