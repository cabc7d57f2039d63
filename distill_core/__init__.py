"""Stillroom's engine: teach a small, fast model what a big one knows, and see honestly what was gained.

The front door. Names are loaded when they are first used, so that importing this package costs nothing.
"""

import importlib
from typing import Any

from distill_core.hub import environment

environment()  # before anything imports the Hub's libraries, which read it when they load

_DOOR = {
    "distill_core.api": (
        "Inspection", "Part", "Run", "Teaching", "ask", "ask_teacher", "close", "columns", "count", "estimate",
        "export", "find", "inspect", "is_kept", "keep_file", "open_app", "pack", "predict_file", "predictor",
        "preview", "reading", "run", "run_tasks", "runs", "save_predictions", "save_scored", "shelf", "start",
        "survey", "survey_soon", "task_pair", "task_teacher", "teachers", "text_columns", "unpack",
        "warm_up",
    ),
    "distill_core.cost": ("Estimate",),
    "distill_core.config": ("Config", "Knob", "knobs"),
    "distill_core.errors": (
        "DataError", "Diverged", "HubError", "KnobError", "StillroomError", "Stopped", "TeacherError", "UnknownPart",
        "UnknownRun", "UserError",
    ),
    "distill_core.host": ("public_host",),
    "distill_core.sentences": ("Filling", "Sentence", "made"),
    "distill_core.presets": ("Setting", "settings"),
    "distill_core.events": (
        "ENDED", "ROWS", "STAGES", "STATUSES", "Compared", "Ended", "Event", "Fact", "Note", "Point", "Progress",
        "StageEnded", "StageStarted",
    ),
}  # fmt: skip
_HOME = {name: module for module, names in _DOOR.items() for name in names}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"distill_core has no {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
