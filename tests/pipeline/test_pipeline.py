"""One run, stage by stage, on the toy task and the toy teacher."""

import csv
import itertools
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from running import run
from tiny_writer import trained_writer

from distill_core import tasks
from distill_core.cache import Cache
from distill_core.config import training_length
from distill_core.config.schema import Config
from distill_core.data import dataset, frozen
from distill_core.distillation.losses import logit_mse
from distill_core.distillation.student_trainer import StudentTrainer
from distill_core.distillation.transfer_set import TransferSet
from distill_core.errors import DataError, Stopped
from distill_core.evaluation import baseline_runtime, doubling, latency
from distill_core.evaluation.objective import SINGLE_LABEL
from distill_core.events import STAGES, Compared, Fact, Note, Point, Progress, StageEnded, StageStarted
from distill_core.pipeline.distill import distill
from distill_core.pipeline.stages import compare
from distill_core.registry import LOSSES
from distill_core.student import persistence
from distill_core.teacher.loading import load_teacher
from distill_core.teacher.model import Teacher
from distill_core.teacher.outputs import teacher_outputs
from distill_core.training import loop


@pytest.fixture
def config(toy_config, tiny_teacher):
    # sparse tables and dropout on, so that a resume has everything to get wrong
    changed = {"teacher": str(tiny_teacher), "n_iter": 3, "epochs": 8, "evaluations": 4, "dropout": 0.2}
    return toy_config.model_copy(update=changed)


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    """Speeds are measured in a blink here: what they are is another test's question."""
    monkeypatch.setattr(latency, "SECONDS", 0.01)


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


def of(events, kind):
    return [event for event in events if isinstance(event, kind)]


def weights(folder):
    return persistence.load(folder / "student").model.state_dict()


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def stop_in(stage, after=1):
    """A stop that is asked for in the middle of a stage's training."""
    seen = itertools.count()
    state = {"stage": None}

    def watch(events):
        for event in events:
            if isinstance(event, StageStarted):
                state["stage"] = event.stage
            yield event

    def stop():
        return state["stage"] == stage and next(seen) >= after

    return watch, stop


def test_all_stages_in_order_and_four_rows(config, tmp_path, cache, monkeypatch):
    read, measure = [], compare.doubling
    monkeypatch.setattr(compare, "doubling", lambda *given: read.append(given) or measure(*given))
    monkeypatch.setattr(doubling, "LEAST_ROWS", 1)
    events = run(config, tmp_path / "run", cache)
    assert [event.stage for event in of(events, StageStarted)] == list(STAGES)
    assert [event.stage for event in of(events, StageEnded)] == list(STAGES)
    [compared] = of(events, Compared)
    summary = compared.summary
    assert list(summary["scores"]) == ["floor", "control", "student", "teacher"]
    for score in summary["scores"].values():
        assert 0 <= score["low"] <= score["accuracy"] <= score["high"] <= 1
        assert score["parameters"] > 0 and score["bytes"] > 0 and score["latency_ms"] > 0 and score["texts_per_s"] > 0
        assert score["temperature"] > 0 and 0 <= score["ece"] <= 1 and score["latency_ms"] <= score["latency_p95_ms"]
    assert set(summary["differences"]) == {"student-control", "student-teacher", "student-floor"}
    json.dumps(summary)
    rows = frozen.load(tmp_path / "run").dataset
    labelled, transfer = read
    assert labelled[:2] == (rows.train.texts + rows.valid.texts, rows.train.labels + rows.valid.labels)
    assert not set(transfer[0]) & {*rows.test.texts, *rows.valid.texts}, "no row by which anything is scored"
    of_text = dict(zip(transfer[0], transfer[2], strict=True))
    assert [of_text[text] for text in rows.train.texts] == list(range(len(rows.train))) and -1 not in transfer[2]
    assert sum(transfer[3]) == len(rows.train), "what was made of a row is not asked about"
    assert summary["doubling"]["rows"]["rows"] == len(rows.train) + len(rows.valid)
    assert [one["label"] for one in summary["class_agreement"]] == summary["labels"]
    facts = {event.name: event.value for event in of(events, Fact)}
    assert set(facts["validation"]) == {"floor", "teacher", "control"}
    assert facts["rows"]["test"] == summary["rows"]["test"] > 0
    series = {event.series for event in of(events, Point)}
    expected = {f"{row}/{what}" for row in ("control", "student") for what in ("loss", "valid_loss", "valid_accuracy")}
    assert expected <= series
    assert all(0 <= event.done <= event.total for event in of(events, Progress))


