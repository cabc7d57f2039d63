"""Models from the Hugging Face Hub by id, each step guarded.

Every id is checked by pattern and looked up with a short time-out before anything is downloaded. Then a pinned version
is fetched, only the files that are needed, and all of them are compared with their checksums whenever they are read:
plain HTTP checks sizes alone, disks nothing, and a flipped bit loads without an error. A cached model works without the
Hub. Every failure is one sentence.
Knows nothing of the use of models. Importing it costs nothing: the libraries load at first use.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from distill_core.environment import public_host
from distill_core.errors import HubError
from distill_core.hub.client import ANSWER_TIMEOUT, COMMIT, check_open, hub_library, is_id, is_offline, parse_id
from distill_core.hub.errors import MODEL, OFFLINE, explain_error, is_unreachable
from distill_core.messages import message

# Whose models a public host loads: a model from anywhere may have been made to keep the machine busy for good.
PUBLISHERS = (
    "google-bert/*", "google/*", "distilbert/*", "FacebookAI/*", "facebook/*", "sentence-transformers/*", "microsoft/*",
    "nreimers/*", "huawei-noah/*", "answerdotai/*", "HuggingFaceTB/*", "albert/*", "bert-base-uncased",
    "bert-base-cased", "bert-large-uncased", "bert-base-multilingual-cased", "distilbert-base-uncased", "roberta-base",
)  # fmt: skip
MODEL_BYTES = 4_000_000_000
MODULES = "modules.json"  # of a sentence-transformers model
CONFIGS = (
    "config.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", MODULES,
)  # fmt: skip
TOKENIZERS = (
    "tokenizer.json", "vocab.txt", "vocab.json", "merges.txt", "bpe.codes", "dict.txt", "spiece.model", "spm.model",
    "sentencepiece.bpe.model", "tokenizer.model",
)  # fmt: skip
WEIGHTS = {".safetensors": "model", ".bin": "pytorch_model"}
SHA256, GIT = 64, 40  # letters of the names that the cache gives to large and to small files: their checksums


def model_folder(id: str, allow_pickle: bool = False) -> Path:
    """Folder with the model's config, tokenizer and weights, downloaded where it isn't cached.

    `allow_pickle` allows weights that exist only as .bin; on a public host it is ignored.
    Raises HubError, on a public host also for a model that is not offered."""
    id = parse_id(id)
    if not is_offered(id):
        raise HubError(message(
            "{id} is none of the models that this public host loads. Choose one that the page offers, or run Stillroom "
            "on your own machine.", id=id))  # fmt: skip
    public = public_host()
    pickles = allow_pickle and not public
    hub = hub_library()
    try:
        info = (
            None if is_offline() else hub.HfApi(token=False).model_info(id, timeout=ANSWER_TIMEOUT, files_metadata=True)
        )
    except Exception as error:
        folder = _cached(id, "model", pickles) if is_unreachable(error) else None
        if folder is None:
            raise explain_error(error, id, MODEL) from error
        return _verified(folder, id, {})
    if info is None:
        folder = _cached(id, "model", pickles)
        if folder is None:
            raise HubError(message(OFFLINE, id=id))
        return _verified(folder, id, {})
    check_open(info, id)
    files = _files_to_fetch(info, id, pickles, public)
    try:
        folder = hub.snapshot_download(id, revision=info.sha, allow_patterns=files, token=False, max_workers=2)
    except Exception as error:
        raise explain_error(error, id, MODEL, started=True) from error
    return _verified(Path(folder), id, _digests(info))


def is_offered(id: str) -> bool:
    """Whether this host loads the model: any on one's own machine; on a public one those of PUBLISHERS, or those that
    STILLROOM_MODELS names instead, by commas, in which * stands for any letters.

    Args:
        id: A model's id on the Hub.

    Example:
        >>> core.is_offered("google-bert/bert-base-uncased")
        True
    """
    named = [name.strip() for name in os.environ.get("STILLROOM_MODELS", "").split(",") if name.strip()]
    return not public_host() or any(
        name == "*" or (fnmatchcase(id, name) and id.count("/") == name.count("/")) for name in named or PUBLISHERS
    )


def on_this_machine(id: str, allow_pickle: bool = False) -> bool:
    """True where the cache has the complete model `id`."""
    return is_id(id) and _cached(id, "model", allow_pickle) is not None


def _files_to_fetch(info: Any, id: str, pickles: bool, public: bool) -> list[str]:
    """Names of the files to fetch: at the top of the repository, or in the folder of an older sentence-transformers
    model's encoder. Raises HubError where it is no model."""
    every = {file.rfilename: file.size or 0 for file in info.siblings or ()}
    inside = _encoder_folder(every)
    sizes = {name.removeprefix(inside): size for name, size in every.items() if name.startswith(inside)}
    if "adapter_config.json" in sizes:
        raise HubError(message(
            "{id} holds an adapter ({file}), and its answers need the model beneath it too. Merge both first (in peft: "
            "merge_and_unload) and give that folder, or choose another model.", id=id,
            file="adapter_config.json"))  # fmt: skip
    if "config.json" not in sizes:
        raise HubError(message(
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
            raise HubError(message(
                "{id} has weights only as .bin, which a public host never reads. Choose another model.",
                id=id))  # fmt: skip
        raise HubError(message("{id} has weights only as .bin, a format that can carry code. Choose another model, or "
                              "consent with {knob:knob} (they are read as data).", id=id,
                              knob="allow_pickle"))  # fmt: skip
    if not weights:
        raise HubError(message("{id} has no weights in safetensors. Choose another model.", id=id))
    size = sum(sizes[name] for name in weights)
    if size > MODEL_BYTES:
        raise HubError(message("{id} has {size:,.1f} GB of weights; at most {most:.0f} are read. Choose a smaller one.",
                              id=id, size=size / 1e9, most=MODEL_BYTES / 1e9))  # fmt: skip
    names = [inside + name for name in (*CONFIGS, *TOKENIZERS) if name in sizes]
    return [*([MODULES] if inside else []), *names, *(inside + name for name in weights)]


def _encoder_folder(names: Iterable[str]) -> str:
    """Where the config is: "" at the top, else the name of the first folder with one, a slash at its end, beside a list
    of the modules that make up a sentence-transformers model. Its first module is the encoder (0_Transformer)."""
    names = set(names)
    folders = sorted(name.removesuffix("config.json") for name in names if re.fullmatch(r"[^/]+/config\.json", name))
    return folders[0] if "config.json" not in names and MODULES in names and folders else ""


def _digests(info: Any) -> dict[str, str]:
    return {file.rfilename: file.lfs.sha256 for file in info.siblings or () if file.lfs is not None}


def _verified(folder: Path, id: str, digests: dict[str, str]) -> Path:
    """The `folder`, after its files were compared with their checksums: by the Hub's list, else by the cache's own file
    names. A damaged file is deleted, so that the next try downloads it anew. Raises HubError."""
    for path in [*folder.iterdir(), *folder.glob("*/*")]:
        if path.is_dir():
            continue
        stored = path.resolve()
        if _is_damaged(stored, digests.get(path.relative_to(folder).as_posix()) or stored.name):
            path.unlink()
            stored.unlink(missing_ok=True)
            raise HubError(message("The download of {id} was damaged ({file} has the wrong checksum) and is deleted. "
                                  "Try again.", id=id, file=path.name))  # fmt: skip
    return folder


def _is_damaged(file: Path, checksum: str) -> bool:
    """Whether a file of the cache is not there any more, or has another checksum; one that is none says nothing."""
    if not file.is_file():
        return True
    if len(checksum) not in (SHA256, GIT) or not re.fullmatch("[0-9a-f]+", checksum):
        return False
    total = hashlib.sha256() if len(checksum) == SHA256 else hashlib.sha1(b"blob %d\0" % file.stat().st_size)
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, lambda: total).hexdigest() != checksum


def _cached(id: str, kind: str, pickles: bool) -> Path | None:
    """Newest complete snapshot in the cache, the one of `main` first; None where there is none."""
    # snapshot_download(local_files_only=True) knows only what a ref names, and a download by commit writes none; nor
    # does it say whether the weights are all there.
    from huggingface_hub import constants

    root = Path(constants.HF_HUB_CACHE) / f"{kind}s--{id.replace('/', '--')}"
    snapshots = [path for path in (root / "snapshots").glob("*") if COMMIT.fullmatch(path.name)]
    main = root / "refs" / "main"
    first = main.read_text().strip() if main.is_file() else ""
    snapshots.sort(key=lambda path: (path.name != first, -path.stat().st_mtime))
    return next((path for path in snapshots if _complete(path, pickles)), None)


def _complete(folder: Path, pickles: bool) -> bool:
    """True where the folder has the config and all weights."""
    folder /= _encoder_folder(path.relative_to(folder).as_posix() for path in [*folder.glob("*"), *folder.glob("*/*")])
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
