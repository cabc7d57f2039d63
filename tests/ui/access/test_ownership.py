"""On a public host a run belongs to who started it, and who has its address looks on; at home nobody asks."""

import json
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before Gradio is imported

from gradio.context import LocalContext

import distill_core as core
from distill_core.config.schema import Config
from distill_core.errors import UserError
from distill_core.events import Ended
from distill_core.runs.store import Store
from scripts.served import call, served
from ui import endpoints
from ui.access import ownership
from ui.history import actions, run_list

MINE, THEIRS = "a-key-of-mine-that-is-long", "a-key-of-theirs-that-is-long"
PACKED = Path(__file__).parents[2] / "fixtures" / "506be2f" / "packed.zip"
EARLIER = "a-run-of-an-earlier-disk"


@pytest.fixture
def run(home: Path) -> core.Run:
    return core.run(Store(home).create(Config().model_dump(), name="Mine"))


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Has the requests that follow come with that key."""

    def come(key: str = "", address: str = "127.0.0.1", **headers: str) -> None:
        cookies = {"cookie": f"a=b; {ownership.COOKIE}={key}"}
        LocalContext.request.set(SimpleNamespace(headers=cookies | headers, client=SimpleNamespace(host=address)))

    yield come
    LocalContext.request.set(None)


def changes(run: str) -> list[Any]:
    """Whatever changes a run, tried; what came of each."""
    plain = (endpoints.stop_run, endpoints.resume_run, endpoints.delete_run, endpoints.restore_run)
    ways = [
        *(lambda act=act: act(run) for act in plain),
        lambda: endpoints.rename_run(run, "x"),
        lambda: endpoints.annotate_run(run, "x"),
    ]
    found = []
    for way in ways:
        try:
            found.append(way())
        except UserError as error:
            found.append(str(error))
    return found + [actions.act({"act": act, "run": run, "name": "x"}) for act in (*actions.PLAIN, "edit")]


def test_only_who_started_a_run_changes_it_and_others_look_on(
    run: core.Run, ask: Any, steps: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPACE_ID", "owner/space")
    ask(MINE)
    ownership.assign_owner(run)
    before = run.row
    for strange in (THEIRS, "", "short", MINE + "x"):
        ask(strange)
        told = changes(run.id)
        assert (
            all("Only the browser that started this run can change it" in str(one) for one in told) and len(told) == 11
        ), told
        assert run.row == before
        buttons = steps.distillation.controls(run.id)
        assert not buttons[steps.distillation.stop].visible and not buttons[steps.distillation.resume].visible
        [shown] = run_list.list_runs({"ids": [run.id]})["rows"]
        assert 'data-do="more"' in shown["html"] and "<form" not in shown["more"] and "data-do" not in shown["more"]
        assert endpoints.run(run.id)["status"] == "queued" and endpoints.points(run.id)["points"] == []
    ask(MINE)
    assert steps.distillation.controls(run.id)[steps.distillation.stop].visible
    assert endpoints.rename_run(run.id, "Ours")["run"] == run.id and run.name == "Ours"
    assert endpoints.stop_run(run.id) == "stopped"
    assert MINE not in repr(run.row) and run.row.holder not in json.dumps(endpoints.run(run.id))
    assert not actions.act({"act": "delete", "run": run.id})["failed"]
    ask("", **{"X-Stillroom-Key": MINE})  # a script has no cookies
    assert not actions.act({"act": "restore", "run": run.id})["failed"]


def test_a_run_that_nobody_holds_is_nobodys_to_change_and_on_ones_own_machine_nobody_asks(
    run: core.Run, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask()
    ownership.assign_owner(run)
    assert run.row.holder == "" and ownership.may_change(run)
    monkeypatch.setenv("SPACE_ID", "owner/space")
    ask(MINE)
    assert not ownership.may_change(run)
    ask("")
    assert ownership.assign_owner(run).row.holder == "" and not ownership.may_change(run)
    monkeypatch.delenv("SPACE_ID")
    assert endpoints.stop_run(run.id) == "stopped"


def test_a_visitor_has_two_runs_at_once_and_all_together_sixty(
    home: Path, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(home)

    def start(config: Config, checked: bool, holder: str) -> core.Run:
        return core.run(store.create(config.model_dump(), holder=holder))

    def resume(run: core.Run) -> core.Run:
        store.transition(run.id, ["stopped"], "queued")
        return run

    # neither starts workers, which would for ever take themselves for those of a room
    monkeypatch.setattr(core, "start", start)
    monkeypatch.setattr(core.Run, "resume", resume)
    ask(MINE)
    for _ in range(3):
        ownership.start_run(Config())  # on one's own machine nobody counts
    monkeypatch.setenv("STILLROOM_AUDIENCE", "room")
    first, second = (ownership.start_run(Config()) for _ in "ab")
    with pytest.raises(UserError, match="2.runs of yours have not ended yet. Wait for one of them, or stop one first"):
        ownership.start_run(Config())
    store.transition(second.id, ["queued"], "stopped")
    ownership.resume_run(second)
    with pytest.raises(UserError, match="2.runs of yours"):
        ownership.start_run(Config())
    store.transition(first.id, ["queued"], "stopped")
    ownership.start_run(Config())
    with pytest.raises(UserError, match="2.runs of yours"):
        ownership.resume_run(first)
    assert first.status == "stopped"
    for number in range(27):  # each of whom has a key of their own
        ask(f"{THEIRS}-{number}")
        ownership.start_run(Config())
        ownership.start_run(Config())
    ask("")
    with pytest.raises(UserError, match="Whose run this would be is not known. .* as the header x-stillroom-key"):
        ownership.start_run(Config())
    ask(MINE)
    assert actions.act({"act": "resume", "run": first.id})["failed"] and first.status == "stopped"
    ask(f"{THEIRS}-27")
    ownership.start_run(Config())
    with pytest.raises(UserError, match="60.runs are waiting or computing here already. Try again later"):
        ownership.start_run(Config())


def test_who_takes_a_new_key_for_each_run_fills_a_third_of_the_queue(
    home: Path, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(home)
    monkeypatch.setattr(
        core, "start",
        lambda config, checked, holder: core.run(store.create(config.model_dump(), holder=holder)),
    )  # fmt: skip
    monkeypatch.setattr(ownership, "_addresses", {})
    monkeypatch.setenv("STILLROOM_AUDIENCE", "room")
    keys = (f"{THEIRS}-{number}" for number in range(1000))

    def runs_of(*addresses: str) -> list[core.Run]:
        found = []
        for address in addresses:
            ask(next(keys), address)
            found.append(ownership.start_run(Config()))
        return found

    first, *_ = runs_of(*["10.0.0.9"] * 20)
    with pytest.raises(UserError, match="20.runs from your network address have not ended yet, .* Wait until one of"):
        runs_of("10.0.0.9")
    runs_of("10.0.0.10", *["127.0.0.1"] * 5)  # of whom a proxy on this machine said nothing
    store.transition(first.id, ["queued"], "stopped")
    runs_of("10.0.0.9")
    monkeypatch.setenv("STILLROOM_MAX_RUNS_PER_ADDRESS", "2")
    runs_of("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1")
    with pytest.raises(UserError, match="2.runs from your network address"):
        runs_of("2001:db8::f00:3")
    monkeypatch.setenv("STILLROOM_AUDIENCE", "space")
    runs_of(*["10.0.0.9"] * 3)  # the Space's own proxy
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "10.0.0.0/8")
    with pytest.raises(UserError, match="20.runs from your network address"):
        runs_of("10.0.0.9")
    monkeypatch.setenv("STILLROOM_MAX_RUNS", "32")
    with pytest.raises(UserError, match="32.runs are waiting or computing here already"):
        runs_of("10.1.1.1")


def test_what_is_taken_in_is_the_takers_and_the_key_stays_at_home(
    home: Path, run: core.Run, ask: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(home)
    store.transition(run.id, ["queued"], "running")
    store.append(run.id, [Ended("finished")])
    monkeypatch.setenv("SPACE_ID", "owner/space")
    ask(MINE)
    ownership.assign_owner(run)
    file = core.export_run(run.id, tmp_path / "run.zip")
    ask(THEIRS)
    taken = core.run(endpoints.import_run(str(file)))
    assert ownership.may_change(taken) and not ownership.may_change(run) and taken.row.holder != run.row.holder
    assert run.row.holder.encode() not in file.read_bytes()


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an app that takes itself for a Space with a bucket, which has a run of an earlier disk."""
    place = tmp_path_factory.mktemp("space")
    (place / "bucket").mkdir()
    shutil.copyfile(PACKED, place / "bucket" / f"{EARLIER}.zip")
    public = os.environ | {"SPACE_ID": "owner/space", "GRADIO_SERVER_NAME": "127.0.0.1",
                           "STILLROOM_BACKUP": str(place / "bucket")}  # fmt: skip
    with served(place, environment=public) as running:
        yield running.address


