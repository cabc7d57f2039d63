"""The named endpoints, called as a script calls them, and what the server refuses."""

import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

ENDPOINTS = {"/start_run", "/run", "/stop_run", "/runs", "/predict", "/preview_augmentation"}


@pytest.fixture(scope="module")
def client(app: str) -> Any:
    gradio_client = pytest.importorskip("gradio_client")
    return gradio_client.Client(app, verbose=False)


def test_the_public_endpoints_are_these_and_typed(client: Any) -> None:
    named = client.view_api(return_format="dict")["named_endpoints"]
    assert set(named) == ENDPOINTS
    assert all(endpoint["description"] for endpoint in named.values())


def test_a_run_from_start_to_an_answer(client: Any, toy_csv: Path, tiny_teacher: Path) -> None:
    knobs = {"task": "file", "train": str(toy_csv), "teacher": str(tiny_teacher), "n_iter": 1, "width": 8, "hidden": 8,
             "fc": 8, "epochs": 1, "evaluations": 1, "max_tokens": 16}  # fmt: skip
    told = client.predict(knobs, "a warm and funny film", 3, api_name="/preview_augmentation")
    assert told["text"] == ["a warm and funny film"] and told["offspring"]
    run = client.predict(knobs, api_name="/start_run")
    for _ in range(600):
        report = client.predict(run, api_name="/run")
        if report["status"] not in ("queued", "running"):
            break
        time.sleep(0.2)
    assert report["status"] == "finished", report
    assert set(report["scores"]) == {"floor", "control", "student", "teacher"}
    assert run in [found["run"] for found in client.predict(10, "", api_name="/runs")]
    said = client.predict(run, "a warm and funny film", "", api_name="/predict")
    assert set(said["student"]) == {"good", "bad"} and sum(said["student"].values()) == pytest.approx(1)
    assert client.predict(run, api_name="/stop_run") == "finished"


def test_a_mistake_comes_back_as_its_sentence(client: Any) -> None:
    with pytest.raises(Exception, match="lr can&#x27;t be 99|lr can't be 99"):
        client.predict({"lr": 99}, api_name="/start_run")
    with pytest.raises(Exception, match="no run"):
        client.predict("nothing", api_name="/run")


def test_a_foreign_name_for_this_machine_gets_nothing(app: str) -> None:
    request = urllib.request.Request(app, headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    assert refused.value.code == 400


def test_the_page_says_what_it_may_load(app: str) -> None:
    with urllib.request.urlopen(app) as answer:
        assert "frame-ancestors" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_drawing_library_comes_from_its_package(app: str) -> None:
    with urllib.request.urlopen(f"{app}/assets/plotly.min.js") as answer:
        assert b"plotly.js v" in answer.read(400)


def test_hostile_json_to_the_live_view_is_never_an_error_of_ours(app: str) -> None:
    with urllib.request.urlopen(f"{app}/config") as answer:
        parts = json.load(answer)["components"]
    view = next(part["id"] for part in parts if part["props"].get("elem_id") == "live")
    for data in (
        None,
        [],
        "x",
        3.5,
        {"run": ["a"]},
        {"run": {"x": 1}, "cursor": "y"},
        {"run": "a", "cursor": [[], {}]},
    ):
        body = json.dumps({"session_hash": "s", "component_id": view, "fn_name": "points", "data": data}).encode()
        request = urllib.request.Request(
            f"{app}/gradio_api/component_server", body, {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:
            assert set(json.load(answer)) == {"error"}