def test_labels_that_differ_by_case_are_named_until_they_are_merged(config, tmp_path, cache):
    rows = Path(config.train).read_text("utf-8").split(",good\n")
    own = tmp_path / "own.csv"
    own.write_text(",Good\n".join(rows[:6]) + ",Good\n" + ",good\n".join(rows[6:]), "utf-8")
    changed = {"train": str(own), "fine_tune": True, "teacher_epochs": 1, "epochs": 1, "teach_anyway": True}
    for merge in (False, True):
        asked = config.model_copy(update={**changed, "merge_labels": merge})
        [compared] = of(run(asked, tmp_path / f"run-{merge}", cache), Compared)
        assert compared.summary.get("split_labels") == (None if merge else [["Good", "good"]])
        assert ("merge_labels" in [step["action"] for step in compared.summary["next_steps"]]) is not merge
        counted = compared.summary["unseen_words"]["rows"] if "unseen_words" in compared.summary else 0
        assert 0 <= counted < compared.summary["rows"]["test"]


def test_the_control_is_learning_before_the_teacher_labels(config, tmp_path, cache):
    """It asks the teacher nothing, so nobody need wait for the labels to see a curve."""
    events = run(config, tmp_path / "run", cache)
    first = next(i for i, event in enumerate(events) if isinstance(event, Point))
    assert (events[first].series, events[first].step) == ("control/loss", 1)
    labelled = [i for i, event in enumerate(events) if isinstance(event, Progress) and event.stage == "label"]
    assert labelled and first < labelled[0]


def test_a_student_is_taken_from_its_last_step_where_rows_are_too_few_to_choose_one(
    config, tmp_path, cache, monkeypatch
):
    """Ten rows like a step of the first ones best, and patience then ends the training there; a control, which learns a
    few labels by heart, is better off with the step that they like."""
    plans = []
    fit = loop.fit
    monkeypatch.setattr(loop, "fit", lambda *a, **k: plans.append(a[4]) or fit(*a, **k))

    def selected(folder):
        plans.clear()
        events = run(config, tmp_path / folder, cache)
        told = sum("to tell one step of the student's training" in note.text for note in of(events, Note))
        return [(plan.select, plan.patience) for plan in plans], told

    patience = config.patience
    assert selected("few") == ([("accuracy", patience), ("last", 0)], 1)
    monkeypatch.setattr(training_length, "LEAST_SELECTING", 1)
    assert selected("enough") == ([("accuracy", patience)], 0), "the control is the one of before"


def test_the_tasks_metric_picks_the_weights_and_is_named(config, tmp_path, cache, monkeypatch):
    plans = []
    fit = loop.fit
    monkeypatch.setattr(loop, "fit", lambda *a, **k: plans.append(a[4]) or fit(*a, **k))
    events = run(config.model_copy(update={"metric": "mcc", "epochs": 2, "patience": 0}), tmp_path / "run", cache)
    assert [plan.select for plan in plans] == ["mcc", "mcc"]  # control and student
    assert not any("its last step is taken" in note.text for note in of(events, Note)), "without patience"
    facts = {event.name: event.value for event in of(events, Fact)}
    assert facts["metric"] == "mcc"
    assert facts["provenance"]["rows"] == frozen.load(tmp_path / "run").dataset.fingerprint()
    assert facts["provenance"]["versions"]["torch"] == torch.__version__
    assert {"student/valid_mcc", "student/valid_accuracy"} <= {event.series for event in of(events, Point)}
    [compared] = of(events, Compared)
    assert compared.summary["metric"] == "mcc"
    assert compared.summary["tests_read"] == 1
    told = [event.text for event in of(events, Note)]
    assert any("cannot be told from luck" in text for text in told)
    assert any(text.startswith("The teacher contradicts") for text in told)  # it is random
    assert any("within chance" in text for _, text, _ in compared.summary["verdict"])
    assert compared.summary["disagreement"]["of"] == compared.summary["rows"]["train"]
    student = compared.summary["scores"]["student"]
    assert student["metric_low"] <= student["mcc"] <= student["metric_high"]


