"""The comparison's pieces: every figure is the summary's, old runs show what they have, hostile names stay text."""

import csv
import inspect
import json
import os
import re
import zipfile
from pathlib import Path
from typing import Any, get_args

import pytest

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before Gradio is imported

import distill_core as core
from distill_core.cli import tables
from distill_core.config.schema import Config
from distill_core.data.dataset import Split
from distill_core.evaluation.baseline import fit_baseline
from distill_core.evaluation.summary import Action
from distill_core.events import Compared, Ended
from distill_core.runs.store import Store
from ui import page
from ui.comparison import analysis, deferral, disagreements, headline, plots, score_table
from ui.components import formatting
from ui.components.formatting import percent
from ui.i18n.translate import LANGUAGES, table

HOSTILE = "<img src=x onerror=alert(1)>"


def score(accuracy: float, **more: Any) -> dict[str, Any]:
    bins = [{"confidence": 0.6, "accuracy": 0.5, "rows": 10}, {"confidence": 0.95, "accuracy": 0.9, "rows": 90}]
    return {
        "accuracy": accuracy, "low": accuracy - 0.02, "high": accuracy + 0.01, "macro_f1": accuracy - 0.1,
        "metric_low": accuracy - 0.15, "metric_high": accuracy - 0.05, "parameters": 1000, "bytes": 4000,
        "latency_ms": 2.0, "latency_p95_ms": 4.0, "texts_per_s": 500.0, "ece": 0.08, "temperature": 1.5,
        "ece_scaled": 0.02, "reliability": bins, "reliability_scaled": bins,
        "per_class": [{"label": HOSTILE, "precision": 0.91, "recall": 0.72, "f1": 0.8, "rows": 60},
                      {"label": "yes", "precision": 0.5, "recall": 0.6, "f1": 0.55, "rows": 40}],
    } | more  # fmt: skip


def summary(**more: Any) -> dict[str, Any]:
    return {
        "scores": {
            "floor": score(0.6, bytes=2000, latency_ms=1.0), "control": score(0.7), "student": score(0.9),
            "teacher": score(0.95, bytes=80_000, latency_ms=30.0),
        },
        "gap_recovered": 0.8, "kept": 0.9 / 0.95, "agreement": 0.93, "rows": {"test": 2000}, "scored_on": "test",
        "labels": [HOSTILE, "yes"],
    } | more  # fmt: skip


def member(student: str, seed: int, accuracy: float, share: float = 1.0) -> dict[str, Any]:
    return {"student": student, "seed": seed, "share": share, "texts": int(5000 * share), "control": score(0.7),
            "student_score": score(accuracy), "gap_recovered": 0.8, "kept": 0.9, "agreement": 0.9}  # fmt: skip


def test_the_four_rows_have_their_intervals_in_numbers_and_drawn() -> None:
    html = score_table.score_table(summary()).replace("\u00a0", " ")
    assert "93.0 % – 96.0 %" in html and html.count('class="interval ') == 4 and "95 % within 4.00 ms" in html
    places = [float(at) for at in re.findall(r"--at:([\d.]+)", html)]
    assert places == sorted(places) and places[0] > 0 and places[-1] < 1  # all four on one scale


def test_a_run_is_told_in_the_metric_by_which_it_chose() -> None:
    told = summary(metric="macro_f1", kept=0.8 / 0.85)
    html = score_table.score_table(told).replace("\u00a0", " ")
    assert html.index("Macro-F1") < html.index(">Accuracy") and "80.0 % – 90.0 %" in html  # the teacher's
    assert "of its macro-F1" in headline.headline(told) and "70.6" in headline.headline(told)  # 0.6 of 0.85


def test_what_the_engine_found_is_told_and_stays_text() -> None:
    told = headline.headline(summary(verdict=[["warning", f"The labels {HOSTILE} hardly differ."]]))
    assert "note warning" in told and "<img" not in told
    assert "14 runs" in score_table.score_table(summary(tests_read=14)) and "runs" not in score_table.score_table(
        summary(tests_read=1)
    )


