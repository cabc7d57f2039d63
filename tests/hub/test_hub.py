"""The Hub's real loading code against a small fake Hub: what is fetched, what is refused, and in which words."""

import gzip
import io
import itertools
import json
import multiprocessing
import os
import random
import shutil
import socket
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import datasets as datasets_library
import pytest
from broken import BREAKS, break_file
from fake_hub import COMMIT, FakeHub
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id

from distill_core import bounded
from distill_core.data import hub_datasets
from distill_core.environment import STALE_SECONDS
from distill_core.errors import DataError, HubError
from distill_core.hub import client, datasets, models
from distill_core.teacher import folders

_ids = (f"someone/thing-{number}" for number in itertools.count())
CSV = b"text,label\na fine film,good\na dull film,bad\n"


@pytest.fixture
def id() -> str:
    """An id that no other test has left in the cache."""
    return next(_ids)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of those that this thread would have made between tries."""
    made: list[float] = []
    here, sleep = threading.get_ident(), time.sleep
    monkeypatch.setattr(time, "sleep", lambda s: made.append(s) if threading.get_ident() == here else sleep(s))
    return made


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses between tries."""
    monkeypatch.setattr(time, "sleep", lambda seconds: None)


def files_asked(fake_hub: FakeHub) -> set[str]:
    return {path.partition(f"/resolve/{COMMIT}/")[2] for _, path in fake_hub.requests if "/resolve/" in path}


@pytest.mark.parametrize(
    ("given", "id"),
    [
        ("stillroom/minilm-l6-sst2", "stillroom/minilm-l6-sst2"),
        (" bert-base-uncased ", "bert-base-uncased"),
        ("https://huggingface.co/google/mobilebert-uncased", "google/mobilebert-uncased"),
        ("https://huggingface.co/datasets/nyu-mll/glue/viewer/sst2?row=3", "nyu-mll/glue"),
        ("https://hf.co/a_b/c.d/tree/main", "a_b/c.d"),
    ],
)
def test_ids_and_pasted_addresses_are_understood(given: str, id: str) -> None:
    assert client.parse_id(given) == id


@pytest.mark.parametrize(
    "given",
    ["", " ", "/", "a/", "/a", "a/b/c", "../up", "a/../b", "..", ".", "./here", "/etc/passwd", "~/x", "a\\b", "C:\\x",
     "a b/c", "a\nb/c", "a--b", "x/a--b", "-a/b", "a/-b", "a/b-", ".a/b", "a/b.", "a/b:c", "a/b?x", "a/b#x", "a/b%2e",
     "é/b", "a/\u202eb", "a/\0", "file:///etc", "hf://a/b", "https://evil.example/a/b", "http://127.0.0.1/a", "s3://a/b",
     "a@b", "a" * 97, "$(id)/x"],
)  # fmt: skip
def test_what_is_no_id_is_refused_without_a_request(given: str, fake_hub: FakeHub) -> None:
    assert not client.is_id(given)
    for door in (models.model_folder, datasets.dataset_rows):
        with pytest.raises(HubError, match="not an id on the Hub"):
            door(given)
    assert fake_hub.requests == []


def test_an_id_is_what_the_library_takes_for_one() -> None:
    generator = random.Random(1)

    def taken(text: str) -> bool:
        try:
            validate_repo_id(text)
        except HFValidationError:
            return False
        return True

    texts = {"".join(generator.choice("aB1_-./é ") for _ in range(generator.randint(1, 8))) for _ in range(30_000)}
    texts |= {"a" * 96, "a" * 97, f"{'a' * 90}/b", f"b/{'a' * 96}"}
    strays = {text for text in texts if text == text.strip() and client.is_id(text) != taken(text)}
    assert not strays


