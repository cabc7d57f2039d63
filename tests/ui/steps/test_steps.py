"""The words of the steps: what a run costs, what differs from a preset, what the rows showed, who teaches."""

import dataclasses
import json
import os
import re
import time
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from markupsafe import escape

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before Gradio is imported


import distill_core as core
from distill_core import Config, Estimate, KnobError, UserError, settings
from distill_core.api import catalog, estimates
from distill_core.api.session import session
from distill_core.messages import message
from ui.components import formatting
from ui.components import html as components_html
from ui.components.form import OTHER, Form
from ui.i18n import translate
from ui.i18n.translate import use_language
from ui.steps import augmentation, launch_bar, presets, task, teacher, time_budget
from ui.steps.task import EXAMPLE

HOSTILE = "<img src=x onerror=alert(1)>"
STAGES = {"data": 0.4, "teacher": 0.5, "transfer": 1.2, "control": 10.0, "label": 5.0, "student": 12.0, "compare": 6.0}
TOLD = Estimate(STAGES, 26.0, 53.0, 531_000_000, 600, 6000, 8826, 552, "survey")


def typed(form: Form, **values: Any) -> list[Any]:
    """What the controls hold at first, but for `values`."""
    return [values.get(name, control.value) for name, control in form.controls.items()]


def words(html: str) -> str:
    return re.sub(r"<[^>]+>", " ", html).replace(translate.NO_BREAK_SPACE, " ")


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.2, 1), (7.4, 7), (33, 35), (141, 140), (1500, 1500), (1533, 1560), (7300, 7200)],
)
def test_an_estimate_has_as_few_figures_as_it_deserves(seconds: float, told: float) -> None:
    assert formatting.rounded(seconds) == told


def test_the_cost_is_told_with_its_doubt_and_its_ground() -> None:
    told = words(launch_bar.cost(TOLD))
    assert "about 35 s here" in told and "530 MB" in told
    assert "25 s" in told and "55 s" in told and "8,826 texts" in told and "552 training steps" in told
    assert "cache" not in told.partition("Data")[0]
    cached = words(launch_bar.cost(dataclasses.replace(TOLD, cached=("label",), rests_on="runs", runs=3)))
    assert "labels are in the cache already" in cached and "3 similar runs" in cached


def test_nobody_is_asked_what_a_run_without_data_costs(form: Form, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimates, "profile", lambda config: pytest.fail("asked"))
    config, found, line = launch_bar.describe("", form, typed(form, task="file"))
    assert config is not None and found is None and "once your data are read" in words(line)
    config, found, line = launch_bar.describe("", form, typed(form, lr=99))
    assert config is None and "“Learning rate” can't be 99" in unescape(words(line))


def test_a_home_that_cannot_be_written_to_is_told_in_the_bar(form: Form, home: Path) -> None:
    (home / "locks" / "write").mkdir(parents=True)
    session._reading = True
    try:
        config, found, line = launch_bar.describe("", form, typed(form))
        assert config is not None and "can’t hold the runs" in unescape(words(line)).replace("'", "’")
        with pytest.raises(UserError, match="Set STILLROOM_HOME"):
            core.start(config)
    finally:
        session.close()


def test_a_file_that_no_run_could_use_is_refused_in_the_bar_and_at_start(
    form: Form, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimates, "estimate", lambda config: TOLD)  # nothing is measured
    file = tmp_path / "one.csv"
    file.write_text("text,label\na,x\nb,x\nc,x\n")
    given = typed(form, task="file", train=str(file))
    with pytest.raises(core.DataError, match="All 3 labelled rows of one.csv"):
        core.inspect(form.config(given))
    config, found, line = launch_bar.describe("", form, given)
    assert found is None and "All 3 labelled rows of one.csv" in unescape(words(line)) and "refused" in line
    with pytest.raises(core.DataError, match="All 3 labelled rows of one.csv"):
        core.check_data(form.config(given))
    with pytest.raises(core.KnobError, match="needs a training file") as caught:
        core.check_data(form.config(typed(form, task="file")))
    assert caught.value.knob == "train"
    file.write_text("text,label\n" + "".join(f"row {n} says {n},{n % 2}\n" for n in range(40)))
    assert "refused" not in launch_bar.describe("", form, given)[2], "the file has changed"


def test_the_example_file_is_one_that_a_run_can_use() -> None:
    inspection = core.inspect(core.Config.of(task="file", train=str(EXAMPLE), teacher="builtin"))
    assert inspection.labels == ("negative", "positive") and sum(inspection.rows.values()) == 60
    assert inspection.columns == {"text": "text", "label": "label"} and inspection.language == "en"


