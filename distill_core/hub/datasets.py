"""Data sets from the Hub, at a pinned version, or from the cache where the Hub can't be reached."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill_core import bounded
from distill_core.bounded import MB, Budget
from distill_core.environment import public_host, sweep_stale
from distill_core.errors import DataError, HubError
from distill_core.hub.client import ANSWER_TIMEOUT, check_open, hub_library, is_offline, parse_id
from distill_core.hub.errors import DATA_SET, OFFLINE, explain_error, explain_load_error, is_unreachable
from distill_core.messages import message

if TYPE_CHECKING:
    from datasets import Dataset

DATASET_BYTES, PUBLIC_DATASET_BYTES = 5_000_000_000, 500_000_000  # as they are on the Hub, and unpacked
UNPACKED_TIMES = 30  # as large as its files a data set may become, beside BASE_BYTES; text packs ten times at best
BASE_BYTES = 200 * MB
MAX_CARD_BYTES, MAX_CARD_VALUES = 1_000_000, 100_000  # of a card's head, its references followed
CARDS = ("README.md", ".huggingface.yaml")  # where datasets looks for what a data set's files are


def dataset_rows(id: str, subset: str | None = None) -> dict[str, "Dataset"]:
    """Splits of a data set by name, through `datasets.load_dataset` at a pinned version, from the cache after the first
    time. Data set scripts are never run, a folder of that name is never read. Raises HubError."""
    id = parse_id(id)
    info = _checked_info(id)
    files = _file_sizes(info)
    if subset is None and sum(files.values()) > dataset_bytes():
        raise HubError(message("{id} holds {size:,.1f} GB. Name one of its subsets, or choose a smaller data set.",
                              id=id, size=sum(files.values()) / 1e9))  # fmt: skip
    import datasets

    place = Path(datasets.config.HF_DATASETS_CACHE)
    place.mkdir(parents=True, exist_ok=True)
    sweep_stale(place, ".unpacked-*")
    with tempfile.TemporaryDirectory(prefix=".unpacked-", dir=place) as unpacked:
        try:
            prepared = bounded.call(
                _prepare, id, subset, info.sha if info else None, files, unpacked, name=id,
                budget=_budget(files if info else None))  # fmt: skip
        except DataError:  # ended by force
            for folder in _cache_folders(id, "*.incomplete"):
                shutil.rmtree(folder, ignore_errors=True)
            raise
    return {split: _opened(rows) for split, rows in prepared.items()}


def dataset_bytes() -> int:
    """Bytes that a data set may have here, as it is on the Hub, and unpacked."""
    return PUBLIC_DATASET_BYTES if public_host() else DATASET_BYTES


def _file_sizes(info: Any) -> dict[str, int]:
    """Size of each file of a data set."""
    return {file.rfilename: file.size or 0 for file in info.siblings or ()} if info else {}


def _budget(files: Mapping[str, int] | None) -> Budget:
    """Budget of preparing a data set of these files; None where the cache has it. Most of the time is the network's."""
    size = min(dataset_bytes(), sum(files.values())) if files is not None else dataset_bytes()
    return Budget(seconds=(1 if public_host() else 2) * (10 + size / MB), memory=min(500 * MB + 15 * size, 6_000 * MB),
                  disk=min(dataset_bytes(), BASE_BYTES + UNPACKED_TIMES * size),
                  wall=120 if public_host() else 14_400)  # fmt: skip


def _prepare(
    id: str, subset: str | None, commit: str | None, files: Mapping[str, int], unpacked: str
) -> "dict[str, list[str] | Dataset]":
    """Splits of a data set, as files of the cache that hold their rows, or as these where there is no such file.
    `unpacked`: a folder for the while. Raises HubError."""
    if commit:
        _local_files_only(id, commit, files)
    splits = _load(id, subset, commit, files=files, unpacked=unpacked)
    return {split: [file["filename"] for file in rows.cache_files] or rows for split, rows in splits.items()}


def _opened(rows: "list[str] | Dataset") -> "Dataset":
    import datasets

    if isinstance(rows, list):
        parts = [datasets.Dataset.from_file(file) for file in rows]
        return parts[0] if len(parts) == 1 else datasets.concatenate_datasets(parts)
    return rows


def stream_rows(id: str, subset: str | None = None) -> tuple[str, Iterator[Mapping[str, object]]]:
    """Version of a data set, and the rows of its split "train", or of its first one, as a stream of any length: they
    are read from the Hub as they are asked for, and nothing is stored. Where the Hub can't be reached, the rows that
    the cache has. Guarded as `dataset_rows`; the rows too raise HubError."""
    id = parse_id(id)
    info = _checked_info(id)
    if info is not None:
        files = _file_sizes(info)
        bounded.call(_local_files_only, id, info.sha, files, name=id, budget=_budget({}))
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
    return info


