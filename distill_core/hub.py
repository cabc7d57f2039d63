"""Everything that talks to the Hugging Face Hub: models and data sets by id, each step guarded.

Every id is checked by pattern and asked for with a short time-out before anything is downloaded. Then a pinned version
is fetched, only the files that are needed, and weights are compared with their sha256: plain HTTP checks sizes alone,
and a flipped bit loads without an error. What is cached works without the Hub. Every failure is one sentence.
Knows nothing of what models and rows are used for. Importing it costs nothing: the libraries load at first use.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill_core.errors import HubError
from distill_core.host import public_host
from distill_core.hub_errors import (
    DATA_SET,
    DISABLED,
    GATED,
    MODEL,
    OFFLINE,
    PORTAL,
    explained,
    unloadable,
    unreachable,
)  # fmt: skip
from distill_core.sentences import worded
from distill_core.table import Table, as_cell

if TYPE_CHECKING:
    from datasets import Dataset

ANSWER = 5.0  # seconds for the first answer of the Hub
SILENCE = 5.0  # seconds without a byte, later on; with the libraries' seven tries a hang ends within a minute
MODEL_BYTES = 4_000_000_000
DATASET_BYTES = 5_000_000_000
ROWS = 2_000_000  # of one split

DEFAULTS = {
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",  # else a visitor who types an id reads the owner's private repositories
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "HF_UPDATE_DOWNLOAD_COUNTS": "0",  # else every load_dataset calls another host
    "HF_HUB_ETAG_TIMEOUT": "4",
    "HF_HUB_DOWNLOAD_TIMEOUT": "10",
    "DISABLE_SAFETENSORS_CONVERSION": "1",  # else a background thread writes to a conversion bot
    "GRADIO_ANALYTICS_ENABLED": "False",
}

CONFIGS = ("config.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")
TOKENIZERS = (
    "tokenizer.json", "vocab.txt", "vocab.json", "merges.txt", "bpe.codes", "dict.txt", "spiece.model", "spm.model",
    "sentencepiece.bpe.model", "tokenizer.model",
)  # fmt: skip
WEIGHTS = {".safetensors": "model", ".bin": "pytorch_model"}

PART = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?")
ADDRESS = re.compile(r"^https?://(?:www\.)?(?:huggingface\.co|hf\.co)/(?:datasets/|models/)?", re.IGNORECASE)
COMMIT = re.compile(r"[0-9a-f]{40}")
SHA256 = re.compile(r"[0-9a-f]{64}")


def environment() -> None:
    """Set what the Hub's libraries read when they are imported; what the person has set stays. Call it first."""
    for name, default in DEFAULTS.items():
        os.environ.setdefault(name, default)


def is_id(text: str) -> bool:
    """Whether `text` could be the id of a model or data set on the Hub."""
    try:
        parse_id(text)
    except HubError:
        return False
    return True


def parse_id(text: str) -> str:
    """The id in `text`: owner/name, a bare name of the early days, or a pasted address. Raises HubError."""
    found = ADDRESS.sub("", str(text).strip())
    if found != str(text).strip():
        found = "/".join(re.split(r"[?#]", found)[0].strip("/").split("/")[:2])
    parts = found.split("/")
    bad = len(parts) > 2 or len(found) > 193 or ".." in found or "--" in found
    if bad or not all(PART.fullmatch(part) for part in parts):
        raise HubError(worded("{id} is not an id on the Hub. Write it as owner/name, or paste its address.",
                              id=repr(str(text)[:100])))  # fmt: skip
    return found