def test_a_refused_value_is_told_in_the_pages_language(form: Form) -> None:
    with use_language("de"):
        line = launch_bar.describe("", form, typed(form, lr=99, temperature=-0.5))[2]
    told = unescape(words(line))
    assert "„Lernrate“ kann nicht 99 sein: erlaubt sind Werte bis 10." in told
    assert "„Temperatur“ kann nicht −0,5 sein: erlaubt sind Werte über 0." in told


def test_what_is_not_known_is_measured_meanwhile_and_then_told(form: Form, monkeypatch: pytest.MonkeyPatch) -> None:
    known: list[Estimate] = []
    monkeypatch.setattr(estimates, "estimate", lambda config: known[0] if known else None)
    monkeypatch.setattr(estimates, "profile", lambda config: time.sleep(0.2))
    given = typed(form, seed=time.time_ns() % 2**31)
    assert "data-again" in launch_bar.describe("", form, given)[2]
    until = time.monotonic() + 20
    while "data-again" in (line := launch_bar.describe("", form, given)[2]) and time.monotonic() < until:
        time.sleep(0.05)
    assert "only once it runs" in unescape(line)  # tried, and found nothing
    known.append(TOLD)
    assert "about 35 s here" in words(launch_bar.describe("", form, given)[2])


def test_what_is_left_to_the_data_is_told_with_its_reason_and_its_control(
    form: Form, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimates, "estimate", lambda config: TOLD)
    found = [("student", "bilstm_max", message("single texts")), ("lr", 0.004, message("in long texts they do harm"))]
    monkeypatch.setattr(estimates, "choices", lambda config: [core.Choice(*one) for one in found])
    line = launch_bar.describe("", form, typed(form))[2]
    told = unescape(words(line))
    assert "Chosen for your data: 2 settings" in told and "bilstm_max  (single texts)" in told
    assert f'data-change="{form.control("lr").elem_id}" data-step="distil" data-within="settings"' in line
    assert "0.004" in told
    with use_language("de"):
        german = unescape(words(launch_bar.describe("", form, typed(form))[2]))
    assert "Für diese Daten gewählt: 2 Einstellungen" in german and "einzelne Texte" in german and "0,004" in german
    monkeypatch.setattr(estimates, "choices", lambda config: [])
    assert "Chosen" not in launch_bar.describe("", form, typed(form))[2], "while it is not known"


def test_a_refused_value_knows_its_field_and_its_step(form: Form) -> None:
    for values, step in (({"lr": 99}, "distil"), ({"limit": "1"}, "task"), ({"teacher": OTHER}, "teacher")):
        with pytest.raises(KnobError) as caught:
            form.config(typed(form, **values))
        told, at = launch_bar.fault(form, caught.value, 1)
        assert at == step and f'data-field="{form.control(next(iter(values))).elem_id}"' in told
    assert launch_bar.fault(form, UserError("elsewhere"), 1) == ("", "")


def test_every_control_of_the_form_can_be_found_on_the_page(form: Form) -> None:
    ids = [form.control(name).elem_id for name in form.knobs]
    assert all(ids) and len(set(ids)) == len(ids)


@pytest.mark.parametrize("preset", [one.name for one in settings("preset")])
@pytest.mark.parametrize("size", ["", "tiny"])
def test_a_preset_and_a_size_fill_the_form_as_the_command_line_would(form: Form, preset: str, size: str) -> None:
    said = presets._setting_values(form, preset, size, pair=False)
    config = form.config(typed(form, **said))
    named = Config.of(preset=preset, **({"size": size} if size else {}))
    rules = {rule: rate for rule, rate in config.rules.items() if rate}
    assert config.model_dump() | {"rules": rules} == named.model_dump() | {
        "rules": {rule: rate for rule, rate in named.rules.items() if rate}
    }
    assert set(said) <= set(presets.filled(form))


def test_what_differs_from_the_preset_is_named_with_both_values(form: Form) -> None:
    given = typed(form, lr=0.5)
    said = presets._setting_values(form, "best", "", pair=False)
    told = presets.changed(form, "best", said, ["lr"], given)
    assert f"{form.knobs['lr'].label} {said['lr']} → 0.5" in words(told) and 'data-changed="knob-lr"' in told
    assert "→" not in presets.changed(form, "best", said, [], given)


