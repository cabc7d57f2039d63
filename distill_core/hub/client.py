"""Client of the Hub: ids, time-outs and the offline switch."""

import os
import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from cachetools import TTLCache

from distill_core.environment import set_library_defaults
from distill_core.errors import HubError
from distill_core.hub.errors import DISABLED, GATED, PORTAL
from distill_core.messages import message

ANSWER_TIMEOUT = 5.0  # seconds for the first answer of the Hub
SILENCE_TIMEOUT = 5.0  # seconds without a byte, later on; with the libraries' seven tries a hang ends within a minute
MOST_TRIES = 3  # of a request that the Hub is too busy for: the library waits one second, then two
LONGEST_WAIT = 1  # seconds that a busy Hub may ask us to wait
LEAST_SPEED, SLOW_SECONDS = 1_500, 8.0  # bytes a second, and how long it may be less
ID_PART = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?")
ADDRESS = re.compile(r"^https?://(?:www\.)?(?:huggingface\.co|hf\.co)/(?:datasets/|models/)?", re.IGNORECASE)
COMMIT = re.compile(r"[0-9a-f]{40}")
_busy_answers: TTLCache[str, int] = TTLCache(1_000, ttl=60)  # how many in a row, by method and address


def is_id(text: str) -> bool:
    """True where `text` could be the id of a model or data set on the Hub."""
    try:
        parse_id(text)
    except HubError:
        return False
    return True


def parse_id(text: str) -> str:
    """Id in `text`: owner/name, a bare name of the early days, or a pasted address. Raises HubError."""
    # The library's validate_repo_id has the same rule, but who only types a name needn't wait for its import.
    id = ADDRESS.sub("", str(text).strip())
    if id != str(text).strip():
        id = "/".join(re.split(r"[?#]", id)[0].strip("/").split("/")[:2])
    parts = id.split("/")
    bad = len(parts) > 2 or len(id) > 193 or ".." in id or "--" in id
    if bad or not all(ID_PART.fullmatch(part) for part in parts):
        raise HubError(message("{id} is not an id on the Hub. Write it as owner/name, or paste its address.",
                              id=repr(str(text)[:100])))  # fmt: skip
    return id


def hub_library() -> Any:
    """Module huggingface_hub, whose requests have a ceiling on their silence, as some calls inside pass timeout=None,
    so that no setting reaches them; a least speed; and a bound on how long an answer of "busy" is waited out."""
    set_library_defaults()
    import huggingface_hub
    from huggingface_hub.utils import _http

    factory = _http._GLOBAL_CLIENT_FACTORY  # may be of somebody who uses us as a library, with a proxy of their own
    if getattr(factory, "func", None) is not _watched_client:
        huggingface_hub.set_client_factory(partial(_watched_client, factory))
    return huggingface_hub


def _watched_client(factory: Callable[[], Any]) -> Any:
    """New client of the library, which makes one after each failed connection."""
    client = factory()
    hooks = client.event_hooks
    client.event_hooks = {"request": [*hooks["request"], _ceiling], "response": [*hooks["response"], _give_up, _watch]}
    return client


def _give_up(response: Any) -> None:
    """Raise the library's error for a busy Hub (429, 5xx) where the library would try on: it repeats each request five
    times in 23 seconds, or waits as long as the answer's Retry-After says, which may be an hour."""
    from huggingface_hub.utils import hf_raise_for_status, parse_ratelimit_headers

    key = f"{response.request.method} {response.request.url.copy_with(query=None)}"
    if not (response.status_code == 429 or response.status_code >= 500):
        _busy_answers.pop(key, None)
        return
    limit, after = parse_ratelimit_headers(response.headers), response.headers.get("retry-after", "")
    seconds = max(limit.reset_in_seconds if limit and not limit.remaining else 0, int(after) if after.isdigit() else 0)
    _busy_answers[key] = tries = _busy_answers.get(key, 0) + 1
    if tries >= MOST_TRIES or seconds > LONGEST_WAIT:
        _busy_answers.pop(key, None)
        hf_raise_for_status(response)


def _ceiling(request: Any) -> None:
    timeouts = request.extensions.get("timeout") or {}
    request.extensions["timeout"] = {
        kind: min(SILENCE_TIMEOUT, timeouts.get(kind) or SILENCE_TIMEOUT)
        for kind in ("connect", "read", "write", "pool")
    }


def _watch(response: Any) -> None:
    """Have the body of a response read under a watch."""
    from httpx2 import ReadTimeout, SyncByteStream

    class Watched(SyncByteStream):
        """Stream that ends with ReadTimeout where it has brought less than LEAST_SPEED for SLOW_SECONDS: a byte now and
        then is no silence, and would keep a download going for ever."""

        def __init__(self, stream: Any):
            self._stream = stream

        def __iter__(self) -> Iterator[bytes]:
            since, brought = time.monotonic(), 0
            for part in self._stream:
                brought += len(part)
                seconds = time.monotonic() - since
                if seconds > SLOW_SECONDS:
                    if brought < LEAST_SPEED * seconds:
                        raise ReadTimeout("too slow", request=response.request)
                    since, brought = time.monotonic(), 0
                yield part

        def close(self) -> None:
            self._stream.close()

    response.stream = Watched(response.stream)


def is_offline() -> bool:
    """True where an environment variable of the libraries forbids the network."""
    from huggingface_hub import constants

    switches = (os.environ.get(name, "") for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"))
    return constants.HF_HUB_OFFLINE or any(switch.upper() in ("1", "ON", "YES", "TRUE") for switch in switches)


def check_open(info: Any, id: str) -> None:
    """Refuse a model or data set that is not open to everyone. Raises HubError."""
    if info.gated:
        raise HubError(message(GATED, id=id))
    if info.disabled:
        raise HubError(message(DISABLED, id=id))
    if not COMMIT.fullmatch(info.sha or ""):
        raise HubError(message(PORTAL))
