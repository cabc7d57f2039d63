"""The guided path in a real browser, over the real engine: an own file from drop to side-by-side answers."""

import csv
import io
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from browsing import EVENT, FRAMES, goto
from toy import TOY

from distill_core import ENDED
from distill_core.tasks.synthetic import grammar

pytestmark = pytest.mark.timeout(280)


@pytest.fixture(scope="module")
def own_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty rows with columns that have to be guessed, and a text that would run if it were taken as HTML."""
    path = tmp_path_factory.mktemp("own") / "my reviews.csv"
    rows = [
        (f"{text} {extra}", label)
        for label, texts in TOY.items()
        for text in texts
        for extra in ("", "indeed", "today")
    ]
    rows[0] = ("<img src=x onerror=document.title='pwned'> a warm film", "good")
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("id", "review", "opinion"), *((n, *row) for n, row in enumerate(rows))])
    return path


ZOOM = """() => { const plot = document.querySelector('#live [data-plot=loss]')
  return [plot.layout.xaxis.range, plot.data[0].x.at(-1)] }"""


ZOOMED = "() => document.querySelector('#live [data-plot=loss]').layout.xaxis.autorange === false"

# the live view's questions meet nobody: a whole browser that is offline would fill the console with its own errors
AWAY = """() => { window.kept = window.fetch
  window.fetch = (to, ...more) => String(to).includes('component_server')
    ? Promise.reject(new TypeError('away')) : window.kept(to, ...more) }"""


def drop(page: Any, file: Path) -> None:
    """Chooses "your own file" and drops `file`."""
    page.locator("#tasks label", has_text="Your own file").click()
    page.locator("#train-file input[type=file]").set_input_files(str(file))


def read(page: Any, file: Path) -> None:
    """Drops `own_csv` and waits for its rows: those of the built-in example may still be on their way."""
    drop(page, file)
    page.wait_for_function("() => document.querySelector('#column-label input')?.value === 'opinion'")
    page.locator("#about-data table").wait_for()


def set_up(page: Any, app: str, file: Path, teacher: Path) -> None:
    """Opens the page and fills in a run that takes seconds."""
    page.goto(app)
    read(page, file)
    goto(page, "Teacher")
    page.locator("#teachers label", has_text="Another").click()
    page.locator("#teacher-name input").fill(str(teacher))
    page.locator("#teacher-name input").press("Enter")
    # a folder holds a teacher that knows the task, so the tick that the first suggestion had is taken away
    page.wait_for_function("() => !document.querySelector('#fine-tune input').checked")
    goto(page, "Distil")
    page.get_by_text("Student and training settings").click()
    page.get_by_label("Vector width", exact=True).fill("16")
    page.locator("#knob-epochs textarea, #knob-epochs input").fill("5")


def ended(page: Any, seconds: float = 150) -> str:
    """Waits for the run's end; its status line where it did not finish."""
    over = ",".join(f"#live .live[data-status={status}]" for status in ENDED)
    page.locator(over).wait_for(timeout=1000 * seconds)
    status = page.locator("#live .live").get_attribute("data-status")
    return status if status == "finished" else f"{status}: {page.locator('#live').inner_text()}"


IN_SIGHT = """(node) => { const box = node.getBoundingClientRect()
  const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2)
  return box.bottom <= innerHeight && node.contains(top) }"""


