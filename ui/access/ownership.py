"""Owners of runs where strangers share a page: who started a run, or took it in, may change it; who has only its
address may look, ask, replay and download.

The browser gets a random key in a cookie that no script of the page can read; a script sends one of its own making as
the header x-stillroom-key. The store keeps a digest of it. On one's own machine nothing of this happens.
"""

import hashlib
import re
import secrets
import threading
from collections.abc import Callable

from gradio.context import LocalContext
from starlette.requests import cookie_parser

import distill_core as core
from distill_core import ALIVE, Config, Run, UserError
from ui.access import public_host
from ui.i18n.translate import translate

COOKIE, HEADER = "stillroom-key", "x-stillroom-key"
KEY = re.compile(r"[\w.~+/=-]{20,200}", re.ASCII)  # shorter ones can be guessed
MOST_OWN, MOST_OF_ALL = 2, 60  # runs at once, of a visitor of a public host and of all of them
_start_lock = threading.Lock()  # from counting the runs to the next one's being there


def start_run(config: Config, checked: bool = False) -> Run:
    """Queues a run of `config` for the visitor who is being answered; see `core.start`. Raises UserError, on a public
    host also where the visitor has as many runs as one may have there at once, or all of them together have."""
    return _within_limits(lambda holder: core.start(config, checked=checked, holder=holder))


def resume_run(run: Run) -> Run:
    """Queues again a run that ended early and that the visitor may change; see `require_owner`. Raises UserError as
    `start_run` does."""
    return _within_limits(lambda _: run.resume())


def _within_limits(queue: Callable[[str], Run]) -> Run:
    """What `queue` gives for the visitor's digest, "" on one's own machine. Raises UserError."""
    if not public_host.public():
        return queue("")
    if not (key := _request_key()):  # a run of nobody's could not be stopped
        raise UserError(translate("host.no_key", header=HEADER))
    holder = _digest(key)
    with _start_lock:
        alive = core.list_runs(MOST_OF_ALL + 1, status=ALIVE)
        own = [run for run in alive if run.row.holder == holder]
        if len(own) >= MOST_OWN:
            raise UserError(translate("host.own_runs", n=len(own)))
        if len(alive) >= MOST_OF_ALL:
            raise UserError(translate("host.all_runs", n=len(alive)))
        return queue(holder)


def assign_owner(run: Run) -> Run:
    """Makes the visitor who is being answered the owner of `run`, which they have just made; returns it."""
    if public_host.public() and (key := _request_key()):
        run.hold(_digest(key))
    return run


def require_owner(run: Run) -> Run:
    """Returns `run` where the visitor who is being answered may change it; raises UserError where not."""
    if not may_change(run):
        raise UserError(translate("host.not_yours"))
    return run


def may_change(run: Run) -> bool:
    """Whether `run` may be stopped, resumed, renamed and deleted by the visitor who is being answered. A run without a
    holder is nobody's to change."""
    if not public_host.public():
        return True
    key, holder = _request_key(), run.row.holder
    return bool(key and holder) and secrets.compare_digest(_digest(key), holder)


def _request_key() -> str:
    """The key that came with the request; "" for none."""
    request = LocalContext.request.get(None)
    headers = {str(name).lower(): str(value) for name, value in dict(getattr(request, "headers", None) or {}).items()}
    key = headers.get(HEADER) or cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
    return key if KEY.fullmatch(key) else ""


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