def test_a_model_comes_pinned_and_with_only_the_files_it_needs(fake_hub: FakeHub, id: str, tiny_teacher: Path) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    fake_hub.model(id, tiny_teacher)
    for name in ("modeling_evil.py", "pytorch_model.bin", "onnx/model.safetensors", "README.md", "tf_model.h5"):
        fake_hub.repos["models", id][name] = b"not for us"
    folder = models.model_folder(id)
    assert folder.name == COMMIT
    assert {path.name for path in folder.iterdir()} == {path.name for path in tiny_teacher.iterdir()}
    assert files_asked(fake_hub) <= {path.name for path in tiny_teacher.iterdir()}
    model = AutoModelForSequenceClassification.from_pretrained(folder, local_files_only=True)
    assert model.config.id2label == {0: "bad", 1: "good"}
    assert AutoTokenizer.from_pretrained(folder, local_files_only=True).tokenize("superb xi") == ["superb", "x", "##i"]


def test_the_owners_token_stays_here(fake_hub: FakeHub, id: str, tiny_teacher: Path, monkeypatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    fake_hub.model(id, tiny_teacher)
    models.model_folder(id)
    datasets.dataset_rows(fake_hub.add("datasets", id, {"train.csv": CSV}))
    assert fake_hub.headers and not any("authorization" in map(str.lower, headers) for headers in fake_hub.headers)


def test_a_flipped_bit_is_refused_deleted_and_mended_by_trying_again(
    fake_hub: FakeHub, id: str, tiny_teacher: Path
) -> None:
    fake_hub.model(id, tiny_teacher)
    fake_hub.fail("flip", match="model.safetensors", times=1)
    with pytest.raises(HubError, match=rf"{id} was damaged \(model.safetensors.*Try again"):
        models.model_folder(id)
    folder = models.model_folder(id)
    assert (folder / "model.safetensors").read_bytes() == (tiny_teacher / "model.safetensors").read_bytes()


@pytest.mark.parametrize("how", BREAKS)
@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_a_small_file_that_was_damaged_in_the_cache_is_fetched_again(
    fake_hub: FakeHub, id: str, tiny_teacher: Path, name: str, how: str
) -> None:
    fake_hub.model(id, tiny_teacher)
    break_file((models.model_folder(id) / name).resolve(), how)
    if how != "gone":  # which the download itself mends
        with pytest.raises(HubError, match=f"{id} was damaged .{name} has the wrong checksum.*Try again"):
            models.model_folder(id)
    assert (models.model_folder(id) / name).read_bytes() == (tiny_teacher / name).read_bytes()


def test_a_small_file_has_the_checksum_that_git_gives_it(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(b"hello\n")
    name = "ce013625030ba8dba906f756967f9e9ca394464a"  # git hash-object
    assert not models._is_damaged(file, name) and not models._is_damaged(file, "config.json")
    file.write_bytes(b"Hello\n")
    assert models._is_damaged(file, name) and models._is_damaged(tmp_path / "none", name)


def test_damage_in_the_cache_is_found_without_the_hub(
    fake_hub: FakeHub, id: str, tiny_teacher: Path, monkeypatch
) -> None:
    fake_hub.model(id, tiny_teacher)
    weights = (models.model_folder(id) / "model.safetensors").resolve()
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(HubError, match="damaged"):
        models.model_folder(id)
    assert not weights.exists()
    with pytest.raises(HubError, match="offline"):
        models.model_folder(id)


def test_offline_a_cached_model_loads_without_one_request(
    fake_hub: FakeHub, id: str, tiny_teacher: Path, monkeypatch
) -> None:
    fake_hub.model(id, tiny_teacher)
    folder = models.model_folder(id)
    fake_hub.requests.clear()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert models.model_folder(id) == folder
    with pytest.raises(HubError, match="runs offline and someone/else is not stored here"):
        models.model_folder("someone/else")
    assert fake_hub.requests == []


FAULTS = [
    ({"kind": "status", "status": 403, "error": "GatedRepo"}, "is gated"),
    ({"kind": "status", "status": 401, "error": "RepoNotFound"}, "There is no .* on the Hub, or it is private"),
    ({"kind": "status", "status": 403, "error": "disabled"}, "has been disabled"),
    ({"kind": "status", "status": 404, "error": "RevisionNotFound"}, "has changed on the Hub meanwhile. Try again"),
    ({"kind": "status", "status": 500}, r"does not answer well just now \(500"),
    ({"kind": "status", "status": 503}, r"does not answer well just now \(503"),
    ({"kind": "status", "status": 429}, r"does not answer well just now \(429"),
    ({"kind": "reset"}, "cannot be reached"),
    ({"kind": "hang"}, "cannot be reached"),
    ({"kind": "portal"}, "proxy or log-in page"),
]


@pytest.mark.parametrize(("fault", "words"), FAULTS, ids=lambda value: value if isinstance(value, str) else "")
def test_every_fault_at_the_door_is_one_quick_sentence(
    fault, words, fake_hub: FakeHub, id: str, pauses, monkeypatch
) -> None:
    if fault["kind"] == "hang":
        for module in (models, datasets):
            monkeypatch.setattr(module, "ANSWER_TIMEOUT", 0.5)
    fake_hub.fail(**fault)
    for door in (models.model_folder, datasets.dataset_rows):
        with pytest.raises(HubError, match=words) as caught:
            door(id)
        assert len(fake_hub.requests) == 1 and not pauses, "asked again"
        fake_hub.requests.clear()
        assert "\n" not in str(caught.value) and str(caught.value).endswith(".")
    assert not fake_hub.outwaited


def test_a_refused_connection_is_told_at_once(fake_hub: FakeHub, id: str, pauses, monkeypatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(HubError, match="cannot be reached for .*built-in example"):
        models.model_folder(id)
    assert not pauses, "tried again"


def test_a_name_that_is_not_found_in_the_net_is_told_at_once(id: str, pauses, monkeypatch) -> None:
    def unknown(host: str, *_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://hub.invalid")
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    for door in (models.model_folder, datasets.dataset_rows):
        with pytest.raises(HubError, match="cannot be reached for .*built-in example"):
            door(id)
    assert not pauses, "tried again"


def test_what_is_cached_outlives_a_hub_that_refuses(
    fake_hub: FakeHub, id: str, pauses, tiny_teacher: Path, monkeypatch
) -> None:
    fake_hub.model(id, tiny_teacher)
    fake_hub.add("datasets", id, {"train.csv": CSV})
    folder, rows = models.model_folder(id), datasets.dataset_rows(id)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:1")
    assert models.model_folder(id) == folder
    assert datasets.dataset_rows(id)["train"].to_dict() == rows["train"].to_dict() and not pauses


@pytest.mark.parametrize("fault", [{"kind": "reset"}, {"kind": "status", "status": 503}, {"kind": "portal"}])
def test_what_is_cached_outlives_the_hub(fault, fake_hub: FakeHub, id: str, pauses, tiny_teacher: Path) -> None:
    fake_hub.model(id, tiny_teacher)
    fake_hub.add("datasets", id, {"train.csv": CSV})
    folder, rows = models.model_folder(id), datasets.dataset_rows(id)
    fake_hub.fail(**fault)
    fake_hub.requests.clear()
    assert models.model_folder(id) == folder
    assert datasets.dataset_rows(id)["train"].to_dict() == rows["train"].to_dict()
    assert len(fake_hub.requests) == 2 and not pauses, "asked again"


def test_but_a_model_that_is_gone_is_told_even_when_cached(fake_hub: FakeHub, id: str, tiny_teacher: Path) -> None:
    fake_hub.model(id, tiny_teacher)
    models.model_folder(id)
    fake_hub.repos.clear()
    with pytest.raises(HubError, match="no model"):
        models.model_folder(id)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"kind": "short", "match": "model.safetensors"}, "broke off. Try again"),
        ({"kind": "status", "status": 500, "match": "model.safetensors"}, "does not answer well"),
        ({"kind": "status", "status": 403, "error": "GatedRepo", "match": "model.safetensors"}, "gated"),
        ({"kind": "reset", "match": "model.safetensors"}, "broke off. Try again"),
        ({"kind": "less", "match": "model.safetensors"}, "was damaged. Try again"),
        ({"kind": "portal", "match": "model.safetensors"}, "proxy or log-in page"),
        ({"kind": "hang", "match": "model.safetensors"}, "broke off. Try again"),
        ({"kind": "drip", "match": "model.safetensors"}, "broke off. Try again"),
        ({"kind": "flip", "match": "/config.json", "times": 1}, "was damaged .config.json has the wrong checksum"),
    ],
    ids=lambda value: f"{value['kind']} {value['match']}" if isinstance(value, dict) else "",
)
def test_a_download_that_fails_midway_is_one_sentence(
    fault, words, fake_hub: FakeHub, id: str, tiny_teacher: Path, no_waiting, monkeypatch
) -> None:
    if fault["kind"] == "hang":
        monkeypatch.setattr(client, "SILENCE_TIMEOUT", 0.3)
    monkeypatch.setattr(client, "SLOW_SECONDS", 0.3)
    fake_hub.model(id, tiny_teacher)
    fake_hub.fail(**fault)
    with pytest.raises(HubError, match=words):
        models.model_folder(id)
    fake_hub.faults.clear()
    assert (models.model_folder(id) / "model.safetensors").is_file()


