"""Data sets from the Hub, at a pinned version, or from the cache where the Hub can't be reached."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill_core.errors import HubError
from distill_core.hub.client import ANSWER_TIMEOUT, check_open, hub_library, is_offline, parse_id
from distill_core.hub.errors import DATA_SET, OFFLINE, explain_error, explain_load_error, is_unreachable
from distill_core.messages import message

if TYPE_CHECKING:
    from datasets import Dataset

DATASET_BYTES = 5_000_000_000
CARDS = ("README.md", ".huggingface.yaml")  # where datasets looks for what a data set's files are


def dataset_rows(id: str, subset: str | None = None) -> dict[str, "Dataset"]:
    """Splits of a data set by name, through `datasets.load_dataset` at a pinned version, from the cache after the first
    time. Data set scripts are never run, a folder of that name is never read. Raises HubError."""
    id = parse_id(id)
    info = _checked_info(id)
    if info is not None:
        size = sum(file.size or 0 for file in info.siblings or ())
        if size > DATASET_BYTES and subset is None:
            raise HubError(message("{id} holds {size:,.0f} GB. Name one of its subsets, or choose a smaller data set.",
                                  id=id, size=size / 1e9))  # fmt: skip
    return _load(id, subset, info.sha if info else None)


def stream_rows(id: str, subset: str | None = None) -> tuple[str, Iterator[Mapping[str, object]]]:
    """Version of a data set, and the rows of its split "train", or of its first one, as a stream of any length: they
    are read from the Hub as they are asked for, and nothing is stored. Where the Hub can't be reached, the rows that
    the cache has. Guarded as `dataset_rows`; the rows too raise HubError."""
    id = parse_id(id)
    info = _checked_info(id)
    splits = _load(id, subset, info.sha if info else None, streaming=info is not None, knob="bank")
    split = splits["train"] if "train" in splits else next(iter(splits.values()))

    def rows() -> Iterator[Mapping[str, object]]:
        read = 0
        try:
            for row in split:
                read += sum(len(value) for value in row.values() if isinstance(value, str | bytes))
                if read > DATASET_BYTES:
                    raise HubError(message("{id} has more than {size:,.0f} GB of text to read. Choose a smaller text "
                                           "bank, or look at fewer of its texts ({knob:knob}).", id=id,
                                           size=DATASET_BYTES / 1e9, knob="bank_lines"))  # fmt: skip
                yield row
        except HubError:
            raise
        except Exception as error:
            raise explain_load_error(error, id, subset, "bank") from error

    return (info.sha if info else "cached"), rows()


def _checked_info(id: str) -> Any:
    """What the Hub says of the data set, which is open and has all of its files in itself; None where the cache has its
    rows and the Hub can't be reached. Raises HubError."""
    hub = hub_library()
    info = None
    if not is_offline():
        try:
            info = hub.HfApi(token=False).dataset_info(id, timeout=ANSWER_TIMEOUT, files_metadata=True)
        except Exception as error:
            if not is_unreachable(error) or not _cached_rows(id):
                raise explain_error(error, id, DATA_SET) from error
    elif not _cached_rows(id):
        raise HubError(message(OFFLINE, id=id))
    if info is not None:
        check_open(info, id)
        _local_files_only(hub, info, id)
    return info


def _cached_rows(id: str) -> bool:
    """True where the cache of `datasets` has prepared rows of `id`."""
    from datasets import config
    from datasets.naming import camelcase_to_snakecase

    owner, _, name = id.rpartition("/")
    folder = f"{owner}___" * bool(owner) + camelcase_to_snakecase(name)
    return any(Path(config.HF_DATASETS_CACHE).glob(f"{folder}/*/*/*"))


def _local_files_only(hub: Any, info: Any, id: str) -> None:
    """Refuse a data set whose card sends the loader elsewhere: to other hosts, or out of its own folder."""
    for file in info.siblings or ():
        if file.rfilename not in CARDS:
            continue
        if (file.size or 0) > 2_000_000:
            raise HubError(
                message(
                    "The card of {id} has {size:,.0f} MB, so it is not read. Choose another data set.",
                    id=id,
                    size=file.size / 1e6,
                )
            )
        try:
            path = hub.hf_hub_download(id, file.rfilename, repo_type="dataset", revision=info.sha, token=False)
            text = Path(path).read_text(encoding="utf-8", errors="replace")
        except Exception as error:
            raise explain_error(error, id, DATA_SET, started=True) from error
        for place in _places(text, file.rfilename):
            if "://" in place or ".." in place or place.startswith(("/", "~")):
                raise HubError(message(
                    "{id} points to files outside itself ({files}), so it is refused. Choose another data set.", id=id,
                    files=repr(place[:80])))  # fmt: skip


def _places(text: str, name: str) -> Iterator[str]:
    """The files and folders that a card names as its rows', cut and parsed as the loader does it: what another reading
    would pass over, the loader would follow."""
    import yaml
    from huggingface_hub import DatasetCard

    try:
        if name == "README.md":
            configs = DatasetCard(text).data.get("configs")
        else:
            head = yaml.safe_load(text)
            configs = head.get("configs") if isinstance(head, dict) else None
    except (yaml.YAMLError, RecursionError, ValueError, TypeError):
        return  # the loader reads the same card and says what is wrong with it
    for config in configs if isinstance(configs, list) else ():
        if isinstance(config, dict):
            yield from _strings([config.get("data_files"), config.get("data_dir")])


def _strings(tree: Any, depth: int = 0) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict | list) and depth < 6:
        for branch in tree.values() if isinstance(tree, dict) else tree:
            yield from _strings(branch, depth + 1)


# pandas takes None, NA, null and a dozen more for an empty cell of a CSV; here they may be a class, and only an empty
# cell is empty, as in a file of one's own
ONLY_EMPTY_CELLS = {"keep_default_na": False, "na_values": [""]}


def _load(
    id: str, subset: str | None, commit: str | None, streaming: bool = False, knob: str = "subset"
) -> dict[str, "Dataset"]:
    """Splits by load_dataset, its errors as HubErrors. Without `commit` the Hub is down and the cache answers."""
    import datasets

    datasets.disable_progress_bars()
    datasets.logging.set_verbosity_error()
    before = datasets.config.HF_HUB_OFFLINE
    # The prefix keeps load_dataset from reading a folder of this name.
    asked = {"path": f"hf://datasets/{id}", "name": subset, "revision": commit, "token": False}
    try:
        if commit is None:  # else each request is tried for 23 s before the cache answers
            datasets.config.HF_HUB_OFFLINE = True
            with suppress(Exception):  # it is no CSV, or was cached by an earlier version
                return dict(datasets.load_dataset(**asked, **ONLY_EMPTY_CELLS))
            return dict(datasets.load_dataset(**asked))
        is_csv = hasattr(datasets.load_dataset_builder(**asked).config, "keep_default_na")
        empty = ONLY_EMPTY_CELLS if is_csv else {}
        return dict(datasets.load_dataset(**asked, **empty, streaming=streaming))
    except Exception as error:
        raise explain_load_error(error, id, subset, knob) from error
    finally:
        datasets.config.HF_HUB_OFFLINE = before
