"""Errors between this machine and the Hub, each as one sentence, from the libraries' types, causes and status codes.

Knows nothing of files.
"""

import errno
import re
from collections.abc import Iterator

from distill_core.errors import HubError
from distill_core.messages import Message, message

OFFLINE = "This app runs offline and {id} is not stored here. Go online once, or choose a built-in example."
GATED = "{id} is gated: its owner must let you in first. Choose an open one."
DISABLED = "{id} has been disabled on the Hub. Choose another one."
PORTAL = "Something between this machine and the Hub answers in its place (a proxy or log-in page). Log in there first."
_DOWN = "The Hub cannot be reached for {id}. Check the internet connection, or choose a built-in example."
_BUSY = "The Hub does not answer well just now ({status} for {id}). Nothing is lost; try again later."
_BROKEN = "The download of {id} broke off. Try again."

MODEL, DATA_SET = message("model"), message("data set")

_SILENT = {
    "ConnectError", "ConnectTimeout", "ReadTimeout", "WriteTimeout", "PoolTimeout", "TimeoutException", "ReadError",
    "WriteError", "RemoteProtocolError", "ConnectionError", "ConnectionResetError", "ConnectionRefusedError",
    "ProxyError", "TimeoutError", "gaierror",
}  # fmt: skip


def explain_load_error(error: Exception, id: str, subset: str | None, knob: str = "subset") -> HubError:
    """HubError for an error of load_dataset; `knob` is where a subset is named."""
    text = str(error)
    if isinstance(error, ValueError) and ("Config name is missing" in text or "BuilderConfig" in text):
        names = re.findall(r"'([^']+)'", text.partition("vailable")[2].partition("]")[0])
        shown = f": {', '.join(names[:20])}{', …' if len(names) > 20 else ''}" if names else ""
        if subset:
            return HubError(message("{id} has no subset {subset}. Name one with {knob:knob}{shown}.", id=id,
                                   subset=repr(subset), knob=knob, shown=shown))  # fmt: skip
        return HubError(message("{id} has several subsets. Name one with {knob:knob}{shown}.", id=id, knob=knob,
                               shown=shown))  # fmt: skip
    if isinstance(error, RuntimeError) and "scripts are no longer supported" in text:
        return HubError(message(
            "{id} is made by a script, which is never run here. Choose a data set of CSV, JSON or Parquet files.",
            id=id))  # fmt: skip
    kinds = {type(link).__name__ for link in _chain(error)}
    if kinds & {"EmptyDatasetError", "DataFilesNotFoundError"}:
        return HubError(message("{id} holds no files of rows (CSV, JSON, Parquet). Choose another data set.", id=id))
    if kinds & {"DatasetGenerationError", "ArrowInvalid"} and not kinds & _SILENT:
        cause = reason(error.__cause__ or error)
        return HubError(message("The files of {id} can't be read as rows: {cause}. Choose another data set.", id=id,
                               cause=cause))  # fmt: skip
    return explain_error(error, id, DATA_SET, started=True)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Chain of the error and all its causes: nearly everything from the Hub is an OSError, only its causes differ."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        link = waiting.pop(0)
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        waiting += [link.__cause__, link.__context__]


def reason(error: BaseException) -> str:
    """Reason in a library's words: its first line, without the folders of this machine."""
    line = re.sub(r"(?:[A-Za-z]:)?[/\\][^\s'\"]+", "…", str(error).partition("\n")[0])
    return line[:150] or type(error).__name__


def is_unreachable(error: Exception) -> bool:
    """True where the connection to the Hub failed, not the model or data set: then the cache may answer."""
    if {type(link).__name__ for link in _chain(error)} & {*_SILENT, "OfflineModeIsEnabled", "JSONDecodeError"}:
        return True
    return any(status == 429 or status >= 500 for status in statuses(error))


def statuses(error: Exception) -> list[int]:
    """Status codes of the answers that an error comes from."""
    responses = (getattr(link, "response", None) for link in _chain(error))
    codes = (getattr(response, "status_code", None) for response in responses)
    return [code for code in codes if isinstance(code, int)]


def explain_error(error: Exception, id: str, kind: Message, started: bool = False) -> HubError:
    """HubError for whatever the libraries raised; `kind` is MODEL or DATA_SET. `started`: the Hub had answered before,
    so a broken connection is a broken download."""
    if isinstance(error, HubError):
        return error
    links = list(_chain(error))
    kinds = {type(link).__name__ for link in links}
    codes = statuses(error)
    if any(isinstance(link, OSError) and link.errno in (errno.ENOSPC, errno.EDQUOT) for link in links):
        return HubError(message("The disk is full, so {id} could not be stored. Free some space and try again.", id=id))
    if "GatedRepoError" in kinds:
        return HubError(message(GATED, id=id))
    if "DisabledRepoError" in kinds:
        return HubError(message(DISABLED, id=id))
    if "OfflineModeIsEnabled" in kinds:
        return HubError(message(OFFLINE, id=id))
    if "RevisionNotFoundError" in kinds:
        return HubError(message("{id} has changed on the Hub meanwhile. Try again.", id=id))
    busy = next((status for status in codes if status == 429 or status >= 500), None)
    if busy:
        return HubError(message(_BUSY, status=str(busy), id=id))
    if kinds & {"RepositoryNotFoundError", "DatasetNotFoundError"} or set(codes) & {401, 403, 404}:
        return HubError(message("There is no {kind} {id} on the Hub, or it is private. Check the spelling.", kind=kind,
                               id=id))  # fmt: skip
    if kinds & {"JSONDecodeError", "FileMetadataError"}:
        return HubError(message(PORTAL))
    if any("Consistency check failed" in str(link) for link in links):
        return HubError(message("The download of {id} was damaged. Try again.", id=id))
    if kinds & _SILENT:
        return HubError(message(_BROKEN if started and "ConnectError" not in kinds else _DOWN, id=id))
    return HubError(message(
        "The {kind} {id} could not be loaded from the Hub ({why}). Try again, or choose another one.", kind=kind, id=id,
        why=reason(error)))  # fmt: skip
