"""Owners of runs where strangers share a page: who started a run, or took it in, may change it; who has only its
address may look, ask, replay and download.

The browser gets a random key in a cookie that no script of the page can read; a script sends one of its own making as
the header x-stillroom-key. The store keeps a digest of it. On one's own machine nothing of this happens.
"""

import hashlib
import os
import re
import secrets
import threading
from collections.abc import Callable
from ipaddress import ip_address, ip_network

from gradio.context import LocalContext
from starlette.requests import cookie_parser

import distill_core as core
from distill_core import ALIVE, Config, Run, UserError

from ..i18n.translate import translate
from . import public_host

COOKIE, HEADER = "stillroom-key", "x-stillroom-key"
KEY = re.compile(r"[\w.~+/=-]{20,200}", re.ASCII)  # shorter ones can be guessed
MOST_OWN, MOST_OF_ADDRESS, MOST_OF_ALL = 2, 20, 60  # runs at once of a visitor of a public host, an address, all
NETWORK = 64  # bits of an IPv6 address: the rest is its owner's to choose
_start_lock = threading.Lock()  # from counting the runs to the next one's being there
_addresses: dict[str, str] = {}  # where runs that have not ended were started from, by their ids; of this process


def start_run(config: Config, checked: bool = False) -> Run:
    """Queues a run of `config` for the visitor who is being answered; see `core.start`. Raises UserError, on a public
    host also where the visitor has as many runs as one may have there at once, or all visitors of their address have,
    or all there are."""
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
    holder, address = _digest(key), _request_address()
    with _start_lock:
        alive = core.list_runs(10_000, status=ALIVE)
        own = [run for run in alive if run.row.holder == holder]
        if len(own) >= MOST_OWN:
            raise UserError(translate("host.own_runs", n=len(own)))
        if len(alive) >= _most("STILLROOM_MAX_RUNS", MOST_OF_ALL):
            raise UserError(translate("host.all_runs", n=len(alive)))
        for ended in _addresses.keys() - {run.id for run in alive}:
            del _addresses[ended]
        neighbours = sum(one == address for one in _addresses.values()) if address else 0
        if neighbours >= _most("STILLROOM_MAX_RUNS_PER_ADDRESS", MOST_OF_ADDRESS):
            raise UserError(translate("host.address_runs", n=neighbours))
        run = queue(holder)
        if address:
            _addresses[run.id] = address
        return run


def _most(variable: str, usual: int) -> int:
    return core.host_limit(variable, usual, usual)


def _request_address() -> str:
    """The address that the request came from, "" where it isn't known for sure. uvicorn believes what a proxy says of
    it where the proxy is on this machine or among FORWARDED_ALLOW_IPS; any other proxy, as that of a Space, would make
    one visitor of all."""
    request = LocalContext.request.get(None)
    host = str(getattr(getattr(request, "client", None), "host", "") or "")
    if core.audience() == "space" and not os.environ.get("FORWARDED_ALLOW_IPS"):
        return ""
    try:
        address = ip_address(host)
    except ValueError:
        return ""
    if address.is_loopback:  # a proxy on this machine that does not say for whom it asks
        return ""
    return str(address) if address.version == 4 else str(ip_network((address, NETWORK), strict=False))


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