def test_doublings_are_drawn_and_in_numbers_and_older_runs_have_none() -> None:
    one = {"few": 500, "many": 1000, "rows": 900, "before": 0.712, "after": 0.75, "difference": 0.038, "low": -0.002,
           "high": 0.078}  # fmt: skip
    html = analysis.analysis(summary(doubling={"rows": one, "texts": one | {"many": 4000}})).replace("\u00a0", " ")
    assert "1,000 labelled rows instead of 500: accuracy 71.2 % → 75.0 %, +3.8 points" in html
    assert "4,000 of your texts" in html and html.count('class="interval zero ') == 2
    assert [float(at) for at in re.findall(r"--low:([\d.]+)", html)] == [pytest.approx(0.4872, abs=1e-4)] * 2
    assert "--low" not in analysis.analysis(summary()) and not headline.doublings(summary())


def test_the_agreement_on_each_label_stands_in_its_row_of_the_table() -> None:
    [line, other] = analysis.per_class(summary(class_agreement=[{"label": "yes", "agreement": 0.7}]))["rows"]
    assert other[:3] == ["yes", "40", percent(0.7)] and line[2] == "–"
    assert len(analysis.per_class(summary())["head"]) == len(line) - 1


def test_a_baseline_that_is_ahead_by_chance_is_not_called_better() -> None:
    apart = {"student-floor": {"difference": -0.02, "low": -0.05, "high": 0.01}}
    told = sentence(reaching(floor=0.92) | {"differences": apart})
    assert "ahead of the student, 92.0 % against 90.0 %, but by no more than chance explains." in told
    apart["student-floor"]["high"] = -0.001
    assert "is better than the student" in sentence(reaching(floor=0.92) | {"differences": apart})


def test_rows_on_which_both_contradict_the_label_can_be_looked_at(run: str) -> None:
    html, _ = disagreements.differing(run, "against")
    assert "all agree" not in html, "with the label"
    file = core.run(run).folder / "texts.jsonl"
    doubted = {"text": ["doubted"], "label": "yes", "student": [0.9, 0.1], "teacher": [0.8, 0.2]}
    file.write_text(file.read_text(encoding="utf-8") + "\n" + json.dumps(doubted), encoding="utf-8")
    html, more = disagreements.differing(run, "against")
    assert "doubted" in html and html.count("data-row") == 1 and not more
    assert "doubted" not in disagreements.differing(run, "any", "", 200)[0]