def test_findings_put_warnings_first_and_fold_the_rows_away() -> None:
    items = [
        ("info", "2 rows of train repeated another with the same label and were merged."),
        (
            "warning",
            message(
                "7 rows of train stand in test ({rows}; row {one} “{text}”): taken out ({knob} keeps).",
                rows=message("{n:~row|rows} {numbers}", n=7, numbers="3, 9"),
                one=3,
                text=f"{HOSTILE} (a)",
                knob="leaks=keep",
            ),
        ),
    ]
    html = components_html.findings(items, "Found")
    assert html.index("7 rows") < html.index("2 rows") and "<img" not in html
    summary, folded = re.search(r"<summary>(.*?)</summary><p>(.*?)</p>", html).groups()
    assert "taken out (leaks=keep keeps)." in words(summary) and "rows 3" not in summary
    assert folded.startswith("Rows 3, 9;") and "(a)" in folded
    assert "Please look" in html  # not told by colour alone
    assert components_html.findings([], "Found") == ""


def test_more_than_five_findings_are_folded_away() -> None:
    html = words(components_html.findings([("info", f"Finding {number}.") for number in range(7)], "Found"))
    assert html.index("Finding 4.") < html.index("2 more") < html.index("Finding 5.")
    assert " more" not in words(components_html.findings([("info", "Finding.")] * 5, "Found"))


def test_the_rows_are_counted_in_the_plural_that_fits() -> None:
    rows = {"train": 1, "valid": 4, "test": 2000, "unlabelled": 1}
    inspection = SimpleNamespace(rows=rows, notes=[], sample=[{"text": "a", "label": "b"}], balance={"b": 1})
    told = words(task.about(inspection))
    assert "1 labelled example to learn from, 4 to pick the best version, 2,000 set aside for the final test" in told
    assert ", 1 more text that the teacher will label." in told
    rows |= {"train": 592, "unlabelled": 5904}
    assert "592 labelled examples" in (told := words(task.about(inspection))) and "5,904 more texts" in told


def saved(home: Any, key: str, labels: tuple[str, ...], **more: Any) -> str:
    """A saved teacher of which nothing but its facts is there; returns its name."""
    folder = home / "teachers" / key
    folder.mkdir(parents=True)
    (folder / "key.json").write_text("{}")
    facts = {"base": "a/tiny", "task": "file", "labels": labels, "pair": False, "accuracy": 0.9, "rows": 20,
             "date": "2026-11-29T12:00:00+00:00"}  # fmt: skip
    (folder / "teacher.json").write_text(json.dumps(facts | more))
    return f"kept:{key[:12]}"


def test_a_saved_teacher_is_offered_by_its_title_where_its_labels_fit(home: Any, monkeypatch: Any) -> None:
    ours = saved(home, "0123abcd", ("Positive", "negative"), metric="macro_f1", score=0.93, file="support.csv")
    other = saved(home, "4567abcd", ("bad", "good"), base="sentence-transformers/all-MiniLM-L6-v2")

    def offered(task: str) -> dict[str, str]:
        return {value: words for words, value in teacher.cards(Config(task=task)) if value.startswith("kept:")}

    assert list(offered("sst2")) == [ours] and offered("mrpc") == {} and {*offered("file")} == {ours, other}
    title, facts, _ = offered("file")[ours].split("\n")
    assert title == "tiny, support.csv, 29 Nov, macro-F1 0.93" and "Positive, negative" in facts
    assert words(offered("file")[other]).startswith("MiniLM, own rows, 29 Nov, accuracy 90 %\n")
    monkeypatch.setattr(core, "task_labels", lambda config: ("good", "bad"))
    assert list(offered("file")) == [other]
    chosen = teacher.offered(Config(task="file"), ours)["choices"]  # what is chosen is not taken away
    assert [value for _, value in chosen if value.startswith("kept:")] == [ours, other]


def test_a_title_is_said_in_the_language_that_is_spoken(home: Any) -> None:
    saved(
        home,
        "0123abcd",
        ("a", "b"),
        metric="macro_f1",
        score=0.93,
        file="support.csv",
        date="2026-03-05T12:00:00+00:00",
    )
    with use_language("de"):
        title, facts, _ = teacher.cards(Config(task="file"))[1][0].split("\n")
    assert title == "tiny, support.csv, 5. März, Makro-F1 0,93" and "nachtrainiert" in facts


def test_no_event_names_a_teacher_that_the_server_takes_no_more(form: Form) -> None:
    """One that is on its way while other data are chosen may name a teacher that is offered for the former alone."""
    control = form.controls["teacher"]
    assert control.get_block_name() == "radio"
    assert control.preprocess("kept:0123abcd") == "kept:0123abcd"
    assert not teacher.needs_training("", "reviews") and teacher.needs_training("", "file")


