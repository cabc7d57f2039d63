"""A trained student as a folder that predicts from raw text: weights, vocabulary, settings, model card, predict.py.

Knows nothing of teachers, runs or the store. What predict.py holds is the source of the classes used here.
"""

import inspect
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from safetensors.torch import save as serialised
from torch import nn

from distill_core import card
from distill_core.cache import write_whole
from distill_core.config import Config
from distill_core.errors import DataError, refusal
from distill_core.parts import STUDENTS
from distill_core.sentences import worded
from distill_core.students import Student, logits, pad
from distill_core.text import Vocabulary

SETTINGS = "student.json"
WEIGHTS = "model.safetensors"


@dataclass(frozen=True)
class Prediction:
    """The likeliest label and the probability of each."""

    label: str
    probabilities: dict[str, float]


class Predictor:
    """A student that takes raw texts: strings, or pairs of strings where it was trained on pairs."""

    def __init__(self, model: nn.Module, vocabulary: Vocabulary, settings: dict[str, Any]):
        self.model, self.vocabulary, self.settings = model.eval(), vocabulary, settings
        self.labels: list[str] = settings["labels"]

    def __call__(self, texts: Sequence[str | Sequence[str]]) -> list[Prediction]:
        """One prediction a text. Raises ValueError where a text is not of the kind the student was trained on."""
        if not texts:
            return []
        rows = [(row,) if isinstance(row, str) else tuple(row) for row in texts]
        wanted = 2 if self.settings["pair"] else 1
        for i, row in enumerate(rows):
            if len(row) != wanted or not all(isinstance(side, str) for side in row):
                kind = "two sentences" if wanted == 2 else "one text"
                raise ValueError(f"Text {i + 1} should be {kind}, but it is {texts[i]!r}.")
        # fitted on validation rows: the probabilities then are as sure as they are right, the labels stay the same
        found = torch.softmax(self.logits(rows) / self.settings.get("temperature", 1.0), dim=1).tolist()
        return [
            Prediction(self.labels[max(range(len(p)), key=p.__getitem__)], dict(zip(self.labels, p, strict=True)))
            for p in found
        ]

    def logits(self, rows: Sequence[Sequence[str]]) -> torch.Tensor:
        """Logits (rows, labels) of rows of one or two sentences."""
        sides = [pad(self.vocabulary.ids(side, self.settings["max_tokens"])) for side in zip(*rows, strict=True)]
        return logits(self.model, sides)

    @classmethod
    def load(cls, folder: Path, encoder: type[nn.Module]) -> "Predictor":
        """The student in `folder`, whose encoder is of the given class."""
        settings = json.loads((folder / "student.json").read_text(encoding="utf-8"))
        shape = {name: settings[name] for name in ("labels", "pair", "hidden", "fc", "dropout", "channels")}
        empty = torch.zeros(settings["entries"], settings["width"])
        model = Student(empty, encoder, **{**shape, "labels": len(settings["labels"])})
        model.load_state_dict(load_file(folder / "model.safetensors"))
        return cls(model, Vocabulary.load(folder), settings)


def settings(config: Config, labels: Sequence[str], pair: bool, vectors: torch.Tensor) -> dict[str, Any]:
    """What `Predictor.load` needs to know to build the network again."""
    chosen = {name: getattr(config, name) for name in ("student", "hidden", "fc", "dropout", "channels", "max_tokens")}
    return {"labels": list(labels), "pair": pair, "entries": len(vectors), "width": vectors.shape[1], **chosen}


def save(predictor: Predictor, folder: Path) -> None:
    """Write the student into `folder`, the settings last: where they are, the rest is. A better student of the same
    run replaces the weights in one move, so that whoever reads meanwhile finds one student or the other."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value.contiguous().cpu() for name, value in predictor.model.state_dict().items()}
    write_whole(folder / WEIGHTS, serialised(weights))
    if not (folder / SETTINGS).is_file():
        predictor.vocabulary.save(folder)
    write_whole(folder / SETTINGS, json.dumps(predictor.settings, ensure_ascii=False, indent=1).encode())


def calibrate(folder: Path, temperature: float) -> None:
    """Have the student in `folder` divide its logits by `temperature` before it speaks of probabilities."""
    kept = json.loads((folder / SETTINGS).read_text(encoding="utf-8")) | {"temperature": temperature}
    write_whole(folder / SETTINGS, json.dumps(kept, ensure_ascii=False, indent=1).encode())


def load(folder: Path) -> Predictor:
    """The student in `folder`. Raises DataError where there is none."""
    folder = Path(folder)
    if not (folder / SETTINGS).is_file():
        raise DataError(worded("There is no student in {folder}: it has no {file}. Give the folder that export wrote.",
                               folder=str(folder), file=SETTINGS))  # fmt: skip
    name = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))["student"]
    return Predictor.load(folder, STUDENTS.get(name).Encoder)


def export(student: Path, folder: Path, report: dict[str, Any]) -> Path:
    """Copy the student in `student` to `folder` with a model card made from the run's `report` and a predict.py that
    needs torch, tokenizers and safetensors only. Raises DataError where `folder` holds something else."""
    predictor = load(student)
    folder = Path(folder)
    try:
        if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / SETTINGS).is_file())):
            raise DataError(worded("{folder} already holds something else. Name a new or an empty folder.",
                                   folder=str(folder)))  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        for file in Path(student).iterdir():
            if file.is_file():
                shutil.copyfile(file, folder / file.name)
        (folder / "predict.py").write_text(_program(predictor.settings["student"]), encoding="utf-8")
        (folder / "README.md").write_text(card.written(report, predictor.labels, predictor.settings), encoding="utf-8")
    except OSError as error:
        raise DataError(worded("The student can't be written to {folder} ({why}). Name a folder you may write to.",
                               folder=str(folder), why=refusal(error))) from error  # fmt: skip
    return folder


def _program(student: str) -> str:
    encoder = STUDENTS.get(student).Encoder
    network = inspect.getsource(inspect.getmodule(Student))
    network = network[network.index("class Student") :]
    body = [inspect.getsource(encoder), network, inspect.getsource(Vocabulary), inspect.getsource(Prediction)]
    imports = sorted({*_imports(inspect.getsource(inspect.getmodule(encoder)))})
    return PROGRAM.format(imports="\n".join(imports), body="\n\n".join(body), predictor=inspect.getsource(Predictor))


def _imports(source: str) -> list[str]:
    """What an encoder's file imports beyond what predict.py does anyway."""
    lines = [line for line in source.splitlines() if line.startswith(("import ", "from "))]
    return [line for line in lines if line not in PROGRAM]


PROGRAM = '''"""Predict with this student from raw text.

    python predict.py "a text" "another text"        one JSON line a text
    python predict.py --pair "one" "other"           for a student of sentence pairs
    python predict.py < texts.txt                    one text a line (pairs: tab-separated)

Needs torch, tokenizers and safetensors. From Python: `load()(["a text"])`.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn
{imports}


{body}

{predictor}

def load(folder=Path(__file__).parent):
    """The student in `folder`."""
    return Predictor.load(Path(folder), Encoder)


if __name__ == "__main__":
    given = sys.argv[1:]
    if given[:1] == ["--pair"]:
        texts = [tuple(given[1:3])]
    else:
        texts = given or [line.rstrip("\\n") for line in sys.stdin]
        if load().settings["pair"]:
            texts = [tuple(line.split("\\t")) for line in texts]
    for row, prediction in zip(texts, load()(texts)):
        print(json.dumps({{"text": row, "label": prediction.label, "probabilities": prediction.probabilities}}))
'''