def model_folder(id: str, allow_pickle: bool = False) -> Path:
    """The folder with the model's config, tokenizer and weights, downloaded where it isn't cached.

    `allow_pickle` consents to weights that exist only as .bin; on a public host (SPACE_ID is set) it is ignored.
    Raises HubError."""
    id = parse_id(id)
    public = public_host()
    pickles = allow_pickle and not public
    hub = _library()
    try:
        info = None if _offline() else hub.HfApi(token=False).model_info(id, timeout=ANSWER, files_metadata=True)
    except Exception as error:
        folder = _cached(id, "model", pickles) if unreachable(error) else None
        if folder is None:
            raise explained(error, id, MODEL) from error
        return _verified(folder, id, {})
    if info is None:
        folder = _cached(id, "model", pickles)
        if folder is None:
            raise HubError(worded(OFFLINE, id=id))
        return _verified(folder, id, {})
    _open(info, id)
    files = _wanted(info, id, pickles, public)
    try:
        folder = hub.snapshot_download(id, revision=info.sha, allow_patterns=files, token=False, max_workers=2)
    except Exception as error:
        raise explained(error, id, MODEL, started=True) from error
    return _verified(Path(folder), id, _digests(info))


def on_this_machine(id: str, allow_pickle: bool = False) -> bool:
    """Whether the model `id` was downloaded before, whole."""
    return is_id(id) and _cached(id, "model", allow_pickle) is not None


def dataset_rows(id: str, subset: str | None = None) -> dict[str, "Dataset"]:
    """Every split of a data set by its name, through `datasets.load_dataset` at a pinned version, cached where it was
    loaded before. Data set scripts are never run, a folder of that name is never read. Raises HubError."""
    id = parse_id(id)
    hub = _library()
    info = None
    if not _offline():
        try:
            info = hub.HfApi(token=False).dataset_info(id, timeout=ANSWER, files_metadata=True)
        except Exception as error:
            if not unreachable(error) or not _cached_rows(id):
                raise explained(error, id, DATA_SET) from error
    elif not _cached_rows(id):
        raise HubError(worded(OFFLINE, id=id))
    if info is not None:
        _open(info, id)
        size = sum(file.size or 0 for file in info.siblings or ())
        if size > DATASET_BYTES and subset is None:
            raise HubError(worded("{id} holds {size:,.0f} GB. Name one of its subsets, or choose a smaller data set.",
                                  id=id, size=size / 1e9))  # fmt: skip
        _local_files_only(hub, info, id)
    return _loaded(id, subset, info.sha if info else None)


def as_table(dataset: "Dataset", name: str, classes: dict[str, Sequence[str]] | None = None) -> Table:
    """A split as a Table named `name`. Class numbers become words: by the data set's own ClassLabel, or by `classes`
    (column: words). Class -1 means that there is none."""
    from datasets import ClassLabel, Value

    if len(dataset) > ROWS:
        raise HubError(worded("{name} has {n:,} rows; at most {most:,} are read. Choose a smaller data set.", name=name,
                              n=len(dataset), most=ROWS))  # fmt: skip
    columns: dict[str, list[str | None]] = {}
    for column, feature in dataset.features.items():
        words = (classes or {}).get(column) or (feature.names if isinstance(feature, ClassLabel) else None)
        if words is not None:
            columns[column] = [_word(number, words) for number in dataset[column][:]]
        elif isinstance(feature, Value) and feature.dtype not in ("binary", "large_binary"):
            columns[column] = [as_cell(cell) for cell in dataset[column][:]]
    if not columns:
        raise HubError(worded("No column of {name} holds texts or numbers. Choose another data set.", name=name))
    rows = list(zip(*columns.values(), strict=True))
    left_out = tuple(column for column in dataset.features if column not in columns)
    return Table(name, tuple(columns), rows, list(range(1, len(rows) + 1)), left_out)


def _word(number: Any, words: Sequence[str]) -> str | None:
    if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < len(words):
        return words[number]
    return None if number in (None, -1) else str(number)


def _library() -> Any:
    """huggingface_hub, with a ceiling on how long any request may be silent: some calls inside pass timeout=None by
    hand, so no setting reaches them."""
    environment()
    import huggingface_hub

    hooks = huggingface_hub.get_session().event_hooks
    if _ceiling not in hooks["request"]:
        huggingface_hub.get_session().event_hooks = {**hooks, "request": [*hooks["request"], _ceiling]}
    return huggingface_hub