@pytest.mark.parametrize("status", [429, 500, 502, 503])
@pytest.mark.parametrize(
    ("headers", "tries"),
    # The library asks twice for the head of a file that it can't have, whatever the error.
    [({}, 3), ({"Retry-After": "3600"}, 2), ({"RateLimit": '"resolvers";r=0;t=299'}, 2), ({"Retry-After": "0"}, 3)],
    ids=["alone", "after an hour", "limit", "at once"],
)
def test_a_hub_that_is_busy_midway_is_told_in_six_seconds(
    status: int, headers: dict[str, str], tries: int, fake_hub: FakeHub, id: str, tiny_teacher: Path, monkeypatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)  # of the threads that download too
    fake_hub.model(id, tiny_teacher)
    fake_hub.add("datasets", id, {"train.csv": CSV})
    fake_hub.fail("status", status=status, match="/resolve/", headers=headers)
    for door in (models.model_folder, datasets.dataset_rows):
        pauses.clear()
        with pytest.raises(HubError, match=rf"does not answer well just now \({status} for {id}\)"):
            door(id)
        asked = Counter((method, path) for method, path in fake_hub.requests if "/resolve/" in path)
        assert max(asked.values()) <= tries and max(pauses, default=0) <= 2
        fake_hub.requests.clear()


