"""Stillroom's engine: teach a small, fast model what a big one knows, and see honestly what was gained.

The front door. Names are loaded when they are first used, so that importing this package costs nothing. The examples
in docstrings call this package `core`; tests/test_examples.py runs them.
"""

import importlib
import warnings
from typing import TYPE_CHECKING, Any

from distill_core.environment import set_library_defaults

set_library_defaults()  # before anything imports the Hub's libraries, which read it when they load

if TYPE_CHECKING:  # the names of _DOOR once more, for a type checker: to it __getattr__ says nothing
    from distill_core.api.answers import (
        Alignment,
        Answers,
        LayerPair,
        LayerReading,
        Preview,
        Reading,
        Report,
        ScoredText,
        TeacherAnswer,
        WordsBrought,
    )
    from distill_core.api.cascade import Cascade, TeacherPrediction, answered_by, cascade
    from distill_core.api.catalog import (
        Component,
        TeacherChoice,
        components,
        rename_teacher,
        task_labels,
        task_pair,
        task_teacher,
        teacher_title,
        teachers,
    )
    from distill_core.api.classifier import DistilledClassifier
    from distill_core.api.estimates import (
        choices,
        estimate,
        profile,
        schedule_profile,
        settings_for,
        teacher_estimates,
    )
    from distill_core.api.inference import (
        activations,
        alignment,
        ask,
        export,
        export_html,
        predict_file,
        save_doubtful,
        save_predictions,
        save_scored,
        text_columns,
    )
    from distill_core.api.layers import layers
    from distill_core.api.preview import (
        Inspection,
        ask_teacher,
        check_data,
        columns,
        data_refusal,
        inspect,
        is_upload,
        preview,
        save_upload,
        sweep_uploads,
        warm_up,
    )
    from distill_core.api.publish import load_pushed, push
    from distill_core.api.runs import (
        Run,
        count,
        export_run,
        find,
        import_run,
        list_runs,
        open_backup,
        run,
        run_tasks,
        start,
    )
    from distill_core.api.session import ExportedRow, close, home_refusal, open_app, predictor, temporary_folder
    from distill_core.api.takeaways import Takeaway, takeaways
    from distill_core.cli import run_command
    from distill_core.cli.parser import AddCommand
    from distill_core.config.choices import Choice
    from distill_core.config.knobs import Knob, Setting, knobs, settings
    from distill_core.config.schema import MODELS, Config
    from distill_core.data.preparation import is_row_counts
    from distill_core.data.text_bank import is_hub_bank
    from distill_core.environment import AUDIENCES, LOOPBACK, audience, host_limit, host_name, public_host
    from distill_core.errors import (
        DataError,
        Diverged,
        HubError,
        KnobError,
        StillroomError,
        Stopped,
        TeacherError,
        UnknownPart,
        UnknownRun,
        UserError,
    )
    from distill_core.estimation.cost import Estimate
    from distill_core.estimation.time_budget import BudgetSettings, free_config
    from distill_core.evaluation.columns import COLUMNS, Column
    from distill_core.evaluation.diagnostics import BASELINE_OUTCOMES
    from distill_core.evaluation.summary import (
        Deferral,
        DeferralLevel,
        Difference,
        DoubtfulRow,
        LearningCurvePoint,
        Metric,
        MetricScores,
        ModelCost,
        Score,
        Summary,
        VariantScores,
    )
    from distill_core.events import (
        ALIVE,
        ENDED,
        RESUMABLE,
        ROWS,
        STAGES,
        STATUSES,
        Compared,
        Ended,
        Event,
        Fact,
        Note,
        Point,
        Progress,
        RowName,
        StageEnded,
        StageStarted,
    )
    from distill_core.hub.models import is_offered
    from distill_core.messages import Message, MessageFormatter, message_data
    from distill_core.runs.backup import Backup
    from distill_core.runs.queries import RunRecord

