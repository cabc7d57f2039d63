"""What is typed or chosen while the page waits for an answer counts, however late the answer is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from browsing import EVENT, FRAMES, goto

from distill_core import settings

pytestmark = pytest.mark.timeout(280)

QUEUED = "**/gradio_api/queue/join*"
SERVED = "**/gradio_api/component_server**"


@contextmanager
def late(page: Any, address: str) -> Iterator[None]:
    """What the page asks of that address is not sent before the end."""
    kept: list[Any] = []
    held = True
    page.route(address, lambda route: kept.append(route) if held else route.continue_())
    yield
    held = False
    for route in kept:
        route.continue_()
    page.unroute(address)


def opened(page: Any, app: str, step: str) -> None:
    page.goto(app)
    page.locator("#about-data table").wait_for()
    page.locator("#recipe .cost:not(.wait)").wait_for()
    goto(page, step)


def test_what_is_chosen_while_the_page_waits_counts(page: Any, app: str) -> None:
    """A step that is opened before the page has its first answers, and a task before the last one's came."""
    with late(page, EVENT):
        page.goto(app)
        goto(page, "Distil")
    page.locator("#recipe .cost:not(.wait)").wait_for()
    page.locator("#about-data table").first.wait_for(state="attached")
    assert page.locator("#step-distil").is_visible()

    goto(page, "Task")
    with late(page, EVENT):
        with page.expect_request(EVENT):
            page.locator("#tasks label", has_text="Your own file").click()
        page.locator("#tasks label", has_text="Reviews").click()
    page.locator("#about-data", has_text="synthetic").locator("table").wait_for()
    page.locator("#train-file").wait_for(state="hidden")
    goto(page, "Teacher")
    page.wait_for_function("() => !document.querySelector('#fine-tune input').checked")  # as an own file would need it


def test_what_is_typed_while_the_teacher_answers_stays_and_is_answered(page: Any, app: str) -> None:
    opened(page, app, "Teacher")
    box, asked = page.locator("#ask-text textarea"), []
    page.on("request", lambda one: asked.append(one.post_data_json["data"][0]) if "queue/join" in one.url else None)
    with late(page, QUEUED):
        with page.expect_request(QUEUED):
            page.locator("#ask").click()  # of a row of the data, for the box is empty
        box.fill("The soup was cold.")
    page.locator("#answer .bar").nth(1).wait_for()
    page.locator("#ask:enabled").wait_for()
    assert box.input_value() == "The soup was cold."

    with late(page, QUEUED):
        with page.expect_request(QUEUED):
            page.locator("#ask").click()
        box.fill("The soup was warm.")
        with page.expect_response(EVENT):
            box.press("Shift+Enter")
    with page.expect_request(QUEUED):
        pass
    page.locator("#ask:enabled").wait_for()
    assert asked == ["", "The soup was cold.", "The soup was warm."]


def test_what_is_typed_while_a_preview_is_made_is_previewed(page: Any, app: str) -> None:
    opened(page, app, "Augment")
    box = page.locator("#augment-text textarea")
    box.fill("A warm and funny film with friendly staff.")
    with late(page, QUEUED):
        with page.expect_request(QUEUED):
            page.locator("#preview").click()
        box.fill("The soup was cold and the waiter rude.")
        box.press("Shift+Enter")
    page.locator("#offspring .child", has_text="soup").first.wait_for()


def test_what_is_chosen_is_not_taken_back_by_an_earlier_choice(page: Any, app: str) -> None:
    opened(page, app, "Augment")
    with late(page, EVENT):
        page.locator("#skip-augment").click()
        goto(page, "Distil")
        page.locator("#presets label").nth(1).click()
        page.locator("#sizes label").nth(2).click()
        page.get_by_text("Student and training settings").click()
        # first the preset's epochs, then the size's units, both of which the browser fills in by itself
        filled = """(hidden) => ['epochs', 'hidden'].map((name) => document.querySelector(`#knob-${name}`)
          .querySelector('input, textarea').value).join() === `4,${hidden}`"""
        page.wait_for_function(filled, arg=next(one.knobs["hidden"] for one in settings("size") if one.name == "small"))
        page.evaluate(FRAMES)  # the size's other values are filled in as well
        page.locator("#knob-epochs").locator("input, textarea").fill("7")
        goto(page, "Task")
        page.locator("#tasks label", has_text="MNLI").click()
        goto(page, "Teacher")
        page.locator("#teachers label", has_text="roberta").click()
        tick = page.locator("#fine-tune input")
        page.wait_for_function("() => document.querySelector('#fine-tune input').checked")
        tick.uncheck()
    page.locator("#about-data .empty").wait_for(state="hidden")
    page.locator("#changed-knobs", has_text="→ 7").wait_for(state="attached")
    assert (
        "selected" in page.locator("#teachers label", has_text="roberta").get_attribute("class")
        and not tick.is_checked()
    )
    goto(page, "Distil")
    assert "selected" in page.locator("#sizes label").nth(2).get_attribute("class")
    assert page.locator("#knob-epochs").locator("input, textarea").input_value() == "7"


