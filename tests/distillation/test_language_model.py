"""Language models: a batch that shares one reading of its prompt writes what each line would write alone, and nothing
of a folder runs."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from fake_hub import FakeHub
from tiny_writer import LINES, random_writer, trained_writer

from distill_core.distillation import language_model
from distill_core.distillation.language_model import LanguageModel, check_name, is_local, locate
from distill_core.errors import HubError, Stopped, TeacherError
from distill_core.teacher.safe_loading import LANGUAGE_MODELS


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("writer")
    trained_writer(folder)
    return folder


@pytest.mark.parametrize("family", LANGUAGE_MODELS)
def test_a_repeated_reading_is_a_reading(family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In every step the outputs of each line are those of the whole text, read without a cache."""
    random_writer(tmp_path / family, family)
    model = LanguageModel(locate(str(tmp_path / family)))
    steps: list[torch.Tensor] = []
    drawn: list[torch.Tensor] = []
    draw = language_model._draw

    def watched(logits: torch.Tensor, *rest: object) -> torch.Tensor:
        steps.append(logits.clone())
        drawn.append(draw(logits, *rest))
        return drawn[-1]

    monkeypatch.setattr(language_model, "_draw", watched)
    # a token in four ends a line, so that lines are left out of the batch on the way
    ends = torch.randperm(len(model._ends), generator=torch.Generator().manual_seed(1))[: len(model._ends) // 4]
    model._ends[ends] = True
    model.write(LINES[:3], 6, 0, 8)
    prompt = model._prompt(LINES[:3], 8)
    lines = [prompt[0].tolist() for _ in range(6)]
    rows = list(range(6))
    ended: set[int] = set()
    assert len({len(step) for step in steps}) > 1, "the batch became smaller"
    for logits, tokens in zip(steps, drawn, strict=True):
        if len(rows) != len(logits):
            rows = [row for row in rows if row not in ended]
        with torch.inference_mode():
            whole = torch.cat([model.model(torch.tensor([lines[row]])).logits[:, -1].float() for row in rows])
        assert torch.allclose(logits, whole, atol=2e-3 * float(whole.abs().max())), family
        for row, token in zip(rows, tokens.tolist(), strict=True):
            lines[row].append(token)
            if model._ends[token]:
                ended.add(row)


def test_lines_are_like_the_examples_and_follow_from_the_seed(writer: Path) -> None:
    model = LanguageModel(locate(str(writer)))
    texts = model.write(LINES[:4], 24, 7, 40)
    words = {word for line in LINES for word in line.split()}
    assert len(texts) > 12 and all(text and "\n" not in text for text in texts)
    assert sum(word in words for text in texts for word in text.split()) > 0.7 * sum(len(t.split()) for t in texts)
    assert len(set(texts)) > 6
    assert texts == model.write(LINES[:4], 24, 7, 40) != model.write(LINES[:4], 24, 8, 40)


def test_lines_without_an_end_are_left_out(writer: Path) -> None:
    model = LanguageModel(locate(str(writer)))
    assert len(model.write(LINES[:4], 24, 7, 3)) < 24
    model._ends[:] = False
    assert model.write(LINES[:4], 8, 7, 5) == []


def test_a_long_prompt_leaves_room_for_a_text(writer: Path) -> None:
    model = LanguageModel(locate(str(writer)))
    long = [" ".join(random.Random(seed).choices(" ".join(LINES).split(), k=60)) for seed in range(8)]
    assert model._prompt(long, 50).shape[1] <= 256 - 50
    assert model._prompt([" ".join(long)], 50).shape[1] == 256 - 50
    assert isinstance(model.write(long, 4, 0, 50), list)


def test_stop_is_asked_before_each_token(writer: Path) -> None:
    asked = []

    def stop() -> None:
        asked.append(1)
        if len(asked) == 3:
            raise Stopped("enough")

    with pytest.raises(Stopped):
        LanguageModel(locate(str(writer))).write(LINES[:4], 4, 0, 40, stop)


def test_no_code_of_a_folder_runs_and_no_pickle_is_read(writer: Path, tmp_path: Path) -> None:
    folder = tmp_path / "hostile"
    random_writer(folder)
    settings = json.loads((folder / "config.json").read_text())
    trap = {"auto_map": {"AutoModelForCausalLM": "trap.Trap", "AutoConfig": "trap.Trap"},
            "attn_implementation": "someone/kernel", "_attn_implementation": "someone/kernel"}  # fmt: skip
    (folder / "config.json").write_text(json.dumps(settings | trap))
    (folder / "trap.py").write_text("raise SystemExit('ran')")
    LanguageModel(locate(str(folder)))
    for wrong, words in (
        ({"model_type": "t5"}, "can't write texts here"), ({"quantization_config": {"bits": 4}}, "can't compute"),
        ({"vocab_size": 9}, "don't belong together"), ({"num_hidden_layers": 9}, "don't belong together"),
    ):  # fmt: skip
        (folder / "config.json").write_text(json.dumps(settings | wrong))
        with pytest.raises(TeacherError, match=words):
            LanguageModel(locate(str(folder)))
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(TeacherError, match="bin"):
        LanguageModel(locate(str(folder)))
    state = LanguageModel(locate(str(writer))).model.state_dict()
    torch.save(state, folder / "pytorch_model.bin")
    read = LanguageModel(locate(str(folder), allow_pickle=True)).model.state_dict()
    assert all(torch.equal(value, read[name]) for name, value in state.items()), "as for a teacher, with consent"


def test_a_model_whose_outputs_are_no_numbers_is_named(writer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = LanguageModel(locate(str(writer)))
    read = model.model.forward

    def broken(*given: Any, **more: Any) -> Any:
        found = read(*given, **more)
        found.logits = found.logits * float("nan")
        return found

    monkeypatch.setattr(model.model, "forward", broken)
    with pytest.raises(TeacherError, match="its outputs are no finite numbers"):
        model.write(["a film"], 2, 0, 5)


def test_a_gguf_file_needs_its_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(b"GGUF and no more")
    monkeypatch.setattr(language_model, "find_spec", lambda name: None)
    with pytest.raises(TeacherError, match="needs gguf, accelerate: pip install gguf accelerate"):
        check_name(str(file))
    monkeypatch.setattr(language_model, "find_spec", lambda name: object())
    with pytest.raises(TeacherError, match="can't be loaded"):
        LanguageModel(locate(str(file)))
    file.write_bytes(b"PK and no more")
    with pytest.raises(TeacherError, match="is no GGUF file"):
        check_name(str(file))


def test_names(writer: Path, monkeypatch: pytest.MonkeyPatch, fake_hub: FakeHub) -> None:
    check_name("owner/name")
    for name in ("what is this?", "/nowhere/model", "nul\0"):
        with pytest.raises(TeacherError, match="There is no language model"):
            check_name(name)
    assert is_local(str(writer)) and not is_local("owner/name")
    with pytest.raises(HubError):
        locate("nobody/nothing-of-the-kind")
    monkeypatch.setenv("SPACE_ID", "owner/space")
    with pytest.raises(TeacherError, match="There is no language model"):
        locate(str(writer))
    assert not is_local(str(writer))


def test_a_model_of_the_hub_writes(writer: Path, fake_hub: FakeHub) -> None:
    fake_hub.model("someone/writer", writer)
    files = locate("someone/writer")
    assert LanguageModel(files).write(LINES[:4], 8, 1, 40) and files.fingerprint == locate(str(writer)).fingerprint
    assert is_local("someone/writer")
