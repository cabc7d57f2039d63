"""A student on disk: what was saved predicts the same, and the exported folder needs none of us."""

import inspect
import json
import subprocess
import sys

import pytest
import torch
from huggingface_hub import ModelCard
from tokenizers import Tokenizer

from distill_core import tokenization
from distill_core.config.schema import Config
from distill_core.errors import DataError
from distill_core.registry import STUDENTS
from distill_core.student import export, network, persistence, runtime, vocabulary
from distill_core.student.network import Student
from distill_core.student.predictor import Predictor

REPORT = {
    "task": "toy",
    "seed": 3,
    "rows": {"train": 20, "valid": 5, "test": 5, "transfer": 60},
    "scored_on": "test",
    "scores": {
        row: {"accuracy": 0.9, "macro_f1": 0.89, "low": 0.8, "high": 0.95, "parameters": 1234, "bytes": 5678,
              "latency_ms": 0.5, "latency_p95_ms": 0.75, "ece": 0.08, "ece_scaled": 0.02, "texts_per_s": 100.0}
        for row in ("floor", "control", "student", "teacher")
    },
    "gap_recovered": 0.5,
    "kept": None,
    "agreement": 0.97,
    "metric": "accuracy",
    "tests_read": 14,
    "verdict": [["warning", "The control is at the teacher already."]],
}  # fmt: skip
TEXTS = ["a warm and funny film", "never seen this wörd before", "", "[MASK] film"]


ENCODERS = [name for name in STUDENTS.names if not persistence.has_own_network(name)]


@pytest.fixture(params=ENCODERS)
def student(request):
    return request.param


def predictor(student="bilstm", pair=False, channels="trained"):
    torch.manual_seed(0)
    words = vocabulary.build_vocabulary("words", [*TEXTS, "good bad plain"])
    config = Config.of(student=student, hidden=8, fc=6, channels=channels, max_tokens=12)
    vectors = torch.randn(words.size, 10)
    labels = ["bad", "good", "it's <b>"]
    model = Student(vectors, STUDENTS.get(student).Encoder, 3, pair, 8, 6, channels=channels)
    return Predictor(model, words, persistence.settings(config, labels, pair, model))


@pytest.mark.parametrize("channels", ["trained", "both"])
def test_a_saved_student_says_the_same(tmp_path, student, channels):
    before = predictor(student, channels=channels)
    persistence.save(before, tmp_path / "student")
    after = persistence.load(tmp_path / "student")
    assert after(TEXTS) == before(TEXTS)
    first = before(TEXTS)[0]
    assert first.label == max(first.probabilities, key=first.probabilities.get)
    assert sum(first.probabilities.values()) == pytest.approx(1)
    assert before([]) == []


def test_it_is_asked_as_classifiers_of_scikit_learn_are():
    import pandas as pd

    student = predictor()
    assert student.classes_.tolist() == ["bad", "good", "it's <b>"]
    shares = student.predict_proba(TEXTS)
    assert shares.shape == (4, 3) and shares.sum(1) == pytest.approx(1)
    assert student.predict(TEXTS).tolist() == [one.label for one in student(TEXTS)]
    assert (student.classes_[shares.argmax(1)] == student.predict(pd.Series(TEXTS))).all()
    assert student.predict([]).shape == (0,) and student.predict_proba([]).shape == (0, 3)
    pairs = [("a film", "a warm film"), ["good", "bad"]]
    assert predictor(pair=True).predict_proba(pd.DataFrame(pairs).to_numpy()).shape == (2, 3)


def test_a_text_of_the_wrong_kind_is_told():
    with pytest.raises(ValueError, match=r"Give a list of texts, \['a warm film'\], instead of one text"):
        predictor()("a warm film")
    with pytest.raises(ValueError, match="Text 2 should be one text, but it is nan"):
        predictor().predict(["fine", float("nan")])
    with pytest.raises(ValueError, match="Text 2 should be one text"):
        predictor()(["fine", ("a", "pair")])
    with pytest.raises(ValueError, match="Text 1 should be two sentences"):
        predictor(pair=True)(["alone"])


@pytest.mark.parametrize("kind", ["words", "pieces"])
def test_words_that_it_never_met_are_named_as_they_are_written(kind, tiny_teacher):
    pieces = Tokenizer.from_file(str(tiny_teacher / "tokenizer.json")) if kind == "pieces" else None
    words = vocabulary.build_vocabulary(kind, ["a warm and funny film", "Crème brûlée"], pieces)
    assert words.unknown_words("A warm [MASK] FILM, crème!") == []
    assert words.unknown_words("a dull Film, dull and Dreary.") == ["dull", "Dreary"]
    assert words.unknown_words("") == words.unknown_words("\ud800 ?!") == []