def test_near_words_of_the_teacher_are_learnt_from_and_the_run_says_how_many_they_are(config, tmp_path, cache):
    many = config.model_copy(update={"neighbours": 4, "epochs": 1, "control": False})
    without, with_them = (
        run(one, tmp_path / str(one.neighbours), cache) for one in (many.model_copy(update={"neighbours": 0}), many)
    )
    texts = [
        next(e.value["texts"] for e in of(events, Fact) if e.name == "transfer") for events in (without, with_them)
    ]
    assert texts[1] > texts[0] + 10
    assert any("texts with near words bring" in event.text for event in of(with_them, Note))
    assert of(with_them, Compared)[0].summary["rows"]["transfer"] == texts[1]


def test_texts_of_a_bank_are_learnt_from_and_a_missing_bank_ends_the_run_at_once(config, tmp_path, cache):
    file = tmp_path / "bank.txt"
    file.write_text("\n".join(f"the {word} {thing} was quite {word}" for word in ("good", "bad", "hot", "dull")
                              for thing in ("film", "soup", "plot", "staff")))  # fmt: skip
    fewer = {"n_iter": 0, "epochs": 1, "control": False}
    events = run(config.model_copy(update={**fewer, "bank": [str(file)], "bank_texts": 8}), tmp_path / "run", cache)
    assert any("8 texts of the text bank bring" in event.text for event in of(events, Note))
    summary = of(events, Compared)[0].summary
    assert summary["rows"]["transfer"] == summary["rows"]["train"] + 8
    assert summary["transfer"] == {"sources": {"labelled": summary["rows"]["train"], "bank": 8}, "left_out": 0}
    missing = config.model_copy(update={**fewer, "bank": [str(tmp_path / "gone.txt")]})
    began = []
    with pytest.raises(DataError, match=r"gone\.txt"):
        for event in distill(missing, tmp_path / "other", cache):
            began.append(event)
    assert [event.stage for event in began] == ["data"]


def test_texts_of_a_language_model_are_learnt_from(config, tmp_path, cache):
    trained_writer(tmp_path / "writer")
    knobs = {"n_iter": 0, "epochs": 1, "control": False, "generator": str(tmp_path / "writer"), "generated_texts": 6}
    events = run(config.model_copy(update=knobs), tmp_path / "run", cache)
    assert any("6 texts of the language model bring" in event.text for event in of(events, Note))
    summary = of(events, Compared)[0].summary
    assert summary["rows"]["transfer"] == summary["rows"]["train"] + 6


def test_the_texts_file_agrees_with_the_scores(config, tmp_path, cache):
    [compared] = of(run(config, tmp_path / "run", cache), Compared)
    lines = [json.loads(line) for line in (tmp_path / "run" / "texts.jsonl").read_text().splitlines()]
    labels = compared.summary["labels"]
    models = {row: persistence.load(tmp_path / "run" / row) for row in ("student", "control")}
    for row in ("control", "student", "teacher"):
        right = [labels[max(range(2), key=line[row].__getitem__)] == line["label"] for line in lines]
        assert sum(right) / len(right) == pytest.approx(compared.summary["scores"][row]["accuracy"])
    for row, model in models.items():
        for line, said in zip(lines, model([line["text"][0] for line in lines]), strict=True):
            assert line[row] == pytest.approx([said.probabilities[label] for label in labels], abs=1e-3)
    floor = baseline_runtime.load(tmp_path / "run" / "floor")
    for line, said in zip(lines, floor([line["text"][0] for line in lines]), strict=True):
        assert line["floor"] == pytest.approx([said.probabilities[label] for label in labels], abs=1e-4)
    size = sum(file.stat().st_size for file in (tmp_path / "run" / "floor").iterdir())
    assert size < 2 * compared.summary["scores"]["floor"]["bytes"]