@pytest.mark.parametrize(
    "fault", [{"kind": "short"}, {"kind": "status", "status": 503}, {"kind": "status", "status": 429}],
    ids=lambda fault: f"{fault['kind']} {fault.get('status', '')}",
)  # fmt: skip
def test_a_download_that_fails_twice_comes_whole(
    fault, fake_hub: FakeHub, id: str, tiny_teacher: Path, no_waiting
) -> None:
    fake_hub.model(id, tiny_teacher)
    fake_hub.fail(**fault, match="model.safetensors", times=2)
    folder = models.model_folder(id)
    assert (folder / "model.safetensors").read_bytes() == (tiny_teacher / "model.safetensors").read_bytes()
    assert fake_hub.faults[0].times == 0


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"kind": "status", "status": 500}, r"does not answer well just now \(500"),
        ({"kind": "short"}, "broke off. Try again"),
        ({"kind": "less"}, "was damaged. Try again"),
        ({"kind": "reset"}, "broke off. Try again"),
        ({"kind": "portal"}, "proxy or log-in page"),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_rows_that_do_not_come_are_told_in_one_sentence(fault, words, fake_hub: FakeHub, id: str, no_waiting) -> None:
    fake_hub.add("datasets", id, {"train.csv": CSV})
    fake_hub.fail(**fault, match="train.csv")
    with pytest.raises(HubError, match=words) as caught:
        datasets.dataset_rows(id)
    assert "\n" not in str(caught.value) and "/" not in str(caught.value).replace(id, "")
    fake_hub.faults.clear()
    assert datasets.dataset_rows(id)["train"]["label"][:] == ["good", "bad"]