def test_words_that_a_pair_never_met_are_of_both_its_sentences():
    assert predictor(pair=True).unknown_words(("a dull film", "a dull one")) == ["dull", "one"]


def test_an_empty_folder_is_told(tmp_path):
    with pytest.raises(DataError, match="There is no student"):
        persistence.load(tmp_path)


GUARD = """
import runpy, sys
library, given, scripts = sys.argv[1], sys.argv[2].split('|'), sys.argv[3:]
class Guard:
    def find_spec(self, name, *rest):
        other = ('onnx', 'onnxruntime') if library == 'torch' else ('torch', 'safetensors')
        assert name.split('.')[0] not in ('distill_core', 'transformers', 'datasets', 'gradio', 'sklearn', 'pydantic',
                                          'pandas', *other), name
sys.meta_path.insert(0, Guard())
for script in scripts:
    sys.argv = [script, *given]
    runpy.run_path(script, run_name='__main__')
"""


def predict_alone(scripts, given, library, place):
    """What exported students print to these arguments, with an import hook that refuses everything of ours and every
    heavy library but the one in which the network runs."""
    call = [sys.executable, "-I", "-c", GUARD, library, "|".join(given), *map(str, scripts)]
    done = subprocess.run(call, capture_output=True, text=True, encoding="utf-8", cwd=place, timeout=120)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def assert_answers_alone(out, student, row, place, within=1e-6, ways=(("onnx", []), ("torch", ["--torch"]))):
    """That what was exported to `out` gives a row of one or two texts the student's probabilities, by each library with
    its options."""
    given = ["--pair", *row] if len(row) == 2 else list(row)
    expected = student([row if len(row) == 2 else row[0]])[0].probabilities
    for library, options in ways:
        (answer,) = predict_alone([out / "predict.py"], [*options, *given], library, place)
        assert answer["probabilities"] == pytest.approx(expected, abs=within)


@pytest.mark.parametrize("pair", [False, True], ids=["single", "pair"])
def test_an_exported_student_predicts_without_this_project_and_without_torch(tmp_path, pair):
    row = ("a warm film", "a cold film") if pair else "a warm film"
    expected, scripts = [], []
    for student in ENCODERS:
        mine = predictor(student, pair=pair, channels="both")
        persistence.save(mine, tmp_path / student)
        scripts.append(export.export(tmp_path / student, tmp_path / f"{student} out", REPORT) / "predict.py")
        expected.append(mine([row])[0])
    given = ["--pair", *row] if pair else [row]
    for library, flags in (("onnx", []), ("torch", ["--torch"])):
        answers = predict_alone(scripts, [*flags, *given], library, tmp_path)
        assert [one["label"] for one in answers] == [one.label for one in expected]
        for one, wanted in zip(answers, expected, strict=True):
            assert one["probabilities"] == pytest.approx(wanted.probabilities, abs=1e-6)


def test_the_card_says_where_the_texts_come_from_and_how_many_were_left_out(tmp_path):
    persistence.save(predictor(), tmp_path / "student")
    texts = {"sources": {"labelled": 300, "bank": 2000, "of a later version": 4}, "left_out": 3}
    report = {**REPORT, "summary": {**REPORT.get("summary", {}), "transfer": texts}}
    card = " ".join((export.export(tmp_path / "student", tmp_path / "out", report) / "README.md").read_text().split())
    assert "(300 labelled rows, 2,000 of a text bank, 4 of a later version; 3 more were left out" in card
    assert "share eight words in a row" in card
    report["summary"]["transfer"] = {**texts, "left_out": 0}
    card = (export.export(tmp_path / "student", tmp_path / "again", report) / "README.md").read_text()
    assert "2,000 of a text bank" in card and "left out" not in card


def test_the_card_says_what_computed_it(tmp_path):
    persistence.save(predictor(), tmp_path / "student")
    made = {"rows": 64 * "a", "versions": {"python": "3.13.1", "torch": "2.13.0"}, "device": "cpu", "machine": "arm64"}
    out = export.export(tmp_path / "student", tmp_path / "out", {**REPORT, "provenance": made})
    card = (out / "README.md").read_text()
    assert (
        f"Training and validation rows: sha256 `{64 * 'a'}`.\nComputed on cpu (arm64) with python 3.13.1, torch 2.13.0."
        in card
    )
    card = (export.export(tmp_path / "student", tmp_path / "earlier", REPORT) / "README.md").read_text()
    assert "Computed on" not in card