def test_the_rows_to_look_at_are_those_whose_label_the_teacher_contradicts(config, tmp_path, cache):
    [compared] = of(run(config, tmp_path / "run", cache), Compared)
    rows = [json.loads(line) for line in (tmp_path / "run" / "doubts.jsonl").read_text().splitlines()]
    assert rows and all(row["label"] != row["teacher"] for row in rows)
    sure = [row["probability"] for row in rows]
    assert sure == sorted(sure, reverse=True) and min(sure) > 0.5
    scored = [json.loads(line)["text"] for line in (tmp_path / "run" / "texts.jsonl").read_text().splitlines()]
    assert not [row for row in rows if row["text"] in scored], "no test row is shown to be corrected"
    assert len(rows) >= min(20, compared.summary["disagreement"]["rows"])


def test_a_row_to_look_at_stands_in_the_file_where_it_is_said_to(config, tmp_path, cache):
    [*blank, first] = [["", ""], [" ", "good"], ["never labelled", ""], ["text", "label"]]
    with Path(config.train).open(newline="") as file:
        table = list(csv.reader(file))
    table[1:1] = blank  # left out, and so are repeated rows: places and numbers differ
    table += table[-3:]
    with Path(config.train).open("w", newline="") as file:
        csv.writer(file).writerows([first, *table[1:]])
    run(config, tmp_path / "run", cache)
    for name in ("doubts.jsonl", "texts.jsonl"):
        rows = [json.loads(line) for line in (tmp_path / "run" / name).read_text().splitlines()]
        assert rows and {row["source"] for row in rows} == {Path(config.train).name}
        assert [(row["text"], row["label"]) for row in rows] == [
            ([table[row["row"] - 1][0]], table[row["row"] - 1][1]) for row in rows
        ], f"{name}: a spreadsheet counts the header as row 1"


def test_a_second_run_says_the_same_and_asks_the_teacher_nothing(config, tmp_path, cache, monkeypatch):
    monkeypatch.setattr(
        latency, "measure_speed", lambda *_: {"latency_ms": 1.0, "latency_p95_ms": 1.0, "texts_per_s": 1.0}
    )
    monkeypatch.setattr(Teacher, "choose_dtype", lambda self, texts: setattr(self, "dtype", torch.float32))
    asked = []
    forward = Teacher.forward

    def watched(self, encoded, dtype):
        asked.append(len(encoded))
        return forward(self, encoded, dtype)

    monkeypatch.setattr(Teacher, "forward", watched)
    first = run(config, tmp_path / "one", cache)
    assert sum(asked) >= of(first, Compared)[0].summary["rows"]["transfer"]
    asked.clear()
    second = run(config, tmp_path / "two", cache)
    assert asked == []
    assert same(weights(tmp_path / "one"), weights(tmp_path / "two"))
    points = [[(p.series, p.step, p.value) for p in of(events, Point)] for events in (first, second)]
    assert points[0] == points[1]
    ended = {event.stage: event.cached for event in of(second, StageEnded)}
    assert ended["control"]
    accuracy = [of(events, Compared)[0].summary["scores"]["student"]["accuracy"] for events in (first, second)]
    assert accuracy[0] == accuracy[1]


@pytest.mark.parametrize("stage", ["control", "student"])
def test_a_killed_run_resumes_bit_for_bit(config, tmp_path, stage, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY", 0.0)
    whole = run(config, tmp_path / "whole", Cache(tmp_path / "cache1"))
    cache = Cache(tmp_path / "cache2")
    generator = distill(config, tmp_path / "cut", cache)
    for event in generator:
        if isinstance(event, Progress) and event.stage == stage and event.done > event.total // 2:
            # what a kill -9 leaves is what the disk holds now: no close(), no finally
            break
    held, generator = generator, None
    torch.manual_seed(4242)
    resumed = run(config, tmp_path / "cut", cache)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "cut"))
    a, b = (of(events, Compared)[0].summary for events in (whole, resumed))
    for row in ("control", "student"):
        assert a["scores"][row]["accuracy"] == b["scores"][row]["accuracy"]
    assert a["best_step"] == b["best_step"]
    held.close()