def test_no_request_may_be_silent_for_ever(fake_hub: FakeHub, id: str, tiny_teacher: Path, monkeypatch) -> None:
    import httpx2
    from huggingface_hub import HfApi, close_session

    monkeypatch.setattr(client, "SILENCE_TIMEOUT", 0.3)
    client.hub_library()
    fake_hub.fail("hang")
    for _ in range(2):
        with pytest.raises(httpx2.ReadTimeout):
            HfApi().repo_info(id, timeout=None)  # as transformers asks
        close_session()  # as the library does after a failed connection


def test_a_client_of_ones_own_stays_and_is_watched(fake_hub: FakeHub, id: str, monkeypatch) -> None:
    import httpx2
    from huggingface_hub import HfApi, set_client_factory
    from huggingface_hub.utils import _http

    monkeypatch.setattr(client, "SILENCE_TIMEOUT", 0.3)
    before = _http._GLOBAL_CLIENT_FACTORY
    try:
        set_client_factory(lambda: httpx2.Client(headers={"X-Proxy": "ours"}))
        for _ in range(2):
            client.hub_library()
        fake_hub.fail("hang")
        with pytest.raises(httpx2.ReadTimeout):
            HfApi().repo_info(id, timeout=None)
        assert fake_hub.headers[-1]["X-Proxy"] == "ours"
        hooks = _http.get_session().event_hooks
        assert [len(hooks[name]) for name in ("request", "response")] == [1, 2], "watched once"
    finally:
        set_client_factory(before)


def test_pickled_weights_need_consent_and_a_machine_of_ones_own(
    fake_hub: FakeHub, id: str, tiny_teacher: Path, monkeypatch
) -> None:
    fake_hub.model(id, tiny_teacher)
    files = fake_hub.repos["models", id]
    files["pytorch_model.bin"] = files.pop("model.safetensors")
    with pytest.raises(HubError, match="only as .bin.*consent with allow_pickle"):
        models.model_folder(id)
    monkeypatch.setenv("SPACE_ID", "someone/space")
    monkeypatch.setenv("STILLROOM_MODELS", "*")
    for consent in (True, False):
        with pytest.raises(HubError, match="public host never reads"):
            models.model_folder(id, allow_pickle=consent)
    monkeypatch.delenv("SPACE_ID")
    assert (models.model_folder(id, allow_pickle=True) / "pytorch_model.bin").is_file()


def test_a_public_host_loads_models_of_a_list_and_asks_the_hub_for_no_other(
    fake_hub: FakeHub, id: str, tiny_teacher: Path, monkeypatch
) -> None:
    fake_hub.model(id, tiny_teacher)
    monkeypatch.setenv("STILLROOM_AUDIENCE", "room")
    with pytest.raises(HubError, match=f"{id} is none of the models that this public host loads"):
        models.model_folder(id)
    assert not fake_hub.requests
    monkeypatch.setenv("STILLROOM_MODELS", id)
    assert (models.model_folder(id) / "config.json").is_file()
    monkeypatch.delenv("STILLROOM_MODELS")
    assert not models.is_offered("bert-base-evil/model") and not models.is_offered("google-bert/a/b")
    from distill_core.teacher.catalog import SUGGESTED

    assert all(models.is_offered(one.name) for one in SUGGESTED)


def test_sharded_weights_come_whole(fake_hub: FakeHub, id: str) -> None:
    shards = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    index = json.dumps({"weight_map": {"a": shards[0], "b": shards[1]}}).encode()
    files = {"config.json": b"{}", "model.safetensors.index.json": index, shards[0]: b"one", shards[1]: b"two"}
    fake_hub.add("models", id, files)
    assert {path.name for path in models.model_folder(id).iterdir()} == set(files)


