"""Stillroom's engine: teach a small, fast model what a big one knows, and see honestly what was gained.

The front door. Names are loaded when they are first used, so that importing this package costs nothing.
"""

import importlib
from typing import Any

from distill_core.environment import set_library_defaults

set_library_defaults()  # before anything imports the Hub's libraries, which read it when they load

_DOOR = {
    "distill_core.api.catalog": ("Part", "Teaching", "shelf", "task_pair", "task_teacher", "teachers"),
    "distill_core.api.estimates": ("estimate", "survey", "survey_soon"),
    "distill_core.api.inference": (
        "ask", "export", "predict_file", "reading", "save_predictions", "save_scored", "text_columns",
    ),
    "distill_core.api.preview": (
        "Inspection", "ask_teacher", "columns", "inspect", "is_kept", "keep_file", "preview", "warm_up",
    ),
    "distill_core.api.runs": (
        "Run", "count", "find", "list_runs", "pack", "run", "run_tasks", "start", "unpack",
    ),
    "distill_core.api.session": ("close", "open_app", "predictor"),
    "distill_core.estimation.cost": ("Estimate",),
    "distill_core.config.schema": ("Config",),
    "distill_core.config.knobs": ("Knob", "Setting", "knobs", "settings"),
    "distill_core.errors": (
        "DataError", "Diverged", "HubError", "KnobError", "StillroomError", "Stopped", "TeacherError", "UnknownPart",
        "UnknownRun", "UserError",
    ),
    "distill_core.environment": ("public_host",),
    "distill_core.messages": ("Filling", "Sentence", "made"),
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
