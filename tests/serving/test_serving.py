"""Students behind HTTP: answers are those of Python, many requests share batches, bad ones get a sentence."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from student.test_predictor import REPORT, predictor

import distill_core as core
from distill_core.serving import server
from distill_core.serving.batching import Batcher, Busy
from distill_core.serving.models import Model, find_models
from distill_core.student import export, persistence
from distill_core.student.runtime import Prediction, load

PACKED = Path(__file__).parents[1] / "fixtures" / "506be2f" / "packed.zip"
TEXTS = ["a warm and funny film", "plain", "", "never seen"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Exported students, of texts and of pairs."""
    place = tmp_path_factory.mktemp("served")
    for name, pair in (("single", False), ("pairs", True)):
        persistence.save(predictor(pair=pair), place / f"{name}-student")
        export.export(place / f"{name}-student", place / name, REPORT)
    return {"single": place / "single", "pairs": place / "pairs"}


@pytest.fixture(scope="module")
def client(folders: dict[str, Path]) -> Any:
    with TestClient(server.make_app(find_models([str(folders["single"])])), base_url="http://localhost") as client:
        yield client


def test_it_answers_as_the_student_does(client: TestClient, folders: dict[str, Path]) -> None:
    found = client.post("/predict", json={"texts": TEXTS}).json()
    assert found["model"] == "single"
    for one, wanted in zip(found["predictions"], load(folders["single"])(TEXTS), strict=True):
        assert one["label"] == wanted.label and one["probabilities"] == pytest.approx(wanted.probabilities)
        assert one["answered_by"] == "student" and one["deferred"] is None and one["unfamiliar"] is None
    alone = client.post("/models/single/predict", json={"text": TEXTS[0]}).json()
    assert alone["predictions"] == found["predictions"][:1]
    health = client.get("/health").json()
    assert health["models"]["single"] == {"labels": ["bad", "good", "it's <b>"], "pair": False, "network": "onnx",
                                          "defer": None}  # fmt: skip
    assert "/models/{name}/predict" in client.get("/openapi.json").json()["paths"]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"texts": []}, 422, "texts: List should have at least 1 item"),
        ({"texts": ["a"] * 1_001}, 422, "texts: List should have at most 1000 items"),
        ({"texts": ["fine", ["a", "pair"]]}, 422, "Text 2 should be one text, but it is"),
        ({"texts": [None]}, 422, "texts.0"),
        ({}, 422, "Give {"),
        ({"text": "a", "texts": ["b"]}, 422, "Give {"),
        ({"text": "a", "model": "x"}, 422, "model: Extra inputs are not permitted"),
        ({"text": "a" * 100_001}, 422, "at most 100000 characters"),
        ("no json", 422, "body"),
        ("{" * 6_000_000, 413, "A request has at most 5,000,000 bytes"),
    ],
)  # fmt: skip
def test_a_bad_request_gets_a_sentence(client: TestClient, body: Any, status: int, words: str) -> None:
    content = body if isinstance(body, str) else json.dumps(body)
    found = client.post("/predict", content=content, headers={"content-type": "application/json"})
    assert found.status_code == status and words in found.json()["error"], found.text
    assert len(found.json()["error"]) < 500


def test_several_are_told_apart_by_their_names(folders: dict[str, Path]) -> None:
    models = find_models([str(folders["single"]), str(folders["pairs"])], network="torch")
    assert [model.network for model in models] == ["torch", "torch"]
    with TestClient(server.make_app(models), base_url="http://localhost") as client:
        assert "single, pairs" in client.post("/predict", json={"text": "a"}).json()["error"]
        found = client.post("/models/pairs/predict", json={"text": ["a warm film", "a film"]}).json()
        assert found["predictions"][0]["label"] in ("bad", "good", "it's <b>")
        missing = client.post("/models/other/predict", json={"text": "a"})
        assert missing.status_code == 404 and "There is no model 'other'" in missing.json()["error"]
    with pytest.raises(core.UserError, match="single was given twice"):
        find_models([str(folders["single"])] * 2)


def test_only_names_of_this_machine_are_answered(client: TestClient) -> None:
    assert client.get("/health", headers={"host": "evil.example.org"}).status_code == 400
    assert client.get("/health", headers={"host": "127.0.0.1:8000"}).status_code == 200