@pytest.mark.parametrize("size", [(1280, 800), (390, 844)], ids=str)
def test_start_and_the_way_on_are_always_in_sight(page: Any, app: str, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(app)
    page.locator("#about-data table").wait_for()
    for step, way in (("Task", "#to-teacher"), ("Teacher", "#to-augment"), ("Augment", "#to-distil")):
        goto(page, step)
        for share in (0, 0.5, 1):
            page.evaluate(f"() => scrollTo(0, {share} * document.documentElement.scrollHeight)")
            page.evaluate(FRAMES)
            for button in ("#start-now", way):
                assert page.locator(button).evaluate(IN_SIGHT), (step, share, button)
    goto(page, "Distil")
    page.evaluate("() => scrollTo(0, 0)")
    page.evaluate(FRAMES)
    assert page.locator("#start").evaluate(IN_SIGHT)


def test_an_own_file_from_drop_to_download(page: Any, app: str, own_csv: Path, tiny_teacher: Path) -> None:
    set_up(page, app, own_csv, tiny_teacher)
    goto(page, "Task")
    about = page.locator("#about-data")
    assert "good" in about.inner_text() and "bad" in about.inner_text()
    assert about.locator("tbody tr").count() == 8
    assert page.locator("#column-text input").input_value() == "review"
    assert page.locator("#column-label input").input_value() == "opinion"

    goto(page, "Augment")
    page.locator("#augment-text textarea").fill("a warm and funny film with friendly staff and quick service")
    page.locator("#preview").click()
    page.locator("#offspring .child").nth(1).wait_for()
    assert page.locator("#offspring del").count() + page.locator("#offspring ins").count() > 0
    assert page.locator("#offspring .bars").count() >= 2
    page.locator("#skip-augment").click()
    page.locator("#step-distil").wait_for()
    page.locator("#start").click()
    page.wait_for_url(re.compile(r"run="))
    assert ended(page) == "finished"
    assert page.locator("#live .stages .done").count() == 7
    page.locator("#live [data-plot=score] .scatterlayer .trace").first.wait_for()
    for line in ("Teacher", "Control", "Floor"):
        page.locator("#live [data-plot=score]", has_text=line).wait_for()

    page.reload()
    comparison = page.locator("#comparison")
    comparison.locator("tr.teacher").wait_for()
    assert comparison.locator(".cards tbody tr").count() == 4
    assert comparison.locator(".scores .interval").count() == 4
    page.locator("#plots [data-plot=bytes] .trace").first.wait_for()
    closer = page.locator("#closer")
    assert closer.locator(".split li").count() == 4 and closer.locator(".confusion:visible").count() == 0
    closer.locator("summary").first.click()
    assert closer.locator(".confusion:visible").count() == 2
    assert "%" in comparison.locator(".headline").inner_text()
    page.locator("#try-text textarea").fill("what a charming and warm little film")
    page.locator("#ask-both").click()
    page.locator("#both .bars.teacher").wait_for()
    assert page.locator("#both .bars.student .bar").count() == 2
    answered = page.locator("#both").inner_text()
    # A scored row that is clicked is tried above, whoever is right on it.
    page.evaluate("""() => document.querySelector('#differ-rows p[role=status], #differ-rows .note')
        .insertAdjacentHTML('afterend', '<button data-row="0">first</button>')""")
    page.locator("#differ-rows button[data-row='0']").last.click()
    page.wait_for_function("() => !document.querySelector('#try-text textarea').value.startsWith('what a charming')")
    first = page.locator("#try-text textarea").input_value()
    page.wait_for_function("(before) => document.querySelector('#both').innerText !== before", arg=answered)
    assert first in own_csv.read_text(encoding="utf-8")
    with page.expect_response(EVENT):  # the live view, which hears only now that the run has ended
        goto(page, "Distil")
    goto(page, "Compare")
    with page.expect_download() as caught:
        page.locator("#download").click()
    names = zipfile.ZipFile(io.BytesIO(Path(caught.value.path()).read_bytes())).namelist()
    assert any(name.endswith("predict.py") for name in names)
    assert any(name.endswith("model.safetensors") for name in names)
    with page.expect_download() as caught:
        page.locator("#download-html").click()
    assert Path(caught.value.path()).read_text("utf-8").startswith("<!doctype html>")
    with page.expect_download() as caught:
        page.locator("#download-floor").click()
    names = zipfile.ZipFile(io.BytesIO(Path(caught.value.path()).read_bytes())).namelist()
    assert {"baseline/predict.py", "baseline/README.md", "baseline/weights.npz"} <= set(names)
    with page.expect_download() as caught:
        page.locator("#download-floor-html").click()
    assert "This is the row floor." in Path(caught.value.path()).read_text("utf-8")

    # The rows whose labels may be wrong, of the training and of the test: here there may be none.
    for place, name in (("closer", "labels"), ("differ-rows", "test-labels")):
        page.evaluate(
            """(place) => document.querySelector(`#${place} :is(.apart, p)`)
            .insertAdjacentHTML('afterend', '<button data-save>Save</button>')""",
            place,
        )
        with page.expect_download() as caught:
            page.locator(f"#{place} button[data-save]").last.click()
        assert caught.value.suggested_filename.startswith(f"{name}-")
        assert Path(caught.value.path()).read_text("utf-8-sig").startswith("file,row,text,label,teacher,p teacher")

    # A next step that is taken on this page: the button below is pressed, and the run stays in the address.
    page.evaluate("""() => document.querySelector('#comparison .headline').insertAdjacentHTML('afterend',
        '<a data-place="#download-control" href="./#download-control">Take the control</a>')""")
    with page.expect_download() as caught:
        page.locator("#comparison a[data-place='#download-control']").last.click()
    assert "run=" in page.url
    names = zipfile.ZipFile(io.BytesIO(Path(caught.value.path()).read_bytes())).namelist()
    assert {"control/predict.py", "control/README.md", "control/model.safetensors"} <= set(names)

    page.get_by_text("Answer a whole file").click()
    page.locator("#predict-drop input[type=file]").set_input_files(str(own_csv))
    page.locator("#predicted table").wait_for()
    assert "60 texts answered" in page.locator("#predicted").inner_text()
    with page.expect_download() as caught:
        page.locator("#save-predictions").click()
    with Path(caught.value.path()).open(encoding="utf-8", newline="") as answers:
        assert next(csv.reader(answers)) == ["id", "review", "opinion", "label", "p bad", "p good"]
    assert page.locator("#both .bars.student .bar").count() == 2  # nothing of it was taken back
    assert page.title().endswith("Stillroom")  # and not what the hostile row would call it


def test_the_first_path_on_the_built_in_example(page: Any, app: str) -> None:
    """Open, three times Next, Start. Only the amount of training is turned down, to spare the tests' time."""
    page.goto(app)
    about = page.locator("#about-data")
    about.locator("table").wait_for()
    assert "synthetic" in about.inner_text() and "synthetic" in page.locator("#tasks label.selected").inner_text()
    page.locator("#to-teacher").click()
    assert "far more labelled texts" in page.locator("#teachers label.selected").inner_text()
    page.locator("#ask-text textarea").fill("The screen is not dull at all.")
    page.locator("#ask").click()
    page.locator("#answer .bar").nth(1).wait_for()
    shares = page.locator("#answer .value").all_inner_texts()
    page.locator("#answer input[type=range]").fill("10")
    assert page.locator("#answer .value").all_inner_texts() != shares  # the temperature works without the server
    page.locator("#to-augment").click()
    page.get_by_label("number input for Passes").fill("0")
    page.locator("#knob-neighbours").locator("input, textarea").fill("0")
    page.locator("#to-distil").click()
    page.get_by_text("Student and training settings").click()
    page.locator("#knob-epochs textarea, #knob-epochs input").fill("1")
    page.locator("#start").click()
    assert ended(page) == "finished"
    times = page.locator("#live .log time").all_inner_texts()
    assert times and all(re.fullmatch(r"\d\d:\d\d:\d\d", time) for time in times)  # a line each, without AM and PM
    page.locator("#open-compare").click()
    page.locator("#try-text textarea").fill("The screen is not dull at all.")
    page.locator("#ask-both").click()
    page.locator("#both .bars.teacher").wait_for()
    assert page.locator("#comparison .cards tbody tr").count() == 4


def test_no_new_texts_means_none_with_near_words_either(page: Any, app: str) -> None:
    page.goto(app)
    near, bank = (page.locator(f"#knob-{name}").locator("input, textarea") for name in ("neighbours", "bank"))
    goto(page, "Augment")
    page.locator("#more-sources button").first.click()
    bank.fill("owner/name")
    for button, wanted in (("#skip-augment", "0"), ("#use-these", "auto")):
        goto(page, "Augment")
        page.locator(button).click()
        page.locator("#step-distil").wait_for()
        assert near.input_value() == wanted and bank.input_value() == ""
        assert (page.locator("#knob-n_iter input").first.input_value() == "0") == (wanted == "0")


def test_a_mistake_is_told_at_the_step_and_nothing_typed_is_lost(page: Any, app: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_text("text,label\na good one,yes\none,two,three\n", encoding="utf-8")
    page.goto(app)
    drop(page, broken)
    told = page.locator("#about-data .note.error")
    told.wait_for()
    assert "3" in told.inner_text() and "broken.csv" in told.inner_text()
    page.locator("#recipe .refused", has_text="broken.csv").wait_for()
    with page.expect_download() as caught:
        page.locator("#example-csv").click()
    assert Path(caught.value.path()).read_text(encoding="utf-8").startswith("text,label\n")
    goto(page, "Distil")
    page.locator("#start").click()
    page.locator("#distil-message .note.error", has_text="broken.csv").wait_for()
    page.get_by_text("Student and training settings").click()
    rate = page.locator("#knob-lr").locator("input, textarea")
    page.wait_for_function("() => document.querySelector('#knob-lr').querySelector('input, textarea').value === 'auto'")
    rate.fill("99")
    page.locator("#start").click()
    page.locator("#distil-message .note.error", has_text="“Learning rate” can't be '99'").wait_for()
    assert rate.input_value() == "99"


def test_a_run_stops_and_history_knows_it(page: Any, app: str, own_csv: Path, tiny_teacher: Path) -> None:
    set_up(page, app, own_csv, tiny_teacher)
    page.locator("#knob-epochs textarea, #knob-epochs input").fill("1000")
    page.locator("#start").click()
    page.wait_for_url(re.compile(r"run="))
    page.locator("#live .trace").first.wait_for(timeout=120_000)
    page.reload()  # in mid-run: the same run, the same step
    page.locator("#live .trace").first.wait_for(timeout=60_000)
    page.locator("#live [data-plot=loss] .nsewdrag").hover()  # once it stands still
    plot = page.locator("#live [data-plot=loss] .nsewdrag").bounding_box()
    page.mouse.move(plot["x"] + 40, plot["y"] + 40)
    page.mouse.down()
    page.mouse.move(plot["x"] + 160, plot["y"] + 140, steps=4)
    page.mouse.up()
    page.wait_for_function(ZOOMED)
    zoomed, newest = page.evaluate(ZOOM)
    page.wait_for_function(f"() => ({ZOOM})()[1] > {newest}")
    assert page.evaluate(ZOOM)[0] == zoomed  # new points came, what the user looks at stayed
    page.evaluate(AWAY)
    page.locator("#live .lost:visible").wait_for()  # the server is away, and the page says so
    newest = page.evaluate(ZOOM)[1]
    page.evaluate("() => { window.fetch = window.kept }")
    page.locator("#live .lost").wait_for(state="hidden")
    page.wait_for_function(f"() => ({ZOOM})()[1] > {newest}")  # back again, and the curve goes on
    page.locator("#stop").click()
    sure = page.locator("#live dialog[open] .yes")  # where it has learnt for more than a minute
    sure.or_(page.locator("#live .live:is([data-status=stopping], [data-status=stopped])")).first.wait_for()
    if sure.is_visible():
        sure.click()
    page.locator("#live .live[data-status=stopped]").wait_for(timeout=120_000)
    run = page.url.partition("run=")[2]
    page.goto(f"{app}/history")
    row = page.locator("#runs tr", has=page.locator(f"a[href*='{run}']"))
    row.wait_for()
    assert "Stopped" in row.inner_text()


def test_a_phone_scrolls_only_one_way(chromium: Any, app: str) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(app)
    page.locator("#tasks").wait_for()
    for step in ("Task", "Teacher", "Augment", "Distil", "Compare"):
        goto(page, step)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, step
    page.goto(f"{app}/history")
    page.locator("#runs").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()


def test_what_one_task_was_told_stays_there_when_another_is_chosen(page: Any, app: str, own_csv: Path) -> None:
    page.goto(app)
    read(page, own_csv)
    page.locator("#column-label input").fill("nothing")
    page.locator("#column-label input").press("Enter")
    page.locator("#about-data .note.error", has_text="nothing").wait_for()
    page.locator("#tasks label", has_text="Reviews").click()
    page.locator("#about-data", has_text="synthetic").wait_for()  # and not "has no column"
    page.locator("#tasks label", has_text="Your own file").click()
    page.locator("#about-data .note.error", has_text="nothing").wait_for()
    assert page.locator("#column-label input").input_value() == "nothing"


def test_an_unknown_run_is_told(page: Any, app: str) -> None:
    page.goto(f"{app}/?run=nothing<script>")
    page.locator("#again h2", has_text="no run").wait_for()
    assert page.locator("#step-task").is_visible() and page.locator("#again .ways a").count() in (2, 3)
    page.locator("#again .ways a", has_text="Look in the history").click()
    page.wait_for_url("**/history")


def messy(folder: Path) -> Path:
    """300 rows as people bring them: a semicolon between the columns, a column without a name, blank cells and labels
    in both cases."""
    path = folder / "export (3).csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.writer(file, delimiter=";")
        table.writerow(["", "Ticket", "Kundentext", "Sentiment", "agent"])
        for number, (text, label) in enumerate(grammar.reviews("run", 11, 300)):
            shown = "" if number % 50 == 7 else text
            label = "" if number % 60 == 9 else label.upper() if number % 9 == 4 else label
            table.writerow([number, f"T-{number:04}", shown, label, "Ana" if number % 2 else ""])
    return path


def test_a_messy_file_ends_with_a_useful_student_and_all_its_columns(page: Any, app: str, tmp_path: Path) -> None:
    file = messy(tmp_path)
    page.goto(app)
    drop(page, file)
    page.wait_for_function("() => document.querySelector('#column-label input')?.value === 'Sentiment'")
    about = page.locator("#about-data")
    about.locator("table").wait_for()
    assert page.locator("#column-text input").input_value() == "Kundentext"
    found = about.inner_text().replace("\xa0", " ")
    assert "6 rows of export (3).csv left out: no text." in found
    assert "'negative', 'NEGATIVE' differ by case alone" in found
    assert "5 more texts that the teacher will label" in found
    page.locator("#knob-merge_labels input").check()
    page.wait_for_function("() => !document.querySelector('#about-data').innerText.includes('POSITIVE')")
    goto(page, "Teacher")
    page.locator("#teachers label", has_text="Another").click()
    page.locator("#teacher-name input").fill("builtin")
    page.locator("#teacher-name input").press("Enter")
    page.wait_for_function("() => !document.querySelector('#fine-tune input').checked")
    goto(page, "Augment")
    page.locator("#knob-neighbours").locator("input, textarea").fill("8")  # of forty, to spare the tests' time
    goto(page, "Distil")
    page.locator("#start").click()
    page.wait_for_url(re.compile(r"run="))
    assert ended(page) == "finished"
    page.locator("#open-compare").click()
    student = page.locator("#comparison .scores tr.student").first.inner_text()
    reached = float(re.findall(r"(\d+\.\d)\s%", student)[0])
    labels = [label for _, label in grammar.reviews("run", 11, 300)]
    assert reached > 100 * max(labels.count(label) for label in set(labels)) / len(labels) + 10

    page.get_by_text("Answer a whole file").click()
    page.locator("#predict-drop input[type=file]").set_input_files(str(file))
    page.locator("#predicted table").wait_for()
    with page.expect_download() as caught:
        page.locator("#save-predictions").click()
    with Path(caught.value.path()).open(encoding="utf-8-sig", newline="") as answers:
        head, *rows = csv.reader(answers, delimiter=";")  # as the file had it
    assert head == [
        "column 1", "Ticket", "Kundentext", "Sentiment", "agent", "label", "p negative", "p positive", "note",
    ]  # fmt: skip
    assert len(rows) == 300 and [row[1] for row in rows] == [f"T-{number:04}" for number in range(300)]
    unanswered = [number for number, row in enumerate(rows) if not row[head.index("label")]]
    assert unanswered == [number for number in range(300) if number % 50 == 7]
    assert all(rows[number][-1] for number in unanswered)
