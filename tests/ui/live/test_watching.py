"""One run, watched: in two tabs, after a reload, by a page that slept, under a server that went away and came back; and
stopped in the end, with what it learned so far compared.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from browsing import FRAMES

from distill_core.runs.store import Store
from scripts.served import App, served
from ui.i18n.translate import translate

pytestmark = pytest.mark.timeout(280)

CURVE = """() => { const lines = document.querySelector('#live [data-plot=loss]')?.data ?? []
  const line = lines.find((line) => line.meta === 'student/loss')
  return line ? [line.x, line.y] : [[], []] }"""


# what the page says of its connection, from now on
HEAR = """() => { const said = document.querySelector('#live .lost')
  window.heard = []
  new MutationObserver(() => window.heard.push(said.textContent)).observe(said, { childList: true }) }"""


EVENT = re.compile("/gradio_api/(run|queue)/")


class Events:
    """The events of a tab that are on their way to the server or back, the live view's questions aside."""

    def __init__(self, tab: Any):
        self.tab, self.asked = tab, set()
        tab.on("request", lambda asked: self.asked.add(asked) if EVENT.search(asked.url) else None)
        for end in ("requestfinished", "requestfailed"):
            tab.on(end, lambda asked: self.asked.discard(asked))

    def wait(self) -> None:
        """Until there are none, nor any that the last answers set off."""
        self.tab.evaluate(FRAMES)
        while self.asked:
            self.tab.evaluate(FRAMES)


class Server:
    """An app that can be ended and started again at the same address, over the same home."""

    def __init__(self, place: Path):
        self.place, self.port = place, None
        self._life = ExitStack()
        self.start()

    def start(self) -> App:
        app = self._life.enter_context(served(self.place, port=self.port))
        self.address, self.port = app.address, int(app.address.rpartition(":")[2])
        return app

    def end(self) -> None:
        self._life.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("app"))
    yield server
    server.end()
    print((server.place / "log.txt").read_text(errors="replace"))


@pytest.fixture(scope="module")
def app(server: Server) -> str:
    return server.address


@pytest.fixture(scope="module")
def passed_over(passed_over: tuple[str, ...]) -> tuple[str, ...]:
    """And what Chromium itself says of every question to a server that is away."""
    return (*passed_over, "Failed to load resource: net::ERR_")


@pytest.fixture(scope="module")
def run(server: Server, learning: Callable[[str], str]) -> str:
    """A run that learns for far longer than this takes."""
    return learning(server.address)


def curve(page: Any, store: Store, run: str, beyond: int = 0) -> int:
    """Waits until the page has drawn the loss beyond that step; the newest drawn. All of it is true, and no stretch of
    it is missing, though of a long curve only some of the points are drawn."""
    page.wait_for_function(
        f"() => ({CURVE})()[0].at(-1) > {beyond} || document.querySelector('#live .trouble:not([hidden])')"
    )
    steps, losses = page.evaluate(CURVE)
    assert steps, page.locator("#live").inner_text()
    said = {step: value for series, step, value in store.points(run)[0] if series == "student/loss"}
    assert losses == [said[step] for step in steps]
    place = [list(said).index(step) for step in steps]
    assert place[0] == 0 and place == sorted(set(place))
    assert max((b - a for a, b in pairwise(place)), default=0) <= 1 + place[-1] / 50
    return steps[-1]


def test_a_run_looks_the_same_from_everywhere_and_outlives_its_server(page: Any, server: Server, run: str) -> None:
    store = Store(server.place / "home")
    page.context.set_default_timeout(60_000)
    page.goto(f"{server.address}/?run={run}")
    while not any(series == "student/loss" for series, _, _ in store.points(run)[0]):
        assert store.run(run).status in ("queued", "running")
        time.sleep(0.1)
    newest = curve(page, store, run)
    other = page.context.new_page()  # a link that is opened late shows all of it
    events = [Events(other)]
    other.goto(page.url)
    newest = curve(other, store, run, newest)
    newest = curve(page, store, run, newest)
    events.append(Events(page))
    page.reload()
    assert page.url.endswith(run)
    newest = curve(page, store, run, newest)

    page.evaluate(HEAR)
    for tab in (page, other):  # with an event on its way Gradio itself says so, and loads the page anew
        tab.locator("#about-data table").first.wait_for(state="attached")
        tab.locator("#recipe .cost:not(.wait)").wait_for(state="attached")
    for one in events:
        one.wait()
    server.end()
    for tab in (page, other):
        tab.locator("#live .lost:visible").wait_for()
    server.start()
    for tab in (page, other):
        tab.locator("#live .lost").wait_for(state="hidden")
    # on a busy machine an answer may be late, and then come, before the server ends
    assert page.evaluate("window.heard")[-2:] == [translate("live.lost"), translate("live.back")]
    assert "The app was closed" in page.locator("#live .log").inner_text()  # and did not die
    newest = curve(page, store, run, newest)
    newest = curve(other, store, run, newest)
    other.close()

    # it has learnt for more than a minute, so Stop asks whether it is meant
    assert store.transition(run, {"running"}, "running", started=time.time() - 100)
    for _ in range(3):  # what stood there already, what was on its way, and what was asked since
        newest = curve(page, store, run, newest)
    sure = page.locator("#live dialog")
    declined: list[Any] = []  # its answer comes late: Stop asks again all the same
    stop = page.evaluate("() => gradio_config.components.find((one) => one.props.elem_id === 'stop').id")

    def delay(route: Any) -> None:
        if declined or route.request.post_data_json["trigger_id"] != stop:
            route.continue_()
        else:
            declined.append(route)

    page.route(EVENT, delay)
    page.locator("#stop").click()
    sure.locator("button", has_text="Let it learn").click()
    sure.wait_for(state="hidden")
    curve(page, store, run, newest)
    page.locator("#stop").click()
    sure.locator(".yes").click()
    declined[0].continue_()
    page.locator("#live .live[data-status=stopped]").wait_for()
    page.locator("#open-compare").click()
    page.locator("#comparison tr.student").first.wait_for()
    assert page.locator("#comparison .cards tbody tr").count() == 3  # the control was switched off
    store.close()
