"""The named endpoints, called as a script calls them, and what the server refuses."""

import ast
import asyncio
import json
import time
import urllib.error
import urllib.request
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import brotli
import gradio as gr
import pytest
from gradio.blocks import BlocksConfig
from gradio.state_holder import SessionState

from ui.i18n.translate import translate

# name -> its parameters: what scripts and assistants rely on, so a change here is a change of the interface
ACTIONS = {
    "annotate_run": ["run", "note"],
    "ask_teacher": ["knobs", "text", "text2"],
    "delete_run": ["run"],
    "estimate_cost": ["knobs", "measure"],
    "export_baseline": ["run"],
    "export_control": ["run"],
    "export_run": ["run"],
    "export_student": ["run"],
    "import_run": ["file"],
    "inspect_data": ["knobs", "rows"],
    "knobs": [],
    "parts": [],
    "points": ["run", "since"],
    "predict": ["run", "text", "text2"],
    "predict_file": ["run", "file"],
    "preview_augmentation": ["knobs", "text", "n"],
    "rename_run": ["run", "name"],
    "restore_run": ["run"],
    "resume_run": ["run"],
    "run": ["run"],
    "runs": ["limit", "search"],
    "settings": [],
    "start_run": ["knobs"],
    "stop_run": ["run"],
    "teachers": [],
    "texts": ["run", "limit", "offset"],
    "upload_file": ["file"],
}


def test_a_new_visitor_makes_no_account_of_every_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gradio's account is for links of its own that this page has none of, and keeps everybody else waiting."""
    import ui.server  # noqa: F401  which sees to it

    with gr.Blocks() as page:
        box = gr.Textbox("here")
    accounts: list[int] = []
    whole = BlocksConfig.config_for_block
    counted = staticmethod(lambda *given: accounts.append(given[0]) or whole(*given))
    monkeypatch.setattr(BlocksConfig, "config_for_block", counted)
    visitor, other = SessionState(page), SessionState(page)
    assert not accounts and box._id in visitor and visitor[box._id].value == "here"
    visitor[box._id] = gr.Textbox("mine", render=False)
    assert accounts and other[box._id].value == "here"


@pytest.fixture(scope="module")
def client(app: str) -> Any:
    gradio_client = pytest.importorskip("gradio_client")
    return gradio_client.Client(app, verbose=False)


def test_the_public_endpoints_are_these_and_typed(client: Any) -> None:
    named = client.view_api(return_format="dict")["named_endpoints"]
    told = {
        name.lstrip("/"): [one["parameter_name"] for one in endpoint["parameters"]] for name, endpoint in named.items()
    }
    assert told == ACTIONS
    assert all(endpoint["description"] for endpoint in named.values())