def test_an_encoder_in_a_folder_of_its_own_comes_with_the_list_of_modules(
    fake_hub: FakeHub, id: str, tiny_teacher: Path, monkeypatch
) -> None:
    inside = {f"0_Transformer/{path.name}": path.read_bytes() for path in tiny_teacher.iterdir()}
    names = [("0", "0_Transformer", "Transformer"), ("1", "1_Pooling", "Pooling")]
    listed = [
        {"idx": int(idx), "path": path, "type": f"sentence_transformers.models.{kind}"} for idx, path, kind in names
    ]
    files = {"modules.json": json.dumps(listed).encode(), "1_Pooling/config.json": b"{}", **inside}
    fake_hub.add("models", id, files)
    fake_hub.fail("flip", match="model.safetensors", times=1)
    with pytest.raises(HubError, match="was damaged"):
        models.model_folder(id)
    folder = models.model_folder(id)
    assert files_asked(fake_hub) == {"modules.json", *inside}
    asked = len(fake_hub.requests)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert models.model_folder(id) == folder and models.on_this_machine(id) and len(fake_hub.requests) == asked
    transformer = folders.transformer_folder(folder, id)
    assert transformer == folder / "0_Transformer" and (transformer / "model.safetensors").is_file()
    (transformer / "model.safetensors").unlink()
    assert not models.on_this_machine(id)


@pytest.mark.parametrize(
    ("files", "info", "words"),
    [
        ({"model.safetensors": b"x"}, {}, "no config.json, so it is not a model"),
        ({"config.json": b"{}"}, {}, "no weights in safetensors"),
        ({"config.json": b"{}", "adapter_model.safetensors": b"x", "adapter_config.json": b"{}"}, {}, "an adapter"),
        ({"config.json": b"{}", "model.safetensors": b"x"}, {"gated": "manual"}, "is gated"),
        ({"config.json": b"{}", "model.safetensors": b"x"}, {"disabled": True}, "has been disabled"),
    ],
)
def test_what_is_no_usable_model_is_refused_before_a_download(files, info, words, fake_hub: FakeHub, id: str) -> None:
    fake_hub.add("models", id, files, **info)
    with pytest.raises(HubError, match=words):
        models.model_folder(id)
    assert files_asked(fake_hub) == set()


def test_a_model_too_large_is_refused_before_a_download(fake_hub: FakeHub, id: str, monkeypatch) -> None:
    monkeypatch.setattr(models, "MODEL_BYTES", 10)
    fake_hub.add("models", id, {"config.json": b"{}", "model.safetensors": b"x" * 11})
    with pytest.raises(HubError, match="Choose a smaller one"):
        models.model_folder(id)
    assert files_asked(fake_hub) == set()


def test_a_data_set_arrives_with_its_classes_as_words(fake_hub: FakeHub, id: str) -> None:
    from datasets import ClassLabel, Dataset, Features, Sequence, Value

    features = Features(
        {"text": Value("string"), "label": ClassLabel(names=["no", "yes"]), "score": Value("float64"),
         "tags": Sequence(Value("string"))}
    )  # fmt: skip
    rows = Dataset.from_dict(
        {"text": ["a", "b", None], "label": [1, 0, -1], "score": [1.0, 2.5, None], "tags": [[], ["x"], []]}, features
    )
    buffer = io.BytesIO()
    rows.to_parquet(buffer)
    fake_hub.add("datasets", id, {"data/train-00000-of-00001.parquet": buffer.getvalue()})
    table = hub_datasets.as_table(datasets.dataset_rows(id)["train"], "x")
    assert table.columns == ("text", "label", "score")
    assert table.rows == [("a", "yes", "1"), ("b", "no", "2.5"), (None, None, None)]
    assert table.left_out == ("tags",)
    assert hub_datasets.as_table(rows, "x", {"label": ("nein", "ja")}).column("label") == ["ja", "nein", None]