def saved(step: Any, handed: Any) -> list[list[str]]:
    """The rows of the CSV that a handler hands out."""
    value = next(handed)[step.handed].value
    with open(value["path"] if isinstance(value, dict) else value, encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert list(handed) == []
    return rows


def test_rows_whose_label_may_be_wrong_are_saved_with_their_numbers(run: str, steps: Any) -> None:
    step, file = steps.comparison, core.run(run).folder / "texts.jsonl"
    assert "data-save" not in disagreements.differing(run, "against")[0], "there is nothing to save"
    sure = {"label": "yes", "student": [0.9, 0.1]}
    doubted = [{"source": f"{HOSTILE}.csv", "row": 1200 + number, "text": [f"doubted {number}"], **sure,
                "teacher": [share, 1 - share]} for number, share in enumerate((0.7, 0.9))]  # fmt: skip
    file.write_text("\n".join([file.read_text("utf-8"), *map(json.dumps, doubted)]), encoding="utf-8")
    html, _ = disagreements.differing(run, "against")
    assert "Row 1200 of &lt;img src=x onerror=alert(1)&gt;.csv" in html and "data-save" in html
    assert "data-save" not in disagreements.differing(run, "any")[0], "where labels are not in doubt"
    head = ["file", "row", "text", "label", "teacher", "p teacher"]
    name = f"{HOSTILE}.csv"
    assert saved(step, step.contradicted(run, "")) == [
        head, [name, "1201", "doubted 1", "yes", "no", "0.9000"], [name, "1200", "doubted 0", "yes", "no", "0.7000"],
    ]  # fmt: skip
    assert [row[2] for row in saved(step, step.contradicted(run, "0 Doubted"))] == ["text", "doubted 0"]
    row = {"source": "own.csv", "row": 1234, "text": ["=1"], "label": "yes", "teacher": "no", "probability": 0.987}
    (core.run(run).folder / "doubts.jsonl").write_text(json.dumps(row), encoding="utf-8")
    html = steps.comparison.show(run)[steps.comparison.closer]
    assert "Row 1234 of own.csv" in html and html.count("data-save") == 1
    assert saved(step, step.doubtful(run)) == [head, ["own.csv", "1234", "'=1", "yes", "no", "0.9870"]]


def test_labels_that_the_teacher_doubts_are_listed(run: str, steps: Any) -> None:
    row = {"text": [f"{HOSTILE} a", "b"], "label": "yes", "teacher": "no", "probability": 0.987}
    assert f">{'w' * 300} …<" in analysis.analysis(summary(), [row | {"text": ["w" * 9000]}]), "a text is not a page"
    (core.run(run).folder / "doubts.jsonl").write_text(json.dumps(row), encoding="utf-8")
    html = steps.comparison.show(run)[steps.comparison.closer].replace("\u00a0", " ")
    assert "Labels to look at" in html and "&lt;img src=x onerror=alert(1)&gt; a | b" in html and "no 98.7 %" in html
    assert "Labels to look at" not in analysis.analysis(summary())
    step = {"action": "check_labels", "cause": "Look.", "message": None}
    link = headline.next_steps(summary(next_steps=[step]), run)
    assert f'href="./?run={run}#doubtful" data-place="#doubtful"' in link, "the page's base is no part of the address"
    assert '<details class="more" id="doubtful" open>' in analysis.analysis(summary(next_steps=[step]), [row])
    (core.run(run).folder / "doubts.jsonl").unlink()
    assert headline.next_steps(summary(next_steps=[step]), run) == "", "of a run from elsewhere"


def test_every_next_step_can_be_taken_in_the_shell_and_on_the_page() -> None:
    """Each floor of the house declares its own way: an option, a place on the page, a form that is filled in."""
    actions = set(get_args(Action))
    assert set(tables.WAYS) == actions == {*headline.PLACES, *page.NEXT}
    assert not headline.PLACES.keys() & page.NEXT.keys()
    for language in LANGUAGES:
        words = table(language).keys()
        assert {f"next_step.{action}" for action in actions} <= words
        assert {f"again.{action}" for action in page.NEXT} <= words


AT = {"answered": 0.7, "agreement": 0.96, "accuracy": 0.91}
DEFERRAL = {
    "rows": 80, "curve": [AT | {"answered": 0.1, "agreement": 1.0}, AT, AT | {"answered": 1.0, "agreement": 0.88}],
    "levels": [{"wanted": 0.9, "threshold": 0.62, "needed": 29, "at": AT},
               {"wanted": 0.98, "threshold": None, "needed": 149, "at": None}],
}  # fmt: skip


def test_what_the_student_may_hand_on_is_told_with_its_cost() -> None:
    told = summary(deferral=DEFERRAL)
    html = deferral.deferral(told).replace("\u00a0", " ")
    student, teacher = (told["scores"][row]["latency_ms"] for row in ("student", "teacher"))
    seconds = student + 0.3 * teacher
    wanted = [
        "90 %",
        "62.00 %",
        "70.0 %",
        "96.0 %",
        "91.0 %",
        formatting.latency(1000 * seconds).replace("\u00a0", " "),
    ]
    assert re.findall(r"<t[hd][^>]*>(?:<[^>]*>)*([^<]+)", html)[6:12] == wanted
    assert "98 % can’t be promised on 80 validation rows: that takes at least 149" in html
    assert html.count("<circle") == 1 and "80 %" in html  # the axis begins a tenth below the lowest agreement
    assert deferral.deferral(summary()) == "", "of a run of an earlier version"
    assert "When should the teacher answer instead?" in analysis.analysis(told)


def test_who_answers_a_file_can_be_chosen_where_something_is_promised(
    run: str, steps: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, home = steps.comparison, core.run(run).folder.parents[1]
    assert step.show(run)[step.defer].visible is False
    other = Store(home).create(Config().model_dump())
    Store(home).append(other, [Compared(summary(deferral=DEFERRAL)), Ended("finished")])
    shown = step.show(other)[step.defer]
    assert shown.visible is True and shown.value == 0.0 and [share for _, share in shown.choices] == [0.0, 0.9]
    [ninety, _] = DEFERRAL["levels"]
    assert deferral.promises(DEFERRAL | {"levels": [ninety, ninety | {"wanted": 0.95}]}) == [ninety | {"wanted": 0.95}]
    monkeypatch.setenv("SPACE_ID", "somebody/space")
    assert step.show(other)[step.defer].visible is False, "there all would wait for the teacher"


def reaching(**values: float) -> dict[str, Any]:
    """A summary in whose scores some rows reach other values, and the student is 20 times smaller than its teacher."""
    scores = {row: one | {"accuracy": values.get(row, one["accuracy"])} for row, one in summary()["scores"].items()}
    value = {row: one["accuracy"] for row, one in scores.items()}
    gap = value["teacher"] - value["control"]
    recovered = (value["student"] - value["control"]) / gap if gap > 0 else None
    return summary(scores=scores, kept=value["student"] / value["teacher"], gap_recovered=recovered)


def sentence(summary: dict[str, Any]) -> str:
    """The headline as HTML, without what follows it."""
    return headline.headline(summary).partition("</p>")[0].replace("\u00a0", " ").strip()


def test_a_student_below_the_control_recovered_nothing_and_is_not_praised() -> None:
    certain = {"student-control": {"difference": -0.05, "low": -0.09, "high": -0.01}}
    told = sentence(reaching(student=0.65) | {"differences": certain})
    assert told.startswith('<p class="headline">The student ended below the control')
    assert "−" not in told and "of the gap" not in told and "20× smaller" in told and "<b>" not in told
    assert "level with the control" in sentence(reaching(student=0.7))
    assert "more than chance" not in told and "distilling did not pay" in told
    by_chance = {"student-control": {"difference": -0.05, "low": -0.11, "high": 0.01}}
    assert "by no more than chance explains" in sentence(reaching(student=0.65) | {"differences": by_chance})
    # where the teacher is no better than the control there is no gap, but the student may be below both
    assert "ended below the control" in sentence(reaching(student=0.65, teacher=0.68))


def test_a_student_above_the_teacher_keeps_no_more_than_all() -> None:
    told = sentence(reaching(student=0.97))
    assert "better than the teacher (accuracy: <b>97.0 %</b> against 95.0 %)" in told and "keeps" not in told
    assert "closed the whole gap" in told and not re.search(r"1\d\d(\.\d)? %", told)
    below = sentence(reaching())
    assert "keeps <b>94.7 %</b> of its accuracy" in below and "better than" not in below


def test_a_better_baseline_comes_first_and_the_size_is_no_praise() -> None:
    told = sentence(reaching(floor=0.92))
    assert told.startswith(
        '<p class="headline">The simple baseline (TF-IDF) is better than the student: 92.0 % against 90.0 %.'
    )
    assert told.index("baseline") < told.index("20× smaller") and "<b>" not in told
    assert "(TF-IDF) is as good as the student: 90.0 %" in sentence(reaching(floor=0.9))
    assert "baseline" not in sentence(reaching()) and "<b>20×</b>" in sentence(reaching())


def test_the_table_of_members_has_words_where_a_share_means_none() -> None:
    members = [member("bilstm", seed, 0.9) | {"gap_recovered": -0.25, "kept": 1.02} for seed in (0, 1)]
    seeds = {"n": 2, "rows": {}, "gap_recovered": {"mean": 0.4, "low": -0.1, "high": 0.9, "n": 2},
             "kept": {"mean": 1.02, "low": 0.99, "high": 1.05, "n": 2}}  # fmt: skip
    html = score_table.several(summary(members=members, seeds=seeds)).replace("\u00a0", " ")
    assert html.count("better than the teacher (102.0 %)") == 3 and "−" not in html
    assert "40 %<small>below the control – 90 %" in html and html.count("below the control") == 3


@pytest.mark.parametrize("count", [2, 3, 7, 20])
def test_the_confusions_of_many_labels_fit_a_phone(count: int, chromium: Any) -> None:
    labels = [f"complaint about number {number}" for number in range(count)]
    counts = [[1234 if row == column else 0 for column in range(count)] for row in range(count)]
    html = analysis.analysis(summary(labels=labels, confusion={"student": counts, "teacher": counts}))
    sheets = "".join(sheet.read_text(encoding="utf-8") for sheet in Path(analysis.__file__).parents[1].rglob("*.css"))
    tab = chromium.new_page(viewport={"width": 390, "height": 844})
    tab.set_content(f"<style>* {{ box-sizing: border-box }} {sheets}</style><div class='card'>{html}</div>")
    tab.locator("details:has(.confusion) summary").click()
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    boxes = tab.locator(".scroll:has(.confusion)").all()
    assert len(boxes) == 2
    for box in boxes:
        names = box.locator("tbody th")
        assert names.count() == count == box.inner_text().count("%"), "what is none needs no share"
        slides = box.evaluate("(box) => box.scrollWidth > box.clientWidth")
        assert slides == (count > 3), "three labels need no sliding"
        box.evaluate("(box) => box.scrollTo(9999, 0)")
        left, right = (box.locator("tbody tr").last.locator("> *").nth(at).bounding_box() for at in (0, -1))
        frame = box.bounding_box()
        assert left["x"] >= frame["x"] and right["x"] + right["width"] <= frame["x"] + frame["width"]
    tab.close()


def test_long_labels_leave_the_text_its_room(run: str, chromium: Any) -> None:
    label = "product information about ingredients and allergens"
    row = {"text": ["a text of some length that wants to be read"] * 2, "label": label}
    said = {"student": [0.9, 0.1], "teacher": [0.2, 0.8]}
    folder, store = core.run(run).folder, core.run(run)._store
    store.append(run, [Compared(summary(labels=[label, f"{label} too"]))])
    (folder / "texts.jsonl").write_text(json.dumps(row | said), encoding="utf-8")
    html, _ = disagreements.differing(run, "any")
    style = (Path(formatting.__file__).parents[1] / "style.css").read_text(encoding="utf-8")
    tab = chromium.new_page(viewport={"width": 1100, "height": 800})
    tab.set_content(f"<style>* {{ box-sizing: border-box }} {style}</style>{html}")
    assert tab.locator("tbody th").bounding_box()["width"] >= 300
    box = tab.locator(".scroll")
    assert box.evaluate("(box) => box.scrollWidth <= box.clientWidth"), "the labels give way"
    tab.close()


def test_five_findings_are_seen_and_the_rest_is_folded_away() -> None:
    told = headline.headline(summary(verdict=[["info", f"Finding {number}."] for number in range(7)]))
    shown, _, more = told.partition("<details")
    assert "Finding 4." in shown and "Finding 5." not in shown and "2\u00a0more" in more.replace(" ", "\u00a0")
    assert "Finding 6." in more and "<details" not in headline.headline(summary(verdict=[["info", "Finding."]]))


def test_differences_are_drawn_on_both_sides_of_zero() -> None:
    found = {"student-control": {"difference": 0.2, "low": 0.18, "high": 0.22},
             "student-teacher": {"difference": -0.01, "low": -0.02, "high": 0.001}}  # fmt: skip
    html = headline.differences(summary(differences=found)).replace("\u00a0", " ")
    assert "Student minus Control: +20.0 points" in html and "−1.0 points (95 % interval −2.0 points" in html
    right, left = (float(at) for at in re.findall(r"--at:([\d.]+)", html))
    assert left < 0.5 < right


def test_a_closer_look_shows_labels_and_calibration_and_a_hostile_label_stays_text() -> None:
    html = analysis.analysis(summary()).replace("\u00a0", " ")
    assert "91.0 %" in html and "72.0 %" in html and "<img" not in html
    assert html.count("<svg") == 3 and "1.50" in html
    assert "expected calibration error 8.0 % before temperature scaling, 2.0 % after" in html


def test_a_bin_shows_how_many_rows_it_has_and_few_are_faint() -> None:
    rows = {0.15: 0, 0.3: 9, 0.5: 10, 0.75: 1, 0.95: 1234}
    bins = [{"confidence": at, "accuracy": 0.5, "rows": n} for at, n in rows.items()]
    row = score(0.9, reliability=bins, reliability_scaled=bins)
    html = analysis.calibration(summary(scores={"student": row})).replace("\u00a0", " ")
    found = re.findall(r'<circle(?: class="(few)")? [^>]*r="([\d.]+)"><title>.*?in 50 % of (.*?)</title>', html)
    dots = [(kind == "few", float(radius), title) for kind, radius, title in found]
    assert [dot[2] for dot in dots] == ["9 rows", "10 rows", "1 row", "1,234 rows"], "none of 0 rows"
    assert [dot[0] for dot in dots] == [True, False, True, False]
    sizes = [dot[1] for dot in dots]
    assert sorted(sizes) == [sizes[at] for at in (2, 0, 1, 3)], "the more rows, the larger"
    assert html.count('class="after few"') == 3 == html.count('class="before few"') and 'class="after"' not in html
    assert "fewer than 10 rows" in html
    bins[1]["rows"] = bins[3]["rows"] = 10
    html = analysis.calibration(summary(scores={"student": row}))
    assert html.count('class="after"') == 3 and 'few"' not in html
    empty = score(0.9, reliability=bins[:1], reliability_scaled=bins[:1])
    assert "<circle" not in analysis.calibration(summary(scores={"student": empty}))


def test_an_old_run_shows_what_it_has() -> None:
    keys = ("accuracy", "low", "high", "macro_f1", "parameters", "bytes", "latency_ms", "texts_per_s")
    old = summary(scores={row: {key: one[key] for key in keys} for row, one in summary()["scores"].items()})
    assert analysis.analysis(old | {"agreement": None}) == "" and score_table.score_table(old) and plots.figures(old)


def test_nothing_on_the_front_is_beaten() -> None:
    points = [{"x": 4, "y": 0.9}, {"x": 4, "y": 0.7}, {"x": 2, "y": 0.6}, {"x": 80, "y": 0.95}, {"x": 90, "y": 0.95}]
    assert plots.frontier(points) == [2, 0, 3]


def test_the_pictures_hold_all_members_and_the_learning_curve() -> None:
    curve = [{"texts": 500, "accuracy": 0.8, "low": 0.7, "high": 0.85}, {"texts": 5000, "accuracy": 0.9}]
    members = [member("bilstm", 0, 0.9), member("textcnn", 0, 0.88), member("bilstm", 0, 0.8, 0.1)]
    made = json.loads(plots.figures(summary(members=members, learning_curve=curve)))["figures"]
    assert [one["id"] for one in made] == ["bytes", "latency_ms", "texts"]
    assert [point["name"] for point in made[0]["points"][4:]] == ["textcnn, seed 0"]
    assert [point["y"] for point in made[2]["points"]] == [0.8, 0.9] and made[2]["points"][1]["up"] == 0
    assert made[1]["points"][3]["shown"].replace("\u00a0", " ") == "30 ms"


def test_several_seeds_are_told_as_mean_and_row_by_row() -> None:
    seeds = {"n": 2, "rows": {"student": {"mean": 0.91, "low": 0.88, "high": 0.94, "n": 2}}, "kept": None}
    members = [member("bilstm", 0, 0.9), member("bilstm", 1, 0.92), member("bilstm", 0, 0.8, 0.1)]
    html = score_table.several(summary(members=members, seeds=seeds)).replace("\u00a0", " ")
    assert "91.0 %<small>88.0 % – 94.0 %" in html and "bilstm, seed 1" in html and "10 % of the texts" in html
    assert score_table.several(summary(members=members[:1])) == ""


@pytest.fixture
def run(home: Path) -> str:
    """A compared run with 130 rows on which student and teacher differ, every third of them the student's right."""
    store = Store(home)
    run = store.create(Config().model_dump())
    store.transition(run, ["queued"], "running")
    store.append(run, [Compared(summary(labels=["no", "yes"])), Ended("finished")])
    rows = []
    for number in range(131):
        said = {"student": [0.9, 0.1], "teacher": [0.2, 0.8]}
        text = f"{HOSTILE} text {number}"
        rows.append({"text": [text], "label": "yes" if number % 3 else "no", **said})
    rows.append({"text": ["all agree"], "label": "no", "student": [0.9, 0.1], "teacher": [0.9, 0.1]})
    folder = store.folder(run)
    (folder / "texts.jsonl").write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return run


def test_rows_that_differ_are_filtered_searched_and_paged(run: str) -> None:
    html, more = disagreements.differing(run, "any")
    assert html.count("data-row") == 50 and more and "<img" not in html and "all agree" not in html
    html, more = disagreements.differing(run, "any", "", 200)
    assert html.count("data-row") == 131 and not more
    assert disagreements.differing(run, "only_student", "", 200)[0].count("data-row") == 44
    html, _ = disagreements.differing(run, "any", "TEXT 130")
    assert re.findall(r'data-row="(\d+)"', html) == ["130"]
    assert "No such rows" in disagreements.differing(run, "neither")[0]
    assert disagreements.picked(run, 130) == [f"{HOSTILE} text 130"]
    for number in (-1, 10**9, "1", None, 1.5, True):
        assert disagreements.picked(run, number) == [""]


def test_the_step_fills_every_part_for_every_kind_of_run(run: str, home: Path, steps: Any) -> None:
    step = steps.comparison
    parts = {*step.filled}
    assert parts == {*step.show("")} == {*step.show(run)} == {*step.show("no such run")}
    waiting = step.show(Store(home).create(Config().model_dump()))
    assert {*waiting} == parts and "no comparison yet" in waiting[step.about]


def test_what_can_be_taken_home_is_listed_with_size_needs_and_use(run: str, home: Path, steps: Any) -> None:
    step = steps.comparison
    shown = step.show(run)[step.taken]
    assert "The whole run, a zip" in shown and "onnxruntime" not in shown  # this one has no models
    texts = [("good",), ("bad",)] * 5
    fit_baseline(Split(texts, [1, 0] * 5), 2, pair=False).save(core.run(run).folder / "floor", ["no", "yes"], 1.0)
    shown = step.show(run)[step.taken]
    assert "whoever has it can read them" in shown and ">numpy<" in shown.replace("\n", "") and "KB" in shown
    example = Store(home).runs(1, examples=True)[0].id
    assert step.show(example)[step.taken] == ""


def test_the_baseline_is_handed_out_where_the_run_has_one(run: str, steps: Any) -> None:
    step = steps.comparison
    button = step.buttons["download_floor"]
    assert button.elem_id == "download-floor" and step.show(run)[button].visible is False
    texts = [("good",), ("bad",)] * 5
    fit_baseline(Split(texts, [1, 0] * 5), 2, pair=False).save(core.run(run).folder / "floor", ["no", "yes"], 1.0)
    assert step.show(run)[button].visible is True
    handed = step.export_floor(run)
    changes = next(handed)
    value, told = changes[step.handed].value, changes[step.message]
    assert "baseline-" in told and ".zip, " in told and "which needs numpy." in told
    with zipfile.ZipFile(value["path"] if isinstance(value, dict) else value) as archive:
        assert {"baseline/predict.py", "baseline/baseline.json"} <= set(archive.namelist())
    assert list(handed) == []
    assert step.show(run)[step.buttons["download_control"]].visible is False


@pytest.mark.parametrize(
    "handler",
    ["export", "export_control", "export_floor", "scored", "doubtful", "contradicted", "packed", "predictions"],
)
def test_what_is_taken_away_is_there_while_it_is_copied(handler: str, steps: Any) -> None:
    # a function that hands a generator on is no generator to Gradio
    assert inspect.isgeneratorfunction(getattr(steps.comparison, handler))


def test_the_scored_rows_are_saved_and_what_is_not_there_is_told(run: str, home: Path, tmp_path: Path) -> None:
    assert core.save_scored(run, tmp_path / "rows.csv") == 132
    with pytest.raises(core.UserError, match="no scored rows"):
        core.save_scored(Store(home).create(Config().model_dump()), tmp_path / "none.csv")


def test_a_cost_that_the_engine_declares_is_a_column_of_the_page() -> None:
    row, costs = score(0.9), [column for column in core.COLUMNS if column.group == "cost"]
    cells = [score_table.cost_cell(column, row) for column in costs]
    assert [text.replace("\xa0", " ") for text, _ in cells] == ["1,000", "4.0 KB", "2.00 ms", "500"]
    assert [small.replace("\xa0", " ") for _, small in cells] == ["", "", "95 % within 4.00 ms", ""]
    assert score_table.cost_cell(costs[0], {}) == ("–", "")
