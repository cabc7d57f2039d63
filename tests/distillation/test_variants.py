"""Several seeds, students and shares as one run: the plan, what is shared, stop and resume, what is told of them."""

import csv
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from rich.console import Console
from running import run
from scipy.stats import t
from toy import TOY

from distill_core.cache import Cache
from distill_core.cli import tables
from distill_core.config.schema import Config, knob
from distill_core.distillation.student_trainer import StudentData, StudentTrainer
from distill_core.distillation.variants import Variant, plan_variants
from distill_core.errors import Stopped
from distill_core.evaluation import latency, prior
from distill_core.evaluation.aggregation import aggregate, mean_interval, pareto_front
from distill_core.events import Compared, Fact, Note, Point, Progress
from distill_core.messages import percent
from distill_core.pipeline.cost_model import count_networks
from distill_core.pipeline.distill import distill
from distill_core.pipeline.stages.student_cost import count_trainings
from distill_core.student import persistence
from distill_core.training import loop

SEVERAL = {"seeds": 2, "students": ["bag"], "learning_curve": [0.5]}  # five members


@pytest.fixture(scope="module")
def config(tmp_path_factory, tiny_teacher):
    file = tmp_path_factory.mktemp("toy") / "toy.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        rows = [(text, label) for label, texts in TOY.items() for text in texts]
        csv.writer(out).writerows([("text", "label"), *rows])
    return Config.of(
        task="file", train=str(file), student="bilstm", teacher=str(tiny_teacher), width=8, hidden=8, fc=8,
        batch=8, max_tokens=16, n_iter=2, neighbours=0, epochs=4, evaluations=3, dropout=0.2, **SEVERAL,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr(latency, "SECONDS", 0.001)


@pytest.fixture(scope="module")
def whole(config, tmp_path_factory):
    """The run that nobody disturbed: its folder, its cache and what it said."""
    place = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(latency, "SECONDS", 0.001)
        return place / "run", place / "cache", run(config, place / "run", Cache(place / "cache"))


def compared(events):
    return next(event.summary for event in events if isinstance(event, Compared))


def weights(folder):
    """Every kept student's weights, by the name of its folder."""
    return {
        place.name: persistence.load(place).model.state_dict() for place in folder.glob("student*") if place.is_dir()
    }


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def figures(summary):
    """What a summary tells of its members, less what a clock told."""
    clock = ("latency_ms", "latency_p95_ms", "texts_per_s")
    return [
        {
            key: {name: v for name, v in value.items() if name not in clock} if isinstance(value, dict) else value
            for key, value in member.items()
            if key != "front"
        }
        for member in summary["members"]
    ]


def test_the_plan_of_a_run():
    assert plan_variants(Config.of(student="bilstm", seed=3)) == [Variant("bilstm", 3)]
    found = plan_variants(Config.of(student="bilstm", seed=3, seeds=2, students="bag,bilstm", learning_curve="0.1,0.5"))
    assert [member.display_name for member in found] == [
        "bilstm, seed 3", "bilstm, seed 4", "bag, seed 3", "bag, seed 4",
        "bilstm, seed 3, 10 % of the transfer set", "bilstm, seed 3, 50 % of the transfer set",
    ]  # fmt: skip
    assert [member.series_name("student/loss") for member in found[:3]] == [
        "student/loss", "student/loss@bilstm-4", "student/loss@bag-3",
    ]  # fmt: skip
    assert len({member.series_name("student") for member in found}) == len(found)


def test_the_interval_is_students():
    values = [0.81, 0.83, 0.84, 0.80, 0.85]
    low, high = t.interval(0.95, 4, loc=0.826, scale=torch.tensor(values, dtype=torch.float64).std().item() / 5**0.5)
    assert mean_interval(values) == pytest.approx({"mean": 0.826, "low": low, "high": high, "n": 5})
    assert mean_interval([0.5, None, 0.5]) == {"mean": 0.5, "low": 0.5, "high": 0.5, "n": 2}
    assert mean_interval([None]) is None
    assert mean_interval([0.7]) == {"mean": 0.7, "low": 0.7, "high": 0.7, "n": 1}


def test_the_front_is_what_nothing_beats():
    small, good, slow, worse, twin = (0.8, 10, 1.0), (0.9, 50, 2.0), (0.9, 50, 3.0), (0.7, 20, 2.0), (0.8, 10, 1.0)
    assert pareto_front([small, good, slow, worse, twin]) == [True, True, False, False, True]


def row(student, seed, score, control, share=1.0, texts=10, parameters=5, ms=1.0):
    scored = {"accuracy": score, "low": score, "high": score, "parameters": parameters, "latency_ms": ms}
    return {"student": student, "seed": seed, "share": share, "texts": texts, "agreement": 0.9,
            "student_score": scored, "control": None if control is None else {"accuracy": control}}  # fmt: skip


def test_what_members_say_together():
    rows = [
        row("bilstm", 0, 0.86, 0.80), row("bilstm", 1, 0.84, 0.78),
        row("bag", 0, 0.95, 0.9, parameters=9), row("bag", 1, 0.71, 0.7, parameters=9),  # a lucky seed, a poor mean
        row("bilstm", 0, 0.82, 0.80, share=0.5, texts=5),
    ]  # fmt: skip
    found = aggregate(rows, teacher=0.9, metric="accuracy")
    assert [member["gap_recovered"] for member in found["members"][:3]] == pytest.approx([0.6, 0.5, None])
    assert found["members"][0]["kept"] == pytest.approx(0.86 / 0.9)
    assert found["seeds"]["rows"]["student"]["mean"] == pytest.approx(0.85)
    assert found["seeds"]["gap_recovered"]["mean"] == pytest.approx(0.55)
    assert [one["student"] for one in found["students"]] == ["bilstm", "bag"]
    assert [member.get("front") for member in found["members"]] == [True, True, False, False, None]
    assert [(point["texts"], point["accuracy"]) for point in found["learning_curve"]] == [(5, 0.82), (10, 0.86)]
    alone = aggregate([row("bilstm", 0, 0.8, None), row("bag", 0, 0.7, None)], 0.9, "accuracy")
    assert "seeds" not in alone and "learning_curve" not in alone
    assert alone["members"][0]["gap_recovered"] is None and "control" not in alone["students"][0]["rows"]


def test_members_share_all_but_their_weights_and_are_told_together(config, whole, tmp_path):
    folder, cache, events = whole
    summary = compared(events)
    json.dumps(summary, allow_nan=False)
    members = summary["members"]
    assert [(m["student"], m["seed"], m["share"]) for m in members] == [
        ("bilstm", 0, 1), ("bilstm", 1, 1), ("bag", 0, 1), ("bag", 1, 1), ("bilstm", 0, 0.5),
    ]  # fmt: skip
    texts = summary["rows"]["transfer"]
    assert [m["texts"] for m in members] == [texts] * 4 + [-(-texts // 2)]
    for score in ("accuracy", "parameters", "bytes", "latency_ms"):
        assert members[0]["student_score"][score] == summary["scores"]["student"][score]
    assert members[0]["student_score"]["parameters"] != members[2]["student_score"]["parameters"]
    kept = [folder / (f"student@{m['name']}" if m["name"] else "student") / "student.json" for m in members]
    heat = [json.loads(file.read_text())["temperature"] for file in kept]
    assert heat == [m["student_score"]["temperature"] for m in members] and len(set(heat)) > 2  # each its own
    assert summary["seeds"]["n"] == 2 and [p["share"] for p in summary["learning_curve"]] == [0.5, 1]
    planned = next(event.value for event in events if isinstance(event, Fact) and event.name == "members")
    series = {event.series for event in events if isinstance(event, Point)}
    for member in planned:
        end = f"@{member['name']}" if member["name"] else ""
        assert f"student/valid_accuracy{end}" in series
        assert (f"control/loss{end}" in series) == (member["share"] == 1)
    told = [(e.stage, e.done, e.total) for e in events if isinstance(e, Progress) and e.stage in ("control", "student")]
    assert told == sorted(told) and all(done <= total for _, done, total in told)
    assert {total for _, _, total in told} == {summary["steps"] * 4, summary["steps"] * 5}
    reached = [e for e in events if isinstance(e, Note) and e.about == "student" and "of 5, " in e.text]
    assert len(reached) == 5

    # The main one is what it would be alone.
    alone = config.model_copy(update={"seeds": 1, "students": [], "learning_curve": []})
    one = compared(run(alone, tmp_path / "alone", Cache(cache)))
    assert "members" not in one and one["scores"]["student"]["accuracy"] == summary["scores"]["student"]["accuracy"]
    assert same(weights(tmp_path / "alone")["student"], weights(folder)["student"])


def test_for_macro_f1_student_and_control_answer_as_often_as_the_labels_are(config, tmp_path, monkeypatch):
    """Far offsets show that they are put into the weights, once, on a second reading of the cache too."""
    monkeypatch.setattr(prior, "LEAST_ROWS", 1)
    monkeypatch.setattr(prior, "fit_offsets", lambda logits, shares: np.array([-500.0, 500.0]))
    plain = config.model_copy(update={"students": [], "seeds": 1, "learning_curve": []})
    cache = Cache(tmp_path / "cache")
    for metric, folder in (("macro_f1", "first"), ("macro_f1", "again"), ("accuracy", "other")):
        events = run(plain.model_copy(update={"metric": metric}), tmp_path / folder, cache)
        confusion = compared(events)["confusion"]
        constant = [all(counts[0] == 0 for counts in confusion[row]) for row in ("student", "control")]
        assert constant == [metric == "macro_f1"] * 2
        logits = persistence.load(tmp_path / folder / "student").logits([("a warm film",), ("bland",)])
        apart = abs(logits[:, 1] - logits[:, 0] - 1000 * (metric == "macro_f1")).max()
        assert apart < 100


def test_a_smaller_share_is_part_of_a_larger_one(config):
    data = SimpleNamespace(transfer_set=SimpleNamespace(texts=[("x",)] * 101))
    shared = SimpleNamespace(data=data, config=config)
    small, large, whole = (
        StudentTrainer.share(shared, Variant("bilstm", 0, share)).tolist() for share in (0.1, 0.5, 1.0)
    )
    assert len(small) == 11 and set(small) < set(large) < set(whole) and whole == list(range(101))
    assert large != list(range(len(large)))  # the labelled texts come first: a share is no beginning


def test_a_run_killed_in_its_third_members_resumes_bit_for_bit(config, whole, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY", 0.0)
    folder, _, events = whole
    held = []
    for stage, of in (("control", 4), ("student", 5)):
        held.append(distill(config, tmp_path / "cut", Cache(tmp_path / "cache")))
        for event in held[-1]:
            if isinstance(event, Progress) and event.stage == stage and event.done > event.total * 2.5 / of:
                break  # what a kill -9 leaves is what the disk holds now: no close(), no finally
        torch.manual_seed(4242)
    resumed = run(config, tmp_path / "cut", Cache(tmp_path / "cache"))
    a, b = weights(folder), weights(tmp_path / "cut")
    assert len(a) == 5 and a.keys() == b.keys() and all(same(a[name], b[name]) for name in a)
    assert figures(compared(events)) == figures(compared(resumed))
    for generator in held:
        generator.close()


def test_a_stop_keeps_the_finished_members_and_resume_makes_the_others(config, whole, tmp_path):
    folder, cache, events = whole
    asked, said = [], []
    with pytest.raises(Stopped, match="2 of 5 students are finished and compared"):
        for event in distill(config, tmp_path / "cut", Cache(cache), lambda: bool(asked)):
            said.append(event)
            if isinstance(event, Progress) and event.stage == "student" and event.done > event.total / 2:
                asked.append(event)
    summary = compared(said)
    assert [(m["student"], m["seed"]) for m in summary["members"]] == [("bilstm", 0), ("bilstm", 1)]
    assert figures(summary) == figures(compared(events))[:2]
    again = run(config, tmp_path / "cut", Cache(cache))
    assert figures(compared(again)) == figures(compared(events))
    assert all(same(weights(tmp_path / "cut")[name], one) for name, one in weights(folder).items())


def test_the_cost_counts_what_the_plan_trains():
    config = Config.of(student="bilstm", seeds=3, students="bag,textcnn", learning_curve="0.1,0.5")
    members = plan_variants(config)
    asked = json.loads(json.dumps(config.model_dump()))
    assert count_trainings(asked) == len(members) == 11
    assert count_networks(asked) == sum(member.share == 1 for member in members)
    assert count_trainings({"student": "bilstm"}) == 1, "a run older than these knobs"


def test_the_command_line_tells_members_means_and_the_curve(whole, capsys):
    summary = compared(whole[2])
    told = {name: summary[name] for name in ("members", "seeds", "students", "learning_curve", "metric")}
    tables._several(Console(width=140, highlight=False, force_terminal=False), told, told["metric"])
    said = " ".join(capsys.readouterr().out.split())
    assert said.count("bilstm") >= 3 and "mean of 2 seeds with its 95 % interval (accuracy)" in said
    mean = summary["seeds"]["rows"]["student"]["mean"]
    assert f"student {percent(mean)}" in said
    assert f"{summary['rows']['transfer']:,} texts {percent(summary['scores']['student']['accuracy'])}" in said


def test_a_knob_of_training_or_network_that_is_added_changes_the_controls_key_and_one_of_the_loss_does_not() -> None:
    """A knob that a cache key forgets would serve a control of other settings without a word."""

    class Wider(Config):
        momentum: float = knob(0.9, "training", "Momentum", "A knob of tomorrow.", "training")
        branches: int = knob(2, "student", "Branches", "Another one.", "network")
        sharpness: float = knob(1.0, "training", "Sharpness", "One of the loss.", "loss")

    def key(**values: object) -> dict[str, object]:
        trainer = object.__new__(StudentTrainer)
        dataset = SimpleNamespace(fingerprint=lambda: "rows")
        vocabulary = SimpleNamespace(entries=[], token_ids=[], aliases=[])
        trainer.data = StudentData(
            dataset, SimpleNamespace(), vocabulary, torch.zeros(1), SimpleNamespace(), vocabulary
        )
        trainer.config, trainer.device, trainer.metric, trainer.steps = Wider(**values), "cpu", "accuracy", 10
        return trainer._key

    assert not key().keys() & {"momentum", "branches"}, "controls that are on people's disks would be trained anew"
    assert key() != key(momentum=0.5) and key() != key(branches=4) and key() == key(sharpness=2.0)
    assert key() != key(hidden=8) and key() != key(lr=0.1) and key() == key(alpha=0.5) == key(transfer_limit=9)