@pytest.mark.skipif(find_spec("mcp") is None, reason="the package mcp isn't installed")
def test_the_same_actions_are_tools_for_an_assistant(app: str) -> None:
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    async def ask() -> tuple[Any, Any, Any]:
        async with (
            streamable_http_client(f"{app}/gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            looked = await session.call_tool("inspect_data", {"knobs": {"task": "reviews", "limit": 50}, "rows": 1})
            return (await session.list_tools()).tools, looked, await session.call_tool("run", {"run": "nothing"})

    tools, looked, mistaken = asyncio.run(ask())
    assert {tool.name: list(tool.inputSchema.get("properties", {})) for tool in tools} == ACTIONS
    assert all(tool.description for tool in tools)
    assert not looked.isError and ast.literal_eval(looked.content[0].text)["rows"]["train"] == 50
    assert mistaken.isError and "no run" in mistaken.content[0].text


def test_a_run_from_start_to_an_answer(client: Any, toy_csv: Path, tiny_teacher: Path) -> None:
    knobs = {"task": "file", "train": str(toy_csv), "teacher": str(tiny_teacher), "n_iter": 1, "neighbours": 0,
             "width": 8, "hidden": 8, "fc": 8, "epochs": 1, "evaluations": 1, "max_tokens": 16}  # fmt: skip
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
    assert client.predict(run, 0, api_name="/points")["points"]
    scored = client.predict(run, 2, 0, api_name="/texts")
    assert len(scored) == 2 and sum(scored[0]["student"].values()) == pytest.approx(1)
    assert client.predict(run, " of films ", api_name="/rename_run")["run"] == run
    assert client.predict(1, "of films", api_name="/runs")[0]["run"] == run
    client.predict(run, api_name="/delete_run")
    assert client.predict(1, "of films", api_name="/runs") == []
    assert client.predict(run, api_name="/restore_run") == "finished"
    assert client.predict(1, "of films", api_name="/runs")[0]["run"] == run
    with zipfile.ZipFile(client.predict(run, api_name="/export_student")) as archive:
        assert "student/predict.py" in archive.namelist()
    with zipfile.ZipFile(client.predict(run, api_name="/export_baseline")) as archive:
        assert "baseline/weights.npz" in archive.namelist()
    with zipfile.ZipFile(client.predict(run, api_name="/export_control")) as archive:
        assert "control/predict.py" in archive.namelist()
    from gradio_client import handle_file

    answers = Path(client.predict(run, handle_file(toy_csv), api_name="/predict_file")).read_text(encoding="utf-8")
    assert len(answers.splitlines()) == 21 and set(answers.splitlines()[0].split(",")) >= {"text"}
    bundle = client.predict(run, api_name="/export_run")
    again = client.predict(handle_file(bundle), api_name="/import_run")
    assert again != run and client.predict(again, api_name="/run")["scores"] == report["scores"]


def test_a_file_of_ones_own_is_uploaded_and_looked_at(client: Any, toy_csv: Path) -> None:
    from gradio_client import handle_file

    address = client.predict(handle_file(toy_csv), api_name="/upload_file")
    found = client.predict({"task": "file", "train": address}, 3, api_name="/inspect_data")
    assert (
        found["columns"]["label"] == "label" and set(found["labels"]) == {"good", "bad"} and len(found["sample"]) == 3
    )


def test_what_there_is_to_choose_from_is_told(client: Any) -> None:
    assert "bilstm" in client.predict(api_name="/parts")["students"]
    assert client.predict(api_name="/teachers")[0]["name"] == "builtin"
    known = {knob["name"]: knob for knob in client.predict(api_name="/knobs")}
    assert known["lr"]["type"] == "float" and known["task"]["choices"]
    assert set(client.predict(api_name="/settings")) == {"preset", "size"}
    told = client.predict({"task": "reviews"}, False, api_name="/estimate_cost")
    assert told == {} or told["seconds"] > 0


HOSTILE = (None, [], {"a": {}}, "<script>alert(1)</script>", 1e308, -1, "\ud800", ["x"] * 3)


def test_no_argument_makes_an_error_of_ours(app: str) -> None:
    """Whatever stands where an id, a number or the knobs should stand: a sentence, never a fault of the server."""
    through_files = {
        "upload_file",
        "import_run",
        "export_run",
        "export_student",
        "export_baseline",
        "export_control",
        "predict_file",
    }
    for name in sorted(set(ACTIONS) - through_files):
        for value in HOSTILE if ACTIONS[name] else ():
            sent = json.dumps({"data": [value] * len(ACTIONS[name])}).encode()
            request = urllib.request.Request(f"{app}/gradio_api/run/{name}", sent, {"content-type": "application/json"})
            try:
                urllib.request.urlopen(request, timeout=60).close()
            except urllib.error.HTTPError as refused:
                said = json.load(refused).get("error")
                assert said and said != translate("host.mistake"), (name, value)


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_odd_values_are_answered_with_a_sentence(app: str, action: str) -> None:
    """Too few of them, of another kind, or a file that nobody uploaded: never `null`."""
    file = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}
    for given in ([], [None], [file], [[]], [{"a": 1}, [], []], ["\ud800"], [5, None, None]):
        asked = urllib.request.Request(
            f"{app}/gradio_api/run/{action}", json.dumps({"data": given}).encode(), {"content-type": "application/json"}
        )
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:
                assert "data" in json.load(answer), given
        except urllib.error.HTTPError as error:
            said = json.load(error)
            assert len(said.get("error") or str(said.get("detail", ""))) > 20, (given, said)
            assert said.get("error") != translate("host.mistake"), given


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


def test_a_page_of_another_origin_reads_nothing_and_sends_no_header_of_its_own(app: str) -> None:
    """As a browser asks: before a header, and by what it hands to the page that asked."""
    for origin in ("https://evil.example", "null", "http://localhost:9999"):
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST",
                 "Access-Control-Request-Headers": "x-forwarded-host, content-type"}  # fmt: skip
        for method, path in (("OPTIONS", "/gradio_api/run/start_run"), ("GET", "/config"), ("GET", "/de/config")):
            request = urllib.request.Request(app + path, headers=asked, method=method)
            with urllib.request.urlopen(request, timeout=30) as answer:
                assert answer.headers["Access-Control-Allow-Origin"] is None, (origin, path)
    headers = {"Origin": "https://evil.example", "Content-Type": "text/plain"}  # needs no leave of a browser
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(f"{app}/gradio_api/upload", b"x", headers), timeout=30)
    assert refused.value.code == 403


def test_the_page_says_what_it_may_load(app: str) -> None:
    with urllib.request.urlopen(app) as answer:
        assert "frame-ancestors" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_drawing_library_comes_from_its_package(app: str) -> None:
    with urllib.request.urlopen(f"{app}/assets/plotly.min.js") as answer:
        library = answer.read()
    assert b"plotly.js v" in library[:400]
    for _ in range(2):
        asked = urllib.request.Request(f"{app}/assets/plotly.min.js", headers={"accept-encoding": "gzip, br"})
        with urllib.request.urlopen(asked) as answer:
            packed = answer.read()
            assert answer.headers["content-encoding"] == "br" and int(answer.headers["content-length"]) == len(packed)
        assert len(packed) < len(library) / 3 and brotli.decompress(packed) == library


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