def _ceiling(request: Any) -> None:
    asked = request.extensions.get("timeout") or {}
    request.extensions["timeout"] = {
        kind: min(SILENCE, asked.get(kind) or SILENCE) for kind in ("connect", "read", "write", "pool")
    }


def _offline() -> bool:
    from huggingface_hub import constants

    asked = (os.environ.get(name, "") for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"))
    return constants.HF_HUB_OFFLINE or any(answer.upper() in ("1", "ON", "YES", "TRUE") for answer in asked)


def _open(info: Any, id: str) -> None:
    """Refuse what can't be downloaded by anyone."""
    if info.gated:
        raise HubError(worded(GATED, id=id))
    if info.disabled:
        raise HubError(worded(DISABLED, id=id))
    if not COMMIT.fullmatch(info.sha or ""):
        raise HubError(worded(PORTAL))


def _wanted(info: Any, id: str, pickles: bool, public: bool) -> list[str]:
    """The names of the files to fetch, all at the top of the repository. Raises HubError where it is no model."""
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or ()}
    if "config.json" not in sizes:
        raise HubError(worded(
            "{id} has no config.json, so it is not a model for this app. Choose another model.", id=id))  # fmt: skip
    weights: list[str] = []
    for ending, stem in WEIGHTS.items():
        if ending == ".bin" and not pickles:
            continue
        shards = [name for name in sizes if re.fullmatch(rf"{stem}-\d+-of-\d+{re.escape(ending)}", name)]
        if f"{stem}{ending}" in sizes:
            weights = [f"{stem}{ending}"]
        elif f"{stem}{ending}.index.json" in sizes and shards:
            weights = [f"{stem}{ending}.index.json", *shards]
        if weights:
            break
    if not weights and any(name.endswith(".bin") and "/" not in name for name in sizes):
        if public:
            raise HubError(worded(
                "{id} has weights only as .bin, which a public host never reads. Choose another model.",
                id=id))  # fmt: skip
        raise HubError(worded("{id} has weights only as .bin, a format that can carry code. Choose another model, or "
                              "consent with {knob:knob} (they are read as data).", id=id,
                              knob="allow_pickle"))  # fmt: skip
    if not weights and "adapter_config.json" in sizes:
        raise HubError(worded(
            "{id} has no weights in safetensors. It holds an adapter for another model. Choose another model.",
            id=id))  # fmt: skip
    if not weights:
        raise HubError(worded("{id} has no weights in safetensors. Choose another model.", id=id))
    size = sum(sizes[name] for name in weights)
    if size > MODEL_BYTES:
        raise HubError(worded("{id} has {size:,.1f} GB of weights; at most {most:.0f} are read. Choose a smaller one.",
                              id=id, size=size / 1e9, most=MODEL_BYTES / 1e9))  # fmt: skip
    return [*(name for name in (*CONFIGS, *TOKENIZERS) if name in sizes), *weights]


def _digests(info: Any) -> dict[str, str]:
    return {file.rfilename: file.lfs.sha256 for file in info.siblings or () if file.lfs is not None}


def _verified(folder: Path, id: str, digests: dict[str, str]) -> Path:
    """`folder`, its weights compared with their sha256: as the Hub says, else as the cache's own name for the file. A
    damaged file is deleted, so that the next try downloads it anew."""
    for path in folder.iterdir():
        if path.suffix not in WEIGHTS:
            continue
        stored = path.resolve()
        wanted = digests.get(path.name) or (stored.name if SHA256.fullmatch(stored.name) else None)
        if wanted is None:
            continue
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != wanted:
            path.unlink()
            stored.unlink(missing_ok=True)
            raise HubError(worded("The download of {id} was damaged ({file} has the wrong sha256) and is deleted. Try "
                                  "again.", id=id, file=path.name))  # fmt: skip
    return folder


