"""A student as ONNX: it says what torch says at any batch and length, or it is not handed over."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from test_predictor import ENCODERS, REPORT, predict_alone
from test_predictor import predictor as small

from distill_core.config.schema import Config
from distill_core.registry import STUDENTS
from distill_core.student import export, onnx_export, persistence, vocabulary
from distill_core.student.network import Student
from distill_core.student.onnx_graph import Graph
from distill_core.student.predictor import Predictor
from distill_core.student.runtime import OnnxNetwork, load

WORDS = [f"word{number}" for number in range(60)]


def predictor(kind: str, pair: bool = False, channels: str = "trained") -> Predictor:
    """A student whose answers depend on all it reads: its weights are larger than those that a training begins with."""
    torch.manual_seed(1)
    words = vocabulary.build_vocabulary("words", [" ".join(WORDS)])
    config = Config.of(student=kind, hidden=20, fc=12, channels=channels, max_tokens=40)
    model = Student(torch.randn(words.size, 10), STUDENTS.get(kind).Encoder, 3, pair, 20, 12, channels=channels)
    with torch.no_grad():
        for weights in model.parameters():
            weights *= 4.0
    return Predictor(model, words, persistence.settings(config, ["a", "b", "c"], pair, model))


def texts(count: int, pair: bool = False) -> list[tuple[str, ...]]:
    draw = np.random.default_rng(0)
    return [
        tuple(" ".join(draw.choice(WORDS, draw.integers(1, 30))) for _ in range(1 + pair)) for _ in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize("channels", ["trained", "both"])
@pytest.mark.parametrize("pair", [False, True], ids=["single", "pair"])
@pytest.mark.parametrize("kind", ENCODERS)
def test_every_student_answers_in_onnx_as_in_torch(kind: str, pair: bool, channels: str) -> None:
    student, rows = predictor(kind, pair, channels), texts(300, pair)
    content = onnx_export.write_onnx(student)
    parity = onnx_export.check(student, content, rows)
    assert parity.batches == (1, 7, 64, 256) and parity.texts > 300
    assert (parity.shortest, parity.longest) == (1 + pair, 40 * (1 + pair)), "no word, and more than it reads"
    logits = student.logits(rows)
    assert np.ptp(logits, axis=0).min() > 0.1, "of one answer to all nothing could differ"
    near = 1e-4 * max(1, abs(logits).max())
    assert parity.difference < near
    given = student.vocabulary.sides(rows, *student.limit)
    assert abs(OnnxNetwork(content)(given) - logits).max() < near, "in the order of the rows"


def test_a_gate_without_texts_asks_words_of_the_vocabulary() -> None:
    student = predictor("bilstm_max")
    assert onnx_export.check(student, onnx_export.write_onnx(student), []).texts > onnx_export.TEXTS


def padding_is_read(graph: Graph, values: str, lengths: str) -> str:
    return str(graph.Less(graph.places(values), np.int32([[1000]])))  # as an export from one unpadded example has it


@pytest.mark.parametrize("kind", ["bag", "bigru", "bilstm_max", "textcnn", "transformer"])
def test_a_network_that_reads_the_padding_is_left_out_and_the_folder_runs_in_torch(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    student = predictor(kind)
    persistence.save(student, tmp_path / "student")
    export.export(tmp_path / "student", tmp_path / "out", REPORT, texts(50))
    assert (tmp_path / "out" / "model.onnx").is_file()
    monkeypatch.setattr(Graph, "inside", padding_is_read)
    out = export.export(tmp_path / "student", tmp_path / "out", REPORT, texts(50))
    assert not (out / "model.onnx").exists(), "of the earlier export either"
    why = export.left_out(out)["onnx"]
    assert why.startswith("In ONNX its logits were up to ") and "answers were others" in why
    card = (out / "README.md").read_text()
    assert f"It runs in torch alone. {why}" in card and "onnxruntime" not in card
    assert "torch" in (out / "requirements.txt").read_text()
    (answer,) = predict_alone([out / "predict.py"], ["word1 word2"], "torch", tmp_path)
    assert answer["probabilities"] == pytest.approx(student(["word1 word2"])[0].probabilities, abs=1e-6)


def test_the_gate_asks_one_by_one_and_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that is right for one batch alone does not pass, whichever that is."""
    student, run = predictor("bilstm"), OnnxNetwork.run
    content = onnx_export.write_onnx(student)
    for wrong in onnx_export.BATCHES:

        def broken(network: OnnxNetwork, sides: list, wrong: int = wrong) -> object:
            return run(network, sides) + (0.01 if len(sides[0]) == wrong else 0)

        monkeypatch.setattr(OnnxNetwork, "run", broken)
        with pytest.raises(onnx_export.NoOnnx, match=r"up to 0\.01 from those in torch"):
            onnx_export.check(student, content, texts(300))


def test_what_is_not_a_number_does_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    student, run = predictor("bag"), OnnxNetwork.run
    monkeypatch.setattr(OnnxNetwork, "run", lambda network, sides: run(network, sides) * np.float32("nan"))
    with pytest.raises(onnx_export.NoOnnx):
        onnx_export.check(student, onnx_export.write_onnx(student), [])


def test_the_card_says_what_each_file_is_and_what_the_gate_found(tmp_path: Path) -> None:
    student = predictor("compare_aggregate", pair=True)
    persistence.save(student, tmp_path / "student")
    out = export.export(tmp_path / "student", tmp_path / "out", REPORT, texts(100, pair=True))
    card = " ".join((out / "README.md").read_text().split())
    for file in out.iterdir():
        assert file.name == "README.md" or file.name in card, file.name
    assert (
        "`ids_2` and `lengths_2`" in card and "opset 18" in card and "no answer differs, and no logit by more" in card
    )
    assert (out / "requirements.txt").read_text().split() == ["numpy>=2", "onnxruntime>=1.20", "tokenizers>=0.22"]
    sums = json.loads((out / "student.json").read_text())["sha256"]
    assert set(sums) == {"model.onnx", "model.safetensors", "student.json", "tokenizer.json", "vocabulary.json"}


def run_alone(out: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    call = [sys.executable, "-I", str(out / "predict.py"), *arguments]
    return subprocess.run(call, capture_output=True, text=True, timeout=60)


def test_a_folder_without_the_files_of_the_other_network_still_predicts(tmp_path: Path) -> None:
    persistence.save(small(), tmp_path / "student")
    out = export.export(tmp_path / "student", tmp_path / "out", REPORT)
    for name in ("model.safetensors", "network.py", "encoder.py"):
        (out / name).unlink()
    assert json.loads(run_alone(out, "a film").stdout)["label"] == small()(["a film"])[0].label
    done = run_alone(out, "--torch", "a film")
    assert done.returncode == 2 and "There is no model.safetensors. It was taken out of the folder." in done.stderr


def test_a_damaged_network_and_a_missing_library_are_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    persistence.save(small(), tmp_path / "student")
    out = export.export(tmp_path / "student", tmp_path / "out", REPORT)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ImportError, match=r"onnxruntime is not installed. Install it: pip install onnxruntime\. Or"):
        load(out)
    assert load(out, network="torch")(["a film"]), "torch is there"
    content = bytearray((out / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (out / "model.onnx").write_bytes(content)
    done = run_alone(out, "a film")
    assert done.returncode == 2 and "model.onnx is damaged: it is not as it was written." in done.stderr
    assert "Traceback" not in done.stderr and run_alone(out, "--torch", "a film").returncode == 0