_DOOR = {
    "distill_core.api.catalog": (
        "Component", "TeacherChoice", "components", "rename_teacher", "task_labels", "task_pair", "task_teacher",
        "teacher_title", "teachers",
    ),
    "distill_core.api.cascade": ("Cascade", "TeacherPrediction", "answered_by", "cascade"),
    "distill_core.api.answers": (
        "Alignment", "Answers", "LayerPair", "LayerReading", "Preview", "Reading", "Report", "ScoredText",
        "TeacherAnswer", "WordsBrought",
    ),
    "distill_core.api.classifier": ("DistilledClassifier",),
    "distill_core.api.estimates": (
        "choices", "estimate", "profile", "schedule_profile", "settings_for", "teacher_estimates",
    ),
    "distill_core.api.inference": (
        "alignment", "ask", "export", "export_html", "predict_file", "activations", "save_doubtful", "save_predictions",
        "save_scored", "text_columns",
    ),
    "distill_core.api.layers": ("layers",),
    "distill_core.api.preview": (
        "Inspection", "ask_teacher", "check_data", "columns", "data_refusal", "inspect", "is_upload", "save_upload",
        "preview", "sweep_uploads", "warm_up",
    ),
    "distill_core.api.runs": (
        "Run", "count", "find", "list_runs", "export_run", "open_backup", "run", "run_tasks", "start", "import_run",
    ),
    "distill_core.api.publish": ("load_pushed", "push"),
    "distill_core.api.takeaways": ("Takeaway", "takeaways"),
    "distill_core.cli": ("run_command",),
    "distill_core.cli.parser": ("AddCommand",),
    "distill_core.config.choices": ("Choice",),
    "distill_core.data.preparation": ("is_row_counts",),
    "distill_core.data.text_bank": ("is_hub_bank",),
    "distill_core.api.session": ("ExportedRow", "close", "home_refusal", "open_app", "predictor", "temporary_folder"),
    "distill_core.estimation.cost": ("Estimate",),
    "distill_core.estimation.time_budget": ("BudgetSettings", "free_config"),
    "distill_core.evaluation.columns": ("COLUMNS", "Column"),
    "distill_core.evaluation.diagnostics": ("BASELINE_OUTCOMES",),
    "distill_core.evaluation.summary": (
        "LearningCurvePoint", "Metric", "MetricScores", "ModelCost", "Score",
        "Deferral", "DeferralLevel", "Difference", "DoubtfulRow", "Summary", "VariantScores",
    ),
    "distill_core.runs.backup": ("Backup",),
    "distill_core.runs.queries": ("RunRecord",),
    "distill_core.config.schema": ("MODELS", "Config"),
    "distill_core.config.knobs": ("Knob", "Setting", "knobs", "settings"),
    "distill_core.errors": (
        "DataError", "Diverged", "HubError", "KnobError", "StillroomError", "Stopped", "TeacherError", "UnknownPart",
        "UnknownRun", "UserError",
    ),
    "distill_core.environment": ("AUDIENCES", "LOOPBACK", "audience", "host_limit", "host_name", "public_host"),
    "distill_core.hub.models": ("is_offered",),
    "distill_core.messages": ("MessageFormatter", "Message", "message_data"),
    "distill_core.events": (
        "ALIVE", "ENDED", "RESUMABLE", "ROWS", "STAGES", "STATUSES", "Compared", "Ended", "Event", "Fact", "Note",
        "Point", "Progress", "RowName", "StageEnded", "StageStarted",
    ),
}  # fmt: skip
_HOME = {name: module for module, names in _DOOR.items() for name in names}

# Names that scripts written for 0.1.0 may still use. (`runs` is a room now, so its list is `list_runs` alone.)
_ALIASES = {
    "Filling": "MessageFormatter", "Part": "Component", "Sentence": "Message", "Teaching": "TeacherChoice",
    "is_kept": "is_upload", "keep_file": "save_upload", "made": "message_data", "pack": "export_run",
    "reading": "activations", "shelf": "components", "survey": "profile", "survey_soon": "schedule_profile",
    "unpack": "import_run",
}  # fmt: skip

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name in _ALIASES:
        warnings.warn(f"{name} is called {_ALIASES[name]} now", DeprecationWarning, stacklevel=2)
        name = _ALIASES[name]
    if name not in _HOME:
        raise AttributeError(f"distill_core has no {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