def test_the_card_shows_the_four_rows(tmp_path):
    persistence.save(predictor(), tmp_path / "student")
    out = export.export(tmp_path / "student", tmp_path / "out", REPORT)
    card = (out / "README.md").read_text()
    for row in ("floor", "control", "student", "teacher"):
        assert f"| {row} | 90.0 % | 80.0 % to 95.0 % | 0.890 | 0.080, 0.020 | 1,234 | 5,678 | 0.50 (0.75) |" in card
    assert "This test has been read 14 times." in card and "- The control is at the teacher already." in card
    assert "not calibrated" in card
    assert "recovered: 50.0 %" in card and "not defined" in card
    assert export.export(tmp_path / "student", out, REPORT) == out  # again, over itself


def test_the_head_of_the_card_is_what_the_hub_reads(tmp_path):
    persistence.save(predictor(), tmp_path / "student")

    def head_of(report):
        return ModelCard((export.export(tmp_path / "student", tmp_path / "out", report) / "README.md").read_text()).data

    report = {**REPORT, "title": 'my: "tickets"', "summary": {"teacher": "owner/bert"},
              "config": {"language": "de", "dataset": "owner/tickets"}}  # fmt: skip
    head = head_of(report)
    assert head.pipeline_tag == "text-classification" and head.library_name == "stillroom"
    assert (head.language, head.base_model, head.datasets) == (["de"], "owner/bert", ["owner/tickets"])
    assert "knowledge-distillation" in head.tags and head.model_name == 'my: "tickets"'
    first, *others = head.eval_results
    assert first.metric_value == REPORT["scores"]["student"]["accuracy"] and first.dataset_type == "owner/tickets"
    assert "of the student, 95 % interval" in first.metric_name and len(others) == len(REPORT["scores"]) - 1
    plain = head_of({**REPORT, "summary": {"teacher": "/home/ana/bert"}, "config": {"language": "auto"}})
    assert plain.base_model is None and plain.language is None and plain.datasets is None
    assert head_of({"task": "toy"}).eval_results is None


def test_the_card_names_the_metric_of_the_task(tmp_path):
    persistence.save(predictor(), tmp_path / "student")
    scores = {
        row: score | {"mcc": 0.7, "metric_low": 0.6, "metric_high": 0.8} for row, score in REPORT["scores"].items()
    }
    report = REPORT | {"metric": "mcc", "scores": scores}
    card = (export.export(tmp_path / "student", tmp_path / "out", report) / "README.md").read_text()
    assert "| Matthews correlation | 95 % interval | accuracy | 95 % interval |" in card
    assert "| student | 0.700 | 0.600 to 0.800 | 90.0 % |" in card and "teacher's Matthews correlation" in card


def test_a_temperature_softens_probabilities_and_changes_no_label(tmp_path):
    plain = predictor()
    persistence.save(plain, tmp_path / "student")
    before = plain(TEXTS)
    persistence.calibrate(tmp_path / "student", 2.5)
    after = persistence.load(tmp_path / "student")(TEXTS)
    assert [one.label for one in after] == [one.label for one in before]
    soft = torch.softmax(torch.from_numpy(plain.logits([(TEXTS[0],)])) / 2.5, 1)[0].tolist()
    assert list(after[0].probabilities.values()) == pytest.approx(soft)
    out = export.export(tmp_path / "student", tmp_path / "out", REPORT)
    assert "temperature 2.50" in (out / "README.md").read_text()
    assert json.loads((out / "student.json").read_text())["temperature"] == 2.5


def test_the_card_of_an_unscored_student_says_so(tmp_path):
    persistence.save(predictor(), tmp_path / "student")
    unscored = REPORT | {"rows": dict.fromkeys(REPORT["rows"]), "scored_on": None, "scores": {}}
    card = (export.export(tmp_path / "student", tmp_path / "out", unscored) / "README.md").read_text()
    assert "Not scored yet" in card and "None" not in card


def test_the_card_says_nothing_of_where_the_teacher_stood(tmp_path):
    persistence.save(predictor(), tmp_path / "student")
    report = REPORT | {"summary": {"teacher": str(tmp_path / "mine")}}
    card = (export.export(tmp_path / "student", tmp_path / "out", report) / "README.md").read_text()
    assert "student of mine\n" in card and str(tmp_path) not in card