def card(*names: str) -> bytes:
    configs = "".join(f"- config_name: {name}\n  data_files: {name}.csv\n" for name in names)
    return f"---\nconfigs:\n{configs}---\nA card.\n".encode()


def test_a_missing_subset_is_answered_with_the_names(fake_hub: FakeHub, id: str) -> None:
    fake_hub.add("datasets", id, {"README.md": card("red", "blue"), "red.csv": CSV, "blue.csv": CSV})
    with pytest.raises(HubError, match=r"has several subsets. Name one with subset: red, blue\."):
        datasets.dataset_rows(id)
    with pytest.raises(HubError, match=r"has no subset 'green'. Name one with subset: red, blue\."):
        datasets.dataset_rows(id, "green")
    assert datasets.dataset_rows(id, "blue")["train"]["label"][:] == ["good", "bad"]


@pytest.mark.parametrize(
    "path", ["http://127.0.0.1:1/x.csv", "/etc/passwd", "../other/x.csv", "file:///etc/passwd", "~/x"]
)
def test_a_card_that_points_elsewhere_is_refused(path: str, fake_hub: FakeHub, id: str) -> None:
    text = f"---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    path: {path!r}\n---\n"
    fake_hub.add("datasets", id, {"README.md": text.encode(), "x.csv": CSV})
    with pytest.raises(HubError, match="points to files outside itself"):
        datasets.dataset_rows(id)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("README.md", "\n \n---\nconfigs:\n{config}\n---\n"),  # the loader passes over blank lines
        ("README.md", "---\npretty_name: a---b\nconfigs:\n{config}\n---\n"),
        ("README.md", "---\n# ---\nconfigs:\n{config}\n---\n"),
        (".huggingface.yaml", "configs:\n{config}\n"),
    ],
)
@pytest.mark.parametrize("config", ["data_files: http://127.0.0.1:1/x.csv", "data_dir: ../other"])
def test_a_card_can_not_hide_where_it_points(name: str, text: str, config: str, fake_hub: FakeHub, id: str) -> None:
    text = text.format(config=f"- config_name: default\n  {config}")
    fake_hub.add("datasets", id, {name: text.encode(), "x.csv": CSV})
    with pytest.raises(HubError, match="points to files outside itself"):
        datasets.dataset_rows(id)


@pytest.mark.parametrize("text", ["---\nconfigs: 3\n---\n", "---\n- 1\n---\n", "---\n1: 2\n---\n", "---\n{{\n---\n"])
def test_a_card_that_is_none_is_left_to_the_loader(text: str, fake_hub: FakeHub, id: str) -> None:
    fake_hub.add("datasets", id, {"README.md": text.encode(), "train.csv": CSV})
    try:
        assert datasets.dataset_rows(id)["train"]["label"][:] == ["good", "bad"]
    except HubError as error:
        assert "\n" not in str(error) and "outside itself" not in str(error)


def test_a_folder_of_the_same_name_is_not_read(fake_hub: FakeHub, id: str, tmp_path: Path, monkeypatch) -> None:
    trap = tmp_path / id
    trap.mkdir(parents=True)
    (trap / "train.csv").write_text("text,label\nsecret,1\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(HubError, match="no data set"):
        datasets.dataset_rows(id)
    fake_hub.add("datasets", id, {"train.csv": CSV})
    assert datasets.dataset_rows(id)["train"]["text"][:] == ["a fine film", "a dull film"]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"{name}.py": b"print('ran')"}, "made by a script, which is never run"),
        ({"notes.md": b"nothing"}, "holds no files of rows"),
        ({"train.csv": b'text,label\na,"b'}, "can't be read as rows"),
        ({"train.parquet": b"PAR1 but not really PAR1"}, "can't be read as rows"),
    ],
)
def test_a_data_set_that_cannot_be_read_is_one_sentence(files, words, fake_hub: FakeHub, id: str) -> None:
    name = id.split("/")[1]
    fake_hub.add("datasets", id, {path.format(name=name): data for path, data in files.items()})
    with pytest.raises(HubError, match=words) as caught:
        datasets.dataset_rows(id)
    assert "\n" not in str(caught.value)