@pytest.mark.timeout(280)
def test_a_browser_gets_its_key_and_a_script_sends_its_own(space: str) -> None:
    from gradio_client import Client

    def page(**headers: str) -> str:
        asked = urllib.request.Request(space, headers={"accept": "text/html"} | headers)
        with urllib.request.urlopen(asked) as answer:
            return next((kept for kept in answer.headers.get_all("set-cookie") or () if ownership.COOKIE in kept), "")

    cookie = page()
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and page() != cookie
    assert "SameSite=None; Secure; Partitioned" in page(**{"x-forwarded-proto": "https"})
    kept = cookie.partition(";")[0]
    assert page(cookie=kept) == ""  # it keeps the one it has

    def call(name: str, *data: Any, **headers: str) -> Any:
        sent = json.dumps({"data": data}).encode()
        asked = urllib.request.Request(
            f"{space}/gradio_api/run/{name}", sent, {"content-type": "application/json"} | headers
        )
        try:
            with urllib.request.urlopen(asked) as answer:
                return json.loads(answer.read())["data"][0]
        except urllib.error.HTTPError as error:
            return json.loads(error.read())["error"]

    run = call("start_run", {"epochs": 1, "n_iter": 0}, cookie=kept)
    assert (
        "Only the browser that started this run can change it" in call("stop_run", run)
        and call("run", run)["run"] == run
    )
    assert call("stop_run", run, cookie=kept) in ("stopped", "stopping")
    script = Client(space, verbose=False, headers={ownership.HEADER: MINE})
    own = script.predict({"epochs": 1, "n_iter": 0}, api_name="/start_run")
    assert "Only the browser that started this run can change it" in call("stop_run", own, cookie=kept)
    assert script.predict(own, api_name="/stop_run") in ("stopped", "stopping")