def _cached_rows(id: str) -> bool:
    """True where the cache of `datasets` has prepared rows of `id`."""
    return any(place.is_dir() and place.suffix != ".incomplete" for place in _cache_folders(id, "*"))


def _cache_folders(id: str, name: str) -> Iterator[Path]:
    """Folders of that name in which the cache of `datasets` has prepared rows of `id`, or begun to."""
    from datasets import config
    from datasets.naming import camelcase_to_snakecase

    owner, _, own = id.rpartition("/")
    folder = f"{owner}___" * bool(owner) + camelcase_to_snakecase(own)
    return Path(config.HF_DATASETS_CACHE).glob(f"{folder}/*/*/{name}")


def _local_files_only(id: str, commit: str, files: Mapping[str, int]) -> None:
    """Refuse a data set whose card sends the loader elsewhere, to other hosts or out of its own folder, or is made to
    keep it busy."""
    hub = hub_library()
    for card in CARDS:
        if card not in files:
            continue
        if files[card] > 2_000_000:
            raise HubError(message(
                "The card of {id} has {size:,.0f} MB, so it is not read. Choose another data set.", id=id,
                size=files[card] / MB))  # fmt: skip
        try:
            path = hub.hf_hub_download(id, card, repo_type="dataset", revision=commit, token=False)
            text = Path(path).read_text(encoding="utf-8", errors="replace")
        except Exception as error:
            raise explain_error(error, id, DATA_SET, started=True) from error
        if not _is_short(text):
            raise HubError(message(
                "The card of {id} is made to keep its readers busy: it holds too many values. Choose another data set.",
                id=id))  # fmt: skip
        for place in _places(text, card):
            if "://" in place or ".." in place or place.startswith(("/", "~")):
                raise HubError(message(
                    "{id} points to files outside itself ({files}), so it is refused. Choose another data set.", id=id,
                    files=repr(place[:80])))  # fmt: skip


def _is_short(text: str) -> bool:
    """Whether the YAML of a card stays short where each reference in it is replaced by what it names."""
    import yaml

    head = text.partition("\n---")[0]
    if len(head) > MAX_CARD_BYTES:
        return False
    anchors: dict[str, int] = {}  # the number of values that each stands for
    values, open_counts = 0, [0]
    names: list[str | None] = [None]
    try:
        for event in yaml.parse(head, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            if isinstance(event, yaml.AliasEvent):
                size = anchors.get(event.anchor, MAX_CARD_VALUES)  # one within itself has no end
            elif isinstance(event, yaml.CollectionStartEvent):
                open_counts.append(1)
                names.append(event.anchor)
                continue
            elif isinstance(event, yaml.CollectionEndEvent):
                size, anchor = open_counts.pop(), names.pop()
                if anchor:
                    anchors[anchor] = size
            elif isinstance(event, yaml.ScalarEvent):
                size = 1
                if event.anchor:
                    anchors[event.anchor] = size
            else:
                continue
            open_counts[-1] += size
            values = max(values, open_counts[-1])
            if values > MAX_CARD_VALUES:
                return False
    except (yaml.YAMLError, RecursionError):
        pass  # the loader reads the same card and says what is wrong with it
    return True


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
    id: str, subset: str | None, commit: str | None, streaming: bool = False, knob: str = "subset",
    files: Mapping[str, int] | None = None, unpacked: str | None = None,
) -> dict[str, "Dataset"]:  # fmt: skip
    """Splits by load_dataset, its errors as HubErrors. Without `commit` the Hub is down and the cache answers. `files`:
    their sizes; `unpacked`: a folder for what archives hold."""
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
        config = datasets.load_dataset_builder(**asked).config
        _check_size(id, config, files or {})
        empty = ONLY_EMPTY_CELLS if hasattr(config, "keep_default_na") else {}
        download = datasets.DownloadConfig(cache_dir=unpacked, token=False) if unpacked else None
        return dict(datasets.load_dataset(**asked, **empty, streaming=streaming, download_config=download))
    except HubError:
        raise
    except Exception as error:
        raise explain_load_error(error, id, subset, knob) from error
    finally:
        datasets.config.HF_HUB_OFFLINE = before


def _check_size(id: str, config: Any, files: Mapping[str, int]) -> None:
    """Raise HubError where the files of the chosen subset are too large."""
    chosen = {str(file) for split in (config.data_files or {}).values() for file in split}  # hf://…@commit/path
    size = sum(files.get(file.partition("@")[2].partition("/")[2], 0) for file in chosen)
    if size > dataset_bytes():
        raise HubError(message("This subset of {id} holds {size:,.1f} GB; at most {most:,.1f} are read. Choose a "
                               "smaller one.", id=id, size=size / 1e9, most=dataset_bytes() / 1e9))  # fmt: skip
