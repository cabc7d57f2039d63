"""Public hosts, where others use the page, and what they may not do there: name files of the machine, have any model
loaded, or list others' runs.

On a public host a run's id is the key to it: whoever has the link sees the run, nobody else does. Who may change it,
`ownership` decides.
"""

from collections.abc import Sequence

import distill_core as core
from distill_core import Config, UserError
from distill_core import public_host as public

from ..i18n.translate import translate

FILES = tuple(knob.name for knob in core.knobs() if knob.path and knob.group == "task")  # what may be uploaded
MAX_PUBLIC_BANKS, MAX_PUBLIC_LINES = 3, 1_000_000  # text banks of a stranger, and texts of each to look at
MAX_UPLOAD, MAX_PUBLIC_UPLOAD = 200, 5  # millions of bytes: as much as a table may have; of others less


def max_upload() -> int:
    """The most bytes that a file dropped on the page may have. A packed run of SST-2 has 1.4 to 4 million, one of the
    paper's size with both of its tables about 70. STILLROOM_MAX_UPLOAD_MB says otherwise."""
    return 1_000_000 * core.host_limit("STILLROOM_MAX_UPLOAD_MB", MAX_UPLOAD, MAX_PUBLIC_UPLOAD)


def check_config(config: Config, uploaded: Sequence[str] = ()) -> Config:
    """Returns `config`; on a public host UserError where it names a path of the machine, the `uploaded` knobs aside, or
    a model that is not loaded there."""
    if not public():
        return config
    named = [
        knob
        for knob in (one.name for one in core.knobs() if one.path)
        if knob not in uploaded and _names_path(getattr(config, knob))
    ]
    if named:
        raise UserError(translate("host.path", knob=named[0]))
    for model in (getattr(config, knob) for knob in core.MODELS):
        if model and model != "builtin" and not model.startswith("kept:") and not core.is_offered(model):
            raise UserError(translate("host.model", model=model[:100]))
    if len(config.bank) > MAX_PUBLIC_BANKS or (config.bank and config.bank_lines > MAX_PUBLIC_LINES):
        raise UserError(translate("host.bank", banks=MAX_PUBLIC_BANKS, lines=MAX_PUBLIC_LINES))
    return config


def _names_path(value: str | list[str] | None) -> bool:
    """Whether a knob of paths names one; a text bank may be a data set on the Hub instead."""
    return not all(map(core.is_hub_bank, value)) if isinstance(value, list) else bool(value)