def test_a_teacher_is_told_with_size_place_and_whose_figure_it_is(home: Any) -> None:
    builtin = words(teacher.known_of(catalog.teachers()[0]))
    assert "1.14 M weights" in builtin and "on this machine" in builtin and "as its maker measured" in builtin
    far = next(one for one in catalog.teachers() if one.accuracy and one.kind == "suggestion")
    told = words(teacher.known_of(far))
    assert "to be downloaded, about 268 MB" in told and "91.3 % on SST-2, as published" in told


def test_what_a_teacher_takes_here_is_told_for_these_data() -> None:
    told = words(teacher.price(Config(), TOLD))
    assert "1,800 texts a second" in told and "5 s for the 8,826 texts" in told
    tuned = dataclasses.replace(TOLD, stages=STAGES | {"teacher": 900.0})
    assert "15 min" in words(teacher.price(Config.of(fine_tune=True, teacher="a/b"), tuned))
    assert "in the cache already" in words(teacher.price(Config(), dataclasses.replace(TOLD, cached=("label",))))


def test_texts_are_counted_before_and_after() -> None:
    told = words(augmentation.counted(Config(), TOLD))
    assert "600 labelled rows and 6,000 texts without a label → about 8,800 texts" in told
    assert "No new texts" in augmentation.counted(Config.of(n_iter=0), dataclasses.replace(TOLD, texts=6600))
    assert "about 8,800 texts" in words(augmentation.counted(Config.of(n_iter=0, neighbours=4), TOLD))
    assert "No new texts" not in augmentation.counted(Config.of(n_iter=0, pairing=2), TOLD)
    assert "is reached" in augmentation.counted(Config.of(transfer_limit=8826), TOLD)


def test_an_offspring_on_which_the_teacher_changes_its_mind_is_told_in_words() -> None:
    assert augmentation.broken("good", "good") == augmentation.broken(None, HOSTILE) == ""
    html = augmentation._child("mask", "text", {"good": 0.2, HOSTILE: 0.8}, augmentation.broken("good", HOSTILE))
    assert "changes its mind" in html and "<img" not in html


@pytest.mark.parametrize("rates", [{"mask": 0.5}, {}])
def test_offspring_are_shown_and_where_there_are_none_it_is_told(
    form: Form, rates: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"good": 0.9, HOSTILE: 0.1}
    children = [{"text": [f"a {HOSTILE} film"], "rules": [rule], "probabilities": said} for rule in rates]
    monkeypatch.setattr(core, "inspect", lambda config: SimpleNamespace(pair=False))
    found = {"text": [f"a film {HOSTILE}"], "probabilities": said, "offspring": children}
    monkeypatch.setattr(core, "preview", lambda *asked, **more: found)
    html, pair = augmentation.offspring(form, typed(form), "", "")
    assert html.count('class="child"') == 1 + len(rates) and "<img" not in html and not pair
    assert (str(escape(translate.translate("augment.none"))) in html) == (not rates)
    assert "None" not in html  # which a template shows for a value that is nothing


def test_texts_of_other_sources_are_shown_with_the_words_that_they_bring(
    form: Form, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core, "inspect", lambda config: SimpleNamespace(pair=False))
    brought = {"brought": 321, "before": 0.4, "after": 0.55}
    bank = {"texts": [{"text": [f"a {HOSTILE} text"], "rules": ["bank"], "changed": []}], "looked": 2000,
            "words": brought}  # fmt: skip
    found = {"text": ["a film"], "offspring": [], "sources": {"bank": bank}}
    monkeypatch.setattr(core, "preview", lambda *asked, **more: found)
    html, _ = augmentation.offspring(form, typed(form), "", "")
    told = words(html)
    assert "From the text bank" in told and "<img" not in html and translate.translate("augment.none") not in told
    assert "first 2,000 texts of the text bank the nearest bring 321 words" in told and "40 %" in told
    bank |= {"texts": [], "problem": message("{name} is empty. Give a file with one text a line.", name=HOSTILE)}
    del bank["words"]
    varied = {"texts": [{"text": ["a plot"], "rules": ["mask_fill"], "changed": []}], "looked": 9, "varied": True,
              "words": brought}  # fmt: skip
    found["sources"]["mask_fill"] = varied
    html, _ = augmentation.offspring(form, typed(form), "", "")
    assert "<del>film</del>" in html and "<ins>plot</ins>" in html and "Filled masks" in html
    assert "is empty" in html and "<img" not in html


CHOSEN = core.BudgetSettings(Config.of(n_iter=4), {"n_iter": 4, "epochs": 11}, TOLD, True)


