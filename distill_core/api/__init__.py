"""The facade that the page, notebooks and the command line share. What isn't here is private.

Nothing heavy is imported until a function needs it: listing runs costs no torch.
"""

from distill_core.api.choices import Part, Teaching, shelf, task_pair, task_teacher, teachers
from distill_core.api.foresight import estimate, survey, survey_soon
from distill_core.api.held import close, open_app, predictor
from distill_core.api.looking import (
    Inspection,
    ask_teacher,
    columns,
    inspect,
    is_kept,
    keep_file,
    preview,
    warm_up,
)
from distill_core.api.running import Run, count, find, pack, run, run_tasks, runs, start, unpack
from distill_core.api.using import ask, export, predict_file, reading, save_predictions, save_scored, text_columns

__all__ = [
    "Inspection", "Part", "Run", "Teaching", "ask", "ask_teacher", "close", "columns", "count", "estimate", "export",
    "find", "inspect", "is_kept", "keep_file", "open_app", "pack", "predict_file", "predictor", "preview", "reading",
    "run", "run_tasks", "runs", "save_predictions", "save_scored", "shelf", "start", "survey", "survey_soon",
    "task_pair", "task_teacher", "teachers", "text_columns", "unpack", "warm_up",
]  # fmt: skip
