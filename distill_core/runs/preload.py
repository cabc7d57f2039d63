"""Modules that the fork server loads once, so that each worker starts in a moment. Imported there and nowhere else."""

import contextlib
import gc
import importlib
import signal
import sys

# The pipeline, and what its stages import when they come to it: seconds each, and the same in every run.
MODULES = (
    "distill_core.pipeline.distill",
    "distill_core.config.presets",
    "distill_core.tasks.reviews",
    "openpyxl",
    "pyarrow.parquet",
    "scipy.stats",
    "sklearn.feature_extraction.text",
    "sklearn.linear_model",
    "sklearn.metrics",
    "sklearn.pipeline",
    "textblob.en",
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto",
    "transformers.models.bert.modeling_bert",  # and with it what every other encoder needs
    "transformers.models.bert.tokenization_bert",
)

# Ctrl-C reaches every process of the terminal; only the one that the person talks to decides what it means.
signal.signal(signal.SIGINT, signal.SIG_IGN)

gc.disable()  # what is loaded here stays: looking through it for rubbish would only cost time
for module in MODULES:
    # A broken installation must be reported by the run that meets it, not by a fork server that can't start.
    with contextlib.suppress(Exception):
        importlib.import_module(module)

# What a first run would wait for before its first point, a fifth of a second or more each. None of it may compute with
# torch: its threads don't survive a fork.
with contextlib.suppress(Exception):
    sys.modules["textblob.en"].parser.find_tags(["so"])  # reads its lexicon
with contextlib.suppress(Exception):
    sys.modules["transformers.conversion_mapping"].get_checkpoint_conversion_mapping("bert")  # a thousand patterns
with contextlib.suppress(Exception):
    example = sys.modules["distill_core.config.schema"].Config()
    sys.modules["distill_core.tasks"].preload(example)
    sys.modules["distill_core.distillation.transfer_set"].preload(
        sys.modules["distill_core.tasks"].load_dataset(example), example
    )

# Never looked through again either: each worker's first look took a quarter of a second, and copied what it shares.
gc.freeze()
gc.enable()