def filling(form: Form, minutes: str | None, answer: str = "", **values: Any) -> tuple[str, dict[str, Any], str]:
    """The line, what is filled in by control, and the answer as the next one is given it."""
    given = typed(form, **values)
    line, after = time_budget.fill(form, minutes, answer, presets.starting_values(form, "best", "", given), given)
    found = json.loads(after)
    return (
        unescape(words(line)),
        {name: found["after"][name] for name in found["names"] if name in found["after"]},
        after,
    )


def test_a_time_fills_the_settings_and_names_what_it_chose(form: Form, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def settings_for(config: Config, minutes: float | None, *, typed: list[str], measure: bool) -> Any:
        asked.append((minutes, typed, measure))
        knobs = {name: value for name, value in CHOSEN.knobs.items() if name not in typed}
        return dataclasses.replace(CHOSEN, knobs=knobs)

    monkeypatch.setattr(estimates, "settings_for", settings_for)
    line, filled, answer = filling(form, "5")
    assert "Passes 4 · Epochs 11" in line and "about 35 s here" in line
    assert (filled["n_iter"], filled["epochs"], filled["teacher_epochs"]) == (4, "11", "auto")
    # what it filled in is its own to change, what was typed is not
    _, filled, answer = filling(form, "any", answer, n_iter=4, epochs="7", max_tokens=99)
    assert asked == [(5.0, [], False), (None, ["max_tokens", "epochs"], False)]
    assert filled["n_iter"] == 4 and not {"epochs", "max_tokens"} & set(filled)
    # no time any more: what it had filled in is as it was before
    line, filled, _ = filling(form, None, answer, n_iter=4, epochs="7")
    assert line == "" and filled["n_iter"] == 2 and "epochs" not in filled


def test_a_time_that_is_too_short_or_a_guess_is_told_so(form: Form, monkeypatch: pytest.MonkeyPatch) -> None:
    short = dataclasses.replace(CHOSEN, fits=False, estimate=dataclasses.replace(TOLD, rests_on="size"))
    monkeypatch.setattr(estimates, "settings_for", lambda *given, **more: short)
    line, filled, _ = filling(form, "1")
    assert "Even the shortest run takes about 35 s here." in line and "guess from its size" in line
    assert filled["n_iter"] == 4
    with use_language("de"):
        assert "Selbst der kürzeste Lauf dauert hier etwa 35 s." in filling(form, "1")[0]


def test_a_time_is_measured_for_in_the_background(form: Form, monkeypatch: pytest.MonkeyPatch) -> None:
    wished: list[Config] = []
    monkeypatch.setattr(estimates, "settings_for", lambda *given, **more: None)
    monkeypatch.setattr(estimates, "schedule_profile", lambda config: not wished.append(config))
    given = typed(form, n_iter=9)
    line, answer = time_budget.fill(form, "5", "", presets.starting_values(form, "best", "", given), given)
    assert "data-again" in line and json.loads(answer)["names"] == [] and wished[0].n_iter == 9
    line, filled, _ = filling(form, "5", lr=99)
    assert "can't be 99" in line and not filled


def test_each_card_tells_what_a_run_takes_with_its_teacher(home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    small = "sentence-transformers/all-MiniLM-L6-v2"
    asked: dict[str, bool] = {}

    def teacher_estimates(config: Config, fine_tuned: dict[str, bool]) -> Any:
        asked.update(fine_tuned)
        return {small: dataclasses.replace(TOLD, rests_on="size")}

    monkeypatch.setattr(estimates, "teacher_estimates", teacher_estimates)
    told = unescape(teacher.times(Config(), TOLD))
    times = json.loads(re.search('data-times="(.*)"', told)[1])
    assert set(times) == {"", small} and "about 35" in times[""] and "guessed" in times[small]
    assert asked["builtin"] is False and asked[small] is True
    assert set(asked) - {"builtin"} < {value for _, value in teacher.cards(Config())}
    assert teacher.times(Config(), None) == ""


def test_a_number_in_a_field_that_takes_words_too_is_compared_as_a_number() -> None:
    """The field of the epochs gives "4" back where the preset "paper" filled in a 4."""
    assert presets._same("4", 4) and presets._same("auto", "auto")
    assert not presets._same("7", 4) and not presets._same("auto", 4)


def test_the_cards_of_teachers_take_any_value_also_once_others_are_offered(steps: Any) -> None:
    """Gradio makes a component that an answer changed anew, of its class: what was set on the one object is lost."""
    shown = steps.form.controls["teacher"]
    anew = type(shown)(choices=[("one", "one")])
    assert anew.preprocess("kept:gone") == "kept:gone"
    assert not list(Path(teacher.__file__).parent.glob("*.pyi")), "a file of Gradio's beside our source"