def _cached(id: str, kind: str, pickles: bool) -> Path | None:
    """The newest complete snapshot in the cache, the one of `main` first."""
    from huggingface_hub import constants

    root = Path(constants.HF_HUB_CACHE) / f"{kind}s--{id.replace('/', '--')}"
    snapshots = [path for path in (root / "snapshots").glob("*") if COMMIT.fullmatch(path.name)]
    main = root / "refs" / "main"
    first = main.read_text().strip() if main.is_file() else ""
    snapshots.sort(key=lambda path: (path.name != first, -path.stat().st_mtime))
    return next((path for path in snapshots if _complete(path, pickles)), None)


def _complete(folder: Path, pickles: bool) -> bool:
    """Whether config and all weights are there."""
    if not (folder / "config.json").is_file():
        return False
    for ending, stem in WEIGHTS.items():
        if ending == ".bin" and not pickles:
            continue
        if (folder / f"{stem}{ending}").is_file():
            return True
        try:
            shards = set(json.loads((folder / f"{stem}{ending}.index.json").read_text())["weight_map"].values())
        except (OSError, ValueError, KeyError, AttributeError, TypeError):
            continue
        if shards and all(isinstance(shard, str) and (folder / Path(shard).name).is_file() for shard in shards):
            return True
    return False


def _cached_rows(id: str) -> bool:
    """Whether datasets keeps prepared rows of `id`."""
    from datasets import config

    owner, _, name = id.rpartition("/")
    snake = re.sub(r"([a-z\d])([A-Z])", r"\1_\2", re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)).lower()
    return any(Path(config.HF_DATASETS_CACHE).glob(f"{f'{owner}___' if owner else ''}{snake}/*/*/*"))


def _local_files_only(hub: Any, info: Any, id: str) -> None:
    """Refuse a data set whose card sends the loader elsewhere: to other hosts, or out of its own folder."""
    card = next((file for file in info.siblings or () if file.rfilename == "README.md"), None)
    if card is None:
        return
    if (card.size or 0) > 2_000_000:
        raise HubError(worded("The card of {id} has {size:,.0f} MB, so it is not read. Choose another data set.", id=id,
                              size=card.size / 1e6))  # fmt: skip
    try:
        path = hub.hf_hub_download(id, "README.md", repo_type="dataset", revision=info.sha, token=False)
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except Exception as error:
        raise explained(error, id, DATA_SET, started=True) from error
    if not text.startswith("---"):
        return
    import yaml

    try:
        head = yaml.safe_load(text.split("---", 2)[1])
    except (yaml.YAMLError, RecursionError, ValueError):
        return  # the loader reads the same card and says what is wrong with it
    configs = head.get("configs") if isinstance(head, dict) else None
    for files in _strings([config.get("data_files") for config in configs or () if isinstance(config, dict)]):
        if "://" in files or ".." in files or files.startswith(("/", "~")):
            raise HubError(worded(
                "{id} points to files outside itself ({files}), so it is refused. Choose another data set.", id=id,
                files=repr(files[:80])))  # fmt: skip


def _strings(tree: Any, depth: int = 0) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict | list) and depth < 6:
        for branch in tree.values() if isinstance(tree, dict) else tree:
            yield from _strings(branch, depth + 1)


def _loaded(id: str, subset: str | None, commit: str | None) -> dict[str, "Dataset"]:
    """load_dataset, with its errors told in words. Without `commit` the Hub is down and the cache answers."""
    import datasets

    datasets.disable_progress_bars()
    datasets.logging.set_verbosity_error()
    before = datasets.config.HF_HUB_OFFLINE
    try:
        if commit is None:  # else each request is tried for 23 s before the cache is asked
            datasets.config.HF_HUB_OFFLINE = True
        # The prefix keeps load_dataset from reading a folder of this name.
        found = datasets.load_dataset(f"hf://datasets/{id}", subset, revision=commit, token=False)
    except Exception as error:
        raise unloadable(error, id, subset) from error
    finally:
        datasets.config.HF_HUB_OFFLINE = before
    return dict(found)
