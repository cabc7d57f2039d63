"""One process, several languages: who is led where, what is remembered, and what a page's functions then say."""

import threading
from collections.abc import Iterator
from typing import Any

import gradio as gr
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from ui.http.documents import Documents
from ui.http.language import COOKIE, LanguageChoice
from ui.i18n.pages import Languages, build_in_language
from ui.i18n.translate import language, translate, use_language

HTML = {"accept": "text/html"}
PAGE = (
    '<!doctype html>\n<html\n\tlang="en"\n><head>\n<meta name="twitter:title" content="Gradio" /></head>'
    "<body></body></html>"
)


async def shown(request: Request) -> Response:
    return HTMLResponse(PAGE) if request.url.path != "/data" else JSONResponse({"html": "<html lang='en'>"})


@pytest.fixture
def browser() -> TestClient:
    places = ("/", "/history", "/data", "/de/", "/de/history")
    app = Starlette(
        routes=[Route(place, shown) for place in places], middleware=[Middleware(LanguageChoice), Middleware(Documents)]
    )
    return TestClient(app, base_url="http://localhost", headers=HTML, follow_redirects=False)


@pytest.mark.parametrize(
    ("asked", "address", "to"),
    [
        ("de-DE,de;q=0.9,en;q=0.8", "/?run=x", "de/?run=x"),
        ("fr,de;q=0.5,en;q=0.4", "/history", "de/history"),
        ("en-GB,en;q=0.9,de;q=0.8", "/", None),
        ("fr", "/", None),
        ("DE-de", "/", "de/"),
        ("de;q=0,fr;q=nan", "/", None),
        ("de;q=nonsense,,;q=", "/", None),
        ("en", "/de/", None),  # an address that names its language is taken at its word
        ("en", "/de/history?lang=en&run=x", "../history?run=x"),
        ("en", "/de/?lang=en", "../"),
        ("en", "/history?lang=de", "de/history"),
        ("en", "/?lang=xx", None),
        ("de", "/data/file", None),  # not one of the pages
    ],
)
def test_a_visitor_is_led_to_their_language(browser: TestClient, asked: str, address: str, to: str | None) -> None:
    answer = browser.get(address, headers={"accept-language": asked})
    assert answer.headers.get("location") == to


def test_a_choice_is_remembered_and_wins(browser: TestClient) -> None:
    assert "SameSite=lax" in browser.get("/?lang=de").headers["set-cookie"]
    assert browser.get("/history").headers["location"] == "de/history"
    answer = browser.get("/de/?lang=en")
    assert answer.headers["location"] == "../" and browser.cookies[COOKIE] == "en"
    assert browser.get("/", headers={"accept-language": "de"}).status_code == 200
    assert browser.get("/?lang=de", headers={"x-forwarded-proto": "https"}).headers["set-cookie"].endswith("; Secure")
    browser.cookies[COOKIE] = "klingon"
    assert browser.get("/").status_code == 200


def test_only_what_a_browser_opens_as_a_page_is_led_or_dressed(browser: TestClient) -> None:
    script = browser.get("/", headers={"accept": "*/*", "accept-language": "de"})
    assert script.status_code == 200 and 'lang="en"' in script.text
    assert browser.get("/data").json() == {"html": "<html lang='en'>"}


def test_a_document_names_its_language_and_nobody_elses_app(browser: TestClient) -> None:
    page = browser.get("/de/")
    assert 'lang="de"' in page.text and "Gradio" not in page.text and '<link rel="icon" href="data:' in page.text
    plain = browser.get("/de/", headers={"accept-encoding": "identity"})
    assert page.headers["content-encoding"] == "br" and "content-encoding" not in plain.headers
    assert plain.text == page.text and int(plain.headers["content-length"]) == len(plain.content)
    assert 'lang="en"' in browser.get("/").text


def test_whether_there_is_a_page_is_answered_without_making_it(browser: TestClient) -> None:
    made = browser.head("/")
    assert made.status_code == 200 and not made.content and "content-length" in made.headers
    assert made.headers["content-length"] == "0"


def test_an_address_without_a_page_has_one_that_says_so(browser: TestClient) -> None:
    for address, words, home in (("/nothing", "There is no page here", "/"), ("/de/nichts", "Hier ist keine", "/de/")):
        page = browser.get(address)
        assert page.status_code == 404 and words in page.text and f'href="{home}"' in page.text
    assert "<html" not in browser.get("/nothing", headers={"accept": "*/*"}).text


@pytest.mark.parametrize("root", ["/stillroom", ""])
def test_a_page_is_found_behind_a_proxy_that_keeps_its_path_or_strips_it(
    root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_ROOT_PATH", root)

    def make() -> gr.Blocks:
        with gr.Blocks(title=translate("opened", address="x")) as demo:
            gr.Textbox()
        return demo

    others = Languages(make, {}, [Route("/asset.js", lambda request: PlainTextResponse("an asset"))])
    app = FastAPI(routes=others.routes, lifespan=others.lifespan, root_path=root)
    with TestClient(app, base_url="http://localhost") as browser:
        for path in {"/de", f"{root}/de"}:
            page = browser.get(f"{path}/", headers=HTML)
            assert page.status_code == 200 and f"http://localhost{root}/de" in page.text
            assert browser.get(f"{path}/config").json()["root"] == f"http://localhost{root}/de"
            assert browser.get(f"{path}/asset.js").text == "an asset"
        assert browser.get("/stillroomde/").status_code == 404


def test_an_address_without_a_page_leads_back_under_the_proxys_path() -> None:
    app = FastAPI(root_path="/stillroom", middleware=[Middleware(Documents)])
    found = TestClient(app, base_url="http://localhost", headers=HTML).get("/de/nothing")
    assert found.status_code == 404 and 'href="/stillroom/de/"' in found.text


def test_what_a_page_says_later_it_says_in_its_language() -> None:
    def told(request: gr.Request) -> str:
        return translate("history")

    def each() -> Iterator[str]:
        for _ in range(2):
            yield translate("history")

    def points(question: Any) -> str:
        return translate("history")

    def build() -> gr.Blocks:
        with gr.Blocks() as demo:
            live = gr.HTML(translate("theme"), js_on_load="server.points()", server_functions=[points])
            gr.on([demo.load], told, None, live)
            gr.on([demo.load], each, None, live)
        return demo

    demo = build_in_language(build, "de")
    assert language() == "en"
    live = next(part for part in demo.blocks.values() if isinstance(part, gr.HTML))
    assert live.value == "Hell oder dunkel" and live.points(None) == "Verlauf" and live.points._is_server_fn
    first, second = (demo.fns[number].fn for number in sorted(demo.fns))
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(first(None)))
    thread.start()
    thread.join()
    with use_language("en"):
        found += [*second()]
        assert translate("history") == "History"
    assert found == ["Verlauf"] * 3


def test_a_function_that_could_not_keep_its_language_is_refused() -> None:
    async def told() -> str:
        return translate("history")

    def build() -> gr.Blocks:
        with gr.Blocks() as demo:
            demo.load(told, None, None)
        return demo

    with pytest.raises(TypeError, match="told must not be async"):
        build_in_language(build, "de")


def test_a_plain_answer_stays_plain() -> None:
    async def plain(request: Request) -> Response:
        return PlainTextResponse("lang", 404)

    app = Starlette(routes=[Route("/x", plain)], middleware=[Middleware(Documents)])
    assert TestClient(app).get("/x", headers={"accept": "*/*"}).text == "lang"