def test_addresses_of_ipv6_are_names_too(folders: dict[str, Path]) -> None:
    app = server.make_app(find_models([str(folders["single"])]))
    with TestClient(app, base_url="http://localhost") as client:
        assert client.get("/health", headers={"host": "[::1]:8000"}).status_code == 200
        refused = client.get("/health", headers={"host": "[::2]:8000"})
        assert refused.status_code == 400 and "--allow-host ::2" in refused.json()["error"]


def test_rows_that_nobody_waits_for_are_not_computed_and_still_count() -> None:
    async def ask() -> None:
        done: list[int] = []
        gate = threading.Event()

        def answer(rows: list[tuple[str, ...]]) -> list[str]:
            gate.wait(10)
            done.append(len(rows))
            return [row[0] for row in rows]

        batcher = Batcher(answer, most_waiting=10)
        running = asyncio.create_task(batcher.run())
        first = asyncio.create_task(batcher([("first",)]))
        await asyncio.sleep(0.05)
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(batcher([("late",)] * 3), 0.01)
        with pytest.raises(Busy):
            await batcher([("one more",)])
        gate.set()
        assert await first == ["first"]
        await asyncio.sleep(0.05)
        assert batcher.waiting == 0 and done == [1]
        running.cancel()

    asyncio.run(ask())


def test_one_requests_fault_is_not_anothers() -> None:
    def answer(rows: list[tuple[str, ...]]) -> list[str]:
        time.sleep(0.05)
        if ("bad",) in rows:
            raise RuntimeError("bad")
        return [row[0] for row in rows]

    async def ask() -> list[Any]:
        batcher = Batcher(answer)
        running = asyncio.create_task(batcher.run())
        found = await asyncio.gather(*(batcher([(word,)]) for word in ("a", "b", "bad", "c")), return_exceptions=True)
        running.cancel()
        return found

    first, second, bad, last = asyncio.run(ask())
    assert (first, second, last) == (["a"], ["b"], ["c"]) and isinstance(bad, RuntimeError)


def test_a_failing_network_is_told_in_a_sentence(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Model, rows: list[Any]) -> None:
        raise RuntimeError("of the network")

    (model,) = find_models([str(folders["single"])])
    monkeypatch.setattr(Model, "answer", fail)
    app = server.make_app([model])
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as client:
        found = client.post("/predict", json={"text": "a"})
        assert found.status_code == 500 and found.json()["error"] == "The model failed on this text (RuntimeError)."
        client.post("/predict", json={"a" * 10_000: 1, "text": "a"})
        metrics = client.get("/metrics").text
    assert '{model="single",status="500"} 1' in metrics and '{model="",status="422"} 1' in metrics


def test_counts_keep_their_digits() -> None:
    from distill_core.serving.metrics import Metrics

    assert 'stillroom_texts_total{model="a"} 1234567' in Metrics().render({"texts_total": {"a": 1_234_567}}, {})


def test_a_port_that_is_taken_is_told(folders: dict[str, Path]) -> None:
    models = find_models([str(folders["single"])])
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        for port in (taken.getsockname()[1], 99_999):
            with pytest.raises(core.UserError, match="can't be listened on at port"):
                server.serve(models, "127.0.0.1", port)


def test_what_comes_together_is_answered_together() -> None:
    gate, sizes = threading.Event(), []

    def answer(rows: list[tuple[str, ...]]) -> list[str]:
        gate.wait(10)
        sizes.append(len(rows))
        if ("bad",) in rows:
            raise RuntimeError("of this batch alone")
        return [row[0].upper() for row in rows]

    async def ask() -> list[Any]:
        batcher = Batcher(answer)
        running = asyncio.create_task(batcher.run())
        first = asyncio.create_task(batcher([("first",)]))
        await asyncio.sleep(0.05)
        others = [asyncio.create_task(batcher([(f"{i}",), (f"{i}b",)])) for i in range(200)]
        await asyncio.sleep(0.05)
        others[7].cancel()
        gate.set()
        found = await asyncio.gather(first, *others, return_exceptions=True)
        with pytest.raises(RuntimeError, match="of this batch"):
            await batcher([("bad",)])
        assert await batcher([("good",)]) == ["GOOD"] and batcher.waiting == 0
        running.cancel()
        return found

    found = asyncio.run(ask())
    assert found[0] == ["FIRST"] and found[4] == ["3", "3B"] and isinstance(found[8], asyncio.CancelledError)
    assert sizes[0] == 1 and sizes[1] >= 254 and len(sizes) <= 6


