"""A component that owns its whole network: it trains, is saved, exported, imported and timed as the others are."""

import ast
import csv
import sys
from pathlib import Path
from typing import Any

import pytest
from running import run
from test_predictor import REPORT, assert_answers_alone
from toy import TOY

import distill_core.student.encoders
import distill_core.student.vocabularies
from distill_core import DataError
from distill_core.cache import Cache
from distill_core.config.schema import Config
from distill_core.estimation import cost, profiling
from distill_core.evaluation import latency
from distill_core.events import Compared, StageEnded
from distill_core.registry import STUDENTS, VOCABULARIES
from distill_core.runs import archive_validation
from distill_core.student import export, persistence
from distill_core.student.activations import read_activations
from distill_core.teacher.loading import load_teacher

# The teacher's table and tokenizer, special tokens and all; `scale` is a setting that the weights do not show.
VOCABULARY = """
import json
from pathlib import Path
from tokenizers import Tokenizer


class Vocabulary:
    def __init__(self, tokenizer, mask):
        self.tokenizer, self.mask = tokenizer, mask

    @classmethod
    def of(cls, source, vocabulary, config):
        return cls(source.subword_tokenizer(), source.mask_token)

    def sides(self, rows, max_tokens, cut):
        masked = [tuple(side.replace("[MASK]", self.mask) for side in row) for row in rows]
        encoded = self.tokenizer.encode_batch_fast([row if len(row) > 1 else row[0] for row in masked])
        return [[one.ids[:max_tokens] for one in encoded]]

    def save(self, folder):
        self.tokenizer.save(str(Path(folder) / "tokenizer.json"))
        (Path(folder) / "mask.json").write_text(json.dumps(self.mask))

    @classmethod
    def load(cls, folder):
        mask = json.loads((Path(folder) / "mask.json").read_text())
        return cls(Tokenizer.from_file(str(Path(folder) / "tokenizer.json")), mask)
"""
COMPONENT = '''
"""The mean of the teacher's pieces, special tokens among them."""
import torch
from torch import nn

VOCABULARY = "own"


class Student(nn.Module):
    def __init__(self, weights, scale):
        super().__init__()
        entries, width = weights["table.weight"].shape
        self.sizes = {"entries": entries, "width": width, "scale": scale}
        self.scale = scale
        self.table, self.head = nn.Embedding(entries, width), nn.Linear(width, len(weights["head.bias"]))
        self.load_state_dict(weights)

    @classmethod
    def of(cls, source, outputs, config, vocabulary, texts=()):
        table = source.model.get_input_embeddings().weight.detach().float().cpu().clone()
        head = nn.Linear(table.shape[1], outputs)
        return cls({"table.weight": table, **{f"head.{k}": v.detach() for k, v in head.named_parameters()}}, 3.0)

    @classmethod
    def load(cls, weights, settings):
        return cls(weights, settings["scale"])

    def forward(self, sides):
        return self.classify([self.encode(*side) for side in sides])

    def classify(self, vectors):
        return self.scale * self.head(vectors[0])

    def encode(self, ids, lengths):
        lengths = lengths.to(ids.device)[:, None]
        own = torch.arange(ids.shape[1], device=ids.device)[None] < lengths
        return (self.table(ids) * own.unsqueeze(2)).sum(1) / lengths
'''


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The component `own`, dropped among the others, and its vocabulary."""
    for registry, package, code in (
        (STUDENTS, distill_core.student.encoders, COMPONENT),
        (VOCABULARIES, distill_core.student.vocabularies, VOCABULARY),
    ):
        place = tmp_path / registry.name
        place.mkdir()
        (place / "own.py").write_text(code)
        monkeypatch.setitem(registry.__dict__, "names", (*registry.names, "own"))
        monkeypatch.setitem(registry._sources, "own", ast.parse(code))
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(place)])
        monkeypatch.delitem(sys.modules, f"{package.__name__}.own", raising=False)
    monkeypatch.setattr(latency, "SECONDS", 0.01)


@pytest.fixture(params=[False, True], ids=["single", "pair"])
def config(request: Any, tmp_path: Path, lively_teacher: Path) -> Config:
    rows = [(text, text[::-1], label) for label, texts in TOY.items() for text in texts]
    file = tmp_path / "rows.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows([("text", "other", "label"), *rows])
    pair: dict[str, Any] = {"text2": "other"} if request.param else {}
    return Config.of(task="file", train=str(file), text="text", label="label", **pair, student="own", students=["bag"],
                     teacher=str(lively_teacher), n_iter=1, neighbours=0, width=8, hidden=8, fc=8, batch=8, epochs=2,
                     evaluations=2, max_tokens=24)  # fmt: skip


def test_it_trains_beside_others_and_its_export_answers_alone(config: Config, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    events = run(config, tmp_path / "run", cache)
    (compared,) = (event for event in events if isinstance(event, Compared))
    assert [one["student"] for one in compared.summary["members"]] == ["own", "bag"]
    student, row = persistence.load(tmp_path / "run" / "student"), ("a warm and funny film", "[MASK] soup")
    row = row[: 1 + student.settings["pair"]]
    (side,) = student.vocabulary.sides([row], 24, "head")
    teacher = load_teacher(config.teacher, ("bad", "good"), len(row) == 2, config)
    assert side == [teacher.encode([row])[0]["input_ids"]]  # its special tokens among them, a pair as one sequence
    (other,) = (tmp_path / "run").glob("student@bag*/")
    assert persistence.load(other).vocabulary.size < len(teacher.input_embeddings())  # the transfer set's
    out = export.export(tmp_path / "run" / "student", tmp_path / "out", REPORT)
    assert_answers_alone(out, student, row, tmp_path, ways=(("torch", []),))
    assert set(export.left_out(out).values()) == {"Its component (own) does not write ONNX."}
    archive_validation._student(tmp_path / "run" / "student", "a run of another machine")
    with pytest.raises(DataError, match="own student is a network of its own"):
        read_activations(student, row)


def test_its_control_starts_as_it_does_and_another_teacher_is_another_control(
    config: Config, tmp_path: Path, tiny_teacher: Path
) -> None:
    cache = Cache(tmp_path / "cache")

    def control_cached(folder: str, teacher: Path) -> bool:
        changed = config.model_copy(update={"teacher": str(teacher), "students": [], "vectors": "random"})
        events = run(changed, tmp_path / folder, cache)
        return next(event.cached for event in events if isinstance(event, StageEnded) and event.stage == "control")

    first = Path(config.teacher or "")
    assert [control_cached("one", first), control_cached("two", first)] == [False, True]
    assert not control_cached("three", tiny_teacher)


def test_its_pace_needs_its_teacher(config: Config, tmp_path: Path, fake_hub: Any) -> None:
    cache = Cache(tmp_path / "cache")
    list(profiling.profile(config, tmp_path, cache))
    assert cost.known_measurements(config, cache).student
    far = config.model_copy(update={"teacher": "nobody/knows"})
    list(profiling.profile(far, tmp_path, cache))
    assert cost.known_measurements(far, cache).student is None and fake_hub.requests == []