def test_a_space_has_the_runs_of_its_bucket(space: str) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            assert call(space, "run", EARLIER)["status"] == "finished"
            return
        except RuntimeError:  # not taken in yet
            assert time.monotonic() < until
            time.sleep(0.2)


CALL = """async ([name, data]) => {
  const headers = { "content-type": "application/json" }, body = JSON.stringify({ data: [data] })
  const answer = await fetch(`gradio_api/run/${name}`, { method: "POST", headers, body })
  return (await answer.json()).data[0] }"""


@pytest.mark.timeout(280)
def test_in_the_frame_of_a_space_the_browser_keeps_its_key(chromium: Any, space: str) -> None:
    context = chromium.new_context()
    context.set_default_timeout(120_000)
    page = context.new_page()
    page.route(  # the Hub's page, whose frame a Space stands in
        "https://huggingface.co/",
        lambda route: route.fulfill(content_type="text/html", body=f'<iframe src="{space}"></iframe>'),
    )
    context.route(  # and its proxy
        f"{space}/",
        lambda route: route.continue_(headers=route.request.all_headers() | {"x-forwarded-proto": "https"}),
    )
    page.goto("https://huggingface.co/")
    page.frame_locator("iframe").locator("#steps").wait_for(state="attached")
    [kept] = context.cookies()
    assert kept["name"] == ownership.COOKIE and kept["partitionKey"] == "https://huggingface.co"
    space_page = page.frames[1]
    run = space_page.evaluate(CALL, ["start_run", {"epochs": 1, "n_iter": 0}])
    assert space_page.evaluate(CALL, ["stop_run", run]) in ("stopped", "stopping")
    context.close()