def test_a_stop_keeps_and_compares_the_best_student_and_resumes(config, tmp_path, cache):
    whole = run(config, tmp_path / "whole", cache)
    watch, stop = stop_in("student", after=30)
    events = []
    with pytest.raises(Stopped, match="best student so far is kept"):
        for event in watch(distill(config, tmp_path / "cut", cache, stop)):
            events.append(event)
    [compared] = of(events, Compared)
    assert compared.summary["best_step"] <= 31
    assert persistence.load(tmp_path / "cut" / "student")(["a warm film"])
    again = run(config, tmp_path / "cut", cache)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "cut"))
    assert of(again, Compared)[0].summary["best_step"] == of(whole, Compared)[0].summary["best_step"]


def test_a_stop_before_the_student_keeps_nothing(config, tmp_path, cache):
    watch, stop = stop_in("control", after=3)
    with pytest.raises(Stopped, match="before there was a student"):
        list(watch(distill(config, tmp_path / "run", cache, stop)))
    assert not (tmp_path / "run" / "student").exists()


def test_test_labels_are_read_in_the_comparison_alone(config, tmp_path, cache, monkeypatch):
    """Mistake 5: the reported rows train nothing and pick nothing."""
    reads = []
    now = {"stage": "data"}

    class Watched(list):
        def __iter__(self):
            reads.append(now["stage"])
            return super().__iter__()

        def __getitem__(self, item):
            reads.append(now["stage"])
            return super().__getitem__(item)

    load = tasks.load_dataset

    def watched(config):
        rows = load(config)
        object.__setattr__(rows.test, "labels", Watched(rows.test.labels))
        return rows

    monkeypatch.setattr(tasks, "load_dataset", watched)
    for event in distill(config, tmp_path / "run", cache):
        if isinstance(event, StageStarted):
            now["stage"] = event.stage
    assert set(reads) == {"compare"}


def test_test_texts_reach_neither_the_transfer_set_nor_the_teacher_before_the_end(config, tmp_path, cache, monkeypatch):
    from distill_core.distillation import soft_labels

    asked = []
    ask = soft_labels.label_texts

    def watched(teacher, texts, *rest):
        asked.append(list(texts))
        return ask(teacher, texts, *rest)

    monkeypatch.setattr(soft_labels, "label_texts", watched)
    run(config, tmp_path / "run", cache)
    test = {tuple(json.loads(line)["text"]) for line in (tmp_path / "run" / "texts.jsonl").read_text().splitlines()}
    *before, last = asked
    assert {tuple(text) for text in last} == test
    assert not test & {tuple(text) for texts in before for text in texts}


def test_student_and_control_start_from_the_same_weights(config, tmp_path, cache, monkeypatch):
    starts = []
    fit = loop.fit

    def watched(model, *rest, **more):
        starts.append({name: value.clone() for name, value in model.state_dict().items()})
        return fit(model, *rest, **more)

    monkeypatch.setattr(loop, "fit", watched)
    run(config, tmp_path / "run", cache)
    assert len(starts) == 2 and same(*starts)


def test_labels_follow_their_texts_into_the_transfer_set():
    data = SimpleNamespace(
        dataset=SimpleNamespace(train=dataset.Split([("a",), ("A",), ("b",)], [0, 1, 2])),
        transfer_set=TransferSet([("a",), ("b",), ("c",)], ["labelled", "labelled", "augmented"], [0, 2, 0], {}),
    )
    shared = SimpleNamespace(data=data, objective=SINGLE_LABEL)
    assert StudentTrainer.own_targets.func(shared).tolist() == [0, 2]