def test_too_many_are_turned_away_and_one_large_request_is_not() -> None:
    async def ask() -> None:
        batcher = Batcher(lambda rows: rows)
        large = asyncio.create_task(batcher([("a",)] * 5_000))
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await batcher([("b",)])
        assert batcher.waiting == 5_000
        running = asyncio.create_task(batcher.run())
        assert len(await large) == 5_000
        running.cancel()

    asyncio.run(ask())


def test_the_teacher_answers_what_the_student_is_not_sure_of(folders: dict[str, Path]) -> None:
    student = load(folders["single"])
    own = [one.probability for one in student(TEXTS)]
    threshold = sorted(own)[2]
    asked: list[Any] = []

    def teach(rows: list[Any]) -> list[Prediction]:
        asked.extend(rows)
        return [Prediction("good", {"bad": 0.0, "good": 1.0, "it's <b>": 0.0}) for _ in rows]

    model = Model("both", student, "onnx", threshold, SimpleNamespace(ask_teacher=teach))  # type: ignore[arg-type]
    with TestClient(server.make_app([model]), base_url="http://localhost") as client:
        found = client.post("/predict", json={"texts": TEXTS}).json()["predictions"]
        assert [one["deferred"] for one in found] == [share < threshold for share in own]
        assert [one["answered_by"] == "teacher" for one in found] == [one["deferred"] for one in found]
        assert (
            asked == [(text,) for text, share in zip(TEXTS, own, strict=True) if share < threshold] and len(asked) == 2
        )
        metrics = client.get("/metrics").text
    values = dict(line.rsplit(" ", 1) for line in metrics.splitlines() if not line.startswith("#"))
    assert values['stillroom_requests_total{model="both",status="200"}'] == "1"
    assert (
        values['stillroom_texts_total{model="both"}'] == "4"
        and values['stillroom_deferred_texts_total{model="both"}'] == "2"
    )
    assert values['stillroom_request_seconds_bucket{model="both",le="+Inf"}'] == "1"


def test_a_run_is_served_by_its_onnx_network(home: Path) -> None:
    run = core.import_run(PACKED)
    (model,) = find_models([run.id[:8]])
    assert model.network == "onnx" and model.name.endswith(run.id[:6])
    found = model.answer([("a warm and funny film",)])[0][0]
    assert found.probabilities == pytest.approx(run.student()(["a warm and funny film"])[0].probabilities, abs=1e-5)
    with pytest.raises(core.UserError, match="Weights of 8 bits are made by an export"):
        find_models([run.id], "int8")
    core.close()


def test_an_answer_that_is_no_number_is_an_error(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    (model,) = find_models([str(folders["single"])])
    monkeypatch.setattr(Model, "answer", lambda self, rows: [(Prediction("bad", {"bad": float("nan")}), None)])
    with TestClient(server.make_app([model]), base_url="http://localhost") as client:
        found = client.post("/predict", json={"text": "a"})
        assert found.status_code == 500 and "weights are damaged" in found.json()["error"]


def test_the_command_serves_many_at_once_and_ends_gracefully(folders: dict[str, Path]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "distill_core", "serve", str(folders["single"]), "--port", str(port)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_WAIT_POLICY": "passive"},
    )  # fmt: skip
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            until = time.monotonic() + 60
            while time.monotonic() < until:
                try:
                    client.get("/health")
                    break
                except httpx.TransportError:
                    assert process.poll() is None, process.communicate()
                    time.sleep(0.2)
            expected = [one.label for one in load(folders["single"])(TEXTS)]
            with ThreadPoolExecutor(16) as many:
                found = list(
                    many.map(lambda i: client.post("/predict", json={"text": TEXTS[i % 4]}).json(), range(200))
                )
            assert [one["predictions"][0]["label"] for one in found] == [expected[i % 4] for i in range(200)]
            counts = dict(line.rsplit(" ", 1) for line in client.get("/metrics").text.splitlines() if line[0] != "#")
            assert counts['stillroom_texts_total{model="single"}'] == "200"
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) in (0, -signal.SIGTERM)
    finally:
        process.kill()
    assert f":{port}/models/single/predict" in process.communicate()[0]
