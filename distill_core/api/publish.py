"""Models of runs on the Hub: pushed by whoever owns the machine, with their own token, and loaded back by id."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill_core.api import inference
from distill_core.api.session import ExportedRow, temporary_folder
from distill_core.environment import public_host
from distill_core.errors import HubError, UserError
from distill_core.hub.client import hub_library, is_offline, parse_id
from distill_core.hub.errors import MODEL, OFFLINE, explain_error, statuses
from distill_core.messages import message

if TYPE_CHECKING:
    from distill_core.evaluation.baseline_runtime import Predictor as BaselinePredictor
    from distill_core.student.predictor import Predictor

READ = ("*.json", "*.safetensors", "*.onnx", "*.npz")  # of a pushed folder: its programs are never run
MOST_BYTES = 2_000_000_000
Files = Sequence[tuple[str, int]]  # names and bytes


def push(
    run: str, id: str, row: ExportedRow = "student", *, public: bool = False,
    confirm: Callable[[Files], bool] = lambda files: True,
) -> str:  # fmt: skip
    """Push the exported folder of a run's model to a new repository on the Hub, with the token of whoever is logged in
    on this machine.

    Args:
        run: The run's id.
        id: The repository, as owner/name.
        row: "student", "control", or "floor" for the simple baseline (TF-IDF).
        public: Whether everybody may see it. Else nobody but you, and whom you let in on the Hub.
        confirm: Is asked first, with the names and bytes of the files; where it says no, nothing is sent.

    Returns:
        The repository's address; "" where `confirm` said no.

    Raises:
        HubError: Nobody is logged in, or may not write there; there is such a repository already; no connection.
        UserError: The run has no such model; this is a public host.

    Example:
        >>> core.push(run.id, "owner/my-student", confirm=lambda files: False)
        Traceback (most recent call last):
        distill_core.errors.HubError: Nobody is logged in to the Hub here. ...
    """
    if public_host():
        raise UserError(
            message("On a public host nothing is pushed to the Hub. Download the model, and push it at home.")
        )
    id = parse_id(id)
    if "/" not in id:
        raise HubError(message("{id} does not say whose it shall be. Write it as owner/name.", id=repr(id)))
    library = hub_library()
    token = library.get_token()
    if not token:
        raise HubError(message(
            "Nobody is logged in to the Hub here. Log in with `hf auth login` and a token that may write, or set "
            "HF_TOKEN."))  # fmt: skip
    if is_offline():
        raise HubError(message(OFFLINE, id=id))
    with temporary_folder() as place:
        folder = inference.export(run, place / "model", row)
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        if not confirm([(file.relative_to(folder).as_posix(), file.stat().st_size) for file in files]):
            return ""
        client = library.HfApi(token=token)
        try:
            address = str(client.create_repo(id, private=not public))
            client.upload_folder(repo_id=id, folder_path=folder)
        except Exception as error:
            raise _explain(error, id) from error
    return address


def load_pushed(id: str) -> "Predictor | BaselinePredictor":
    """Load a model that `push` put on the Hub. Its weights and settings alone are read, and none of its programs run.

    Args:
        id: The repository, as owner/name. A private one is read with the token of whoever is logged in here.

    Returns:
        A callable from texts (pairs as tuples) to one Prediction each.

    Raises:
        HubError: There is no such model for you, no connection, or it is too large.
        DataError: It is none of Stillroom's, or damaged.
        UserError: This is a public host.

    Example:
        >>> core.load_pushed("not an id")
        Traceback (most recent call last):
        distill_core.errors.HubError: 'not an id' is not an id on the Hub. Write it as owner/name, or paste its address.
    """
    from distill_core.evaluation import baseline_export, baseline_runtime
    from distill_core.student import persistence

    if public_host():
        raise UserError(message("On a public host no model is read with the owner's token. Import a packed run."))
    id = parse_id(id)
    library = hub_library()
    token: Any = library.get_token() or False
    try:
        info = library.HfApi(token=token).model_info(id, files_metadata=True)
        size = sum(one.size or 0 for one in info.siblings or ())
        if size > MOST_BYTES:
            raise HubError(message("{id} has {size:,.0f} MB, and {most:,.0f} are the most. Choose another.", id=id,
                                  size=size / 1e6, most=MOST_BYTES / 1e6))  # fmt: skip
        place = library.snapshot_download(id, revision=info.sha, allow_patterns=list(READ), token=token)
    except Exception as error:
        raise explain_error(error, id, MODEL) from error
    folder = Path(place)
    if (folder / baseline_runtime.SETTINGS).is_file():
        return baseline_export.load(folder)
    return persistence.load(folder)


def _explain(error: Exception, id: str) -> HubError:
    """What a refused push comes from."""
    found = set(statuses(error))
    if 409 in found:
        return HubError(message(
            "There is a model {id} on the Hub already. Give another name, or delete it there first.", id=id,
        ))  # fmt: skip
    if found & {401, 403, 404}:
        return HubError(message(
            "The Hub does not let you write to {id} ({status}). Check the owner's name, and log in with a token that "
            "may write: `hf auth login`.", id=id, status=str(min(found & {401, 403, 404}))))  # fmt: skip
    return explain_error(error, id, MODEL)