def test_a_time_fills_what_nobody_changed_meanwhile(page: Any, app: str) -> None:
    opened(page, app, "Teacher")
    card = page.locator("#teachers label", has_text="all-MiniLM-L6-v2").locator("span[data-time*=guessed]")
    shown = card.evaluate("(words) => getComputedStyle(words, '::after').content")
    assert "A run takes about" in shown

    goto(page, "Distil")
    page.get_by_text("Student and training settings").click()
    epochs = page.locator("#knob-epochs").locator("input, textarea")
    with late(page, EVENT):
        page.locator("#minutes label", has_text="as long as it takes").click()
        epochs.fill("7")
    page.locator("#minutes-line", has_text="Chosen").wait_for()
    page.locator("#changed-knobs", has_text="2 → 16").wait_for(state="attached")  # passes of augmentation
    assert epochs.input_value() == "7"
    page.locator("#back-to-preset").click()
    page.locator("#changed-knobs", has_text="All settings are those of").wait_for(state="attached")
    page.locator("#minutes-line", has_text="Chosen").wait_for(state="detached")
    assert page.locator("#minutes label.selected").count() == 0 and epochs.input_value() == "auto"


def test_a_filter_that_is_still_typed_is_not_put_back(page: Any, app: str) -> None:
    with page.expect_response(SERVED):
        page.goto(f"{app}/history")
    page.evaluate(
        """() => { const word = document.querySelector('.filters [name=q]')
        word.value = 'soup'
        word.dispatchEvent(new Event('input', { bubbles: true }))
        document.querySelector('.filters [name=sort]').dispatchEvent(new Event('change', { bubbles: true })) }"""
    )
    page.wait_for_url("**q=soup*")
    assert page.locator(".filters [name=q]").input_value() == "soup"


def test_a_late_answer_of_stop_takes_no_button_away_and_the_last_file_is_answered(
    page: Any, app: str, learning: Callable[[str], str], tmp_path: Path
) -> None:
    page.goto(f"{app}/?run={learning(app)}")
    page.locator("#live .live[data-status=running]").wait_for(state="attached", timeout=150_000)
    page.locator("#live", has_text="best so far, at step").wait_for(timeout=150_000)  # else nothing to compare
    page.locator("#stop").wait_for()
    stop = page.evaluate("() => window.gradio_config.components.find(one => one.props.elem_id === 'stop').id")
    held: list[Any] = []

    def hold_stop(route: Any) -> None:
        if held or route.request.post_data_json["trigger_id"] != stop:  # the page may still be asking for other things
            route.continue_()
        else:
            held.append((route, route.fetch()))

    page.route(EVENT, hold_stop)
    page.locator("#stop").dblclick()  # as one click: a run that is asked to stop twice ends without its comparison
    page.locator("#resume").wait_for(timeout=150_000)
    page.locator("#open-compare").wait_for()
    route, answer = held[0]
    with page.expect_request(EVENT):
        route.fulfill(response=answer)
    page.locator("#resume").wait_for()
    page.unroute(EVENT)

    goto(page, "Compare")
    for name in ("first", "second"):
        (tmp_path / f"{name}.txt").write_text(f"the {name} film", encoding="utf-8")
    page.get_by_text("Answer a whole file").click()
    dropped = page.locator("#predict-drop input[type=file]")
    with late(page, QUEUED):
        with page.expect_request(QUEUED):
            dropped.set_input_files(str(tmp_path / "first.txt"))
        page.locator("#predict-drop button[aria-label=Clear]").click()
        with page.expect_response(lambda one: "/run/predict" in one.url and "second.txt" in one.request.post_data):
            dropped.set_input_files(str(tmp_path / "second.txt"))
    page.locator("#predicted", has_text="the second film").wait_for()