def test_the_card_names_a_kept_teacher_by_its_title(tmp_path):
    persistence.save(predictor(), tmp_path / "student")
    report = REPORT | {"summary": {"teacher": "kept:0123abcd4567", "teacher_title": "tiny, support.csv, 29 Nov"}}
    card = (export.export(tmp_path / "student", tmp_path / "out", report) / "README.md").read_text()
    assert "student of tiny, support.csv, 29 Nov\n" in card and "kept:" not in card


def test_a_folder_that_cannot_be_written_is_the_users_to_change(tmp_path):
    persistence.save(predictor(), tmp_path / "student")
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(DataError, match="can't be written to .*file"):
        export.export(tmp_path / "student", tmp_path / "file" / "out", REPORT)


def test_export_leaves_other_folders_alone(tmp_path):
    persistence.save(predictor(), tmp_path / "student")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(DataError, match="already holds something else"):
        export.export(tmp_path / "student", tmp_path / "mine", REPORT)
    assert [file.name for file in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_a_knob_of_the_network_reaches_a_student_that_is_loaded_and_an_older_one_has_its_default(tmp_path, monkeypatch):
    class Wider(Student):
        def __init__(self, *values, gain: float = 1.0, **shape):
            super().__init__(*values, **shape)
            self.gain = gain

        __init__.__signature__ = inspect.signature(Student.__init__).replace(
            parameters=[*inspect.signature(Student.__init__).parameters.values(),
                        inspect.Parameter("gain", inspect.Parameter.KEYWORD_ONLY, default=1.0)])  # fmt: skip

    monkeypatch.setattr(network, "Student", Wider)
    persistence.save(predictor(), tmp_path)
    assert persistence.load(tmp_path).model.gain == 1.0
    settings = json.loads((tmp_path / "student.json").read_text()) | {"gain": 3.0}
    del settings["sha256"]  # which is of other settings
    (tmp_path / "student.json").write_text(json.dumps(settings))
    assert persistence.load(tmp_path).model.gain == 3.0


LONG = "good bad plain a warm and funny film never seen this before good bad plain film"  # 16 words
ENDS = " ".join(LONG.split()[:3] + LONG.split()[-9:])


def test_of_a_long_text_a_quarter_is_read_from_its_beginning_and_the_rest_from_its_end():
    numbers = list(range(600))
    assert runtime.cut_sequence(numbers, 510, "head_tail") == numbers[:128] + numbers[-382:]  # Sun et al. 2019
    for most in (1, 2, 8, 9, 599, 600, 601):
        cut = runtime.cut_sequence(numbers, most, "head_tail")
        assert len(cut) == min(most, 600) and cut == tokenization.cut_middle(numbers, most), (
            "teacher and student differ"
        )
        assert runtime.cut_sequence(numbers, most, "head") == numbers[:most]
    words = predictor().vocabulary
    (whole,) = words.ids([LONG], 100)
    assert words.ids([LONG], 12, "head_tail") == [whole[:3] + whole[-9:]]
    assert words.ids([LONG], 12) == [whole[:12]]
    assert words.sides([(LONG,)], 8, "head_tail") == [[whole[:2] + whole[-6:]]]


@pytest.fixture(scope="module")
def exported_answers(tmp_path_factory):
    """By student: it, and what its folder and the same folder of an earlier version answer to LONG and to its ends."""
    place, students, scripts = tmp_path_factory.mktemp("exported"), {}, []
    for name in ENCODERS:
        students[name] = predictor(name)
        persistence.save(students[name], place / name)
        for version in ("now", "earlier"):
            out = export.export(place / name, place / f"{name} {version}", REPORT)
            if version == "earlier":
                settings = json.loads((out / "student.json").read_text())
                del settings["cut"], settings["sha256"]
                (out / "student.json").write_text(json.dumps(settings))
            scripts.append(str(out / "predict.py"))
    found = iter([one["probabilities"] for one in predict_alone(scripts, (LONG, ENDS), "onnx", place)])
    return {name: (one, *([next(found), next(found)] for _ in "ab")) for name, one in students.items()}


def test_an_exported_student_cuts_a_long_text_as_it_did_here_and_an_older_one_reads_its_beginning(
    exported_answers, student
):
    here, (whole, ends), (beginning, _) = exported_answers[student]
    assert here.settings["cut"] == "head_tail"
    assert whole == pytest.approx(here([LONG])[0].probabilities)
    assert ends == pytest.approx(whole)
    assert beginning == pytest.approx(here([" ".join(LONG.split()[:12])])[0].probabilities)