def test_a_loss_gets_what_it_needs_of_the_teacher_for_the_very_texts_of_its_batch(config, tmp_path, cache, monkeypatch):
    """Hidden states and attention scores come from the teacher itself, beside the cached logits of the same texts."""
    seen = []

    def loss(student, teacher, targets, config, objective):
        seen.append((student, teacher))
        return logit_mse.loss(student, teacher, targets, config, objective)

    events = run(config, tmp_path / "plain", cache)
    component = SimpleNamespace(NEEDS=("logits", "hidden_states", "attention_scores"), loss=loss)
    monkeypatch.setattr(LOSSES, "get", lambda name: component)
    monkeypatch.setattr(LOSSES, "constant", lambda name, constant, default=None: getattr(component, constant, default))
    again = run(config, tmp_path / "live", cache)
    (student, teacher), *_ = seen
    assert len(teacher.hidden_states) == 3 and len(teacher.attention_scores) == 2, "two layers, and the embeddings"
    assert len({*map(len, (student.logits, teacher.logits, *teacher.hidden_states, *teacher.attention_scores))}) == 1
    assert [state.shape[1] for state in student.hidden_states] == [4 * config.hidden]
    for _, outputs in seen[:20]:  # the teacher's layers are those of the texts whose logits stand beside them
        pooled = torch.stack([outputs.hidden_states[-1][:, 0].mean(1), outputs.logits[:, 0]])
        assert pooled.shape[1] == len(outputs.logits)
    same_run = [[event.summary["scores"]["student"]["accuracy"] for event in one if isinstance(event, Compared)]
                for one in (events, again)]  # fmt: skip
    assert same_run[0] == same_run[1], "what is not used changes nothing"


def test_a_live_teacher_answers_as_the_cached_one_did(config, tiny_teacher):
    teacher = load_teacher(str(tiny_teacher), ("bad", "good"), False, config)
    texts = [("a warm and funny film",), ("the soup was cold",)]
    teacher.dtype = torch.float32
    outputs = teacher_outputs(teacher, texts, ("hidden_states",))
    assert torch.allclose(outputs.logits, teacher.logits(texts), atol=0.05) and outputs.attention_scores == ()
    [alone] = teacher_outputs(teacher, texts[1:], ("hidden_states",)).hidden_states[-1:]
    assert torch.allclose(outputs.hidden_states[-1][1, : alone.shape[1]], alone[0], atol=1e-4), (
        "padding changes nothing"
    )


def test_without_a_control_nobody_knows(config, tmp_path, cache):
    events = run(config.model_copy(update={"control": False}), tmp_path / "run", cache)
    summary = of(events, Compared)[0].summary
    assert "control" not in summary["scores"] and summary["gap_recovered"] is None
    assert any(note.level == "warning" and "control" in note.text for note in of(events, Note))


@pytest.mark.parametrize(
    "knobs",
    [
        {"loss": "soft_kl", "temperature": 4.0, "alpha": 0.3},
        {"loss": "ce"},
        {"loss": "alpha_mix", "alpha": 0.5},
        {"vocabulary": "words", "vectors": "random"},
        {"vectors": "teacher_table", "channels": "both"},
        {"optimiser": "adadelta", "lr": 1.0, "channels": "frozen"},
    ],
    ids=lambda knobs: "-".join(map(str, knobs.values())),
)
def test_every_choice_runs(config, tmp_path, cache, knobs):
    chosen = Config.of(**{**config.model_dump(), **knobs})
    assert of(run(chosen, tmp_path / "run", cache), Compared)


def test_a_wider_vector_than_the_teachers_runs_and_is_told(config, tmp_path, cache):
    events = run(config.model_copy(update={"width": 48, "epochs": 1}), tmp_path / "run", cache)
    [told] = [note.text for note in of(events, Note) if note.about == "transfer" and "start at random" in note.text]
    assert "32 numbers" in told and of(events, Compared)
    assert next(event.value for event in of(events, Fact) if event.name == "vocabulary")["width"] == 48