def test_a_full_disk_is_named(id: str, fake_hub: FakeHub, tiny_teacher: Path, monkeypatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    fake_hub.model(id, tiny_teacher)
    monkeypatch.setattr("huggingface_hub.snapshot_download", full)
    with pytest.raises(HubError, match="disk is full"):
        models.model_folder(id)


@pytest.mark.parametrize("head", [
    "a: &a [1, 2, 3, 4, 5, 6, 7, 8, 9]\n" + "".join(
        f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in itertools.pairwise("abcdefgh")),
    "configs: &a [*a]", "a: [" + "1," * 200_000 + "1]",
])  # fmt: skip
def test_a_card_that_keeps_its_readers_busy_is_refused(fake_hub: FakeHub, head: str) -> None:
    id = fake_hub.add("datasets", next(_ids), {"README.md": f"---\n{head}\n---\n".encode(), "train.csv": CSV})
    with pytest.raises(HubError, match="too many values"):
        datasets.dataset_rows(id)


def test_references_in_a_card_are_nothing_bad(fake_hub: FakeHub) -> None:
    head = "a: &a {split: train, path: train.csv}\nconfigs:\n- config_name: default\n  data_files: [*a]\n"
    id = fake_hub.add("datasets", next(_ids), {"README.md": f"---\n{head}---\n".encode(), "train.csv": CSV})
    assert len(datasets.dataset_rows(id)["train"]) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="forking and /proc are Linux's")
def test_rows_that_crash_their_reader_or_fill_the_disk_harm_nobody_else(
    fake_hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded, "_context", multiprocessing.get_context("fork"))
    good = fake_hub.add("datasets", next(_ids), {"train.csv": CSV})
    assert datasets.dataset_rows(good)["train"]["text"][:] == ["a fine film", "a dull film"]
    rows = gzip.compress(b"text,label\n" + b"a fine film with a very long plot,good\n" * 400_000)
    large = fake_hub.add("datasets", next(_ids), {"train.csv.gz": rows})
    monkeypatch.setattr(datasets, "BASE_BYTES", 1_000_000)
    monkeypatch.setattr(datasets, "UNPACKED_TIMES", 1)
    with pytest.raises(DataError, match="unpacks to more than 1 MB"):
        datasets.dataset_rows(large)
    assert not list(Path(datasets_library.config.HF_DATASETS_CACHE).glob(".unpacked-*"))
    for age, stays in ((2 * STALE_SECONDS, False), (60, True)):  # of processes that were killed
        left = Path(datasets_library.config.HF_DATASETS_CACHE) / f".unpacked-{age}"
        left.mkdir()
        os.utime(left, (time.time() - age, time.time() - age))
        datasets.dataset_rows(good)
        assert left.exists() == stays
    shutil.rmtree(left)
    assert not datasets._cached_rows(large) and not list(datasets._cache_folders(large, "*.incomplete"))
    monkeypatch.setattr(datasets, "_load", lambda *_, **__: os._exit(9))
    with pytest.raises(DataError, match=r"crashed \(exit code 9\)"):
        datasets.dataset_rows(good)


def test_the_size_of_a_subset_is_weighed_before_it_is_loaded(
    fake_hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = "configs:\n" + "".join(f"- config_name: {name}\n  data_files: {name}.csv\n" for name in ("small", "large"))
    files = {"README.md": f"---\n{head}---\n".encode(), "small.csv": CSV, "large.csv": CSV * 100}
    id = fake_hub.add("datasets", next(_ids), files)
    monkeypatch.setattr(datasets, "DATASET_BYTES", 2_000)
    assert len(datasets.dataset_rows(id, "small")["train"]) == 2
    with pytest.raises(HubError, match="This subset of .* holds"):
        datasets.dataset_rows(id, "large")
    with pytest.raises(HubError, match="Name one of its subsets"):
        datasets.dataset_rows(id)
